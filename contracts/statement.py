"""What a sender signs about an envelope: a JSON statement that repeats all of it but the body's octets, which it names by digest.

A statement instead of a canonical form: what is signed are the very octets inside the JWS, so signer and verifier need not agree
on how JSON is written. Compared member by member, nothing may be left out and nothing added.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

import msgspec

from contracts.agency import agency_code
from contracts.envelope import Envelope, Identifier
from contracts.errors import ContractError, what_and_where
from contracts.text import nfc

TYPE = "lgsp-envelope+jws"  # `typ` of the JWS: cannot be passed off as a statement of another kind
FIELD = "/signature"


class Statement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`body`: "sha256:" + hex of the body's octets as they stand in the envelope. `attachments`: their digests, in order. The
    rest as in the envelope, defaults left out."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    kind: str
    created_at: datetime
    body: str
    media_type: str = "application/json"
    order_key: str | None = None
    priority: int = 0
    identifiers: tuple[Identifier, ...] = ()
    expires_at: datetime | None = None
    correlation_id: str | None = None
    attachments: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Statement)


def statement_of(envelope: Envelope) -> Statement:
    """What its sender has to say of this envelope."""
    return Statement(
        message_id=envelope.message_id,
        sender=envelope.sender,
        recipients=envelope.recipients,
        kind=envelope.kind,
        created_at=envelope.created_at,
        body="sha256:" + hashlib.sha256(envelope.body).hexdigest(),
        media_type=envelope.media_type,
        order_key=envelope.order_key,
        priority=envelope.priority,
        identifiers=envelope.identifiers,
        expires_at=envelope.expires_at,
        correlation_id=envelope.correlation_id,
        attachments=tuple(one.digest for one in envelope.attachments),
    )


def encode(statement: Statement) -> bytes:
    """The payload of the JWS."""
    return _encoder.encode(statement)


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """RFC 8259, section 4, lets readers differ about the second of two members with one name."""
    if len(dict(pairs)) != len(pairs):
        raise ContractError("signature.other_envelope", "", "a member stands twice")


def _as_checked(said: Statement) -> Statement:
    """Codes trimmed and texts in NFC, as in an envelope (`contracts.envelope.checked`). Raises ContractError."""
    return msgspec.structs.replace(
        said,
        sender=agency_code(said.sender, "/sender"),
        recipients=tuple(agency_code(code, f"/recipients/{place}") for place, code in enumerate(said.recipients)),
        order_key=None if said.order_key is None else nfc(said.order_key),
        identifiers=tuple(Identifier(one.scheme, nfc(one.value)) for one in said.identifiers),
    )


def check_statement(payload: bytes, envelope: Envelope) -> None:
    """Raises ContractError "signature.other_envelope" naming the first member that says something else than the envelope."""
    try:
        said = _as_checked(_decoder.decode(payload))
        json.loads(payload, object_pairs_hook=_each_once)
    except ContractError as error:
        raise ContractError("signature.other_envelope", FIELD, f"{error.field}: {error.detail}") from None
    except msgspec.ValidationError as error:
        detail, field = what_and_where(error)
        raise ContractError("signature.other_envelope", FIELD, f"{field}: {detail}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ContractError("signature.other_envelope", FIELD, "the payload is not the JSON statement of an envelope") from None
    expected = statement_of(envelope)
    for name in Statement.__struct_fields__:
        if getattr(said, name) != getattr(expected, name):
            raise ContractError("signature.other_envelope", FIELD, f"/{name} is not that of the envelope")
