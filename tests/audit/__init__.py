"""A journal with something in every table, and what may be done to it behind the hub's back."""
