"""From the journal to the broker. The journal is the outbox proper; this is its fast lane through memory.

What was just committed READY is published in windows, the most urgent first. Ordinary refs starve only where urgent ones alone
fill every window, and then their lease in the journal runs out and they come again. So it is, too, when the broker does not
answer: the refs are let go, and the sweeper brings them back. What the broker confirmed is marked QUEUED a moment later, and
only if it has not ended by then, so that a quick delivery costs no extra write.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from lgsp import metrics
from lgsp.core.urgency import ByUrgency
from lgsp.errors import BrokerUnavailable, JournalUnavailable
from lgsp.flow.clock import loop_time
from lgsp.log import get_logger
from lgsp.ports import Broker, Journal, Ref

log = get_logger()

_MARK_AFTER_S = 1.5
_PAUSE_WHEN_DOWN_S = 0.5


class Outbox:
    """`capacity`: refs kept in memory; beyond it the least urgent are left to the sweeper, as all are while `is_shut`. What the
    broker has had for `stuck_after_s` it must have lost."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        clock: Callable[[], datetime],
        *,
        window: int,
        capacity: int,
        stuck_after_s: float,
        is_shut: Callable[[], bool],
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._window = window
        self._clock = clock
        self._capacity = capacity
        self._stuck_after = timedelta(seconds=stuck_after_s)
        self._is_shut = is_shut
        self._waiting: ByUrgency[Ref] = ByUrgency()
        self._wake = asyncio.Event()
        self._confirmed: deque[tuple[float, list[Ref]]] = deque()
        self._unmarked: dict[int, int] = {}  # delivery id -> the attempt last confirmed and neither settled nor marked
        self._publishing = False

    @property
    def room(self) -> int:
        return max(0, self._capacity - len(self._waiting))

    def offer(self, refs: Sequence[Ref]) -> None:
        """Publish soon. Drops what does not fit: the journal knows it."""
        for ref in () if self._is_shut() else refs:
            if self.room or self._waiting.drop_below(ref.priority) is not None:
                self._waiting.put(ref, ref.priority)
                self._wake.set()

    def forget(self, delivery_ids: Iterable[int]) -> None:
        """These have been settled: they need no mark."""
        for delivery_id in delivery_ids:
            self._unmarked.pop(delivery_id, None)

    async def run(self) -> None:
        """Publishes until cancelled; `drained` first for a graceful stop."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish_loop())
            tasks.create_task(self._mark_loop())

    async def drained(self, timeout_s: float) -> None:
        """Waits until what was offered is published, at most `timeout_s`; what is left the sweeper of the next start brings."""
        end = loop_time() + timeout_s
        while (self._waiting or self._publishing) and self._broker.is_up() and loop_time() < end:  # noqa: ASYNC110 - the broker's
            await asyncio.sleep(0.02)

    async def _publish_loop(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while refs := self._waiting.take_some(self._window):
                await self._publish(refs)

    async def _publish(self, refs: list[Ref]) -> None:
        self._publishing = True
        try:
            await self._broker.publish(refs)
        except BrokerUnavailable as error:
            deferred = len(refs) + len(self._waiting.take_all())
            metrics.OUTBOX_DEFERRED.inc(deferred)
            log.warning("outbox.deferred", refs=deferred, detail=str(error))
            await asyncio.sleep(_PAUSE_WHEN_DOWN_S)
        else:
            metrics.OUTBOX_PUBLISHED.inc(len(refs))
            self._unmarked.update((ref.delivery_id, ref.attempt) for ref in refs)
            self._confirmed.append((loop_time(), refs))
        finally:
            self._publishing = False

    async def _mark_loop(self) -> None:
        while True:
            await asyncio.sleep(_MARK_AFTER_S / 3)
            ripe = loop_time() - _MARK_AFTER_S
            refs: list[Ref] = []
            while self._confirmed and self._confirmed[0][0] <= ripe:
                refs += self._confirmed.popleft()[1]
            still = [ref for ref in refs if self._unmarked.get(ref.delivery_id) == ref.attempt]
            self.forget(ref.delivery_id for ref in still)
            if still:
                try:
                    await self._journal.mark_queued(still, self._clock() + self._stuck_after)
                except JournalUnavailable as error:
                    log.error("journal.lost", detail=str(error))
