"""A log recomputed from its tiles: entries to leaves, leaves to tiles, tiles to the root that was signed."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple

from lgsp.core.audit.finding import Finding, finding
from lgsp.core.audit.tree import Check, Recomputed
from lgsp.core.log.checkpoint import Checkpoint
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.record import RecordInvalid, decode
from lgsp.core.log.tile_paths import ENTRIES, Tile, TileInvalid, decode_entries, split_hashes, tile_at, tiles_of
from lgsp.core.log.tiles import TILE_WIDTH, Span, hash_of, numbered, subtrees, wanted
from lgsp.monitor.places import Place, Unreadable, in_order

Progress = Callable[[int], None]
_CHECKED = "log_tiles"


class Bundle(NamedTuple):
    """The leaves of one tile, from `first` on; `entries` None: only their hashes were read."""

    first: int
    hashes: list[bytes]
    entries: list[bytes] | None


class Recomputing:
    """From `begin`, a tree whose root is known, to `signed`; the tiles are as wide as the tree of `served` leaves has them.
    `findings` grows as it goes."""

    def __init__(self, place: Place, signed: Checkpoint, begin: Frontier, served: int, *, with_entries: bool) -> None:
        self._place, self._signed, self._begin, self._with_entries = place, signed, begin, with_entries
        self._served = max(served, signed.size)
        self._nodes: dict[int, list[bytes]] = {}
        self._recomputed = Recomputed([Check(signed.size, signed.root, "checkpoint", f"size {signed.size}")], begin)
        self.findings: list[Finding] = []

    @property
    def tree(self) -> Frontier:
        return self._recomputed.tree

    async def bundles(self) -> AsyncIterator[Bundle]:
        """Every leaf that is new, compared with the tile of level 0 and put into the tree. Raises Unreadable."""
        async for tile, octets in self._resources():
            try:
                count = min(tile.width, self._signed.size - tile.first)
                hashes = split_hashes(octets[0], tile.width)[:count]
                entries = decode_entries(octets[1], tile.width)[:count] if self._with_entries else None
            except TileInvalid as error:
                self.findings.append(finding("tile.unreadable", _CHECKED, tile.path, found=error))
                return
            known = max(0, self._begin.size - tile.first)
            bundle = Bundle(tile.first + known, hashes[known:], None if entries is None else entries[known:])
            if bundle.entries is not None:
                self._compare(bundle)
            for level, number, octets_ in self._recomputed.grow(bundle.hashes, self.findings):
                self._note(level, number, octets_)
            yield bundle
        self.findings += self._recomputed.ended()

    async def check_upper_tiles(self) -> None:
        """Those levels that an outsider proves with, as far as they are new. Raises Unreadable."""
        for level in sorted(self._nodes):
            first, last = self._begin.size >> 8 * level, self._signed.size >> 8 * level
            tiles = [tile for tile in tiles_of(self._served, level) if tile.first < last and tile.first + tile.width > first]
            reading = in_order(self._place, (tile.path for tile in tiles))
            for tile in tiles:
                self._compare_tile(tile, await anext(reading), first)

    async def _resources(self) -> AsyncIterator[tuple[Tile, list[bytes]]]:
        kinds = (0, ENTRIES) if self._with_entries else (0,)
        reading = in_order(self._place, (tile._replace(level=kind).path for tile in self._tiles() for kind in kinds))
        for tile in self._tiles():
            yield tile, [await anext(reading) for _ in kinds]

    def _tiles(self) -> Iterator[Tile]:
        """One by one: a log may sign whatever size it likes, and it costs nothing before it is served."""
        first = self._begin.size // TILE_WIDTH * TILE_WIDTH
        return (tile_at(0, begin, self._served) for begin in range(first, self._signed.size, TILE_WIDTH))

    def _compare(self, bundle: Bundle) -> None:
        assert bundle.entries is not None
        for number, (entry, expected) in enumerate(zip(bundle.entries, bundle.hashes, strict=True), bundle.first):
            if (does := leaf_hash(entry)) != expected:
                self.findings.append(finding("leaf.differs", _CHECKED, f"entry {number}", "", expected, does))
            try:
                decode(entry)
            except RecordInvalid as error:
                self.findings.append(finding("record.invalid", _CHECKED, f"entry {number}", found=error))

    def _note(self, level: int, number: int, octets: bytes) -> None:
        self._nodes.setdefault(level, []).append(octets)

    def _compare_tile(self, tile: Tile, octets: bytes, first: int) -> None:
        try:
            kept = split_hashes(octets, tile.width)
        except TileInvalid as error:
            self.findings.append(finding("tile.unreadable", _CHECKED, tile.path, found=error))
            return
        for number, one in enumerate(kept, tile.first):
            known = self._nodes[tile.level][number - first : number - first + 1] if number >= first else []
            if known and known[0] != one:
                self.findings.append(finding("hash.differs", _CHECKED, tile.path, f"hash {number}", known[0], one))


async def tree_at(place: Place, checkpoint: Checkpoint, served: int) -> Frontier:
    """The tree that was signed, from the few hashes that make it up. Raises Unreadable, also where they do not make it up."""
    if checkpoint.size > served:
        raise Unreadable(f"there are {served} entries, and {checkpoint.size} were signed")
    parts = subtrees(0, checkpoint.size)
    found: dict[tuple[int, int], bytes] = {}
    for span in wanted([parts]):
        found |= dict(await _span(place, span, served))
    tree = Frontier(checkpoint.size, tuple(hash_of(part, found) for part in parts))
    if tree.root != checkpoint.root:
        raise Unreadable(f"the tiles do not come to the root that was signed for {checkpoint.size} entries")
    return tree


async def _span(place: Place, span: Span, size: int) -> Iterator[tuple[tuple[int, int], bytes]]:
    tile = tile_at(span.level, span.first, size)
    try:
        hashes = split_hashes(await place.read(tile.path), tile.width)
    except TileInvalid as error:
        raise Unreadable(f"{tile.path}: {error}") from None
    inside = span.first - tile.first
    return numbered(span, hashes[inside : inside + span.length])
