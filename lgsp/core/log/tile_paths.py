"""Tiles and entry bundles as they are published: C2SP tlog-tiles, "APIs". Paths, and what is behind them."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lgsp.core.log.frontier import TILE_HEIGHT
from lgsp.core.log.merkle import HASH_BYTES
from lgsp.core.log.tiles import TILE_WIDTH

ENTRIES = -1  # in place of a level: the entries themselves, 256 in a bundle
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 0xFFFF

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


class TileInvalid(ValueError):
    """No path of a tile or bundle, or not what should be behind it."""


class Tile(NamedTuple):
    """`width`: 256, or fewer at the right edge of a tree."""

    level: int
    number: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """As in tile/0/x001/x234/067 or tile/entries/000.p/17."""
        groups = f"{self.number:03d}" if self.number < 1000 else _groups(self.number)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level == ENTRIES else self.level}/{groups}{partial}"

    @property
    def first(self) -> int:
        """Number of its first hash in its level, or of its first entry."""
        return self.number * TILE_WIDTH

    def is_in(self, size: int) -> bool:
        """Whether a tree of `size` leaves has all of it."""
        return self.first + self.width <= size >> TILE_HEIGHT * max(self.level, 0)


def parse_path(path: str) -> Tile:
    """Raises TileInvalid for what is not written exactly as `Tile.path` does."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise TileInvalid("not a path of a tile")
    level = ENTRIES if found[1] == "entries" else int(found[1])
    tile = Tile(level, int(found[2].replace("x", "").replace("/", "")), int(found[3] or TILE_WIDTH))
    if level > MAX_LEVEL or tile.width > TILE_WIDTH or tile.path != path:
        raise TileInvalid("not a path of a tile")
    return tile


def tile_at(level: int, number: int, size: int) -> Tile:
    """The tile that has hash (or entry) `number` of the level, as wide as a tree of `size` leaves has it.
    Raises TileInvalid when the tree does not have it."""
    tile = number // TILE_WIDTH
    have = size >> TILE_HEIGHT * max(level, 0)
    if not 0 <= number < have:
        raise TileInvalid(f"a tree of {size} has no hash {number} of level {level}")
    return Tile(level, tile, min(TILE_WIDTH, have - tile * TILE_WIDTH))


def tiles_of(size: int, level: int) -> Iterator[Tile]:
    """All tiles (or bundles) of a level that a tree of `size` leaves has, as wide as it has them."""
    have = size >> TILE_HEIGHT * max(level, 0)
    return (tile_at(level, first, size) for first in range(0, have, TILE_WIDTH))


def split_hashes(octets: bytes, width: int) -> list[bytes]:
    """Raises TileInvalid when it is not exactly as many."""
    if len(octets) != width * HASH_BYTES:
        raise TileInvalid(f"{len(octets)} bytes are not {width} hashes")
    return [octets[at : at + HASH_BYTES] for at in range(0, len(octets), HASH_BYTES)]


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Raises TileInvalid when there are too many, or one is too long."""
    if len(entries) > TILE_WIDTH or any(len(one) > MAX_ENTRY_BYTES for one in entries):
        raise TileInvalid(f"a bundle has at most {TILE_WIDTH} entries of at most {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(one).to_bytes(2) + one for one in entries)


def decode_entries(octets: bytes, width: int) -> list[bytes]:
    """Raises TileInvalid when it is not exactly as many."""
    entries: list[bytes] = []
    at = 0
    while at + 2 <= len(octets) and len(entries) < width:
        end = at + 2 + int.from_bytes(octets[at : at + 2])
        entries.append(octets[at + 2 : end])
        at = end
    if at != len(octets) or len(entries) != width:
        raise TileInvalid(f"not a bundle of {width} entries")
    return entries


def _groups(number: int) -> str:
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *before, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    return "".join(f"x{one}/" for one in before) + last
