"""Every way into the hub crossed with every way out of it."""
