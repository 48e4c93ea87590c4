"""The recipients: a web server that stands for all who are pushed to, and those who pull. What they took is written down."""

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from random import Random

import msgspec
from aiohttp import web

from contracts.wire import WireEnvelope
from tests.crash.client import Client
from tests.crash.history import Arrival

_PAGE = 50
_POLL_S = 20.0


class _Head(msgspec.Struct):
    delivery_id: int
    recipient: str


class _Document(msgspec.Struct):
    delivery: _Head
    envelope: WireEnvelope


_decode = msgspec.json.Decoder(_Document).decode


def content_of(body: bytes) -> str:
    """A short stand-in for octets."""
    return blake2b(body, digest_size=8).hexdigest()


def arrival_of(document: bytes) -> Arrival:
    """Raises msgspec.ValidationError."""
    found = _decode(document)
    body = found.envelope.body
    return Arrival(
        recipient=found.delivery.recipient,
        delivery_id=found.delivery.delivery_id,
        message_id=found.envelope.message_id,
        content=content_of(b"" if isinstance(body, msgspec.UnsetType) else bytes(body)),
    )


class Sink:
    """`open`: cleared, everybody is turned away with 503. With `chance` some answers are late, bad, or lost on their way back."""

    def __init__(self, took: Callable[[Arrival], None], chance: Random | None) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self._took = took
        self._chance = chance

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**20)
        app.router.add_post("/{code}", self._push)
        return app

    async def _push(self, request: web.Request) -> web.Response:
        arrival = arrival_of(await request.read())
        draw = 1.0 if self._chance is None else self._chance.random()
        if not self.open.is_set() or draw < 0.02:
            return web.Response(status=503)
        if arrival.recipient != request.match_info["code"] or request.headers["webhook-id"] != f"dlv_{arrival.delivery_id}":
            return web.Response(status=422)
        self._took(arrival)
        if draw < 0.03 and request.transport is not None:
            request.transport.abort()  # it took the message, and the hub never learns
        elif draw < 0.06:
            await asyncio.sleep(draw * 50)  # under way for longer than the hub takes to mark it as queued
        return web.Response(status=204)


async def pull(client: Client, took: Callable[[Arrival], None]) -> None:
    """Until cancelled: lists, fetches, writes down in the order of the list, and only then acknowledges."""
    while True:
        found = await client.mailbox(_PAGE, _POLL_S)
        for document in await asyncio.gather(*(client.fetch(delivery_id) for delivery_id in found)):
            took(arrival_of(document))
        if found:
            await client.acknowledge(found)
