"""What is exchanged: envelopes, codes, kinds, receipts, refusals and the promises adapters keep. No I/O."""
