"""Between journal and broker: what is to be published, what was, what a worker asks for.

`mark_queued` and `take_due` do without the write lock. They neither add nor end anything, so numbers and lanes do not depend on
them; and they skip rows that another transaction is writing (SKIP LOCKED), so they never wait and no deadlock can include them.
What settle is writing meanwhile ends, is parked, gets its own due time, or is looked at again after the commit, when state or
attempt no longer match. What is parked or dead they never touch: holding.py and dead.py have those to themselves under the write
lock. A skipped row stays READY, or QUEUED and stuck, until somebody looks again: it is published once more, which is harmless.
"""

from collections.abc import Sequence
from typing import Any

from contracts.agency import AgencyCode
from contracts.envelope import MAX_PRIORITY
from lgsp.core.hold import Hold
from lgsp.core.lifecycle import State
from lgsp.core.recall import Recall
from lgsp.journal.codec import HoldRow, decode_header, maybe_moment, moment_of, traceparent_of
from lgsp.journal.postgres.database import Connection
from lgsp.ports import Ref, Work

# state + 0: so that the planner sees no use for a partial index, whose size is not bounded, where ids are given.

_WORK = """
SELECT d.delivery_id, d.attempt, d.postponed, d.recipient, d.addressed_as, d.state, d.sequence, d.expires_at, d.copy, d.recall,
    d.ready_at, d.replays, d.number, e.accepted_at, e.header"""
_HOLD = "h.recipient, h.cause, h.since, h.due_at, h.step, h.probe, h.ageless, h.reason, h.detail"

WORK = f"""{_WORK}, e.body, {_HOLD}
FROM unnest($1::bigint[], $2::integer[]) AS r (delivery_id, attempt)
JOIN deliveries d ON d.delivery_id = r.delivery_id AND d.attempt = r.attempt AND d.state + 0 IN (1, 2)
JOIN envelopes e ON e.sequence = d.sequence
LEFT JOIN holds h ON h.recipient = d.recipient"""

ANY_WORK = f"""{_WORK}, e.body
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence WHERE d.delivery_id = $1"""

OUTLINE = f"""{_WORK}, ''::bytea
FROM unnest($1::bigint[]) AS r (delivery_id)
JOIN deliveries d ON d.delivery_id = r.delivery_id
JOIN envelopes e ON e.sequence = d.sequence"""

OVERDUE = f"""{_WORK}, ''::bytea, {_HOLD}
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence LEFT JOIN holds h ON h.recipient = d.recipient
WHERE d.state < 10 AND d.expires_at <= $1 AND (d.state + 0 IN (0, 3, 4) OR d.expires_at <= $2)
ORDER BY d.expires_at, d.delivery_id LIMIT $3"""

GIVEN_UP = f"""{_WORK}, ''::bytea, {_HOLD}
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence LEFT JOIN holds h ON h.recipient = d.recipient
WHERE d.state = 4 AND d.due_at <= $1 AND d.expires_at + 0 > $1
ORDER BY d.due_at, d.delivery_id LIMIT $2"""

MARK_QUEUED = """
WITH confirmed AS MATERIALIZED (
    SELECT d.delivery_id
    FROM unnest($1::bigint[], $2::integer[]) AS r (delivery_id, attempt)
    JOIN deliveries d ON d.delivery_id = r.delivery_id AND d.attempt = r.attempt AND d.state + 0 = 1
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE deliveries d SET state = 2, due_at = $3 FROM confirmed c WHERE d.delivery_id = c.delivery_id"""

# Of one urgency after the other, as the index has them; no further than the limit, however many are due.
#
# Not one statement over the union of both lists: where a row was changed since the statement began, PostgreSQL evaluates the join
# again for that row. It remembers the row of a list, but would make a union anew, and with it the lists, longer than the limit.
TAKE_DUE = """
WITH due AS MATERIALIZED (
    SELECT d.delivery_id, d.due_at
    FROM unnest($4::smallint[]) AS p (priority)
    CROSS JOIN LATERAL (
        SELECT delivery_id, due_at FROM deliveries WHERE state = 1 AND priority = p.priority AND due_at <= $1
        ORDER BY due_at, delivery_id LIMIT $2 FOR UPDATE SKIP LOCKED
    ) AS d
    LIMIT $2
), taken AS (
    UPDATE deliveries d SET due_at = $3 FROM due WHERE d.delivery_id = due.delivery_id
    RETURNING due.due_at AS was_due_at, d.delivery_id, d.attempt, d.shard, d.priority, d.sequence
)
SELECT t.was_due_at, t.delivery_id, t.attempt, t.shard, t.priority, e.header
FROM taken t JOIN envelopes e ON e.sequence = t.sequence"""

TAKE_STUCK = """
WITH stuck AS MATERIALIZED (
    SELECT delivery_id, due_at FROM deliveries WHERE state = 2 AND due_at <= $1
    ORDER BY due_at, delivery_id LIMIT $2 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE deliveries d SET state = 1, due_at = $3 FROM stuck WHERE d.delivery_id = stuck.delivery_id
    RETURNING stuck.due_at AS was_due_at, d.delivery_id, d.attempt, d.shard, d.priority, d.sequence
)
SELECT t.was_due_at, t.delivery_id, t.attempt, t.shard, t.priority, e.header
FROM taken t JOIN envelopes e ON e.sequence = t.sequence"""

UNLEASE = """
UPDATE deliveries SET due_at = $1
WHERE state = 1 AND priority = ANY ($3::smallint[]) AND due_at > $1 AND due_at <= $2 AND attempt = 1"""
QUEUED = "SELECT count(*) FROM deliveries WHERE state = 2 AND ($1::text IS NULL OR recipient = $1)"
REQUEUE_ALL = "UPDATE deliveries SET state = 1, due_at = $1 WHERE state = 2"

_URGENT_FIRST = list(range(MAX_PRIORITY, -1, -1))


async def hydrate(connection: Connection, refs: Sequence[Ref]) -> list[Work]:
    """As `Journal.hydrate`."""
    wanted = {(ref.delivery_id, ref.attempt) for ref in refs}
    rows = await connection.fetch(WORK, [delivery_id for delivery_id, _ in wanted], [attempt for _, attempt in wanted])
    return [_work(row) for row in rows]


async def fetch(connection: Connection, delivery_id: int) -> Work | None:
    """As `Records.fetch`."""
    row = await connection.fetchrow(ANY_WORK, delivery_id)
    return None if row is None else _work(row)


async def outline(connection: Connection, delivery_ids: Sequence[int]) -> list[Work]:
    """As `Records.outline`."""
    return [_work(row) for row in await connection.fetch(OUTLINE, list(set(delivery_ids)))]


async def overdue(connection: Connection, now_us: int, grace_ended_us: int, limit: int) -> list[Work]:
    """As `Journal.overdue`; `grace_ended_us`: what expired by then has had its grace."""
    rows = await connection.fetch(OVERDUE, now_us, grace_ended_us, limit)
    if len(rows) < limit:
        rows += await connection.fetch(GIVEN_UP, now_us, limit - len(rows))
    return [_work(row) for row in rows]


async def mark_queued(connection: Connection, refs: Sequence[Ref], stuck_us: int) -> None:
    """As `Journal.mark_queued`."""
    await connection.execute(MARK_QUEUED, [ref.delivery_id for ref in refs], [ref.attempt for ref in refs], stuck_us)


async def take_due(connection: Connection, now_us: int, limit: int, until_us: int) -> list[Ref]:
    """As `Journal.take_due`; `until_us`: when the lease ends."""
    rows = await connection.fetch(TAKE_DUE, now_us, limit, until_us, _URGENT_FIRST)
    if len(rows) < limit:
        rows += await connection.fetch(TAKE_STUCK, now_us, limit - len(rows), until_us)
    rows.sort(key=lambda row: (-row["priority"], row["was_due_at"], row["delivery_id"]))
    return [
        Ref(delivery_id, attempt, shard, priority, traceparent_of(header))
        for _, delivery_id, attempt, shard, priority, header in rows
    ]


async def requeue_all(connection: Connection, now_us: int, until_us: int) -> int:
    """As `Journal.requeue_all`, within the transaction under way; `until_us`: leases that end by then are void."""
    leased = await connection.execute(UNLEASE, now_us, until_us, _URGENT_FIRST)
    queued = await connection.execute(REQUEUE_ALL, now_us)
    return sum(int(status.removeprefix("UPDATE ")) for status in (leased, queued))


async def count_queued(connection: Connection, recipient: AgencyCode | None) -> int:
    """As `Records.count_queued`."""
    count: int = await connection.fetchval(QUEUED, recipient)
    return count


def _work(row: Any) -> Work:
    """From the columns of `_WORK` and the body; with those of `_HOLD` where they were asked for."""
    delivery_id, attempt, postponed, recipient, addressed_as, state, sequence, expires_at, copy, recall, ready_at, *rest = row
    replays, number, accepted_at, octets, body, *hold = rest
    header = decode_header(octets)
    return Work(
        delivery_id=delivery_id,
        attempt=attempt,
        postponed=postponed,
        recipient=recipient,
        addressed_as=addressed_as,
        state=State(state),
        sequence=sequence,
        accepted_at=moment_of(accepted_at),
        expires_at=moment_of(expires_at),
        envelope=header.envelope(body or b""),
        order_key=header.lane_key,
        identifiers=header.all_identifiers,
        copy=copy,
        recall=Recall(recall),
        ready_at=maybe_moment(ready_at),
        replays=replays,
        number=number,
        hold=_hold(hold),
        erased=body is None,
    )


def _hold(columns: Sequence[Any]) -> Hold | None:
    return HoldRow(*columns).hold() if columns and columns[0] is not None else None
