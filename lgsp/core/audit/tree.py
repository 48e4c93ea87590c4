"""The tree, recomputed from its entries: whatever was kept or signed of it must come out again."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from lgsp.core.audit.finding import Finding, finding
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import leaf_hash

_BATCH = 4096
Leaf = tuple[int, bytes]  # number, octets
Hash = tuple[int, int, bytes]  # level, index, hash


class Check(NamedTuple):
    """A root that somebody signed, and where it stands."""

    size: int
    root: bytes
    table: str
    row: str


class Recomputed:
    """A tree that grows leaf by leaf, and is held against signed roots as it reaches their sizes.

    `checks`: by size, those below where it begins are passed over. `begin`: the tree to start from, whose root somebody signed.
    """

    def __init__(self, checks: Iterable[Check], begin: Frontier = Frontier()) -> None:  # noqa: B008 - frozen
        self.tree = begin
        self._checks = iter(checks)
        self._next = next((one for one in self._checks if one.size >= begin.size), None)

    def grow(self, hashes: Iterable[bytes], found: list[Finding]) -> Iterator[Hash]:
        """Over hashes of leaves, in their order; hashes of complete subtrees of 256^level leaves come out. What differs from what
        was signed goes to `found`."""
        rest = iter(hashes)
        self._judge(found)
        while taken := list(islice(rest, self._room())):
            grown = append(self.tree, taken)
            self.tree = grown.after
            yield from grown.nodes
            self._judge(found)

    def ended(self) -> Iterator[Finding]:
        """There are no more leaves: what was signed beyond them."""
        while self._next is not None:
            one, self._next = self._next, next(self._checks, None)
            yield finding("checkpoint.ahead", one.table, one.row, "size", one.size, self.tree.size)

    def _room(self) -> int:
        return _BATCH if self._next is None else min(_BATCH, self._next.size - self.tree.size)

    def _judge(self, found: list[Finding]) -> None:
        while self._next is not None and self._next.size == self.tree.size:
            one, self._next = self._next, next(self._checks, None)
            if one.root != self.tree.root:
                found.append(finding("checkpoint.differs", one.table, one.row, "note", one.root, self.tree.root))


def numbered(leaves: Iterable[Leaf], first: int, found: list[Finding]) -> Iterator[bytes]:
    """The octets of leaves that should be numbered from `first` on without a gap; what is wrong with that goes to `found`.

    Behind a gap nothing comes out right any more, so the walk ends there.
    """
    expected = first
    for number, octets in leaves:
        if number != expected:
            found.append(finding("leaf.missing", "log_leaves", f"leaf_index {expected}", expected=expected, found=number))
            return
        yield octets
        expected += 1


def hashed(leaves: Iterable[bytes]) -> Iterator[bytes]:
    return map(leaf_hash, leaves)


def compared(computed: Iterable[Hash], kept: dict[tuple[int, int], bytes], table: str) -> Iterator[Finding]:
    """Kept hashes by level and index (one for 256 leaves, so there is room for them) against those that come out of the leaves.
    What is left in `kept` nobody computed."""
    for level, index, expected in computed:
        one = kept.pop((level, index), None)
        if one is None:
            yield finding("hash.missing", table, _at(level, index), expected=expected)
        elif one != expected:
            yield finding("hash.differs", table, _at(level, index), expected=expected, found=one)


def unexpected(kept: dict[tuple[int, int], bytes], table: str) -> Iterator[Finding]:
    for (level, index), octets in sorted(kept.items()):
        yield finding("hash.unexpected", table, _at(level, index), found=octets)


def _at(level: int, index: int) -> str:
    return f"level {level}, hash_index {index}"
