"""Group commit: many callers, one transaction.

While one commit is under way, what arrives collects, and the next commit takes it all. Who comes alone is committed at once;
only after a commit that served several callers does the next one linger a few milliseconds, because then more are on their
way, and a transaction costs much the same for one as for thirty. Where callers act for different owners, no owner's items
keep those of the others waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from lgsp.errors import Overloaded, Unavailable
from lgsp.flow.fair_queue import FairQueue

T = TypeVar("T")
R = TypeVar("R")

_Part = tuple[Sequence[T], asyncio.Future[Sequence[R]]]  # what one caller brought, and where it waits for its results


class Group(Generic[T, R]):
    """Collects items and hands them to `commit`, at most `max_batch` at a time (more only if one caller brings more).

    `cost_of`: what an item takes of a batch, 1 or more, where not all are alike.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        max_batch: int,
        capacity: int,
        linger_s: float = 0.0,
        cost_of: Callable[[T], int] | None = None,
    ) -> None:
        self._commit = commit
        self._cost_of = cost_of
        self._linger_s = linger_s
        self._max_batch = max_batch
        self._capacity = capacity
        self._waiting: FairQueue[_Part[T, R]] = FairQueue()
        self._flushing: asyncio.Task[None] | None = None
        self.held = 0

    async def submit(self, items: Sequence[T], owner: str = "") -> Sequence[R]:
        """The results in the order of `items`, once committed. Cancelling the caller does not take the items back. Items of one
        owner are committed in the order in which they came.

        Raises Overloaded when the items do not fit in, and whatever `commit` raised.
        """
        if not items:
            return ()
        if self.held + len(items) > self._capacity:
            raise Overloaded(f"{self.held} of {self._capacity} are under way")
        self.held += len(items)
        future: asyncio.Future[Sequence[R]] = asyncio.get_running_loop().create_future()
        cost = len(items) if self._cost_of is None else sum(map(self._cost_of, items))
        self._waiting.put(owner, cost, (items, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush(), context=Context())  # no caller's trace id is the batch's
        return await future

    async def idle(self) -> None:
        """Returns once everything submitted so far is answered."""
        while self._flushing is not None:
            await asyncio.shield(self._flushing)

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting.take(self._max_batch)
                await self._commit_batch(batch)
                if len(batch) > 1 and self.held < self._max_batch:
                    await asyncio.sleep(self._linger_s)
        finally:
            self._flushing = None

    async def _commit_batch(self, batch: Sequence[_Part[T, R]]) -> None:
        items = [item for part, _ in batch for item in part]
        try:
            results = await self._commit(items)
        except Unavailable as error:
            self._fail(batch, error)
        except Exception as error:  # noqa: BLE001 - a bug, or one item that breaks the others: only its own caller learns of it
            if len(batch) == 1:
                self._fail(batch, error)
            else:
                for one in batch:
                    await self._commit_batch([one])
        else:
            start = 0
            for part, future in batch:
                self.held -= len(part)
                if not future.done():
                    future.set_result(results[start : start + len(part)])
                start += len(part)

    def _fail(self, batch: Sequence[_Part[T, R]], error: Exception) -> None:
        for part, future in batch:
            self.held -= len(part)
            if not future.done():
                future.set_exception(error)
