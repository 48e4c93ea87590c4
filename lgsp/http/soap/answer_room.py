"""Room for answers: what is large waits in memory for whoever fetches it slowly, so there are only so many at once."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from contracts.errors import ContractError
from lgsp.http.room import patiently

LARGE_BYTES = 2**20
PLACES, PLACES_OF_ONE = 8, 2


class AnswerRoom:
    """For one answer of at most `limit_bytes`. A large one takes one of `places`, after one of those that its caller may have
    (`own`), and keeps both until `held` ends."""

    def __init__(
        self, places: asyncio.Semaphore, own: Callable[[], asyncio.Semaphore], limit_bytes: int, held: AsyncExitStack
    ) -> None:
        self._places, self._own, self._limit_bytes, self._held = places, own, limit_bytes, held
        self._has_place = False

    async def take(self, total_bytes: int) -> None:
        """The answer has come to so many bytes. Raises ContractError "soap.answer_too_large" or Overloaded."""
        if total_bytes > self._limit_bytes:
            raise ContractError("soap.answer_too_large", "", f"more than {self._limit_bytes} bytes")
        if total_bytes > LARGE_BYTES and not self._has_place:
            self._has_place = True
            await self._held.enter_async_context(
                patiently(self._own(), f"{PLACES_OF_ONE} large answers are being fetched by one caller")
            )
            await self._held.enter_async_context(patiently(self._places, f"{PLACES} large answers are being fetched"))
