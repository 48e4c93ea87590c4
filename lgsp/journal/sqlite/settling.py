"""Recording outcomes and releasing what waited behind them. Called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from lgsp.core.lifecycle import State
from lgsp.journal.codec import MODES, EventRow, span_us, traceparent_of
from lgsp.journal.moves import Standing, decide, let_go, standing
from lgsp.journal.sqlite import log
from lgsp.journal.sqlite.accepting import accept, json_text, open_states
from lgsp.ports import Accepted, Ref, Settled, Settlement

STANDING = """
SELECT delivery_id, sequence, recipient, lane, state, attempt, postponed, due_at, fetched_at, recall FROM deliveries
WHERE delivery_id IN (SELECT value FROM json_each(?))"""
HELD = "SELECT recipient FROM holds WHERE recipient IN (SELECT value FROM json_each(?))"
_CHANGE = """
UPDATE deliveries SET state = ?, attempt = ?, postponed = ?, due_at = ?, ended_at = ?, recall = ?, reason = ?, detail = ?
WHERE delivery_id = ?"""
_NOTE = "UPDATE deliveries SET recall = ? WHERE delivery_id = ?"
_RELEASE = "UPDATE deliveries SET state = ?, due_at = ?, ready_at = ? WHERE delivery_id = ?"
HELD_BACK = (
    "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM deliveries WHERE lane = value AND ended_at IS NULL AND state = 0)"
)
WAITING = """
SELECT mode, delivery_id, attempt, shard, priority, sequence FROM deliveries
WHERE lane = ? AND ended_at IS NULL AND state = 0 ORDER BY delivery_id"""
_HEADER = "SELECT header FROM envelopes WHERE sequence = ?"


def settle(connection: sqlite3.Connection, batch: Sequence[Settlement], now_us: int, ready_lease_s: float) -> list[Settled]:
    """As `Journal.settle`, within the transaction under way.

    Lanes are released once, after all of the batch is recorded: what ended in it as well is never published. The refs come back
    with the last settlement that ended a delivery of the lane.
    """
    answers, ended = _record(connection, batch, now_us, span_us(ready_lease_s))
    ready: dict[int, list[Ref]] = {}
    for (lane,) in connection.execute(HELD_BACK, (json_text(ended),)).fetchall():
        ready.setdefault(ended[lane], []).extend(_release(connection, lane, now_us, ready_lease_s))
    for place, noticed in _accept_notices(connection, batch, answers, now_us, ready_lease_s):
        ready.setdefault(place, []).extend(noticed)
    for place, refs in ready.items():
        answers[place] = msgspec.structs.replace(answers[place], ready=tuple(refs))
    return answers


def _record(
    connection: sqlite3.Connection, batch: Sequence[Settlement], now_us: int, lease_us: int
) -> tuple[list[Settled], dict[int, int]]:
    """The answers, still without refs, and for each lane the place of the last settlement that ended a delivery of it."""
    found = _standing(connection, batch)
    held = _held(connection, batch, found)
    answers: list[Settled] = []
    ended: dict[int, int] = {}
    changes: list[tuple[object, ...]] = []
    notes: list[tuple[int, int]] = []
    events: list[EventRow] = []
    for place, settlement in enumerate(batch):
        one = found.get(settlement.delivery_id)
        new = decide(one, settlement, one is not None and one.recipient in held, now_us, lease_us)
        if one is None or isinstance(new, Settled):
            answers.append(new if isinstance(new, Settled) else Settled(applied=False, state=None))
            continue
        found[one.delivery_id] = new.over(one)
        told = (settlement.reason, settlement.detail)
        if new.event:
            events.append(EventRow(now_us, new.event, one.sequence, one.delivery_id, one.tries, *told, settlement.took_ms))
        answers.append(Settled(applied=new.applied, state=new.state))
        if not new.applied:
            notes.append((int(new.recall), one.delivery_id))
            continue
        values = (int(new.state), new.attempt, new.postponed, new.due_at, new.ended_at, int(new.recall))
        changes.append((*values, *told, one.delivery_id))
        if one.lane is not None and new.ends:
            ended[one.lane] = place
    connection.executemany(_CHANGE, changes)
    connection.executemany(_NOTE, notes)
    log.tell(connection, events)
    return answers, ended


def _standing(connection: sqlite3.Connection, batch: Sequence[Settlement]) -> dict[int, Standing]:
    rows = connection.execute(STANDING, (json_text(settlement.delivery_id for settlement in batch),))
    return {row[0]: standing(*row) for row in rows}


def _held(connection: sqlite3.Connection, batch: Sequence[Settlement], found: Mapping[int, Standing]) -> set[str]:
    """Recipients on hold, of those that somebody wants to park."""
    parking = [one.delivery_id for one in batch if one.state is State.PARKED]
    recipients = {found[one].recipient for one in parking if one in found}
    return {recipient for (recipient,) in connection.execute(HELD, (json_text(recipients),))} if recipients else set()


def _release(connection: sqlite3.Connection, lane: int, now_us: int, ready_lease_s: float) -> list[Ref]:
    """The refs of what the lane lets go."""
    ahead = [state for state in open_states(connection, lane) if state is not State.WAITING]
    due_us = now_us + span_us(ready_lease_s)
    refs: list[Ref] = []
    changes: list[tuple[int, int | None, int | None, int]] = []
    events: list[EventRow] = []
    waiting = ((MODES[mode], row) for mode, *row in connection.execute(WAITING, (lane,)))
    for (delivery_id, attempt, shard, priority, sequence), state in let_go(ahead, waiting):
        if state is State.READY:
            changes.append((int(state), due_us, now_us, delivery_id))
            refs.append(Ref(delivery_id, attempt, shard, priority, _traceparent(connection, sequence)))
        else:
            changes.append((int(state), None, None, delivery_id))
            events.append(EventRow(now_us, state.label, sequence, delivery_id))
    connection.executemany(_RELEASE, changes)
    log.tell(connection, events)
    return refs


def _traceparent(connection: sqlite3.Connection, sequence: int) -> str | None:
    return traceparent_of(connection.execute(_HEADER, (sequence,)).fetchone()[0])


def _accept_notices(
    connection: sqlite3.Connection, batch: Sequence[Settlement], answers: Sequence[Settled], now_us: int, ready_lease_s: float
) -> list[tuple[int, tuple[Ref, ...]]]:
    noticed = [
        (place, settlement.notice)
        for place, (settlement, settled) in enumerate(zip(batch, answers, strict=True))
        if settled.applied and settlement.notice is not None
    ]
    accepted = accept(connection, [notice for _, notice in noticed], now_us, ready_lease_s) if noticed else []
    return [(place, one.ready) for (place, _), one in zip(noticed, accepted, strict=True) if isinstance(one, Accepted)]
