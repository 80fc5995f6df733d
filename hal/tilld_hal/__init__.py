"""Hardware behind small interfaces: scanner, printer, network, storage, clock."""
