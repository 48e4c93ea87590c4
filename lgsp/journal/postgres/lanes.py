"""Who is ahead in a lane, and who may go when one of it ended. Called inside `Database.writing`.

A lane may be long (a partner that is away for weeks): every look-up reads a fixed number of index entries of it, and release
reads only what it lets go.
"""

from collections.abc import Collection, Sequence
from typing import Any

from lgsp.core.lifecycle import State
from lgsp.journal.codec import MODES, EventRow, span_us, traceparent_of
from lgsp.journal.moves import let_go
from lgsp.journal.postgres import log
from lgsp.journal.postgres.database import Connection
from lgsp.ports import Ref

# The lowest and the highest open state say all that `entry_state` wants to know of a lane: whether there is one, and whether
# all are AVAILABLE.
OPEN_STATES = """
SELECT l.lane, low.state, high.state
FROM unnest($1::bigint[]) AS l (lane)
CROSS JOIN LATERAL (SELECT state FROM deliveries WHERE lane = l.lane AND state < 10 ORDER BY state LIMIT 1) AS low
CROSS JOIN LATERAL (SELECT state FROM deliveries WHERE lane = l.lane AND state < 10 ORDER BY state DESC LIMIT 1) AS high"""

# The first $2 that wait in each lane, with the lowest and the highest state of those that do not wait.
WAITING = """
SELECT w.lane, w.delivery_id, w.sequence, w.mode, w.attempt, w.shard, w.priority, e.header, low.state AS low, high.state AS high
FROM unnest($1::bigint[]) AS l (lane)
CROSS JOIN LATERAL (SELECT * FROM deliveries WHERE lane = l.lane AND state = 0 ORDER BY delivery_id LIMIT $2) AS w
JOIN envelopes e ON e.sequence = w.sequence
LEFT JOIN LATERAL (
    SELECT state FROM deliveries WHERE lane = l.lane AND state > 0 AND state < 10 ORDER BY state LIMIT 1
) AS low ON true
LEFT JOIN LATERAL (
    SELECT state FROM deliveries WHERE lane = l.lane AND state > 0 AND state < 10 ORDER BY state DESC LIMIT 1
) AS high ON true
ORDER BY w.delivery_id"""

RELEASE = """
UPDATE deliveries d SET state = r.state, due_at = r.due_at, ready_at = r.ready_at
FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[]) AS r (delivery_id, state, due_at, ready_at)
WHERE d.delivery_id = r.delivery_id"""

_RUN = 200  # mailbox deliveries let go at a time, after the first


async def open_states(connection: Connection, lanes: Collection[int]) -> dict[int, list[State]]:
    """For `moves.enter`."""
    if not lanes:
        return {}
    rows = await connection.fetch(OPEN_STATES, list(lanes))
    return {lane: [State(low), State(high)] for lane, low, high in rows}


async def release(connection: Connection, lanes: Sequence[int], now_us: int, ready_lease_s: float) -> dict[int, list[Ref]]:
    """Lets the next of each lane go, one push or a whole run of mailbox deliveries; the refs to publish, by lane."""
    due_us = now_us + span_us(ready_lease_s)
    refs: dict[int, list[Ref]] = {}
    limit = 1
    while lanes:
        queues: dict[int, list[Any]] = {}
        for row in await connection.fetch(WAITING, lanes, limit):
            queues.setdefault(row["lane"], []).append(row)
        gone = {lane: _let_go(queue) for lane, queue in queues.items()}
        moves = [move for one in gone.values() for move in one]
        for row, state in moves:
            if state is State.READY:
                refs.setdefault(row["lane"], []).append(_ref(row))
        await _write(connection, moves, now_us, due_us)
        lanes = [lane for lane, one in gone.items() if len(one) == limit and one[-1][1] is State.AVAILABLE]
        limit = _RUN
    return refs


def _let_go(queue: Sequence[Any]) -> list[tuple[Any, State]]:
    ahead = [State(state) for state in (queue[0]["low"], queue[0]["high"]) if state is not None]
    return list(let_go(ahead, ((MODES[row["mode"]], row) for row in queue)))


def _ref(row: Any) -> Ref:
    return Ref(row["delivery_id"], row["attempt"], row["shard"], row["priority"], traceparent_of(row["header"]))


async def _write(connection: Connection, moves: Sequence[tuple[Any, State]], now_us: int, due_us: int) -> None:
    if not moves:
        return
    await connection.execute(
        RELEASE,
        [row["delivery_id"] for row, _ in moves],
        [state for _, state in moves],
        [due_us if state is State.READY else None for _, state in moves],
        [now_us if state is State.READY else None for _, state in moves],
    )
    entered = [
        EventRow(now_us, state.label, row["sequence"], row["delivery_id"]) for row, state in moves if state is State.AVAILABLE
    ]
    await log.tell(connection, entered)
