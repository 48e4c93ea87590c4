"""One sender floods the hub, another one posts now and then: what the second one waits, alone and beside the flood.

`python -m tests.bench.fairness` measures and prints. The flood is a process of its own (`... flood PORT TOKEN`): batches of 1000
on many connections, each sent anew at once, whatever the hub says about coming again. Everybody's deliveries wait in mailboxes,
so that only the intake is measured.

Hub, flood and small sender share the machine, and on few cores the small one also waits for the flood's own work. Therefore a
second figure beside the time: the processor time that the hub spent while a post was under way, which is what the post would take
if the hub had a core for itself and a disk that costs nothing.
"""

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import uvloop
from rich.console import Console

from contracts.agency import AgencyCode
from lgsp.bootstrap.stores import open_store
from lgsp.core.directory import Agency, Grant
from lgsp.http.client_secret import hash_secret
from lgsp.ports import Credential
from lgsp.settings import Settings
from tests.bench import report
from tests.bench.client import ask_well, bearer, connect
from tests.bench.envelopes import RECIPIENTS, SENDER, Template, templates
from tests.bench.http1 import Wire, request_head, status_of
from tests.bench.load import HOST, quantiles
from tests.bench.processes import BenchFailed, Child, running_ms, wait_for
from tests.bench.report import Row, row
from tests.bench.targets import is_ready, token
from tests.servers.ports import free_port

SMALL = AgencyCode("H01.135")
_CONNECTIONS, _LINES = 32, 1000
_SECRET = "bench-" + secrets.token_hex(16)
_PAUSE_S = 0.01  # of the small sender, between two posts
_WARM_UP_S = 0.5
_SETUP = "embedded"


def measure(rounds: int, seconds: float, tell: Callable[[str], None]) -> list[Row]:
    """Alone and beside the flood by turns, so that what the machine does meanwhile hits both. Raises BenchFailed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lgsp-bench-")))
        settings, hub = _start_hub(stack, folder)
        port = settings.listen_port
        arguments = ["-m", "tests.bench.fairness", "flood", str(port), token(settings, SENDER, _SECRET)]
        flood = stack.enter_context(Child(arguments, folder, "flood", talks=True))
        small = Small(port, token(settings, SMALL, _SECRET), hub.pid)
        small.post_for(_WARM_UP_S)
        alone, beside = [], []
        for count in range(rounds):
            tell(f"fairness: round {count + 1} of {rounds}")
            alone.append(small.post_for(seconds))
            flood.say("go")
            flood.hear()
            before = _metric(port, "lgsp_envelopes_accepted_total")
            start = time.monotonic()
            beside.append(small.post_for(seconds))
            accepted = _metric(port, "lgsp_envelopes_accepted_total") - before - beside[-1]["accepted"]
            beside[-1]["flood_accepted_per_s"] = accepted / (time.monotonic() - start)
            flood.say("stop")
            flood.hear()
            hub.check()
            wait_for(lambda: _metric(port, "lgsp_intake_held_envelopes") == 0, "the end of the flood")
    return _rows(alone, beside)


def _rows(alone: Sequence[Mapping[str, float]], beside: Sequence[Mapping[str, float]]) -> list[Row]:
    rows = []
    for name in ("ms_p50", "ms_p99", "cpu_ms_p50", "cpu_ms_p99"):
        before, during = ([one[name] for one in samples] for samples in (alone, beside))
        rows.append(row("fairness", _SETUP, f"alone_{name}", "ms", before))
        rows.append(row("fairness", _SETUP, f"beside_{name}", "ms", during, before, f"alone_{name}"))
    rows.append(row("fairness", _SETUP, "turned_away", "posts", [one["turned_away"] for one in beside]))
    rows.append(row("fairness", _SETUP, "flood_accepted_per_s", "1/s", [one["flood_accepted_per_s"] for one in beside]))
    return rows


def check(rows: Sequence[Row]) -> None:
    """Raises BenchFailed when the small sender was turned away, or the flood was none."""
    by_metric = {one.metric: one for one in rows}
    if any(by_metric["turned_away"].samples):
        raise BenchFailed(f"beside a flood {by_metric['turned_away'].samples} posts of the small sender were turned away")
    if not all(by_metric["flood_accepted_per_s"].samples):
        raise BenchFailed("nothing of the flood was accepted")


def _metric(port: int, name: str) -> float:
    lines = ask_well(port, "GET", "/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


class Small:
    """One connection, one post after the other."""

    def __init__(self, port: int, its_token: str, hub_pid: int) -> None:
        self._hub_pid = hub_pid
        self._connection = connect(port)
        self._headers = {"Content-Type": "application/json", **bearer(its_token)}
        self._template = _as_small(templates()[0])
        self._number = 0

    def post_for(self, seconds: float) -> dict[str, float]:
        """p50 and p99 of what was accepted, how many that were, and how many were turned away."""
        took_ms: list[float] = []
        cpu_ms: list[float] = []
        turned_away = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            cpu_before_ms, start = running_ms(self._hub_pid), time.perf_counter()
            status = self._post()
            if status == 202:
                took_ms.append((time.perf_counter() - start) * 1000)
                cpu_ms.append(running_ms(self._hub_pid) - cpu_before_ms)
            else:
                turned_away += 1
            time.sleep(_PAUSE_S)
        times = {f"ms_{name}": value for name, value in quantiles(took_ms).items()}
        times |= {f"cpu_ms_{name}": value for name, value in quantiles(cpu_ms).items()}
        return {**times, "accepted": float(len(took_ms)), "turned_away": float(turned_away)}

    def _post(self) -> int:
        self._number += 1
        self._connection.request("POST", "/v1/envelopes", self._template.message(self._number), self._headers)
        answer = self._connection.getresponse()
        octets = answer.read()
        if answer.status not in (202, 503):
            raise BenchFailed(f"small sender: HTTP {answer.status} {octets[:300]!r}")
        return answer.status


def _as_small(template: Template) -> Template:
    """The same message from the small sender."""
    old, new = (f'"sender":"{code}"'.encode() for code in (SENDER, SMALL))
    return Template(tuple(piece.replace(old, new) for piece in template.pieces), template.length + len(new) - len(old))


class Flood:
    """In its own process."""

    def __init__(self, port: int, its_token: str) -> None:
        self._port = port
        self._templates = templates()
        octets = _LINES * self._templates[0].length + _LINES - 1
        authorization = f"Authorization: Bearer {its_token}"
        self._head = request_head(f"{HOST}:{port}", "/v1/envelopes:batch", "application/x-ndjson", octets, authorization)
        self._number = 0
        self._wires: list[Wire] = []
        self._answered = asyncio.Event()

    async def start(self) -> None:
        """Returns when the first batch is answered."""
        loop = asyncio.get_running_loop()
        self._answered.clear()
        for _ in range(_CONNECTIONS):
            _, wire = await loop.create_connection(lambda: Wire(self._next), HOST, self._port)
            self._wires.append(wire)
            self._send(wire)
        await self._answered.wait()

    def stop(self) -> None:
        for wire in self._wires:
            wire.transport.abort()
        self._wires.clear()

    def _next(self, wire: Wire, head: bytes, body: bytes) -> None:
        if status_of(head) not in (200, 503):
            raise SystemExit(f"flood: {head!r} {body[:300]!r}")
        self._answered.set()
        self._send(wire)

    def _send(self, wire: Wire) -> None:
        numbers = range(self._number, self._number + _LINES)
        self._number += _LINES
        lines = [self._templates[number % len(self._templates)].message(number) for number in numbers]
        wire.transport.write(self._head + b"\n".join(lines))


async def _flood(port: int, its_token: str) -> None:
    flood = Flood(port, its_token)
    loop = asyncio.get_running_loop()
    while order := await loop.run_in_executor(None, sys.stdin.readline):
        if order.strip() == "go":
            await flood.start()
        else:
            flood.stop()
        print("done", flush=True)


def _start_hub(stack: ExitStack, folder: Path) -> tuple[Settings, Child]:
    environ = {"LGSP_DATA_DIR": str(folder / "var"), "LGSP_LISTEN_PORT": str(free_port()), "LGSP_LOG_FORMAT": "json"}
    settings = Settings.load(None, environ)
    asyncio.run(_enrol(settings))
    hub = stack.enter_context(Child(["-m", "lgsp.cli", "run"], folder, "hub", talks=False, environ=environ))
    wait_for(lambda: is_ready(settings, [hub]), "readiness of the hub")
    return settings, hub


async def _enrol(settings: Settings) -> None:
    senders = [Agency(code=code, name_vi=f"Xã {code}", grants=(Grant(kinds=("case.*",)),)) for code in (SENDER, SMALL)]
    recipients = [Agency(code=code, name_vi=f"Sở {code}") for code in RECIPIENTS]
    async with open_store(settings) as store:
        await store.save_agencies([*senders, *recipients])
        await store.save_credentials(
            [Credential(client_id=code, agency=code, secret_hash=hash_secret(_SECRET)) for code in (SENDER, SMALL)]
        )


def show(console: Console, rows: Sequence[Row]) -> None:
    title = f"Fairness: posts of a small sender, alone and beside a flood on {_CONNECTIONS} connections in batches of {_LINES}"
    report.print_rows(console, title, rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["flood"]:
        uvloop.run(_flood(int(sys.argv[2]), sys.argv[3]))
    else:
        found = measure(rounds=3, seconds=4.0, tell=lambda text: print(text, file=sys.stderr))
        show(Console(), found)
        check(found)
