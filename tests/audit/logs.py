"""A log in memory: leaves, heads signed by its key, proofs, tiles."""

import base64
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lgsp.core.log.checkpoint import Checkpoint, sign_checkpoint
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.note import NoteVerifier
from lgsp.core.log.tile_paths import ENTRIES, encode_entries, parse_path, tiles_of
from lgsp.core.log.tiles import complete_root, prove_consistency


class Log:
    """`salt`: two logs of one salt have the same leaves."""

    def __init__(self, origin: str, size: int, key: Ed25519PrivateKey | None = None, salt: bytes = b"") -> None:
        self.origin, self.salt = origin, salt
        self.key = key or Ed25519PrivateKey.generate()
        self.leaves = [b"entry %b %d" % (salt, number) for number in range(size)]

    @property
    def verifier(self) -> NoteVerifier:
        return NoteVerifier(self.origin, self.key.public_key().public_bytes_raw())

    @cached_property
    def hashes(self) -> list[bytes]:
        return [leaf_hash(one) for one in self.leaves]

    def __len__(self) -> int:
        return len(self.leaves)

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, append(Frontier(), self.hashes[:size]).after.root)

    def note(self, size: int) -> bytes:
        return sign_checkpoint(self.checkpoint(size), self.verifier, self.key.sign).encode()

    def proof(self, first: int, second: int) -> Sequence[bytes]:
        return prove_consistency(first, second, self.read)

    def read(self, level: int, first: int, count: int) -> list[bytes]:
        """Hashes of a tile level."""
        width = 256**level
        return [complete_root(self.hashes[number * width : (number + 1) * width]) for number in range(first, first + count)]

    def write(self, folder: Path, size: int) -> None:
        """Everything that is served of the tree of this size, in files."""
        levels = [ENTRIES, *(level for level in range(8) if size >> 8 * level)]
        for path in ("checkpoint", *(tile.path for level in levels for tile in tiles_of(size, level))):
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.note(size) if path == "checkpoint" else self.resource(path))

    def resource(self, path: str) -> bytes:
        """What is served at the path of a tile or bundle."""
        tile = parse_path(path)
        if tile.level == ENTRIES:
            return encode_entries(self.leaves[tile.first : tile.first + tile.width])
        return b"".join(self.read(tile.level, tile.first, tile.width))


def submission(log: Log, old: int, new: int, proof: Sequence[bytes] | None = None) -> bytes:
    """The body of POST /add-checkpoint."""
    hashes = log.proof(old, new) if proof is None and 0 < old < new else proof or ()
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in hashes)]
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + log.note(new)
