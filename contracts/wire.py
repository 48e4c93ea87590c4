"""The JSON form of an envelope: the same for what senders post, recipients fetch and webhooks receive.

The body stands either inline (`body`: any JSON value, whose octets are kept exactly as they arrived) or as `body_base64`.
"""

import base64
import binascii
from datetime import datetime
from typing import Annotated

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import MAX_ATTACHMENTS, MAX_IDENTIFIERS, MAX_RECIPIENTS, Attachment, Envelope, Identifier, checked
from contracts.errors import ContractError, what_and_where


def _told(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class WireEnvelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Addressing outside, an unopened body inside; exactly one of `body` and `body_base64`. The rules are enforced by
    `contracts.envelope.checked`, here they are told."""

    message_id: Annotated[
        str,
        _told(
            "Chosen by the sender: 1 to 128 printable ASCII characters without spaces; unique per sender, never used again for"
            " other bytes. Send exactly the same bytes again if no receipt came."
        ),
    ]
    sender: Annotated[str, _told("Code of the sending agency, which must be the caller")]
    recipients: Annotated[tuple[str, ...], _told(f"Codes of the recipients, 1 to {MAX_RECIPIENTS}, none twice")]
    kind: Annotated[str, _told("Name and version of the kind, such as case.file/1; see /v1/contracts")]
    created_at: Annotated[datetime, _told("RFC 3339 with a time zone, not in the future")]
    media_type: Annotated[str, _told("Of the body; anything but application/json goes into body_base64")] = "application/json"
    order_key: Annotated[
        str | None,
        _told(
            "Deliveries to one recipient with one key keep their order, 1 to 200 printable characters; left out: the case or"
            " document number found in the body"
        ),
    ] = None
    priority: Annotated[int, _told("0 thường, 1 khẩn, 2 thượng khẩn, 3 hỏa tốc, 4 hỏa tốc hẹn giờ")] = 0
    identifiers: Annotated[
        tuple[Identifier, ...],
        _told(f"Names of the case, document or parcel, at most {MAX_IDENTIFIERS}; those in the body are found"),
    ] = ()
    expires_at: Annotated[datetime | None, _told("Not delivered after this moment; RFC 3339 with a time zone")] = None
    correlation_id: Annotated[str | None, _told("message_id of the envelope that this one answers or continues")] = None
    traceparent: Annotated[str | None, _told("W3C Trace Context; a header of the request wins")] = None
    tracestate: Annotated[str | None, _told("W3C Trace Context; at most 512 printable ASCII characters")] = None
    attachments: Annotated[
        tuple[Attachment, ...], _told(f"Files uploaded before at /v1/attachments, at most {MAX_ATTACHMENTS}")
    ] = ()
    signature: Annotated[
        str | None, _told("The sender's own: compact JWS (RFC 7515), typ lgsp-envelope+jws, over the statement of this envelope")
    ] = None
    body: Annotated[msgspec.Raw | msgspec.UnsetType, _told("The body as JSON; its octets are kept exactly")] = msgspec.UNSET
    body_base64: Annotated[str | None, _told("The body of any other media type, base64 (RFC 4648, section 4)")] = None


_decoder = msgspec.json.Decoder(WireEnvelope)
_encoder = msgspec.json.Encoder()


def parse(octets: bytes, *, traceparent: str | None = None, tracestate: str | None = None) -> Envelope:
    """A checked envelope. Trace headers of the request, when given, win over those inside.

    Raises ContractError "envelope.malformed" (not JSON), "envelope.field_invalid" (a field) or "body.malformed" (base64).
    """
    try:
        wire = _decoder.decode(octets)
    except msgspec.ValidationError as error:
        detail, field = what_and_where(error)
        raise ContractError("envelope.field_invalid", field, detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError("envelope.malformed", "", str(error)[:200]) from None
    except RecursionError:
        raise ContractError("envelope.malformed", "", "nested too deep") from None
    if wire.sender == "":
        raise ContractError("envelope.field_invalid", "/sender", "must not be empty")
    return checked(
        Envelope(
            message_id=wire.message_id,
            sender=AgencyCode(wire.sender),
            recipients=tuple(AgencyCode(code) for code in wire.recipients),
            kind=wire.kind,
            created_at=wire.created_at,
            body=_body_of(wire),
            media_type=wire.media_type,
            order_key=wire.order_key,
            priority=wire.priority,
            identifiers=wire.identifiers,
            expires_at=wire.expires_at,
            correlation_id=wire.correlation_id,
            traceparent=traceparent or wire.traceparent,
            tracestate=tracestate or wire.tracestate,
            attachments=wire.attachments,
            signature=wire.signature,
        )
    )


def render(envelope: Envelope) -> bytes:
    """The JSON form; a JSON body stands inline octet for octet, any other one as base64."""
    inline = envelope.media_type == "application/json"
    return _encoder.encode(
        WireEnvelope(
            message_id=envelope.message_id,
            sender=envelope.sender,
            recipients=envelope.recipients,
            kind=envelope.kind,
            created_at=envelope.created_at,
            media_type=envelope.media_type,
            order_key=envelope.order_key,
            priority=envelope.priority,
            identifiers=envelope.identifiers,
            expires_at=envelope.expires_at,
            correlation_id=envelope.correlation_id,
            traceparent=envelope.traceparent,
            tracestate=envelope.tracestate,
            attachments=envelope.attachments,
            signature=envelope.signature,
            body=msgspec.Raw(envelope.body) if inline else msgspec.UNSET,
            body_base64=None if inline else base64.b64encode(envelope.body).decode("ascii"),
        )
    )


def _body_of(wire: WireEnvelope) -> bytes:
    inline = not isinstance(wire.body, msgspec.UnsetType)
    if inline == (wire.body_base64 is not None):
        raise ContractError("envelope.field_invalid", "/body", "exactly one of body and body_base64")
    if not isinstance(wire.body, msgspec.UnsetType):
        if wire.media_type != "application/json":
            raise ContractError(
                "envelope.field_invalid", "/media_type", "an inline body is application/json; use body_base64 for others"
            )
        return bytes(wire.body)
    try:
        return base64.b64decode(wire.body_base64 or "", validate=True)
    except (binascii.Error, ValueError):
        raise ContractError("body.malformed", "/body_base64", "not base64 (RFC 4648, section 4)") from None
