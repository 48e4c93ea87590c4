"""Where attachments are kept."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from contracts.agency import AgencyCode


class BlobInfo(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    size_bytes: int


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload under way. `digest` is set once it is complete."""

    upload_id: str
    owner: AgencyCode
    length_bytes: int
    offset_bytes: int
    created_at: datetime
    metadata: dict[str, str]
    digest: str | None = None


class Blobs(Protocol):
    """Attachments: content-addressed, written once, streamed in constant memory. Completed means fsync'd."""

    async def create_upload(self, owner: AgencyCode, length_bytes: int, metadata: dict[str, str], now: datetime) -> Upload: ...

    async def upload(self, upload_id: str) -> Upload | None: ...

    async def append(
        self,
        upload_id: str,
        offset_bytes: int,
        chunks: AsyncIterator[bytes],
        checksum: tuple[Literal["sha1", "sha256"], bytes] | None,
    ) -> Upload:
        """Appends and returns the upload as it stands; at offset = length it is complete: `digest` is set and the blob exists.

        What arrived before the connection broke is kept, unless a checksum was given: then all or nothing.
        Raises ContractError "upload.unknown", "upload.offset_mismatch", "upload.locked", "upload.checksum_mismatch",
        "attachment.too_large" (more than the length announced), "attachment.digest_mismatch" (metadata "digest" differs; the
        upload is removed).
        """
        ...

    async def cancel_upload(self, upload_id: str) -> None:
        """Raises ContractError "upload.unknown"."""
        ...

    async def stat(self, digest: str) -> BlobInfo | None: ...

    def read(self, digest: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes start..end (end excluded) in chunks. Raises ContractError "attachment.unknown"."""
        ...

    def as_file(self, digest: str) -> AbstractAsyncContextManager[Path]:
        """The blob as a file on this machine for as long as the block lasts, for programs that read files. Read only.

        Raises ContractError "attachment.unknown".
        """
        ...

    async def delete(self, digest: str) -> bool:
        """Gone for good, on disk, when it returns; whether it was there. Who reads it just now may read it to its end."""
        ...

    async def sweep_uploads(self, older_than: datetime) -> int:
        """Removes unfinished uploads created before; how many."""
        ...

    async def free_bytes(self) -> int | None:
        """Room left, None when the store does not say."""
        ...
