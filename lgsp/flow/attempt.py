"""One attempt, step by step: reach the recipient, judge what came of it, record it, tell the sender if it wants to know."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from contracts.adapter import DeliveryAdapter, Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.outcome import Outcome, Retry
from lgsp import metrics
from lgsp.core.directory import Agency, Directory
from lgsp.core.lifecycle import State
from lgsp.core.notices import NoticeRules, notice_of
from lgsp.core.retry import Verdict, judge
from lgsp.core.trace import trace_id
from lgsp.errors import Unavailable
from lgsp.flow.clock import loop_time
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.lines import Line, PutOff
from lgsp.flow.notices import parcel_of
from lgsp.flow.settler import Settler
from lgsp.flow.turnstile import Turnstile
from lgsp.log import get_logger
from lgsp.log import trace_id as current_trace
from lgsp.ports import DirectoryStore, Settlement, Work

log = get_logger()

_PAUSE_S = 1.0
_RESERVE = 8  # of the slots an eighth is for urgent attempts: ordinary ones may all hang until their time-out
_SETTLE_TRIES = 20  # what was attempted is not attempted again for a journal that is away less than 20 pauses


class Attempts:
    """At most `concurrency` at once in this process, of which ordinary ones leave an eighth to urgent ones; at most
    `endpoint.max_in_flight` to one recipient. The most urgent is next."""

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
        self._concurrency = concurrency
        self._slots = Turnstile(reserve=concurrency // _RESERVE)
        self._lines: defaultdict[str, Line] = defaultdict(Line)

    async def make(self, work: Work) -> None:
        """When it returns, the journal knows what came of the attempt. Raises Unavailable when it could not be told."""
        started = loop_time()
        current_trace.set(trace_id(work.envelope.traceparent))
        parcel = parcel_of(work)
        agency = self._directory.current.agencies.get(work.recipient)
        endpoint = agency.endpoint if agency is not None else None
        try:
            verdict = await self._verdict(work, parcel, endpoint)
        except PutOff as off:
            await self._put_off(work, off.delay_s)
            return
        took_ms = round((loop_time() - started) * 1000)
        await self._settle(self._settlement(work, parcel, verdict, took_ms))
        if verdict.disable_endpoint and endpoint is not None:
            await self._disable(work.recipient, endpoint.url)
        _report(parcel, verdict, took_ms)

    async def _verdict(self, work: Work, parcel: Parcel, endpoint: Endpoint | None) -> Verdict:
        if work.expires_at <= self._clock():
            return Verdict(State.EXPIRED, reason="delivery.expired")
        if endpoint is None:  # the recipient went over to pulling
            return Verdict(State.AVAILABLE)
        left_s = (work.expires_at - self._clock()).total_seconds()
        if left_s < endpoint.timeout_s:  # what arrived after its end would have overtaken nobody knows what
            endpoint = msgspec.structs.replace(endpoint, timeout_s=left_s)
        outcome = await self._reach(parcel, endpoint) if endpoint.enabled else Retry("delivery.endpoint_disabled")
        schedule_s = self._schedule_s if endpoint.retry_schedule_s is None else endpoint.retry_schedule_s
        return judge(outcome, work.tries, schedule_s, self._draw())

    async def _reach(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        priority = parcel.envelope.priority
        line = self._lines[parcel.recipient]
        async with line.turn(endpoint.max_in_flight, priority), self._slots.turn(self._concurrency, priority):
            with metrics.ATTEMPTS_RUNNING.track_inprogress(), metrics.ATTEMPT_S.time():
                try:
                    return await self._adapters[endpoint.adapter].deliver(parcel, endpoint)
                except Exception as error:
                    component = f"adapter {endpoint.adapter}"
                    log.error("error.unexpected", component=component, delivery_id=parcel.delivery_id, exc_info=error)
                    return Retry("delivery.internal", type(error).__name__)

    async def _put_off(self, work: Work, delay_s: float) -> None:
        """Back to the journal untried: the recipient's line does not move, and nobody else is to wait for it."""
        metrics.PUT_OFF.inc()
        spread_s = delay_s * (0.75 + 0.5 * self._draw())
        await self._settle(
            Settlement(delivery_id=work.delivery_id, state=State.READY, attempt=work.attempt, delay_s=spread_s, postpone=True)
        )

    def _settlement(self, work: Work, parcel: Parcel, verdict: Verdict, took_ms: int) -> Settlement:
        return Settlement(
            delivery_id=work.delivery_id,
            state=verdict.state,
            attempt=work.attempt,
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

    async def _disable(self, recipient: AgencyCode, url: str) -> None:
        """HTTP 410: nobody is asked there again until an operator registers a new address."""
        closed: list[Agency] = []

        def close(directory: Directory) -> list[Agency]:
            closed.extend(_closed(directory, recipient, url))
            return closed

        await self._directory_store.change_agencies(close)
        if closed:
            await self._directory.refresh()
            log.warning("endpoint.disabled", recipient=recipient, reason="delivery.endpoint_gone")


def _closed(directory: Directory, recipient: AgencyCode, url: str) -> list[Agency]:
    """The recipient without this address; nothing where an operator has registered another one meanwhile."""
    agency = directory.agencies.get(recipient)
    if agency is None or agency.endpoint is None or agency.endpoint.url != url or not agency.endpoint.enabled:
        return []
    return [msgspec.structs.replace(agency, endpoint=msgspec.structs.replace(agency.endpoint, enabled=False))]


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
    )
