"""Outcomes into the journal, by group commit; what that releases goes to the outbox."""

from collections.abc import Callable, Sequence
from datetime import datetime

from lgsp import metrics
from lgsp.flow.group import Group
from lgsp.flow.outbox import Outbox
from lgsp.ports import Journal, Settled, Settlement

_LINGER_S = 0.004


class Settler:
    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        clock: Callable[[], datetime],
        *,
        max_batch: int,
        capacity: int,
        ready_lease_s: float,
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._clock = clock
        self._ready_lease_s = ready_lease_s
        self._group = Group(self._commit, max_batch=max_batch, capacity=capacity, linger_s=_LINGER_S)

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[Settled]:
        """On disk when it returns. Raises JournalUnavailable or Overloaded; then nothing or everything may have happened,
        and settling again is harmless."""
        return await self._group.submit(settlements)

    async def idle(self) -> None:
        await self._group.idle()

    async def _commit(self, batch: Sequence[Settlement]) -> Sequence[Settled]:
        results = await self._journal.settle(batch, self._clock(), self._ready_lease_s)
        for settlement, settled in zip(batch, results, strict=True):
            if settled.applied:
                metrics.settled(settlement.state)
            self._outbox.offer(settled.ready)
        self._outbox.forget(settlement.delivery_id for settlement in batch)
        return results
