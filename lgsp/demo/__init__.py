"""A working day of the new province of An Giang, as plain values.

- who: `units` reads the published administrative units, `province` makes agencies of them, `enrolment` directory entries;
- what: `procedures`, `people` and `cases` invent the case files, `script` tells what happens to one, `bodies` writes it down;
- when: `day` puts it all on a clock and says what must have come out at the end.

Everything here is decided from its arguments; only the runner talks to a hub.
"""
