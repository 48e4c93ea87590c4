"""`make sim`: many seeds, one after the other, until the time is over or a promise is broken."""

import argparse
import sys
import time

from tests.sim.run import Run, laboratory, simulate

_SAY_EVERY_S = 5.0


def main() -> int:
    options = _parser().parse_args()
    with laboratory(for_good=True):
        return (
            _one(options.seed, options.trace)
            if options.seed is not None
            else _many(options.start, options.seeds, options.keep_on)
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--start", type=int, default=0, help="the first (0)")
    parser.add_argument("--keep-on", action="store_true", help="do not stop at the first broken promise")
    parser.add_argument("--seed", type=int, help="this one alone, with its plan")
    parser.add_argument("--trace", action="store_true", help="and everything that happened")
    return parser


def _many(start: int, seeds: int, keep_on: bool) -> int:
    said, bad, done, deliveries = time.monotonic(), 0, 0, 0
    for done, seed in enumerate(range(start, start + seeds), 1):
        run = simulate(seed)
        deliveries += run.deliveries
        if run.broken:
            bad += 1
            _report(run)
            if not keep_on:
                break
        if time.monotonic() - said > _SAY_EVERY_S:
            said = time.monotonic()
            print(f"seed {seed}: {_pace(done)}", flush=True)
    print(f"{done} seeds from {start}, {deliveries} deliveries, {bad} broken; {_pace(done)}")
    return 1 if bad else 0


def _pace(done: int) -> str:
    return f"{done / time.process_time() * 60:.0f} seeds per minute of CPU"


def _one(seed: int, trace: bool) -> int:
    run = simulate(seed)
    for name, roles in run.plan.processes:
        print(f"process {name}: {' '.join(roles)}{', broker inside' if run.plan.embedded else ''}")
    for fault in run.plan.faults:
        print(f"fault {fault}")
    for line in run.trace() if trace else ():
        print(line)
    rest = "never at rest" if run.rest_s is None else f"at rest {run.rest_s:.2f} s after peace"
    print(f"seed {seed}: {run.deliveries} deliveries, {rest}, trace {run.trace_hash()}")
    if run.broken:
        _report(run)
    return 1 if run.broken else 0


def _report(run: Run) -> None:
    seed = run.plan.seed
    for words in run.broken:
        print(f"seed {seed}: {words}", file=sys.stderr)
    print(f"seed {seed}: again, with everything that happened: python -m tests.sim --seed {seed} --trace", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
