"""Writing accepted envelopes. Called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from lgsp.core.admission import Admitted
from lgsp.core.lifecycle import State
from lgsp.core.log.placed import Place
from lgsp.core.receipts import delivery_ref
from lgsp.journal import acceptance
from lgsp.journal.acceptance import Numbers, Written
from lgsp.journal.codec import AccessRow, DeliveryRow, EnvelopeRow, moment_of
from lgsp.journal.keeping import attached
from lgsp.journal.moves import enter
from lgsp.journal.sqlite import files, log, signatures
from lgsp.journal.sqlite.connection import insert_into
from lgsp.ports import Accepted, Reused

_INSERT_ENVELOPE = insert_into("envelopes", EnvelopeRow._fields)
_INSERT_BODY = insert_into("bodies", ("sequence", "body"))
_INSERT_DELIVERY = insert_into("deliveries", DeliveryRow._fields)
_INSERT_FIRST_EVENT = insert_into("events", ("at", "name", "sequence", "delivery_id", "leaf_index"))
_INSERT_IDENTIFIER = insert_into("identifiers", ("key", "sequence"))
_INSERT_ACCESS = f"""{insert_into("file_access", AccessRow._fields)}
ON CONFLICT DO UPDATE SET erased_at = NULL WHERE erased_at IS NOT NULL"""

LAST = "SELECT (SELECT max(sequence) FROM envelopes), (SELECT max(delivery_id) FROM deliveries)"
KNOWN = """
SELECT e.sender, e.message_id, e.sequence, e.digest, e.accepted_at, e.first_delivery_id, e.delivery_count,
    e.leaf_index, e.tree_size, e.salt
FROM json_each(?) AS asked CROSS JOIN envelopes AS e ON e.sender = asked.value ->> 0 AND e.message_id = asked.value ->> 1"""
_RANGE = """
SELECT delivery_id, recipient, addressed_as, number FROM deliveries
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
    known: dict[_Key, Accepted | None] = dict(_accepted_before(connection, batch))
    fresh: dict[_Key, Admitted] = {}
    for admitted in batch:
        if _key(admitted) not in known:
            fresh.setdefault(_key(admitted), admitted)
    new = dict(zip(fresh, _write(connection, list(fresh.values()), now_us, ready_lease_s), strict=True))
    answers: list[Accepted | Reused] = []
    for admitted in batch:
        first = known.get(_key(admitted))
        if first is not None:
            answers.append(_answer_again(first, admitted.digest))
        else:
            known[_key(admitted)] = answer = new[_key(admitted)]
            answers.append(answer)
    return answers


def open_states(connection: sqlite3.Connection, lane: int) -> list[State]:
    """In which states the open deliveries of a lane are, each state once."""
    return [State(number) for (number,) in connection.execute(OPEN_STATES, (lane,))]


def json_text(values: Iterable[object]) -> str:
    """A list for `json_each`: one statement looks up many."""
    return _encode_json(list(values)).decode()


def _key(admitted: Admitted) -> _Key:
    return admitted.envelope.sender, admitted.envelope.message_id


def _accepted_before(connection: sqlite3.Connection, batch: Sequence[Admitted]) -> dict[_Key, Accepted]:
    asked = json_text(map(_key, batch))
    found = connection.execute(KNOWN, (asked,)).fetchall()
    return {(sender, message_id): _accepted(connection, *row) for sender, message_id, *row in found}


def _accepted(
    connection: sqlite3.Connection,
    sequence: int,
    digest: str,
    accepted_at: int,
    first_delivery_id: int,
    delivery_count: int,
    leaf_index: int | None,
    tree_size: int,
    salt: bytes,
) -> Accepted:
    deliveries = connection.execute(_RANGE, (first_delivery_id, first_delivery_id + delivery_count))
    return Accepted(
        sequence=sequence,
        accepted_at=moment_of(accepted_at),
        digest=digest,
        deliveries=tuple(delivery_ref(*row) for row in deliveries),
        fresh=False,
        place=None if leaf_index is None else Place(leaf_index, tree_size, salt),
    )


def _look_ahead(connection: sqlite3.Connection, batch: Sequence[Admitted]) -> dict[int, list[State]]:
    lanes = {hop.lane for admitted in batch for hop in admitted.hops if hop.lane is not None}
    occupied = connection.execute(OCCUPIED, (json_text(lanes),)).fetchall()
    return {lane: open_states(connection, lane) for (lane,) in occupied}


def _answer_again(known: Accepted, digest: str) -> Accepted | Reused:
    if known.digest != digest:
        return Reused(sequence=known.sequence, digest=known.digest)
    return msgspec.structs.replace(known, fresh=False, ready=(), logged=None)


def _write(connection: sqlite3.Connection, fresh: Sequence[Admitted], now_us: int, ready_lease_s: float) -> list[Accepted]:
    if not fresh:
        return []
    last_sequence, last_delivery_id = (last or 0 for last in connection.execute(LAST).fetchone())
    ahead = _look_ahead(connection, fresh)
    entering = [enter(admitted.hops, ahead) for admitted in fresh]
    pairs = log.last_numbers(connection, acceptance.pairs_of(fresh))
    last = Numbers(last_sequence, last_delivery_id, log.head(connection))
    batch = acceptance.write(fresh, entering, last, pairs, now_us, ready_lease_s)
    _insert(connection, batch.rows)
    log.append(connection, batch.grown)
    log.save_numbers(connection, pairs)
    return batch.accepted


def _insert(connection: sqlite3.Connection, fresh: Sequence[Written]) -> None:
    connection.executemany(_INSERT_ENVELOPE, [rows.envelope for rows in fresh])
    connection.executemany(_INSERT_BODY, [(rows.envelope.sequence, rows.body) for rows in fresh])
    connection.executemany(_INSERT_DELIVERY, [row for rows in fresh for row in rows.deliveries])
    connection.executemany(_INSERT_FIRST_EVENT, [(*row[:4], row.leaf_index) for rows in fresh for row in rows.events])
    connection.executemany(_INSERT_IDENTIFIER, [(key, rows.envelope.sequence) for rows in fresh for key in rows.identifier_keys])
    files.attach(connection, attached(fresh))
    connection.executemany(_INSERT_ACCESS, [row for rows in fresh for row in rows.access])
    signatures.keep(connection, fresh)
