"""The journal against its log: every row that is evidence follows from the leaves, or is named. Reads, and changes nothing."""
