"""The last head that was signed, kept beside the database: whoever puts an old database back must not sign a second history.

One file for each process that signs, with two slots that are written in turn: whatever kills the process, one of them is whole. A
write is in the hands of the operating system before a signature leaves, so nothing that ends the process takes it back; `sync`
brings it to the disk, for what ends the machine.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from lgsp.core.log.frontier import Frontier
from lgsp.durable import replace_file
from lgsp.errors import Unavailable

_SLOT_BYTES = 8192
_NAME = "signed"
_MOST_PROCESSES = 1000


class HeadFileUnusable(Unavailable):
    """The file cannot be read or written, or every slot of it is damaged: without it nothing is signed."""

    code = "hub.signing_unavailable"


class SignedHead(msgspec.Struct, frozen=True, kw_only=True):
    """A tree that was signed under this name."""

    origin: str
    tree: Frontier


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(SignedHead)


class HeadFile:
    """Of one process, which holds its lock. `known`: the heads in all files of the folder when it was opened."""

    def __init__(self, descriptor: int, path: Path, known: list[SignedHead]) -> None:
        self._descriptor, self._path, self._slot = descriptor, path, 0
        self.known: Sequence[SignedHead] = known

    @classmethod
    def open(cls, folder: Path) -> "HeadFile":
        """The first file that no other process holds, made when there is none. Raises HeadFileUnusable."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(_MOST_PROCESSES):
                path = folder / f"{_NAME}.{number}"
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                    continue
                _hand_over(descriptor, folder)
                return cls(descriptor, path, list(heads_in(folder)))
        except OSError as error:
            raise HeadFileUnusable(f"{error.filename or folder}: {error.strerror}") from error
        raise HeadFileUnusable(f"{folder}: {_MOST_PROCESSES} processes hold a file in it")

    def write(self, head: SignedHead) -> None:
        """Raises HeadFileUnusable."""
        try:
            os.pwrite(self._descriptor, _slot(head), self._slot * _SLOT_BYTES)
        except OSError as error:
            raise HeadFileUnusable(f"{self._path}: {error.strerror}") from error
        self._slot ^= 1

    def sync(self) -> None:
        """Raises HeadFileUnusable."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise HeadFileUnusable(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        self.sync()
        os.close(self._descriptor)


def _hand_over(descriptor: int, folder: Path) -> None:
    """What root makes here belongs to whom the folder belongs to: the hub must be able to open it afterwards."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def heads_in(folder: Path) -> Iterator[SignedHead]:
    """The newest of each file and origin. Raises HeadFileUnusable for a file in which something stands and nothing is whole."""
    for path in sorted(folder.glob(f"{_NAME}.*")):
        octets = path.read_bytes()
        slots = [_read(octets[start : start + _SLOT_BYTES]) for start in range(0, len(octets), _SLOT_BYTES)]
        whole = [one for one in slots if one is not None]
        if octets and not whole:
            raise HeadFileUnusable(f"{path}: damaged; put it back from a backup, or see the runbook under “log”")
        yield from {one.origin: one for one in sorted(whole, key=lambda one: one.tree.size)}.values()


def close_log(folder: Path, heads: Sequence[SignedHead], name: str) -> None:
    """Keeps for ever what was signed of a log that nobody continues: `signed.<name>`. Raises OSError."""
    replace_file(folder / f"{_NAME}.{name}", b"".join(map(_slot, heads)))


def in_use(folder: Path) -> bool:
    """Whether a process that signs holds a file of the folder."""
    for path in folder.glob(f"{_NAME}.*"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def _slot(head: SignedHead) -> bytes:
    text = _encode(head)
    octets = hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"
    return octets.ljust(_SLOT_BYTES, b"\n")


def _read(slot: bytes) -> SignedHead | None:
    digest, _, text = slot.rstrip(b"\n").partition(b" ")
    if hashlib.sha256(text).hexdigest().encode() != digest:
        return None
    return _decoder.decode(text)
