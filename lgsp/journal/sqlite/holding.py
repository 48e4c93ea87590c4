"""Recipients on hold, and what their holds let go. What writes is called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Callable, Sequence

from lgsp.core.hold import Cause, Hold, occurrence, rejuvenates, released, said
from lgsp.core.hold import ended as maintenance_ended
from lgsp.core.recall import Recall
from lgsp.journal.codec import EventRow, HoldRow, OccurrenceRow, moment_of, span_us, traceparent_of
from lgsp.journal.sqlite import log
from lgsp.journal.sqlite.accepting import json_text
from lgsp.ports import HeldRecipient, HoldChange, Occurrence, Ref

HOLD = "SELECT * FROM holds WHERE recipient = ?"
DUE_HOLDS = "SELECT * FROM holds WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT ?"
PROBE = """
SELECT d.delivery_id, d.attempt, d.shard, d.priority, e.header FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.state = 4 AND d.recipient = ? ORDER BY d.attempt, d.delivery_id LIMIT ?"""
ON_ITS_WAY = "SELECT delivery_id FROM deliveries WHERE delivery_id = ? AND +state IN (1, 2)"
NEXT = """
SELECT d.delivery_id, d.attempt, d.shard, d.priority, e.header FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.state = 4 AND d.recipient = ? ORDER BY d.priority DESC, d.delivery_id LIMIT ?"""
HELD = """
SELECT h.*, (SELECT count(*) FROM deliveries d WHERE d.state = 4 AND d.recipient = h.recipient)
FROM holds h ORDER BY h.since LIMIT ?"""
OCCURRENCES = "SELECT at, name, recipient, reason, detail FROM occurrences ORDER BY occurrence_id DESC LIMIT ?"
OCCURRENCES_OF = """
SELECT at, name, recipient, reason, detail FROM occurrences WHERE recipient = ? ORDER BY occurrence_id DESC LIMIT ?"""
_FETCHED = "UPDATE deliveries SET fetched_at = ? WHERE delivery_id = ?"
SAVE = f"INSERT OR REPLACE INTO holds VALUES ({', '.join('?' * len(HoldRow._fields))})"  # noqa: S608 - placeholders only
_REMOVE = "DELETE FROM holds WHERE recipient = ?"
_GO = "UPDATE deliveries SET state = 1, due_at = ?, ready_at = CASE WHEN ? THEN ? ELSE ready_at END WHERE delivery_id = ?"
_KEEP = "UPDATE deliveries SET due_at = ? WHERE state = 4 AND delivery_id = ?"
AVAILABLE = """
SELECT delivery_id, sequence, fetched_at FROM deliveries
WHERE delivery_id IN (SELECT value FROM json_each(?)) AND +state = 3"""
_REQUESTED = """
SELECT delivery_id, sequence FROM deliveries WHERE delivery_id IN (SELECT value FROM json_each(?)) AND recall = 1"""
_ANSWER = "UPDATE deliveries SET recall = ? WHERE delivery_id = ?"


def hold(connection: sqlite3.Connection, recipient: str) -> Hold | None:
    """As `Journal.hold`."""
    row = connection.execute(HOLD, (recipient,)).fetchone()
    return None if row is None else HoldRow(*row).hold()


def change_hold(
    connection: sqlite3.Connection, recipient: str, change: Callable[[Hold | None], Hold | None], now_us: int
) -> HoldChange:
    """As `Journal.change_hold`."""
    before = hold(connection, recipient)
    return _save(connection, recipient, HoldChange(before, change(before)), now_us)


def let_go(
    connection: sqlite3.Connection, now_us: int, limit: int, lease_s: float, probes_s: Sequence[float]
) -> tuple[list[Ref], list[HoldChange]]:
    """As `Journal.let_go`."""
    refs: list[Ref] = []
    changes: list[HoldChange] = []
    now = moment_of(now_us)
    for row in connection.execute(DUE_HOLDS, (now_us, limit)).fetchall():
        before: Hold | None = HoldRow(*row).hold()
        current = maintenance_ended(before, now)
        if current is not None:
            gone = _probe_on_its_way(connection, current)
            if not gone:
                moved = _move(connection, current, now_us, lease_s)
                gone = [ref.delivery_id for ref in moved]
                refs += moved
            current = released(current, gone, probes_s, 2 * lease_s, now)
        changes.append(_save(connection, row[0], HoldChange(before, current), now_us))
    return refs, changes


def keep_parked(connection: sqlite3.Connection, delivery_ids: Sequence[int], until_us: int) -> None:
    """As `Journal.keep_parked`."""
    connection.executemany(_KEEP, [(until_us, delivery_id) for delivery_id in delivery_ids])


def holds(connection: sqlite3.Connection, limit: int) -> list[HeldRecipient]:
    """As `Records.holds`."""
    return [HeldRecipient(hold=HoldRow(*row).hold(), parked=parked) for *row, parked in connection.execute(HELD, (limit,))]


def count_holds(connection: sqlite3.Connection) -> dict[Cause, int]:
    """As `Records.count_holds`."""
    return {Cause(cause): count for cause, count in connection.execute("SELECT cause, count(*) FROM holds GROUP BY cause")}


def occurrences(connection: sqlite3.Connection, recipient: str | None, limit: int) -> list[Occurrence]:
    """As `Records.occurrences`."""
    statement, values = (OCCURRENCES, (limit,)) if recipient is None else (OCCURRENCES_OF, (recipient, limit))
    return [
        Occurrence(at=moment_of(at), name=name, recipient=who, reason=reason, detail=detail)
        for at, name, who, reason, detail in connection.execute(statement, values)
    ]


def mark_fetched(connection: sqlite3.Connection, delivery_ids: Sequence[int], now_us: int) -> list[bool]:
    """As `Journal.mark_fetched`."""
    rows = connection.execute(AVAILABLE, (json_text(delivery_ids),)).fetchall()
    fresh = [(delivery_id, sequence) for delivery_id, sequence, fetched_at in rows if fetched_at is None]
    connection.executemany(_FETCHED, [(now_us, delivery_id) for delivery_id, _ in fresh])
    log.tell(connection, [EventRow(now_us, "fetched", sequence, delivery_id) for delivery_id, sequence in fresh])
    available = {row[0] for row in rows}
    return [delivery_id in available for delivery_id in delivery_ids]


def answer_recall(connection: sqlite3.Connection, delivery_ids: Sequence[int], agreed: bool, now_us: int) -> int:
    """As `Journal.answer_recall`."""
    answer = Recall.AGREED if agreed else Recall.REFUSED
    asked = connection.execute(_REQUESTED, (json_text(delivery_ids),)).fetchall()
    connection.executemany(_ANSWER, [(int(answer), delivery_id) for delivery_id, _ in asked])
    name = f"recall_{answer.label}"
    log.tell(connection, [EventRow(now_us, name, sequence, delivery_id) for delivery_id, sequence in asked])
    return len(asked)


def _probe_on_its_way(connection: sqlite3.Connection, hold: Hold) -> list[int]:
    """The probe that is out, if it has not come to anything."""
    return [delivery_id for (delivery_id,) in connection.execute(ON_ITS_WAY, (hold.probe,))]


def _move(connection: sqlite3.Connection, hold: Hold, now_us: int, lease_s: float) -> list[Ref]:
    """PARKED -> READY: the probe, or the next few."""
    query, count = (PROBE, 1) if hold.cause is Cause.FAILING else (NEXT, hold.step)
    found = connection.execute(query, (hold.recipient, count)).fetchall()
    due_us = now_us + span_us(lease_s)
    connection.executemany(_GO, [(due_us, rejuvenates(hold), now_us, delivery_id) for delivery_id, *_ in found])
    return [
        Ref(delivery_id, attempt, shard, priority, traceparent_of(header))
        for delivery_id, attempt, shard, priority, header in found
    ]


def _save(connection: sqlite3.Connection, recipient: str, change: HoldChange, now_us: int) -> HoldChange:
    if change.after is None:
        connection.execute(_REMOVE, (recipient,))
    elif change.after != change.before:
        connection.execute(SAVE, HoldRow.of(change.after))
    name = occurrence(*change)
    if name is not None:
        log.tell_occurrences(connection, [OccurrenceRow(now_us, name, recipient, *said(*change))])
    return change
