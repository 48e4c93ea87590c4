"""An open loop: an envelope is sent when the timetable says so, whether or not the hub keeps up, and its journey counts from that
moment until its recipient's system has it. Some recipients may be ill meanwhile: they hang, or answer 500.

Runs as `python -m tests.bench.steady` beside the bench, the sink in the same process, so that one clock measures the whole road:
prints the sink's port, then reads a `Round` a line and answers with a `Result` a line.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
import uvloop

from tests.bench import envelopes
from tests.bench.envelopes import RECIPIENTS
from tests.bench.http1 import Wire, request_head, status_of
from tests.bench.load import HOST, serve

Mood = Literal["hangs", "fails"]

_PATH = "/v1/envelopes"
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
_BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """`rate_per_s` on average, at moments drawn from `seed`, to the first `recipients` of the bench's in turn. `ill`: by code, as
    long as it sends; then everybody is well again, and what waits has `drain_s` to arrive."""

    port: int
    token: str
    first: int  # number of the first message; rounds must not overlap
    seed: int
    rate_per_s: float
    seconds: float
    recipients: int
    ill: dict[str, Mood]
    connections: int = 64
    drain_s: float = 90.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`journeys_ms`: of those to recipients that were well, from the moment in the timetable to arrival, in its order. `late_ms`:
    the latest that the generator itself sent anything. `drained_s`: until all had arrived, from the end of the timetable."""

    sent: int
    repeated: int
    journeys_ms: list[float]
    late_ms: float
    drained_s: float
    failure: str = ""


def timetable(rate_per_s: float, seconds: float, seed: int) -> list[float]:
    """Moments in seconds: always as many, spread like the calls of people who do not know of each other."""
    chance = random.Random(seed)
    return sorted(chance.uniform(0.0, seconds) for _ in range(round(rate_per_s * seconds)))


class Run:
    """One round under way."""

    def __init__(self, order: Round, sink: "Sink") -> None:
        self._order = order
        self._sink = sink
        self._moments = timetable(order.rate_per_s, order.seconds, order.seed)
        self._templates = envelopes.templates()[: order.recipients]
        bearer = f"Authorization: Bearer {order.token}"
        length = self._templates[0].length
        self._head = request_head(f"{HOST}:{order.port}", _PATH, "application/json", length, bearer)
        self._idle: asyncio.Queue[Wire] = asyncio.Queue()
        self._under_way: set[Wire] = set()
        self._arrived: dict[int, float] = {}  # by place in the timetable
        self._changed = asyncio.Event()
        self._repeated = 0
        self._strays = 0
        self._late_s = 0.0
        self._failure = ""

    async def go(self) -> Result:
        wires = [await self._connect() for _ in range(self._order.connections)]
        self._sink.ill = self._order.ill
        self._start = time.perf_counter()
        for place, moment in enumerate(self._moments):
            await self._send(place, self._start + moment)
        await _until(self._start + self._order.seconds)
        self._sink.recover()
        drained_s = await self._drain()
        for wire in wires:
            wire.transport.close()
        return self._result(drained_s)

    def arrived(self, number: int) -> None:
        """The sink took it."""
        place = number - self._order.first
        if not 0 <= place < len(self._moments):
            self._strays += 1
        elif place in self._arrived:
            self._repeated += 1
        else:
            self._arrived[place] = time.perf_counter()
            self._changed.set()

    async def _connect(self) -> Wire:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: Wire(self._answered, self._lost), HOST, self._order.port)
        self._idle.put_nowait(wire)
        return wire

    async def _send(self, place: int, moment: float) -> None:
        await _until(moment)
        wire = await self._idle.get()
        self._under_way.add(wire)
        self._late_s = max(self._late_s, time.perf_counter() - moment)
        template = self._templates[place % len(self._templates)]
        wire.transport.write(self._head + template.message(self._order.first + place))

    def _answered(self, wire: Wire, head: bytes, body: bytes) -> None:
        if status_of(head) // 100 != 2:
            self._fail(f"HTTP {status_of(head)}: {body[:300]!r}")
        self._under_way.discard(wire)
        self._idle.put_nowait(wire)

    def _lost(self, wire: Wire) -> None:
        if wire in self._under_way:
            self._fail("the server closed a connection before it answered")

    def _fail(self, failure: str) -> None:
        self._failure = self._failure or failure
        self._changed.set()

    async def _drain(self) -> float:
        """Waits until all have arrived; seconds."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._order.drain_s):
                while len(self._arrived) < len(self._moments) and not self._failure:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._failure = f"{len(self._moments)} sent, {len(self._arrived)} arrived within {self._order.drain_s} s"
        return time.perf_counter() - began

    def _result(self, drained_s: float) -> Result:
        strays = f"{self._strays} deliveries of messages that were not sent in this round" if self._strays else ""
        return Result(
            sent=len(self._moments),
            repeated=self._repeated,
            journeys_ms=list(self._journeys_ms()),
            late_ms=self._late_s * 1000,
            drained_s=drained_s,
            failure=self._failure or strays,
        )

    def _journeys_ms(self) -> Iterator[float]:
        for place, moment in enumerate(self._moments):
            if RECIPIENTS[place % len(self._templates)] not in self._order.ill and place in self._arrived:
                yield (self._arrived[place] - self._start - moment) * 1000


class Sink:
    """The recipients' systems: 204 from who is well, 500 from who fails, and nothing from who hangs until it recovers."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.ill: Mapping[str, Mood] = {}
        self._hung: dict[Wire, int] = {}

    async def listen(self) -> int:
        """The port it listens on."""
        server = await asyncio.get_running_loop().create_server(lambda: Wire(self._received, self._lost), HOST, 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def recover(self) -> None:
        """Who hung answers, if anybody still waits for it."""
        self.ill = {}
        for wire, number in self._hung.items():
            self._take(wire, number)
        self._hung.clear()

    def _received(self, wire: Wire, head: bytes, body: bytes) -> None:
        number = envelopes.number_in(body)
        match self.ill.get(_last_of_path(head)):
            case None:
                self._take(wire, number)
            case "fails":
                wire.transport.write(_BROKEN)
            case "hangs":
                self._hung[wire] = number

    def _lost(self, wire: Wire) -> None:
        self._hung.pop(wire, None)

    def _take(self, wire: Wire, number: int) -> None:
        wire.transport.write(_TAKEN)
        if self.run is not None:
            self.run.arrived(number)


def _last_of_path(head: bytes) -> str:
    """Of a request: whose system it is for."""
    return head.partition(b" HTTP/1.1\r\n")[0].rpartition(b"/")[2].decode()


async def _until(moment: float) -> None:
    left_s = moment - time.perf_counter()
    if left_s > 0:
        await asyncio.sleep(left_s)


async def _main() -> None:
    sink = Sink()

    async def go(line: str) -> Result:
        sink.run = Run(msgspec.json.decode(line, type=Round), sink)
        return await sink.run.go()

    await serve(await sink.listen(), go)


if __name__ == "__main__":
    uvloop.run(_main())
