"""The portable core: decides about money; has no clock, no socket, no file and no driver."""
