"""The worker loop: references from the broker become attempts, and only when the journal knows what came of all of them does
the broker get its ack."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from lgsp import metrics
from lgsp.core.urgency import URGENT, is_urgent
from lgsp.errors import Unavailable
from lgsp.flow.clock import loop_time
from lgsp.flow.group import Group
from lgsp.log import get_logger
from lgsp.ports import Broker, Consignment, Journal, Ref, Subscription, Work

log = get_logger()

Key = tuple[int, int]  # delivery id, attempt

_PAUSE_S = 1.0
_LINGER_S = 0.002
_RESERVE = 8  # for urgent references there is an eighth more room than for ordinary ones


class Dispatcher:
    """One per process. `max_held`: references taken from the broker and not yet worked off; their bodies may be in memory. What
    is worked off counts no more, though its ack waits for the others of its consignment: one that hangs takes one place.

    When that many are held, urgent ones still come in as long as few of those held are urgent. Either way the last consignment
    may be one too large.
    """

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        attempt: Callable[[Work], Awaitable[None]],
        *,
        max_held: int,
        max_batch: int,
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._attempt = attempt
        self._hydrations: Group[Ref, Work | None] = Group(
            self._hydrate,
            max_batch=max_batch,
            capacity=sys.maxsize,  # no more comes than is held
            linger_s=_LINGER_S,
        )
        self._max_held = max_held
        self._held = 0
        self._held_urgent = 0
        self._less_held = asyncio.Event()
        self._stopping = False
        self._stopped_at = float("inf")
        self._in_flight: dict[Key, asyncio.Task[bool]] = {}  # who sees to it
        self._running: set[asyncio.Task[bool]] = set()

    @property
    def under_way(self) -> int:
        """References taken from the broker and not yet worked off."""
        return self._held

    async def run(self, stop: asyncio.Event, grace_s: float) -> None:
        """Works until `stop`, then lets what is under way finish, at most `grace_s` after `stop` was set."""
        subscription = await self._broker.subscribe()
        stopper = asyncio.create_task(self._stop_when(stop, subscription))
        try:
            async with asyncio.TaskGroup() as taking:
                taking.create_task(self._take_each(subscription, least=URGENT))
                taking.create_task(self._take_each(subscription, least=0))
        finally:
            if stop.is_set():
                await stopper
            else:
                stopper.cancel()
            await self._drain(grace_s - (loop_time() - self._stopped_at))

    async def _stop_when(self, stop: asyncio.Event, subscription: Subscription) -> None:
        await stop.wait()
        self._stopped_at = loop_time()
        self._stopping = True
        self._less_held.set()
        await subscription.stop()

    async def _take_each(self, subscription: Subscription, least: int) -> None:
        while (consignment := await self._next(subscription, least)) is not None:
            self._count(_by_key(consignment).values(), 1)
            task = asyncio.create_task(self._handle(consignment))
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def _next(self, subscription: Subscription, least: int) -> Consignment | None:
        while self._is_full(least) and not self._stopping:
            self._less_held.clear()
            await self._less_held.wait()
        return await subscription.take(least)

    def _is_full(self, least: int) -> bool:
        has_reserve = is_urgent(least) and self._held_urgent < max(1, self._max_held // _RESERVE)
        return self._held >= self._max_held and not has_reserve

    def _count(self, refs: Collection[Ref], sign: int) -> None:
        self._held += sign * len(refs)
        self._held_urgent += sign * sum(is_urgent(ref.priority) for ref in refs)

    def _free(self, held: dict[Key, Ref], keys: Iterable[Key]) -> None:
        """These of a consignment are worked off, unless they were before."""
        self._count([held.pop(key) for key in keys if key in held], -1)
        self._less_held.set()

    def _ended(self, task: asyncio.Task[bool]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("error.unexpected", component="dispatch", exc_info=error)

    async def _drain(self, grace_s: float) -> None:
        if self._running:
            _, late = await asyncio.wait(set(self._running), timeout=max(0.0, grace_s))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _handle(self, consignment: Consignment) -> bool:
        """Hydrate, attempt, acknowledge; whatever goes wrong in between, the broker delivers again. Whether it was acknowledged.

        A second copy of what is under way here needs no second attempt. But its ack has to wait for the first one's: on a
        connection that broke since, the first copy's counts for nothing, and the second is all that the broker knows.
        """
        refs = _by_key(consignment)
        held = dict(refs)
        elsewhere = {self._in_flight[key] for key in refs if key in self._in_flight}
        mine = [key for key in refs if key not in self._in_flight]
        self._in_flight.update(dict.fromkeys(mine, _this_task()))
        settled = False
        try:
            found = await self._hydrations.submit([refs[key] for key in mine])
            works = {key: work for key, work in zip(mine, found, strict=True) if work is not None}
            del found
            self._free(held, refs.keys() - works.keys())
            await self._attempt_all(works, held)
            settled = await _all_acknowledged(elsewhere)
        except Unavailable as error:
            log.error("journal.lost", detail=str(error), wait_s=_PAUSE_S)
            await asyncio.sleep(_PAUSE_S)
        except Exception:
            await asyncio.sleep(_PAUSE_S)  # given back it comes again at once, and goes wrong again
            raise
        finally:
            for key in mine:
                del self._in_flight[key]
            self._free(held, refs)
            await (consignment.done() if settled else consignment.again())
        return settled

    async def _hydrate(self, refs: Sequence[Ref]) -> Sequence[Work | None]:
        found = {(work.delivery_id, work.attempt): work for work in await self._journal.hydrate(refs)}
        metrics.STALE.inc(len(refs) - len(found))
        return [found.get((ref.delivery_id, ref.attempt)) for ref in refs]

    async def _attempt_all(self, works: dict[Key, Work], held: dict[Key, Ref]) -> None:
        """All of them, also when one cannot be recorded; then raises what the first one raised. Empties `works`: the bodies of
        those that are worked off are not kept for the others."""

        async def attempt(key: Key, work: Work) -> None:
            try:
                await self._attempt(work)
            finally:
                self._free(held, (key,))

        attempts = [attempt(key, works.pop(key)) for key in tuple(works)]
        if len(attempts) == 1:
            await attempts[0]
            return
        for result in await asyncio.gather(*attempts, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result


def _by_key(consignment: Consignment) -> dict[Key, Ref]:
    return {(ref.delivery_id, ref.attempt): ref for ref in consignment.refs}


def _this_task() -> asyncio.Task[bool]:
    task = asyncio.current_task()
    assert task is not None
    return task


async def _all_acknowledged(handlings: set[asyncio.Task[bool]]) -> bool:
    """Waits for them. No ring can form: each was there before the one that waits for it."""
    if handlings:
        await asyncio.wait(handlings)
    return all(not one.cancelled() and one.exception() is None and one.result() for one in handlings)
