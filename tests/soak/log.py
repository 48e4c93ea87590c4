"""`python -m tests.soak.log [--trees N] [--start S]`: logs of 1 to 2,000 leaves, and every single bit of leaf, proof, heads and
signature changed. Exit status 1 when a change is not noticed, or what is true not proven. Half an hour on two cores."""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain

from tests.log_trees import TREES, accepted, faults, grown

_CHUNK = 50


def judge(seeds: range) -> tuple[int, list[str]]:
    """How many bits were changed, and what is wrong."""
    changed, wrong = 0, []
    for seed in seeds:
        tree = grown(seed)
        parts = list(tree.parts())
        changed += sum(part.bits for part in parts)
        found = chain(faults(tree), *(accepted(part, range(part.bits)) for part in parts))
        wrong += [f"tree {seed}: {one}" for one in found]
    return changed, wrong


def _chunks(start: int, count: int) -> Iterator[range]:
    return (range(at, min(at + _CHUNK, start + count)) for at in range(start, start + count, _CHUNK))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=int, default=TREES)
    parser.add_argument("--start", type=int, default=0)
    chosen = parser.parse_args()
    changed, wrong = 0, []
    with ProcessPoolExecutor() as processes:
        for bits, found in processes.map(judge, _chunks(chosen.start, chosen.trees)):
            changed, wrong = changed + bits, wrong + found
            print(*found, sep="\n", end="\n" if found else "", flush=True)
            print(f"\r{changed:,} bits changed, {len(wrong)} wrong", end="", file=sys.stderr, flush=True)
    print(f"\nLog: {chosen.trees:,} trees, {changed:,} bits changed one by one, {len(wrong)} wrongly accepted or refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
