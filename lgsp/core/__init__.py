"""Decisions of the hub: pure functions over frozen values. No I/O, no clock, no randomness of their own."""
