"""Proofs out of what the journal keeps of the log: two reads at most, however large it is."""

from lgsp.core.log.frontier import Frontier
from lgsp.core.log.merkle import ProofInvalid, check_consistency
from lgsp.core.log.tiles import (
    TileHashes,
    consistency_from,
    hash_of,
    inclusion_from,
    subtrees,
    wanted,
    wanted_for_consistency,
    wanted_for_inclusion,
)
from lgsp.ports import LogStore


async def tree_of(store: LogStore, size: int) -> Frontier:
    """The tree as it was when it had `size` leaves. Raises ProofInvalid when the journal does not have it, JournalUnavailable."""
    found = await store.log_hashes(wanted([subtrees(0, size)]))
    return _tree(size, found)


async def consistency(store: LogStore, first: int, second: int) -> tuple[bytes, ...]:
    """That the tree of `second` leaves begins with that of `first`: RFC 6962, 2.1.2. Raises as `tree_of` does."""
    found = await store.log_hashes(wanted_for_consistency(first, second))
    try:
        return consistency_from(first, second, found)
    except KeyError as missing:
        raise _missing(missing) from None


async def inclusion(store: LogStore, index: int, size: int) -> tuple[Frontier, tuple[bytes, ...]]:
    """The tree of `size` leaves, and that it has leaf `index`: RFC 6962, 2.1.1. Raises as `tree_of` does."""
    spans = {*wanted_for_inclusion(index, size), *wanted([subtrees(0, size)])}
    found = await store.log_hashes(tuple(spans))
    try:
        return _tree(size, found), inclusion_from(index, size, found)
    except KeyError as missing:
        raise _missing(missing) from None


async def check_grown(store: LogStore, size: int, root: bytes, tree: Frontier) -> None:
    """Raises ProofInvalid unless the journal's hashes show that `tree` begins with that of `size` leaves and this root;
    JournalUnavailable."""
    check_consistency(size, root, tree.size, tree.root, await consistency(store, size, tree.size))


def _tree(size: int, found: TileHashes) -> Frontier:
    try:
        return Frontier(size, tuple(hash_of(one, found) for one in subtrees(0, size)))
    except KeyError as missing:
        raise _missing(missing) from None


def _missing(key: KeyError) -> ProofInvalid:
    level, number = key.args[0]
    return ProofInvalid(f"the journal has no hash {number} of level {level}")
