"""Which envelopes refer to a file, and files to which none does any more. What writes is called inside a transaction that holds
the write lock."""

import sqlite3
from collections.abc import Collection, Sequence

from contracts.agency import AgencyCode
from lgsp.errors import JournalUnavailable
from lgsp.journal.codec import span_us
from lgsp.journal.keeping import BEING_DELETED, FileRow, Stage

REFERRED = """
SELECT 1 FROM attached a LEFT JOIN keeping k USING (sequence) WHERE a.digest = ? AND k.files_erased_at IS NULL LIMIT 1"""
TO_DELETE = """
SELECT digest FROM erased_files WHERE stage < 2 AND (stage = 1 OR at <= ?) ORDER BY stage DESC, at LIMIT ?"""
ERASED = "SELECT 1 FROM file_access WHERE digest = ? AND agency = ? AND erased_at IS NOT NULL"
STAGE = "SELECT stage FROM erased_files WHERE digest = ?"

_ATTACH = "INSERT OR IGNORE INTO attached (sequence, digest, size_bytes) VALUES (?, ?, ?)"
_CLOSE = "INSERT INTO erased_files (digest, stage, at) VALUES (?1, 0, ?2) ON CONFLICT DO UPDATE SET stage = 0, at = ?2"
_TAKE = "UPDATE erased_files SET stage = 1, at = ? WHERE digest = ? AND stage = 0"
_DONE = "UPDATE erased_files SET stage = 2, at = ?1 WHERE digest = ?2 AND stage = 1 AND at <= ?3"
_SHUT = "UPDATE file_access SET erased_at = ? WHERE digest = ? AND erased_at IS NULL"
_OPEN = "DELETE FROM erased_files WHERE digest = ?"


def attach(connection: sqlite3.Connection, rows: Collection[FileRow]) -> None:
    """Envelopes refer to these files, which are open again if they were closed."""
    connection.executemany(_ATTACH, rows)
    for digest in {row.digest for row in rows}:
        open_anew(connection, digest)


def open_anew(connection: sqlite3.Connection, digest: str) -> None:
    """Somebody brings or attaches a file that was closed: it stays, for those who bring or get it now. Raises JournalUnavailable
    while it is being deleted."""
    row = connection.execute(STAGE, (digest,)).fetchone()
    if row is not None and row[0] == Stage.DELETING:
        raise JournalUnavailable(BEING_DELETED)
    if row is not None:
        connection.execute(_OPEN, (digest,))


def close(connection: sqlite3.Connection, digests: Sequence[str], now_us: int) -> int:
    """Those to which no envelope refers any more: from now on they are open to nobody. How many."""
    free = [digest for digest in digests if connection.execute(REFERRED, (digest,)).fetchone() is None]
    connection.executemany(_SHUT, [(now_us, digest) for digest in free])
    connection.executemany(_CLOSE, [(digest, now_us) for digest in free])
    return len(free)


def to_delete(connection: sqlite3.Connection, now_us: int, grace_s: float, limit: int) -> list[str]:
    """As `Keeping.files_to_delete`."""
    digests = [digest for (digest,) in connection.execute(TO_DELETE, (now_us - span_us(grace_s), limit))]
    connection.executemany(_TAKE, [(now_us, digest) for digest in digests])
    return digests


def deleted(connection: sqlite3.Connection, digests: Sequence[str], now_us: int, grace_s: float) -> int:
    """As `Keeping.files_deleted`."""
    before_us = now_us - span_us(grace_s)
    return connection.executemany(_DONE, [(now_us, digest, before_us) for digest in digests]).rowcount if digests else 0


def erased(connection: sqlite3.Connection, digest: str, agency: AgencyCode) -> bool:
    """As `Keeping.file_erased`."""
    return connection.execute(ERASED, (digest, agency)).fetchone() is not None
