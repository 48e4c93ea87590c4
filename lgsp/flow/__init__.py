"""How envelopes move: intake, outbox, dispatch, sweeper. Async, and talking to ports only."""
