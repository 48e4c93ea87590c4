"""A limit on how many do something at once, where the most urgent of those who wait comes next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from lgsp.core.urgency import ByUrgency, is_urgent


class _Waiting(NamedTuple):
    places: int
    let_in: asyncio.Future[None]


class Turnstile:
    """Whoever waits is let in most urgent first, then first come; whoever is cancelled takes no place with it.

    The limit comes with each turn, because the directory may change it meanwhile. Ordinary turns leave `reserve` places to
    urgent ones, but can always have one.
    """

    def __init__(self, reserve: int = 0) -> None:
        self._reserve = reserve
        self._inside = 0
        self._waiting: ByUrgency[_Waiting] = ByUrgency()

    def ahead_of(self, priority: int) -> int:
        """How many of those who wait would be let in before a newcomer of this priority."""
        return self._waiting.ahead_of(priority)

    @asynccontextmanager
    async def turn(self, limit: int, priority: int, counts_s: float) -> AsyncIterator[None]:
        """One of `limit` places, as soon as there is one. After `counts_s` it is free for others, though the turn may go on."""
        await self.enter(limit, priority)
        counts = True

        def leave() -> None:
            nonlocal counts
            if counts:
                counts = False
                self.leave()

        timer = asyncio.get_running_loop().call_later(counts_s, leave)
        try:
            yield
        finally:
            timer.cancel()
            leave()

    def enter_at_once(self, limit: int, priority: int) -> bool:
        """Takes a place if one is free and nobody has to be let in before."""
        free = self._inside < self._places(limit, priority) and self._waiting.ahead_of(priority) == 0
        self._inside += free
        return free

    async def enter(self, limit: int, priority: int) -> None:
        if self.enter_at_once(limit, priority):
            return
        one = _Waiting(self._places(limit, priority), asyncio.get_running_loop().create_future())
        self._waiting.put(one, priority)
        try:
            await asyncio.wait((one.let_in,))  # a cancellation leaves the future as it is: it says whether the turn had come
        except asyncio.CancelledError:
            if one.let_in.done():
                self.leave()
            else:
                self._waiting.remove(one, priority)
                self._let_in()
            raise

    def leave(self) -> None:
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        while (one := self._waiting.first()) is not None and self._inside < one.places:
            self._waiting.take()
            self._inside += 1
            one.let_in.set_result(None)

    def _places(self, limit: int, priority: int) -> int:
        return limit if is_urgent(priority) else max(1, limit - self._reserve)
