"""The worker: a reference from the broker becomes an attempt, the attempt an outcome, the outcome a line in the journal,
and only then does the broker get its ack."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from lgsp.flow.group import Group
from lgsp.flow.settler import Settler
from lgsp.log import get_logger
from lgsp.ports import Broker, Consignment, DirectoryStore, Journal, Ref, Settlement, Subscription, Work

log = get_logger()

_PAUSE_WHEN_DOWN_S = 1.0
_SETTLE_TRIES = 20  # with the pause: what is attempted is not attempted again for a journal that is away less than 20 s


class Dispatcher:
    """One per process. At most `concurrency` attempts at once, at most `endpoint.max_in_flight` to one recipient."""

    def __init__(
        self,
        *,
        journal: Journal,
        directory_store: DirectoryStore,
        broker: Broker,
        directory: DirectoryCache,
        adapters: Mapping[str, DeliveryAdapter],
        settler: Settler,
        notice_rules: NoticeRules,
        clock: Callable[[], datetime],
        draw: Callable[[], float],
        schedule_s: tuple[float, ...],
        concurrency: int,
        max_batch: int,
    ) -> None:
        self._directory_store = directory_store
        self._broker = broker
        self._directory = directory
        self._adapters = adapters
        self._settler = settler
        self._notice_rules = notice_rules
        self._clock = clock
        self._draw = draw
        self._schedule_s = schedule_s
        self._journal = journal
        self._hydrations: Group[Ref, Work | None] = Group(self._hydrate_batch, max_batch=max_batch, capacity=1_000_000)
        self._slots = asyncio.Semaphore(concurrency)
        self._lines: dict[str, asyncio.Semaphore] = {}
        self._held = 0  # refs taken from the broker and not yet acknowledged: their bodies may be in memory
        self._max_held = 4 * concurrency
        self._less_held = asyncio.Event()
        self._in_flight: set[int] = set()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event, grace_s: float) -> None:
        """Works until `stop`, then lets what is under way finish, at most `grace_s`."""
        subscription = await self._broker.subscribe()
        stopper = asyncio.create_task(self._stop_when(stop, subscription))
        try:
            async for consignment in subscription:
                await self._room(len(consignment.refs))
                task = asyncio.create_task(self._handle(consignment))
                self._running.add(task)
                task.add_done_callback(self._ended)
        finally:
            stopper.cancel()
            await self._drain(grace_s)

    async def _stop_when(self, stop: asyncio.Event, subscription: Subscription) -> None:
        await stop.wait()
        await subscription.stop()

    async def _room(self, refs: int) -> None:
        while self._held >= self._max_held:
            self._less_held.clear()
            await self._less_held.wait()
        self._held += refs

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("error.unexpected", where="dispatch", exc_info=error)

    async def _drain(self, grace_s: float) -> None:
        if self._running:
            _, late = await asyncio.wait(set(self._running), timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _handle(self, consignment: Consignment) -> None:
        """Hydrate, attempt, settle, acknowledge. Whatever goes wrong in between, the broker delivers again."""
        refs = [ref for ref in consignment.refs if ref.delivery_id not in self._in_flight]
        self._in_flight.update(ref.delivery_id for ref in refs)
        try:
            works = await self._hydrations.submit(refs)
            metrics.STALE.inc(sum(1 for work in works if work is None))
            await self._work_off([work for work in works if work is not None])
        except Unavailable as error:
            log.warning("journal.lost", detail=str(error))
            await asyncio.sleep(_PAUSE_WHEN_DOWN_S)
            await consignment.again()
        except BaseException:
            await consignment.again()
            raise
        else:
            await consignment.done()
        finally:
            self._in_flight.difference_update(ref.delivery_id for ref in refs)
            self._held -= len(consignment.refs)
            self._less_held.set()

    async def _hydrate_batch(self, refs: Sequence[Ref]) -> Sequence[Work | None]:
        found = {work.delivery_id: work for work in await self._journal.hydrate(refs)}
        return [found.get(ref.delivery_id) for ref in refs]

    async def _work_off(self, works: Sequence[Work]) -> None:
        if len(works) == 1:
            await self._deliver(works[0])
        elif works:
            async with asyncio.TaskGroup() as tasks:
                for work in works:
                    tasks.create_task(self._deliver(work))

    async def _deliver(self, work: Work) -> None:
        started = time.perf_counter()
        endpoint = self._endpoint(work)
        verdict = await self._attempt(work, endpoint)
        took_s = time.perf_counter() - started
        await self._settle(work, verdict, took_s)
        if verdict.disable_endpoint:
            await self._disable(work)

    def _endpoint(self, work: Work) -> Endpoint | None:
        agency = self._directory.current.agencies.get(work.recipient)
        return agency.endpoint if agency is not None else None

    async def _attempt(self, work: Work, endpoint: Endpoint | None) -> Verdict:
        if work.expires_at <= self._clock():
            return Verdict(State.EXPIRED, reason="delivery.expired")
        if endpoint is None:  # the recipient went over to pulling
            return Verdict(State.AVAILABLE)
        outcome = await self._reach(work, endpoint) if endpoint.enabled else Retry("delivery.endpoint_disabled")
        schedule_s = endpoint.retry_schedule_s if endpoint.retry_schedule_s is not None else self._schedule_s
        return judge(outcome, work.attempt, schedule_s, self._draw())

    async def _reach(self, work: Work, endpoint: Endpoint) -> Outcome:
        parcel = Parcel(
            delivery_id=work.delivery_id,
            attempt=work.attempt,
            recipient=work.recipient,
            addressed_as=work.addressed_as,
            sequence=work.sequence,
            envelope=work.envelope,
        )
        line = self._lines.setdefault(work.recipient, asyncio.Semaphore(endpoint.max_in_flight))
        async with line, self._slots:
            with metrics.ATTEMPTS_RUNNING.track_inprogress(), metrics.ATTEMPT_S.time():
                try:
                    return await self._adapters[endpoint.adapter].deliver(parcel, endpoint)
                except Exception as error:
                    log.error(
                        "error.unexpected", where=f"adapter {endpoint.adapter}", delivery_id=work.delivery_id, exc_info=error
                    )
                    return Retry("delivery.internal", type(error).__name__)

    async def _settle(self, work: Work, verdict: Verdict, took_s: float) -> None:
        settlement = Settlement(
            delivery_id=work.delivery_id,
            state=verdict.state,
            attempt=work.attempt,
            delay_s=verdict.delay_s,
            reason=verdict.reason,
            detail=verdict.detail,
            took_ms=round(took_s * 1000),
            notice=notice_of(work, verdict, self._directory.current, self._notice_rules, self._clock()),
        )
        await self._settle_surely(settlement)
        log.info(
            "delivery.attempted",
            delivery_id=work.delivery_id,
            sequence=work.sequence,
            recipient=work.recipient,
            attempt=work.attempt,
            state=verdict.state.label,
            reason=verdict.reason,
            delay_s=round(verdict.delay_s, 3),
            took_s=round(took_s, 4),
            trace_id=trace_id(work.envelope.traceparent),
        )

    async def _settle_surely(self, settlement: Settlement) -> None:
        for left in reversed(range(_SETTLE_TRIES)):
            try:
                await self._settler.settle((settlement,))
                return
            except Unavailable as error:
                if left == 0:
                    raise
                log.warning("journal.lost", detail=str(error))
                await asyncio.sleep(_PAUSE_WHEN_DOWN_S)

    async def _disable(self, work: Work) -> None:
        """HTTP 410: nobody is asked there again until an operator registers a new address."""
        agency = self._directory.current.agencies.get(work.recipient)
        if agency is not None and agency.endpoint is not None and agency.endpoint.enabled:
            closed = msgspec.structs.replace(agency.endpoint, enabled=False)
            await self._directory_store.save_agencies((msgspec.structs.replace(agency, endpoint=closed),))
            await self._directory.refresh()
            log.error("endpoint.disabled", recipient=work.recipient, delivery_id=work.delivery_id)


async def close_adapters(adapters: Iterable[DeliveryAdapter]) -> None:
    for adapter in adapters:
        await adapter.close()
