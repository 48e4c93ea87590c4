"""A parcel as an HTTP request, an HTTP answer as an outcome. Pure: the time comes in as an argument.

Headers and signature follow Standard Webhooks 1.0.0 (symmetric scheme, `v1`), so that its published libraries verify them.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import msgspec

from contracts import wire
from contracts.adapter import Parcel
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from contracts.replies import Reply, outcome_of_reply

USER_AGENT = "lgsp-hub-webhook/1"
REMOTE_REF_HEADER = "Lgsp-Remote-Ref"
MAX_ANSWER_BYTES = 4096  # of the answer's body are read, for a person to see why
MAX_RETRY_AFTER_S = 24 * 3600.0
_MAX_REASON_CHARS = 300
_MAX_REMOTE_REF_CHARS = 128
_SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret of the standard begins with
# 401, 403, 404, 405, 407: what a proxy or a wrong deployment says, hardly ever the system that was to read the message.
_TRY_LATER = frozenset({401, 403, 404, 405, 407, 408, 425, 429})

_TAG = re.compile(r"<[^>]{0,500}>")
_json_encode = msgspec.json.Encoder().encode


class Request(NamedTuple):
    """What to POST."""

    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]  # finds names in any case
    body: bytes = b""  # at most its beginning
    whole: bool = True  # it did not break off before its end or MAX_ANSWER_BYTES


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


def outcome_of(answer: Answer, now: float, replies: Sequence[Reply] = ()) -> Outcome:
    """What the recipient's answer means: by its table of replies first, else by the status alone."""
    found = _by_table(answer, now, replies) if replies else None
    return _by_status(answer, now) if found is None else found


def _by_table(answer: Answer, now: float, replies: Sequence[Reply]) -> Outcome | None:
    readable = "Content-Encoding" not in answer.headers
    text = answer.body.decode("utf-8", "replace") if readable else ""
    match outcome_of_reply(answer.status, text, replies, _detail(answer)):
        case Delivered():
            return _delivered(answer)
        case Retry(reason, detail, wish_s):
            return Retry(reason, detail, max(wish_s, _retry_after_s(answer, now)))
        case None if _doubtful(answer.status, replies) and not (readable and answer.whole):
            return Retry("delivery.garbled_answer", f"HTTP {answer.status}: the text that decides could not be read")
        case found:
            return found


def _doubtful(status: int, replies: Sequence[Reply]) -> bool:
    """A success that its text may take back. Asked again, the recipient says that it has it already."""
    return 200 <= status < 300 and any(row.text and row.means != "delivered" and row.covers(status) for row in replies)


def _by_status(answer: Answer, now: float) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return _delivered(answer)
    if 300 <= status < 400:
        return Retry("delivery.server_error", f"HTTP {status}: redirects are not followed, register the new address")
    if not 400 <= status < 600:
        return Retry("delivery.garbled_answer", f"HTTP status {status}")
    if status == 410:
        return Gone(detail=_detail(answer))
    if status >= 500 or status in _TRY_LATER:
        return Retry("delivery.server_error", _detail(answer), _retry_after_s(answer, now))
    return Refused("delivery.refused_by_recipient", _detail(answer))


def _delivered(answer: Answer) -> Delivered:
    return Delivered(remote_ref=_short(answer.headers.get(REMOTE_REF_HEADER, ""), _MAX_REMOTE_REF_CHARS))


def _retry_after_s(answer: Answer, now: float) -> float:
    return retry_after_s(answer.headers.get("Retry-After", ""), now)


def retry_after_s(value: str, now: float) -> float:
    """Seconds from a Retry-After header (RFC 9110, 10.2.3: seconds or a date), 0 to a day; 0 for what cannot be read."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(moment - now, 0.0), MAX_RETRY_AFTER_S)


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


def _detail(answer: Answer) -> str:
    status, headers, body, _ = answer
    if not body or "Content-Encoding" in headers:
        return f"HTTP {status}"
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    text = body.decode("utf-8", "replace")
    if media_type.endswith("json"):
        text = _problem_text(body) or text
    elif media_type.endswith(("html", "xml")):
        text = _TAG.sub(" ", text)
    elif not media_type.startswith("text/"):
        return f"HTTP {status}"
    reason = _short(text, _MAX_REASON_CHARS)
    return f"HTTP {status}: {reason}" if reason else f"HTTP {status}"


def _problem_text(body: bytes) -> str:
    """`title` and `detail` of a problem document (RFC 9457), if it is one."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return ": ".join(text for text in (problem.get("title"), problem.get("detail")) if isinstance(text, str))


def _short(text: str, limit: int) -> str:
    """One line of printable characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:limit]
