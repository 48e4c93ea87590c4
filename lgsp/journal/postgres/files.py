"""Which envelopes refer to a file, and files to which none does any more. What writes is called inside `Database.writing`."""

from collections.abc import Sequence

from contracts.agency import AgencyCode
from lgsp.errors import JournalUnavailable
from lgsp.journal.codec import span_us
from lgsp.journal.keeping import BEING_DELETED, FileRow
from lgsp.journal.postgres.database import Connection

ATTACH = """
INSERT INTO attached (sequence, digest, size_bytes) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
ON CONFLICT DO NOTHING"""
BEING = "SELECT digest FROM erased_files WHERE digest = ANY ($1::text[]) AND stage = 1"
OPEN = "DELETE FROM erased_files WHERE digest = ANY ($1::text[])"
FREE = """
SELECT f.digest FROM unnest($1::text[]) AS f (digest) WHERE NOT EXISTS (
    SELECT 1 FROM attached a LEFT JOIN keeping k ON k.sequence = a.sequence
    WHERE a.digest = f.digest AND k.files_erased_at IS NULL)"""
SHUT = "UPDATE file_access SET erased_at = $2 WHERE digest = ANY ($1::text[]) AND erased_at IS NULL"
CLOSE = """
INSERT INTO erased_files (digest, stage, at) SELECT digest, 0, $2 FROM unnest($1::text[]) AS f (digest)
ON CONFLICT (digest) DO UPDATE SET stage = 0, at = $2"""
TO_DELETE = """
SELECT digest FROM erased_files WHERE stage < 2 AND (stage = 1 OR at <= $1) ORDER BY stage DESC, at LIMIT $2"""
TAKE = "UPDATE erased_files SET stage = 1, at = $2 WHERE digest = ANY ($1::text[]) AND stage = 0"
DONE = "UPDATE erased_files SET stage = 2, at = $2 WHERE digest = ANY ($1::text[]) AND stage = 1 AND at <= $3"
ERASED = "SELECT 1 FROM file_access WHERE digest = $1 AND agency = $2 AND erased_at IS NOT NULL"


async def attach(connection: Connection, rows: Sequence[FileRow]) -> None:
    """Envelopes refer to these files, which are open again if they were closed."""
    sequences, digests, sizes = zip(*rows, strict=True)
    await connection.execute(ATTACH, sequences, digests, sizes)
    await open_anew(connection, digests)


async def open_anew(connection: Connection, digests: Sequence[str]) -> None:
    """Somebody brings or attaches files that were closed: they stay, for those who bring or get them now. Raises
    JournalUnavailable while one is being deleted."""
    if await connection.fetch(BEING, digests):
        raise JournalUnavailable(BEING_DELETED)
    await connection.execute(OPEN, digests)


async def close(connection: Connection, digests: Sequence[str], now_us: int) -> int:
    """Those to which no envelope refers any more: from now on they are open to nobody. How many."""
    free = [digest for (digest,) in await connection.fetch(FREE, digests)]
    await connection.execute(SHUT, free, now_us)
    await connection.execute(CLOSE, free, now_us)
    return len(free)


async def to_delete(connection: Connection, now_us: int, grace_s: float, limit: int) -> list[str]:
    """As `Keeping.files_to_delete`."""
    digests = [digest for (digest,) in await connection.fetch(TO_DELETE, now_us - span_us(grace_s), limit)]
    await connection.execute(TAKE, digests, now_us)
    return digests


async def deleted(connection: Connection, digests: Sequence[str], now_us: int, grace_s: float) -> int:
    """As `Keeping.files_deleted`."""
    status = await connection.execute(DONE, digests, now_us, now_us - span_us(grace_s))
    return int(status.rpartition(" ")[2])


async def erased(connection: Connection, digest: str, agency: AgencyCode) -> bool:
    """As `Keeping.file_erased`."""
    return await connection.fetchrow(ERASED, digest, agency) is not None
