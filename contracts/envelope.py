"""What one agency hands to the hub: addressing on the outside, an unopened body inside."""

import hashlib
import re
from datetime import datetime

import msgspec

from contracts.agency import AgencyCode, agency_code
from contracts.errors import ContractError
from contracts.text import identifier_key, is_plain_token, nfc

MAX_RECIPIENTS = 500
MAX_IDENTIFIERS = 32
MAX_ATTACHMENTS = 64
MAX_ORDER_KEY_CHARS = 200
MAX_IDENTIFIER_CHARS = 200
MAX_NAME_CHARS = 255
MAX_SIGNATURE_CHARS = 16 * 1024
MAX_PRIORITY = 4  # hỏa tốc hẹn giờ (QCVN 102, 1.11.1)

_SCHEME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_KIND = re.compile(r"[a-z]+(?:\.[a-z_]+)*/[1-9]\d{0,3}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+(?:; ?[a-z0-9-]+=[\x21-\x7e]+)*", re.IGNORECASE)
# W3C Trace Context, section 3.2: version 00, trace id and parent id are not all zero.
TRACEPARENT = re.compile(r"00-(?P<trace_id>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_COMPACT_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_FILE_NAME = re.compile(r"[^/\\]*")
_TRACESTATE = re.compile(r"[\x20-\x7e]{0,512}")


def _reject(field: str, detail: str) -> ContractError:
    return ContractError("envelope.field_invalid", field, detail)


class Identifier(msgspec.Struct, frozen=True):
    """One name of the case, document or parcel: (scheme, value).

    Schemes in use: `case` (mã số hồ sơ), `receipt` (số biên nhận), `dvcqg`, `linked` (DVCLT number), `postal_order`,
    `postal_item` (UPU S10), `document` (DocumentId of QCVN 102), `notation` (số/ký hiệu).
    """

    scheme: str
    value: str

    @property
    def key(self) -> str:
        """What it is found by: the same for composed and decomposed text, upper and lower case."""
        return identifier_key(self.value)


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file beside the body, named by its digest ("sha256:" + 64 hex) and carried by the blob store."""

    digest: str
    size_bytes: int
    media_type: str = "application/octet-stream"
    name: str = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Addressing and an unopened body. An invalid one cannot exist: `checked` is the only door for foreign input."""

    message_id: str  # chosen by the sender; unique per sender, never reused
    sender: AgencyCode
    recipients: tuple[AgencyCode, ...]  # at least one, in the sender's order, no duplicates
    kind: str  # name/version, a key of contracts.kinds.KINDS, e.g. "case.file/1"
    created_at: datetime  # aware; the sender's clock, so never trusted for ordering
    body: bytes  # exactly as received: signatures cover these octets
    media_type: str = "application/json"
    order_key: str | None = None  # deliveries to one recipient with one key keep their order; None: no order
    priority: int = 0  # 0 thường, 1 khẩn, 2 thượng khẩn, 3 hỏa tốc, 4 hỏa tốc hẹn giờ (QCVN 102, 1.11.1)
    identifiers: tuple[Identifier, ...] = ()
    expires_at: datetime | None = None
    correlation_id: str | None = None  # message id of what this one answers or continues
    traceparent: str | None = None  # W3C Trace Context
    tracestate: str | None = None
    attachments: tuple[Attachment, ...] = ()
    signature: str | None = None  # compact JWS over `contracts.statement` of this envelope, by the sender

    def digest(self) -> str:
        """SHA-256 over everything but the trace headers, "sha256:" + hex: a resend carries new ones and has the same digest."""
        said = (
            self.message_id,
            self.sender,
            self.recipients,
            self.kind,
            self.created_at,
            self.media_type,
            self.order_key,
            self.priority,
            self.identifiers,
            self.expires_at,
            self.correlation_id,
            self.attachments,
            self.signature,
        )
        running = hashlib.sha256(_encode_said(said))
        running.update(b"\n")
        running.update(self.body)
        return "sha256:" + running.hexdigest()


_encode_said = msgspec.json.Encoder().encode


def checked(envelope: Envelope, prefix: str = "") -> Envelope:
    """The envelope, if every field obeys its rule; codes trimmed, texts that are compared brought to NFC.

    `prefix` is put before field paths. Raises ContractError "envelope.field_invalid" or "agency.code_malformed" naming the field.
    """
    if not is_plain_token(envelope.message_id, 128):
        raise _reject(f"{prefix}/message_id", "1 to 128 printable ASCII characters without spaces")
    if not _KIND.fullmatch(envelope.kind):
        raise _reject(f"{prefix}/kind", 'a name and a version, such as "case.file/1"')
    if not 0 <= envelope.priority <= MAX_PRIORITY:
        raise _reject(f"{prefix}/priority", "0 to 4")
    if not _MEDIA_TYPE.fullmatch(envelope.media_type) or len(envelope.media_type) > 200:
        raise _reject(f"{prefix}/media_type", "a media type such as application/json")
    _check_times(envelope, prefix)
    if envelope.correlation_id is not None and not is_plain_token(envelope.correlation_id, 128):
        raise _reject(f"{prefix}/correlation_id", "1 to 128 printable ASCII characters without spaces")
    if envelope.traceparent is not None and not TRACEPARENT.fullmatch(envelope.traceparent):
        raise _reject(f"{prefix}/traceparent", "W3C Trace Context, version 00")
    if envelope.tracestate is not None and not _TRACESTATE.fullmatch(envelope.tracestate):
        raise _reject(f"{prefix}/tracestate", "at most 512 printable ASCII characters")
    if envelope.signature is not None:
        _check_signature(envelope.signature, prefix)
    if len(envelope.attachments) > MAX_ATTACHMENTS:
        raise _reject(f"{prefix}/attachments", f"at most {MAX_ATTACHMENTS}")
    for place, attachment in enumerate(envelope.attachments):
        _check_attachment(attachment, f"{prefix}/attachments/{place}")
    return msgspec.structs.replace(
        envelope,
        sender=agency_code(envelope.sender, f"{prefix}/sender"),
        recipients=_checked_recipients(envelope.recipients, prefix),
        order_key=_checked_order_key(envelope.order_key, prefix),
        identifiers=_checked_identifiers(envelope.identifiers, prefix),
    )


def _check_signature(signature: str, prefix: str) -> None:
    if len(signature) > MAX_SIGNATURE_CHARS or not _COMPACT_JWS.fullmatch(signature):
        raise _reject(f"{prefix}/signature", f"a compact JWS (RFC 7515) of at most {MAX_SIGNATURE_CHARS} characters")


def _check_times(envelope: Envelope, prefix: str) -> None:
    for name, moment in (("created_at", envelope.created_at), ("expires_at", envelope.expires_at)):
        if moment is not None and moment.tzinfo is None:
            raise _reject(f"{prefix}/{name}", "RFC 3339 with a time zone, e.g. 2026-11-22T08:00:00+07:00")
        if moment is not None and not 2000 <= moment.year <= 2200:
            raise _reject(f"{prefix}/{name}", "a year from 2000 to 2200")


def _checked_recipients(recipients: tuple[AgencyCode, ...], prefix: str) -> tuple[AgencyCode, ...]:
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise _reject(f"{prefix}/recipients", f"1 to {MAX_RECIPIENTS} recipients")
    codes = tuple(agency_code(code, f"{prefix}/recipients/{place}") for place, code in enumerate(recipients))
    if len(set(codes)) != len(codes):
        raise _reject(f"{prefix}/recipients", "the same recipient stands twice")
    return codes


def _checked_order_key(order_key: str | None, prefix: str) -> str | None:
    if order_key is None:
        return None
    key = nfc(order_key)
    if not 0 < len(key) <= MAX_ORDER_KEY_CHARS or not key.isprintable():
        raise _reject(f"{prefix}/order_key", f"1 to {MAX_ORDER_KEY_CHARS} printable characters")
    return key


def _checked_identifiers(identifiers: tuple[Identifier, ...], prefix: str) -> tuple[Identifier, ...]:
    if len(identifiers) > MAX_IDENTIFIERS:
        raise _reject(f"{prefix}/identifiers", f"at most {MAX_IDENTIFIERS}")
    found = []
    for place, one in enumerate(identifiers):
        value = nfc(one.value)
        if not _SCHEME.fullmatch(one.scheme):
            raise _reject(f"{prefix}/identifiers/{place}/scheme", "1 to 32 of a-z 0-9 _, a letter first")
        if not 0 < len(value) <= MAX_IDENTIFIER_CHARS or not value.isprintable():
            raise _reject(f"{prefix}/identifiers/{place}/value", f"1 to {MAX_IDENTIFIER_CHARS} printable characters")
        found.append(Identifier(one.scheme, value))
    return tuple(found)


def _check_attachment(attachment: Attachment, field: str) -> None:
    if not _DIGEST.fullmatch(attachment.digest):
        raise _reject(f"{field}/digest", '"sha256:" and 64 lower-case hex digits')
    if attachment.size_bytes < 0:
        raise _reject(f"{field}/size_bytes", "0 or more")
    if len(attachment.name) > MAX_NAME_CHARS or not _FILE_NAME.fullmatch(attachment.name) or not attachment.name.isprintable():
        raise _reject(f"{field}/name", f"a file name of at most {MAX_NAME_CHARS} printable characters, without folders")
    if not _MEDIA_TYPE.fullmatch(attachment.media_type) or len(attachment.media_type) > 200:
        raise _reject(f"{field}/media_type", "a media type such as application/pdf")
