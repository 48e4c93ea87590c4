"""The recipients: a web server that stands for all who are pushed to, and those who pull. What they took is written down."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from random import Random

import msgspec
from aiohttp import web

from contracts.wire import WireEnvelope
from tests.crash.client import Client
from tests.crash.history import Arrival
from tests.crash.partners import MANNERS, is_unwanted

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


def arrival_of(document: bytes, began_at: datetime) -> Arrival:
    """Raises msgspec.ValidationError."""
    found = _decode(document)
    body = found.envelope.body
    return Arrival(
        recipient=found.delivery.recipient,
        delivery_id=found.delivery.delivery_id,
        message_id=found.envelope.message_id,
        content=content_of(b"" if isinstance(body, msgspec.UnsetType) else bytes(body)),
        began_at=began_at,
    )


class Sink:
    """`open`: cleared, everybody is turned away with 503. With `chance` some answers are late, bad, or lost on their way back.

    `manners`: recipients that misbehave at present, and how. With `refuses` nobody takes what is unwanted.
    """

    def __init__(self, took: Callable[[Arrival], None], chance: Random | None, *, refuses: bool) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.manners: dict[str, str] = {}
        self.misbehaved: Counter[str] = Counter()
        self.refuses = refuses
        self._took = took
        self._chance = chance

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**20)
        app.router.add_post("/{code}", self._push)
        return app

    async def pull(self, client: Client) -> None:
        """Until cancelled: lists, fetches, writes down in the order of the list, and only then acknowledges."""
        while True:
            found = await client.mailbox(_PAGE, _POLL_S)
            began_at = datetime.now(UTC)
            documents = await asyncio.gather(*(client.fetch(delivery_id) for delivery_id in found))
            arrivals = [self._judged(arrival_of(document, began_at)) for document in documents]
            for arrival in arrivals:
                self._took(arrival)
            if found:
                await client.acknowledge({one.delivery_id: not one.refused for one in arrivals})

    async def _push(self, request: web.Request) -> web.StreamResponse:
        began_at = datetime.now(UTC)
        arrival = self._judged(arrival_of(await request.read(), began_at))
        draw = 1.0 if self._chance is None else self._chance.random()
        if not self.open.is_set() or draw < 0.02:
            return web.Response(status=503)
        if arrival.recipient != request.match_info["code"] or request.headers["webhook-id"] != f"dlv_{arrival.delivery_id}":
            return web.Response(status=404)
        manner = "resetting" if draw < 0.03 else self.manners.get(arrival.recipient)
        if arrival.refused:
            self._took(arrival)
            return web.Response(status=422)
        if manner is not None:
            self.misbehaved[manner] += 1
            return await MANNERS[manner](request, lambda: self._took(arrival))
        self._took(arrival)
        if draw < 0.06:
            await asyncio.sleep(draw * 50)  # under way for longer than the hub takes to mark it as queued
        return web.Response(status=204)

    def _judged(self, arrival: Arrival) -> Arrival:
        return replace(arrival, refused=self.refuses and is_unwanted(arrival.message_id))
