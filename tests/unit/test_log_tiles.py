"""Tiles hold enough for every proof, and their paths are those of C2SP tlog-tiles."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import check_consistency, check_inclusion, leaf_hash
from lgsp.core.log.tile_paths import (
    ENTRIES,
    Tile,
    TileInvalid,
    decode_entries,
    encode_entries,
    parse_path,
    split_hashes,
    tile_at,
    tiles_of,
)
from lgsp.core.log.tiles import (
    Span,
    Subtree,
    complete_root,
    consistency_subtrees,
    fetched,
    hash_of,
    inclusion_from,
    inclusion_subtrees,
    prove_consistency,
    prove_inclusion,
    wanted_for_consistency,
    wanted_for_inclusion,
)
from tests import log_reference as rfc


class Store:
    """A log as a journal keeps it, grown in batches of three and more."""

    def __init__(self, size: int) -> None:
        self.entries = [b"entry %d" % number for number in range(size)]
        self.levels: dict[int, list[bytes]] = {0: [leaf_hash(one) for one in self.entries]}
        self.heads = {0: Frontier()}
        at, step = 0, 3
        while at < size:
            appended = append(self.heads[at], self.levels[0][at : at + step])
            at, step = appended.after.size, step + 7
            self.heads[at] = appended.after
            for level, number, one in appended.nodes:
                assert len(self.levels.setdefault(level, [])) == number
                self.levels[level].append(one)

    def root(self, size: int) -> bytes:
        return append(Frontier(), self.levels[0][:size]).root

    def read(self, level: int, first: int, length: int) -> Sequence[bytes]:
        found = self.levels[level][first : first + length]
        assert len(found) == length
        return found


STORE = Store(66_000)  # of three levels


@given(st.integers(1, 700), st.data())
def test_proofs_from_tiles_are_those_of_the_rfc(size: int, data: st.DataObject) -> None:
    """Of any leaf, and between any two sizes, hash by hash."""
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    leaves = STORE.entries[:size]
    assert list(prove_inclusion(index, size, STORE.read)) == rfc.path(index, leaves)
    assert list(prove_consistency(first, size, STORE.read)) == rfc.proof(first, leaves)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 66_000])
@pytest.mark.parametrize("index", [0, 255, 256, 32_767, 65_000, 65_534])
def test_proofs_reach_over_all_levels(size: int, index: int) -> None:
    """At the corners of tiles of three levels."""
    proof = prove_inclusion(index, size, STORE.read)
    check_inclusion(index, size, STORE.root(size), STORE.levels[0][index], proof)
    check_consistency(index, STORE.root(index), size, STORE.root(size), prove_consistency(index, size, STORE.read))


@given(st.integers(1, 66_000), st.data())
def test_a_proof_wants_one_span_of_a_tile_at_most(size: int, data: st.DataObject) -> None:
    """Each within one tile and within the tree: never a hash that does not exist yet."""
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    for spans in (wanted_for_inclusion(index, size), wanted_for_consistency(first, size)):
        tiles = [(level, first // 256) for level, first, _ in spans]
        assert len(set(tiles)) == len(tiles) <= 6
        assert all(first // 256 == (first + length - 1) // 256 for _, first, length in spans)
        assert all(first + length <= size >> 8 * level for level, first, length in spans)


def test_the_right_edge_is_folded_of_several_subtrees() -> None:
    """Of a tree of seven, the proof of the first leaf ends with a node over six leaves and one."""
    assert inclusion_subtrees(0, 7) == (
        (Subtree(0, 1),),
        (Subtree(1, 1),),
        (Subtree(1, 2), Subtree(0, 6)),
    )
    assert consistency_subtrees(6, 7) == ((Subtree(1, 2),), (Subtree(0, 6),), (Subtree(2, 0),))
    assert consistency_subtrees(0, 7) == consistency_subtrees(7, 7) == ()
    assert Subtree(10, 3).span == Span(1, 12, 4)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (0, 2**63)])
def test_no_proof_of_what_cannot_be(index: int, size: int) -> None:
    """A leaf outside of the tree, a tree that shrinks."""
    with pytest.raises(ValueError, match="there is no leaf"):
        prove_inclusion(index, size, STORE.read)
    with pytest.raises(ValueError, match="cannot begin"):
        prove_consistency(size + 1, size, STORE.read)


def test_what_is_missing_is_noticed() -> None:
    """A proof is not made of too few hashes, nor with a hole."""
    with pytest.raises(ValueError, match="shorter"):
        prove_inclusion(3, 300, lambda level, first, length: STORE.read(level, first, length - 1))
    with pytest.raises(KeyError):
        inclusion_from(3, 300, fetched(wanted_for_inclusion(3, 299), STORE.read))


def test_a_tile_is_a_subtree() -> None:
    """The hash above it is the root of its 256."""
    assert complete_root(STORE.levels[0][256:512]) == STORE.levels[1][1]
    assert complete_root(STORE.levels[1][:256]) == STORE.levels[2][0] == STORE.root(65_536)
    assert hash_of(Subtree(8, 1), {(1, 1): b"x"}) == b"x"


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),  # tlog-tiles, "Merkle Tree"
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 999), "tile/0/999"),
        (Tile(1, 1000), "tile/1/x001/000"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),  # "Partial Tiles": a tree of 70,000
        (Tile(1, 1, 17), "tile/1/001.p/17"),
        (Tile(2, 0, 1), "tile/2/000.p/1"),
        (Tile(63, 5, 255), "tile/63/005.p/255"),
        (Tile(ENTRIES, 0), "tile/entries/000"),
        (Tile(ENTRIES, 1_234_067, 8), "tile/entries/x001/x234/067.p/8"),
    ],
)
def test_paths_of_tiles(tile: Tile, path: str) -> None:
    """As in the specification's examples, there and back."""
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/X001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/entry/000",
        "tile/data/000",
        "tile/0/../000",
        "tile/0/" + "x999/" * 40 + "999",
        "",
    ],
)
def test_no_other_path_is_a_tile(path: str) -> None:
    """One way to write it, or nothing is found there."""
    with pytest.raises(TileInvalid):
        parse_path(path)


@given(st.integers(-1, 63), st.integers(0, 10**21 - 1), st.integers(1, 256))
def test_paths_come_back(level: int, number: int, width: int) -> None:
    """Every tile has a path of its own."""
    assert parse_path(Tile(level, number, width).path) == (level, number, width)


def test_a_tree_of_70_000_has_the_tiles_of_the_specification() -> None:
    """273 full ones of level 0 and one of 112; one full and one of 17; one of 1."""
    widths = [[tile.width for tile in tiles_of(70_000, level)] for level in range(4)]
    assert widths == [[256] * 273 + [112], [256, 17], [1], []]
    assert [tile.path for tile in tiles_of(256, 0)] == ["tile/0/000"]
    assert [tile.path for tile in tiles_of(256, 1)] == ["tile/1/000.p/1"]
    assert [tile.width for tile in tiles_of(300, ENTRIES)] == [256, 44]
    assert list(tiles_of(0, 0)) == []


@given(st.integers(0, 70_000), st.integers(-1, 3), st.integers(0, 300))
def test_a_tree_has_the_tiles_it_is_made_of(size: int, level: int, number: int) -> None:
    """The one that a hash is in exists; wider it does not."""
    if number >= size >> 8 * max(level, 0):
        with pytest.raises(TileInvalid):
            tile_at(level, number, size)
        return
    tile = tile_at(level, number, size)
    assert tile.is_in(size)
    assert tile.first <= number < tile.first + tile.width
    assert tile.width == 256 or not tile._replace(width=tile.width + 1).is_in(size)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entries_come_back_from_their_bundle(entries: list[bytes]) -> None:
    """Each behind its length of two bytes."""
    bundle = encode_entries(entries)
    assert bundle == b"".join(bytes(divmod(len(one), 256)) + one for one in entries)
    assert decode_entries(bundle, len(entries)) == entries


@pytest.mark.parametrize(
    ("bundle", "width"),
    [(b"", 1), (b"\0\1a", 0), (b"\0\1a", 2), (b"\0\1ab", 1), (b"\0\2a", 1), (b"\0\1a\0", 1), (b"\0\1a\0\0", 1), (b"\xff\xff", 1)],
)
def test_a_bundle_has_exactly_its_entries(bundle: bytes, width: int) -> None:
    """Neither a byte nor an entry more or less."""
    with pytest.raises(TileInvalid):
        decode_entries(bundle, width)


def test_what_does_not_fit_into_a_bundle_is_not_published() -> None:
    """Longer than its length says, or more than a tile."""
    for entries in ([b"x" * 65_536], [b""] * 257):
        with pytest.raises(TileInvalid):
            encode_entries(entries)


def test_a_tile_has_exactly_its_hashes() -> None:
    """32 bytes each."""
    assert split_hashes(bytes(32) + b"\1" * 32, 2) == [bytes(32), b"\1" * 32]
    for octets in (b"", bytes(63), bytes(65), bytes(96)):
        with pytest.raises(TileInvalid):
            split_hashes(octets, 2)
