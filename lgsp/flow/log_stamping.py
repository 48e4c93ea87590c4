"""Time over the log: RFC 3161 time-stamps over published checkpoints, of several authorities that know nothing of each other.

Each authority has a loop of its own, and when one is due is a function of what the journal holds and the time: whatever failed
before, or nothing having been stamped yet, changes nothing in that. Nothing waits for a time-stamp, neither traffic nor a
checkpoint.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from lgsp import metrics
from lgsp.errors import Unavailable
from lgsp.flow.clock import loop_time
from lgsp.log import get_logger
from lgsp.ports import LogStore, NotVouched, Stamp, StampAuthority

log = get_logger()

_LOOK_EVERY_S = 5.0
_AGAIN_S = (30.0, 600.0)  # after a failure: at first, at most


class LogStamping:
    """One in each gateway; who comes first stamps, the others find that it is done. `every_s`: between two time-stamps of one
    authority, while the log grows."""

    def __init__(
        self, store: LogStore, authorities: Sequence[StampAuthority], clock: Callable[[], datetime], *, every_s: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._every = timedelta(seconds=every_s)
        self._authorities = tuple(authorities)
        self._failures = dict.fromkeys((one.name for one in authorities), 0)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for one in self._authorities:
                tasks.create_task(self._follow(one))
        await asyncio.Event().wait()  # there may be none

    async def _follow(self, authority: StampAuthority) -> None:
        while True:
            try:
                wait_s = await self.step(authority)
            except Unavailable as error:
                log.error("journal.lost", detail=str(error))
                wait_s = _LOOK_EVERY_S
            await asyncio.sleep(wait_s)

    async def step(self, authority: StampAuthority) -> float:
        """One look, and a time-stamp where one is due; the seconds until the next look. Raises JournalUnavailable."""
        last = await self._store.latest_stamp(authority.name)
        waiting = await self._store.checkpoints(0 if last is None else last.size, 1)
        now = self._clock()
        lag_s = (now - waiting[0].published_at).total_seconds() if waiting else 0.0
        metrics.LOG_STAMP_LAG_S.labels(authority.name).set(max(0.0, lag_s))
        if not waiting or (last is not None and abs(now - last.stamped_at) < self._every):
            return _LOOK_EVERY_S
        return await self._stamped(authority)

    async def _stamped(self, authority: StampAuthority) -> float:
        checkpoint = await self._store.latest_checkpoint()
        assert checkpoint is not None  # one is waiting
        started_s = loop_time()
        try:
            given = await authority.stamp(checkpoint.note)
        except NotVouched:  # whoever asked has said so in the log
            first, most = _AGAIN_S
            wait_s = min(most, first * (1 << min(self._failures[authority.name], 10)))
            self._failures[authority.name] += 1
            return wait_s
        self._failures[authority.name] = 0
        await self._store.save_stamp(Stamp(checkpoint.size, authority.name, given.token, given.at))
        metrics.LOG_STAMP_LAG_S.labels(authority.name).set(0)
        took_ms = round((loop_time() - started_s) * 1000)
        log.info("checkpoint.stamped", authority=authority.name, size=checkpoint.size, took_ms=took_ms)
        return _LOOK_EVERY_S
