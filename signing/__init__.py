"""Who said it: signatures, certificate paths, time-stamps. No I/O."""
