"""Between values and rows, for every store. Pure: no SQL, no clock. Rows are in the order of the columns they are written to."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier
from lgsp.core.admission import Admitted
from lgsp.core.directory import Agency
from lgsp.core.hold import Cause, Hold
from lgsp.core.lanes import Mode
from lgsp.core.replay import Replay
from lgsp.core.signatures.finding import Examination
from lgsp.ports import DeadLetter, DeadLetterCount, EnvelopeRecord

FIRST_ATTEMPT = 1
MODES: tuple[Mode, ...] = ("push", "mailbox")  # the number stored is the place here

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exact."""
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=1024)  # a batch shares its moment
def moment_of(moment_us: int) -> datetime:
    """The aware moment in UTC."""
    return _EPOCH + timedelta(microseconds=moment_us)


def span_us(span_s: float) -> int:
    """Seconds as whole microseconds."""
    return round(span_s * 1_000_000)


def maybe_moment(moment_us: int | None) -> datetime | None:
    return None if moment_us is None else moment_of(moment_us)


def with_body(record: EnvelopeRecord, body: bytes | None) -> EnvelopeRecord:
    """`body` None: it was erased."""
    return msgspec.structs.replace(record, envelope=msgspec.structs.replace(record.envelope, body=body or b""))


class HoldRow(NamedTuple):
    """A row of `holds`."""

    recipient: str
    cause: int
    since: int
    due_at: int | None
    step: int
    probe: int | None
    ageless: bool
    reason: str
    detail: str

    @classmethod
    def of(cls, hold: Hold) -> "HoldRow":
        since, due_at = micros(hold.since), None if hold.due_at is None else micros(hold.due_at)
        told = (hold.step, hold.probe, hold.ageless, hold.reason, hold.detail)
        return cls(hold.recipient, int(hold.cause), since, due_at, *told)

    def hold(self) -> Hold:
        return Hold(
            recipient=self.recipient,
            cause=Cause(self.cause),
            since=moment_of(self.since),
            due_at=maybe_moment(self.due_at),
            step=self.step,
            probe=self.probe,
            ageless=bool(self.ageless),
            reason=self.reason,
            detail=self.detail,
        )


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An envelope without its body, as stored. `found` are its identifiers with those read from the body, where there are more;
    `found_order_key` is the order key read from the body, where the sender gave none.

    JSON, because it keeps the offset of times (which the digest covers), can be read with any tool, and tolerates new fields.
    """

    message_id: str
    sender: AgencyCode
    recipients: tuple[AgencyCode, ...]
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
    signature: str | None = None
    found: tuple[Identifier, ...] | None = None
    found_order_key: str | None = None

    def envelope(self, body: bytes) -> Envelope:
        """The envelope as it was received."""
        return Envelope(
            message_id=self.message_id,
            sender=self.sender,
            recipients=self.recipients,
            kind=self.kind,
            created_at=self.created_at,
            body=body,
            media_type=self.media_type,
            order_key=self.order_key,
            priority=self.priority,
            identifiers=self.identifiers,
            expires_at=self.expires_at,
            correlation_id=self.correlation_id,
            traceparent=self.traceparent,
            tracestate=self.tracestate,
            attachments=self.attachments,
            signature=self.signature,
        )

    @property
    def all_identifiers(self) -> tuple[Identifier, ...]:
        return self.identifiers if self.found is None else self.found

    @property
    def lane_key(self) -> str | None:
        """The order key that the lanes were made of."""
        return self.order_key or self.found_order_key


class _Trace(msgspec.Struct):
    traceparent: str | None = None


_encoder = msgspec.json.Encoder()
_examination_decoder = msgspec.json.Decoder(Examination)
_replay_decoder = msgspec.json.Decoder(Replay)
_agency_decoder = msgspec.json.Decoder(Agency)
_header_decoder = msgspec.json.Decoder(Header)
_trace_decoder = msgspec.json.Decoder(_Trace)


def encode_header(admitted: Admitted) -> bytes:
    """Everything the envelope says but its body, and what was found in the body."""
    envelope = admitted.envelope
    return _encoder.encode(
        Header(
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
            found=None if admitted.identifiers == envelope.identifiers else admitted.identifiers,
            found_order_key=None if envelope.order_key else admitted.order_key,
        )
    )


def encode_agency(agency: Agency) -> bytes:
    return _encoder.encode(agency)


def decode_agency(document: bytes | str) -> Agency:
    return _agency_decoder.decode(document)


def encode_replay(replay: Replay) -> bytes:
    """The job as it is kept; its number is the row's."""
    return _encoder.encode(msgspec.structs.replace(replay, replay_id=0))


def decode_replay(replay_id: int, octets: bytes) -> Replay:
    return msgspec.structs.replace(_replay_decoder.decode(octets), replay_id=replay_id)


def encode_examination(examination: Examination) -> bytes:
    return _encoder.encode(examination)


def decode_examination(octets: bytes) -> Examination:
    return _examination_decoder.decode(octets)


def decode_header(octets: bytes) -> Header:
    return _header_decoder.decode(octets)


def traceparent_of(octets: bytes) -> str | None:
    """The trace context inside a stored header, without reading the rest."""
    return _trace_decoder.decode(octets).traceparent


def dead_letter(
    delivery_id: int,
    sequence: int,
    sender: AgencyCode,
    message_id: str,
    recipient: AgencyCode,
    kind: str,
    priority: int,
    accepted_at: int,
    expires_at: int,
    ended_at: int,
    attempts: int,
    reason: str,
    detail: str,
    resolved_at: int | None,
    copy: bool,
    octets: bytes,
) -> DeadLetter:
    """From the columns that both stores select in this order."""
    header = decode_header(octets)
    return DeadLetter(
        delivery_id=delivery_id,
        sequence=sequence,
        sender=sender,
        message_id=message_id,
        recipient=recipient,
        kind=kind,
        priority=priority,
        order_key=header.lane_key,
        accepted_at=moment_of(accepted_at),
        expires_at=moment_of(expires_at),
        ended_at=moment_of(ended_at),
        attempts=attempts,
        reason=reason,
        detail=detail,
        identifiers=header.all_identifiers,
        resolved_at=maybe_moment(resolved_at),
        copy=bool(copy),
    )


def dead_letter_count(rows: Iterable[tuple[str, int, int, int]]) -> DeadLetterCount:
    """From (recipient, letters, expired of them, first given up) for each recipient."""
    counts = sorted(rows, key=lambda row: (-row[1], row[0]))
    return DeadLetterCount(
        letters=sum(letters for _, letters, _, _ in counts),
        expired=sum(expired for _, _, expired, _ in counts),
        oldest=maybe_moment(min((ended_at for _, _, _, ended_at in counts), default=None)),
        by_recipient={recipient: letters for recipient, letters, _, _ in counts},
    )


class EnvelopeRow(NamedTuple):
    """Deliveries of one envelope have consecutive ids, so two numbers find them and no index is needed."""

    sequence: int
    sender: str
    message_id: str
    digest: str
    kind: str
    priority: int
    order_key: str | None
    body_bytes: int
    header: bytes
    accepted_at: int
    expires_at: int
    directory_version: int
    first_delivery_id: int
    delivery_count: int
    salt: bytes
    leaf_index: int
    tree_size: int


class DeliveryRow(NamedTuple):
    delivery_id: int
    sequence: int
    recipient: str
    addressed_as: str
    lane: int | None
    shard: int
    priority: int
    mode: int
    state: int
    attempt: int
    due_at: int | None
    expires_at: int
    copy: bool
    ready_at: int | None
    number: int


class EventRow(NamedTuple):
    """The event id is the store's. `salt`: of the digest of the detail in the leaf; None: there is no detail."""

    at: int
    name: str
    sequence: int
    delivery_id: int | None
    attempt: int | None = None
    reason: str = ""
    detail: str = ""
    took_ms: int | None = None
    leaf_index: int | None = None
    salt: bytes | None = None


class OccurrenceRow(NamedTuple):
    """What happened to a recipient; as `EventRow`."""

    at: int
    name: str
    recipient: str
    reason: str
    detail: str
    leaf_index: int | None = None
    salt: bytes | None = None


class AccessRow(NamedTuple):
    """An agency may read and pass on a file: it uploaded it, or an accepted envelope with it came from or goes to the agency."""

    digest: str
    agency: str
    size_bytes: int
