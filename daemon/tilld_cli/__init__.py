"""`till`: a till for people at a command line, on nothing but `tilld_client`."""
