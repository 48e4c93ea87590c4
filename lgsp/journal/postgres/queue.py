"""Between journal and broker: what is to be published, what was, what a worker asks for.

`mark_queued` and `take_due` do without the write lock. They neither add nor end anything, so numbers and lanes do not depend on
them; and they skip rows that another transaction is writing (SKIP LOCKED), so they never wait and no deadlock can include them.
What settle is writing meanwhile ends, gets its own due time, or is looked at again after the commit, when state or attempt no
longer match. A skipped row stays READY until its lease runs out: it is published once more, which is harmless.
"""

from collections.abc import Sequence

from contracts.agency import AgencyCode
from lgsp.core.lifecycle import State
from lgsp.journal.codec import decode_header, moment_of, traceparent_of
from lgsp.journal.postgres.database import Connection
from lgsp.ports import Ref, Work

# state + 0: so that the planner sees no use for a partial index, whose size is not bounded, where ids are given.

WORK = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, d.sequence, e.accepted_at, d.expires_at, e.header, e.body,
       d.postponed
FROM unnest($1::bigint[], $2::integer[]) AS r (delivery_id, attempt)
JOIN deliveries d ON d.delivery_id = r.delivery_id AND d.attempt = r.attempt AND d.state + 0 IN (1, 2)
JOIN envelopes e ON e.sequence = d.sequence"""

ANY_WORK = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, d.sequence, e.accepted_at, d.expires_at, e.header, e.body,
       d.postponed
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence WHERE d.delivery_id = $1"""

OUTLINE = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, d.sequence, e.accepted_at, d.expires_at, e.header,
       ''::bytea, d.postponed
FROM unnest($1::bigint[]) AS r (delivery_id)
JOIN deliveries d ON d.delivery_id = r.delivery_id
JOIN envelopes e ON e.sequence = d.sequence"""

OVERDUE = """
SELECT d.delivery_id, d.attempt, d.recipient, d.addressed_as, d.state, d.sequence, e.accepted_at, d.expires_at, e.header,
       ''::bytea, d.postponed
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence
WHERE d.state < 10 AND d.expires_at <= $1 AND (d.state + 0 IN (0, 3) OR d.expires_at <= $2)
ORDER BY d.expires_at, d.delivery_id LIMIT $3"""

MARK_QUEUED = """
WITH confirmed AS MATERIALIZED (
    SELECT d.delivery_id
    FROM unnest($1::bigint[], $2::integer[]) AS r (delivery_id, attempt)
    JOIN deliveries d ON d.delivery_id = r.delivery_id AND d.attempt = r.attempt AND d.state + 0 = 1
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE deliveries d SET state = 2, due_at = NULL FROM confirmed c WHERE d.delivery_id = c.delivery_id"""

TAKE_DUE = """
WITH due AS MATERIALIZED (
    SELECT delivery_id, due_at FROM deliveries WHERE state = 1 AND due_at <= $1
    ORDER BY due_at, delivery_id LIMIT $2 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE deliveries d SET due_at = $3 FROM due WHERE d.delivery_id = due.delivery_id
    RETURNING due.due_at AS was_due_at, d.delivery_id, d.attempt, d.shard, d.priority, d.sequence
)
SELECT t.delivery_id, t.attempt, t.shard, t.priority, e.header
FROM taken t JOIN envelopes e ON e.sequence = t.sequence ORDER BY t.was_due_at, t.delivery_id"""

UNLEASE = "UPDATE deliveries SET due_at = $1 WHERE state = 1 AND attempt = 1 AND due_at > $1 AND due_at <= $2"
REQUEUE_ALL = "UPDATE deliveries SET state = 1, due_at = $1 WHERE state = 2"


async def hydrate(connection: Connection, refs: Sequence[Ref]) -> list[Work]:
    """As `Journal.hydrate`."""
    wanted = {(ref.delivery_id, ref.attempt) for ref in refs}
    rows = await connection.fetch(WORK, [delivery_id for delivery_id, _ in wanted], [attempt for _, attempt in wanted])
    return [_work(*row) for row in rows]


async def fetch(connection: Connection, delivery_id: int) -> Work | None:
    """As `Records.fetch`."""
    row = await connection.fetchrow(ANY_WORK, delivery_id)
    return None if row is None else _work(*row)


async def outline(connection: Connection, delivery_ids: Sequence[int]) -> list[Work]:
    """As `Records.outline`."""
    return [_work(*row) for row in await connection.fetch(OUTLINE, list(set(delivery_ids)))]


async def overdue(connection: Connection, now_us: int, grace_ended_us: int, limit: int) -> list[Work]:
    """As `Journal.overdue`; `grace_ended_us`: what expired by then has had its grace."""
    return [_work(*row) for row in await connection.fetch(OVERDUE, now_us, grace_ended_us, limit)]


async def mark_queued(connection: Connection, refs: Sequence[Ref]) -> None:
    """As `Journal.mark_queued`."""
    await connection.execute(MARK_QUEUED, [ref.delivery_id for ref in refs], [ref.attempt for ref in refs])


async def take_due(connection: Connection, now_us: int, limit: int, until_us: int) -> list[Ref]:
    """As `Journal.take_due`; `until_us`: when the lease ends."""
    rows = await connection.fetch(TAKE_DUE, now_us, limit, until_us)
    return [
        Ref(delivery_id, attempt, shard, priority, traceparent_of(header))
        for delivery_id, attempt, shard, priority, header in rows
    ]


async def requeue_all(connection: Connection, now_us: int, until_us: int) -> int:
    """As `Journal.requeue_all`, within the transaction under way; `until_us`: leases that end by then are void."""
    leased = await connection.execute(UNLEASE, now_us, until_us)
    queued = await connection.execute(REQUEUE_ALL, now_us)
    return sum(int(status.removeprefix("UPDATE ")) for status in (leased, queued))


def _work(
    delivery_id: int,
    attempt: int,
    recipient: AgencyCode,
    addressed_as: AgencyCode,
    state: int,
    sequence: int,
    accepted_at: int,
    expires_at: int,
    octets: bytes,
    body: bytes,
    postponed: int,
) -> Work:
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
        envelope=header.envelope(body),
        order_key=header.lane_key,
        identifiers=header.all_identifiers,
    )
