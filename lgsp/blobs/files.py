"""What lies on disk, and the order in which it gets there. Blocking; `directory.py` calls it from threads.

    sha256/ab/cd/<64 hex>        a blob, complete and fsync'd, never written again
    uploads/<id>/meta.json       exists from the moment the upload does; names the digest once all bytes are there
    uploads/<id>/data            what has arrived so far; its size is the offset
    uploads/<id>/lock            held (flock) by the one request that writes

Killed on any line: an upload without meta.json never existed and is swept; one whose meta.json names a digest and whose data
still lies there is moved into place by whoever looks next.
"""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from contracts.errors import ContractError
from lgsp.ports import Upload

HASH_CHUNK_BYTES = 1024 * 1024
_ID = re.compile(r"[A-Za-z0-9_-]{24,64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """An upload without its offset, which is the size of its data."""

    owner: str
    length_bytes: int
    created_at: datetime
    metadata: dict[str, str]
    digest: str | None = None


class Layout:
    """Paths below one root. Ids and digests that are not of their shape have no path: "upload.unknown", "attachment.unknown"."""

    def __init__(self, root: Path) -> None:
        self.uploads = root / "uploads"
        self.blobs = root / "sha256"
        self.uploads.mkdir(parents=True, exist_ok=True)
        self.blobs.mkdir(parents=True, exist_ok=True)

    def upload(self, upload_id: str) -> Path:
        if not _ID.fullmatch(upload_id):
            raise ContractError("upload.unknown", "", "no such upload")
        return self.uploads / upload_id

    def blob(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ContractError("attachment.unknown", "", "no such attachment")
        name = digest.removeprefix("sha256:")
        return self.blobs / name[:2] / name[2:4] / name


def sync_directory(path: Path) -> None:
    """Makes names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_meta(folder: Path, meta: Meta) -> None:
    """Whole or not at all."""
    fresh = folder / "meta.new"
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(meta))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / "meta.json")
    sync_directory(folder)


def read_meta(folder: Path) -> Meta | None:
    try:
        return msgspec.json.decode((folder / "meta.json").read_bytes(), type=Meta)
    except FileNotFoundError:
        return None


def create(layout: Layout, upload_id: str, meta: Meta) -> None:
    folder = layout.upload(upload_id)
    folder.mkdir()
    (folder / "data").touch()
    write_meta(folder, meta)
    sync_directory(layout.uploads)


def standing(layout: Layout, upload_id: str) -> Upload | None:
    """The upload as it stands, an interrupted completion brought to its end."""
    folder = layout.upload(upload_id)
    meta = read_meta(folder)
    if meta is None:
        return None
    data = folder / "data"
    if meta.digest is not None:
        if data.exists():
            move_into_place(layout, data, meta.digest)
        return as_upload(upload_id, meta, meta.length_bytes)
    return as_upload(upload_id, meta, data.stat().st_size)


def as_upload(upload_id: str, meta: Meta, offset_bytes: int) -> Upload:
    return Upload(
        upload_id=upload_id,
        owner=meta.owner,  # type: ignore[arg-type]  # written by us from an AgencyCode
        length_bytes=meta.length_bytes,
        offset_bytes=offset_bytes,
        created_at=meta.created_at,
        metadata=meta.metadata,
        digest=meta.digest,
    )


def complete(layout: Layout, folder: Path, meta: Meta, digest: str) -> Meta:
    """All bytes are there and fsync'd: name the digest, then move the data. Raises ContractError "attachment.digest_mismatch"."""
    announced = meta.metadata.get("digest")
    if announced is not None and announced != digest:
        shutil.rmtree(folder)
        raise ContractError("attachment.digest_mismatch", "Upload-Metadata", f"the bytes have {digest}")
    done = msgspec.structs.replace(meta, digest=digest)
    write_meta(folder, done)
    move_into_place(layout, folder / "data", digest)
    return done


def move_into_place(layout: Layout, data: Path, digest: str) -> None:
    """A blob that is there already is the same bytes and stays."""
    blob = layout.blob(digest)
    for folder in (blob.parent.parent, blob.parent):
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            sync_directory(folder.parent)
    if blob.exists():
        data.unlink(missing_ok=True)
        return
    data.chmod(0o440)
    data.rename(blob)
    sync_directory(blob.parent)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer at a time, also among processes. Raises ContractError "upload.locked" or "upload.unknown"."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        raise ContractError("upload.unknown", "", "no such upload") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ContractError("upload.locked", "", "another request is writing to it") from None
        yield
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> "hashlib._Hash":
    """The running SHA-256 of what a file holds, read in pieces."""
    running = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            running.update(chunk)
    return running


def sweep(layout: Layout, older_than: datetime) -> int:
    """Removes uploads created before, and the remains of creations that never ended; counts those that were unfinished."""
    unfinished = 0
    for folder in layout.uploads.iterdir():
        meta = read_meta(folder)
        created = meta.created_at.timestamp() if meta is not None else folder.stat().st_mtime
        if created >= older_than.timestamp():
            continue
        if meta is not None and meta.digest is not None and (folder / "data").exists():
            move_into_place(layout, folder / "data", meta.digest)
        unfinished += meta is None or meta.digest is None
        shutil.rmtree(folder, ignore_errors=True)
    return unfinished
