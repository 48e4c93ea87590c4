"""Archives with one file inside: the national bus's library wraps every attachment in one, named after a UUID."""

import io
import struct
import zipfile
import zlib

from contracts.edxml.media import extension
from contracts.errors import ContractError

_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_COMMENT = 65_535  # bytes that may follow the end record
_DIRECTORY = 8 * 1024  # bytes of a directory with one entry
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_SMALL = 10 * 1024 * 1024  # what grows to less is no danger however much it grows: a blank scan
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, struct.error, OverflowError)
_FAST = 1  # of nine: documents are compressed already
# Their own container is an archive, too: one of these with one file inside is what was meant, unless that file is named like it.
_ARCHIVES = frozenset({"zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "jar", "epub"})
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows; a clock would make the same file differ


def only_entry(octets: bytes, ending: str) -> zipfile.ZipInfo | None:
    """What the directory says of the one plain file of an archive. None: it is none such; encrypted, broken or packed by a rare
    method it stays packed, as does one that is attached as an archive (`ending` of its name) and holds something else."""
    if not octets.startswith(b"PK\x03\x04") or not _one_entry(octets):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            entries = archive.infolist()
    except _BROKEN:
        return None
    return entries[0] if len(entries) == 1 and _plain(entries[0]) and not _is_archive(ending, entries[0].filename) else None


def check_entry(entry: zipfile.ZipInfo, place: str, *, most_bytes: int, most_ratio: int) -> None:
    """By what the directory says. Raises ContractError "edxml.archive_expands" or "attachment.too_large"."""
    if entry.file_size > _SMALL and entry.file_size > most_ratio * max(1, entry.compress_size):
        raise ContractError("edxml.archive_expands", place, f"unpacks to more than {most_ratio} times its size")
    if entry.file_size > most_bytes:
        raise ContractError("attachment.too_large", place, f"unpacks to more than {most_bytes} bytes")


def unpacked(octets: bytes, entry: zipfile.ZipInfo) -> bytes | None:
    """The file, no more of it than its directory said; None: it is not what that said. Asked for all there is, the library would
    unpack it before it looks at the size."""
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive, archive.open(entry) as stream:
            return stream.read(entry.file_size + 1)
    except _BROKEN:
        return None


def archive_of(name: str, octets: bytes) -> bytes:
    """An archive with this one file inside; the same octets for the same file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, _EPOCH), octets, zipfile.ZIP_DEFLATED, _FAST)
    return packed.getvalue()


def _one_entry(octets: bytes) -> bool:
    """By the end records, so that no directory of 100,000 entries is read to find that out."""
    end = octets.rfind(_END, max(0, len(octets) - 22 - _COMMENT))
    if end < 0 or len(octets) - end < 22:
        return False
    entries, directory = struct.unpack_from("<H", octets, end + 10)[0], struct.unpack_from("<L", octets, end + 12)[0]
    if octets[max(0, end - 20) : end].startswith(_LOCATOR_64):
        at = octets.rfind(_END_64, max(0, end - 20 - 4096), end - 20)
        if at < 0 or at + 48 > len(octets):
            return False
        entries, directory = struct.unpack_from("<QQ", octets, at + 32)
    return bool(entries == 1 and directory <= _DIRECTORY)


def _is_archive(ending: str, inside: str) -> bool:
    return ending in _ARCHIVES and extension(inside) != ending


def _plain(entry: zipfile.ZipInfo) -> bool:
    encrypted = entry.flag_bits & 0x1
    return not encrypted and not entry.is_dir() and entry.compress_type in _METHODS
