"""One process of the hub: what moves in it, put together out of what it needs of the world, and moved until it is told to stop.

Names no store, broker or adapter: `lgsp.bootstrap` brings the real ones, the simulation its own.
"""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from contracts.adapter import DeliveryAdapter
from contracts.feed import Collector
from lgsp import metrics
from lgsp.blobs.files import in_thread
from lgsp.core.admission import Limits
from lgsp.core.notices import NoticeRules
from lgsp.core.quota import Quota
from lgsp.core.retry import Policy
from lgsp.errors import JournalUnavailable, Unavailable
from lgsp.flow.attempt import Attempts
from lgsp.flow.bell import Bell
from lgsp.flow.clock import loop_time
from lgsp.flow.collecting import Collecting
from lgsp.flow.desk import Desks
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.dispatch import Dispatcher
from lgsp.flow.examination import Examiner
from lgsp.flow.health import Readiness
from lgsp.flow.holds import Holds
from lgsp.flow.intake import Intake
from lgsp.flow.log_keeper import LogKeeper
from lgsp.flow.mailbox import Mailbox
from lgsp.flow.maintenance import Maintenance
from lgsp.flow.notices import Notices
from lgsp.flow.outbox import Outbox
from lgsp.flow.reach import Reach
from lgsp.flow.recalls import Recalls
from lgsp.flow.settler import Settler
from lgsp.flow.sweeper import Sweeper
from lgsp.log import get_logger
from lgsp.ports import Blobs, Broker, Store
from lgsp.settings import Settings
from lgsp.trust.keys import HubKeys

Role = Literal["gateway", "worker"]
Loop = Callable[[], Coroutine[Any, Any, None]]

log = get_logger()

_LOOK_AGAIN_S = 0.5
_LOOK_AGAIN_ALONE_S = 2.0  # one process: the bell says nearly everything
_COUNT_EVERY_S, _COUNT_SHARE = 5.0, 0.02  # counting reads whole tables: at most this share of the time goes into it
_OUTBOX_REFS = 20_000
_SETTLEMENTS = 100_000


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Hub:
    """One process of the hub, opened and not yet moving."""

    settings: Settings
    roles: frozenset[Role]
    store: Store
    blobs: Blobs
    broker: Broker
    directory: DirectoryCache
    outbox: Outbox
    settler: Settler
    intake: Intake
    mailbox: Mailbox
    desks: Desks
    recalls: Recalls
    maintenance: Maintenance
    sweeper: Sweeper
    dispatcher: Dispatcher
    readiness: Readiness
    further: tuple[Loop, ...]
    stop: asyncio.Event
    keys: HubKeys | None = None
    keeper: LogKeeper | None = None

    async def run(self) -> None:
        """Moves envelopes until `stop` is set, then drains: intake first, attempts next, the outbox last; all within one
        shutdown_grace_s."""
        background = [
            asyncio.create_task(loop)
            for loop in (
                self.directory.run(),
                self.maintenance.run(),
                self.outbox.run(),
                self.sweeper.run(),
                self._tidy(),
                self._count(),
                *(loop() for loop in self.further),
            )
        ]
        working = asyncio.create_task(self._work())
        try:
            await self._until_stop({working, *background})
        finally:
            log.info("hub.stopping", open=self.intake.under_way + self.dispatcher.under_way)
            self.stop.set()
            deadline = loop_time() + self.settings.shutdown_grace_s
            await _until(deadline, self.intake.close())
            await asyncio.gather(working, return_exceptions=True)
            await _until(deadline, self.settler.idle())
            await self.outbox.drained(deadline - loop_time())
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)

    async def _until_stop(self, tasks: set[asyncio.Task[None]]) -> None:
        """Returns when `stop` is set; a loop that ends before is a bug and ends the process loudly."""
        stopped = asyncio.create_task(self.stop.wait())
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done & tasks:
            if not self.stop.is_set() or task.exception() is not None:
                await task

    async def _work(self) -> None:
        if "worker" in self.roles:
            await self.dispatcher.run(self.stop, self.settings.shutdown_grace_s)
        else:
            await self.stop.wait()

    async def _tidy(self) -> None:
        """Uploads that nobody finished."""
        while True:
            try:
                removed = await self.blobs.sweep_uploads(utc_now() - timedelta(hours=self.settings.upload_life_h))
                if removed:
                    log.info("upload.expired", uploads=removed)
            except Unavailable as error:
                log.error("blobs.lost", detail=str(error))
            await asyncio.sleep(600)

    async def _count(self) -> None:
        """The gauges that come from the journal: deliveries by state, and whether its two sources agree."""
        while True:
            started = loop_time()
            try:
                balance = await self.store.balance()
                metrics.balanced(balance)
                if balance.difference:
                    log.error("balance.broken", deliveries=balance.difference)
                metrics.held(await self.store.count_holds())
            except JournalUnavailable as error:
                log.error("journal.lost", detail=str(error))
            await asyncio.sleep(max(_COUNT_EVERY_S, (loop_time() - started) / _COUNT_SHARE))


async def _until(deadline: float, waiting: Coroutine[Any, Any, None]) -> None:
    """Waits no longer than `deadline` (loop time): what was answered is on disk, what was not comes again."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(waiting, max(0.0, deadline - loop_time()))


async def assemble(
    settings: Settings,
    roles: frozenset[Role],
    store: Store,
    broker: Broker,
    blobs: Blobs,
    adapters: Mapping[str, DeliveryAdapter],
    examiner: Examiner,
    clock: Callable[[], datetime],
    draw: Callable[[], float],
    further: Sequence[Loop] = (),
    keys: HubKeys | None = None,
    keeper: LogKeeper | None = None,
    collectors: Mapping[str, Collector] = MappingProxyType({}),
) -> Hub:
    """A process of the hub out of what it needs of the world, here and in the simulation. `further`: loops that run as long as it
    does. Raises JournalUnavailable."""
    if not broker.survives_restart:
        await store.requeue_all(clock(), settings.ready_lease_s)
    directory = DirectoryCache(store)
    await directory.refresh()
    stop = asyncio.Event()
    lease_s = settings.ready_lease_s
    hub_code = settings.hub_code
    limits = Limits(
        max_body_bytes=settings.max_body_bytes,
        default_life=timedelta(days=settings.default_life_days),
        shards=settings.broker_shards,
    )
    bell = Bell()
    maintenance = Maintenance(store, clock)
    await maintenance.refresh()
    outbox = Outbox(
        store,
        broker,
        clock,
        window=settings.commit_batch,
        capacity=_OUTBOX_REFS,
        stuck_after_s=settings.stuck_after_s,
        is_shut=lambda: maintenance.pushes_nothing,
    )
    settler = Settler(store, outbox, clock, max_batch=settings.commit_batch, capacity=_SETTLEMENTS, ready_lease_s=lease_s)
    notices = Notices(directory, NoticeRules(hub=hub_code, limits=limits), clock)
    recalls = Recalls(store, store, settler, notices, clock)
    attempts = Attempts(
        directory=directory,
        directory_store=store,
        reach=Reach(adapters, concurrency=settings.worker_concurrency),
        holds=Holds(store, clock, failures=settings.breaker_failures, probes_s=settings.breaker_probes_s),
        settler=settler,
        notices=notices,
        clock=clock,
        draw=draw,
        policy=Policy(settings.retry_schedule_s, settings.retry_max_age_s),
    )
    intake = Intake(
        hub=hub_code,
        journal=store,
        records=store,
        directory=directory,
        outbox=outbox,
        bell=bell,
        examiner=examiner,
        recalls=recalls,
        maintenance=maintenance,
        keeper=keeper,
        limits=limits,
        clock=clock,
        ready_lease_s=lease_s,
        max_batch=settings.commit_batch,
        capacity=settings.intake_capacity,
        quota=Quota(per_s=settings.quota_per_s, burst=settings.quota_burst),
        gateways=settings.quota_gateways,
    )
    mailbox = Mailbox(
        store,
        store,
        settler,
        notices,
        bell,
        clock,
        look_again_s=_LOOK_AGAIN_S if broker.survives_restart else _LOOK_AGAIN_ALONE_S,
    )
    desks = Desks(
        intake=intake,
        mailbox=mailbox,
        records=store,
        marks=store,
        directory_store=store,
        directory=directory,
        blobs=blobs,
        clock=clock,
        hub=hub_code,
    )
    if "gateway" in roles and collectors:
        further = (*further, Collecting(desks, store, collectors, clock, holder=f"{socket.gethostname()}:{os.getpid()}").run)
    return Hub(
        settings=settings,
        roles=roles,
        store=store,
        blobs=blobs,
        broker=broker,
        directory=directory,
        outbox=outbox,
        settler=settler,
        intake=intake,
        mailbox=mailbox,
        desks=desks,
        recalls=recalls,
        maintenance=maintenance,
        sweeper=Sweeper(
            store,
            broker,
            outbox,
            settler,
            notices,
            clock,
            interval_s=settings.sweep_interval_s,
            batch=settings.sweep_batch,
            ready_lease_s=lease_s,
            probes_s=settings.breaker_probes_s,
            max_age_s=settings.retry_max_age_s,
            is_shut=lambda: maintenance.pushes_nothing,
        ),
        dispatcher=Dispatcher(
            store, broker, attempts.make, max_held=4 * settings.worker_concurrency, max_batch=settings.commit_batch
        ),
        readiness=Readiness(
            store,
            broker,
            directory,
            free_bytes=_room(settings, blobs),
            min_free_bytes=settings.min_free_bytes,
            needs_broker=roles == {"worker"},
            stopping=stop.is_set,
            forked=lambda: "" if keeper is None else keeper.fork,
        ),
        further=tuple(further),
        stop=stop,
        keys=keys,
        keeper=keeper,
    )


def _room(settings: Settings, blobs: Blobs) -> Callable[[], Awaitable[int | None]]:
    """Free bytes where there are fewest: on the disk of the attachments and, with SQLite, on that of the journal."""
    path = settings.sqlite_path

    async def free_bytes() -> int | None:
        for_blobs = await blobs.free_bytes()
        if path is None:
            return for_blobs
        for_journal = (await in_thread(shutil.disk_usage, path.parent)).free
        return for_journal if for_blobs is None else min(for_blobs, for_journal)

    return free_bytes
