"""Archive files: written so that they survive whatever happens, handed over, checked without the hub."""
