"""Erasing and archiving. What writes is called inside `Database.writing`."""

from collections.abc import Sequence
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
from lgsp.journal.postgres import files, log, records
from lgsp.journal.postgres.database import Connection
from lgsp.ports import Archive, Erased, Erasure, Keepsake

_KEPT = """
SELECT e.sequence, e.sender, e.message_id, e.kind, e.accepted_at, e.body_bytes, a.number, k.body_erased_at, k.files_erased_at
FROM envelopes e LEFT JOIN keeping k ON k.sequence = e.sequence
LEFT JOIN archives a ON a.number = k.archive AND a.sha256 IS NOT NULL"""
NEXT = f"{_KEPT} WHERE e.sequence > $1 ORDER BY e.sequence LIMIT $2"
THESE = f"{_KEPT} WHERE e.sequence = ANY ($1::bigint[]) ORDER BY e.sequence"
ONE = f"{_KEPT} WHERE e.sender = $1 AND e.message_id = $2"
ENDS = """
SELECT d.sequence, d.recipient, d.ended_at, d.state + 0 = 12 AND d.resolved_at IS NULL AND d.expires_at + 0 > $1
FROM unnest($2::bigint[]) AS asked (sequence) JOIN envelopes e ON e.sequence = asked.sequence
JOIN deliveries d ON d.delivery_id >= e.first_delivery_id AND d.delivery_id < e.first_delivery_id + e.delivery_count"""
FILES = """
SELECT sequence, digest, size_bytes FROM attached WHERE sequence = ANY ($1::bigint[]) ORDER BY sequence, digest"""
ARCHIVES = "SELECT number, folder, envelopes, begun_at, previous, sha256, done_at FROM archives ORDER BY number DESC LIMIT $1"
RESERVED = "SELECT sequence FROM keeping WHERE archive = $1 ORDER BY sequence"
OCTETS = """
SELECT e.sender, e.message_id, e.header, e.salt, e.leaf_index, e.body, x.document
FROM envelopes e LEFT JOIN examinations x ON x.sequence = e.sequence WHERE e.sequence = $1"""
LEAVES = "SELECT leaf_index, leaf FROM log_leaves WHERE leaf_index = ANY ($1::bigint[])"

MARK_BODIES = """
INSERT INTO keeping (sequence, body_erased_at) SELECT sequence, $2 FROM unnest($1::bigint[]) AS s (sequence)
ON CONFLICT (sequence) DO UPDATE SET body_erased_at = $2"""
MARK_FILES = """
INSERT INTO keeping (sequence, files_erased_at) SELECT sequence, $2 FROM unnest($1::bigint[]) AS s (sequence)
ON CONFLICT (sequence) DO UPDATE SET files_erased_at = $2"""
DROP_BODIES = "UPDATE envelopes SET body = NULL WHERE sequence = ANY ($1::bigint[])"
DROP_DETAILS = """
UPDATE deliveries d SET detail = '' FROM unnest($1::bigint[]) AS s (sequence) JOIN envelopes e ON e.sequence = s.sequence
WHERE d.delivery_id >= e.first_delivery_id AND d.delivery_id < e.first_delivery_id + e.delivery_count AND d.detail <> ''"""
DROP_WORDS = """
UPDATE events SET detail = '', salt = NULL
WHERE sequence = ANY ($1::bigint[]) AND detail <> '' AND name <> ALL ($2::text[])"""
RESERVE = """
INSERT INTO keeping (sequence, archive) SELECT sequence, $2 FROM unnest($1::bigint[]) AS s (sequence)
ON CONFLICT (sequence) DO UPDATE SET archive = $2 WHERE keeping.archive IS NULL"""
BEGIN_ARCHIVE = "INSERT INTO archives (number, folder, envelopes, begun_at, previous) VALUES ($1, $2, $3, $4, $5)"
END_ARCHIVE = "UPDATE archives SET sha256 = $2, done_at = $3 WHERE number = $1 AND sha256 IS NULL"


async def kept(connection: Connection, after: int, limit: int, now_us: int) -> list[Kept]:
    """As `Keeping.kept`."""
    return await _with_ends(connection, await connection.fetch(NEXT, after, limit), now_us)


async def kept_one(connection: Connection, sender: AgencyCode, message_id: str, now_us: int) -> Kept | None:
    """As `Keeping.kept_of`."""
    found = await _with_ends(connection, await connection.fetch(ONE, sender, message_id), now_us)
    return found[0] if found else None


async def erase(connection: Connection, batch: Sequence[Erasure], now_us: int) -> list[Erased]:
    """As `Keeping.erase`."""
    rows = await connection.fetch(THESE, [one.sequence for one in batch])
    made = plans(await _with_ends(connection, rows, now_us), batch, now_us)
    bodies = [one.kept.sequence for one in made if one.kept is not None and one.body]
    if bodies:
        await connection.execute(DROP_BODIES, bodies)
        await connection.execute(DROP_DETAILS, bodies)
        await connection.execute(DROP_WORDS, bodies, OWN_WORDS)
        await connection.execute(MARK_BODIES, bodies, now_us)
    with_files = [one.kept.sequence for one in made if one.kept is not None and one.files]
    if with_files:
        await connection.execute(MARK_FILES, with_files, now_us)
    await log.tell(connection, [event for one in made for event in one.events])
    await log.act(connection, request_actions(batch, made, now_us))
    return [await _with_files(connection, one, now_us) for one in made]


async def begin_archive(connection: Connection, sequences: Sequence[int], folder: str, now_us: int) -> Archive:
    """As `Keeping.begin_archive`."""
    last = await archives(connection, 1)
    if last and last[0].sha256 is None:
        raise ArchiveUnderWay(last[0].number, last[0].folder)
    number, previous = (last[0].number + 1, last[0].sha256) if last else (1, None)
    status = await connection.execute(RESERVE, sequences, number)
    await connection.execute(BEGIN_ARCHIVE, number, folder, int(status.rpartition(" ")[2]), now_us, previous)
    return (await archives(connection, 1))[0]


async def archive_under_way(connection: Connection) -> tuple[Archive, list[int]] | None:
    """As `Keeping.archive_under_way`."""
    last = await archives(connection, 1)
    if not last or last[0].sha256 is not None:
        return None
    return last[0], [sequence for (sequence,) in await connection.fetch(RESERVED, last[0].number)]


async def end_archive(connection: Connection, number: int, sha256: str, now_us: int) -> Archive:
    """As `Keeping.end_archive`."""
    if await connection.execute(END_ARCHIVE, number, sha256, now_us) == "UPDATE 1":
        await log.act(connection, [archive_action(number, sha256, now_us)])
    return next(one for one in await archives(connection, 1) if one.number == number)


async def archives(connection: Connection, limit: int) -> list[Archive]:
    """As `Keeping.archives`."""
    return [archive_of(*row) for row in await connection.fetch(ARCHIVES, limit)]


async def keepsake(connection: Connection, sequence: int) -> Keepsake | None:
    """As `Keeping.keepsake`, within a snapshot."""
    row = await connection.fetchrow(OCTETS, sequence)
    if row is None:
        return None
    sender, message_id, header, salt, leaf_index, body, examination = row
    record = await records.envelope(connection, sender, message_id)
    events = tuple(await records.timeline(connection, (sequence,)))
    indices = {leaf_index, *(one.leaf_index for one in events)} - {None}
    leaves = dict(await connection.fetch(LEAVES, sorted(indices)))
    return (
        None
        if record is None
        else Keepsake(record=record, header=header, salt=salt, body=body, examination=examination, events=events, leaves=leaves)
    )


async def _with_ends(connection: Connection, rows: Sequence[Any], now_us: int) -> list[Kept]:
    asked = [row["sequence"] for row in rows]
    ends = (EndRow(*row) for row in await connection.fetch(ENDS, now_us, asked))
    attached = (FileRow(*row) for row in await connection.fetch(FILES, asked))
    return kept_of([KeptRow(*row) for row in rows], ends, attached)


async def _with_files(connection: Connection, one: Plan, now_us: int) -> Erased:
    """The answer, once files to which nothing refers now are closed."""
    if one.kept is None or not one.files:
        return one.answer
    return replace(one.answer, files=await files.close(connection, [file.digest for file in one.kept.files], now_us))
