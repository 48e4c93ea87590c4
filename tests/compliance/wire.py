"""The wire between the hub and a far side that behaves: here is where everything goes wrong that can go wrong on one.

An HTTP/1.1 proxy on a loopback port. It reads each request whole, passes it on over a connection of its own, and does to the
answer what the test says. So every adapter meets the same misfortunes, whatever its fake can do by itself.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from yarl import URL

_PATIENCE_S = 10.0
_STOPPED = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError)
_PIECE = b"x" * 16_384
_HOP_BY_HOP = (b"connection:", b"keep-alive:", b"transfer-encoding:", b"content-length:", b"expect:")

Then = Literal["close", "keep", "hang", "reset", "drip", "pour"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one exchange.

    `forwarded`: the far side gets the request (and does what it asks). `answer`: what the hub gets, made of the far side's
    answer, b"" where it was not asked. `then`: what happens after that; "drip" sends it a byte at a time for ever.
    """

    name: str
    forwarded: bool = False
    answer: Callable[[bytes], bytes] = lambda _: b""
    then: Then = "close"

    def __str__(self) -> str:
        return self.name


def reply(status: int, body: bytes | str = b"", media_type: str = "text/plain", *headers: str, forwarded: bool = False) -> Fault:
    """An answer of the test's own instead of the far side's."""
    octets = body.encode() if isinstance(body, str) else body
    lines = (f"HTTP/1.1 {status} -", f"Content-Type: {media_type}", f"Content-Length: {len(octets)}", *headers, "", "")
    whole = "\r\n".join(lines).encode() + octets
    return Fault(f"answers {status}", forwarded=forwarded, answer=lambda _: whole, then="keep")


def cut(part: float) -> Fault:
    """The far side did what was asked, and this part of its answer arrives, from 0 to 1."""
    return Fault(f"{part:.0%} of the answer", forwarded=True, answer=lambda whole: whole[: int(len(whole) * part)])


REFUSED_TO_TALK = Fault("closes without a word")
RESET = Fault("resets the connection", then="reset")
ANSWER_LOST = Fault("takes it and resets the connection", forwarded=True, then="reset")
HANGS = Fault("hangs", then="hang")
TAKES_IT_AND_HANGS = Fault("takes it and hangs", forwarded=True, then="hang")
HANGS_HALFWAY = Fault("hangs in the middle of its answer", True, lambda whole: whole[: len(whole) * 3 // 4], "hang")
DRIPS_HEADERS = Fault("drips headers", answer=lambda _: b"HTTP/1.1 200 OK\r\nX-Slow: ", then="drip")
POURS = Fault("never ends", answer=lambda _: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", then="pour")
NOT_HTTP = Fault("speaks another protocol", answer=lambda _: b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
NULS = Fault("sends zeros", answer=lambda _: b"\x00" * 64)
ENDLESS_HEADER = Fault(
    "sends a header without measure", answer=lambda _: b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000 + b"\r\n\r\n"
)

SILENCES: Sequence[Fault] = (HANGS, DRIPS_HEADERS)
BREAKS: Sequence[Fault] = (REFUSED_TO_TALK, RESET, ANSWER_LOST)
GARBLED: Sequence[Fault] = (NOT_HTTP, NULS, ENDLESS_HEADER)
HALVES: Sequence[Fault] = tuple(cut(part) for part in (0.02, 0.2, 0.4, 0.6, 0.8, 0.95))


@dataclass(slots=True)
class Exchange:
    """One request as it left the hub, and what it got."""

    head: bytes
    body: bytes = field(repr=False)

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    def header(self, name: str) -> str:
        """ "" where there is none."""
        wanted = name.lower().encode() + b":"
        found = (line for line in self.head.split(b"\r\n")[1:] if line.lower().startswith(wanted))
        return next((line.partition(b":")[2].strip().decode() for line in found), "")


@dataclass(slots=True)
class Wire:
    """`plan`: the fault of the exchange of that number, the first is 0; None: nothing goes wrong."""

    url: str
    plan: Callable[[int], Fault | None] = lambda _: None
    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0  # open now

    def always(self, fault: Fault | None) -> None:
        self.plan = lambda _: fault

    def once(self, number: int, fault: Fault) -> None:
        """The exchange of that number goes wrong, counted from now."""
        at = len(self.exchanges) + number
        self.plan = lambda place: fault if place == at else None

    def heal(self) -> None:
        self.always(None)


@contextlib.asynccontextmanager
async def wire_to(far_url: str) -> AsyncIterator[Wire]:
    """A wire to this far side; `Wire.url` is the far side's with another port."""
    far = URL(far_url)
    over, tasks = asyncio.Event(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(_talk(wire, far, reader, writer))
        tasks.add(talk)
        wire.connections += 1
        ended = asyncio.ensure_future(over.wait())
        await asyncio.wait({talk, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        talk.cancel()
        with contextlib.suppress(asyncio.CancelledError, *_STOPPED):
            await talk
        tasks.discard(talk)
        wire.connections -= 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    wire = Wire(str(far.with_port(server.sockets[0].getsockname()[1])))
    try:
        yield wire
    finally:
        over.set()
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _talk(wire: Wire, far: URL, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while (exchange := await _request(reader)) is not None:
        fault = wire.plan(len(wire.exchanges))
        wire.exchanges.append(exchange)
        answer = await _ask(far, exchange) if fault is None or fault.forwarded else b""
        if fault is None:
            writer.write(answer)
            await writer.drain()
            return  # the far side was told to close
        writer.write(fault.answer(answer))
        await writer.drain()
        if fault.then == "keep":
            continue
        await _then(fault.then, reader, writer)
        return


async def _then(then: Then, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    match then:
        case "reset":
            writer.transport.abort()
        case "hang":
            await reader.read()  # until the hub has enough of it
        case "drip" | "pour":
            gone = asyncio.ensure_future(reader.read())
            while not gone.done():
                writer.write(b"x" if then == "drip" else _PIECE)
                await writer.drain()
                await asyncio.sleep(0.01 if then == "drip" else 0)
        case _:
            pass


async def _request(reader: asyncio.StreamReader) -> Exchange | None:
    """None: the hub closed the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lowered = head.lower()
    if b"transfer-encoding: chunked" in lowered:
        return Exchange(head, await _chunks(reader))
    length = next((int(line[15:]) for line in lowered.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return Exchange(head, await reader.readexactly(length))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    while size := int(await reader.readuntil(b"\r\n"), 16):
        found += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return bytes(found)


async def _ask(far: URL, exchange: Exchange) -> bytes:
    reader, writer = await asyncio.open_connection(far.host, far.port)
    try:
        lines = exchange.head.rstrip(b"\r\n").split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(_HOP_BY_HOP)]
        head = b"\r\n".join([*kept, b"Connection: close", b"Content-Length: %d" % len(exchange.body)])
        writer.write(head + b"\r\n\r\n" + exchange.body)
        return await reader.read()
    finally:
        writer.close()


async def until(condition: Callable[[], object]) -> None:
    """Raises TimeoutError when it does not come true."""
    async with asyncio.timeout(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - any condition, of code that knows nothing of the test
            await asyncio.sleep(0.005)
