"""Polling systems that push nothing: a round for each feed of the directory when it is due, in one gateway at a time.

What a round brings in goes the way of every envelope. Killed anywhere, the next gateway goes on from what was confirmed to the
far side or kept as a mark; what comes twice is the same envelope, and gets the same receipt.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from contracts.errors import ContractError
from contracts.feed import Collected, Collector, Feed, FeedTrouble
from lgsp import metrics
from lgsp.core.directory import Agency
from lgsp.core.discretion import without
from lgsp.core.feed import FeedState, next_round, read_state, write_state
from lgsp.errors import Unavailable
from lgsp.flow.desk import Desks
from lgsp.log import get_logger
from lgsp.ports import Marks

log = get_logger()

CLAIM, STATE = "feed", "feed.state"  # names of marks
_LOOK_S = 1.0
_ROUND_S = 240.0  # a round that takes longer is broken off, and goes on in the next
_CLAIM_S = 300.0
_AT_ONCE = 8


class Collecting:
    """`holder`: names this process among those that may poll."""

    def __init__(
        self, desks: Desks, marks: Marks, collectors: Mapping[str, Collector], clock: Callable[[], datetime], *, holder: str
    ) -> None:
        self._desks = desks
        self._marks = marks
        self._collectors = collectors
        self._clock = clock
        self._holder = holder
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._rounds: dict[str, asyncio.Task[None]] = {}
        self._due: dict[str, datetime] = {}

    async def run(self) -> None:
        """Until cancelled; claims are given up then."""
        try:
            while True:
                self._begin_due()
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in self._rounds.values():
                task.cancel()
            await asyncio.gather(*self._rounds.values(), return_exceptions=True)

    def _begin_due(self) -> None:
        now = self._clock()
        self._rounds = {code: task for code, task in self._rounds.items() if not task.done()}
        for agency in self._desks.directory.current.feeding:
            closed = agency.closed_on is not None and agency.closed_on <= now.date()
            if agency.code not in self._rounds and not closed and self._due.get(agency.code, now) <= now:
                self._rounds[agency.code] = asyncio.create_task(self._round(agency))

    async def _round(self, agency: Agency) -> None:
        """Raises nothing but cancellation: a feed that goes wrong is no other feed's business."""
        feed = agency.feed
        if feed is None:
            return
        try:
            async with self._room:
                await self._claimed(agency, feed)
        except Unavailable:
            self._due[agency.code] = self._clock() + timedelta(seconds=feed.every_s)  # the journal has said so in the log
        except Exception as error:
            log.error("error.unexpected", component=f"feed {feed.adapter}", detail=agency.code, exc_info=error)
            self._due[agency.code] = self._clock() + timedelta(seconds=max(feed.every_s, 60.0))

    async def _claimed(self, agency: Agency, feed: Feed) -> None:
        now = self._clock()
        state = read_state(await self._marks.mark(agency.code, STATE))
        due = next_round(state, feed)
        if due is not None and due > now:  # another process has polled it lately
            self._due[agency.code] = due
            return
        if not await self._marks.claim_mark(agency.code, CLAIM, self._holder, now, now + timedelta(seconds=_CLAIM_S)):
            self._due[agency.code] = now + timedelta(seconds=feed.every_s)
            return
        try:
            found = await self._collected(agency, feed)
            await self._told(agency, feed, state, found)
        finally:
            now = self._clock()
            with suppress(Unavailable):
                await self._marks.claim_mark(agency.code, CLAIM, self._holder, now, now)

    async def _collected(self, agency: Agency, feed: Feed) -> Collected | FeedTrouble:
        collector = self._collectors.get(feed.adapter)
        if collector is None:
            return FeedTrouble("delivery.internal", f"there is no collector {feed.adapter}")
        try:
            async with asyncio.timeout(_ROUND_S):
                return await collector.collect(feed, self._desks.of(agency))
        except TimeoutError:
            return FeedTrouble("delivery.timeout", f"the round took longer than {_ROUND_S:g} s")
        except FeedTrouble as trouble:
            return FeedTrouble(trouble.reason, without(feed.secret, trouble.detail))
        except ContractError as error:  # what may succeed later, and let itself not be told as a refusal
            return FeedTrouble(error.code, error.detail)

    async def _told(self, agency: Agency, feed: Feed, before: FeedState, found: Collected | FeedTrouble) -> None:
        now = self._clock()
        state = before.after(found, now)
        await self._marks.set_mark(agency.code, STATE, write_state(state))
        self._due[agency.code] = next_round(state, feed) or now
        metrics.collected(found)
        if isinstance(found, FeedTrouble):
            log.warning("feed.failed", agency=agency.code, reason=found.reason, detail=found.detail, attempt=state.failures)
            return
        if before.failures:
            log.info("feed.recovered", agency=agency.code, attempt=before.failures)
        if found.taken or found.refused:
            log.info("feed.collected", agency=agency.code, envelopes=found.taken, refused=found.refused)
