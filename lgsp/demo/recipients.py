"""The receiving half of the systems: one HTTP server for those that are pushed to, and a long poll for each of the others."""

import asyncio
import base64
import hmac
import time
from collections.abc import Iterable, Mapping

import msgspec
from aiohttp import web

from contracts import wire
from contracts.errors import ContractError
from contracts.kinds.document import read_packet
from lgsp.demo.evidence import Arrival, Paper, Road
from lgsp.demo.hub_client import HubClient, HubUnreachable
from lgsp.demo.ledger import Ledger
from lgsp.demo.sandbox import Sandbox
from lgsp.demo.seals import Seals

_TOLERANCE_S = 300  # of the time a push was signed at (Standard Webhooks, "Verifying webhook authenticity")
_MAX_PUSH_BYTES = 16 * 2**20
_PAGE, _WAIT_S = 100, 25.0
_FETCHES_AT_ONCE = 16  # of all mailboxes together
_PAUSE_S = 2.0


class _Delivery(msgspec.Struct, frozen=True):
    delivery_id: int
    recipient: str


class _Document(msgspec.Struct, frozen=True):
    """What a push carries and a mailbox hands out."""

    delivery: _Delivery
    envelope: msgspec.Raw


class _Leg(msgspec.Struct, frozen=True):
    direction: str | None = None


_document = msgspec.json.Decoder(_Document)
_leg = msgspec.json.Decoder(_Leg)


def arrival_of(octets: bytes, seals: Seals, road: Road) -> Arrival:
    """Raises msgspec.DecodeError or ContractError for what is no delivery."""
    document = _document.decode(octets)
    delivery, envelope = document.delivery, wire.parse(bytes(document.envelope))
    packet = read_packet(envelope.body) if envelope.kind == "document.packet/1" else None
    return Arrival(
        delivery_id=delivery.delivery_id,
        recipient=delivery.recipient,
        message_id=envelope.message_id,
        sender=envelope.sender,
        kind=envelope.kind,
        order_key=envelope.order_key,
        files=tuple(file.digest for file in envelope.attachments),
        sealed=seals.proves(envelope) if packet is None else seals.proves_packet(envelope.body, packet.from_organ),
        direction=_leg.decode(envelope.body).direction if envelope.kind.startswith("postal.") else None,
        road=road,
        paper=None if packet is None else Paper(document_id=packet.document_id, business_type=packet.business_type),
    )


def signed_by(secret: str, headers: Mapping[str, str], octets: bytes, now_s: float) -> bool:
    """Standard Webhooks: HMAC-SHA256 over "id.timestamp.body", any of the signatures given, and not older than the tolerance."""
    moment = headers.get("webhook-timestamp", "")
    if not moment.isdigit() or abs(now_s - int(moment)) > _TOLERANCE_S:
        return False
    signed = b".".join((headers.get("webhook-id", "").encode(), moment.encode(), octets))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return any(hmac.compare_digest(expected, given) for given in headers.get("webhook-signature", "").split())


def push_app(sandbox: Sandbox, ledger: Ledger, seals: Seals, takeover: asyncio.Event) -> web.Application:
    """POST /push/<code>: verify, write down, answer. What a system does with a message comes after its answer.

    POST /takeover sets `takeover`: another demo wants the port, which it gets unless a day is under way.
    """

    async def push(request: web.Request) -> web.Response:
        code = request.match_info["code"]
        member = sandbox.members.get(code)
        octets = await request.read()
        if member is None or not member.push_secret:
            return web.Response(status=404)
        if not signed_by(member.push_secret, request.headers, octets, time.time()):
            return web.Response(status=401)
        try:
            arrival = arrival_of(octets, seals, "webhook")
        except (msgspec.DecodeError, ContractError):
            return web.Response(status=422)
        if arrival.recipient != code:
            return web.Response(status=422)
        ledger.arrived(arrival)
        return web.Response(status=204)

    async def leave(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {sandbox.takeover_token}".encode()):
            return web.Response(status=401)
        if not ledger.has_ended:
            return web.Response(status=409)
        takeover.set()
        return web.Response(status=204)

    app = web.Application(client_max_size=_MAX_PUSH_BYTES)
    app.router.add_post("/push/{code}", push)
    app.router.add_post("/takeover", leave)
    return app


class Pullers:
    """One long poll for each system without a server; a poll that finds nothing costs nothing while it waits."""

    def __init__(self, hubs: Mapping[str, HubClient], ledger: Ledger, seals: Seals) -> None:
        self._hubs = hubs
        self._ledger = ledger
        self._seals = seals
        self._fetches = asyncio.Semaphore(_FETCHES_AT_ONCE)
        self._polls: dict[str, asyncio.Task[None]] = {}

    async def run(self, codes: Iterable[str]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for code in codes:
                self._polls[code] = tasks.create_task(self._pull(self._hubs[code]))

    async def leave(self, code: str) -> None:
        """From now on nobody empties this mailbox; what had come before is not left in it. Raises HubUnreachable."""
        poll = self._polls.pop(code)
        poll.cancel()
        await asyncio.wait({poll})
        await self._empty(self._hubs[code], wait_s=0)

    async def _pull(self, hub: HubClient) -> None:
        while True:
            try:
                await self._empty(hub)
            except HubUnreachable:
                await asyncio.sleep(_PAUSE_S)

    async def _empty(self, hub: HubClient, wait_s: float = _WAIT_S) -> None:
        """Lists, fetches, writes down in the order of the list, and only then acknowledges."""
        entries = await hub.mailbox(_PAGE, wait_s)
        documents = await asyncio.gather(*(self._fetch(hub, entry.delivery_id) for entry in entries))
        for document in documents:
            self._ledger.arrived(arrival_of(document, self._seals, hub.road))
        if entries:
            await hub.acknowledge([entry.delivery_id for entry in entries])

    async def _fetch(self, hub: HubClient, delivery_id: int) -> bytes:
        async with self._fetches:
            return await hub.fetch(delivery_id)
