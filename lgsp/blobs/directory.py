"""`lgsp.ports.Blobs` on a directory: content-addressed, streamed with a running digest, never more than a piece in memory."""

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Literal

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from lgsp.blobs import files
from lgsp.blobs.files import Layout, Meta
from lgsp.log import get_logger
from lgsp.ports import BlobInfo, Upload

log = get_logger()

_WRITE_BYTES = 512 * 1024
_READ_BYTES = 256 * 1024
_REMEMBERED = 1000  # running digests of uploads under way; a forgotten one is computed again from the file

Checksum = tuple[Literal["sha1", "sha256"], bytes]


class DirectoryBlobs:
    """`max_bytes`: the largest attachment."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._layout = Layout(root)
        self._max_bytes = max_bytes
        self._running: dict[str, tuple[int, hashlib._Hash]] = {}  # upload id -> offset, digest up to there

    async def create_upload(self, owner: AgencyCode, length_bytes: int, metadata: dict[str, str], now: datetime) -> Upload:
        if length_bytes > self._max_bytes:
            raise ContractError("attachment.too_large", "Upload-Length", f"{length_bytes} bytes, {self._max_bytes} allowed")
        upload_id = secrets.token_urlsafe(24)
        meta = Meta(owner=owner, length_bytes=length_bytes, created_at=now, metadata=metadata)
        await asyncio.to_thread(files.create, self._layout, upload_id, meta)
        if length_bytes == 0:
            return await self.append(upload_id, 0, _nothing(), None)
        return files.as_upload(upload_id, meta, 0)

    async def upload(self, upload_id: str) -> Upload | None:
        try:
            return await asyncio.to_thread(files.standing, self._layout, upload_id)
        except ContractError:
            return None

    async def append(self, upload_id: str, offset_bytes: int, chunks: AsyncIterator[bytes], checksum: Checksum | None) -> Upload:
        folder = self._layout.upload(upload_id)
        with ExitStack() as stack:
            stack.enter_context(files.locked(folder))
            before = await asyncio.to_thread(files.standing, self._layout, upload_id)
            if before is None:
                raise ContractError("upload.unknown", "", "no such upload")
            if before.offset_bytes != offset_bytes:
                detail = f"the upload stands at {before.offset_bytes}"
                raise ContractError("upload.offset_mismatch", "Upload-Offset", detail)
            if before.digest is not None:
                return before
            writer = _Writer(folder / "data", offset_bytes, await self._digest_until(upload_id, folder, offset_bytes))
            try:
                await self._receive(writer, before.length_bytes, chunks, checksum)
            finally:  # after an interruption the file alone knows how far it got: nothing is remembered
                await writer.close()
            self._remember(upload_id, writer.offset_bytes, writer.digest)
            return await self._standing_after(upload_id, folder, writer)

    async def cancel_upload(self, upload_id: str) -> None:
        folder = self._layout.upload(upload_id)
        with files.locked(folder):
            self._running.pop(upload_id, None)
            await asyncio.to_thread(shutil.rmtree, folder)

    async def stat(self, digest: str) -> BlobInfo | None:
        try:
            size_bytes = (await asyncio.to_thread(self._layout.blob(digest).stat)).st_size
        except (ContractError, FileNotFoundError):
            return None
        return BlobInfo(digest=digest, size_bytes=size_bytes)

    async def read(self, digest: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        try:
            file = await asyncio.to_thread(self._layout.blob(digest).open, "rb")
        except FileNotFoundError:
            raise ContractError("attachment.unknown", "", "no such attachment") from None
        with file:
            await asyncio.to_thread(file.seek, start)
            left = None if end is None else end - start
            while left is None or left > 0:
                chunk = await asyncio.to_thread(file.read, _READ_BYTES if left is None else min(left, _READ_BYTES))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk

    async def put(self, chunks: AsyncIterator[bytes]) -> BlobInfo:
        folder = self._layout.upload(secrets.token_urlsafe(24))
        await asyncio.to_thread(folder.mkdir)
        try:
            await asyncio.to_thread((folder / "data").touch)
            writer = _Writer(folder / "data", 0, hashlib.sha256())
            try:
                async for chunk in chunks:
                    if writer.offset_bytes + len(chunk) > self._max_bytes:
                        raise ContractError("attachment.too_large", "", f"more than {self._max_bytes} bytes")
                    await writer.write(chunk)
            finally:
                await writer.close()
            digest = "sha256:" + writer.digest.hexdigest()
            await asyncio.to_thread(files.move_into_place, self._layout, folder / "data", digest)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder)
        return BlobInfo(digest=digest, size_bytes=writer.offset_bytes)

    async def sweep_uploads(self, older_than: datetime) -> int:
        return await asyncio.to_thread(files.sweep, self._layout, older_than)

    async def free_bytes(self) -> int | None:
        return (await asyncio.to_thread(shutil.disk_usage, self._root)).free

    async def _receive(
        self, writer: "_Writer", length_bytes: int, chunks: AsyncIterator[bytes], checksum: Checksum | None
    ) -> None:
        """With a checksum all or nothing; without one, what arrived before the connection broke stays."""
        begin = writer.mark()
        check = hashlib.new(checksum[0], usedforsecurity=False) if checksum is not None else None
        try:
            async for chunk in chunks:
                if writer.offset_bytes + len(chunk) > length_bytes:
                    await writer.back_to(begin)
                    raise ContractError("attachment.too_large", "Upload-Length", f"more than the {length_bytes} bytes announced")
                if check is not None:
                    check.update(chunk)
                await writer.write(chunk)
        except BaseException:
            if check is not None:
                await writer.back_to(begin)
            raise
        if check is not None and checksum is not None and not secrets.compare_digest(check.digest(), checksum[1]):
            await writer.back_to(begin)
            raise ContractError("upload.checksum_mismatch", "Upload-Checksum", "these bytes are not those that were sent")

    async def _standing_after(self, upload_id: str, folder: Path, writer: "_Writer") -> Upload:
        meta = await asyncio.to_thread(files.read_meta, folder)
        assert meta is not None
        if writer.offset_bytes == meta.length_bytes:
            self._running.pop(upload_id, None)
            digest = "sha256:" + writer.digest.hexdigest()
            meta = await asyncio.to_thread(files.complete, self._layout, folder, meta, digest)
            log.info("blob.stored", digest=digest, size_bytes=meta.length_bytes, agency=meta.owner)
        return files.as_upload(upload_id, meta, writer.offset_bytes)

    async def _digest_until(self, upload_id: str, folder: Path, offset_bytes: int) -> "hashlib._Hash":
        at, digest = self._running.pop(upload_id, (-1, None))
        if digest is not None and at == offset_bytes:
            return digest
        return await asyncio.to_thread(files.digest_of, folder / "data")

    def _remember(self, upload_id: str, offset_bytes: int, digest: "hashlib._Hash") -> None:
        if len(self._running) >= _REMEMBERED:
            self._running.pop(next(iter(self._running)))
        self._running[upload_id] = (offset_bytes, digest)


class _Writer:
    """Appends to a file in large pieces, in threads; the digest runs along."""

    def __init__(self, path: Path, offset_bytes: int, digest: "hashlib._Hash") -> None:
        self._file = path.open("r+b", buffering=0)
        self._file.seek(offset_bytes)
        self._pending = bytearray()
        self.offset_bytes = offset_bytes
        self.digest = digest

    async def write(self, chunk: bytes) -> None:
        self._pending += chunk
        self.offset_bytes += len(chunk)
        if len(self._pending) >= _WRITE_BYTES:
            await self._flush()

    def mark(self) -> "tuple[int, hashlib._Hash]":
        """Where a later `back_to` returns; to be taken before anything was written."""
        return self.offset_bytes, self.digest.copy()

    async def back_to(self, mark: "tuple[int, hashlib._Hash]") -> None:
        """Forgets everything written since the mark."""
        self._pending.clear()
        self.offset_bytes, self.digest = mark[0], mark[1].copy()
        await asyncio.to_thread(self._file.truncate, self.offset_bytes)
        self._file.seek(self.offset_bytes)

    async def close(self) -> None:
        """What was written is on disk when it returns."""
        try:
            await self._flush()
            await asyncio.to_thread(os.fsync, self._file.fileno())
        finally:
            self._file.close()

    async def _flush(self) -> None:
        pending, self._pending = self._pending, bytearray()
        if pending:
            await asyncio.to_thread(self._write_and_hash, pending)

    def _write_and_hash(self, octets: bytearray) -> None:
        view = memoryview(octets)
        while view:
            view = view[self._file.write(view) :]
        self.digest.update(octets)


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for chunk in empty:
        yield chunk
