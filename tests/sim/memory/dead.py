"""Dead letters: looking them up, putting them back on their way, seeing to them."""

from collections.abc import Iterator

import msgspec

from contracts.agency import AgencyCode
from contracts.text import identifier_key
from lgsp.core.lanes import entry_state
from lgsp.core.lifecycle import State
from lgsp.core.replay import DeadLetterFilter, Replay, allowance, cancelled, stepped
from lgsp.journal.codec import EventRow, dead_letter, dead_letter_count, micros, moment_of, span_us
from lgsp.journal.leaves import replay_action
from lgsp.journal.moves import REPLAYED
from lgsp.ports import DeadLetter, DeadLetterCount, Ref
from tests.sim.memory.tables import Delivery, Tables


def dead_letters(tables: Tables, which: DeadLetterFilter, after: int, limit: int) -> list[DeadLetter]:
    return [_letter(tables, one) for one in list(_found(tables, which, after))[:limit]]


def count_dead_letters(tables: Tables, which: DeadLetterFilter, now_us: int) -> DeadLetterCount:
    rows: dict[str, tuple[str, int, int, int]] = {}
    for one in _found(tables, which):
        who, ended_us = one.row.recipient, one.ended_at or 0
        _, letters, expired, oldest = rows.get(who, (who, 0, 0, ended_us))
        rows[who] = (who, letters + 1, expired + (one.row.expires_at <= now_us), min(oldest, ended_us))
    return dead_letter_count(rows.values())


def start_replay(tables: Tables, replay: Replay) -> int:
    number = len(tables.replays) + 1
    tables.replays.append(msgspec.structs.replace(replay, replay_id=number))
    tables.grow([replay_action("replay_started", replay, number, replay.created_at)])
    return number


def step_replays(tables: Tables, now_us: int, limit: int, lease_s: float) -> list[Ref]:
    refs: list[Ref] = []
    for replay in [one for one in tables.replays if one.state == "running"]:
        asked = allowance(replay, moment_of(now_us), limit - len(refs))
        if asked > 0:
            refs += _step(tables, replay, asked, now_us, lease_s)
    return refs


def cancel_replay(tables: Tables, replay_id: int, now_us: int) -> Replay | None:
    if not 1 <= replay_id <= len(tables.replays):
        return None
    before, now = tables.replays[replay_id - 1], moment_of(now_us)
    after = cancelled(before, now)
    if after != before:
        tables.grow([replay_action("replay_cancelled", after, replay_id, now)])
    return _save(tables, after)


def resolve(tables: Tables, which: DeadLetterFilter, operator: str, note: str, now_us: int) -> int:
    found = list(_found(tables, which))
    for one in found:
        tables.change(one, resolved_at=now_us)
        tables.tell(EventRow(now_us, "resolved", one.row.sequence, one.number, detail=f"{operator}: {note}"))
    return len(found)


def _step(tables: Tables, replay: Replay, asked: int, now_us: int, lease_s: float) -> list[Ref]:
    found = list(_found(tables, replay.which, replay.last_delivery_id))[:asked]
    living = [one for one in found if one.row.expires_at > now_us]
    refs = []
    for one in living:
        state = entry_state("push", tables.states(one.row.lane))
        ready = state is State.READY
        revived = tables.change(
            one,
            state=state,
            attempt=one.attempt + 1,
            postponed=one.attempt,
            due_at=now_us + span_us(lease_s) if ready else None,
            ready_at=now_us if ready else None,
            ended_at=None,
            reason="",
            detail="",
            replays=one.replays + 1,
        )
        told = f"replay {replay.replay_id}, {replay.operator}"
        tables.tell(EventRow(now_us, REPLAYED, one.row.sequence, one.number, detail=told))
        if ready:
            refs.append(tables.ref(revived))
    _save(tables, stepped(replay, [one.number for one in found], len(found) - len(living), asked, moment_of(now_us)))
    return refs


def _save(tables: Tables, replay: Replay) -> Replay:
    tables.replays[replay.replay_id - 1] = replay
    return replay


def _found(tables: Tables, which: DeadLetterFilter, after: int = 0) -> Iterator[Delivery]:
    for number in sorted(tables.deliveries):
        one = tables.deliveries[number]
        if number > after and one.state is State.DEAD and _is_meant(tables, one, which):
            yield one


def _is_meant(tables: Tables, one: Delivery, which: DeadLetterFilter) -> bool:
    kept, ended_us = tables.kept(one), one.ended_at or 0
    sender, recipient, kind = kept.row.sender, one.row.recipient, kept.row.kind
    parties = (recipient,) if one.row.copy else (recipient, sender)
    return (
        (which.resolved or one.resolved_at is None)
        and (which.party is None or which.party in parties)
        and which.sender in (None, sender)
        and which.recipient in (None, recipient)
        and which.kind in (None, kind, kind.partition("/")[0])
        and which.reason in (None, one.reason)
        and (which.since is None or micros(which.since) <= ended_us)
        and (which.until is None or ended_us < micros(which.until))
        and (which.case is None or identifier_key(which.case) in kept.keys)
        and (not which.delivery_ids or one.number in which.delivery_ids)
    )


def _letter(tables: Tables, one: Delivery) -> DeadLetter:
    kept, row = tables.kept(one), one.row
    return dead_letter(
        row.delivery_id,
        row.sequence,
        kept.envelope.sender,
        kept.row.message_id,
        AgencyCode(row.recipient),
        kept.row.kind,
        row.priority,
        kept.row.accepted_at,
        row.expires_at,
        one.ended_at or 0,
        one.attempt - one.postponed,
        one.reason,
        one.detail,
        one.resolved_at,
        row.copy,
        kept.row.header,
    )
