"""POST /v1/envelopes: the hot path. One envelope in, its receipt out once it is on disk."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts import wire
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.receipt import Receipt
from lgsp.core.directory import Agency
from lgsp.http import addressing
from lgsp.http.problems import MESSAGE_ID
from lgsp.http.reading import read_body
from lgsp.http.routes import JSON, Answer, Body, Header, Route
from lgsp.http.services import Services
from lgsp.http.signed import KEYS_PATH, RECEIPT_FORMS, RECEIPT_TYPE
from lgsp.http.trace import NOTES, TRACE, Trace

# Forms that HTML and curl send by default: nobody means them as the body of an envelope.
_NOT_BODIES = ("multipart/", "application/x-www-form-urlencoded")
_OVERHEAD_BYTES = 256 * 1024  # addressing around the body: 500 recipients, 64 attachments, 32 identifiers

RAW_HEADERS = (
    Header(
        name=addressing.MESSAGE_ID, description="Raw bodies: as `message_id` of the JSON form; the other Lgsp-* headers likewise"
    ),
    Header(name="Lgsp-Sender", description="Raw bodies: code of the sender"),
    Header(name="Lgsp-Recipients", description="Raw bodies: codes, comma separated"),
    Header(name="Lgsp-Kind", description="Raw bodies: e.g. document.packet/1"),
    Header(name="Lgsp-Created-At", description="Raw bodies: RFC 3339 with time zone", schema=datetime),
    Header(name="Lgsp-Expires-At", description="Raw bodies: RFC 3339 with time zone", schema=datetime),
    Header(name="Lgsp-Order-Key", description="Raw bodies: percent-encoded UTF-8"),
    Header(name="Lgsp-Priority", description="Raw bodies: 0 to 4", schema=Annotated[int, Meta(ge=0, le=4)]),
    Header(name="Lgsp-Correlation-Id", description="Raw bodies: message id of what this one answers"),
    Header(
        name="Lgsp-Signature",
        description="Raw bodies: the sender's signature, compact JWS over the statement of it",
    ),
    Header(name="Lgsp-Identifiers", description="Raw bodies: scheme=value, value percent-encoded, comma separated"),
)
ENVELOPE_BODY = Body(
    media={JSON: wire.WireEnvelope, "application/xml": None},
    description="The JSON form; or the body alone, in any other media type, with its addressing in Lgsp-* headers.",
)
ENVELOPE_REFUSALS = (
    "envelope.malformed",
    "body.malformed",
    "envelope.field_invalid",
    "agency.code_malformed",
    "kind.unknown",
    "body.invalid",
    "body.too_large",
    "envelope.expired",
    "envelope.created_in_future",
    "auth.sender_mismatch",
    "grant.kind_not_allowed",
    "grant.recipient_not_allowed",
    "route.unknown_recipient",
    "route.recipient_closed",
    "route.ambiguous_successor",
    "attachment.unknown",
    "attachment.size_mismatch",
    "signature.missing",
    "signature.other_envelope",
    "signature.not_verified",
    "signature.not_trusted",
    "signature.revoked",
    "signature.revocation_unknown",
    "signature.revocation_pending",
    "signature.too_weak",
    "signature.wrong_signer",
    "signature.checker_busy",
    "request.too_large",
    "request.timeout",
    "request.media_type_unsupported",
)


def envelope_limit_bytes(max_body_bytes: int) -> int:
    """What one posted envelope may weigh: the body as base64, and what stands around it."""
    return max_body_bytes * 4 // 3 + _OVERHEAD_BYTES


def envelope_of(request: web.Request, octets: bytes) -> Envelope:
    """The JSON form or a raw body, by the request's content type. Raises ContractError."""
    trace = request[TRACE]
    given = request.headers.get("Content-Type")
    if given == JSON or (given is not None and request.content_type == JSON):
        envelope = from_json(octets, trace)
    else:
        if not given or request.content_type.startswith(_NOT_BODIES):
            raise ContractError(
                "request.media_type_unsupported", "Content-Type", "send application/json, or the body itself with Lgsp-* headers"
            )
        envelope = addressing.read_addressing(
            request.headers, octets, given, traceparent=trace.traceparent, tracestate=trace.tracestate
        )
    request[MESSAGE_ID] = envelope.message_id
    return envelope


def from_json(octets: bytes, trace: Trace) -> Envelope:
    """Trace headers of the request win over those inside; without either the request's new trace goes with the envelope."""
    if trace.given:
        return wire.parse(octets, traceparent=trace.traceparent, tracestate=trace.tracestate)
    envelope = wire.parse(octets)
    return envelope if envelope.traceparent is not None else msgspec.structs.replace(envelope, traceparent=trace.traceparent)


class Envelopes:
    def __init__(self, services: Services) -> None:
        self._intake = services.intake
        self._signed = services.signed
        self._limit_bytes = envelope_limit_bytes(services.settings.max_body_bytes)

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/v1/envelopes",
                name="sendEnvelope",
                tag="Sending",
                summary="Hand one envelope over to the hub",
                description="A receipt means: on disk, and the hub answers for it. The same bytes again get the same receipt."
                f" With `Accept: application/jose` it comes as a compact JWS with `typ` {RECEIPT_TYPE},"
                f" by a key of {KEYS_PATH}. Refusals carry such a JWS as `signed`.",
                agency=self.post,
                headers=RAW_HEADERS,
                body=ENVELOPE_BODY,
                answers={
                    202: Answer(description="Accepted", media=RECEIPT_FORMS, headers={"Location": "where its status is"}),
                    200: Answer(
                        description="These bytes were accepted before: the receipt of then",
                        media=RECEIPT_FORMS,
                        headers={"Location": "where its status is", "Lgsp-Duplicate": "true"},
                    ),
                },
                refusals=(*ENVELOPE_REFUSALS, "envelope.id_reused", "quota.exceeded", "hub.signing_unavailable"),
            ),
        )

    async def post(self, request: web.Request, caller: Agency) -> web.Response:
        form = self._signed.form(request)
        octets = await read_body(request, self._limit_bytes)
        envelope = envelope_of(request, octets)
        notes = request[NOTES]
        notes |= {"sender": envelope.sender, "message_id": envelope.message_id, "kind": envelope.kind}
        answer = await self._intake.submit(envelope, caller)
        notes["sequence"] = answer.receipt.sequence
        headers = {"Location": location(answer.receipt)}
        if answer.fresh:
            return await self._signed.receipt(answer.receipt, form, 202, headers)
        headers["Lgsp-Duplicate"] = "true"
        return await self._signed.receipt(answer.receipt, form, 200, headers)


def location(receipt: Receipt) -> str:
    return f"/v1/envelopes/{quote(receipt.sender, safe='')}/{quote(receipt.message_id, safe='')}"
