"""Brings back what would otherwise be forgotten: retries that fell due, what was committed and never confirmed by the broker,
and what outlived its time. The timetable is the journal's, so it survives everything the journal survives."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from lgsp import metrics
from lgsp.core.lifecycle import State
from lgsp.errors import JournalUnavailable
from lgsp.flow.outbox import Outbox
from lgsp.log import get_logger
from lgsp.ports import Broker, Journal

log = get_logger()


class Sweeper:
    """Every process may run one: the journal hands each due delivery to one taker per lease."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        outbox: Outbox,
        clock: Callable[[], datetime],
        *,
        interval_s: float,
        batch: int,
        ready_lease_s: float,
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._outbox = outbox
        self._clock = clock
        self._interval_s = interval_s
        self._batch = batch
        self._ready_lease_s = ready_lease_s

    async def run(self) -> None:
        """Sweeps until cancelled. A journal that is away is asked again after the interval."""
        while True:
            try:
                more = await self.sweep_once()
            except JournalUnavailable as error:
                log.error("journal.lost", detail=str(error))
                more = False
            await asyncio.sleep(0.0 if more else self._interval_s)

    async def sweep_once(self) -> bool:
        """One round; whether there is more to do at once."""
        started = time.perf_counter()
        swept = await self._publish_due()
        expired = await self._expire()
        if swept or expired:
            log.debug("sweep.done", took_ms=round((time.perf_counter() - started) * 1000), refs=swept, expired=expired)
        return swept == self._batch or expired == self._batch

    async def _publish_due(self) -> int:
        limit = min(self._batch, self._outbox.room)
        if limit == 0 or not self._broker.is_up():
            return 0
        refs = await self._journal.take_due(self._clock(), limit, self._ready_lease_s)
        self._outbox.offer(refs)
        metrics.SWEPT.inc(len(refs))
        return len(refs)

    async def _expire(self) -> int:
        ended = await self._journal.expire(self._clock(), self._batch, self._ready_lease_s)
        for _, settled in ended:
            metrics.settled(State.EXPIRED)
            self._outbox.offer(settled.ready)
        return len(ended)
