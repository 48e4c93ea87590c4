"""A journal in a file, as an audit reads it: everything of one snapshot, hindering nobody."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from lgsp.errors import JournalUnavailable
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
from lgsp.journal.sqlite.connection import open_reader, read_transaction

ENVELOPES = """
SELECT e.sequence, e.sender, e.message_id, e.digest, e.kind, e.priority, e.order_key, e.body_bytes, e.header, e.accepted_at,
    e.expires_at, e.directory_version, e.first_delivery_id, e.delivery_count, e.salt, e.leaf_index, e.tree_size, b.body
FROM envelopes e LEFT JOIN bodies b ON b.sequence = e.sequence ORDER BY e.sequence"""
DELIVERIES = select(KeptDelivery, "deliveries", "delivery_id")
EVENTS = select(KeptEvent, "events", "event_id")
BY_SEQUENCE = select(KeptEvent, "events", "sequence, event_id")
OCCURRENCES = select(KeptOccurrence, "occurrences", "occurrence_id")
STRAYS = "SELECT sequence FROM bodies WHERE sequence NOT IN (SELECT sequence FROM envelopes) ORDER BY sequence"


@contextmanager
def open_source(path: Path, timeout_s: float) -> "Iterator[SqliteSource]":
    """Raises JournalUnavailable, JournalMismatch."""
    if not path.is_file():
        raise JournalUnavailable(f"{path}: there is no such file")
    try:
        with closing(open_reader(path, timeout_s)) as connection:
            # What is not UTF-8 must be read, too: somebody may have put it there.
            connection.text_factory = lambda octets: octets.decode(errors="surrogateescape")
            with read_transaction(connection):
                check_version("sqlite", connection.execute("SELECT max(number) FROM schema_migrations").fetchone()[0])
                yield SqliteSource(connection)
    except sqlite3.DatabaseError as error:  # the file itself is damaged
        raise JournalUnavailable(f"{path}: {error}") from error


class SqliteSource:
    """`lgsp.journal.audit.rows.Source`."""

    names = Names(bodies="bodies", head="log_head", directory="directory", numbers="")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def head(self) -> Head | None:
        row = self._connection.execute("SELECT size, frontier, origin FROM log_head").fetchone()
        return None if row is None else Head(*row)

    def directory_version(self) -> int | None:
        row = self._connection.execute("SELECT version FROM directory").fetchone()
        return None if row is None else row[0]

    def numbers(self) -> Numbers | None:
        return None

    def count(self, table: str) -> int:
        number: int = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - a name of ours
        return number

    def leaves(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        return self._rows("SELECT leaf_index, leaf FROM log_leaves WHERE leaf_index >= ? ORDER BY leaf_index", first)

    def hashes(self) -> Iterator[tuple[int, int, bytes]]:
        return self._rows("SELECT level, hash_index, hash FROM log_hashes ORDER BY level, hash_index")

    def checkpoints(self) -> Iterator[KeptCheckpoint]:
        return map(KeptCheckpoint._make, self._rows(select(KeptCheckpoint, "log_checkpoints", "size")))

    def stamps(self) -> Iterator[KeptStamp]:
        return map(KeptStamp._make, self._rows(select(KeptStamp, "log_stamps", "size, authority")))

    def envelopes(self) -> Iterator[KeptEnvelope]:
        return map(KeptEnvelope._make, self._rows(ENVELOPES))

    def strays(self) -> Iterator[tuple[str, str]]:
        return (("bodies", f"sequence {sequence}") for (sequence,) in self._rows(STRAYS))

    def deliveries(self) -> Iterator[KeptDelivery]:
        return map(KeptDelivery._make, self._rows(DELIVERIES))

    def events(self) -> Iterator[KeptEvent]:
        return map(KeptEvent._make, self._rows(EVENTS))

    def events_by_sequence(self) -> Iterator[KeptEvent]:
        return map(KeptEvent._make, self._rows(BY_SEQUENCE))

    def occurrences(self) -> Iterator[KeptOccurrence]:
        return map(KeptOccurrence._make, self._rows(OCCURRENCES))

    def examinations(self) -> Iterator[tuple[int, bytes]]:
        return self._rows("SELECT sequence, document FROM examinations ORDER BY sequence")

    def evidence(self) -> Iterator[tuple[str, str, bytes]]:
        return self._rows("SELECT digest, what, octets FROM evidence ORDER BY digest")

    def identifiers(self) -> Iterator[tuple[str, int]]:
        return self._rows("SELECT key, sequence FROM identifiers ORDER BY key, sequence")

    def file_access(self) -> Iterator[KeptAccess]:
        return map(KeptAccess._make, self._rows(select(KeptAccess, "file_access", "digest, agency")))

    def attached(self) -> Iterator[KeptFileOf]:
        return map(KeptFileOf._make, self._rows(select(KeptFileOf, "attached", "digest, sequence")))

    def erased_files(self) -> Iterator[tuple[str]]:
        return self._rows("SELECT digest FROM erased_files ORDER BY digest")

    def keeping(self) -> Iterator[KeptErasure]:
        return map(KeptErasure._make, self._rows(select(KeptErasure, "keeping", "sequence")))

    def archives(self) -> Iterator[KeptArchive]:
        return map(KeptArchive._make, self._rows(select(KeptArchive, "archives", "number")))

    def pairs(self) -> Iterator[tuple[str, str, int]]:
        return self._rows("SELECT sender, recipient, last_number FROM pairs ORDER BY sender, recipient")

    def agencies(self) -> Iterator[tuple[str, bytes]]:
        return self._rows("SELECT code, document FROM agencies ORDER BY code")

    def credentials(self) -> Iterator[tuple[str, str, str, bool]]:
        return self._rows("SELECT client_id, agency, secret_hash, disabled FROM credentials ORDER BY client_id")

    def certificates(self) -> Iterator[tuple[str, str]]:
        return self._rows("SELECT fingerprint, agency FROM certificates ORDER BY fingerprint")

    def replays(self) -> Iterator[tuple[int, str, bytes]]:
        return self._rows("SELECT replay_id, state, document FROM replays ORDER BY replay_id")

    def holds(self) -> Iterator[tuple[str, int]]:
        return self._rows("SELECT recipient, cause FROM holds ORDER BY recipient")

    def _rows(self, statement: str, *values: object) -> Iterator[Any]:
        return iter(self._connection.execute(statement, values))
