"""One suite a port, run for every implementation: a new one earns its place by passing."""
