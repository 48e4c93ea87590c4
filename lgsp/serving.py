"""A process that serves: the hub, the HTTP surface in front of it, signals, and a graceful stop."""

import asyncio
import gc
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.registry import FACADES
from lgsp import __version__
from lgsp.assembly import Hub, Role, utc_now
from lgsp.bootstrap.hub import open_hub
from lgsp.bootstrap.keys import hub_keys, token_key
from lgsp.bootstrap.log import evidence_desk
from lgsp.bootstrap.named import named_by
from lgsp.bootstrap.stores import BOTH
from lgsp.errors import CannotListen
from lgsp.flow.refusals import RefusalLog
from lgsp.http.app import make_app, make_health_app
from lgsp.http.server import make_runner, tls_context
from lgsp.http.services import Services
from lgsp.http.signed import Signed
from lgsp.log import get_logger
from lgsp.settings import Settings

log = get_logger()

_LAST_ANSWERS_S = 5.0  # for answers still being written after everything was drained


def services_of(hub: Hub) -> Services:
    """What the HTTP surface is given."""
    keys = hub.keys or hub_keys(hub.settings)
    refusals = None if hub.keeper is None else RefusalLog(hub.store, hub.keeper)
    return Services(
        settings=hub.settings,
        journal=hub.store,
        records=hub.store,
        desks=hub.desks,
        directory_store=hub.store,
        directory=hub.directory,
        intake=hub.intake,
        mailbox=hub.mailbox,
        recalls=hub.recalls,
        blobs=hub.blobs,
        readiness=hub.readiness,
        token_key=token_key(hub.settings),
        keys=keys,
        keeper=hub.keeper,
        log=hub.store,
        signed=Signed(keys, hub.settings.hub_code, utc_now, refusals),
        evidence=evidence_desk(hub.settings, hub.store, keys, hub.keeper, lambda: hub.directory.current),
        facades=FACADES,
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
        services.keys.close()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    for name in ("tls_cert_file", "tls_key_file", "tls_client_ca_file"):
        path: Path | None = getattr(settings, name)
        if path is not None:
            with named_by(name):
                path.open("rb").close()
    with named_by("tls_cert_file, tls_key_file, tls_client_ca_file"):  # PEM? do they belong together?
        return tls_context(settings)
