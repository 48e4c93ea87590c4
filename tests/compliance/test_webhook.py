"""The webhook keeps what every delivery adapter promises."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from adapters.webhook.delivery import WebhookDelivery
from contracts.adapter import DeliveryAdapter, Endpoint, Files, Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope
from tests.compliance.adapter_suite import DeliverySuite, Held

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Receiver:
    """A system that keeps what it is sent, once per webhook-id, and says 200 either way."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.kept: dict[str, bytes] = {}

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        self.kept.setdefault(request.headers["webhook-id"], await request.content.read())
        return web.Response(text="ok")


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    runner = web.ServerRunner(web.Server(found.take))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    yield found
    await runner.cleanup()


class WebhookKit:
    status_decides = True

    def adapter(self, files: Files) -> DeliveryAdapter:
        return WebhookDelivery()

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return receiver()

    def endpoint(self, url: str) -> Endpoint:
        return Endpoint(adapter="webhook", url=url, secret="whsec_" + base64.b64encode(b"a key of the recipient").decode())

    def parcel(self, number: int, attachments: tuple[Attachment, ...] = ()) -> Parcel:
        envelope = Envelope(
            message_id=f"m-{number}",
            sender=AgencyCode("H01.15"),
            recipients=(AgencyCode("H01.20"),),
            kind="case.file/1",
            created_at=NOW,
            body=json.dumps({"ten": "Nguyễn Thị Hồng <&>", "so": number}, ensure_ascii=False).encode(),
            attachments=attachments,
        )
        to = AgencyCode("H01.20")
        return Parcel(delivery_id=number, attempt=1, recipient=to, addressed_as=to, sequence=number, envelope=envelope)

    def held(self, parcel: Parcel, files: Mapping[str, bytes]) -> Held:
        return Held(f"dlv_{parcel.delivery_id}", json.loads(parcel.envelope.body))

    def holds(self, far: Receiver) -> Sequence[Held]:
        return [Held(name, json.loads(octets)["envelope"]["body"]) for name, octets in far.kept.items()]


class TestWebhook(DeliverySuite):
    kit = WebhookKit()
