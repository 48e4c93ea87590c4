"""A parcel as an HTTP request. Pure: the time comes in as an argument. What an answer means stands in `adapters.answers`.

Headers and signature follow Standard Webhooks 1.0.0 (symmetric scheme, `v1`), so that its published libraries verify them.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from contracts import wire
from contracts.adapter import Parcel

USER_AGENT = "lgsp-hub-webhook/1"
MAX_ANSWER_BYTES = 4096  # of the answer's body are read, for a person to see why
_SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret of the standard begins with

_json_encode = msgspec.json.Encoder().encode


class Request(NamedTuple):
    """What to POST."""

    headers: dict[str, str]
    body: bytes


class _Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    delivery_id: int
    attempt: int
    sequence: int
    recipient: str
    addressed_as: str
    number: int | None = None


def keys_of(secret: str) -> tuple[bytes, ...]:
    """Keys of a space-separated list of secrets, `whsec_` and base64 each; several while one is being replaced.

    Raises ValueError, without the secret in it.
    """
    return tuple(_key_of(one) for one in secret.split())


def request_of(parcel: Parcel, keys: Sequence[bytes], now: float) -> Request:
    """`now`: Unix time in seconds. Without keys the request is not signed."""
    body = document_of(parcel)
    webhook_id, timestamp = f"dlv_{parcel.delivery_id}", str(int(now))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
    }
    if keys:
        headers["webhook-signature"] = signature_of(webhook_id, timestamp, body, keys)
    if parcel.envelope.traceparent is not None:
        headers["traceparent"] = _next_traceparent(parcel.envelope.traceparent, parcel)
        if parcel.envelope.tracestate is not None and parcel.envelope.tracestate.isprintable():
            headers["tracestate"] = parcel.envelope.tracestate
    return Request(headers, body)


def document_of(parcel: Parcel) -> bytes:
    """The JSON document of a delivery; the octets of a JSON body stand in it as the sender wrote them."""
    place = (parcel.delivery_id, parcel.attempt, parcel.sequence, parcel.recipient, parcel.addressed_as)
    delivery = _Delivery(*place, parcel.number)
    return b"".join((b'{"delivery":', _json_encode(delivery), b',"envelope":', wire.render(parcel.envelope), b"}"))


def signature_of(webhook_id: str, timestamp: str, body: bytes, keys: Sequence[bytes]) -> str:
    """`v1,` and base64 of HMAC-SHA256 over "id.timestamp.body", one per key, separated by spaces."""
    signed = b"".join((webhook_id.encode(), b".", timestamp.encode(), b".", body))
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)


def _key_of(secret: str) -> bytes:
    if not secret.startswith(_SECRET_PREFIX):
        raise ValueError(f"a webhook secret begins with {_SECRET_PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"a webhook secret is base64 after {_SECRET_PREFIX}") from None
    if not key:
        raise ValueError("a webhook secret is not empty")
    return key


def _next_traceparent(traceparent: str, parcel: Parcel) -> str:
    """The same trace, this attempt as the parent (W3C Trace Context, 3.2); the attempt's id can be computed again from a log."""
    version, trace_id, _, flags = traceparent.split("-")
    span = hashlib.blake2b(f"{parcel.delivery_id}.{parcel.attempt}".encode(), digest_size=8).hexdigest()
    return f"{version}-{trace_id}-{span}-{flags}"
