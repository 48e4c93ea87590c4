"""A working day of the new province of An Giang, played against a running hub by an outsider that knows HTTP and nothing else.

- who: `units` reads the published administrative units, `province` makes agencies of them, `enrolment` directory entries,
  `sandbox` their credentials and addresses;
- what: `procedures`, `people` and `cases` invent the case files, `script` tells what happens to one, `bodies` writes it down,
  `lessons` adds what goes wrong on purpose;
- when: `day` puts it all on a clock and says what must have come out at the end, `pace` lets messages go;
- how: `hub_client` speaks to the hub, `senders` and `recipients` are the agencies' systems, `systems` opens all of them;
- then: `ledger` and `evidence` hold what happened, `check` judges it, `story` and `show` tell it, `runner` runs it all.

`units` to `day`, `pace`, `lessons`, `check` and `story` decide from their arguments and do no I/O but reading the units.
"""
