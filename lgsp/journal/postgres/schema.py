"""Brings the database to this program's schema. Any number of processes may start at once: the first one migrates."""

import asyncpg

from lgsp.journal.migrate import Applied, Migration, migrations, pending
from lgsp.journal.postgres.database import BEGIN_WRITE, Connection, outages_as_unavailable, session_settings

_TABLE = """
CREATE TABLE schema_migrations (
    number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)"""


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
            while await _run_next(connection, known):
                pass
        finally:
            connection.terminate()  # nothing is open on it, and a server that went away must not hold us


async def _run_next(connection: Connection, known: list[Migration]) -> bool:
    await connection.execute(BEGIN_WRITE)
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


async def _applied(connection: Connection) -> list[Applied]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NULL"):
        await connection.execute(_TABLE)
    return [Applied(*row) for row in await connection.fetch("SELECT number, name, sha256 FROM schema_migrations")]
