"""Brings the database to this program's schema. Any number of processes may start at once: the first one migrates."""

import asyncpg

from lgsp.journal.migrate import Applied, Migration, migrations, pending
from lgsp.journal.postgres.database import BEGIN_WRITE, Connection, outages_as_unavailable, session_settings

_TABLE = """
CREATE TABLE schema_migrations (
    number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)"""

# Not to_regclass: its "no" is remembered, also while another process makes the table and this one waits for the lock.
_EXISTS = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'schema_migrations' AND pg_table_is_visible(oid))"


async def migrate(dsn: str, *, timeout_s: float) -> None:
    """Runs what is missing, each step with its record in one transaction, which may take its time; waiting for another
    process that migrates is bounded.

    Raises JournalUnavailable, or JournalMismatch when the schema is newer than this program or was changed by hand.
    """
    known = migrations("postgres")
    with outages_as_unavailable():
        settings = session_settings(timeout_s) | {"statement_timeout": "0", "lock_timeout": str(round(timeout_s * 1000))}
        connection = await asyncpg.connect(dsn, timeout=timeout_s, server_settings=settings)
        try:
            # Looked at without the write lock: a process that stands still may hold it, and others must be able to start.
            current = await _exists(connection) and not pending(known, await _applied(connection))
            while not current:
                current = not await _run_next(connection, known)
        finally:
            connection.terminate()  # nothing is open on it, and a server that went away must not hold us


async def _run_next(connection: Connection, known: list[Migration]) -> bool:
    await connection.execute(BEGIN_WRITE)
    if not await _exists(connection):
        await connection.execute(_TABLE)
    steps = pending(known, await _applied(connection))
    if steps:
        await connection.execute(steps[0].sql)
        await connection.execute(
            "INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3)",
            steps[0].number,
            steps[0].name,
            steps[0].sha256,
        )
    await connection.execute("COMMIT")
    return len(steps) > 1


async def _exists(connection: Connection) -> bool:
    return bool(await connection.fetchval(_EXISTS))


async def _applied(connection: Connection) -> list[Applied]:
    return [Applied(*row) for row in await connection.fetch("SELECT number, name, sha256 FROM schema_migrations")]
