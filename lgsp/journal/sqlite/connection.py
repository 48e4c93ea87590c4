"""Connections, transactions and the border where SQLite's errors become ours."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lgsp.errors import JournalUnavailable

# Primary result codes (sqlite.org/rescode.html) that may go away by themselves or by an operator's hand. Others are bugs.
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_RETRY_PAUSE_S = 0.02

# The write-ahead log is copied into the file every so many pages (16 MiB): fewer, longer copies cost less in all.
_WRITER_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -65536",
)
_READER_PRAGMAS = ("PRAGMA query_only = ON", "PRAGMA cache_size = -8192")


def open_writer(path: Path, timeout_s: float) -> sqlite3.Connection:
    """The connection that writes; makes the file, for its owner's eyes only, when there is none."""
    with unavailable_when_down():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        connection = _connect(path, timeout_s)
        _switch_to_wal(connection, time.monotonic() + timeout_s)
        for pragma in _WRITER_PRAGMAS:
            connection.execute(pragma)
    return connection


def open_reader(path: Path, timeout_s: float) -> sqlite3.Connection:
    """A connection that cannot write. Sees what was committed before its transaction began, and hinders no writer."""
    with unavailable_when_down():
        connection = _connect(path, timeout_s)
        for pragma in _READER_PRAGMAS:
            connection.execute(pragma)
    return connection


def insert_into(table: str, columns: Sequence[str], verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


@contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction that holds the write lock from its beginning: committed and on disk, or as if it had not been.

    Raises JournalUnavailable when the lock, the disk or the file cannot be had.
    """
    with unavailable_when_down():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


@contextmanager
def read_transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One snapshot for several queries. Raises JournalUnavailable."""
    with unavailable_when_down():
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")


@contextmanager
def unavailable_when_down() -> Iterator[None]:
    """Turns what may pass (lock, full disk, I/O error) into JournalUnavailable; a wrong statement stays loud."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _PASSING:
            raise
        raise JournalUnavailable(f"{error.sqlite_errorname}: {error}") from error
    except OSError as error:
        raise JournalUnavailable(str(error)) from error


def _connect(path: Path, timeout_s: float) -> sqlite3.Connection:
    # Each connection is used by one thread, but closed by another one.
    return sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False, cached_statements=128)


def _switch_to_wal(connection: sqlite3.Connection, until: float) -> None:
    # SQLite does not wait for the lock here, so a second process that starts at the same moment must ask again.
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_RETRY_PAUSE_S)
