"""Writing accepted envelopes. Called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from lgsp.core.admission import Admitted
from lgsp.core.lifecycle import State
from lgsp.core.receipts import delivery_ref
from lgsp.journal.codec import AccessRow, DeliveryRow, EnvelopeRow, EventRow, Written, moment_of, written
from lgsp.journal.moves import enter
from lgsp.ports import Accepted, Reused


def _insert_into(table: str, columns: Sequence[str], verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


INSERT_EVENT = _insert_into("events", EventRow._fields)
_INSERT_ENVELOPE = _insert_into("envelopes", EnvelopeRow._fields)
_INSERT_BODY = _insert_into("bodies", ("sequence", "body"))
_INSERT_DELIVERY = _insert_into("deliveries", DeliveryRow._fields)
_INSERT_IDENTIFIER = _insert_into("identifiers", ("key", "sequence"))
_INSERT_ACCESS = _insert_into("file_access", AccessRow._fields, "INSERT OR IGNORE")

_LAST = "SELECT (SELECT max(sequence) FROM envelopes), (SELECT max(delivery_id) FROM deliveries)"
_KNOWN = (
    "SELECT sequence, digest, accepted_at, first_delivery_id, delivery_count FROM envelopes WHERE sender = ? AND message_id = ?"
)
_RANGE = (
    "SELECT delivery_id, recipient, addressed_as FROM deliveries WHERE delivery_id >= ? AND delivery_id < ? ORDER BY delivery_id"
)

# One look-up for each state of an open delivery, so that the length of the lane does not matter.
OPEN_STATES = """
SELECT 0 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND state < 10 AND state = 0) UNION ALL
SELECT 1 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND state < 10 AND state = 1) UNION ALL
SELECT 2 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND state < 10 AND state = 2) UNION ALL
SELECT 3 WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = ?1 AND state < 10 AND state = 3)"""


def accept(
    connection: sqlite3.Connection, batch: Sequence[Admitted], now_us: int, ready_lease_s: float
) -> list[Accepted | Reused]:
    """As `Journal.accept`, within the transaction under way."""
    last_sequence, last_delivery_id = (last or 0 for last in connection.execute(_LAST).fetchone())
    ahead: dict[int, list[State]] = {}
    fresh: dict[tuple[str, str], Written] = {}
    answers: list[Accepted | Reused] = []
    for admitted in batch:
        key = (admitted.envelope.sender, admitted.envelope.message_id)
        known = fresh[key].accepted if key in fresh else _accepted_before(connection, key)
        if known is not None:
            answers.append(_answer_again(known, admitted.digest))
            continue
        _look_ahead(connection, admitted, ahead)
        states = enter(admitted.hops, ahead)
        rows = written(admitted, states, last_sequence + 1, last_delivery_id + 1, now_us, ready_lease_s)
        last_sequence += 1
        last_delivery_id += len(rows.deliveries)
        fresh[key] = rows
        answers.append(rows.accepted)
    _write(connection, fresh.values())
    return answers


def open_states(connection: sqlite3.Connection, lane: int) -> list[State]:
    """In which states the open deliveries of a lane are, each state once."""
    return [State(number) for (number,) in connection.execute(OPEN_STATES, (lane,))]


def _look_ahead(connection: sqlite3.Connection, admitted: Admitted, ahead: dict[int, list[State]]) -> None:
    for hop in admitted.hops:
        if hop.lane is not None and hop.lane not in ahead:
            ahead[hop.lane] = open_states(connection, hop.lane)


def _accepted_before(connection: sqlite3.Connection, key: tuple[str, str]) -> Accepted | None:
    found = connection.execute(_KNOWN, key).fetchone()
    if found is None:
        return None
    sequence, digest, accepted_at, first, count = found
    refs = tuple(delivery_ref(*row) for row in connection.execute(_RANGE, (first, first + count)))
    return Accepted(sequence=sequence, accepted_at=moment_of(accepted_at), digest=digest, deliveries=refs, fresh=False)


def _answer_again(known: Accepted, digest: str) -> Accepted | Reused:
    if known.digest != digest:
        return Reused(sequence=known.sequence, digest=known.digest)
    return msgspec.structs.replace(known, fresh=False, ready=())


def _write(connection: sqlite3.Connection, fresh: Iterable[Written]) -> None:
    new = list(fresh)
    connection.executemany(_INSERT_ENVELOPE, [rows.envelope for rows in new])
    connection.executemany(_INSERT_BODY, [(rows.envelope.sequence, rows.body) for rows in new])
    connection.executemany(_INSERT_DELIVERY, [row for rows in new for row in rows.deliveries])
    connection.executemany(INSERT_EVENT, [row for rows in new for row in rows.events])
    connection.executemany(_INSERT_IDENTIFIER, [(key, rows.envelope.sequence) for rows in new for key in rows.identifier_keys])
    connection.executemany(_INSERT_ACCESS, [row for rows in new for row in rows.access])
