"""Writing accepted envelopes. Called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from lgsp.core.admission import Admitted
from lgsp.core.lifecycle import State
from lgsp.core.receipts import delivery_ref
from lgsp.journal.codec import AccessRow, DeliveryRow, EnvelopeRow, EventRow, Written, moment_of, written
from lgsp.journal.moves import enter
from lgsp.journal.sqlite import signatures
from lgsp.ports import Accepted, Reused


def _insert_into(table: str, columns: Sequence[str], verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


INSERT_EVENT = _insert_into("events", EventRow._fields)
_INSERT_ENVELOPE = _insert_into("envelopes", EnvelopeRow._fields)
_INSERT_BODY = _insert_into("bodies", ("sequence", "body"))
_INSERT_DELIVERY = _insert_into("deliveries", DeliveryRow._fields)
_INSERT_FIRST_EVENT = _insert_into("events", ("at", "name", "sequence", "delivery_id"))
_INSERT_IDENTIFIER = _insert_into("identifiers", ("key", "sequence"))
_INSERT_ACCESS = _insert_into("file_access", AccessRow._fields, "INSERT OR IGNORE")

LAST = "SELECT (SELECT max(sequence) FROM envelopes), (SELECT max(delivery_id) FROM deliveries)"
KNOWN = """
SELECT e.sender, e.message_id, e.sequence, e.digest, e.accepted_at, e.first_delivery_id, e.delivery_count
FROM json_each(?) AS asked CROSS JOIN envelopes AS e ON e.sender = asked.value ->> 0 AND e.message_id = asked.value ->> 1"""
_RANGE = """
SELECT delivery_id, recipient, addressed_as FROM deliveries
WHERE delivery_id >= ? AND delivery_id < ? AND NOT copy ORDER BY delivery_id"""

# For each state of an open delivery whether the lane has one: five look-ups however long the lane is, one if it is empty.
OCCUPIED = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = value AND ended_at IS NULL)"
OPEN_STATES = """
SELECT 0 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND ended_at IS NULL AND state = 0) UNION ALL
SELECT 1 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND ended_at IS NULL AND state = 1) UNION ALL
SELECT 2 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND ended_at IS NULL AND state = 2) UNION ALL
SELECT 3 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND ended_at IS NULL AND state = 3) UNION ALL
SELECT 4 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND ended_at IS NULL AND state = 4)"""

_Key = tuple[str, str]  # sender, message id
_encode_json = msgspec.json.Encoder().encode


def accept(
    connection: sqlite3.Connection, batch: Sequence[Admitted], now_us: int, ready_lease_s: float
) -> list[Accepted | Reused]:
    """As `Journal.accept`, within the transaction under way."""
    last_sequence, last_delivery_id = (last or 0 for last in connection.execute(LAST).fetchone())
    known = _accepted_before(connection, batch)
    ahead = _look_ahead(connection, batch)
    fresh: list[Written] = []
    answers: list[Accepted | Reused] = []
    for admitted in batch:
        key = (admitted.envelope.sender, admitted.envelope.message_id)
        before = known.get(key)
        if before is not None:
            answers.append(_answer_again(before, admitted.digest))
            continue
        states = enter(admitted.hops, ahead)
        rows = written(admitted, states, last_sequence + 1, last_delivery_id + 1, now_us, ready_lease_s)
        last_sequence += 1
        last_delivery_id += len(rows.deliveries)
        fresh.append(rows)
        known[key] = rows.accepted
        answers.append(rows.accepted)
    _write(connection, fresh)
    return answers


def open_states(connection: sqlite3.Connection, lane: int) -> list[State]:
    """In which states the open deliveries of a lane are, each state once."""
    return [State(number) for (number,) in connection.execute(OPEN_STATES, (lane,))]


def json_text(values: Iterable[object]) -> str:
    """A list for `json_each`: one statement looks up many."""
    return _encode_json(list(values)).decode()


def _accepted_before(connection: sqlite3.Connection, batch: Sequence[Admitted]) -> dict[_Key, Accepted]:
    asked = json_text((admitted.envelope.sender, admitted.envelope.message_id) for admitted in batch)
    found = connection.execute(KNOWN, (asked,)).fetchall()
    return {(sender, message_id): _accepted(connection, *row) for sender, message_id, *row in found}


def _accepted(
    connection: sqlite3.Connection, sequence: int, digest: str, accepted_at: int, first_delivery_id: int, delivery_count: int
) -> Accepted:
    deliveries = connection.execute(_RANGE, (first_delivery_id, first_delivery_id + delivery_count))
    refs = tuple(delivery_ref(*row) for row in deliveries)
    return Accepted(sequence=sequence, accepted_at=moment_of(accepted_at), digest=digest, deliveries=refs, fresh=False)


def _look_ahead(connection: sqlite3.Connection, batch: Sequence[Admitted]) -> dict[int, list[State]]:
    lanes = {hop.lane for admitted in batch for hop in admitted.hops if hop.lane is not None}
    occupied = connection.execute(OCCUPIED, (json_text(lanes),)).fetchall()
    return {lane: open_states(connection, lane) for (lane,) in occupied}


def _answer_again(known: Accepted, digest: str) -> Accepted | Reused:
    if known.digest != digest:
        return Reused(sequence=known.sequence, digest=known.digest)
    return msgspec.structs.replace(known, fresh=False, ready=())


def _write(connection: sqlite3.Connection, fresh: Sequence[Written]) -> None:
    connection.executemany(_INSERT_ENVELOPE, [rows.envelope for rows in fresh])
    connection.executemany(_INSERT_BODY, [(rows.envelope.sequence, rows.body) for rows in fresh])
    connection.executemany(_INSERT_DELIVERY, [row for rows in fresh for row in rows.deliveries])
    connection.executemany(_INSERT_FIRST_EVENT, [row[:4] for rows in fresh for row in rows.events])
    connection.executemany(_INSERT_IDENTIFIER, [(key, rows.envelope.sequence) for rows in fresh for key in rows.identifier_keys])
    connection.executemany(_INSERT_ACCESS, [row for rows in fresh for row in rows.access])
    signatures.keep(connection, fresh)
