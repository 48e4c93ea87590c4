"""What an operator has switched off for the whole hub, as every process sees it within a second: new envelopes, or pushing."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from lgsp.core.hold import EVERYBODY, THE_DOOR, Hold, ended
from lgsp.errors import JournalUnavailable, Overloaded
from lgsp.log import get_logger
from lgsp.ports import Journal

log = get_logger()

_COME_BACK_S = 30
_AT_MOST_S = 300


class DoorClosed(Overloaded):
    """An operator lets nothing new in."""

    code = "hub.maintenance"

    def __init__(self, hold: Hold, now: datetime) -> None:
        left_s = _COME_BACK_S if hold.due_at is None else (hold.due_at - now).total_seconds()
        self.retry_after_s = min(max(1, round(left_s)), _AT_MOST_S)
        super().__init__(hold.detail or "maintenance")


class Maintenance:
    """Two switches. Nothing is lost by either: what is not pushed waits in the journal, what is not let in comes again."""

    def __init__(self, journal: Journal, clock: Callable[[], datetime], *, poll_s: float = 1.0) -> None:
        self._journal = journal
        self._clock = clock
        self._poll_s = poll_s
        self._everybody: Hold | None = None
        self._door: Hold | None = None

    @property
    def pushes_nothing(self) -> bool:
        return self._stands(self._everybody)

    def check_door(self) -> None:
        """Raises DoorClosed."""
        if self._door is not None and self._stands(self._door):
            raise DoorClosed(self._door, self._clock())

    async def refresh(self) -> None:
        """Reads both switches; one whose time is over is put back. Raises JournalUnavailable."""
        self._everybody = await self._standing(EVERYBODY)
        self._door = await self._standing(THE_DOOR)

    async def run(self) -> None:
        """Follows changes until cancelled. While the journal is away the switches stand as they were."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self.refresh()
            except JournalUnavailable as error:
                log.error("journal.lost", detail=str(error))

    async def _standing(self, name: str) -> Hold | None:
        hold = await self._journal.hold(name)
        if hold is None or self._stands(hold):
            return hold
        change = await self._journal.change_hold(name, self._over, self._clock())
        return change.after

    def _over(self, hold: Hold | None) -> Hold | None:
        return hold if self._stands(hold) else ended(hold, self._clock())

    def _stands(self, hold: Hold | None) -> bool:
        return hold is not None and (hold.due_at is None or hold.due_at > self._clock())
