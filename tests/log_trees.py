"""Logs of every size, what they prove, and all that changes when one bit does. Deterministic for a seed."""

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lgsp.core.log.checkpoint import Checkpoint, sign_checkpoint
from lgsp.core.log.frontier import Appended, Frontier, append
from lgsp.core.log.merkle import HASH_BYTES, check_consistency, check_inclusion, leaf_hash
from lgsp.core.log.note import NoteVerifier
from lgsp.core.log.proof import LogProof, parse_proof
from lgsp.core.log.tile_paths import split_hashes
from lgsp.core.log.tiles import prove_consistency, prove_inclusion

TREES = 10_000
MAX_LEAVES = 2_000

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_LOG = NoteVerifier("lgsp/H01", _KEY.public_key().public_bytes_raw())


class Part(NamedTuple):
    """Octets of which no bit may change. `check` raises ValueError unless they are right."""

    name: str
    octets: bytes
    check: Callable[[bytes], object]

    @property
    def bits(self) -> int:
        return 8 * len(self.octets)

    def holds(self, flipped: int | None = None) -> bool:
        """As they are, or with this bit the other way round."""
        octets = bytearray(self.octets)
        if flipped is not None:
            octets[flipped >> 3] ^= 1 << (flipped & 7)
        try:
            self.check(bytes(octets))
        except ValueError:
            return False
        return True


class Grown(NamedTuple):
    """A log after its last batch. `first`: a size it once had, or might have had; `index`: a leaf of the last batch."""

    entries: list[bytes]
    levels: dict[int, list[bytes]]
    last: Appended
    index: int
    first: int

    @property
    def path(self) -> tuple[bytes, ...]:
        return self.last.proof(self.index)

    def read(self, level: int, first: int, length: int) -> list[bytes]:
        return self.levels[level][first : first + length]

    def parts(self) -> Iterator[Part]:
        """A leaf with its proof, two heads with theirs, and the text that a receipt carries: proof, signed head and signature."""
        size, root, index, first = len(self.entries), self.last.root, self.index, self.first
        entry, path = self.entries[index], self.path
        first_root = append(Frontier(), self.levels[0][:first]).root
        steps = prove_consistency(first, size, self.read)
        text = LogProof(index, path, sign_checkpoint(Checkpoint(_LOG.name, size, root), _LOG, _KEY.sign)).text
        yield Part("leaf", entry, lambda one: check_inclusion(index, size, root, leaf_hash(one), path))
        yield Part("root", root, lambda one: check_inclusion(index, size, one, leaf_hash(entry), path))
        yield Part("path", b"".join(path), lambda one: check_inclusion(index, size, root, leaf_hash(entry), _hashes(one)))
        yield Part("first root", first_root, lambda one: check_consistency(first, one, size, root, steps))
        yield Part("second root", root, lambda one: check_consistency(first, first_root, size, one, steps))
        yield Part("steps", b"".join(steps), lambda one: check_consistency(first, first_root, size, root, _hashes(one)))
        yield Part("text", text.encode(), lambda one: parse_proof(one.decode()).verify(entry, _LOG))


def grown(seed: int, max_leaves: int = MAX_LEAVES) -> Grown:
    """Small ones as often as large ones, in batches of any sizes."""
    chance = Random(seed)
    size = int((max_leaves + 1) ** chance.random())
    # All different: where two neighbours are the same, either index is right.
    entries = [number.to_bytes(2) + chance.randbytes(chance.randrange(60)) for number in range(size)]
    levels: dict[int, list[bytes]] = {0: [leaf_hash(one) for one in entries]}
    last = append(Frontier(), ())
    while last.after.size < size:
        begin = last.after.size
        last = append(last.after, levels[0][begin : begin + chance.randint(1, size)])
        for level, number, one in last.nodes:
            assert len(levels.setdefault(level, [])) == number
            levels[level].append(one)
    return Grown(entries, levels, last, chance.randrange(last.before.size, size), chance.randint(1, size))


def faults(tree: Grown) -> Iterator[str]:
    """What is not proven though it is true, or proven in two ways."""
    for part in tree.parts():
        if not part.holds():
            yield f"{part.name} is refused"
    if tree.path != prove_inclusion(tree.index, len(tree.entries), tree.read):
        yield "tiles give another proof than the frontier"


def accepted(part: Part, flipped: Iterable[int]) -> Iterator[str]:
    """Changes that make no difference to who verifies: there should be none."""
    return (f"bit {one} of {part.name} may be changed" for one in flipped if part.holds(one))


def _hashes(octets: bytes) -> list[bytes]:
    return split_hashes(octets, len(octets) // HASH_BYTES)
