"""How each connected system speaks: one folder per system."""
