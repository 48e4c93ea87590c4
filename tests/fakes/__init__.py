"""Doubles that misbehave on demand, for what a test must be able to break."""
