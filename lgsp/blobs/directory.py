"""Attachments in a folder: `sha256/ab/cd/<hex>` for blobs, `uploads/<id>/` for uploads.

Local or shared by several hosts: it needs rename, hard links, fsync and flock, as local file systems and NFS have them.
"""

import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from io import FileIO
from pathlib import Path

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from lgsp import durable
from lgsp.blobs.files import PIECE_BYTES, in_thread
from lgsp.blobs.uploads import Appending, Checksum, Digests, UploadFolder, blob_path
from lgsp.ports import BlobInfo, Upload

_UPLOAD_ID = re.compile(r"[0-9A-Za-z_-]{43}")  # 32 unguessable bytes; nothing a path could be made of
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class DirectoryBlobs:
    """Any number of processes may share the folder. Raises Unavailable when the disk is full or gone."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._uploads = root / "uploads"
        self._max_bytes = max_bytes
        self._digests = Digests()
        durable.make_folder(self._uploads.absolute())

    async def create_upload(self, owner: AgencyCode, length_bytes: int, metadata: dict[str, str], now: datetime) -> Upload:
        """Raises ContractError "attachment.too_large" for more than `max_bytes`."""
        if not 0 <= length_bytes <= self._max_bytes:
            raise ContractError("attachment.too_large", "", f"0 to {self._max_bytes} bytes")
        upload = Upload(
            upload_id=secrets.token_urlsafe(32),
            owner=owner,
            length_bytes=length_bytes,
            offset_bytes=0,
            created_at=now,
            metadata=metadata,
        )
        await in_thread(self._folder(upload.upload_id).create, upload)
        return upload

    async def upload(self, upload_id: str) -> Upload | None:
        return await in_thread(self._folder(upload_id).load) if _UPLOAD_ID.fullmatch(upload_id) else None

    async def append(self, upload_id: str, offset_bytes: int, chunks: AsyncIterator[bytes], checksum: Checksum | None) -> Upload:
        appending = Appending(self._known(upload_id), checksum, self._digests)
        buffer = bytearray()
        try:
            await in_thread(appending.open, offset_bytes)
            async for chunk in chunks:
                buffer += chunk
                if len(buffer) >= PIECE_BYTES:
                    piece = bytes(buffer)
                    buffer.clear()
                    await in_thread(appending.write, piece)
        except BaseException:
            await in_thread(appending.break_off, bytes(buffer))
            raise
        else:
            return await in_thread(appending.finish, bytes(buffer))
        finally:
            await in_thread(appending.close)

    async def cancel_upload(self, upload_id: str) -> None:
        """Raises ContractError "upload.unknown", or "upload.locked" while a chunk is being written."""
        await in_thread(_cancel, self._known(upload_id))

    async def stat(self, digest: str) -> BlobInfo | None:
        return await in_thread(self._stat, digest) if _DIGEST.fullmatch(digest) else None

    async def read(self, digest: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if not _DIGEST.fullmatch(digest):
            raise ContractError("attachment.unknown")
        file = await in_thread(_open_at, blob_path(self._root, digest), start)
        try:
            left = (1 << 62) if end is None else end - start
            while left > 0 and (piece := await in_thread(file.read, min(PIECE_BYTES, left))):
                left -= len(piece)
                yield piece
        finally:
            file.close()

    @asynccontextmanager
    async def as_file(self, digest: str) -> AsyncIterator[Path]:
        if await self.stat(digest) is None:
            raise ContractError("attachment.unknown")
        yield blob_path(self._root, digest)

    async def delete(self, digest: str) -> bool:
        return await in_thread(self._delete, digest) if _DIGEST.fullmatch(digest) else False

    async def sweep_uploads(self, older_than: datetime) -> int:
        """Also takes away records of finished uploads and what crashes left behind; only unfinished uploads are counted."""
        return await in_thread(self._sweep, older_than)

    async def free_bytes(self) -> int | None:
        return (await in_thread(shutil.disk_usage, self._root)).free

    def _folder(self, upload_id: str) -> UploadFolder:
        return UploadFolder(self._uploads / upload_id, self._root)

    def _known(self, upload_id: str) -> UploadFolder:
        if not _UPLOAD_ID.fullmatch(upload_id):
            raise ContractError("upload.unknown")
        return self._folder(upload_id)

    def _stat(self, digest: str) -> BlobInfo | None:
        try:
            return BlobInfo(digest=digest, size_bytes=blob_path(self._root, digest).stat().st_size)
        except FileNotFoundError:
            return None

    def _delete(self, digest: str) -> bool:
        path = blob_path(self._root, digest)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        durable.sync_folder(path.parent)
        return True

    def _sweep(self, older_than: datetime) -> int:
        removed = 0
        for path in self._uploads.iterdir():
            removed += _sweep_one(UploadFolder(path, self._root), older_than)
        return removed


def _cancel(folder: UploadFolder) -> None:
    lock = folder.lock()
    try:
        if folder.load() is None:
            raise ContractError("upload.unknown")
        folder.remove()
    finally:
        os.close(lock)


def _sweep_one(folder: UploadFolder, older_than: datetime) -> bool:
    """Whether an unfinished upload was removed. One that is being written to is left alone, one that another process removes at
    the same moment is gone."""
    try:
        lock = folder.lock()
    except ContractError:
        return False
    try:
        upload = _readable(folder)
        since = upload.created_at.timestamp() if upload is not None else folder.path.stat().st_mtime
        if since >= older_than.timestamp():
            return False
        folder.remove()
        return upload is not None and upload.digest is None
    except FileNotFoundError:
        return False
    finally:
        os.close(lock)


def _readable(folder: UploadFolder) -> Upload | None:
    """None for a folder without a usable record: left by a crash, or damaged."""
    try:
        return folder.load()
    except OSError:
        return None


def _open_at(blob: Path, start: int) -> FileIO:
    try:
        file = FileIO(blob)
    except FileNotFoundError:
        raise ContractError("attachment.unknown") from None
    file.seek(start)
    return file
