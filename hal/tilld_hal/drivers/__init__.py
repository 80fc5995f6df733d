"""One module a driver; each is opened through `tilld_hal.catalogue`."""
