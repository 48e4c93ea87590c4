"""One attempt, step by step: reach the recipient, judge what came of it, record it, tell the sender if it wants to know."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from contracts.adapter import DeliveryAdapter, Endpoint, Parcel
from contracts.outcome import Outcome, Retry
from lgsp import metrics
from lgsp.core.lifecycle import State
from lgsp.core.notices import NoticeRules, notice_of
from lgsp.core.retry import Verdict, judge
from lgsp.core.trace import trace_id
from lgsp.errors import Unavailable
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.settler import Settler
from lgsp.log import get_logger
from lgsp.ports import DirectoryStore, Settlement, Work

log = get_logger()

_PAUSE_S = 1.0
_SETTLE_TRIES = 20  # what was attempted is not attempted again for a journal that is away less than 20 pauses


class Attempts:
    """At most `concurrency` at once in this process, at most `endpoint.max_in_flight` to one recipient."""

    def __init__(
        self,
        *,
        directory: DirectoryCache,
        directory_store: DirectoryStore,
        adapters: Mapping[str, DeliveryAdapter],
        settler: Settler,
        notice_rules: NoticeRules,
        clock: Callable[[], datetime],
        draw: Callable[[], float],
        schedule_s: tuple[float, ...],
        concurrency: int,
    ) -> None:
        self._directory = directory
        self._directory_store = directory_store
        self._adapters = adapters
        self._settler = settler
        self._notice_rules = notice_rules
        self._clock = clock
        self._draw = draw
        self._schedule_s = schedule_s
        self._slots = asyncio.Semaphore(concurrency)
        self._lines: dict[str, asyncio.Semaphore] = {}

    async def make(self, work: Work) -> None:
        """When it returns, the journal knows what came of the attempt. Raises Unavailable when it could not be told."""
        started = time.perf_counter()
        parcel = _parcel(work)
        verdict = await self._verdict(work, parcel)
        took_ms = round((time.perf_counter() - started) * 1000)
        await self._settle(self._settlement(parcel, verdict, took_ms))
        if verdict.disable_endpoint:
            await self._disable(parcel)
        _report(parcel, verdict, took_ms)

    async def _verdict(self, work: Work, parcel: Parcel) -> Verdict:
        if work.expires_at <= self._clock():
            return Verdict(State.EXPIRED, reason="delivery.expired")
        agency = self._directory.current.agencies.get(work.recipient)
        endpoint = agency.endpoint if agency is not None else None
        if endpoint is None:  # the recipient went over to pulling
            return Verdict(State.AVAILABLE)
        outcome = await self._reach(parcel, endpoint) if endpoint.enabled else Retry("delivery.endpoint_disabled")
        schedule_s = self._schedule_s if endpoint.retry_schedule_s is None else endpoint.retry_schedule_s
        return judge(outcome, work.attempt, schedule_s, self._draw())

    async def _reach(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        line = self._lines.setdefault(parcel.recipient, asyncio.Semaphore(endpoint.max_in_flight))
        async with line, self._slots:
            with metrics.ATTEMPTS_RUNNING.track_inprogress(), metrics.ATTEMPT_S.time():
                try:
                    return await self._adapters[endpoint.adapter].deliver(parcel, endpoint)
                except Exception as error:
                    component = f"adapter {endpoint.adapter}"
                    log.error("error.unexpected", component=component, delivery_id=parcel.delivery_id, exc_info=error)
                    return Retry("delivery.internal", type(error).__name__)

    def _settlement(self, parcel: Parcel, verdict: Verdict, took_ms: int) -> Settlement:
        return Settlement(
            delivery_id=parcel.delivery_id,
            state=verdict.state,
            attempt=parcel.attempt,
            delay_s=verdict.delay_s,
            reason=verdict.reason,
            detail=verdict.detail,
            took_ms=took_ms,
            notice=notice_of(parcel, verdict, self._directory.current, self._notice_rules, self._clock()),
        )

    async def _settle(self, settlement: Settlement) -> None:
        for left in reversed(range(_SETTLE_TRIES)):
            try:
                await self._settler.settle((settlement,))
                return
            except Unavailable as error:
                if left == 0:
                    raise
                log.error("journal.lost", detail=str(error), wait_s=_PAUSE_S)
                await asyncio.sleep(_PAUSE_S)

    async def _disable(self, parcel: Parcel) -> None:
        """HTTP 410: nobody is asked there again until an operator registers a new address."""
        agency = self._directory.current.agencies.get(parcel.recipient)
        if agency is not None and agency.endpoint is not None and agency.endpoint.enabled:
            closed = msgspec.structs.replace(agency.endpoint, enabled=False)
            await self._directory_store.save_agencies((msgspec.structs.replace(agency, endpoint=closed),))
            await self._directory.refresh()
            log.warning("endpoint.disabled", recipient=parcel.recipient, reason="delivery.endpoint_gone")


def _parcel(work: Work) -> Parcel:
    return Parcel(
        delivery_id=work.delivery_id,
        attempt=work.attempt,
        recipient=work.recipient,
        addressed_as=work.addressed_as,
        sequence=work.sequence,
        envelope=work.envelope,
    )


def _report(parcel: Parcel, verdict: Verdict, took_ms: int) -> None:
    log.info(
        "delivery.attempted",
        delivery_id=parcel.delivery_id,
        recipient=parcel.recipient,
        attempt=parcel.attempt,
        state=verdict.state.label,
        took_ms=took_ms,
        sender=parcel.envelope.sender,
        message_id=parcel.envelope.message_id,
        kind=parcel.envelope.kind,
        sequence=parcel.sequence,
        reason=verdict.reason,
        delay_s=round(verdict.delay_s, 3),
        trace_id=trace_id(parcel.envelope.traceparent),
    )
