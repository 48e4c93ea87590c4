"""The whole flow on one event loop with a virtual clock: every fault, every order of events comes from a seed, and replays."""
