"""Erasing and archiving. What writes is called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from contracts.agency import AgencyCode
from lgsp.core.retention import Kept
from lgsp.errors import ArchiveUnderWay
from lgsp.journal.keeping import (
    OWN_WORDS,
    EndRow,
    FileRow,
    KeptRow,
    Plan,
    archive_action,
    archive_of,
    kept_of,
    plans,
    request_actions,
)
from lgsp.journal.sqlite import files, log, reading
from lgsp.journal.sqlite.accepting import json_text
from lgsp.ports import Archive, Erased, Erasure, Keepsake

NEXT = """
SELECT e.sequence, e.sender, e.message_id, e.kind, e.accepted_at, e.body_bytes, a.number, k.body_erased_at, k.files_erased_at
FROM envelopes e LEFT JOIN keeping k USING (sequence) LEFT JOIN archives a ON a.number = k.archive AND a.sha256 IS NOT NULL
WHERE e.sequence > ? ORDER BY e.sequence LIMIT ?"""
THESE = """
SELECT e.sequence, e.sender, e.message_id, e.kind, e.accepted_at, e.body_bytes, a.number, k.body_erased_at, k.files_erased_at
FROM envelopes e LEFT JOIN keeping k USING (sequence) LEFT JOIN archives a ON a.number = k.archive AND a.sha256 IS NOT NULL
WHERE e.sequence IN (SELECT value FROM json_each(?)) ORDER BY e.sequence"""
SEQUENCE = "SELECT sequence FROM envelopes WHERE sender = ? AND message_id = ?"
ENDS = """
SELECT d.sequence, d.recipient, d.ended_at, d.state = 12 AND d.resolved_at IS NULL AND d.expires_at > ?
FROM json_each(?) AS asked CROSS JOIN envelopes e ON e.sequence = asked.value
CROSS JOIN deliveries d ON d.delivery_id >= e.first_delivery_id AND d.delivery_id < e.first_delivery_id + e.delivery_count"""
FILES = """
SELECT sequence, digest, size_bytes FROM attached WHERE sequence IN (SELECT value FROM json_each(?)) ORDER BY sequence, digest"""
ARCHIVES = "SELECT number, folder, envelopes, begun_at, previous, sha256, done_at FROM archives ORDER BY number DESC LIMIT ?"
RESERVED = "SELECT sequence FROM keeping WHERE archive = ? ORDER BY sequence"
OCTETS = """
SELECT e.sender, e.message_id, e.header, e.salt, e.leaf_index, b.body, x.document
FROM envelopes e LEFT JOIN bodies b USING (sequence) LEFT JOIN examinations x USING (sequence) WHERE e.sequence = ?"""
LEAVES = "SELECT leaf_index, leaf FROM log_leaves WHERE leaf_index IN (SELECT value FROM json_each(?))"

_MARK_BODY = """
INSERT INTO keeping (sequence, body_erased_at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET body_erased_at = ?2"""
_MARK_FILES = """
INSERT INTO keeping (sequence, files_erased_at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET files_erased_at = ?2"""
_DROP_BODY = "DELETE FROM bodies WHERE sequence = ?"
_DROP_DETAILS = """
UPDATE deliveries SET detail = '' WHERE detail <> '' AND delivery_id IN (
    SELECT d.delivery_id FROM envelopes e JOIN deliveries d
    ON d.delivery_id >= e.first_delivery_id AND d.delivery_id < e.first_delivery_id + e.delivery_count WHERE e.sequence = ?)"""
_DROP_WORDS = """
UPDATE events SET detail = '', salt = NULL
WHERE sequence = ? AND detail <> '' AND name NOT IN (SELECT value FROM json_each(?))"""
_INSERT_ARCHIVE = "INSERT INTO archives (number, folder, envelopes, begun_at, previous) VALUES (?, ?, ?, ?, ?)"
_RESERVE = """
INSERT INTO keeping (sequence, archive) VALUES (?1, ?2)
ON CONFLICT DO UPDATE SET archive = ?2 WHERE archive IS NULL"""
_END_ARCHIVE = "UPDATE archives SET sha256 = ?, done_at = ? WHERE number = ? AND sha256 IS NULL"


def kept(connection: sqlite3.Connection, after: int, limit: int, now_us: int) -> list[Kept]:
    """As `Keeping.kept`."""
    return _with_ends(connection, connection.execute(NEXT, (after, limit)).fetchall(), now_us)


def kept_one(connection: sqlite3.Connection, sender: AgencyCode, message_id: str, now_us: int) -> Kept | None:
    """As `Keeping.kept_of`."""
    row = connection.execute(SEQUENCE, (sender, message_id)).fetchone()
    return None if row is None else _these(connection, row, now_us)[0]


def erase(connection: sqlite3.Connection, batch: Sequence[Erasure], now_us: int) -> list[Erased]:
    """As `Keeping.erase`."""
    made = plans(_these(connection, [one.sequence for one in batch], now_us), batch, now_us)
    with _overwriting(connection):
        for one in made:
            if one.kept is not None and one.body:
                _erase_body(connection, one.kept.sequence, now_us)
            if one.kept is not None and one.files:
                connection.execute(_MARK_FILES, (one.kept.sequence, now_us))
    log.tell(connection, [event for one in made for event in one.events])
    log.act(connection, request_actions(batch, made, now_us))
    return [replace(one.answer, files=files.close(connection, _digests(one), now_us)) for one in made]


def begin_archive(connection: sqlite3.Connection, sequences: Sequence[int], folder: str, now_us: int) -> Archive:
    """As `Keeping.begin_archive`."""
    last = archives(connection, 1)
    if last and last[0].sha256 is None:
        raise ArchiveUnderWay(last[0].number, last[0].folder)
    number, previous = (last[0].number + 1, last[0].sha256) if last else (1, None)
    reserved = connection.executemany(_RESERVE, [(sequence, number) for sequence in sequences]).rowcount
    connection.execute(_INSERT_ARCHIVE, (number, folder, reserved, now_us, previous))
    return archives(connection, 1)[0]


def archive_under_way(connection: sqlite3.Connection) -> tuple[Archive, list[int]] | None:
    """As `Keeping.archive_under_way`."""
    last = archives(connection, 1)
    if not last or last[0].sha256 is not None:
        return None
    return last[0], [sequence for (sequence,) in connection.execute(RESERVED, (last[0].number,))]


def end_archive(connection: sqlite3.Connection, number: int, sha256: str, now_us: int) -> Archive:
    """As `Keeping.end_archive`."""
    if connection.execute(_END_ARCHIVE, (sha256, now_us, number)).rowcount:
        log.act(connection, [archive_action(number, sha256, now_us)])
    return next(one for one in archives(connection, 1) if one.number == number)


def archives(connection: sqlite3.Connection, limit: int) -> list[Archive]:
    """As `Keeping.archives`."""
    return [archive_of(*row) for row in connection.execute(ARCHIVES, (limit,))]


def keepsake(connection: sqlite3.Connection, sequence: int) -> Keepsake | None:
    """As `Keeping.keepsake`."""
    row = connection.execute(OCTETS, (sequence,)).fetchone()
    if row is None:
        return None
    sender, message_id, header, salt, leaf_index, body, examination = row
    record = reading.envelope(connection, sender, message_id)
    events = tuple(reading.timeline(connection, (sequence,)))
    indices = {leaf_index, *(one.leaf_index for one in events)} - {None}
    found = dict(connection.execute(LEAVES, (json_text(sorted(indices)),)).fetchall())
    return (
        None
        if record is None
        else Keepsake(record=record, header=header, salt=salt, body=body, examination=examination, events=events, leaves=found)
    )


def _these(connection: sqlite3.Connection, sequences: Sequence[int], now_us: int) -> list[Kept]:
    return _with_ends(connection, connection.execute(THESE, (json_text(sequences),)).fetchall(), now_us)


def _with_ends(connection: sqlite3.Connection, rows: Sequence[Any], now_us: int) -> list[Kept]:
    asked = json_text(row[0] for row in rows)
    ends = (EndRow(*row) for row in connection.execute(ENDS, (now_us, asked)))
    attached = (FileRow(*row) for row in connection.execute(FILES, (asked,)))
    return kept_of([KeptRow(*row) for row in rows], ends, attached)


@contextmanager
def _overwriting(connection: sqlite3.Connection) -> Iterator[None]:
    """What is deleted is overwritten with zeros in the file, also on pages that become free. Costs writing, so only here."""
    connection.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA secure_delete = OFF")


def _erase_body(connection: sqlite3.Connection, sequence: int, now_us: int) -> None:
    connection.execute(_DROP_BODY, (sequence,))
    connection.execute(_DROP_DETAILS, (sequence,))
    connection.execute(_DROP_WORDS, (sequence, json_text(OWN_WORDS)))
    connection.execute(_MARK_BODY, (sequence, now_us))


def _digests(one: Plan) -> list[str]:
    return [file.digest for file in one.kept.files] if one.kept is not None and one.files else []
