"""One attempt, step by step: is there anything to attempt, may it go now, ask the recipient, judge what came of it, record it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from contracts.adapter import Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.outcome import Outcome, Retry
from lgsp import metrics
from lgsp.core.directory import Agency, Directory
from lgsp.core.discretion import discreet
from lgsp.core.hold import Cause, Hold, may_go
from lgsp.core.lifecycle import State
from lgsp.core.retry import Policy, Verdict, judge
from lgsp.core.trace import trace_id
from lgsp.errors import Unavailable
from lgsp.flow.clock import loop_time
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.holds import Holds
from lgsp.flow.lines import PutOff
from lgsp.flow.notices import Notices, parcel_of
from lgsp.flow.reach import Reach
from lgsp.flow.settler import Settler
from lgsp.log import get_logger
from lgsp.log import trace_id as current_trace
from lgsp.ports import DirectoryStore, Settlement, Work

log = get_logger()

_PAUSE_S = 1.0
_TRIES = 20  # what was attempted is not attempted again for a journal that is away less than 20 pauses

T = TypeVar("T")


class Attempts:
    """`policy` is the hub's; an endpoint may have its own. `draw` in [0, 1) spreads retries."""

    def __init__(
        self,
        *,
        directory: DirectoryCache,
        directory_store: DirectoryStore,
        reach: Reach,
        holds: Holds,
        settler: Settler,
        notices: Notices,
        clock: Callable[[], datetime],
        draw: Callable[[], float],
        policy: Policy,
    ) -> None:
        self._directory = directory
        self._directory_store = directory_store
        self._reach = reach
        self._holds = holds
        self._settler = settler
        self._notices = notices
        self._clock = clock
        self._draw = draw
        self._policy = policy

    async def make(self, work: Work) -> None:
        """When it returns, the journal knows what came of the attempt. Raises Unavailable when it could not be told."""
        current_trace.set(trace_id(work.envelope.traceparent))
        try:
            await self._make(work)
        except Unavailable:
            raise
        except Exception as error:  # given back to the broker it would come again at once, uncharged and for ever
            log.error("error.unexpected", component="attempt", delivery_id=work.delivery_id, exc_info=error)
            await self._charge(work, Retry("delivery.internal", type(error).__name__))

    async def _charge(self, work: Work, outcome: Retry) -> None:
        """A bug of ours: a failed try like any other."""
        await self._record(work, judge(outcome, work.tries, self._age_s(work), self._policy, self._draw()), 0)

    async def _make(self, work: Work) -> None:
        agency = self._directory.current.agencies.get(work.recipient)
        endpoint = None if agency is None else agency.endpoint
        foregone = self._foregone(work, endpoint)
        if foregone is not None or endpoint is None:
            if endpoint is None:  # nothing is in the way of a mailbox
                await _patiently(lambda: self._holds.answered(work.recipient, work.hold))
            await self._record(work, foregone or Verdict(State.AVAILABLE), 0)
        elif not may_go(work.hold, work.delivery_id, work.attempt):
            await self._park(work, endpoint, _why(work.hold))
        elif not endpoint.enabled:
            await self._wait_for_operator(work, endpoint)
        else:
            await self._attempt(work, endpoint)

    def _foregone(self, work: Work, endpoint: Endpoint | None) -> Verdict | None:
        """What needs no attempt: it was taken back, its time is over, or its recipient went over to pulling."""
        if work.recall.ends_tries:
            return Verdict(State.CANCELLED, reason="delivery.recalled")
        if work.expires_at <= self._clock():
            return Verdict(State.EXPIRED, reason="delivery.expired")
        return Verdict(State.AVAILABLE) if endpoint is None else None

    async def _attempt(self, work: Work, endpoint: Endpoint) -> None:
        if _is_probe(work):
            await _patiently(lambda: self._holds.probing(work.recipient, work.delivery_id, endpoint.timeout_s))
        started = loop_time()
        try:
            outcome = await self._reach.ask(parcel_of(work), self._in_time(work, endpoint))
        except PutOff:
            await _patiently(lambda: self._holds.crowded(work.recipient))
            await self._park(work, endpoint, "delivery.crowded")
            return
        took_ms = round((loop_time() - started) * 1000)
        await self._conclude(work, endpoint, discreet(outcome, endpoint.secret) if endpoint.secret else outcome, took_ms)

    async def _conclude(self, work: Work, endpoint: Endpoint, outcome: Outcome, took_ms: int) -> None:
        """The recipient's circuit breaker first: what is parked needs a hold that lets it go again. What is charged waits as its
        schedule says, breaker or not, and is parked only if the breaker is open by then."""
        if not isinstance(outcome, Retry):
            await _patiently(lambda: self._holds.answered(work.recipient, work.hold))
            verdict = judge(outcome, work.tries, self._age_s(work), self._policy_of(endpoint), self._draw())
            await self._record(work, verdict, took_ms)
            if verdict.disable_endpoint:
                await self._disable(work.recipient, endpoint.url)
            return
        await _patiently(lambda: self._holds.failed(work.recipient, work.delivery_id, outcome, work.hold))
        if _is_probe(work):  # what the recipient's state costs is not charged to the one that was sent to find out
            await self._park(work, endpoint, outcome.reason, outcome.detail, took_ms)
            return
        verdict = judge(outcome, work.tries, self._age_s(work), self._policy_of(endpoint), self._draw())
        await self._record(work, verdict, took_ms)

    async def _wait_for_operator(self, work: Work, endpoint: Endpoint) -> None:
        """Nobody is asked at an address that is switched off; a probe looks now and then whether it is on again."""
        off = Retry("delivery.endpoint_disabled")
        if _is_probe(work):
            await _patiently(lambda: self._holds.failed(work.recipient, work.delivery_id, off, work.hold))
        else:
            await _patiently(lambda: self._holds.shut(work.recipient, off))
        await self._park(work, endpoint, off.reason)

    async def _park(self, work: Work, endpoint: Endpoint, reason: str, detail: str = "", took_ms: int | None = None) -> None:
        """Back to the journal, not charged: it waits there until its recipient's hold lets it go."""
        metrics.PARKED.inc()
        parking = Settlement(
            delivery_id=work.delivery_id,
            state=State.PARKED,
            attempt=work.attempt,
            delay_s=self._left_s(work, endpoint),
            postpone=True,
            reason=reason,
            detail=detail,
            took_ms=took_ms,
        )
        await _patiently(lambda: self._settler.settle((parking,)))
        if took_ms is not None:
            _report(parcel_of(work), Verdict(State.PARKED, reason=reason, detail=detail), took_ms)

    async def _record(self, work: Work, verdict: Verdict, took_ms: int) -> None:
        settlement = Settlement(
            delivery_id=work.delivery_id,
            state=verdict.state,
            attempt=work.attempt,
            delay_s=verdict.delay_s,
            reason=verdict.reason,
            detail=verdict.detail,
            took_ms=took_ms,
            notice=self._notices.about(work, verdict),
        )
        await _patiently(lambda: self._settler.settle((settlement,)))
        _report(parcel_of(work), verdict, took_ms)

    def _in_time(self, work: Work, endpoint: Endpoint) -> Endpoint:
        """What arrived after its end would have overtaken nobody knows what."""
        left_s = (work.expires_at - self._clock()).total_seconds()
        return msgspec.structs.replace(endpoint, timeout_s=left_s) if left_s < endpoint.timeout_s else endpoint

    def _policy_of(self, endpoint: Endpoint) -> Policy:
        schedule_s = self._policy.schedule_s if endpoint.retry_schedule_s is None else endpoint.retry_schedule_s
        return Policy(schedule_s, self._policy.max_age_s if endpoint.max_age_s is None else endpoint.max_age_s)

    def _age_s(self, work: Work) -> float:
        return max(0.0, (self._clock() - (work.ready_at or work.accepted_at)).total_seconds())

    def _left_s(self, work: Work, endpoint: Endpoint) -> float:
        """How long it may stay parked: in an operator's maintenance it does not age."""
        announced = work.hold is not None and work.hold.cause is Cause.MAINTENANCE
        return max(0.0, self._policy_of(endpoint).max_age_s - (0.0 if announced else self._age_s(work)))

    async def _disable(self, recipient: AgencyCode, url: str) -> None:
        """HTTP 410: nobody is asked there again until an operator registers a new address."""
        closed: list[Agency] = []

        def close(directory: Directory) -> list[Agency]:
            closed[:] = _closed(directory, recipient, url)
            return closed

        await _patiently(lambda: self._directory_store.change_agencies(close))
        if closed:
            await self._directory.refresh()
            log.warning("endpoint.disabled", recipient=recipient, reason="delivery.endpoint_gone")


async def _patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Raises Unavailable when the journal is away for too long."""
    for _ in range(_TRIES - 1):
        try:
            return await step()
        except Unavailable as error:
            log.error("journal.lost", detail=str(error), wait_s=_PAUSE_S)
            await asyncio.sleep(_PAUSE_S)
    return await step()


def _is_probe(work: Work) -> bool:
    return work.hold is not None and work.hold.cause is Cause.FAILING


def _why(hold: Hold | None) -> str:
    match hold:
        case Hold(cause=Cause.FAILING):
            return "delivery.recipient_failing"
        case Hold(cause=Cause.MAINTENANCE):
            return "delivery.maintenance"
        case _:
            return "delivery.crowded"


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
