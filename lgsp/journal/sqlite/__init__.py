"""The journal as one file: `SqliteStore`. The other modules are its transactions, functions of a connection."""

from lgsp.journal.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
