"""What the log says of each event: canonical JSON, a kilobyte at most, never anything that must be erased.

A record is encoded by one encoder with its members in the order in which they stand here, defaults left out: the same record is
always the same octets, and a record that is not what `encode` makes of it is refused. What an outsider may not guess at stands as
a salted digest; the salt is kept in the journal and goes to those who may know, with their receipts and with evidence.
"""

import base64
import hashlib
from datetime import datetime

import msgspec

from lgsp.errors import LgspError

MAX_RECORD_BYTES = 1024
MAX_TEXT_BYTES = 200  # codes and names
MAX_SUBJECT_BYTES = 400
SALT_BYTES = 16


class RecordInvalid(LgspError):
    """These octets are no record of ours."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="accepted/1", tag_field="record"):
    """An envelope was taken over. All digests are salted with the salt of the envelope.

    `digest`: of `Envelope.digest`'s text; `header`: of the envelope without its body as the journal keeps it; `examination`: of
    the findings about its signatures, `verdict` the worst of them.
    """

    at: datetime
    sequence: int
    sender: str
    message_id: str
    kind: str
    digest: str
    header: str
    expires_at: datetime
    directory: int  # version that it was routed under
    first_delivery: int
    deliveries: int
    verdict: str = ""
    examination: str = ""


class Routed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="routed/1", tag_field="record"):
    """One delivery of it. `number`: dense from 1 for each pair of sender and recipient: a gap is a message kept back.

    `blind`: see `blind_of`; the hashes of leaves are for everybody, and all else in this one can be guessed at and tried out.
    """

    at: datetime
    sequence: int
    delivery: int
    sender: str
    recipient: str
    number: int
    addressed_as: str = ""  # where the sender wrote another code
    copy: bool = False  # for a subscriber
    state: str = ""  # in which it starts
    blind: str = ""


class Moved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="moved/1", tag_field="record"):
    """What became of a delivery: delivered, retry, dead, recalled, replayed, fetched, body_erased ... `detail`: salted digest,
    with a salt of its own."""

    at: datetime
    name: str
    sequence: int
    delivery: int | None = None
    attempt: int | None = None
    reason: str = ""
    took_ms: int | None = None
    detail: str = ""


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="refused/1", tag_field="record"):
    """Octets that a known caller sent were not taken over. `received`: salted digest of the text of their digest."""

    at: datetime
    sender: str
    code: str
    received: str
    message_id: str = ""
    field: str = ""


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="held/1", tag_field="record"):
    """What happened to a recipient: failing, recovered, maintenance_begun, maintenance_ended. `detail`: salted digest."""

    at: datetime
    name: str
    recipient: str
    reason: str = ""
    detail: str = ""


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="action/1", tag_field="record"):
    """Somebody did something to the hub: agency_saved, credential_saved, certificate_saved, certificate_removed, file_uploaded,
    replay_started, replay_cancelled, login, archived, log_restarted ...

    `by`: who; `subject`: of what (code, client id, fingerprint, number); `digest`: base64 SHA-256 of what it is now, salted where
    a salt is kept beside it; `version`: of the directory afterwards.
    """

    at: datetime
    name: str
    by: str
    subject: str = ""
    digest: str = ""
    version: int | None = None


Record = Accepted | Routed | Moved | Refused | Held | Action

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """The leaf. Raises RecordInvalid when it is too large: whoever made it left something in that belongs outside."""
    octets = _encode(record)
    if len(octets) > MAX_RECORD_BYTES:
        raise RecordInvalid(f"{len(octets)} bytes, {MAX_RECORD_BYTES} allowed: {octets[:120]!r}")
    return octets


def decode(octets: bytes) -> Record:
    """Raises RecordInvalid, also where the same record would be written otherwise."""
    try:
        record: Record = _decoder.decode(octets)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise RecordInvalid(str(error)) from None
    if encode(record) != octets:
        raise RecordInvalid("not in canonical form")
    return record


def short(text: str, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """As much of it as takes up so many bytes in a record, where a character takes up to six: whatever somebody writes into a
    reason or a name must not keep a transaction from being told."""
    if 2 * len(text) <= max_bytes and text.isascii() and text.isprintable():
        return text
    text = text[:max_bytes].encode(errors="replace").decode()
    while (size := len(_encode(text)) - 2) > max_bytes:
        text = text[: len(text) * max_bytes // size]
    return text


def salted(salt: bytes, octets: bytes) -> str:
    """Base64 of SHA-256 over the salt (16 bytes) and the octets: commits to them and tells nothing of them."""
    return base64.b64encode(hashlib.sha256(salt + octets).digest()).decode()


def blind_of(salt: bytes, delivery: int) -> str:
    """Of a record that has no digest of anything: what nobody guesses who does not know the salt of the envelope."""
    return salted(salt, b"delivery %d" % delivery)


def digest_of(octets: bytes) -> str:
    """Base64 of SHA-256: of what cannot be guessed, or is no secret."""
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()
