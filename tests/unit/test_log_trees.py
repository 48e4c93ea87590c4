"""10,000 logs of all sizes: what is in them is proven, and whatever is changed in leaf, proof, head or signature is noticed.
`make soak` changes every bit of all of them."""

from random import Random

import pytest

from tests import log_reference as rfc
from tests.log_trees import TREES, accepted, faults, grown


@pytest.mark.parametrize("part", range(10))
def test_proofs_of_10_000_trees_hold_and_none_survives_a_changed_bit(part: int) -> None:
    """Of every tree a leaf and a head; a bit of each part of each proof, drawn by chance."""
    chance = Random(part)
    wrong = []
    for seed in range(part, TREES, 10):
        tree = grown(seed, max_leaves=300)
        wrong += [(seed, one) for one in faults(tree)]
        for one in tree.parts():
            flipped = [chance.randrange(one.bits)] if one.bits else []
            wrong += [(seed, text) for text in accepted(one, flipped)]
    assert wrong == []


@pytest.mark.parametrize("seed", range(8))
def test_every_bit_of_a_proof_counts(seed: int) -> None:
    """Leaf, hashes, roots; index, size, checkpoint and signature in the text of a receipt's proof."""
    assert [one for part in grown(seed, max_leaves=40).parts() for one in accepted(part, range(part.bits))] == []


def test_trees_are_those_of_the_rfc() -> None:
    """Of a few, root and proofs by its definition."""
    for seed in range(0, TREES, 100):
        tree = grown(seed, max_leaves=300)
        assert tree.last.root == rfc.tree_head(tree.entries)
        assert list(tree.path) == rfc.path(tree.index, tree.entries)


def test_trees_are_of_all_sizes() -> None:
    """One leaf, and more than a tile; or nothing above would say much."""
    sizes = {len(grown(seed, max_leaves=300).entries) for seed in range(300)}
    assert {1, 2, 3} < sizes
    assert max(sizes) > 256
