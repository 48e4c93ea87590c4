"""What a receipt or refusal proves to who has nothing but the key of the log: that the hub wrote down just what it answered."""

import binascii
from base64 import b64decode
from collections.abc import Sequence

import msgspec

from contracts.receipt import LogEntry, Receipt, Refusal
from lgsp.core.log.checkpoint import SignedCheckpoint, open_by_any
from lgsp.core.log.merkle import ProofInvalid, check_inclusion, leaf_hash
from lgsp.core.log.note import NoteInvalid, NoteVerifier
from lgsp.core.log.proof import parse_proof
from lgsp.core.log.record import SALT_BYTES, Accepted, Record, RecordInvalid, Refused, decode, encode, salted

_MAX_FIELD_CHARS = 100


class NotProved(ValueError):
    """The answer and the log do not say the same, or the log's signature does not hold; the text says which."""


def check_receipt(receipt: Receipt, keys: Sequence[NoteVerifier | str], others: Sequence[NoteVerifier] = ()) -> SignedCheckpoint:
    """The head of the log that proves it. `keys`: of the log, one of which signed; `others`: of witnesses. Raises NotProved."""
    entry = _entry(receipt.log)
    record, salt = _opened(entry)
    if not isinstance(record, Accepted):
        raise NotProved("the record in the log tells of no acceptance")
    said = (receipt.sender, receipt.message_id, receipt.sequence, receipt.accepted_at, salted(salt, receipt.digest.encode()))
    if said != (record.sender, record.message_id, record.sequence, record.at, record.digest):
        raise NotProved("the record in the log is of another acceptance")
    of_envelope = range(record.first_delivery, record.first_delivery + record.deliveries)
    if not all(one.delivery_id in of_envelope for one in receipt.deliveries):
        raise NotProved("the record in the log has other deliveries")
    return _proved(entry, keys, others)


def check_refusal(refusal: Refusal, keys: Sequence[NoteVerifier | str], others: Sequence[NoteVerifier] = ()) -> SignedCheckpoint:
    """As `check_receipt`. Raises NotProved."""
    entry = _entry(refusal.log)
    record, salt = _opened(entry)
    if refusal.sender is None or refusal.refused_at is None or refusal.received_digest is None:
        raise NotProved("the refusal does not say of what, to whom and when")
    try:
        stated = refused_record(refusal, salt)
    except RecordInvalid as error:
        raise NotProved(f"no record of the log tells of this: {error}") from None
    if record != stated:
        raise NotProved("the record in the log is of another refusal")
    return _proved(entry, keys, others)


def refused_record(stated: Refusal, salt: bytes) -> Refused:
    """What the log says of a refusal that names its sender, its time and the digest of what was refused."""
    assert stated.sender is not None and stated.refused_at is not None and stated.received_digest is not None
    record = Refused(
        at=stated.refused_at,
        sender=stated.sender,
        code=stated.code,
        received=salted(salt, stated.received_digest.encode()),
        message_id=stated.message_id or "",
        field=stated.field[:_MAX_FIELD_CHARS],
    )
    try:
        encode(record)
    except RecordInvalid:  # a field may be named in whatever letters
        return msgspec.structs.replace(record, field="")
    return record


def _entry(entry: LogEntry | None) -> LogEntry:
    if entry is None:
        raise NotProved("it has no place in the log: it was given before there was one, or while nothing could be signed")
    return entry


def _opened(entry: LogEntry) -> tuple[Record, bytes]:
    try:
        salt = b64decode(entry.salt, validate=True)
        record = decode(entry.leaf.encode())
    except (binascii.Error, RecordInvalid, UnicodeEncodeError) as error:
        raise NotProved(f"no record of the log: {error}") from None
    if len(salt) != SALT_BYTES:
        raise NotProved("no record of the log: its salt has another length")
    return record, salt


def _proved(entry: LogEntry, keys: Sequence[NoteVerifier | str], others: Sequence[NoteVerifier]) -> SignedCheckpoint:
    try:
        proof = parse_proof(entry.proof)
        signed = open_by_any(proof.checkpoint, keys, others)
        check_inclusion(proof.index, signed.checkpoint.size, signed.checkpoint.root, leaf_hash(entry.leaf.encode()), proof.hashes)
    except (NoteInvalid, ProofInvalid) as error:
        raise NotProved(str(error)) from None
    return signed
