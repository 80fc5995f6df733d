"""The process on the device: it owns scanner, printer and network, and serves the till socket."""

VERSION = "0.1.0"
