"""The webhook keeps what every delivery adapter promises."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.webhook.delivery import WebhookDelivery
from contracts.adapter import DeliveryAdapter, Endpoint, Files, Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope
from contracts.outcome import Delivered, Retry
from contracts.replies import Reply
from tests.compliance.adapter_suite import DeliverySuite, Held, MemoryFiles
from tests.fakes.webhook_receiver import SECRET, WebhookReceiver

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class WebhookKit:
    status_decides = True

    def adapter(self, files: Files) -> DeliveryAdapter:
        return WebhookDelivery()

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return WebhookReceiver()

    def endpoint(self, url: str) -> Endpoint:
        return Endpoint(adapter="webhook", url=url, secret=SECRET)

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

    def holds(self, far: WebhookReceiver) -> Sequence[Held]:
        return [Held(name, json.loads(octets)["envelope"]["body"]) for name, octets in far.kept.items()]


class TestWebhook(DeliverySuite):
    kit = WebhookKit()


async def test_what_it_has_already_may_be_said_in_words() -> None:
    """And a signature by another secret is no signature."""
    kit = WebhookKit()
    adapter, parcel = kit.adapter(MemoryFiles()), kit.parcel(1)
    async with WebhookReceiver() as far:
        far.misbehaviour.known_in_words = True
        endpoint = msgspec.structs.replace(kit.endpoint(far.url), replies=(Reply(means="delivered", text="đã tồn tại"),))
        assert [await adapter.deliver(parcel, endpoint) for _ in range(2)] == [Delivered(), Delivered()]
        other = msgspec.structs.replace(endpoint, secret="whsec_b3RoZXI=")
        assert isinstance(await adapter.deliver(kit.parcel(2), other), Retry) and len(far.kept) == 1
    await adapter.close()
