"""A bulkhead per recipient: so many attempts at once, the most urgent next, and nobody stands in a line that does not move.

What finds the line of a dead or slow recipient too long is put off: it is parked in the journal, where it costs neither a place
in memory nor a slot of the broker, and the others never notice.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lgsp.flow.clock import loop_time
from lgsp.flow.turnstile import Turnstile

PATIENCE_S = 2.0
_STILL_S = 0.25  # less than that says nothing
_WEIGHT = 0.2  # of the latest attempt in the typical duration


class PutOff(Exception):
    """The line is too long."""


class Line:
    """The attempts at one recipient: `limit` at once, the others wait their turn, at most PATIENCE_S."""

    def __init__(self, clock: Callable[[], float] = loop_time) -> None:
        self._clock = clock
        self._turnstile = Turnstile()
        self._typical_s = 0.0
        self._moved_at = clock()

    @asynccontextmanager
    async def turn(self, limit: int, priority: int) -> AsyncIterator[None]:
        """One of `limit` places. Raises PutOff where none is to be had within PATIENCE_S, judging by how the line moves."""
        await self._enter(limit, priority)
        self._moved_at = started = self._clock()
        try:
            yield
        finally:
            self._moved_at = self._clock()
            self._typical_s += _WEIGHT * (self._moved_at - started - self._typical_s)
            self._turnstile.leave()

    async def _enter(self, limit: int, priority: int) -> None:
        if self._turnstile.enter_at_once(limit, priority):
            return
        if self._expected_wait_s(limit, priority) > PATIENCE_S:
            raise PutOff
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._turnstile.enter(limit, priority)
        except TimeoutError:
            raise PutOff from None

    def _expected_wait_s(self, limit: int, priority: int) -> float:
        """By the typical duration of an attempt or, where that is longer, by how long nothing has moved."""
        still_s = self._clock() - self._moved_at
        typical_s = max(self._typical_s, still_s) if still_s > _STILL_S else self._typical_s
        return typical_s * (self._turnstile.ahead_of(priority) + 1) / limit
