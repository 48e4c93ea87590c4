"""Reading archive files back, as strangers' files: nothing is believed before it is checked, no member is read beyond the size
that the manifest gives it. Blocking."""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lgsp.archive.writer import PIECE_BYTES, sha256_of
from lgsp.core.archive import MANIFEST, MAX_MANIFEST_BYTES, ArchiveInvalid, Link, Manifest, Member, number_of, read_manifest

# What zipfile raises at what is no ZIP file, or no longer one; OSError for an offset that lies before the file.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


class ArchiveFile:
    """One file. `open` raises ArchiveInvalid or FileNotFoundError."""

    def __init__(self, opened: zipfile.ZipFile, manifest: Manifest) -> None:
        self._zip = opened
        self.manifest = manifest
        self._members = {one.name: one for one in manifest.members}

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["ArchiveFile"]:
        try:
            opened = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise
        except _BROKEN as error:
            raise ArchiveInvalid(f"no ZIP file: {error}") from None
        with opened:
            yield cls(opened, _manifest(opened, path))

    def read(self, name: str) -> bytes:
        """A member that is small. Raises ArchiveInvalid where it is missing or not what the manifest says."""
        return b"".join(self.pieces(self._member(name)))

    def pieces(self, member: Member) -> Iterator[bytes]:
        """Of a member; raises ArchiveInvalid, at the end at the latest, where it is not what the manifest says."""
        running, left = hashlib.sha256(), member.size_bytes
        try:
            with self._zip.open(member.name) as opened:
                while piece := opened.read(min(PIECE_BYTES, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        raise ArchiveInvalid(f"{member.name}: more than {member.size_bytes} bytes")
                    running.update(piece)
                    yield piece
        except ArchiveInvalid:
            raise
        except (KeyError, *_BROKEN) as error:
            raise ArchiveInvalid(f"{member.name}: {error}") from None
        if left or f"sha256:{running.hexdigest()}" != member.sha256:
            raise ArchiveInvalid(f"{member.name}: not the octets that the manifest names")

    def problems(self) -> Iterator[str]:
        """Every member that is missing, too many or changed."""
        found = [name for name in self._zip.namelist() if name != MANIFEST]
        for name in sorted(set(found) - self._members.keys()):
            yield f"{name}: not in the manifest"
        if len(set(found)) != len(found):
            yield "a member stands twice"
        for member in self.manifest.members:
            try:
                for _ in self.pieces(member):
                    pass
            except ArchiveInvalid as error:
                yield str(error)

    def has(self, name: str) -> bool:
        return name in self._members

    def _member(self, name: str) -> Member:
        if name not in self._members:
            raise ArchiveInvalid(f"{name}: missing")
        return self._members[name]


def link_of(path: Path) -> Link:
    """The file as a link of the chain, its members unchecked. Raises ArchiveInvalid or FileNotFoundError."""
    with ArchiveFile.open(path) as opened:
        return Link(name=path.name, manifest=opened.manifest, sha256=sha256_of(path))


def archives_in(folder: Path) -> list[Path]:
    """By number. Raises OSError."""
    numbered = sorted((number, path) for path in folder.iterdir() if (number := number_of(path.name)) is not None)
    return [path for _, path in numbered]


def _manifest(opened: zipfile.ZipFile, path: Path) -> Manifest:
    try:
        info = opened.getinfo(MANIFEST)
        if info.file_size > MAX_MANIFEST_BYTES:
            raise ArchiveInvalid(f"{MANIFEST}: more than {MAX_MANIFEST_BYTES} bytes")
        with opened.open(info) as member:
            manifest = read_manifest(member.read(MAX_MANIFEST_BYTES))
    except ArchiveInvalid:
        raise
    except (KeyError, *_BROKEN) as error:
        raise ArchiveInvalid(f"{MANIFEST}: {error}") from None
    if number_of(path.name) not in (None, manifest.number):
        raise ArchiveInvalid(f"{MANIFEST}: of the archive with number {manifest.number}")
    return manifest
