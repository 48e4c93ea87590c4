"""The only ZIP that a bundle is: stored entries, one behind the other, fixed times, no comments, no extra fields, no gaps.

Names and content determine every octet of the file (APPNOTE 6.3.10, 4.3), so whoever reads it compares each octet with what would
be written, and no change can hide in headers, gaps or behind the end.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import IO, NamedTuple

MAX_BYTES = 2**32 - 2**20  # of the whole file: what needs no ZIP64
MAX_ENTRIES = 60_000
MAX_NAME_BYTES = 200
_PIECE_BYTES = 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = 0x04034B50, 0x02014B50, 0x06054B50
_VERSION, _FLAGS, _STORED, _TIME, _DATE = 10, 0, 0, 0, 0x21  # 1 January 1980: the first day there is


class NotCanonical(ValueError):
    """Not such a file; the text says where."""


class TooLarge(ValueError):
    """More than fits into one file."""


class Entry(NamedTuple):
    """`offset`: of its local header; `start`: of its content."""

    name: str
    size_bytes: int
    crc: int
    offset: int

    @property
    def start(self) -> int:
        return self.offset + _LOCAL.size + len(self.name)

    @property
    def end(self) -> int:
        return self.start + self.size_bytes


def is_name(name: str) -> bool:
    """Relative, of letters, digits and ._- alone, no part hidden or pointing upwards."""
    return len(name) <= MAX_NAME_BYTES and _NAME.fullmatch(name) is not None


class Writer:
    """Writes to `file`, which can be sought in and is empty. `close` completes it; the file stays open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._entries: list[Entry] = []
        self._names: set[str] = set()

    def add(self, name: str, pieces: Iterable[bytes]) -> Entry:
        """Raises TooLarge; ValueError for a name that may not be, or stands there already."""
        if not is_name(name) or name in self._names:
            raise ValueError(f"{name!r} is no name of an entry, or there is one already")
        if len(self._entries) >= MAX_ENTRIES:
            raise TooLarge(f"more than {MAX_ENTRIES} files")
        offset, crc, size = self._entries[-1].end if self._entries else 0, 0, 0
        self._file.write(bytes(_LOCAL.size + len(name)))
        for piece in pieces:
            size += len(piece)
            if offset + size > MAX_BYTES:
                raise TooLarge(f"more than {MAX_BYTES} bytes")
            crc = zlib.crc32(piece, crc)
            self._file.write(piece)
        entry = Entry(name, size, crc, offset)
        self._file.seek(offset)
        self._file.write(_local(entry))
        self._file.seek(entry.end)
        self._entries.append(entry)
        self._names.add(name)
        return entry

    def close(self) -> None:
        self._file.write(_directory(self._entries))


def read(file: IO[bytes]) -> tuple[Entry, ...]:
    """The entries of a file of which every octet is as `Writer` writes it. Content is read once, in pieces.

    Raises NotCanonical.
    """
    entries: list[Entry] = []
    names: set[str] = set()
    offset = 0
    while (mark := _taken(file, 4)) == _LOCAL_MARK.to_bytes(4, "little"):
        entry = _entry(file, mark, offset)
        if entry.name in names or len(names) >= MAX_ENTRIES:
            raise NotCanonical(f"{entry.name}: twice, or too many files")
        names.add(entry.name)
        entries.append(entry)
        offset = entry.end
    expected = _directory(entries)
    if mark + file.read(len(expected)) != expected:
        raise NotCanonical(f"octet {offset}: the directory of the container, or something behind it")
    return tuple(entries)


def content(file: IO[bytes], entry: Entry) -> Iterable[bytes]:
    """In pieces."""
    file.seek(entry.start)
    left = entry.size_bytes
    while left:
        piece = file.read(min(left, _PIECE_BYTES))
        if not piece:
            raise NotCanonical(f"{entry.name}: the file ends in it")
        left -= len(piece)
        yield piece


def _entry(file: IO[bytes], mark: bytes, offset: int) -> Entry:
    header = mark + _taken(file, _LOCAL.size - 4)
    crc, size, _, name_bytes = _LOCAL.unpack(header)[6:10]
    if not 0 < name_bytes <= MAX_NAME_BYTES or offset + size > MAX_BYTES:
        raise NotCanonical(f"octet {offset}: the header of a file")
    name = _taken(file, name_bytes)
    entry = Entry(name.decode("ascii", "replace"), size, crc, offset)
    if not is_name(entry.name) or header + name != _local(entry):
        raise NotCanonical(f"octet {offset}: the header of {entry.name!r}")
    found = 0
    for piece in content(file, entry):
        found = zlib.crc32(piece, found)
    if found != crc:
        raise NotCanonical(f"{entry.name}: its content does not fit its checksum")
    return entry


def _taken(file: IO[bytes], count: int) -> bytes:
    octets = file.read(count)
    if len(octets) != count:
        raise NotCanonical("the file ends too early")
    return octets


def _local(one: Entry) -> bytes:
    sizes = (one.crc, one.size_bytes, one.size_bytes, len(one.name), 0)
    return _LOCAL.pack(_LOCAL_MARK, _VERSION, _FLAGS, _STORED, _TIME, _DATE, *sizes) + one.name.encode("ascii")


def _directory(entries: Sequence[Entry]) -> bytes:
    """Central directory and its end."""
    rows = b"".join(map(_central, entries))
    start = entries[-1].end if entries else 0
    return rows + _END.pack(_END_MARK, 0, 0, len(entries), len(entries), len(rows), start, 0)


def _central(one: Entry) -> bytes:
    sizes = (one.crc, one.size_bytes, one.size_bytes, len(one.name), 0, 0, 0, 0, 0, one.offset)
    fixed = (_CENTRAL_MARK, _VERSION, _VERSION, _FLAGS, _STORED, _TIME, _DATE)
    return _CENTRAL.pack(*fixed, *sizes) + one.name.encode("ascii")
