"""A tree that grows, known by the roots of its maximal complete subtrees: enough to append, to sign and to prove what is new.

A tree can be built level by level: neighbours are hashed together, and the last one of an odd row rises as it is (which is what
RFC 6962, 2.1 defines from the top). Of each row only what is new is needed, and the one old node to its left, which is one of the
frontier; so neither appending nor proving grows with the tree beyond its height.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from lgsp.core.log.merkle import EMPTY_ROOT, HASH_BYTES, node_hash

TILE_HEIGHT = 8  # C2SP tlog-tiles: 256 hashes


class TileHash(NamedTuple):
    """The hash of a complete subtree of 256^level leaves, `number` in its level."""

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
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root

    @property
    def encoded(self) -> bytes:
        return b"".join(self.nodes)

    @classmethod
    def decode(cls, size: int, octets: bytes) -> "Frontier":
        """Raises ValueError when there are not as many nodes as a tree of this size has."""
        if size < 0 or len(octets) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"{len(octets)} bytes are no frontier of a tree of {size}")
        nodes = tuple(octets[at : at + HASH_BYTES] for at in range(0, len(octets), HASH_BYTES))
        return cls(size, nodes)


class _Row(NamedTuple):
    """The nodes of one height from number `first` (even) on to the last."""

    first: int
    nodes: list[bytes]


class Appended(NamedTuple):
    """A tree, what it grew to, and what lies between."""

    before: Frontier
    after: Frontier
    rows: list[_Row]

    @property
    def nodes(self) -> list[TileHash]:
        """Hashes of tile levels from 1 up that became complete."""
        found = []
        for height in range(TILE_HEIGHT, len(self.rows), TILE_HEIGHT):
            first, nodes = self.rows[height]
            complete = range(self.before.size >> height, self.after.size >> height)
            found += [TileHash(height // TILE_HEIGHT, index, nodes[index - first]) for index in complete]
        return found

    def proof(self, index: int) -> tuple[bytes, ...]:
        """That one of the new leaves stands in the tree `after`: RFC 6962, 2.1.1."""
        hashes = []
        for first, nodes in self.rows:
            sibling = (index ^ 1) - first
            if sibling < len(nodes):
                hashes.append(nodes[sibling])
            index >>= 1
        return tuple(hashes)


def append(before: Frontier, hashes: Sequence[bytes]) -> Appended:
    """`hashes`: of the new leaves, in their order."""
    if not hashes:
        return Appended(before, before, [])
    size = before.size + len(hashes)
    old = list(before.nodes)
    rows: list[_Row] = []
    nodes, first = list(hashes), before.size
    while True:
        if first & 1:
            first -= 1
            nodes.insert(0, old.pop())
        rows.append(_Row(first, nodes))
        if first == 0 and len(nodes) == 1:
            break
        pairs = iter(nodes)
        above = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)]
        if len(nodes) & 1:
            above.append(nodes[-1])
        nodes, first = above, first >> 1
    return Appended(before, Frontier(size, _frontier(rows, size)), rows)


def _frontier(rows: Sequence[_Row], size: int) -> tuple[bytes, ...]:
    heights = [height for height in range(size.bit_length() - 1, -1, -1) if size >> height & 1]
    return tuple(rows[height].nodes[(size >> height) - 1 - rows[height].first] for height in heights)
