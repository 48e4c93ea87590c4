"""The journal in PostgreSQL 14 or later, by asyncpg: one store for any number of processes."""

from lgsp.journal.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
