"""Addressing in headers, for bodies that stand alone: an XML document is posted and fetched as it is, octet for octet."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote, unquote

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier, checked
from contracts.errors import ContractError

T = TypeVar("T")

MESSAGE_ID = "Lgsp-Message-Id"


def read_addressing(
    headers: Mapping[str, str], body: bytes, media_type: str, *, traceparent: str | None = None, tracestate: str | None = None
) -> Envelope:
    """A checked envelope from the Lgsp-* headers.

    Raises ContractError "envelope.field_invalid" or "agency.code_malformed"; `field` is the pointer into the JSON form.
    """
    return checked(
        Envelope(
            message_id=_required(headers, MESSAGE_ID, "/message_id"),
            sender=AgencyCode(_required(headers, "Lgsp-Sender", "/sender")),
            recipients=tuple(
                AgencyCode(code.strip()) for code in _required(headers, "Lgsp-Recipients", "/recipients").split(",")
            ),
            kind=_required(headers, "Lgsp-Kind", "/kind"),
            created_at=_converted(
                _required(headers, "Lgsp-Created-At", "/created_at"), "Lgsp-Created-At", "/created_at", datetime
            ),
            body=body,
            media_type=media_type,
            order_key=_decoded(_optional(headers, "Lgsp-Order-Key", "/order_key"), "Lgsp-Order-Key", "/order_key"),
            priority=_converted(_optional(headers, "Lgsp-Priority", "/priority") or "0", "Lgsp-Priority", "/priority", int),
            identifiers=_identifiers(_optional(headers, "Lgsp-Identifiers", "/identifiers")),
            expires_at=_expires_at(headers),
            correlation_id=_optional(headers, "Lgsp-Correlation-Id", "/correlation_id"),
            signature=_optional(headers, "Lgsp-Signature", "/signature"),
            traceparent=traceparent,
            tracestate=tracestate,
        )
    )


def write_addressing(envelope: Envelope) -> dict[str, str]:
    """The same headers for a body that is fetched."""
    given = {
        MESSAGE_ID: envelope.message_id,
        "Lgsp-Sender": envelope.sender,
        "Lgsp-Recipients": ",".join(envelope.recipients),
        "Lgsp-Kind": envelope.kind,
        "Lgsp-Order-Key": quote(envelope.order_key, safe="") if envelope.order_key is not None else None,
        "Lgsp-Priority": str(envelope.priority),
        "Lgsp-Created-At": _moment(envelope.created_at),
        "Lgsp-Expires-At": _moment(envelope.expires_at) if envelope.expires_at is not None else None,
        "Lgsp-Correlation-Id": envelope.correlation_id,
        "Lgsp-Identifiers": ",".join(f"{one.scheme}={quote(one.value, safe='')}" for one in envelope.identifiers) or None,
        "Lgsp-Signature": envelope.signature,
        "traceparent": envelope.traceparent,
        "tracestate": envelope.tracestate,
    }
    # An envelope posted as JSON may hold control characters in tracestate, which no header can carry; it may be dropped.
    return {name: value for name, value in given.items() if value is not None and value.isprintable()}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _optional(headers: Mapping[str, str], name: str, field: str) -> str | None:
    value = headers.get(name)
    if value is not None and not (value.isascii() and value.isprintable()):
        raise ContractError(
            "envelope.field_invalid", field, f"header {name} is not printable ASCII; percent-encode other characters"
        )
    return value


def _required(headers: Mapping[str, str], name: str, field: str) -> str:
    value = _optional(headers, name, field)
    if not value:
        raise ContractError("envelope.field_invalid", field, f"header {name} is missing or empty")
    return value


def _converted(text: str, name: str, field: str, kind: type[T]) -> T:
    try:
        return msgspec.convert(text, kind, strict=kind is not int)
    except msgspec.ValidationError as error:
        raise ContractError("envelope.field_invalid", field, f"header {name}: {error}") from None


def _expires_at(headers: Mapping[str, str]) -> datetime | None:
    text = _optional(headers, "Lgsp-Expires-At", "/expires_at")
    return None if text is None else _converted(text, "Lgsp-Expires-At", "/expires_at", datetime)


def _decoded(text: str | None, name: str, field: str) -> str | None:
    if text is None:
        return None
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ContractError("envelope.field_invalid", field, f"header {name} is not percent-encoded UTF-8") from None


def _identifiers(text: str | None) -> tuple[Identifier, ...]:
    if not text:
        return ()
    found = []
    for place, one in enumerate(text.split(",")):
        scheme, equals, value = one.strip().partition("=")
        if not equals:
            raise ContractError(
                "envelope.field_invalid", f"/identifiers/{place}", "header Lgsp-Identifiers: scheme=value, comma separated"
            )
        found.append(Identifier(scheme, _decoded(value, "Lgsp-Identifiers", f"/identifiers/{place}/value") or ""))
    return tuple(found)
