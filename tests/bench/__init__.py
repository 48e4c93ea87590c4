"""The bench: the hub against a bare relay in the same run, because on a busy machine only ratios mean anything."""
