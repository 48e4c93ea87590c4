"""Hashing and proofs of the log's Merkle tree: RFC 6962, section 2.1, verified as RFC 9162, sections 2.1.3.2 and 2.1.4.2, say."""

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32
MAX_HASHES = 64  # of a proof: no tree has 2^64 leaves
EMPTY_ROOT = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


class ProofInvalid(ValueError):
    """The proof does not show what it should."""


def leaf_hash(entry: bytes) -> bytes:
    return _sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\1" + left + right).digest()


def root_of_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root of the tree of `size` leaves in which the leaf with the hash `leaf` stands at `index`, if the proof is right.
    Raises ProofInvalid where no such proof can have this form."""
    if not 0 <= index < size:
        raise ProofInvalid(f"there is no leaf {index} in a tree of {size}")
    _check_form(proof)
    place, last, root = index, size - 1, leaf
    for one in proof:
        if last == 0:
            raise ProofInvalid("the proof is too long")
        if place & 1 or place == last:
            root = node_hash(one, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, one)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofInvalid("the proof is too short")
    return root


def check_inclusion(index: int, size: int, root: bytes, leaf: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the leaf with the hash `leaf` stands at `index` in the tree with this root."""
    if root_of_inclusion(index, size, leaf, proof) != root:
        raise ProofInvalid("the proof leads to another root")


def check_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the tree of `second` leaves begins with all leaves of the tree of `first`, in their order."""
    if not 0 <= first <= second:
        raise ProofInvalid(f"a tree of {second} leaves cannot begin with {first}")
    _check_form(proof)
    if first == second or first == 0:
        _check_trivial(first, first_root, second, second_root, proof)
        return
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        raise ProofInvalid("the proof is empty")
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for one in path[1:]:
        if last == 0:
            raise ProofInvalid("the proof is too long")
        if place & 1 or place == last:
            old, new = node_hash(one, old), node_hash(one, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, one)
        place, last = place >> 1, last >> 1
    if last or old != first_root or new != second_root:
        raise ProofInvalid("the proof leads to other roots")


def _check_trivial(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofInvalid("where nothing has to be shown the proof is empty")
    if first == 0 and first_root != EMPTY_ROOT:
        raise ProofInvalid("the empty tree has another root")
    if first == second and first_root != second_root:
        raise ProofInvalid("two trees of one size have different roots")


def _check_form(proof: Sequence[bytes]) -> None:
    if len(proof) > MAX_HASHES or any(len(one) != HASH_BYTES for one in proof):
        raise ProofInvalid(f"a proof has at most {MAX_HASHES} hashes of {HASH_BYTES} bytes each")
