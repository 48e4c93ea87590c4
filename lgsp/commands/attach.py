"""`lgsp send --attach`: files go up by tus before the envelope that names them; a broken connection costs one chunk."""

import asyncio
import base64
import mimetypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from contracts.envelope import Attachment
from lgsp.commands.client import HubClient
from lgsp.commands.common import Failed, Refused

CHUNK_BYTES = 4 * 1024 * 1024  # a quarter of a minute on a commune's line of 2 Mbps
_TRIES = 5
_PAUSE_S = 2.0
_TUS = {"Tus-Resumable": "1.0.0"}


async def upload(hub: HubClient, path: Path, sent: Callable[[int], None]) -> Attachment:
    """The file as an envelope names it. `sent` is told how many bytes more are safe. Raises Failed or Refused."""
    try:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            digest = await _Upload(hub, file, size_bytes, sent).run(path.name)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", "name a file that you may read") from None
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Attachment(digest=digest, size_bytes=size_bytes, media_type=media_type, name=path.name)


class _Upload:
    def __init__(self, hub: HubClient, file: BinaryIO, size_bytes: int, sent: Callable[[int], None]) -> None:
        self._hub = hub
        self._file = file
        self._size_bytes = size_bytes
        self._sent = sent
        self._safe_bytes = 0
        self._digest = ""

    async def run(self, name: str) -> str:
        encoded = base64.b64encode(name.encode()).decode("ascii")
        asked = _TUS | {"Upload-Length": str(self._size_bytes), "Upload-Metadata": f"filename {encoded}"}
        created = await self._hub.exchange("POST", "/v1/attachments", asked)
        place = created.headers["Location"]
        self._digest = created.headers.get("Lgsp-Digest", "")  # an empty file is complete at once
        tries = 0
        while not self._digest:
            before = self._safe_bytes
            try:
                await self._chunk(place)
            except Refused as refused:
                if not refused.problem.get("retryable") and refused.problem["code"] != "upload.offset_mismatch":
                    raise
                tries = await self._resumed(place, tries, refused)
            except Failed as failed:
                tries = await self._resumed(place, tries, failed)
            if self._safe_bytes > before:
                tries = 0
        return self._digest

    async def _chunk(self, place: str) -> None:
        self._file.seek(self._safe_bytes)
        headers = _TUS | {"Upload-Offset": str(self._safe_bytes), "Content-Type": "application/offset+octet-stream"}
        answer = await self._hub.exchange("PATCH", place, headers, data=self._file.read(CHUNK_BYTES))
        self._take(answer.headers["Upload-Offset"], answer.headers.get("Lgsp-Digest", ""))

    async def _resumed(self, place: str, tries: int, failed: Failed) -> int:
        """Asks how much arrived. Raises `failed` when nothing moves any more."""
        if tries + 1 >= _TRIES:
            raise failed
        await asyncio.sleep(_PAUSE_S * tries)
        try:
            head = await self._hub.exchange("HEAD", place, _TUS)
        except Refused:
            raise failed from None
        except Failed:
            return tries + 1
        self._take(head.headers["Upload-Offset"], head.headers.get("Lgsp-Digest", ""))
        return tries + 1

    def _take(self, offset: str, digest: str) -> None:
        self._sent(int(offset) - self._safe_bytes)
        self._safe_bytes, self._digest = int(offset), digest
