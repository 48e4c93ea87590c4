"""The memory of the hub: envelopes, deliveries, events, the directory. One package a store; what they share is pure."""
