"""GET /v1/envelopes/{sender}/{message_id}: what became of an envelope, its receipt, its timeline."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts.envelope import Attachment, Identifier
from lgsp.core.directory import Agency
from lgsp.core.lifecycle import State
from lgsp.http.answers import json_response
from lgsp.http.lookup import PATH, PATHS, Lookup
from lgsp.http.parties import visible_deliveries, visible_events
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services
from lgsp.http.signed import RECEIPT_FORMS
from lgsp.ports import DeliveryRecord, EnvelopeRecord, Event

StateLabel = Annotated[str, Meta(description="lgsp.core.lifecycle", extra_json_schema={"enum": [state.label for state in State]})]


class DeliveryStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A delivery as it stands. `reason` is a code of the catalogue, `due_at` the next attempt (of a parked one: when it is given
    up), `fetched_at` when it was first taken out of the mailbox, `copy` that it is for a subscriber, who is told alone, `recall`
    whether its sender asked for it back and what the recipient answered."""

    delivery_id: int
    recipient: str
    addressed_as: str
    state: StateLabel
    attempt: int
    due_at: datetime | None = None
    ended_at: datetime | None = None
    fetched_at: datetime | None = None
    reason: str = ""
    detail: str = ""
    copy: bool = False
    recall: Literal["none", "requested", "agreed", "refused"] = "none"


class EnvelopeStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An accepted envelope without its body. The sender sees every delivery, a recipient its own. `body_erased_at`,
    `files_erased_at`: since when body or attachments can no longer be had."""

    sequence: int
    accepted_at: datetime
    expires_at: datetime
    digest: str
    sender: str
    message_id: str
    recipients: tuple[str, ...]
    kind: str
    created_at: datetime
    media_type: str
    priority: int
    body_bytes: int
    deliveries: tuple[DeliveryStatus, ...]
    order_key: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    body_erased_at: datetime | None = None
    files_erased_at: datetime | None = None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Every event of an envelope that the caller may see, oldest first."""

    sender: str
    message_id: str
    sequence: int
    events: list[Event]


class Statuses:
    def __init__(self, services: Services) -> None:
        self._records = services.records
        self._intake = services.intake
        self._signed = services.signed
        self._directory = services.directory
        self._lookup = Lookup(services)

    def routes(self) -> tuple[Route, ...]:
        refusals = ("access.not_a_party",)
        return (
            Route(
                method="GET",
                path=PATH,
                name="getEnvelope",
                tag="Following",
                summary="What became of an envelope",
                agency=self.status,
                paths=PATHS,
                answers={200: Answer(description="The envelope and its deliveries", media={JSON: EnvelopeStatus})},
                refusals=refusals,
            ),
            Route(
                method="GET",
                path=PATH + "/receipt",
                name="getReceipt",
                tag="Following",
                summary="The receipt again, for its sender; signed with `Accept: application/jose`",
                agency=self.receipt,
                paths=PATHS,
                answers={200: Answer(description="The same receipt as when it was accepted", media=RECEIPT_FORMS)},
                refusals=(*refusals, "hub.signing_unavailable"),
            ),
            Route(
                method="GET",
                path=PATH + "/timeline",
                name="getTimeline",
                tag="Following",
                summary="Every event of an envelope, oldest first",
                agency=self.timeline,
                paths=PATHS,
                answers={200: Answer(description="The events", media={JSON: Timeline})},
                refusals=refusals,
            ),
        )

    async def status(self, request: web.Request, caller: Agency) -> web.Response:
        record = await self._lookup.of_party(request, caller)
        return json_response(status_of(record, visible_deliveries(record, caller, self._directory.current)))

    async def receipt(self, request: web.Request, caller: Agency) -> web.Response:
        record = await self._lookup.of_sender(request, caller)
        receipt = await self._intake.receipt_of_record(record)
        return await self._signed.receipt(receipt, self._signed.form(request), 200, {"Vary": "Accept"})

    async def timeline(self, request: web.Request, caller: Agency) -> web.Response:
        record = await self._lookup.of_party(request, caller)
        events = visible_events(await self._records.timeline(record.sequence), record, caller, self._directory.current)
        envelope = record.envelope
        return json_response(
            Timeline(sender=envelope.sender, message_id=envelope.message_id, sequence=record.sequence, events=events)
        )


def status_of(record: EnvelopeRecord, deliveries: tuple[DeliveryRecord, ...]) -> EnvelopeStatus:
    """With those deliveries that the caller may see."""
    envelope = record.envelope
    return EnvelopeStatus(
        sequence=record.sequence,
        accepted_at=record.accepted_at,
        expires_at=record.expires_at,
        digest=record.digest,
        sender=envelope.sender,
        message_id=envelope.message_id,
        recipients=envelope.recipients,
        kind=envelope.kind,
        created_at=envelope.created_at,
        media_type=envelope.media_type,
        priority=envelope.priority,
        body_bytes=record.body_bytes,
        deliveries=tuple(_delivery(one) for one in deliveries),
        order_key=record.order_key,
        correlation_id=envelope.correlation_id,
        traceparent=envelope.traceparent,
        identifiers=record.identifiers,
        attachments=envelope.attachments,
        body_erased_at=record.body_erased_at,
        files_erased_at=record.files_erased_at,
    )


def _delivery(record: DeliveryRecord) -> DeliveryStatus:
    return DeliveryStatus(
        delivery_id=record.delivery_id,
        recipient=record.recipient,
        addressed_as=record.addressed_as,
        state=record.state.label,
        attempt=record.attempt,
        due_at=record.due_at,
        ended_at=record.ended_at,
        fetched_at=record.fetched_at,
        copy=record.copy,
        recall=record.recall.label,
        reason=record.reason,
        detail=record.detail,
    )
