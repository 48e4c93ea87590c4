"""Waiting for a place among few: with patience, but not for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lgsp.errors import Overloaded

_PATIENCE_S = 20.0


@asynccontextmanager
async def patiently(room: asyncio.Semaphore, crowded: str) -> AsyncIterator[None]:
    """A place in `room`. Raises Overloaded when none becomes free in a while."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await room.acquire()
    except TimeoutError:
        raise Overloaded(crowded) from None
    try:
        yield
    finally:
        room.release()
