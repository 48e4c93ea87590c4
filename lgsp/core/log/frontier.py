"""A tree that grows, known by the roots of its maximal complete subtrees: enough to append, to sign, and to prove what is new.

A tree can be built row by row: neighbours are hashed together, and the last one of an odd row rises as it is, which is the tree
that RFC 6962, 2.1 defines from the top. Of each row only what is new is needed, and at most one old node to its left: one of the
frontier. So neither appending nor proving grows with the tree beyond its height, and no node is hashed twice.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from lgsp.core.log.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE, node_hash

TILE_HEIGHT = 8  # C2SP tlog-tiles: a tile has 2^8 hashes


class TileHash(NamedTuple):
    """The hash of a complete subtree of 256^level leaves; `number` in its level, from 0."""

    level: int
    number: int
    hash: bytes


class Frontier(msgspec.Struct, frozen=True):
    """`nodes`: roots of the maximal complete subtrees, left to right; one for each bit set in `size`."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            root = node_hash(node, root)
        return root

    @property
    def encoded(self) -> bytes:
        return b"".join(self.nodes)

    @classmethod
    def decode(cls, size: int, octets: bytes) -> "Frontier":
        """Raises ValueError when these are not as many nodes as a tree of this size has."""
        if not 0 <= size <= MAX_SIZE or len(octets) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"{len(octets)} bytes are no frontier of a tree of {size}")
        return cls(size, tuple(octets[at : at + HASH_BYTES] for at in range(0, len(octets), HASH_BYTES)))


class _Row(NamedTuple):
    """The nodes of one height from number `first`, which is even, to the last of the tree."""

    first: int
    nodes: list[bytes]


class Appended(NamedTuple):
    """A tree, what it grew to, and what was hashed for it. `above`: the end that the proofs of all new leaves have in common,
    from the height `apart` on, where they have one ancestor."""

    before: Frontier
    after: Frontier
    rows: list[_Row]
    apart: int
    above: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """Of the tree `after`, without hashing anything."""
        return self.rows[-1].nodes[0] if self.rows else self.after.root

    @property
    def nodes(self) -> list[TileHash]:
        """The hashes of tile levels from 1 up that became complete, level by level."""
        found = []
        for height in range(TILE_HEIGHT, len(self.rows), TILE_HEIGHT):
            first, nodes = self.rows[height]
            complete = range(self.before.size >> height, self.after.size >> height)
            found += [TileHash(height // TILE_HEIGHT, number, nodes[number - first]) for number in complete]
        return found

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Of inclusion of the new leaf `index` in the tree `after`: RFC 6962, 2.1.1. Raises IndexError for any other leaf."""
        if not self.before.size <= index < self.after.size:
            raise IndexError(f"leaf {index} is none of the new ones, {self.before.size} to {self.after.size - 1}")
        hashes = []
        for first, nodes in self.rows[: self.apart]:
            sibling = (index ^ 1) - first
            if sibling < len(nodes):
                hashes.append(nodes[sibling])
            index >>= 1
        return (*hashes, *self.above)


def append(before: Frontier, hashes: Sequence[bytes]) -> Appended:
    """`hashes`: of the new leaves, in their order. Raises ValueError when the tree would be too large."""
    if not hashes:
        return Appended(before, before, [], 0, ())
    size = before.size + len(hashes)
    if size > MAX_SIZE:
        raise ValueError(f"a tree has at most {MAX_SIZE} leaves")
    rows = _grow(before, hashes)
    apart = (before.size ^ (size - 1)).bit_length()
    return Appended(before, Frontier(size, _frontier(rows, size)), rows, apart, _above(rows, apart, size - 1))


def _grow(before: Frontier, hashes: Sequence[bytes]) -> list[_Row]:
    old = list(before.nodes)
    rows = []
    nodes, first = list(hashes), before.size
    while True:
        if first & 1:
            first -= 1
            nodes.insert(0, old.pop())
        rows.append(_Row(first, nodes))
        if first == 0 and len(nodes) == 1:
            return rows
        pairs = iter(nodes)
        parents = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)]
        if len(nodes) & 1:
            parents.append(nodes[-1])
        nodes, first = parents, first >> 1


def _frontier(rows: Sequence[_Row], size: int) -> tuple[bytes, ...]:
    """The last complete node of each height that has an odd number of complete ones."""
    heights = (height for height in range(size.bit_length() - 1, -1, -1) if size >> height & 1)
    return tuple(rows[height].nodes[(size >> height) - 1 - rows[height].first] for height in heights)


def _above(rows: Sequence[_Row], apart: int, last: int) -> tuple[bytes, ...]:
    """What stands to the left of the way of all new leaves from the height `apart` up: to its right is nothing any more."""
    heights = (height for height in range(apart, len(rows)) if last >> height & 1)
    return tuple(rows[height].nodes[0] for height in heights)
