"""What an urgent envelope waits behind a backlog, beside an ordinary one that was accepted in the same transaction.

The hub and its recipients run in this process: recipients that need 50 ms each are busy for two seconds with what waits, and
meanwhile pairs arrive, one hỏa tốc and one thường, each in a lane of its own.
"""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

import msgspec
from aiohttp import web
from rich.console import Console

from contracts import wire
from contracts.adapter import Endpoint
from contracts.envelope import Envelope
from lgsp import log
from lgsp.assembly import Hub
from lgsp.bootstrap.hub import open_hub
from lgsp.core.directory import Agency, Grant
from lgsp.settings import Settings
from tests.bench import report
from tests.bench.envelopes import RECIPIENTS, SENDER, number_in, templates
from tests.bench.processes import BenchFailed
from tests.bench.report import Row, row
from tests.bench.targets import World

BACKLOG, PAIRS = 600, 10
_HOA_TOC = 3
_TAKES_S, _AT_ONCE, _BUSY = 0.05, 4, RECIPIENTS[:4]
_BETWEEN_PAIRS_S = 0.05
_BEGUN = 20  # arrived before the first pair is sent
_PATIENCE_S = 60.0
_TEMPLATES = templates()
_SECRET = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
_METRICS = {"wait_ms": "ms", "overtaken_by": "envelopes"}


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the pairs of a round, urgent and ordinary: from sending to arrival, and how many arrived in between."""

    wait_ms: tuple[float, float]
    overtaken_by: tuple[float, float]


def measure(world: World, setups: Sequence[str], rounds: int) -> list[Row]:
    """`setups`: "embedded", "production". Raises BenchFailed when something does not arrive."""
    log.configure("json", "error")
    found: list[Row] = []
    for setup in setups:
        waits = asyncio.run(_measure(_settings(world, setup), rounds))
        for metric, unit in _METRICS.items():
            urgent, ordinary = zip(*(getattr(one, metric) for one in waits), strict=True)
            found.append(row("urgency", setup, f"ordinary_{metric}", unit, ordinary))
            found.append(row("urgency", setup, f"urgent_{metric}", unit, urgent, ordinary, f"ordinary_{metric}"))
    return found


def show(console: Console, rows: Sequence[Row]) -> None:
    title = f"Urgency: hỏa tốc and thường sent together, behind {BACKLOG} thường to {len(_BUSY)} recipients"
    report.print_rows(console, title, [one for one in rows if one.scenario == "urgency"])


@dataclass
class Recipients:
    """Somebody who needs a while for each, and writes down what came when."""

    came: list[int] = field(default_factory=list)  # by number
    came_at: dict[int, float] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        number = number_in(await request.read())
        self.came.append(number)
        self.came_at.setdefault(number, asyncio.get_running_loop().time())
        await asyncio.sleep(_TAKES_S)
        return web.Response()

    async def have(self, numbers: Iterable[int]) -> None:
        """Raises BenchFailed when they do not come."""
        missing = set(numbers)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while missing := missing - self.came_at.keys():  # noqa: ASYNC110 - they come over the network
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise BenchFailed(f"urgency: {len(missing)} envelopes did not arrive within {_PATIENCE_S:.0f} s") from None


async def _measure(settings: Settings, rounds: int) -> list[Waits]:
    recipients = Recipients()
    async with _listening(recipients) as url, open_hub(settings) as hub:
        await hub.store.save_agencies(_agencies(url))
        await hub.directory.refresh()
        running = asyncio.create_task(hub.run())
        try:
            return [await _round(hub, recipients, first=number * 10 * BACKLOG) for number in range(rounds)]
        finally:
            hub.stop.set()
            await running


async def _round(hub: Hub, recipients: Recipients, first: int) -> Waits:
    backlog = range(first, first + BACKLOG)
    await _submit(hub, [_envelope(number, 0) for number in backlog])
    await recipients.have(backlog[:_BEGUN])
    sent: dict[int, tuple[float, int]] = {}  # by number: when, and how many had arrived
    for number in range(backlog.stop, backlog.stop + 2 * PAIRS, 2):
        sent[number] = sent[number + 1] = asyncio.get_running_loop().time(), len(recipients.came)
        await _submit(hub, [_envelope(number, 0), _envelope(number + 1, _HOA_TOC)])
        await asyncio.sleep(_BETWEEN_PAIRS_S)
    await recipients.have([*backlog, *sent])
    wait_ms = {number: (recipients.came_at[number] - at) * 1000 for number, (at, _) in sent.items()}
    overtaken_by = {number: recipients.came.index(number) - came for number, (_, came) in sent.items()}
    return Waits(wait_ms=_medians(wait_ms, backlog.stop), overtaken_by=_medians(overtaken_by, backlog.stop))


def _medians(values: Mapping[int, float], first: int) -> tuple[float, float]:
    """Of the urgent and of the ordinary ones: these are the first of each pair."""
    ordinary, urgent = ([values[number + place] for number in range(first, first + 2 * PAIRS, 2)] for place in (0, 1))
    return median(urgent), median(ordinary)


async def _submit(hub: Hub, envelopes: Sequence[Envelope]) -> None:
    """Raises BenchFailed when one is not accepted."""
    for outcome in await hub.intake.submit_many(envelopes, hub.directory.current.agencies[SENDER]):
        if isinstance(outcome, Exception):
            raise BenchFailed(f"urgency: {outcome}")


def _envelope(number: int, priority: int) -> Envelope:
    """Each is a case of its own, so nothing but urgency orders them."""
    envelope = wire.parse(_TEMPLATES[number // 2 % len(_BUSY)].message(number))
    return msgspec.structs.replace(envelope, priority=priority)


def _agencies(url: str) -> list[Agency]:
    endpoint = Endpoint(adapter="webhook", url=url, secret=_SECRET, max_in_flight=_AT_ONCE)
    sender = Agency(code=SENDER, name_vi=f"Xã {SENDER}", grants=(Grant(kinds=("case.*",)),))
    return [sender, *(Agency(code=code, name_vi=f"Sở {code}", endpoint=endpoint) for code in _BUSY)]


def _settings(world: World, setup: str) -> Settings:
    name = f"urgency-{setup}-{secrets.token_hex(2)}"
    environ = {"LGSP_DATA_DIR": str(world.folder / name), "LGSP_WORKER_CONCURRENCY": "32"}
    if setup == "production":
        environ |= {
            "LGSP_JOURNAL_URL": world.postgres.create_database(f"bench_{secrets.token_hex(4)}"),
            "LGSP_AMQP_URL": world.rabbit.url,
            "LGSP_BROKER_PREFIX": f"bench-{secrets.token_hex(4)}",
        }
    return Settings.load(None, environ)


@asynccontextmanager
async def _listening(recipients: Recipients) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", recipients.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
