"""Recording outcomes and releasing what waited behind them. Called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Sequence

import msgspec

from lgsp.core.lanes import entry_state
from lgsp.core.lifecycle import State
from lgsp.journal.codec import MODES, EventRow, span_us, traceparent_of
from lgsp.journal.moves import applies, change
from lgsp.journal.sqlite.accepting import INSERT_EVENT, accept, open_states
from lgsp.ports import Accepted, Ref, Settled, Settlement

_DELIVERY = "SELECT state, attempt, recipient, lane, sequence FROM deliveries WHERE delivery_id = ?"
_CHANGE = "UPDATE deliveries SET state = ?, attempt = ?, due_at = ?, ended_at = ?, reason = ?, detail = ? WHERE delivery_id = ?"
_RELEASE = "UPDATE deliveries SET state = ?, due_at = ? WHERE delivery_id = ?"
WAITING = """
SELECT delivery_id, attempt, shard, priority, mode, sequence FROM deliveries
WHERE lane = ? AND state < 10 AND state = 0 ORDER BY delivery_id"""
EXPIRED = "SELECT delivery_id FROM deliveries WHERE state < 10 AND expires_at <= ? ORDER BY expires_at, delivery_id LIMIT ?"
_HEADER = "SELECT header FROM envelopes WHERE sequence = ?"


def settle(connection: sqlite3.Connection, batch: Sequence[Settlement], now_us: int, ready_lease_s: float) -> list[Settled]:
    """As `Journal.settle`, within the transaction under way.

    Lanes are released once, after all of the batch is recorded: what ended in it as well is never published.
    """
    answers: list[Settled] = []
    lanes: dict[int, int] = {}  # lane -> place of the last settlement that ended a delivery of it
    for place, settlement in enumerate(batch):
        settled, lane = _record(connection, settlement, now_us)
        answers.append(settled)
        if settled.applied and lane is not None and settlement.state.is_final:
            lanes[lane] = place
    ready: dict[int, list[Ref]] = {}
    for lane, place in lanes.items():
        ready.setdefault(place, []).extend(_release(connection, lane, now_us, ready_lease_s))
    for place, noticed in _accept_notices(connection, batch, answers, now_us, ready_lease_s):
        ready.setdefault(place, []).extend(noticed)
    for place, refs in ready.items():
        answers[place] = msgspec.structs.replace(answers[place], ready=tuple(refs))
    return answers


def expire(connection: sqlite3.Connection, now_us: int, limit: int, ready_lease_s: float) -> list[tuple[int, Settled]]:
    """As `Journal.expire`, within the transaction under way."""
    overdue = [delivery_id for (delivery_id,) in connection.execute(EXPIRED, (now_us, limit))]
    endings = [Settlement(delivery_id=one, state=State.EXPIRED, reason="delivery.expired") for one in overdue]
    return list(zip(overdue, settle(connection, endings, now_us, ready_lease_s), strict=True))


def _record(connection: sqlite3.Connection, settlement: Settlement, now_us: int) -> tuple[Settled, int | None]:
    row = connection.execute(_DELIVERY, (settlement.delivery_id,)).fetchone()
    if row is None:
        return Settled(applied=False, state=None), None
    number, attempt, recipient, lane, sequence = row
    state = State(number)
    if not applies(state, attempt, recipient, settlement):
        is_foreign = settlement.recipient not in (None, recipient)
        return Settled(applied=False, state=None if is_foreign else state), None
    new = change(attempt, settlement, now_us)
    reason, detail, delivery_id = settlement.reason, settlement.detail, settlement.delivery_id
    connection.execute(_CHANGE, (int(new.state), new.attempt, new.due_at, new.ended_at, reason, detail, delivery_id))
    event = EventRow(now_us, new.event, sequence, delivery_id, attempt, reason, detail, settlement.took_ms)
    connection.execute(INSERT_EVENT, event)
    return Settled(applied=True, state=new.state), lane


def _release(connection: sqlite3.Connection, lane: int, now_us: int, ready_lease_s: float) -> list[Ref]:
    """What waited enters as `core.lanes.entry_state` says, until the first that has to go on waiting."""
    ahead = [state for state in open_states(connection, lane) if state is not State.WAITING]
    due_us = now_us + span_us(ready_lease_s)
    refs: list[Ref] = []
    changes: list[tuple[int, int | None, int]] = []
    events: list[EventRow] = []
    for delivery_id, attempt, shard, priority, mode, sequence in connection.execute(WAITING, (lane,)):
        state = entry_state(MODES[mode], ahead)
        if state is State.WAITING:
            break
        ahead = [state]
        if state is State.READY:
            changes.append((int(state), due_us, delivery_id))
            refs.append(Ref(delivery_id, attempt, shard, priority, _traceparent(connection, sequence)))
        else:
            changes.append((int(state), None, delivery_id))
            events.append(EventRow(now_us, state.label, sequence, delivery_id))
    connection.executemany(_RELEASE, changes)
    connection.executemany(INSERT_EVENT, events)
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
