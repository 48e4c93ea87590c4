"""Everything that only reads envelopes, deliveries and events."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from contracts.agency import AgencyCode
from contracts.text import identifier_key
from lgsp.core.lifecycle import State
from lgsp.core.log.placed import Place
from lgsp.core.recall import Recall
from lgsp.journal import moves
from lgsp.journal.codec import HoldRow, decode_header, maybe_moment, moment_of, span_us, with_body
from lgsp.journal.sqlite.accepting import json_text
from lgsp.ports import Balance, DeliveryRecord, EnvelopeRecord, Event, Looked, MailboxEntry, Ref, Work

HYDRATE = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, e.sequence, e.accepted_at, d.expires_at, e.header, b.body,
       d.postponed, d.copy, d.recall, d.ready_at, d.replays, d.number
FROM deliveries d JOIN envelopes e USING (sequence) JOIN bodies b USING (sequence)
WHERE d.delivery_id IN (SELECT value FROM json_each(?)) AND d.state IN (1, 2)"""
FETCH = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, e.sequence, e.accepted_at, d.expires_at, e.header, b.body,
       d.postponed, d.copy, d.recall, d.ready_at, d.replays, d.number
FROM deliveries d JOIN envelopes e USING (sequence) LEFT JOIN bodies b USING (sequence)
WHERE d.delivery_id = ?"""
OUTLINE = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, e.sequence, e.accepted_at, d.expires_at, e.header, x'',
       d.postponed, d.copy, d.recall, d.ready_at, d.replays, d.number
FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.delivery_id IN (SELECT value FROM json_each(?))"""
OVERDUE = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, e.sequence, e.accepted_at, d.expires_at, e.header, x'',
       d.postponed, d.copy, d.recall, d.ready_at, d.replays, d.number
FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.ended_at IS NULL AND d.expires_at <= ? AND (+d.state IN (0, 3, 4) OR d.expires_at <= ?)
ORDER BY d.expires_at, d.delivery_id LIMIT ?"""
GIVEN_UP = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, e.sequence, e.accepted_at, d.expires_at, e.header, x'',
       d.postponed, d.copy, d.recall, d.ready_at, d.replays, d.number
FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.state = 4 AND d.due_at <= ?1 AND d.expires_at > ?1
ORDER BY d.due_at, d.delivery_id LIMIT ?2"""
HOLDS = "SELECT * FROM holds WHERE recipient IN (SELECT value FROM json_each(?))"
MAILBOX = """
SELECT d.delivery_id, e.sequence, e.sender, e.message_id, e.kind, e.priority, e.order_key, e.accepted_at, e.expires_at,
       e.body_bytes, d.number
FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.state = 3 AND d.recipient = ? AND d.delivery_id > ? ORDER BY d.delivery_id LIMIT ?"""
ENVELOPE = """
SELECT sequence, accepted_at, expires_at, digest, directory_version, body_bytes, header, first_delivery_id, delivery_count,
    body_erased_at, files_erased_at, leaf_index, tree_size, salt
FROM envelopes LEFT JOIN keeping USING (sequence) WHERE sender = ? AND message_id = ?"""
CASE = """
SELECT sequence, accepted_at, expires_at, digest, directory_version, body_bytes, header, first_delivery_id, delivery_count,
    body_erased_at, files_erased_at, leaf_index, tree_size, salt
FROM identifiers i JOIN envelopes e USING (sequence) LEFT JOIN keeping USING (sequence)
WHERE key = ?1 AND (?2 IS NULL OR e.sender = ?2 OR EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.delivery_id >= e.first_delivery_id AND d.delivery_id < e.first_delivery_id + e.delivery_count AND d.recipient = ?2))
ORDER BY i.sequence DESC LIMIT ?3"""
OF_KINDS = """
SELECT sequence, accepted_at, expires_at, digest, directory_version, body_bytes, header, first_delivery_id, delivery_count,
    body_erased_at, files_erased_at, leaf_index, tree_size, salt, b.body
FROM envelopes e LEFT JOIN keeping USING (sequence) LEFT JOIN bodies b USING (sequence)
WHERE kind IN (SELECT value FROM json_each(?1)) AND accepted_at >= ?2 AND accepted_at < ?3 AND sequence > ?4
    AND (?6 IS NULL OR sender = ?6)
ORDER BY sequence LIMIT ?5"""
DELIVERIES = """
SELECT delivery_id, recipient, addressed_as, state, attempt - postponed, due_at, ended_at, fetched_at, reason, detail, copy,
    recall, number
FROM deliveries WHERE delivery_id >= ? AND delivery_id < ? ORDER BY delivery_id"""
TIMELINE = """
SELECT v.event_id, v.at, v.name, v.sequence, v.delivery_id, d.recipient, v.attempt, v.reason, v.detail, v.took_ms,
    v.leaf_index, v.salt
FROM events v LEFT JOIN deliveries d USING (delivery_id) WHERE v.sequence IN (SELECT value FROM json_each(?))"""
STRETCH = """
SELECT max(sequence), min(first_delivery_id), max(first_delivery_id + delivery_count)
FROM (SELECT * FROM envelopes WHERE sequence > ? ORDER BY sequence LIMIT ?)"""
STATES = "SELECT delivery_id, state FROM deliveries WHERE delivery_id >= ? AND delivery_id < ?"
TOLD = """
SELECT delivery_id, name, count(*) FROM events
WHERE sequence > ? AND sequence <= ? AND name IN (SELECT value FROM json_each(?)) GROUP BY delivery_id, name"""
ACCESS = """
SELECT digest, size_bytes FROM file_access
WHERE digest IN (SELECT value FROM json_each(?)) AND agency = ? AND erased_at IS NULL"""


def hydrate(connection: sqlite3.Connection, refs: Sequence[Ref]) -> list[Work]:
    """As `Journal.hydrate`."""
    awaited = {(ref.delivery_id, ref.attempt) for ref in refs}
    ids = json_text(ref.delivery_id for ref in refs)
    return _with_holds(connection, [_work(row) for row in connection.execute(HYDRATE, (ids,)) if row[:2] in awaited])


def _with_holds(connection: sqlite3.Connection, works: Sequence[Work]) -> list[Work]:
    recipients = json_text({work.recipient for work in works})
    holds = {row[0]: HoldRow(*row).hold() for row in connection.execute(HOLDS, (recipients,))}
    return [replace(work, hold=holds[work.recipient]) if work.recipient in holds else work for work in works]


def fetch(connection: sqlite3.Connection, delivery_id: int) -> Work | None:
    """As `Records.fetch`."""
    row = connection.execute(FETCH, (delivery_id,)).fetchone()
    return None if row is None else _work(row)


def outline(connection: sqlite3.Connection, delivery_ids: Sequence[int]) -> list[Work]:
    """As `Records.outline`."""
    return [_work(row) for row in connection.execute(OUTLINE, (json_text(delivery_ids),))]


def overdue(connection: sqlite3.Connection, now_us: int, grace_s: float, limit: int) -> list[Work]:
    """As `Journal.overdue`."""
    expired = connection.execute(OVERDUE, (now_us, now_us - span_us(grace_s), limit)).fetchall()
    given_up = connection.execute(GIVEN_UP, (now_us, limit - len(expired))).fetchall()
    return _with_holds(connection, [_work(row) for row in (*expired, *given_up)])


def mailbox(connection: sqlite3.Connection, recipient: AgencyCode, after: int, limit: int) -> list[MailboxEntry]:
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
            connection.execute(MAILBOX, (recipient, after, limit))
        )
    ]


def envelope(connection: sqlite3.Connection, sender: AgencyCode, message_id: str) -> EnvelopeRecord | None:
    """As `Records.envelope`."""
    row = connection.execute(ENVELOPE, (sender, message_id)).fetchone()
    return None if row is None else _envelope(connection, row)


def find_case(connection: sqlite3.Connection, text: str, party: AgencyCode | None, limit: int) -> list[EnvelopeRecord]:
    """As `Records.find_case`."""
    newest_first = connection.execute(CASE, (identifier_key(text), party, limit)).fetchall()
    return [_envelope(connection, row) for row in reversed(newest_first)]


def envelopes_of(
    connection: sqlite3.Connection,
    kinds: Sequence[str],
    since_us: int,
    until_us: int,
    after: int,
    limit: int,
    sender: AgencyCode | None,
) -> list[EnvelopeRecord]:
    """As `Records.envelopes_of`."""
    rows = connection.execute(OF_KINDS, (json_text(kinds), since_us, until_us, after, limit, sender)).fetchall()
    return [with_body(_envelope(connection, row), body) for *row, body in rows]


def timeline(connection: sqlite3.Connection, sequences: Sequence[int]) -> list[Event]:
    """As `Records.timeline`."""
    events = [
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
            connection.execute(TIMELINE, (json_text(sequences),))
        )
    ]
    return sorted(events, key=lambda event: event.event_id)


def sizes(connection: sqlite3.Connection, digests: Sequence[str], agency: AgencyCode) -> dict[str, int]:
    """As `Records.uploads`."""
    return dict(connection.execute(ACCESS, (json_text(digests), agency)).fetchall())


def balance(connection: sqlite3.Connection) -> Balance:
    """As `Records.balance`; both counts of one snapshot."""
    by_state = {
        State(number): count for number, count in connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
    }
    events = dict(connection.execute("SELECT name, count(*) FROM events GROUP BY name").fetchall())
    return moves.balanced(by_state, events)


def mismatches(connection: sqlite3.Connection, after: int, limit: int) -> Looked | None:
    """As `Records.mismatches`; one snapshot."""
    through, first, end = connection.execute(STRETCH, (after, limit)).fetchone()
    if through is None:
        return None
    states = {delivery_id: State(state) for delivery_id, state in connection.execute(STATES, (first, end))}
    return Looked(through, moves.mismatches(states, connection.execute(TOLD, (after, through, json_text(moves.ACCOUNTED)))))


def _work(row: tuple[Any, ...]) -> Work:
    delivery_id, attempt, recipient, addressed_as, state, sequence, accepted_at, expires_at, octets, body, *rest = row
    postponed, copy, recall, ready_at, replays, number = rest
    header = decode_header(octets)
    return Work(
        delivery_id=delivery_id,
        attempt=attempt,
        postponed=postponed,
        recipient=recipient,
        addressed_as=addressed_as,
        state=State(state),
        sequence=sequence,
        accepted_at=moment_of(accepted_at),
        expires_at=moment_of(expires_at),
        envelope=header.envelope(body or b""),
        order_key=header.lane_key,
        identifiers=header.all_identifiers,
        copy=bool(copy),
        recall=Recall(recall),
        ready_at=maybe_moment(ready_at),
        replays=replays,
        number=number,
        erased=body is None,
    )


def _envelope(connection: sqlite3.Connection, row: Sequence[Any]) -> EnvelopeRecord:
    sequence, accepted_at, expires_at, digest, directory_version, body_bytes, octets, first, count, *rest = row
    body_erased_at, files_erased_at, *place = rest
    header = decode_header(octets)
    return EnvelopeRecord(
        sequence=sequence,
        accepted_at=moment_of(accepted_at),
        expires_at=moment_of(expires_at),
        digest=digest,
        directory_version=directory_version,
        body_bytes=body_bytes,
        envelope=header.envelope(b""),
        order_key=header.lane_key,
        identifiers=header.all_identifiers,
        deliveries=tuple(_delivery(one) for one in connection.execute(DELIVERIES, (first, first + count))),
        place=None if place[0] is None else Place(*place),
        body_erased_at=maybe_moment(body_erased_at),
        files_erased_at=maybe_moment(files_erased_at),
    )


def _delivery(row: tuple[Any, ...]) -> DeliveryRecord:
    delivery_id, recipient, addressed_as, state, attempt, due_at, ended_at, fetched_at, reason, detail, *rest = row
    copy, recall, number = rest
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
        copy=bool(copy),
        recall=Recall(recall),
        number=number,
    )
