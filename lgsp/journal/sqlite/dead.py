"""Dead letters: looking them up, putting them back on their way, seeing to them. Writing is called inside a transaction that
holds the write lock."""

import sqlite3
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
from lgsp.journal.sqlite import log
from lgsp.journal.sqlite.accepting import json_text, open_states
from lgsp.ports import DeadLetter, DeadLetterCount, Ref

_WHICH = """
FROM deliveries d JOIN envelopes e USING (sequence)
WHERE d.state = 12 AND d.delivery_id > :after AND d.ended_at >= :since AND d.ended_at < :until
    AND (:resolved OR d.resolved_at IS NULL)
    AND (:party IS NULL OR d.recipient = :party OR (e.sender = :party AND NOT d.copy))
    AND (:sender IS NULL OR e.sender = :sender)
    AND (:recipient IS NULL OR d.recipient = :recipient)
    AND (:reason IS NULL OR d.reason = :reason)
    AND (:kind IS NULL OR e.kind = :kind OR substr(e.kind, 1, length(:kind) + 1) = :kind || '/')
    AND (:case IS NULL OR EXISTS (SELECT 1 FROM identifiers i WHERE i.key = :case AND i.sequence = d.sequence))
    AND (:ids IS NULL OR d.delivery_id IN (SELECT value FROM json_each(:ids)))"""
LETTERS = f"""
SELECT d.delivery_id, d.sequence, e.sender, e.message_id, d.recipient, e.kind, d.priority, e.accepted_at, d.expires_at,
    d.ended_at, d.attempt - d.postponed, d.reason, d.detail, d.resolved_at, d.copy, e.header
{_WHICH}
ORDER BY d.delivery_id LIMIT :limit"""
COUNT = f"SELECT d.recipient, count(*), sum(d.expires_at <= :now), min(d.ended_at) {_WHICH} GROUP BY d.recipient"
REPLAYABLE = f"""
SELECT d.delivery_id, d.sequence, d.lane, d.attempt, d.shard, d.priority, d.expires_at, e.header {_WHICH}
ORDER BY d.delivery_id LIMIT :limit"""
_IDS = f"SELECT d.delivery_id, d.sequence {_WHICH}"
_REVIVE = """
UPDATE deliveries SET state = ?, attempt = attempt + 1, postponed = attempt, due_at = ?, ready_at = ?, ended_at = NULL,
    reason = '', detail = '', replays = replays + 1 WHERE delivery_id = ?"""
_RESOLVE = "UPDATE deliveries SET resolved_at = ? WHERE delivery_id = ?"
RUNNING = "SELECT replay_id, document FROM replays WHERE state = 'running' ORDER BY replay_id"
_SAVE = "UPDATE replays SET state = ?, document = ? WHERE replay_id = ?"


def dead_letters(connection: sqlite3.Connection, which: DeadLetterFilter, after: int, limit: int) -> list[DeadLetter]:
    """As `Records.dead_letters`."""
    rows = connection.execute(LETTERS, parameters(which, after=after, limit=limit))
    return [dead_letter(*row) for row in rows]


def count_dead_letters(connection: sqlite3.Connection, which: DeadLetterFilter, now_us: int) -> DeadLetterCount:
    """As `Records.count_dead_letters`."""
    return dead_letter_count(connection.execute(COUNT, parameters(which, now=now_us)))


def start_replay(connection: sqlite3.Connection, replay: Replay) -> int:
    """As `Journal.start_replay`."""
    document = encode_replay(replay)
    number = connection.execute("INSERT INTO replays (state, document) VALUES (?, ?)", (replay.state, document)).lastrowid
    assert number is not None
    log.act(connection, [replay_action("replay_started", replay, number, replay.created_at)])
    return number


def step_replays(connection: sqlite3.Connection, now_us: int, limit: int, lease_s: float) -> list[Ref]:
    """As `Journal.step_replays`."""
    refs: list[Ref] = []
    for replay_id, document in connection.execute(RUNNING).fetchall():
        replay = decode_replay(replay_id, document)
        asked = allowance(replay, moment_of(now_us), limit - len(refs))
        if asked > 0:
            refs += _step(connection, replay, asked, now_us, lease_s)
    return refs


def cancel_replay(connection: sqlite3.Connection, replay_id: int, now_us: int) -> Replay | None:
    """As `Journal.cancel_replay`."""
    found = replay_of(connection, replay_id)
    if found is None:
        return None
    after = cancelled(found, moment_of(now_us))
    if after != found:
        _save(connection, after)
        log.act(connection, [replay_action("replay_cancelled", after, replay_id, moment_of(now_us))])
    return after


def replay_of(connection: sqlite3.Connection, replay_id: int) -> Replay | None:
    """As `Records.replay`."""
    row = connection.execute("SELECT document FROM replays WHERE replay_id = ?", (replay_id,)).fetchone()
    return None if row is None else decode_replay(replay_id, row[0])


def replays(connection: sqlite3.Connection, limit: int) -> list[Replay]:
    """As `Records.replays`."""
    rows = connection.execute("SELECT replay_id, document FROM replays ORDER BY replay_id DESC LIMIT ?", (limit,))
    return [decode_replay(*row) for row in rows]


def resolve(connection: sqlite3.Connection, which: DeadLetterFilter, operator: str, note: str, now_us: int) -> int:
    """As `Journal.resolve_dead_letters`."""
    found = connection.execute(_IDS, parameters(which)).fetchall()
    connection.executemany(_RESOLVE, [(now_us, delivery_id) for delivery_id, _ in found])
    detail = f"{operator}: {note}"
    events = [EventRow(now_us, "resolved", sequence, delivery_id, detail=detail) for delivery_id, sequence in found]
    log.tell(connection, events)
    return len(found)


def parameters(which: DeadLetterFilter, *, after: int = 0, limit: int = -1, now: int = 0) -> dict[str, Any]:
    """For the statements above."""
    return {
        "after": after,
        "limit": limit,
        "now": now,
        "party": which.party,
        "sender": which.sender,
        "recipient": which.recipient,
        "kind": which.kind,
        "reason": which.reason,
        "since": 0 if which.since is None else micros(which.since),
        "until": 2**62 if which.until is None else micros(which.until),
        "case": None if which.case is None else identifier_key(which.case),
        "ids": json_text(which.delivery_ids) if which.delivery_ids else None,
        "resolved": which.resolved,
    }


def _step(connection: sqlite3.Connection, replay: Replay, asked: int, now_us: int, lease_s: float) -> list[Ref]:
    rows = connection.execute(REPLAYABLE, parameters(replay.which, after=replay.last_delivery_id, limit=asked)).fetchall()
    refs: list[Ref] = []
    told: list[EventRow] = []
    living = [row for row in rows if row[6] > now_us]
    for delivery_id, sequence, lane, attempt, shard, priority, _, header in living:
        ahead = [] if lane is None else open_states(connection, lane)
        state = entry_state("push", ahead)
        ready = state is State.READY
        due_us = now_us + span_us(lease_s) if ready else None
        connection.execute(_REVIVE, (int(state), due_us, now_us if ready else None, delivery_id))
        detail = f"replay {replay.replay_id}, {replay.operator}"
        told.append(EventRow(now_us, REPLAYED, sequence, delivery_id, detail=detail))
        if ready:
            refs.append(Ref(delivery_id, attempt + 1, shard, priority, traceparent_of(header)))
    log.tell(connection, told)
    seen = [row[0] for row in rows]
    _save(connection, stepped(replay, seen, len(rows) - len(living), asked, moment_of(now_us)))
    return refs


def _save(connection: sqlite3.Connection, replay: Replay) -> None:
    connection.execute(_SAVE, (replay.state, encode_replay(replay), replay.replay_id))
