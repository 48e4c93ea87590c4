"""A journal in PostgreSQL, as an audit reads it: everything of one snapshot, hindering nobody.

An audit walks through millions of rows without ever waiting for two things at once, so its streams are plain iterators; here
they turn the loop of their own until the next rows have come.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
import msgspec

from lgsp.journal.audit.rows import (
    Head,
    KeptAccess,
    KeptArchive,
    KeptCheckpoint,
    KeptDelivery,
    KeptEnvelope,
    KeptErasure,
    KeptEvent,
    KeptFileOf,
    KeptOccurrence,
    KeptStamp,
    Names,
    Numbers,
    select,
)
from lgsp.journal.audit.version import check_version
from lgsp.journal.codec import decode_agency, encode_agency
from lgsp.journal.postgres.database import outages_as_unavailable

T = TypeVar("T")
_FETCHED = 1000
_FEW = 16  # of rows that may be large
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@contextmanager
def open_source(dsn: str, timeout_s: float) -> "Iterator[PostgresSource]":
    """Raises JournalUnavailable, JournalMismatch."""
    with asyncio.Runner() as runner, outages_as_unavailable():
        connection = runner.run(_connect(dsn, timeout_s))
        try:
            check_version("postgres", runner.run(connection.fetchval("SELECT max(number) FROM schema_migrations")))
            yield PostgresSource(runner, connection)
        finally:
            connection.terminate()


async def _connect(dsn: str, timeout_s: float) -> Any:
    connection = await asyncpg.connect(dsn, timeout=timeout_s, server_settings={"application_name": "lgsp-audit"})
    await connection.execute(_SNAPSHOT)
    return connection


class PostgresSource:
    """`lgsp.journal.audit.rows.Source`."""

    names = Names(bodies="envelopes", head="counters", directory="counters", numbers="counters")

    def __init__(self, runner: asyncio.Runner, connection: Any) -> None:
        self._runner = runner
        self._connection = connection

    def head(self) -> Head | None:
        row = self._run(self._connection.fetchrow("SELECT log_size, log_frontier, log_origin FROM counters"))
        return None if row is None else Head(*row)

    def directory_version(self) -> int | None:
        version: int | None = self._run(self._connection.fetchval("SELECT directory_version FROM counters"))
        return version

    def numbers(self) -> Numbers | None:
        row = self._run(self._connection.fetchrow("SELECT last_sequence, last_delivery_id FROM counters"))
        return None if row is None else Numbers(*row)

    def count(self, table: str) -> int:
        number: int = self._run(self._connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a name of ours
        return number

    def leaves(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        return self._rows("SELECT leaf_index, leaf FROM log_leaves WHERE leaf_index >= $1 ORDER BY leaf_index", first)

    def hashes(self) -> Iterator[tuple[int, int, bytes]]:
        return self._rows("SELECT level, hash_index, hash FROM log_hashes ORDER BY level, hash_index")

    def checkpoints(self) -> Iterator[KeptCheckpoint]:
        return map(KeptCheckpoint._make, self._rows(select(KeptCheckpoint, "log_checkpoints", "size")))

    def stamps(self) -> Iterator[KeptStamp]:
        return map(KeptStamp._make, self._rows(select(KeptStamp, "log_stamps", "size, authority")))

    def envelopes(self) -> Iterator[KeptEnvelope]:
        statement = select(KeptEnvelope, "envelopes", "sequence")
        return map(KeptEnvelope._make, self._rows(statement, fetched=_FEW))

    def strays(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def deliveries(self) -> Iterator[KeptDelivery]:
        statement = select(KeptDelivery, "deliveries", "delivery_id")
        return map(KeptDelivery._make, self._rows(statement))

    def events(self) -> Iterator[KeptEvent]:
        return map(KeptEvent._make, self._rows(select(KeptEvent, "events", "event_id")))

    def events_by_sequence(self) -> Iterator[KeptEvent]:
        statement = select(KeptEvent, "events", "sequence, event_id")
        return map(KeptEvent._make, self._rows(statement))

    def occurrences(self) -> Iterator[KeptOccurrence]:
        statement = select(KeptOccurrence, "occurrences", "occurrence_id")
        return map(KeptOccurrence._make, self._rows(statement))

    def examinations(self) -> Iterator[tuple[int, bytes]]:
        return self._rows("SELECT sequence, document FROM examinations ORDER BY sequence")

    def evidence(self) -> Iterator[tuple[str, str, bytes]]:
        return self._rows('SELECT digest, what, octets FROM evidence ORDER BY digest COLLATE "C"', fetched=_FEW)

    def identifiers(self) -> Iterator[tuple[str, int]]:
        return self._rows('SELECT key, sequence FROM identifiers ORDER BY key COLLATE "C", sequence')

    def file_access(self) -> Iterator[KeptAccess]:
        statement = select(KeptAccess, "file_access", 'digest COLLATE "C", agency COLLATE "C"')
        return map(KeptAccess._make, self._rows(statement))

    def attached(self) -> Iterator[KeptFileOf]:
        return map(KeptFileOf._make, self._rows(select(KeptFileOf, "attached", 'digest COLLATE "C", sequence')))

    def erased_files(self) -> Iterator[tuple[str]]:
        return self._rows('SELECT digest FROM erased_files ORDER BY digest COLLATE "C"')

    def keeping(self) -> Iterator[KeptErasure]:
        return map(KeptErasure._make, self._rows(select(KeptErasure, "keeping", "sequence")))

    def archives(self) -> Iterator[KeptArchive]:
        return map(KeptArchive._make, self._rows(select(KeptArchive, "archives", "number")))

    def pairs(self) -> Iterator[tuple[str, str, int]]:
        return self._rows("SELECT sender, recipient, last_number FROM pairs ORDER BY sender, recipient")

    def agencies(self) -> Iterator[tuple[str, bytes]]:
        """As they were written: the column does not keep octets (jsonb)."""
        return ((code, _as_written(document)) for code, document in self._rows("SELECT code, document FROM agencies"))

    def credentials(self) -> Iterator[tuple[str, str, str, bool]]:
        return self._rows("SELECT client_id, agency, secret_hash, disabled FROM credentials ORDER BY client_id")

    def certificates(self) -> Iterator[tuple[str, str]]:
        return self._rows("SELECT fingerprint, agency FROM certificates ORDER BY fingerprint")

    def replays(self) -> Iterator[tuple[int, str, bytes]]:
        return self._rows("SELECT replay_id, state, document FROM replays ORDER BY replay_id")

    def holds(self) -> Iterator[tuple[str, int]]:
        return self._rows("SELECT recipient, cause FROM holds ORDER BY recipient")

    def _rows(self, statement: str, *values: object, fetched: int = _FETCHED) -> Iterator[Any]:
        cursor = self._run(self._cursor(statement, values))
        while rows := self._run(cursor.fetch(fetched)):
            yield from map(tuple, rows)

    async def _cursor(self, statement: str, values: tuple[object, ...]) -> Any:
        return await self._connection.cursor(statement, *values)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)


def _as_written(document: str) -> bytes:
    try:
        return encode_agency(decode_agency(document))
    except msgspec.MsgspecError:
        return document.encode()
