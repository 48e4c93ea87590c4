"""The tree is that of RFC 6962, grown in any steps, and nothing but a right proof is taken."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.log import frontier
from lgsp.core.log.frontier import Frontier, TileHash, append
from lgsp.core.log.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    ProofInvalid,
    check_consistency,
    check_inclusion,
    leaf_hash,
    node_hash,
    root_of_inclusion,
)
from tests import log_reference as rfc

# The reference tree of the first Certificate Transparency implementation, which other implementations test with, too.
ENTRIES = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
_00 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
_10_2021 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
_LAST_FOUR = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
_3031 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
_LAST_TWO = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
_3031_4041 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
PATHS = [
    (0, 1, []),
    (0, 8, [_00, _10_2021, _LAST_FOUR]),
    (5, 8, [_3031, _LAST_TWO, ROOTS[4]]),
    (2, 3, [ROOTS[2]]),
    (1, 5, [ROOTS[1], _10_2021, _3031]),
]
PROOFS = [
    (1, 1, []),
    (1, 8, [_00, _10_2021, _LAST_FOUR]),
    (6, 8, [_3031_4041, _LAST_TWO, ROOTS[4]]),
    (2, 5, [_10_2021, _3031]),
]

sizes = st.integers(1, 300)


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def tree(size: int) -> Frontier:
    return append(Frontier(), [leaf_hash(one) for one in entries(size)]).after


def octets(hashes: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in hashes]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_tree(size: int) -> None:
    """From the empty tree to eight leaves."""
    assert append(Frontier(), [leaf_hash(one) for one in ENTRIES[:size]]).after.root.hex() == ROOTS[size]
    assert rfc.tree_head(ENTRIES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_paths_of_the_reference_tree_hold(index: int, size: int, path: list[str]) -> None:
    """And they are what is made."""
    check_inclusion(index, size, bytes.fromhex(ROOTS[size]), leaf_hash(ENTRIES[index]), octets(path))
    assert list(append(Frontier(), [leaf_hash(one) for one in ENTRIES[:size]]).proof(index)) == octets(path)


@pytest.mark.parametrize(("first", "second", "proof"), PROOFS)
def test_consistency_of_the_reference_trees_holds(first: int, second: int, proof: list[str]) -> None:
    """As published."""
    check_consistency(first, bytes.fromhex(ROOTS[first]), second, bytes.fromhex(ROOTS[second]), octets(proof))


@given(sizes, st.lists(st.integers(1, 300), max_size=6))
def test_a_tree_is_the_same_in_whatever_steps_it_grew(size: int, cuts: list[int]) -> None:
    """Frontier and root depend on the leaves alone, also when kept as octets in between."""
    hashes = [leaf_hash(one) for one in entries(size)]
    grown = Frontier()
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), size], strict=True):
        grown = append(Frontier.decode(grown.size, grown.encoded), hashes[begin:end]).after
    assert grown == append(Frontier(), hashes).after
    assert grown.root == rfc.tree_head(entries(size))


@given(st.integers(0, 300), sizes)
def test_what_was_just_appended_is_proven_from_the_frontier_alone(old: int, new: int) -> None:
    """Every proof of a batch is the one of RFC 6962 for the whole tree."""
    leaves = entries(old + new)
    appended = append(tree(old), [leaf_hash(one) for one in leaves[old:]])
    assert appended.root == appended.after.root == rfc.tree_head(leaves)
    for index in {old, old + new // 2, old + new - 1}:
        assert list(appended.proof(index)) == rfc.path(index, leaves)


@pytest.mark.parametrize("size", [1, 2, 1_000, 65_535, 2**40 - 1, 2**40, 2**62 + 12_345])
def test_growing_by_a_leaf_takes_no_more_hashes_than_the_tree_is_high(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frontier, root and proof together, however large the tree is."""
    hashed: list[bytes] = []

    def counting(left: bytes, right: bytes) -> bytes:
        hashed.append(left + right)
        return node_hash(left, right)

    before = Frontier(size, tuple(leaf_hash(b"%d" % number) for number in range(size.bit_count())))
    monkeypatch.setattr(frontier, "node_hash", counting)
    grown = append(before, [leaf_hash(b"")])
    check_inclusion(size, size + 1, grown.root, leaf_hash(b""), grown.proof(size))
    assert grown.after.size.bit_count() == len(grown.after.nodes)
    assert len(hashed) <= (size + 1).bit_length()


@pytest.mark.parametrize("index", [-1, 0, 4, 8])
def test_only_what_was_just_appended_is_proven(index: int) -> None:
    """Others are an error of the caller."""
    with pytest.raises(IndexError):
        append(tree(5), [leaf_hash(b"a")] * 3).proof(index)


def test_appending_nothing_changes_nothing() -> None:
    """No rows, the same tree."""
    appended = append(tree(5), [])
    assert (appended.before, appended.after, appended.root, appended.nodes) == (tree(5), tree(5), tree(5).root, [])


def test_tiles_get_the_roots_of_subtrees_that_became_complete() -> None:
    """A batch that ends two tiles of level 0, the second of which ends one of level 1."""
    leaves = entries(256 * 256 + 1)
    before = append(Frontier(), [leaf_hash(one) for one in leaves[: 256 * 254 + 3]])
    assert [one[:2] for one in before.nodes] == [(1, number) for number in range(254)]
    appended = append(before.after, [leaf_hash(one) for one in leaves[256 * 254 + 3 :]])
    assert appended.nodes == [
        TileHash(1, 254, rfc.tree_head(leaves[254 * 256 : 255 * 256])),
        TileHash(1, 255, rfc.tree_head(leaves[255 * 256 : 256 * 256])),
        TileHash(2, 0, rfc.tree_head(leaves[: 256 * 256])),
    ]


@given(sizes, st.data())
def test_proofs_of_the_rfc_hold(size: int, data: st.DataObject) -> None:
    """Inclusion of any leaf, consistency with any earlier tree."""
    leaves = entries(size)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    check_inclusion(index, size, rfc.tree_head(leaves), leaf_hash(leaves[index]), rfc.path(index, leaves))
    check_consistency(first, rfc.tree_head(leaves[:first]), size, rfc.tree_head(leaves), rfc.proof(first, leaves))


Change = Callable[[list[bytes]], list[bytes]]
CHANGES: dict[str, Change] = {
    "one missing": lambda proof: proof[:-1],
    "the first missing": lambda proof: proof[1:],
    "one too many": lambda proof: [*proof, proof[-1]],
    "a short hash": lambda proof: [*proof[:-1], proof[-1][:-1]],
    "a long hash": lambda proof: [*proof[:-1], proof[-1] + b"\0"],
    "in another order": lambda proof: proof[::-1],
    "none": lambda _: [],
    "endless": lambda proof: proof * 100_000,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@given(size=st.integers(4, 60), data=st.data())
def test_a_proof_has_one_form(change: Change, size: int, data: st.DataObject) -> None:
    """What is not exactly the proof is refused, however it came about."""
    leaves = entries(size)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(2, size - 1))
    root = rfc.tree_head(leaves)
    for proof, check in (
        (rfc.path(index, leaves), lambda proof: check_inclusion(index, size, root, leaf_hash(leaves[index]), proof)),
        (rfc.proof(first, leaves), lambda proof: check_consistency(first, rfc.tree_head(leaves[:first]), size, root, proof)),
    ):
        if change(proof) == proof:
            continue
        with pytest.raises(ProofInvalid):
            check(change(proof))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (3, 2), (0, -1), (0, MAX_SIZE + 1), (2**64, 2**65)])
def test_there_is_no_leaf_outside_a_tree(index: int, size: int) -> None:
    """Whatever the proof is."""
    with pytest.raises(ProofInvalid, match="there is no leaf"):
        root_of_inclusion(index, size, leaf_hash(b""), [])


def test_the_largest_tree_has_proofs_of_63_hashes() -> None:
    """The limits leave room for it."""
    assert len(root_of_inclusion(0, MAX_SIZE, leaf_hash(b""), [leaf_hash(b"x")] * 63)) == 32


@pytest.mark.parametrize(
    ("first", "first_root", "second", "second_root", "proof"),
    [
        (0, EMPTY_ROOT, 0, EMPTY_ROOT, [EMPTY_ROOT]),
        (0, leaf_hash(b""), 0, leaf_hash(b""), []),
        (0, leaf_hash(b""), 1, leaf_hash(b""), []),
        (0, EMPTY_ROOT, 1, leaf_hash(b""), [leaf_hash(b"")]),
        (1, leaf_hash(b"a"), 1, leaf_hash(b"b"), []),
        (1, leaf_hash(b"a"), 1, leaf_hash(b"a"), [leaf_hash(b"a")]),
        (2, leaf_hash(b"a"), 1, leaf_hash(b"a"), []),
        (-1, leaf_hash(b"a"), 1, leaf_hash(b"a"), []),
        (1, leaf_hash(b"a"), MAX_SIZE + 1, leaf_hash(b"a"), []),
        (1, b"", 1, b"", []),
    ],
)
def test_where_nothing_is_to_prove_nothing_is_taken_for_a_proof(
    first: int, first_root: bytes, second: int, second_root: bytes, proof: list[bytes]
) -> None:
    """The empty tree has one root, equal sizes have equal roots, and trees do not shrink."""
    with pytest.raises(ProofInvalid):
        check_consistency(first, first_root, second, second_root, proof)


def test_every_tree_begins_with_none_and_with_itself() -> None:
    """Without proof."""
    check_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    check_consistency(0, EMPTY_ROOT, 7, tree(7).root, [])
    check_consistency(7, tree(7).root, 7, tree(7).root, [])


@pytest.mark.parametrize(("size", "length"), [(0, 32), (1, 0), (3, 32), (3, 65), (-1, 0), (2**63, 32)])
def test_a_frontier_has_a_node_for_each_bit_of_its_size(size: int, length: int) -> None:
    """Anything else in the journal is damage."""
    with pytest.raises(ValueError, match="no frontier"):
        Frontier.decode(size, bytes(length))


def test_a_tree_has_an_end() -> None:
    """Nobody appends to a tree as large as numbers go."""
    with pytest.raises(ValueError, match="at most"):
        append(Frontier(MAX_SIZE, (sha256().digest(),) * 63), [leaf_hash(b"")])
