"""What is stored of the tree, as C2SP tlog-tiles has it, and proofs of any leaf and any two sizes from that.

Stored are the hashes of tile levels: level l has the roots of complete subtrees of 256^l leaves, level 0 the hashes of leaves. A
tile is 256 of them in a row, or fewer at the right edge. Everything between two levels is hashed anew where a proof needs it.
A proof is made in two steps, so that who reads the hashes may do so in his own way: what is wanted (`Span`s), and the proof.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lgsp.core.log.frontier import TILE_HEIGHT, folded
from lgsp.core.log.merkle import MAX_SIZE, node_hash

TILE_WIDTH = 1 << TILE_HEIGHT


class Span(NamedTuple):
    """`length` hashes of tile level `level`, from number `first` on. Those that proofs want never cross the border of a tile."""

    level: int
    first: int
    length: int


class Subtree(NamedTuple):
    """The complete subtree of 2^height leaves, `number` among those of its height."""

    height: int
    number: int

    @property
    def span(self) -> Span:
        """The hashes of the next lower tile level that make up its root."""
        level, inside = divmod(self.height, TILE_HEIGHT)
        return Span(level, self.number << inside, 1 << inside)


TileHashes = Mapping[tuple[int, int], bytes]  # by tile level and number
Read = Callable[[int, int, int], Sequence[bytes]]  # level, first, length, as in a Span

# A hash of a proof: the complete subtrees of which it is folded, left to right; one, but for the right edge of the tree.
_Parts = tuple[Subtree, ...]


def inclusion_subtrees(index: int, size: int) -> tuple[_Parts, ...]:
    """One for each hash of the proof that leaf `index` is in the tree of `size` leaves, in their order: RFC 6962, 2.1.1.
    Raises ValueError when there is no such leaf."""
    if not 0 <= index < size <= MAX_SIZE:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    found = []
    begin, end = 0, size
    while end - begin > 1:
        middle = _middle(begin, end)
        if index < middle:
            found.append(subtrees(middle, end))
            end = middle
        else:
            found.append(subtrees(begin, middle))
            begin = middle
    return tuple(reversed(found))


def consistency_subtrees(first: int, second: int) -> tuple[_Parts, ...]:
    """One for each hash of the proof that the tree of `second` leaves begins with that of `first`: RFC 6962, 2.1.2.
    Raises ValueError when it cannot."""
    if not 0 <= first <= second <= MAX_SIZE:
        raise ValueError(f"a tree of {second} leaves cannot begin with {first}")
    found: list[_Parts] = []
    begin, end = 0, second if first else 0
    while end > first:
        middle = _middle(begin, end)
        if first <= middle:
            found.append(subtrees(middle, end))
            end = middle
        else:
            found.append(subtrees(begin, middle))
            begin = middle
    if begin:
        found.append(subtrees(begin, end))
    return tuple(reversed(found))


def _middle(begin: int, end: int) -> int:
    """Where RFC 6962, 2.1 divides: the larger power of two to the left."""
    return begin + (1 << (end - begin - 1).bit_length() - 1)


def subtrees(begin: int, end: int) -> tuple[Subtree, ...]:
    """The maximal complete subtrees of leaves `begin` to `end` (excluded), where `begin` is one at which a tree is divided."""
    found = []
    while begin < end:
        height = (end - begin).bit_length() - 1
        found.append(Subtree(height, begin >> height))
        begin += 1 << height
    return tuple(found)


def wanted_for_inclusion(index: int, size: int) -> tuple[Span, ...]:
    """What `inclusion_from` needs: at most one span of each tile. Raises ValueError as `inclusion_subtrees` does."""
    return wanted(inclusion_subtrees(index, size))


def wanted_for_consistency(first: int, second: int) -> tuple[Span, ...]:
    """What `consistency_from` needs: at most one span of each tile. Raises ValueError as `consistency_subtrees` does."""
    return wanted(consistency_subtrees(first, second))


def wanted(proof: Iterable[_Parts]) -> tuple[Span, ...]:
    """From the first to the last hash needed of each tile: one range is cheaper to read than the holes in it are to leave out."""
    ends: dict[tuple[int, int], tuple[int, int]] = {}
    for subtree in (one for parts in proof for one in parts):
        level, first, length = subtree.span
        tile = (level, first // TILE_WIDTH)
        begin, end = ends.get(tile, (first, first + length))
        ends[tile] = (min(begin, first), max(end, first + length))
    return tuple(Span(level, begin, end - begin) for (level, _), (begin, end) in sorted(ends.items()))


def hash_of(subtree: Subtree, hashes: TileHashes) -> bytes:
    """Raises KeyError when a hash of its span is missing."""
    level, first, length = subtree.span
    return complete_root([hashes[level, number] for number in range(first, first + length)])


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Of a complete subtree from its 1, 2, 4, ... hashes, for instance of a whole tile."""
    row = list(hashes)
    while len(row) > 1:
        pairs = iter(row)
        row = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=True)]
    return row[0]


def inclusion_from(index: int, size: int, hashes: TileHashes) -> tuple[bytes, ...]:
    """The proof of RFC 6962, 2.1.1. Raises ValueError when there is no such leaf, KeyError when a hash is missing."""
    return _proof(inclusion_subtrees(index, size), hashes)


def consistency_from(first: int, second: int, hashes: TileHashes) -> tuple[bytes, ...]:
    """The proof of RFC 6962, 2.1.2. Raises ValueError when there can be none, KeyError when a hash is missing."""
    return _proof(consistency_subtrees(first, second), hashes)


def prove_inclusion(index: int, size: int, read: Read) -> tuple[bytes, ...]:
    """Both steps in one, where reading does not wait."""
    return inclusion_from(index, size, fetched(wanted_for_inclusion(index, size), read))


def prove_consistency(first: int, second: int, read: Read) -> tuple[bytes, ...]:
    """Both steps in one, where reading does not wait."""
    return consistency_from(first, second, fetched(wanted_for_consistency(first, second), read))


def fetched(spans: Iterable[Span], read: Read) -> TileHashes:
    return dict(one for span in spans for one in numbered(span, read(*span)))


def numbered(span: Span, hashes: Sequence[bytes]) -> Iterator[tuple[tuple[int, int], bytes]]:
    """What was read of a span, as `TileHashes` has it. Raises ValueError when there are not as many."""
    numbers = range(span.first, span.first + span.length)
    return (((span.level, number), one) for number, one in zip(numbers, hashes, strict=True))


def _proof(proof: Sequence[_Parts], hashes: TileHashes) -> tuple[bytes, ...]:
    return tuple(folded([hash_of(one, hashes) for one in parts]) for parts in proof)
