"""What is to be published and when. Called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from contracts.agency import AgencyCode
from contracts.envelope import MAX_PRIORITY
from lgsp.journal.codec import span_us, traceparent_of
from lgsp.ports import Ref

# Of one urgency at a time: so the index gives them in order, however many are due.
DUE = """
SELECT d.delivery_id, d.attempt, d.shard, d.priority, e.header FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.state = 1 AND d.priority = ? AND d.due_at <= ? ORDER BY d.due_at, d.delivery_id LIMIT ?"""
STUCK = """
SELECT d.delivery_id, d.attempt, d.shard, d.priority, e.header FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.state = 2 AND d.due_at <= ? ORDER BY d.due_at LIMIT ?"""
REQUEUE = "UPDATE deliveries INDEXED BY deliveries_queued SET state = 1, due_at = ? WHERE state = 2"
UNLEASE = (
    "UPDATE deliveries INDEXED BY deliveries_due SET due_at = ? WHERE state = 1 AND attempt = 1 AND due_at > ? AND due_at <= ?"
)
QUEUED = "SELECT count(*) FROM deliveries INDEXED BY deliveries_queued WHERE state = 2 AND (?1 IS NULL OR recipient = ?1)"
_LEASE = "UPDATE deliveries SET state = 1, due_at = ? WHERE delivery_id = ?"
_QUEUED = "UPDATE deliveries SET state = 2, due_at = ? WHERE delivery_id = ? AND attempt = ? AND state = 1"


def take_due(connection: sqlite3.Connection, now_us: int, limit: int, lease_s: float) -> list[Ref]:
    """As `Journal.take_due`."""
    found: list[Any] = []
    for priority in reversed(range(MAX_PRIORITY + 1)):
        found += connection.execute(DUE, (priority, now_us, limit - len(found))).fetchall()
    found += connection.execute(STUCK, (now_us, limit - len(found))).fetchall()
    refs = [
        Ref(delivery_id, attempt, shard, priority, traceparent_of(header))
        for delivery_id, attempt, shard, priority, header in found
    ]
    connection.executemany(_LEASE, [(now_us + span_us(lease_s), ref.delivery_id) for ref in refs])
    return refs


def mark_queued(connection: sqlite3.Connection, refs: Sequence[Ref], stuck_us: int) -> None:
    """As `Journal.mark_queued`."""
    connection.executemany(_QUEUED, [(stuck_us, ref.delivery_id, ref.attempt) for ref in refs])


def requeue_all(connection: sqlite3.Connection, now_us: int, lease_s: float) -> int:
    """As `Journal.requeue_all`."""
    leased = connection.execute(UNLEASE, (now_us, now_us, now_us + span_us(lease_s))).rowcount
    return leased + connection.execute(REQUEUE, (now_us,)).rowcount


def count_queued(connection: sqlite3.Connection, recipient: AgencyCode | None) -> int:
    """As `Records.count_queued`."""
    (count,) = connection.execute(QUEUED, (recipient,)).fetchone()
    return int(count)


def ping(connection: sqlite3.Connection) -> None:
    """As `Journal.ping`: its commit is fsync'd like any other."""
    connection.execute("UPDATE pulse SET beat = beat + 1")
