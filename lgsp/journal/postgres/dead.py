"""Dead letters: looking them up, putting them back on their way, seeing to them. What writes is called inside
`Database.writing`; nothing changes a dead letter without the write lock.

A filter becomes the conditions that it gives and no others, so that a few ids or a case are looked up by index. Any other filter
reads the dead letters in the order of acceptance, as far as it must.
"""

from collections.abc import Sequence
from typing import Any

from contracts.text import identifier_key
from lgsp.core.lanes import entry_state
from lgsp.core.lifecycle import State
from lgsp.core.replay import DeadLetterFilter, Replay, allowance, cancelled, stepped
from lgsp.journal.codec import (
    EventRow,
    dead_letter,
    dead_letter_count,
    decode_replay,
    encode_replay,
    micros,
    moment_of,
    span_us,
    traceparent_of,
)
from lgsp.journal.leaves import replay_action
from lgsp.journal.moves import REPLAYED
from lgsp.journal.postgres import log
from lgsp.journal.postgres.database import Connection
from lgsp.journal.postgres.lanes import open_states
from lgsp.ports import DeadLetter, DeadLetterCount, Ref

LETTERS = """
SELECT d.delivery_id, d.sequence, e.sender, e.message_id, d.recipient, e.kind, d.priority, e.accepted_at, d.expires_at,
    d.ended_at, d.attempt - d.postponed, d.reason, d.detail, d.resolved_at, d.copy, e.header
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence WHERE {where} ORDER BY d.delivery_id LIMIT {0}"""

COUNT = """
SELECT d.recipient, count(*), count(*) FILTER (WHERE d.expires_at <= {0}), min(d.ended_at)
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence WHERE {where} GROUP BY d.recipient"""

REPLAYABLE = """
SELECT d.delivery_id, d.sequence, d.lane, d.attempt, d.shard, d.priority, d.expires_at, e.header
FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence WHERE {where} ORDER BY d.delivery_id LIMIT {0}"""

RESOLVE = """
UPDATE deliveries SET resolved_at = {0} WHERE delivery_id = ANY (ARRAY(
    SELECT d.delivery_id FROM deliveries d JOIN envelopes e ON e.sequence = d.sequence WHERE {where}
)) RETURNING sequence, delivery_id"""

REVIVE = """
UPDATE deliveries d SET state = r.state, attempt = d.attempt + 1, postponed = d.attempt, due_at = r.due_at,
    ready_at = r.ready_at, ended_at = NULL, reason = '', detail = '', replays = d.replays + 1
FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[]) AS r (delivery_id, state, due_at, ready_at)
WHERE d.delivery_id = r.delivery_id"""

RUNNING = "SELECT replay_id, document FROM replays WHERE state = 'running' ORDER BY replay_id"
REPLAY = "SELECT replay_id, document FROM replays WHERE replay_id = $1"
REPLAYS = "SELECT replay_id, document FROM replays ORDER BY replay_id DESC LIMIT $1"

# Deliveries of an envelope have consecutive ids: those of a case are known before any is read.
_OF_CASE = """d.delivery_id = ANY (ARRAY(
    SELECT generate_series(c.first_delivery_id, c.first_delivery_id + c.delivery_count - 1)
    FROM identifiers i JOIN envelopes c ON c.sequence = i.sequence WHERE i.key = {}))"""


async def dead_letters(connection: Connection, which: DeadLetterFilter, after: int, limit: int) -> list[DeadLetter]:
    """As `Records.dead_letters`."""
    return [dead_letter(*row) for row in await connection.fetch(*asking(LETTERS, which, after, limit))]


async def count_dead_letters(connection: Connection, which: DeadLetterFilter, now_us: int) -> DeadLetterCount:
    """As `Records.count_dead_letters`."""
    return dead_letter_count(await connection.fetch(*asking(COUNT, which, 0, now_us)))


async def start_replay(connection: Connection, replay: Replay) -> int:
    """As `Journal.start_replay`."""
    insert = "INSERT INTO replays (state, document) VALUES ($1, $2) RETURNING replay_id"
    number = int(await connection.fetchval(insert, replay.state, encode_replay(replay)))
    await log.act(connection, [replay_action("replay_started", replay, number, replay.created_at)])
    return number


async def may_step(connection: Connection, now_us: int, limit: int) -> bool:
    """Whether a running replay may move something now. Needs no lock."""
    return any(allowance(replay, moment_of(now_us), limit) > 0 for replay in await _running(connection))


async def step_replays(connection: Connection, now_us: int, limit: int, lease_s: float) -> list[Ref]:
    """As `Journal.step_replays`."""
    refs: list[Ref] = []
    for replay in await _running(connection):
        asked = allowance(replay, moment_of(now_us), limit - len(refs))
        if asked > 0:
            refs += await _step(connection, replay, asked, now_us, lease_s)
    return refs


async def cancel_replay(connection: Connection, replay_id: int, now_us: int) -> Replay | None:
    """As `Journal.cancel_replay`."""
    found = await replay_of(connection, replay_id)
    if found is None:
        return None
    after = cancelled(found, moment_of(now_us))
    if after != found:
        await _save(connection, after)
        await log.act(connection, [replay_action("replay_cancelled", after, replay_id, moment_of(now_us))])
    return after


async def replay_of(connection: Connection, replay_id: int) -> Replay | None:
    """As `Records.replay`."""
    row = await connection.fetchrow(REPLAY, replay_id)
    return None if row is None else decode_replay(*row)


async def replays(connection: Connection, limit: int) -> list[Replay]:
    """As `Records.replays`."""
    return [decode_replay(*row) for row in await connection.fetch(REPLAYS, limit)]


async def resolve(connection: Connection, which: DeadLetterFilter, operator: str, note: str, now_us: int) -> int:
    """As `Journal.resolve_dead_letters`."""
    seen_to = sorted(await connection.fetch(*asking(RESOLVE, which, 0, now_us)), key=lambda row: row["delivery_id"])
    detail = f"{operator}: {note}"
    await log.tell(
        connection, [EventRow(now_us, "resolved", sequence, delivery_id, detail=detail) for sequence, delivery_id in seen_to]
    )
    return len(seen_to)


def asking(statement: str, which: DeadLetterFilter, after: int, *more: object) -> tuple[Any, ...]:
    """One of the statements above with the conditions of the filter, and its parameters; `more` stand in {0}, {1}, ..."""
    given: dict[str, object] = {
        "d.delivery_id > {}": after,  # always given: the planner then walks the index in its order, whatever it knows
        "d.delivery_id = ANY ({}::bigint[])": which.delivery_ids or None,
        _OF_CASE: None if which.case is None else identifier_key(which.case),
        "d.ended_at >= {}": None if which.since is None else micros(which.since),
        "d.ended_at < {}": None if which.until is None else micros(which.until),
        "d.recipient = {}": which.recipient,
        "d.reason = {}": which.reason,
        "e.sender = {}": which.sender,
        "(d.recipient = {0} OR (e.sender = {0} AND NOT d.copy))": which.party,
        "(e.kind = {0} OR starts_with(e.kind, {0} || '/'))": which.kind,
    }
    used = [(text, value) for text, value in given.items() if value is not None]
    where = ["d.state = 12", *([] if which.resolved else ["d.resolved_at IS NULL"])]
    where += [text.format(f"${place}") for place, (text, _) in enumerate(used, 1)]
    places = [f"${len(used) + place}" for place, _ in enumerate(more, 1)]
    return statement.format(*places, where=" AND ".join(where)), *(value for _, value in used), *more


async def _running(connection: Connection) -> list[Replay]:
    return [decode_replay(*row) for row in await connection.fetch(RUNNING)]


async def _step(connection: Connection, replay: Replay, asked: int, now_us: int, lease_s: float) -> list[Ref]:
    rows = await connection.fetch(*asking(REPLAYABLE, replay.which, replay.last_delivery_id, asked))
    living = [row for row in rows if row["expires_at"] > now_us]
    states = await _entered(connection, living)
    if living:
        await _revive(connection, replay, list(zip(living, states, strict=True)), now_us, now_us + span_us(lease_s))
    seen = [row["delivery_id"] for row in rows]
    await _save(connection, stepped(replay, seen, len(rows) - len(living), asked, moment_of(now_us)))
    return [
        Ref(row["delivery_id"], row["attempt"] + 1, row["shard"], row["priority"], traceparent_of(row["header"]))
        for row, state in zip(living, states, strict=True)
        if state is State.READY
    ]


async def _entered(connection: Connection, rows: Sequence[Any]) -> list[State]:
    """READY, or WAITING behind those of the lane that are on their way, and behind each other."""
    ahead = await open_states(connection, {row["lane"] for row in rows if row["lane"] is not None})
    states = []
    for row in rows:
        in_lane = [] if row["lane"] is None else ahead.setdefault(row["lane"], [])
        states.append(entry_state("push", in_lane))
        in_lane.append(states[-1])
    return states


async def _revive(connection: Connection, replay: Replay, entered: Sequence[tuple[Any, State]], now_us: int, due_us: int) -> None:
    ready = [state is State.READY for _, state in entered]
    await connection.execute(
        REVIVE,
        [row["delivery_id"] for row, _ in entered],
        [state for _, state in entered],
        [due_us if one else None for one in ready],
        [now_us if one else None for one in ready],
    )
    detail = f"replay {replay.replay_id}, {replay.operator}"
    await log.tell(
        connection, [EventRow(now_us, REPLAYED, row["sequence"], row["delivery_id"], detail=detail) for row, _ in entered]
    )


async def _save(connection: Connection, replay: Replay) -> None:
    update = "UPDATE replays SET state = $2, document = $3 WHERE replay_id = $1"
    await connection.execute(update, replay.replay_id, replay.state, encode_replay(replay))
