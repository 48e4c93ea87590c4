"""Puts the hub together: the only place that names concrete classes. Settings in, a running hub out."""

import asyncio
import contextlib
import fcntl
import gc
import os
import random
import secrets
import shutil
import signal
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.registry import REGISTRY
from contracts.adapter import DeliveryAdapter
from lgsp import __version__, metrics
from lgsp.blobs.files import in_thread
from lgsp.core.admission import Limits
from lgsp.core.notices import NoticeRules
from lgsp.core.retry import Policy
from lgsp.errors import CannotListen, JournalUnavailable, SettingsError, Unavailable
from lgsp.flow.attempt import Attempts
from lgsp.flow.bell import Bell
from lgsp.flow.clock import loop_time
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.dispatch import Dispatcher
from lgsp.flow.health import Readiness
from lgsp.flow.holds import Holds
from lgsp.flow.intake import Intake
from lgsp.flow.mailbox import Mailbox
from lgsp.flow.maintenance import Maintenance
from lgsp.flow.notices import Notices
from lgsp.flow.outbox import Outbox
from lgsp.flow.reach import Reach
from lgsp.flow.recalls import Recalls
from lgsp.flow.settler import Settler
from lgsp.flow.sweeper import Sweeper
from lgsp.http.app import make_app, make_health_app
from lgsp.http.server import make_runner, tls_context
from lgsp.http.services import Services
from lgsp.log import get_logger
from lgsp.ports import Blobs, Broker, Store
from lgsp.settings import Settings
from signing.jws import SigningKey

Role = Literal["gateway", "worker"]
BOTH: frozenset[Role] = frozenset({"gateway", "worker"})

log = get_logger()

_LOOK_AGAIN_S = 0.5
_LOOK_AGAIN_ALONE_S = 2.0  # one process: the bell says nearly everything
_COUNT_EVERY_S, _COUNT_SHARE = 5.0, 0.02  # counting reads whole tables: at most this share of the time goes into it
_LAST_ANSWERS_S = 5.0  # for answers still being written after everything was drained


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The journal that the settings name, migrated. Raises JournalUnavailable, JournalMismatch or SettingsError."""
    store: Store
    path = settings.sqlite_path
    if path is None:
        from lgsp.journal.postgres.store import PostgresStore

        store = await PostgresStore.open(settings.journal_url, timeout_s=settings.journal_timeout_s)
    else:
        from lgsp.journal.sqlite import SqliteStore

        with _named_by("journal_url" if settings.journal_url else "data_dir"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        store = SqliteStore.open(path, timeout_s=settings.journal_timeout_s)
    try:
        yield store
    finally:
        await store.close()


def token_key(settings: Settings) -> bytes:
    """The key that signs access tokens, 32 bytes; made on first use."""
    path = settings.token_key_path
    with _named_by("token_key_file" if settings.token_key_file else "data_dir"):
        key = _kept_key(path, lambda: secrets.token_bytes(32))
    if len(key) < 32:
        raise SettingsError(
            [f"token_key_file: {path} holds {len(key)} bytes, at least 32 are needed; remove it to have it made anew"]
        )
    return key


def signing_key(settings: Settings) -> SigningKey:
    """The key under which this hub makes statements, Ed25519 in PEM; made on first use."""
    path = settings.signing_key_path
    with _named_by("signing_key_file" if settings.signing_key_file else "data_dir"):
        pem = _kept_key(path, _new_ed25519)
    try:
        return SigningKey.of_pem(pem)
    except ValueError as error:
        raise SettingsError([f"signing_key_file: {path} is {error}"]) from None


def _new_ed25519() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _kept_key(path: Path, make: Callable[[], bytes]) -> bytes:
    """Made when missing, readable by the owner only.

    It appears under its name whole or not at all: another gateway may start at the same moment, and this one may die.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_bytes()


@contextmanager
def _named_by(setting: str) -> Iterator[None]:
    """A file or folder that cannot be used is a mistake in the setting that names it. Raises SettingsError."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise SettingsError([f"{setting}: {what}"]) from error


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
    recalls: Recalls
    maintenance: Maintenance
    sweeper: Sweeper
    dispatcher: Dispatcher
    readiness: Readiness
    stop: asyncio.Event

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


@asynccontextmanager
async def open_hub(
    settings: Settings, roles: Collection[Role] = BOTH, *, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Hub]:
    """Everything opened, in the order in which it depends on each other, and closed in reverse."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings))
        broker = await _open_broker(settings, roles)
        stack.push_async_callback(broker.close)
        adapters = {name: make() for name, make in REGISTRY.items()}
        for adapter in adapters.values():
            stack.push_async_callback(adapter.close)
        if not broker.survives_restart:
            stack.enter_context(_alone(settings))
        yield await assemble(settings, frozenset(roles), store, broker, _open_blobs(settings), adapters, clock, random.random)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """With the broker inside the process there is one process per journal: two would deliver everything twice.

    Raises SettingsError.
    """
    path = settings.sqlite_path
    if path is None:
        raise SettingsError(
            ["amqp_url: with PostgreSQL the hub needs RabbitMQ; without RabbitMQ leave journal_url empty (SQLite)"]
        )
    with _named_by("journal_url" if settings.journal_url else "data_dir"):
        descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError([f"data_dir: another hub is running on {path}; stop it, or name another data_dir"]) from None
        yield
    finally:
        os.close(descriptor)


async def _open_broker(settings: Settings, roles: Collection[Role]) -> Broker:
    if settings.amqp_url:
        from lgsp.broker.rabbit import RabbitBroker

        return await RabbitBroker.open(
            settings.amqp_url,
            prefix=settings.broker_prefix,
            shards=settings.broker_shards,
            prefetch=settings.prefetch,
            publish_timeout_s=settings.publish_timeout_s,
            name=f"lgsp {'+'.join(sorted(roles))} {os.getpid()}",
        )
    if frozenset(roles) != BOTH:
        raise SettingsError(["amqp_url: a gateway or worker of its own needs RabbitMQ; without it use `lgsp run`"])
    from lgsp.broker.embedded import EmbeddedBroker

    return EmbeddedBroker()


def _open_blobs(settings: Settings) -> Blobs:
    from lgsp.blobs.directory import DirectoryBlobs

    with _named_by("blobs_dir" if settings.blobs_dir else "data_dir"):
        return DirectoryBlobs(settings.blobs_path, max_bytes=settings.max_attachment_bytes)


async def assemble(
    settings: Settings,
    roles: frozenset[Role],
    store: Store,
    broker: Broker,
    blobs: Blobs,
    adapters: Mapping[str, DeliveryAdapter],
    clock: Callable[[], datetime],
    draw: Callable[[], float],
) -> Hub:
    """A process of the hub out of what it needs of the world, here and in the simulation. Raises JournalUnavailable."""
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
        capacity=20_000,
        stuck_after_s=settings.stuck_after_s,
        is_shut=lambda: maintenance.pushes_nothing,
    )
    settler = Settler(store, outbox, clock, max_batch=settings.commit_batch, capacity=100_000, ready_lease_s=lease_s)
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
    return Hub(
        settings=settings,
        roles=roles,
        store=store,
        blobs=blobs,
        broker=broker,
        directory=directory,
        outbox=outbox,
        settler=settler,
        intake=Intake(
            hub=hub_code,
            journal=store,
            records=store,
            directory=directory,
            outbox=outbox,
            bell=bell,
            recalls=recalls,
            maintenance=maintenance,
            limits=limits,
            clock=clock,
            ready_lease_s=lease_s,
            max_batch=settings.commit_batch,
            capacity=settings.intake_capacity,
        ),
        mailbox=Mailbox(
            store,
            store,
            settler,
            notices,
            bell,
            clock,
            look_again_s=_LOOK_AGAIN_S if broker.survives_restart else _LOOK_AGAIN_ALONE_S,
        ),
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
        ),
        stop=stop,
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


def services_of(hub: Hub) -> Services:
    """What the HTTP surface is given."""
    return Services(
        settings=hub.settings,
        records=hub.store,
        directory_store=hub.store,
        directory=hub.directory,
        intake=hub.intake,
        mailbox=hub.mailbox,
        recalls=hub.recalls,
        blobs=hub.blobs,
        readiness=hub.readiness,
        token_key=token_key(hub.settings),
        signing_key=signing_key(hub.settings),
        clock=utc_now,
    )


OnReady = Callable[[Hub], Coroutine[Any, Any, None]]


async def serve(settings: Settings, roles: Collection[Role] = BOTH, *, on_ready: OnReady | None = None) -> None:
    """One process until SIGTERM or SIGINT, then a graceful stop. `on_ready` runs once the address answers, beside the hub.

    Raises SettingsError, JournalUnavailable, JournalMismatch or CannotListen before anything was accepted.
    """
    started = time.perf_counter()
    async with open_hub(settings, roles) as hub, _listening(hub) as address:
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, hub.stop.set)
        took_ms = round((time.perf_counter() - started) * 1000)
        log.info("hub.started", roles=sorted(roles), address=address, pid=os.getpid(), version=__version__, took_ms=took_ms)
        _spare_the_collector()
        beside = asyncio.create_task(on_ready(hub)) if on_ready is not None else None
        await hub.run()
        if beside is not None:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        log.info("hub.stopped", took_ms=round((time.perf_counter() - started) * 1000))


def _spare_the_collector() -> None:
    """What was loaded at start stays for good, and envelopes do not form cycles: looking for them less often saved 11 % of the
    CPU per envelope (embedded, 8 KB, measured with tests.bench)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@asynccontextmanager
async def _listening(hub: Hub) -> AsyncIterator[str]:
    """A gateway serves everything, a worker its health on `metrics_port`. Gateways share a port (SO_REUSEPORT)."""
    settings = hub.settings
    gateway = "gateway" in hub.roles
    port = settings.listen_port if gateway else settings.metrics_port
    if not gateway and port == 0:
        yield ""
        return
    services = services_of(hub)
    runner = make_runner(make_app(services) if gateway else make_health_app(services), shutdown_grace_s=_LAST_ANSWERS_S)
    await runner.setup()
    try:
        tls = _tls(settings) if gateway else None
        site = web.TCPSite(
            runner,
            settings.listen_host,
            port,
            ssl_context=tls,
            reuse_port=hub.roles == {"gateway"},
            backlog=1024,
        )
        try:
            await site.start()
        except OSError as error:
            raise CannotListen(f"{settings.listen_host}:{port}: {error.strerror}") from error
        yield settings.base_url if gateway else f"{settings.listen_host}:{port}"
    finally:
        await runner.cleanup()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    for name in ("tls_cert_file", "tls_key_file", "tls_client_ca_file"):
        path: Path | None = getattr(settings, name)
        if path is not None:
            with _named_by(name):
                path.open("rb").close()
    with _named_by("tls_cert_file, tls_key_file, tls_client_ca_file"):  # PEM? do they belong together?
        return tls_context(settings)
