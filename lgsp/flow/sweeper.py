"""Brings back what would otherwise be forgotten: retries that fell due, what was committed and never confirmed by the broker,
and what outlived its time. The timetable is the journal's, so it survives everything the journal survives."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from lgsp import metrics
from lgsp.core.lifecycle import State
from lgsp.core.retry import Verdict
from lgsp.errors import Unavailable
from lgsp.flow.notices import Notices
from lgsp.flow.outbox import Outbox
from lgsp.flow.settler import Settler
from lgsp.log import get_logger
from lgsp.ports import Broker, Journal, Settlement, Work

log = get_logger()

# An attempt ends by expires_at and says itself what came of it; this is its time to say so, and for clocks that differ.
EXPIRY_GRACE_S = 60.0
_EXPIRED = Verdict(State.EXPIRED, reason="delivery.expired")


class Sweeper:
    """Every process may run one: the journal hands each due delivery to one taker per lease."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        outbox: Outbox,
        settler: Settler,
        notices: Notices,
        clock: Callable[[], datetime],
        *,
        interval_s: float,
        batch: int,
        ready_lease_s: float,
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._outbox = outbox
        self._settler = settler
        self._notices = notices
        self._clock = clock
        self._interval_s = interval_s
        self._batch = batch
        self._ready_lease_s = ready_lease_s

    async def run(self) -> None:
        """Sweeps until cancelled. What the journal does not answer or take is tried again after the interval."""
        while True:
            try:
                more = await self.sweep_once()
            except Unavailable as error:
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
        """Those that are at another attempt by the time they are settled are left to the next round."""
        overdue = await self._journal.overdue(self._clock(), EXPIRY_GRACE_S, self._batch)
        await self._settler.settle([self._ending(work) for work in overdue])
        return len(overdue)

    def _ending(self, work: Work) -> Settlement:
        return Settlement(
            delivery_id=work.delivery_id,
            state=_EXPIRED.state,
            attempt=work.attempt,
            reason=_EXPIRED.reason,
            notice=self._notices.about(work, _EXPIRED),
        )
