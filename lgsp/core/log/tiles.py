"""Tiles: C2SP tlog-tiles."""

from typing import NamedTuple


class Span(NamedTuple):
    """`length` hashes of tile level `level` from number `first` on; of level 0: leaf hashes."""

    level: int
    first: int
    length: int
