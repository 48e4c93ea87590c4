"""The crash tests for hours: `python -m tests.soak`."""
