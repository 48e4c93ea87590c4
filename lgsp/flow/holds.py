"""Putting recipients on hold and letting them go, each change said once: in the journal, in the log, as a metric."""

from collections.abc import Callable, Iterable
from datetime import datetime

from contracts.agency import AgencyCode
from contracts.outcome import Retry
from lgsp.core import hold as rules
from lgsp.core.hold import EVERYBODY, RELEASE_EVERY_S, THE_DOOR, Hold, Streak, occurrence
from lgsp.flow.clock import loop_time
from lgsp.log import get_logger
from lgsp.ports import HoldChange, Journal

log = get_logger()

_PROBE_GRACE_S = 30.0


class Holds:
    """The circuit breakers and valves of this process's recipients. What they decide is in the journal, for all processes;
    only failures in a row are counted here, where the attempts are made.

    `failures`: so many in a row open the breaker; `probes_s`: the waits before the first probe, the second, ...
    """

    def __init__(self, journal: Journal, clock: Callable[[], datetime], *, failures: int, probes_s: tuple[float, ...]) -> None:
        self._journal = journal
        self._clock = clock
        self._failures = failures
        self._probes_s = probes_s
        self._streaks: dict[str, Streak] = {}
        self._crowded_at: dict[str, float] = {}

    async def answered(self, recipient: AgencyCode, hold: Hold | None) -> None:
        """The recipient's system is there, whatever it said."""
        self._streaks.pop(recipient, None)
        if hold is not None and hold.cause is rules.Cause.FAILING:
            await self._change(recipient, lambda before: rules.recovered(before, self._clock()))

    async def probing(self, recipient: AgencyCode, delivery_id: int, timeout_s: float) -> None:
        """A probe sets out that may take so long."""
        patience_s = timeout_s + _PROBE_GRACE_S
        await self._change(recipient, lambda before: rules.probing(before, delivery_id, patience_s, self._clock()))

    async def failed(self, recipient: AgencyCode, delivery_id: int, outcome: Retry, hold: Hold | None) -> None:
        """An attempt came to nothing."""
        streak = self._streaks[recipient] = self._streaks.get(recipient, Streak()).failed(delivery_id)
        if hold is not None and hold.cause is rules.Cause.FAILING:
            await self._probe_failed(recipient, delivery_id, outcome)
        elif streak.failures >= self._failures:
            await self.shut(recipient, outcome)

    async def shut(self, recipient: AgencyCode, outcome: Retry) -> None:
        """The breaker opens, if it is not open."""
        told = (outcome.reason, outcome.detail, outcome.not_before_s)
        await self._change(recipient, lambda before: rules.tripped(before, recipient, *told, self._probes_s, self._clock()))

    async def crowded(self, recipient: AgencyCode) -> None:
        """Its line is too long. Said to the journal once between two releases."""
        now = loop_time()
        if now - self._crowded_at.get(recipient, -RELEASE_EVERY_S) >= RELEASE_EVERY_S:
            self._crowded_at[recipient] = now
            await self._change(recipient, lambda before: rules.crowded(before, recipient, self._clock()))

    async def _probe_failed(self, recipient: AgencyCode, probe: int, outcome: Retry) -> None:
        told = (outcome.reason, outcome.detail, outcome.not_before_s)
        await self._change(recipient, lambda before: rules.probe_failed(before, probe, *told, self._probes_s, self._clock()))

    async def _change(self, recipient: AgencyCode, change: Callable[[Hold | None], Hold | None]) -> None:
        tell([await self._journal.change_hold(recipient, change, self._clock())])


def tell(changes: Iterable[HoldChange]) -> None:
    """A line of the log for each change that is worth one."""
    for before, after in changes:
        name = occurrence(before, after)
        told = after if after is not None and after.reason else before
        if name is None or told is None or told.recipient in (EVERYBODY, THE_DOOR):
            continue
        if name == "failing":
            log.warning("recipient.failing", recipient=told.recipient, reason=told.reason, detail=told.detail)
        elif name == "recovered":
            log.info("recipient.recovered", recipient=told.recipient, reason=told.reason, detail=told.detail)
        else:
            log.info("maintenance.changed", recipient=told.recipient, state=name.removeprefix("maintenance_"), detail=told.detail)
