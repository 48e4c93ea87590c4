"""Pushing to recipients that behave, and to those that do not."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from adapters.registry import REGISTRY
from adapters.webhook.delivery import WebhookDelivery
from contracts.adapter import DeliveryAdapter, Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from contracts.replies import Reply

KEY = b"a key of the recipient"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ANSWER_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def parcel(body: bytes = b'{"so": 1}') -> Parcel:
    return Parcel(
        delivery_id=42,
        attempt=1,
        recipient=AgencyCode("H01.20"),
        addressed_as=AgencyCode("H01.20"),
        sequence=7,
        envelope=Envelope(
            message_id="m-1",
            sender=AgencyCode("H01.15"),
            recipients=(AgencyCode("H01.20"),),
            kind="case.file/1",
            created_at=datetime(2026, 11, 22, tzinfo=UTC),
            body=body,
        ),
    )


@pytest.fixture
async def adapter() -> AsyncIterator[WebhookDelivery]:
    delivery = WebhookDelivery()
    yield delivery
    await delivery.close()


class Recipient:
    """An aiohttp server that answers as told and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = self.accept
        self.requests: list[tuple[web.BaseRequest, bytes]] = []
        self.url = ""

    async def accept(self, request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok", headers={"Lgsp-Remote-Ref": "case 17"})

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((request, await request.content.read()))
        return await self.answer(request)

    def always(self, **answer: Any) -> None:
        async def given(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(**answer)

        self.answer = given

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(adapter="webhook", url=self.url, secret=SECRET, timeout_s=5)


@pytest.fixture
async def recipient() -> AsyncIterator[Recipient]:
    found = Recipient()
    server = web.Server(found.handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in?x=1"
    yield found
    await runner.cleanup()


class Misbehaving:
    """A TCP server that does to each connection what the test says."""

    def __init__(self, behaviour: Raw) -> None:
        self.connections = 0
        self._behaviour = behaviour
        self._over = asyncio.Event()

    async def __aenter__(self) -> "Misbehaving":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        ended = asyncio.create_task(self._over.wait())
        behaving = asyncio.ensure_future(self._behaviour(reader, writer))
        await asyncio.wait({ended, behaving}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        behaving.cancel()
        writer.close()

    def endpoint(self, timeout_s: float = 5.0) -> Endpoint:
        return Endpoint(adapter="webhook", url=f"http://127.0.0.1:{self.port}/", secret=SECRET, timeout_s=timeout_s)


async def read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(length)


def answering(octets: bytes) -> Raw:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(octets)
            await writer.drain()

    return behave


async def deliver_to(adapter: DeliveryAdapter, behaviour: Raw, timeout_s: float = 5.0) -> tuple[Outcome, Misbehaving]:
    async with Misbehaving(behaviour) as server:
        return await adapter.deliver(parcel(), server.endpoint(timeout_s)), server


async def test_a_delivery_arrives_signed_and_whole(adapter: WebhookDelivery, recipient: Recipient) -> None:
    """The recipient can verify the signature over exactly the octets it received, and finds the body unchanged."""
    body = '{"ten":  "Nguyễn Thị Hồng", "so": 1.10}'.encode()
    assert await adapter.deliver(parcel(body), recipient.endpoint) == Delivered(remote_ref="case 17")
    [(request, octets)] = recipient.requests
    check = HMAC(KEY, hashes.SHA256())
    check.update(f"dlv_42.{request.headers['webhook-timestamp']}.".encode() + octets)
    check.verify(base64.b64decode(request.headers["webhook-signature"].removeprefix("v1,")))
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    assert (request.method, request.path_qs, request.content_type) == ("POST", "/in?x=1", "application/json")
    assert body in octets
    assert json.loads(octets)["delivery"]["delivery_id"] == 42


async def test_one_connection_serves_many_deliveries(adapter: WebhookDelivery, recipient: Recipient) -> None:
    """Deliveries one after the other reuse the connection, refused ones too."""
    peers = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        peers.append(request.transport.get_extra_info("peername") if request.transport else None)
        return web.Response(status=200 if len(peers) % 2 else 422, text="said " * 20)

    recipient.answer = answer
    for _ in range(4):
        await adapter.deliver(parcel(), recipient.endpoint)
    assert len(peers) == 4 and len(set(peers)) == 1


async def test_a_large_body_arrives_whole(adapter: WebhookDelivery, recipient: Recipient) -> None:
    """Three megabytes are pushed unchanged."""
    body = b'"' + b"x" * 3_000_000 + b'"'
    assert isinstance(await adapter.deliver(parcel(body), recipient.endpoint), Delivered)
    assert body in recipient.requests[0][1]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"status": 500, "text": "boom"}, Retry("delivery.server_error", "HTTP 500: boom")),
        ({"status": 429, "headers": {"Retry-After": "33"}}, Retry("delivery.server_error", "HTTP 429", 33.0)),
        ({"status": 410}, Gone(detail="HTTP 410")),
        ({"status": 422, "text": "thiếu số"}, Refused("delivery.refused_by_recipient", "HTTP 422: thiếu số")),
        ({"status": 204}, Delivered()),
    ],
)
async def test_answers_become_outcomes(
    adapter: WebhookDelivery, recipient: Recipient, answer: dict[str, Any], outcome: Outcome
) -> None:
    """Status and headers of a real answer decide."""
    recipient.always(**answer)
    assert await adapter.deliver(parcel(), recipient.endpoint) == outcome


async def test_the_table_of_replies_of_an_endpoint_is_obeyed(adapter: WebhookDelivery, recipient: Recipient) -> None:
    """By what a real answer says, whatever its status, also when it is longer than what is read."""
    table = (Reply(means="delivered", text="đã tồn tại"), Reply(means="retry", text="queue full"))
    endpoint = msgspec.structs.replace(recipient.endpoint, replies=table)
    recipient.always(status=500, text='{"loi": "H\\u1ed3 s\\u01a1 \\u0111\\u00e3 t\\u1ed3n t\\u1ea1i"}' + "." * 10_000)
    assert await adapter.deliver(parcel(), endpoint) == Delivered()
    recipient.always(status=200, text="ERROR: queue full")
    assert await adapter.deliver(parcel(), endpoint) == Retry("delivery.server_error", "HTTP 200: ERROR: queue full")


async def test_a_body_that_never_comes_may_hold_the_word_that_decides(adapter: WebhookDelivery) -> None:
    """With a row that takes a 200 back, half an answer is no success."""
    table = (Reply(means="retry", text="queue full"),)
    async with Misbehaving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as server:
        found = await adapter.deliver(parcel(), msgspec.structs.replace(server.endpoint(0.3), replies=table))
    assert isinstance(found, Retry) and found.reason == "delivery.garbled_answer"


async def test_a_redirect_is_not_followed(adapter: WebhookDelivery, recipient: Recipient) -> None:
    """The hub asks nobody but the address registered."""
    recipient.always(status=307, headers={"Location": recipient.url})
    found = await adapter.deliver(parcel(), recipient.endpoint)
    assert isinstance(found, Retry) and "redirects are not followed" in found.detail
    assert len(recipient.requests) == 1


async def test_cookies_of_one_recipient_reach_nobody(adapter: WebhookDelivery, recipient: Recipient) -> None:
    """Nothing is kept between deliveries."""
    recipient.always(headers={"Set-Cookie": "session=1; Path=/"})
    for _ in range(2):
        await adapter.deliver(parcel(), recipient.endpoint)
    assert all("Cookie" not in request.headers for request, _ in recipient.requests)


async def test_proxies_of_the_machine_are_not_used(
    adapter: WebhookDelivery, recipient: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment variables do not divert deliveries."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert isinstance(await adapter.deliver(parcel(), recipient.endpoint), Delivered)


async def test_silence_ends_at_the_timeout(adapter: WebhookDelivery) -> None:
    """A recipient that accepts the connection and says nothing is given up in time."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    started = time.monotonic()
    found, _ = await deliver_to(adapter, hang, timeout_s=0.3)
    assert found == Retry("delivery.timeout", "no answer within 0.3 s")
    assert time.monotonic() - started < 3


async def test_headers_that_drip_end_at_the_timeout(adapter: WebhookDelivery) -> None:
    """A line that never ends does not prolong the attempt."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    found, _ = await deliver_to(adapter, drip, timeout_s=0.3)
    assert isinstance(found, Retry) and found.reason == "delivery.timeout"


async def test_the_status_counts_even_if_the_body_never_comes(adapter: WebhookDelivery) -> None:
    """200 was said: the recipient has it, although its body hangs beyond the time-out."""
    started = time.monotonic()
    found, _ = await deliver_to(adapter, answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), timeout_s=0.3)
    assert found == Delivered()
    assert time.monotonic() - started < 3


async def test_the_status_counts_even_if_the_body_breaks_off(adapter: WebhookDelivery) -> None:
    """503 with half a body is a server error, with what could be read of it."""

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\nhalf")
        await writer.drain()

    found, _ = await deliver_to(adapter, break_off)
    assert isinstance(found, Retry) and found.reason == "delivery.server_error"


async def test_an_endless_body_is_not_read(adapter: WebhookDelivery) -> None:
    """Of a body without end only the beginning is read, and that connection is not used again."""

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 400 No\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()

    async with Misbehaving(pour) as server:
        for _ in range(2):
            found = await adapter.deliver(parcel(), server.endpoint())
            assert found == Refused("delivery.refused_by_recipient", "HTTP 400: " + "x" * 300)
        assert server.connections == 2


@pytest.mark.parametrize(
    "octets",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/9.9 abc\r\n\r\n",
        b"\x00" * 64,
        b"HTTP/1.1 200 OK\r\n" + b"A: " + b"a" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_garbage_is_told_as_garbage(adapter: WebhookDelivery, octets: bytes) -> None:
    """What is not HTTP, or has headers without measure, is tried again under its own reason."""
    found, _ = await deliver_to(adapter, answering(octets))
    assert isinstance(found, Retry) and found.reason == "delivery.garbled_answer"


async def test_a_connection_reset_is_unreachable(adapter: WebhookDelivery) -> None:
    """A recipient that resets every connection is tried once more at once and then later."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.transport.abort()

    found, server = await deliver_to(adapter, reset)
    assert isinstance(found, Retry) and found.reason == "delivery.unreachable"
    assert server.connections == 2


async def test_a_half_closed_connection_is_unreachable(adapter: WebhookDelivery) -> None:
    """A recipient that ends its side without an answer has not taken the delivery."""

    async def half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write_eof()
        await asyncio.Event().wait()

    found, _ = await deliver_to(adapter, half_close)
    assert isinstance(found, Retry) and found.reason == "delivery.unreachable"


async def test_an_idle_connection_closed_by_the_far_side_costs_no_attempt(adapter: WebhookDelivery) -> None:
    """A kept connection that dies under the request is replaced within the same attempt."""

    async def die_on_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(ANSWER_OK)
        await read_request(reader)

    async with Misbehaving(die_on_the_second) as server:
        for _ in range(3):
            assert await adapter.deliver(parcel(), server.endpoint()) == Delivered()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://127.0.0.1:1/"])
async def test_nobody_there_is_unreachable(adapter: WebhookDelivery, url: str) -> None:
    """A closed port is tried again later."""
    found = await adapter.deliver(parcel(), Endpoint(adapter="webhook", url=url, timeout_s=5))
    assert isinstance(found, Retry) and found.reason == "delivery.unreachable"


async def test_tls_to_a_server_without_it_is_unreachable(adapter: WebhookDelivery, recipient: Recipient) -> None:
    """A failed handshake is a Retry, not an exception."""
    url = recipient.url.replace("http:", "https:")
    found = await adapter.deliver(parcel(), Endpoint(adapter="webhook", url=url, timeout_s=5))
    assert isinstance(found, Retry) and found.reason == "delivery.unreachable"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("ftp://127.0.0.1/", ""),
        ("file:///etc/passwd", ""),
        ("/relative", ""),
        ("http://[::1", ""),
        ("http://127.0.0.1/", "not-a-secret"),
    ],
)
async def test_a_wrong_registration_is_told(adapter: WebhookDelivery, url: str, secret: str) -> None:
    """Only http and https are spoken, and a wrong secret is named as the cause without being shown."""
    found = await adapter.deliver(parcel(), Endpoint(adapter="webhook", url=url, secret=secret))
    assert isinstance(found, Retry) and found.reason == "delivery.internal"
    assert "registered wrongly" in found.detail and "not-a-secret" not in found.detail


class NoFiles:
    """A webhook names files and carries none."""

    def read(self, digest: str) -> AsyncIterator[bytes]:
        raise AssertionError(digest)


def test_the_registry_knows_it() -> None:
    """Endpoints name the adapter "webhook"."""
    assert isinstance(REGISTRY["webhook"](NoFiles()), WebhookDelivery)
