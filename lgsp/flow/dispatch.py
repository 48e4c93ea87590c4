"""The worker loop: references from the broker become attempts, and only when the journal knows what came of all of them does
the broker get its ack."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from lgsp import metrics
from lgsp.errors import Unavailable
from lgsp.flow.group import Group
from lgsp.log import get_logger
from lgsp.ports import Broker, Consignment, Journal, Ref, Subscription, Work

log = get_logger()

_PAUSE_WHEN_DOWN_S = 1.0
_LINGER_S = 0.002


class Dispatcher:
    """One per process. `max_held`: references taken from the broker and not yet acknowledged; their bodies may be in memory."""

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
            self._hydrate, max_batch=max_batch, capacity=2 * max_held + max_batch, linger_s=_LINGER_S
        )
        self._max_held = max_held
        self._held = 0
        self._less_held = asyncio.Event()
        self._in_flight: set[tuple[int, int]] = set()  # (delivery id, attempt)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event, grace_s: float) -> None:
        """Works until `stop`, then lets what is under way finish, at most `grace_s`."""
        subscription = await self._broker.subscribe()
        stopper = asyncio.create_task(_stop_when(stop, subscription))
        try:
            async for consignment in subscription:
                await self._room_for(len(consignment.refs))
                task = asyncio.create_task(self._handle(consignment))
                self._running.add(task)
                task.add_done_callback(self._ended)
        finally:
            stopper.cancel()
            await self._drain(grace_s)

    async def _room_for(self, refs: int) -> None:
        while self._held >= self._max_held:
            self._less_held.clear()
            await self._less_held.wait()
        self._held += refs

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("error.unexpected", component="dispatch", exc_info=error)

    async def _drain(self, grace_s: float) -> None:
        if self._running:
            _, late = await asyncio.wait(set(self._running), timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _handle(self, consignment: Consignment) -> None:
        """Hydrate, attempt, acknowledge. Whatever goes wrong in between, the broker delivers again."""
        refs = {(ref.delivery_id, ref.attempt): ref for ref in consignment.refs}
        mine = refs.keys() - self._in_flight  # a second copy of what is under way here needs no second attempt
        self._in_flight |= mine
        try:
            works = await self._hydrations.submit([refs[key] for key in mine])
            await self._attempt_all([work for work in works if work is not None])
        except Unavailable as error:
            log.error("journal.lost", detail=str(error), wait_s=_PAUSE_WHEN_DOWN_S)
            await asyncio.sleep(_PAUSE_WHEN_DOWN_S)
            await consignment.again()
        except BaseException:
            await consignment.again()
            raise
        else:
            await consignment.done()
        finally:
            self._in_flight -= mine
            self._held -= len(consignment.refs)
            self._less_held.set()

    async def _hydrate(self, refs: Sequence[Ref]) -> Sequence[Work | None]:
        found = {(work.delivery_id, work.attempt): work for work in await self._journal.hydrate(refs)}
        metrics.STALE.inc(len(refs) - len(found))
        return [found.get((ref.delivery_id, ref.attempt)) for ref in refs]

    async def _attempt_all(self, works: Sequence[Work]) -> None:
        """All of them, also when one cannot be recorded; then raises what the first one raised."""
        if len(works) == 1:
            await self._attempt(works[0])
            return
        results = await asyncio.gather(*(self._attempt(work) for work in works), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


async def _stop_when(stop: asyncio.Event, subscription: Subscription) -> None:
    await stop.wait()
    await subscription.stop()
