"""Large bodies wait on disk until they are whole: who sends slowly holds a file, not memory and not a place that others need."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from aiohttp import web

from lgsp.errors import Unavailable
from lgsp.http.reading import RECEIVED, check_plain, paced, too_large

_PIECE_BYTES = 2**20


class Spooled:
    """A body that has come whole."""

    def __init__(self, request: web.Request, file: IO[bytes]) -> None:
        self._request, self._file = request, file

    async def octets(self) -> bytes:
        """In memory from now on."""
        octets = self._request[RECEIVED] = await asyncio.to_thread(_whole, self._file)
        return octets


@asynccontextmanager
async def spooled(request: web.Request, limit_bytes: int, folder: Path) -> AsyncIterator[Spooled]:
    """The body, at most `limit_bytes`, in a file without a name in `folder`.

    Raises as `reading.read_body`, and Unavailable when the disk does not take it.
    """
    check_plain(request)
    if (request.content_length or 0) > limit_bytes:
        raise too_large(request.content_length or 0, limit_bytes)
    try:
        file = await asyncio.to_thread(_nameless, folder)
    except OSError as error:
        raise Unavailable(str(error)) from error
    with file:
        await _received(request, limit_bytes, file)
        yield Spooled(request, file)


def _nameless(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder)


async def _received(request: web.Request, limit_bytes: int, file: IO[bytes]) -> None:
    total, piece = 0, bytearray()
    async for chunk in paced(request):
        total += len(chunk)
        if total > limit_bytes:
            raise too_large(total, limit_bytes)
        piece += chunk
        if len(piece) >= _PIECE_BYTES:
            await _write(file, bytes(piece))
            piece.clear()
    await _write(file, bytes(piece))


async def _write(file: IO[bytes], piece: bytes) -> None:
    try:
        await asyncio.to_thread(file.write, piece)
    except OSError as error:
        raise Unavailable(str(error)) from error


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
