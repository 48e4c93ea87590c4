"""Where the tiles of a log are: a folder, or an address. What comes from there is of a stranger until a root says otherwise."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Protocol

import aiohttp

from lgsp.errors import LgspError

CHECKPOINT = "checkpoint"
_AHEAD = 8  # resources under way at a time
_MAX_BYTES = 256 * (2 + 65_535)  # of the largest bundle there can be
_TIMEOUT_S = 30.0
_TRIES = 3
_PAUSE_S = 1.0


class Unreadable(LgspError):
    """A resource of the log cannot be had, and why."""


class Withheld(Unreadable):
    """It is not for us: entries are for those who may read them."""


class Place(Protocol):
    async def read(self, path: str) -> bytes:
        """A resource below the prefix of the log. Raises Unreadable."""
        ...


class Folder:
    """A copy of the resources, such as `wget -r` or a backup of a tile server leaves."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, path: str) -> bytes:
        try:
            return (self._path / path).read_bytes()
        except OSError as error:
            raise Unreadable(f"{self._path / path}: {error.strerror}") from None


class Web:
    """An address, read as everybody may."""

    def __init__(self, session: aiohttp.ClientSession, prefix: str) -> None:
        self._session, self._prefix = session, prefix.rstrip("/")

    async def read(self, path: str) -> bytes:
        """What does not answer is asked again; what does not exist is not."""
        for left in reversed(range(_TRIES)):
            try:
                return await self._once(path)
            except (aiohttp.ClientError, TimeoutError) as error:
                if left == 0:
                    raise Unreadable(f"{self._prefix}/{path}: {str(error) or type(error).__name__}") from None
                await asyncio.sleep(_PAUSE_S)
        raise AssertionError("unreachable")

    async def _once(self, path: str) -> bytes:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        url = f"{self._prefix}/{path}"
        async with self._session.get(url, timeout=timeout, allow_redirects=False) as answer:
            if answer.status in (401, 403):
                raise Withheld(f"{url}: status {answer.status}")
            if answer.status >= 500:
                answer.raise_for_status()
            if answer.status != 200:
                raise Unreadable(f"{url}: status {answer.status}")
            octets = b""
            async for chunk in answer.content.iter_chunked(1 << 16):
                octets += chunk
                if len(octets) > _MAX_BYTES:
                    raise Unreadable(f"{url}: more than {_MAX_BYTES} bytes")
            return octets


async def in_order(place: Place, paths: Iterable[str]) -> AsyncIterator[bytes]:
    """One after the other, some of them fetched ahead. Raises Unreadable."""
    waiting = iter(paths)
    under_way: list[asyncio.Task[bytes]] = []
    try:
        while True:
            while len(under_way) < _AHEAD and (path := next(waiting, None)) is not None:
                under_way.append(asyncio.ensure_future(place.read(path)))
            if not under_way:
                return
            yield await under_way.pop(0)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
