"""The JSON form of an envelope: the same for what senders post, recipients fetch and webhooks receive.

The body stands either inline (`body`: any JSON value, whose octets are kept exactly as they arrived) or as `body_base64`.
"""

import base64
import binascii
from datetime import datetime

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier, checked
from contracts.errors import ContractError


class WireEnvelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Fields as in `Envelope`; exactly one of `body` and `body_base64`."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    kind: str
    created_at: datetime
    media_type: str = "application/json"
    order_key: str | None = None
    priority: int = 0
    identifiers: tuple[Identifier, ...] = ()
    expires_at: datetime | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    attachments: tuple[Attachment, ...] = ()
    body: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    body_base64: str | None = None


_decoder = msgspec.json.Decoder(WireEnvelope)
_encoder = msgspec.json.Encoder()


def parse(octets: bytes, *, traceparent: str | None = None, tracestate: str | None = None) -> Envelope:
    """A checked envelope. Trace headers of the request, when given, win over those inside.

    Raises ContractError "envelope.malformed" (not JSON), "envelope.field_invalid" (a field) or "body.malformed" (base64).
    """
    try:
        wire = _decoder.decode(octets)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$")
        raise ContractError("envelope.field_invalid", _pointer(path), detail) from None
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


def _pointer(path: str) -> str:
    """msgspec's ".recipients[0]`" as a JSON pointer "/recipients/0"."""
    return path.rstrip("`").replace("[...]", "").replace("[", "/").replace("]", "").replace(".", "/")
