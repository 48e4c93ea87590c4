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
        return folded(self.nodes) if self.nodes else EMPTY_ROOT

    @property
    def encoded(self) -> bytes:
        return b"".join(self.nodes)

    @classmethod
    def decode(cls, size: int, octets: bytes) -> "Frontier":
        """Raises ValueError when these are not as many nodes as a tree of this size has."""
        if not 0 <= size <= MAX_SIZE or len(octets) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"{len(octets)} bytes are no frontier of a tree of {size}")
        return cls(size, tuple(octets[at : at + HASH_BYTES] for at in range(0, len(octets), HASH_BYTES)))


Row = tuple[int, list[bytes]]  # the nodes of one height from a number, which is even, to the last of the tree


class Appended(NamedTuple):
    """A tree, what it grew to, and what was hashed for it. From height `apart` on all new leaves have one ancestor.

    `rows`: below that height. `spine`: that ancestor, and those above it for as long as they are complete; `left`: what stands to
    the left of `spine[0]`, roots of complete subtrees, from the highest.
    """

    before: Frontier
    after: Frontier
    apart: int
    rows: list[Row]
    spine: list[bytes]
    left: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """Of the tree `after`, with fewer hashes than from its frontier."""
        if not self.spine:
            return self.after.root
        return folded((*self.left[: len(self.left) + 1 - len(self.spine)], self.spine[-1]))

    @property
    def nodes(self) -> list[TileHash]:
        """The hashes of tile levels from 1 up that became complete, level by level."""
        found = []
        for height in range(TILE_HEIGHT, self.apart + len(self.spine), TILE_HEIGHT):
            begin, end = self.before.size >> height, self.after.size >> height
            first, nodes = self.rows[height] if height < self.apart else (begin, [self.spine[height - self.apart]])
            found += [TileHash(height // TILE_HEIGHT, number, nodes[number - first]) for number in range(begin, end)]
        return found

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Of inclusion of the new leaf `index` in the tree `after`: RFC 6962, 2.1.1. Raises IndexError for any other leaf."""
        if not self.before.size <= index < self.after.size:
            raise IndexError(f"leaf {index} is none of the new ones, {self.before.size} to {self.after.size - 1}")
        hashes = []
        for first, nodes in self.rows:
            sibling = (index ^ 1) - first
            if sibling < len(nodes):
                hashes.append(nodes[sibling])
            index >>= 1
        return (*hashes, *self.left[::-1])


def append(before: Frontier, hashes: Sequence[bytes]) -> Appended:
    """`hashes`: of the new leaves, in their order. Raises ValueError when the tree would be too large."""
    if not hashes:
        return Appended(before, before, 0, [], [], ())
    size = before.size + len(hashes)
    if size > MAX_SIZE:
        raise ValueError(f"a tree has at most {MAX_SIZE} leaves")
    apart = (before.size ^ (size - 1)).bit_length()
    beside = (before.size >> apart).bit_count()  # nodes that are larger than what is new
    rows, ancestor = _grow(before.size, hashes, apart, before.nodes[beside:])
    left, spine = list(before.nodes[:beside]), [ancestor]
    complete = (size & -size).bit_length() - 1  # the height up to which the last leaf completes all it is in
    for _ in range(apart, complete):
        spine.append(node_hash(left.pop(), spine[-1]))
    nodes = (*left, spine[-1]) if complete >= apart else (*left, *_ends(rows, size))
    return Appended(before, Frontier(size, nodes), apart, rows, spine, before.nodes[:beside])


def _grow(first: int, hashes: Sequence[bytes], apart: int, old: tuple[bytes, ...]) -> tuple[list[Row], bytes]:
    """The rows, and the one node above them. `old`: nodes of the frontier that become part of them."""
    rows: list[Row] = []
    nodes, beside = list(hashes), list(old)
    for _ in range(apart):
        if first & 1:
            first -= 1
            nodes.insert(0, beside.pop())
        rows.append((first, nodes))
        pairs = iter(nodes)
        parents = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)]
        if len(nodes) & 1:
            parents.append(nodes[-1])
        nodes, first = parents, first >> 1
    return rows, nodes[0]


def _ends(rows: Sequence[Row], size: int) -> list[bytes]:
    """The last complete node of each row that has an odd number of complete ones, from the highest."""
    heights = (height for height in range(len(rows) - 1, -1, -1) if size >> height & 1)
    return [rows[height][1][(size >> height) - 1 - rows[height][0]] for height in heights]


def folded(roots: Sequence[bytes]) -> bytes:
    """The root of a tree from those of its maximal complete subtrees, left to right."""
    root = roots[-1]
    for one in roots[-2::-1]:
        root = node_hash(one, root)
    return root
