"""The load generator and the sink, one process for both, so that one clock measures the whole road.

Runs as `python -m tests.bench.load` beside the bench: prints the sink's port, then reads a `Round` a line and answers with a
`Result` a line. The load is a closed loop: each connection sends its next request when the last one is answered.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import msgspec
import uvloop

from tests.bench import envelopes
from tests.bench.http1 import BadFraming, Wire, request_head, status_of

HOST = "127.0.0.1"
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
_RECEIPT = b'{"receipt":'


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """Send for `seconds` or up to `messages`, whichever ends first; then wait at most `drain_s` until all have arrived."""

    port: int
    path: str
    token: str
    first: int  # number of the first message; rounds must not overlap
    batch: int = 1  # envelopes a request; more than one: a line each
    connections: int = 128
    seconds: float = 3.0
    messages: int = 1_000_000
    drain_s: float = 60.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds from the first octet sent, latencies in milliseconds."""

    accepted: int
    delivered: int  # different messages that arrived
    repeated: int
    accept_s: float
    deliver_s: float
    accept_ms: dict[str, float]  # p50, p99: from request to answer
    end_to_end_ms: dict[str, float]  # from request to arrival at the sink
    failure: str = ""


class Run:
    """One round under way. Requests are made when they are sent; nothing is kept of them but the time."""

    def __init__(self, order: Round) -> None:
        self._order = order
        self._templates = envelopes.templates()
        self._head = _head_of(order, self._templates[0].length)
        self._sent: list[float] = []
        self._arrived: list[float] = []
        self._repeated = 0
        self._strays = 0
        self._delivered = 0
        self._accepted = 0
        self._accept_ms: list[float] = []
        self._under_way: dict[Wire, tuple[int, float]] = {}
        self._last_accept = 0.0
        self._last_arrival = 0.0
        self._failure = ""
        self._sending_ended = asyncio.Event()
        self._all_arrived = asyncio.Event()

    async def go(self) -> Result:
        loop = asyncio.get_running_loop()
        wires = [
            (await loop.create_connection(lambda: Wire(self._answered, self._lost), HOST, self._order.port))[1]
            for _ in range(self._order.connections)
        ]
        self._start = time.perf_counter()
        for wire in wires:
            self._send(wire)
        await self._sending_ended.wait()
        if not self._failure and self._delivered < self._accepted:
            try:
                await asyncio.wait_for(self._all_arrived.wait(), self._order.drain_s)
            except TimeoutError:
                late = f"{self._accepted} accepted, {self._delivered} arrived within {self._order.drain_s} s"
                self._failure = f"{late}, {self._strays} of other rounds" if self._strays else late
        for wire in wires:
            wire.transport.close()
        return self._result()

    def arrived(self, number: int) -> None:
        """The sink got it."""
        place = number - self._order.first
        if not 0 <= place < len(self._arrived):
            self._strays += 1
        elif self._arrived[place]:
            self._repeated += 1
        else:
            self._last_arrival = self._arrived[place] = time.perf_counter()
            self._delivered += 1
            self._check_end()

    def _send(self, wire: Wire) -> None:
        order, now = self._order, time.perf_counter()
        place = len(self._sent)
        if self._failure or now - self._start >= order.seconds or place + order.batch > order.messages:
            if not self._under_way:
                self._sending_ended.set()
                self._check_end()
            return
        numbers = range(order.first + place, order.first + place + order.batch)
        bodies = [self._templates[number % len(self._templates)].message(number) for number in numbers]
        self._sent.extend([now] * order.batch)
        self._arrived.extend([0.0] * order.batch)
        self._under_way[wire] = (place, now)
        wire.transport.write(self._head + b"\n".join(bodies))

    def _answered(self, wire: Wire, head: bytes, body: bytes) -> None:
        _, sent = self._under_way.pop(wire)
        now = time.perf_counter()
        status = status_of(head)
        taken = 0 if status // 100 != 2 else body.count(_RECEIPT) if self._order.batch > 1 else 1
        if taken != self._order.batch:
            self._failure = self._failure or f"HTTP {status}, {taken} of {self._order.batch} accepted: {body[:300]!r}"
        self._accepted += taken
        self._last_accept = now
        self._accept_ms.append((now - sent) * 1000)
        self._send(wire)

    def _lost(self, wire: Wire) -> None:
        if self._under_way.pop(wire, None) is not None:
            self._failure = self._failure or "the server closed a connection before it answered"
            self._sending_ended.set()

    def _check_end(self) -> None:
        if self._sending_ended.is_set() and self._delivered >= self._accepted:
            self._all_arrived.set()

    def _result(self) -> Result:
        strays = f"{self._strays} deliveries of messages that were not sent in this round" if self._strays else ""
        journeys = [(arrived - sent) * 1000 for sent, arrived in zip(self._sent, self._arrived, strict=True) if arrived]
        return Result(
            accepted=self._accepted,
            delivered=self._delivered,
            repeated=self._repeated,
            accept_s=self._last_accept - self._start,
            deliver_s=self._last_arrival - self._start,
            accept_ms=quantiles(self._accept_ms),
            end_to_end_ms=quantiles(journeys),
            failure=self._failure or strays,
        )


class Sink:
    """Answers 204 to everything, and tells the round under way what arrived."""

    def __init__(self) -> None:
        self.run: Run | None = None

    async def listen(self) -> int:
        """The port it listens on."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Wire(self._received), HOST, 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def _received(self, wire: Wire, head: bytes, body: bytes) -> None:
        wire.transport.write(_NO_CONTENT)
        if self.run is not None:
            self.run.arrived(envelopes.number_in(body))


def quantiles(values: list[float]) -> dict[str, float]:
    """p50 and p99 by nearest rank; zeros when there are no values."""
    ordered = sorted(values) or [0.0]
    return {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in (("p50", 0.5), ("p99", 0.99))}


def _head_of(order: Round, length: int) -> bytes:
    media_type = "application/json" if order.batch == 1 else "application/x-ndjson"
    octets = order.batch * length + order.batch - 1
    return request_head(f"{HOST}:{order.port}", order.path, media_type, octets, f"Authorization: Bearer {order.token}")


async def serve(port: int, go: Callable[[str], Awaitable[msgspec.Struct]]) -> None:
    """Prints the port, then reads an order a line and prints what `go` makes of it, until there are no more."""
    print(port, flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            result = await go(line)
        except (OSError, BadFraming) as error:
            raise SystemExit(f"load generator: {error}") from error
        print(msgspec.json.encode(result).decode(), flush=True)


async def _main() -> None:
    sink = Sink()

    async def go(line: str) -> Result:
        sink.run = Run(msgspec.json.decode(line, type=Round))
        return await sink.run.go()

    await serve(await sink.listen(), go)


if __name__ == "__main__":
    uvloop.run(_main())
