"""Writing one archive file. Memory does not grow with its size. Blocking; called from threads."""

import hashlib
import os
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from contracts.agency import AgencyCode
from lgsp.core.archive import MANIFEST, Entry, Manifest, Member, file_name
from lgsp.durable import make_folder, sync_folder

PIECE_BYTES = 512 * 1024
_MADE = (1980, 1, 1, 0, 0, 0)  # times of members say nothing: the manifest has the time of the file


class ArchiveWriter:
    """Writes into `.lgsp-000007.draft`; `finish` gives the file its name. A draft that a crash left behind is written over."""

    def __init__(self, folder: Path, number: int) -> None:
        make_folder(folder.absolute())
        self._path = folder / file_name(number)
        self._draft = folder / f".{file_name(number)}.draft"
        self._number = number
        self._file = os.fdopen(os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb")
        self._zip = zipfile.ZipFile(self._file, "w", compresslevel=6)
        self._members: list[Member] = []
        self._names: set[str] = set()

    def has(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str, pieces: Iterable[bytes], *, packed: bool = True) -> None:
        """A member. `packed` False: it is stored as it is, for what is compressed already."""
        info = zipfile.ZipInfo(name, _MADE)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        running, size_bytes = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as member:
            for piece in pieces:
                member.write(piece)
                running.update(piece)
                size_bytes += len(piece)
        self._names.add(name)
        self._members.append(Member(name=name, size_bytes=size_bytes, sha256=f"sha256:{running.hexdigest()}"))

    def finish(self, hub: AgencyCode, previous: str | None, made_at: datetime, envelopes: Iterable[Entry]) -> Path:
        """Writes the manifest; when it returns, the whole file is on disk under its name."""
        manifest = Manifest(
            hub=hub,
            number=self._number,
            previous=previous,
            made_at=made_at,
            envelopes=tuple(envelopes),
            members=tuple(self._members),
        )
        self.add(MANIFEST, (manifest.octets,))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self._path)
        sync_folder(self._path.parent)
        return self._path

    def abandon(self) -> None:
        """After an error: the draft goes."""
        with suppress(ValueError, OSError):
            self._zip.close()
        self._file.close()
        self._draft.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Of the whole file."""
    running = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            running.update(piece)
    return f"sha256:{running.hexdigest()}"
