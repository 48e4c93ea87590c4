"""A log as files, as C2SP tlog-tiles lays them out, written by the hub's own library; and a server for them on loopback.

Below `at/<size>/` it is served as it was at that size, which is what a client sees of a log that grows: the same tiles, other
checkpoints.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from re import compile as compiled
from threading import Thread

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lgsp.core.log.checkpoint import Checkpoint, sign_checkpoint
from lgsp.core.log.cosignature import cosign
from lgsp.core.log.frontier import Appended, Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.note import KeyType, NoteVerifier
from lgsp.core.log.proof import LogProof
from lgsp.core.log.tile_paths import ENTRIES, Tile, encode_entries, tiles_of
from lgsp.core.log.tiles import prove_inclusion

_AT = compiled(r"^/at/([0-9]+)/checkpoint$")
_WITHIN = compiled(r"^/at/[0-9]+/")


class Key:
    """Of a log, or of a witness."""

    def __init__(self, name: str, seed: int, kind: KeyType = KeyType.ED25519) -> None:
        private = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32))
        self.verifier = NoteVerifier(name, private.public_key().public_bytes_raw(), kind)
        self.sign = private.sign


class Publisher:
    """Grows the log to each of the sizes in turn, and writes what a hub would publish then."""

    def __init__(self, folder: Path, key: Key, witnesses: Sequence[Key]) -> None:
        self.folder, self._key, self._witnesses = folder, key, witnesses
        self._entries: list[bytes] = []
        self._levels: dict[int, list[bytes]] = {0: []}
        self._head = Frontier()

    def grow(self, sizes: Sequence[int]) -> None:
        for begin, end in pairwise((0, *sizes)):
            entries = [b'{"v":1,"event":"test","number":%d}' % number for number in range(begin, end)]
            self._append(entries)
            self._publish(begin)

    def _append(self, entries: list[bytes]) -> None:
        self._entries += entries
        hashes = [leaf_hash(one) for one in entries]
        self._levels[0] += hashes
        appended = append(self._head, hashes)
        for level, _, one in appended.nodes:
            self._levels.setdefault(level, []).append(one)
        self._head = appended.after
        self._prove(appended)

    def _publish(self, before: int) -> None:
        for level in (ENTRIES, *self._levels):
            for tile in tiles_of(self._head.size, level):
                if not tile.is_in(before):
                    self._write(tile.path, self._octets(tile))
        self._write(f"checkpoints/{self._head.size}", self.checkpoint().encode())

    def _octets(self, tile: Tile) -> bytes:
        end = tile.first + tile.width
        if tile.level == ENTRIES:
            return encode_entries(self._entries[tile.first : end])
        return b"".join(self._levels[tile.level][tile.first : end])

    def checkpoint(self) -> str:
        head = Checkpoint(self._key.verifier.name, self._head.size, self._head.root)
        lines = (cosign(head, one.verifier, 1_700_000_000 + self._head.size, one.sign) for one in self._witnesses)
        return sign_checkpoint(head, self._key.verifier, self._key.sign) + "".join(lines)

    def _prove(self, appended: Appended) -> None:
        """As receipts do: the first and the last of what was appended, from the frontier; and an old one, from tiles."""
        size = appended.after.size
        proofs = {index: appended.proof(index) for index in (appended.before.size, size - 1)}
        proofs[size // 2] = prove_inclusion(
            size // 2, size, lambda level, first, length: self._levels[level][first : first + length]
        )
        for index, hashes in proofs.items():
            self._write(f"proofs/{size}-{index}.entry", self._entries[index])
            self._write(f"proofs/{size}-{index}.tlog-proof", LogProof(index, hashes, self.checkpoint(), b"extra").text.encode())

    def _write(self, path: str, octets: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two segments, the second of which would wait for an acknowledgement

    def translate_path(self, path: str) -> str:
        return super().translate_path(_WITHIN.sub("/", _AT.sub(r"/checkpoints/\1", path)))

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address."""

    def handler(*arguments: object) -> _Handler:
        return _Handler(*arguments, directory=str(folder))  # type: ignore[arg-type]

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:  # type: ignore[arg-type]
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
