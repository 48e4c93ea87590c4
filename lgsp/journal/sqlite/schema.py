"""Brings a file's schema up to this program's."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from lgsp.journal.codec import micros
from lgsp.journal.migrate import Applied, Migration, pending
from lgsp.journal.sqlite.connection import write_transaction

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL
) STRICT"""


def migrate(connection: sqlite3.Connection, known: Sequence[Migration]) -> None:
    """Runs what is pending, each step in a transaction of its own. Raises JournalMismatch or JournalUnavailable.

    What is pending is asked under the write lock: of two processes that start at once, one runs a step, the other sees it done.
    """
    while _run_first_pending(connection, known):
        pass


def _run_first_pending(connection: sqlite3.Connection, known: Sequence[Migration]) -> bool:
    with write_transaction(connection):
        connection.execute(_TABLE)
        applied = [
            Applied(*row) for row in connection.execute("SELECT number, name, sha256 FROM schema_migrations ORDER BY number")
        ]
        for step in pending(known, applied):
            for statement in statements(step.sql):
                connection.execute(statement)
            row = (step.number, step.name, step.sha256, micros(datetime.now(UTC)))
            connection.execute("INSERT INTO schema_migrations VALUES (?, ?, ?, ?)", row)
            return True
    return False


def statements(sql: str) -> Iterator[str]:
    """The statements one by one; each begins on a line of its own. (`executescript` would commit what is under way.)"""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
