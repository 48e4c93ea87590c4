"""What growing and proving cost at 10^4, 10^5, 10^6 entries, in CPU time and in hashes; and how long reading it all again takes.

Each value is the mean over places that stand for all: a hundred sizes in a row, leaves all over the tree.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise
from unittest.mock import patch

from rich.console import Console

from lgsp.core.log import frontier, merkle, tiles
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import check_consistency, check_inclusion, leaf_hash, node_hash
from lgsp.core.log.tile_paths import ENTRIES, Tile, decode_entries, encode_entries, tiles_of
from lgsp.core.log.tiles import prove_consistency, prove_inclusion
from tests.bench import report
from tests.bench.processes import BenchFailed
from tests.bench.report import Row, row

SIZES = (10_000, 100_000, 1_000_000)
LIMIT_S = 60
_PLACES = 100
_BATCHES = (1, 30, 250)
_ENTRY = b'{"v":1,"event":"accepted","sequence":%d,"sender":"H01.15","digest":"' + b"x" * 300 + b'"}'

Act = Callable[[], object]


class Log:
    """Entries, tiles, and the frontiers of a hundred sizes in a row, up to `size`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.levels = {0: [leaf_hash(_ENTRY % number) for number in range(size)]}
        self.heads = [Frontier()]
        for begin, end in pairwise((0, *range(size - _PLACES, size + 1))):
            grown = append(self.heads[-1], self.levels[0][begin:end])
            self.heads.append(grown.after)
            for level, _, one in grown.nodes:
                self.levels.setdefault(level, []).append(one)
        self.root = self.heads[-1].root

    def read(self, level: int, first: int, length: int) -> Sequence[bytes]:
        return self.levels[level][first : first + length]

    def places(self) -> Iterator[int]:
        return (number * (self.size - 1) // (_PLACES - 1) for number in range(_PLACES))

    def octets(self, tile: Tile) -> bytes:
        span = range(tile.first, tile.first + tile.width)
        if tile.level == ENTRIES:
            return encode_entries([_ENTRY % number for number in span])
        return b"".join(self.levels[tile.level][tile.first : tile.first + tile.width])


def measure(sizes: Sequence[int], rounds: int, tell: Callable[[str], None]) -> list[Row]:
    """A row for each step and size: microseconds a leaf or proof, and hashes; ratios to the smallest size. And the audit."""
    logs = []
    for size in sizes:
        tell(f"trees: a log of {size:,} entries")
        logs.append(Log(size))
    steps = {log.size: _steps(log) for log in logs}
    tell("trees: growing and proving")
    costs: dict[int, dict[str, list[float]]] = {log.size: {name: [] for name in steps[log.size]} for log in logs}
    for _ in range(rounds):
        for size, by_name in steps.items():
            for name, (act, leaves) in by_name.items():
                costs[size][name].append(_cost_us(act) / leaves)
    rows = [one for name in steps[sizes[0]] for one in _rows(name, "us", {size: costs[size][name] for size in sizes})]
    for name in steps[sizes[0]]:
        counts = {size: [_hashes(steps[size][name][0]) / steps[size][name][1]] for size in sizes}
        rows += _rows(f"{name}, hashes", "hashes", counts)
    tell(f"trees: reading {sizes[-1]:,} entries")
    return [*rows, row("trees", f"{sizes[-1]} entries", "audit from tiles", "s", [audit(logs[-1])])]


def _steps(log: Log) -> dict[str, tuple[Act, int]]:
    """By name: what does it at all places, and for how many leaves or proofs."""
    found: dict[str, tuple[Act, int]] = {}
    for batch in _BATCHES:
        new = [leaf_hash(b"new %d" % number) for number in range(batch)]
        found[f"append {batch}, root, proof of each"] = partial(_grow, log.heads, new), _PLACES * batch
    places = list(log.places())
    proofs = [prove_inclusion(index, log.size, log.read) for index in places]
    firsts = [(append(Frontier(), log.levels[0][:first]).root, first) for first in (log.size // 3, log.size // 2, log.size - 1)]
    steps = [prove_consistency(first, log.size, log.read) for _, first in firsts]
    return found | {
        "prove an old leaf from tiles": (lambda: [prove_inclusion(one, log.size, log.read) for one in places], _PLACES),
        "verify its proof": (
            lambda: [
                check_inclusion(one, log.size, log.root, log.levels[0][one], proof)
                for one, proof in zip(places, proofs, strict=True)
            ],
            _PLACES,
        ),
        "prove consistency from tiles": (lambda: [prove_consistency(one, log.size, log.read) for _, one in firsts], len(firsts)),
        "verify consistency": (
            lambda: [
                check_consistency(one, root, log.size, log.root, hashes)
                for (root, one), hashes in zip(firsts, steps, strict=True)
            ],
            len(firsts),
        ),
    }


def _grow(heads: Sequence[Frontier], new: Sequence[bytes]) -> None:
    """As a commit does, whose receipts carry their proofs."""
    for head in heads[-_PLACES:]:
        grown = append(head, new)
        _ = grown.root, grown.nodes, [grown.proof(index) for index in range(head.size, grown.after.size)]


def audit(log: Log) -> float:
    """Seconds for what an auditor does with the files of a log: every entry against its tile, every tile against the one above,
    the root. Reading files is no part of it. Raises BenchFailed where they do not agree."""
    bundles = ((tile, log.octets(tile), log.octets(tile._replace(level=0))) for tile in tiles_of(log.size, ENTRIES))
    spent, head = 0.0, Frontier()
    for tile, bundle, hashes in bundles:
        begun = time.process_time()
        leaves = [leaf_hash(one) for one in decode_entries(bundle, tile.width)]
        grown = append(head, leaves)
        if b"".join(leaves) != hashes or any(log.levels[level][number] != one for level, number, one in grown.nodes):
            raise BenchFailed(f"{tile.path} does not agree with the tiles")
        head = grown.after
        spent += time.process_time() - begun
    if head.root != log.root:
        raise BenchFailed("another root")
    return spent


def _cost_us(act: Act) -> float:
    begun = time.process_time()
    act()
    return (time.process_time() - begun) * 1e6


def _hashes(act: Act) -> int:
    with _counted() as count:
        act()
    return len(count)


@contextmanager
def _counted() -> Iterator[list[None]]:
    """Hashes of inner nodes while growing and proving; those of leaves are one for each entry, whatever the tree."""
    count: list[None] = []

    def counting(left: bytes, right: bytes) -> bytes:
        count.append(None)
        return node_hash(left, right)

    with ExitStack() as stack:
        for module in (frontier, merkle, tiles):
            stack.enter_context(patch.object(module, "node_hash", counting))
        yield count


def _rows(name: str, unit: str, samples: Mapping[int, Sequence[float]]) -> list[Row]:
    least = min(samples)
    return [
        row("trees", f"{size} entries", name, unit, values, samples[least] if size != least else (), f"{least} entries")
        for size, values in samples.items()
    ]


def show(console: Console, rows: Sequence[Row]) -> None:
    own = [one for one in rows if one.scenario == "trees" and one.unit != "s"]
    by_step: dict[str, dict[int, Row]] = {}
    for one in own:
        by_step.setdefault(one.metric, {})[int(one.setup.split()[0])] = one
    report.print_growth(console, "Evidence log: CPU microseconds, and hashes of inner nodes, a leaf or a proof", by_step)
    for one in rows:
        if one.scenario == "trees" and one.unit == "s":
            console.print(f"  {one.setup} read and verified in {one.value:.1f} s (goal: under {LIMIT_S} s)", highlight=False)


def check(rows: Sequence[Row]) -> None:
    """Raises BenchFailed when a promise is broken: nothing grows faster than the height of the tree, and an audit has a limit."""
    for one in rows:
        size = int(one.setup.split()[0])
        if one.unit == "hashes" and one.metric.startswith("append") and one.value > size.bit_length():
            raise BenchFailed(f"{one.metric}: {one.value} hashes for a tree of {size}")
        if one.unit == "s" and one.value > LIMIT_S:
            raise BenchFailed(f"{one.setup}: an audit takes {one.value} s")
