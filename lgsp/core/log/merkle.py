"""Hashes and proofs of a Merkle tree: RFC 6962, 2.1; what verifiers do is RFC 9162, 2.1.3.2 and 2.1.4.2. All hashes are SHA-256.

What is given to the checks comes from strangers: lengths and numbers are looked at before anything is computed, and a proof has
exactly one form. Hashes are public, so they are compared without regard to time.
"""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1  # leaves: what C2SP tlog-cosignature and 64-bit columns can say
MAX_HASHES = 64  # of a proof: no tree of that size needs more
EMPTY_ROOT = sha256(b"").digest()


class ProofInvalid(ValueError):
    """The proof does not show what it should."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root_of_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root of the tree of `size` leaves in which the leaf of hash `leaf` has number `index`, the first being 0, as `proof`
    says: from the leaf's neighbour up. Raises ProofInvalid for what no proof can look like."""
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofInvalid(f"there is no leaf {index} in a tree of {size}")
    _check_hashes((leaf, *proof[: MAX_HASHES + 1]))
    # Below `apart` the ways of this leaf and of the last one differ, and each height has a neighbour; above, only left ones.
    apart = (index ^ (size - 1)).bit_length()
    expected = apart + (index >> apart).bit_count()
    if len(proof) != expected:
        raise ProofInvalid(f"{len(proof)} hashes, where leaf {index} of {size} has {expected}")
    root = leaf
    for height, one in enumerate(proof[:apart]):
        root = node_hash(one, root) if index >> height & 1 else node_hash(root, one)
    for one in proof[apart:]:
        root = node_hash(one, root)
    return root


def check_inclusion(index: int, size: int, root: bytes, leaf: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the leaf of hash `leaf` has number `index` in the tree of `size` leaves with this root.
    Size and root are to be those of one signed head: a proof alone does not tell all sizes apart."""
    if root_of_inclusion(index, size, leaf, proof) != root:
        raise ProofInvalid(f"leaf {index} is not in the tree of {size}: the proof leads to another root")


def check_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the tree of `second` leaves begins with all leaves of the tree of `first`, in their order."""
    if not 0 <= first <= second <= MAX_SIZE:
        raise ProofInvalid(f"a tree of {second} leaves cannot begin with {first}")
    _check_hashes((first_root, second_root, *proof[: MAX_HASHES + 1]))
    if first in (0, second):
        _check_plain(first, first_root, second, second_root, proof)
        return
    roots = _roots_of_consistency(first, first_root, second, proof)
    if roots != (first_root, second_root):
        raise ProofInvalid(f"the tree of {second} leaves does not begin with that of {first}: the proof leads to other roots")


def _roots_of_consistency(first: int, first_root: bytes, second: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """What the proof says of both trees. It begins with the largest complete subtree that the first tree ends with; where that
    is the whole first tree, its root is known and left out."""
    closed = (first & -first).bit_length() - 1
    place, last = (first - 1) >> closed, (second - 1) >> closed
    path = [first_root, *proof] if place == 0 else proof
    apart = (place ^ last).bit_length()
    if len(path) != 1 + apart + (place >> apart).bit_count():
        raise ProofInvalid(f"{len(proof)} hashes are too few or too many between trees of {first} and {second}")
    old = new = path[0]
    for height, one in enumerate(path[1 : 1 + apart]):
        if place >> height & 1:
            old, new = node_hash(one, old), node_hash(one, new)
        else:
            new = node_hash(new, one)
    for one in path[1 + apart :]:
        old, new = node_hash(one, old), node_hash(one, new)
    return old, new


def _check_plain(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Every tree begins with nothing, and with itself: there is nothing to prove."""
    if proof:
        raise ProofInvalid(f"there is nothing to prove between trees of {first} and {second}, and a proof")
    for size, root in ((first, first_root), (second, second_root)):
        if size == 0 and root != EMPTY_ROOT:
            raise ProofInvalid("a tree without leaves has another root")
    if first == second and first_root != second_root:
        raise ProofInvalid(f"two trees of {first} leaves with different roots")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofInvalid(f"a hash has {HASH_BYTES} bytes")
