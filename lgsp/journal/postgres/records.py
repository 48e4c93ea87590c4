"""Reading for people: mailboxes, status, timelines, files, balance. Takes no lock that writers would notice."""

from collections.abc import Sequence
from typing import Any

from contracts.agency import AgencyCode
from contracts.text import identifier_key
from lgsp.core.lifecycle import State
from lgsp.core.log.placed import Place
from lgsp.core.recall import Recall
from lgsp.journal import moves
from lgsp.journal.codec import decode_header, maybe_moment, moment_of, with_body
from lgsp.journal.leaves import draw_salt, upload_action
from lgsp.journal.postgres import files as closed
from lgsp.journal.postgres import log
from lgsp.journal.postgres.database import Connection
from lgsp.ports import Balance, DeliveryRecord, EnvelopeRecord, Event, Looked, MailboxEntry

MAILBOX = """
SELECT d.delivery_id, d.sequence, e.sender, e.message_id, e.kind, e.priority, e.order_key, e.accepted_at, d.expires_at,
    e.body_bytes, d.number
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence
WHERE d.state = 3 AND d.recipient = $1 AND d.delivery_id > $2 ORDER BY d.delivery_id LIMIT $3"""

ENVELOPE = """
SELECT e.sequence, accepted_at, expires_at, digest, directory_version, body_bytes, header, first_delivery_id, delivery_count,
    leaf_index, tree_size, salt, body_erased_at, files_erased_at
FROM envelopes e LEFT JOIN keeping k ON k.sequence = e.sequence WHERE sender = $1 AND message_id = $2"""

CASE = """
SELECT e.sequence, accepted_at, expires_at, digest, directory_version, body_bytes, header, first_delivery_id, delivery_count,
    leaf_index, tree_size, salt, body_erased_at, files_erased_at
FROM identifiers i JOIN envelopes e ON e.sequence = i.sequence LEFT JOIN keeping k ON k.sequence = e.sequence
WHERE i.key = $1 AND ($2::text IS NULL OR e.sender = $2 OR EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.delivery_id >= e.first_delivery_id AND d.delivery_id < e.first_delivery_id + e.delivery_count AND d.recipient = $2))
ORDER BY i.sequence DESC LIMIT $3"""

OF_KINDS = """
SELECT e.sequence, accepted_at, expires_at, digest, directory_version, body_bytes, header, first_delivery_id, delivery_count,
    leaf_index, tree_size, salt, body_erased_at, files_erased_at, body
FROM envelopes e LEFT JOIN keeping k ON k.sequence = e.sequence
WHERE kind = ANY ($1::text[]) AND accepted_at >= $2 AND accepted_at < $3 AND e.sequence > $4
    AND ($6::text IS NULL OR sender = $6)
ORDER BY e.sequence LIMIT $5"""

DELIVERIES = """
SELECT d.sequence, d.delivery_id, d.recipient, d.addressed_as, d.state, d.attempt - d.postponed, d.due_at, d.ended_at,
    d.fetched_at, d.reason, d.detail, d.copy, d.recall, d.number
FROM unnest($1::bigint[], $2::integer[]) AS e (first_delivery_id, delivery_count)
JOIN deliveries d ON d.delivery_id >= e.first_delivery_id AND d.delivery_id < e.first_delivery_id + e.delivery_count
ORDER BY d.delivery_id"""

TIMELINE = """
SELECT v.event_id, v.at, v.name, v.sequence, v.delivery_id, d.recipient, v.attempt, v.reason, v.detail, v.took_ms,
    v.leaf_index, v.salt
FROM events v LEFT JOIN deliveries d ON d.delivery_id = v.delivery_id
WHERE v.sequence = ANY ($1::bigint[]) ORDER BY v.event_id"""

STRETCH = """
SELECT max(sequence), min(first_delivery_id), max(first_delivery_id + delivery_count)
FROM (SELECT sequence, first_delivery_id, delivery_count FROM envelopes WHERE sequence > $1 ORDER BY sequence LIMIT $2) AS s"""
STATES = "SELECT delivery_id, state FROM deliveries WHERE delivery_id >= $1 AND delivery_id < $2"
TOLD = """
SELECT delivery_id, name, count(*) FROM events
WHERE sequence > $1 AND sequence <= $2 AND name = ANY ($3::text[]) GROUP BY delivery_id, name"""

FILES = """
SELECT digest, size_bytes FROM file_access WHERE digest = ANY ($1::text[]) AND agency = $2 AND erased_at IS NULL"""

RECORD_UPLOAD = """
INSERT INTO file_access AS a (digest, agency, size_bytes, uploaded_at, salt) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (digest, agency)
DO UPDATE SET
    size_bytes = EXCLUDED.size_bytes, uploaded_at = EXCLUDED.uploaded_at, erased_at = NULL,
    salt = coalesce(a.salt, EXCLUDED.salt)
RETURNING salt"""


async def mailbox(connection: Connection, recipient: AgencyCode, after: int, limit: int) -> list[MailboxEntry]:
    """As `Records.mailbox`."""
    return [
        MailboxEntry(
            delivery_id=delivery_id,
            sequence=sequence,
            sender=sender,
            message_id=message_id,
            kind=kind,
            priority=priority,
            order_key=order_key,
            accepted_at=moment_of(accepted_at),
            expires_at=moment_of(expires_at),
            body_bytes=body_bytes,
            number=number,
        )
        for delivery_id, sequence, sender, message_id, kind, priority, order_key, accepted_at, expires_at, body_bytes, number in (
            await connection.fetch(MAILBOX, recipient, after, limit)
        )
    ]


async def envelope(connection: Connection, sender: AgencyCode, message_id: str) -> EnvelopeRecord | None:
    """As `Records.envelope`."""
    found = await _with_deliveries(connection, await connection.fetch(ENVELOPE, sender, message_id))
    return found[0] if found else None


async def find_case(connection: Connection, text: str, party: AgencyCode | None, limit: int) -> list[EnvelopeRecord]:
    """As `Records.find_case`."""
    newest_first = await connection.fetch(CASE, identifier_key(text), party, limit)
    return await _with_deliveries(connection, newest_first[::-1])


async def envelopes_of(
    connection: Connection,
    kinds: Sequence[str],
    since_us: int,
    until_us: int,
    after: int,
    limit: int,
    sender: AgencyCode | None,
) -> list[EnvelopeRecord]:
    """As `Records.envelopes_of`."""
    rows = await connection.fetch(OF_KINDS, kinds, since_us, until_us, after, limit, sender)
    found = await _with_deliveries(connection, rows)
    return [with_body(one, row["body"]) for one, row in zip(found, rows, strict=True)]


async def timeline(connection: Connection, sequences: Sequence[int]) -> list[Event]:
    """As `Records.timeline`."""
    return [
        Event(
            event_id=event_id,
            at=moment_of(at),
            name=name,
            sequence=sequence,
            delivery_id=delivery_id,
            recipient=recipient,
            attempt=attempt,
            reason=reason,
            detail=detail,
            took_ms=took_ms,
            leaf_index=leaf_index,
            salt=salt,
        )
        for event_id, at, name, sequence, delivery_id, recipient, attempt, reason, detail, took_ms, leaf_index, salt in (
            await connection.fetch(TIMELINE, sequences)
        )
    ]


async def files(connection: Connection, digests: Sequence[str], agency: AgencyCode) -> dict[str, int]:
    """As `Records.uploads`."""
    return dict(await connection.fetch(FILES, digests, agency))


async def record_upload(connection: Connection, digest: str, size_bytes: int, agency: AgencyCode, now_us: int) -> None:
    """As `Records.record_upload`. Uploaded again, the salt stays: the row is that of all its leaves."""
    await closed.open_anew(connection, [digest])
    salt: bytes = await connection.fetchval(RECORD_UPLOAD, digest, agency, size_bytes, now_us, draw_salt())
    await log.act(connection, [upload_action(digest, size_bytes, agency, salt, moment_of(now_us))])


async def balance(connection: Connection) -> Balance:
    """As `Records.balance`, within a snapshot."""
    states = await connection.fetch("SELECT state, count(*) FROM deliveries GROUP BY state")
    events = dict(await connection.fetch("SELECT name, count(*) FROM events GROUP BY name"))
    return moves.balanced({State(number): count for number, count in states}, events)


async def mismatches(connection: Connection, after: int, limit: int) -> Looked | None:
    """As `Records.mismatches`, within a snapshot."""
    through, first, end = await connection.fetchrow(STRETCH, after, limit)
    if through is None:
        return None
    states = {row["delivery_id"]: State(row["state"]) for row in await connection.fetch(STATES, first, end)}
    return Looked(through, moves.mismatches(states, await connection.fetch(TOLD, after, through, list(moves.ACCOUNTED))))


async def _with_deliveries(connection: Connection, rows: Sequence[Any]) -> list[EnvelopeRecord]:
    if not rows:
        return []
    firsts, counts = [row["first_delivery_id"] for row in rows], [row["delivery_count"] for row in rows]
    deliveries: dict[int, list[DeliveryRecord]] = {}
    for sequence, *delivery in await connection.fetch(DELIVERIES, firsts, counts):
        deliveries.setdefault(sequence, []).append(_delivery(*delivery))
    return [_envelope(row, tuple(deliveries.get(row["sequence"], ()))) for row in rows]


def _envelope(row: Any, deliveries: tuple[DeliveryRecord, ...]) -> EnvelopeRecord:
    header = decode_header(row["header"])
    return EnvelopeRecord(
        sequence=row["sequence"],
        accepted_at=moment_of(row["accepted_at"]),
        expires_at=moment_of(row["expires_at"]),
        digest=row["digest"],
        directory_version=row["directory_version"],
        body_bytes=row["body_bytes"],
        envelope=header.envelope(b""),
        order_key=header.lane_key,
        identifiers=header.all_identifiers,
        deliveries=deliveries,
        place=None if row["leaf_index"] is None else Place(row["leaf_index"], row["tree_size"], row["salt"]),
        body_erased_at=maybe_moment(row["body_erased_at"]),
        files_erased_at=maybe_moment(row["files_erased_at"]),
    )


def _delivery(
    delivery_id: int,
    recipient: AgencyCode,
    addressed_as: AgencyCode,
    state: int,
    attempt: int,
    due_at: int | None,
    ended_at: int | None,
    fetched_at: int | None,
    reason: str,
    detail: str,
    copy: bool,
    recall: int,
    number: int | None,
) -> DeliveryRecord:
    return DeliveryRecord(
        delivery_id=delivery_id,
        recipient=recipient,
        addressed_as=addressed_as,
        state=State(state),
        attempt=attempt,
        due_at=maybe_moment(due_at),
        ended_at=maybe_moment(ended_at),
        fetched_at=maybe_moment(fetched_at),
        reason=reason,
        detail=detail,
        copy=copy,
        recall=Recall(recall),
        number=number,
    )
