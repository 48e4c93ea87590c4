"""What is kept of the signatures of envelopes."""

import sqlite3
from collections.abc import Sequence

import msgspec

from lgsp.core.signatures.finding import Examination, Exhibit
from lgsp.journal.acceptance import Written
from lgsp.journal.codec import decode_examination

_INSERT_EXAMINATION = "INSERT INTO examinations (sequence, document) VALUES (?, ?)"
_INSERT_EXHIBIT = "INSERT INTO evidence (digest, what, octets) VALUES (?, ?, ?)"
_KEPT = "SELECT digest FROM evidence WHERE digest IN (SELECT value FROM json_each(?))"
_EXHIBITS = "SELECT digest, what, octets FROM evidence WHERE digest IN (SELECT value FROM json_each(?))"
_encode = msgspec.json.Encoder().encode


def keep(connection: sqlite3.Connection, fresh: Sequence[Written]) -> None:
    """Exhibits are looked up first: a CRL may be large, and it is nearly always there already."""
    signed = [rows for rows in fresh if rows.examination is not None]
    if not signed:
        return
    connection.executemany(_INSERT_EXAMINATION, [(rows.envelope.sequence, rows.examination) for rows in signed])
    exhibits = {one.digest: one for rows in signed for one in rows.exhibits}
    kept = {digest for (digest,) in connection.execute(_KEPT, (_encode(list(exhibits)).decode(),))}
    missing = [(one.digest, one.what, one.octets) for digest, one in exhibits.items() if digest not in kept]
    connection.executemany(_INSERT_EXHIBIT, missing)


def examination(connection: sqlite3.Connection, sequence: int) -> Examination | None:
    """As `Records.examination`."""
    row = connection.execute("SELECT document FROM examinations WHERE sequence = ?", (sequence,)).fetchone()
    return None if row is None else decode_examination(row[0])


def exhibits(connection: sqlite3.Connection, digests: Sequence[str]) -> list[Exhibit]:
    """As `Records.exhibits`."""
    rows = connection.execute(_EXHIBITS, (_encode(list(digests)).decode(),))
    return [Exhibit(digest=digest, what=what, octets=octets) for digest, what, octets in rows]
