"""Brings back what would otherwise be forgotten: retries that fell due, what the broker never confirmed or lost, what a hold
lets go, what is replayed, and what outlived its time. The timetable is the journal's and survives what it survives."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from lgsp import metrics
from lgsp.core.hold import keeps
from lgsp.core.lifecycle import State
from lgsp.core.retry import Verdict
from lgsp.errors import Unavailable
from lgsp.flow.clock import loop_time
from lgsp.flow.holds import tell
from lgsp.flow.notices import Notices
from lgsp.flow.outbox import Outbox
from lgsp.flow.settler import Settler
from lgsp.log import get_logger
from lgsp.ports import Broker, Journal, Settlement, Work

log = get_logger()

# An attempt ends by expires_at and says itself what came of it; this is its time to say so, and for clocks that differ.
EXPIRY_GRACE_S = 60.0
_EXPIRED = Verdict(State.EXPIRED, reason="delivery.expired")
_KEEP_PARKED = timedelta(hours=1)
_HOLDS_AT_ONCE = 50


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
        probes_s: tuple[float, ...],
        max_age_s: float,
        is_shut: Callable[[], bool],
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
        self._probes_s = probes_s
        self._max_age_s = max_age_s
        self._is_shut = is_shut

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
        started = loop_time()
        swept = await self._publish_due() if self._may_publish() else 0
        seen_to = 0
        if self._may_publish():
            seen_to = await self._let_go()
        ended = await self._end_overdue()
        if self._may_publish():  # last: a replay that looks for long must not keep the rest from being done
            await self._replay()
        if swept or ended:
            log.debug("sweep.done", took_ms=round((loop_time() - started) * 1000), refs=swept, expired=ended)
        return swept == self._batch or ended == self._batch or seen_to == _HOLDS_AT_ONCE

    def _may_publish(self) -> bool:
        """Not while an operator has switched pushing off, the broker is away, or the outbox is full."""
        return not self._is_shut() and self._broker.is_up() and self._outbox.room > 0

    async def _publish_due(self) -> int:
        limit = min(self._batch, self._outbox.room)
        refs = await self._journal.take_due(self._clock(), limit, self._ready_lease_s)
        self._outbox.offer(refs)
        metrics.SWEPT.inc(len(refs))
        return len(refs)

    async def _let_go(self) -> int:
        """Probes, and what recovers or comes out of a maintenance. How many holds were seen to."""
        refs, changes = await self._journal.let_go(self._clock(), _HOLDS_AT_ONCE, self._ready_lease_s, self._probes_s)
        self._outbox.offer(refs)
        tell(changes)
        return len(changes)

    async def _replay(self) -> None:
        refs = await self._journal.step_replays(self._clock(), self._batch, self._ready_lease_s)
        self._outbox.offer(refs)
        metrics.REPLAYED.inc(len(refs))

    async def _end_overdue(self) -> int:
        """Those that are at another attempt by the time they are settled are left to the next round."""
        now = self._clock()
        overdue = await self._journal.overdue(now, EXPIRY_GRACE_S, self._batch)
        kept = [work for work in overdue if work.expires_at > now and keeps(work.hold, self._max_age_s, now)]
        await self._settler.settle([self._ending(work, now) for work in overdue if work not in kept])
        if kept:
            await self._journal.keep_parked([work.delivery_id for work in kept], now + _KEEP_PARKED)
        return len(overdue)

    def _ending(self, work: Work, now: datetime) -> Settlement:
        verdict = (
            _EXPIRED if work.expires_at <= now else Verdict(State.DEAD, reason="delivery.too_old", detail=_last_reason(work))
        )
        return Settlement(
            delivery_id=work.delivery_id,
            state=verdict.state,
            attempt=work.attempt,
            only_parked=verdict.state is State.DEAD,
            reason=verdict.reason,
            detail=verdict.detail,
            notice=self._notices.about(work, verdict),
        )


def _last_reason(work: Work) -> str:
    """Why its recipient was on hold."""
    if work.hold is None:
        return ""
    return ": ".join(part for part in (work.hold.reason, work.hold.detail) if part)
