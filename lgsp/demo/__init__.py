"""A working day of the new province of An Giang, as plain values.

`units` reads the published administrative units, `province` makes agencies of them, `day` plans who sends what to whom and when.
Everything here is decided from its arguments; only the runner talks to a hub.
"""
