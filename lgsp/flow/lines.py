"""A bulkhead per recipient: so many attempts at once, and nobody stands in a line that does not move.

What finds the line of a dead or slow recipient too long is put off: it goes back to the journal until later, so that it costs
neither a place in memory nor a slot of the broker, and the others never notice.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lgsp.flow.clock import loop_time

PATIENCE_S = 2.0
_PUT_OFF_S = 10.0
_LONGEST_PUT_OFF_S = 60.0
_STILL_S = 0.25  # less than that says nothing
_WEIGHT = 0.2  # of the latest attempt in the typical duration


class PutOff(Exception):
    """The line is too long; come back in `delay_s`."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        super().__init__(f"{delay_s:.0f} s")


class Line:
    """The attempts at one recipient: `limit` at once, the others wait in order, at most PATIENCE_S."""

    def __init__(self, clock: Callable[[], float] = loop_time) -> None:
        self._clock = clock
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._typical_s = 0.0
        self._moved_at = clock()

    @asynccontextmanager
    async def turn(self, limit: int) -> AsyncIterator[None]:
        """One of `limit` places. Raises PutOff where none is to be had within PATIENCE_S, judging by how the line moves."""
        await self._enter(limit)
        started = self._clock()
        try:
            yield
        finally:
            self._typical_s += _WEIGHT * (self._clock() - started - self._typical_s)
            self._leave(limit)

    async def _enter(self, limit: int) -> None:
        if self._running < limit and not self._waiting:
            self._take()
            return
        wait_s = self._expected_wait_s(limit)
        if wait_s > PATIENCE_S:
            raise PutOff(min(max(_PUT_OFF_S, wait_s), _LONGEST_PUT_OFF_S))
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await asyncio.wait((place,), timeout=PATIENCE_S)
        except asyncio.CancelledError:
            if place.done():
                self._leave(limit)
            else:
                self._waiting.remove(place)
            raise
        if not place.done():
            self._waiting.remove(place)
            raise PutOff(_PUT_OFF_S)

    def _expected_wait_s(self, limit: int) -> float:
        """By the typical duration of an attempt or, where that is longer, by how long nothing has moved."""
        still_s = self._clock() - self._moved_at
        typical_s = max(self._typical_s, still_s) if still_s > _STILL_S else self._typical_s
        return typical_s * (len(self._waiting) + 1) / limit

    def _take(self) -> None:
        self._running += 1
        self._moved_at = self._clock()

    def _leave(self, limit: int) -> None:
        self._running -= 1
        self._moved_at = self._clock()
        while self._waiting and self._running < limit:
            self._take()
            self._waiting.popleft().set_result(None)
