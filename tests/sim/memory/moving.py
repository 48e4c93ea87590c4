"""Accepting, settling, publishing: what moves deliveries. Inside a transaction."""

from collections.abc import Sequence

import msgspec

from lgsp.core.admission import Admitted
from lgsp.core.lifecycle import State
from lgsp.journal.acceptance import Numbers, Written, write
from lgsp.journal.codec import FIRST_ATTEMPT, MODES, EventRow, span_us
from lgsp.journal.moves import Standing, decide, enter, let_go
from lgsp.ports import Accepted, Ref, Reused, Settled, Settlement
from tests.sim.memory.keeping import open_anew
from tests.sim.memory.tables import Delivery, Kept, Tables


def accept(tables: Tables, batch: Sequence[Admitted], now_us: int, ready_lease_s: float) -> list[Accepted | Reused]:
    fresh: dict[tuple[str, str], Admitted] = {}
    for admitted in batch:
        if _key(admitted) not in tables.known:
            fresh.setdefault(_key(admitted), admitted)
    new = dict(zip(fresh, _write(tables, list(fresh.values()), now_us, ready_lease_s), strict=True))
    return [new.pop(_key(one), None) or _again(tables, one) for one in batch]


def _key(admitted: Admitted) -> tuple[str, str]:
    return admitted.envelope.sender, admitted.envelope.message_id


def _again(tables: Tables, admitted: Admitted) -> Accepted | Reused:
    before = tables.known[_key(admitted)]
    if before.row.digest != admitted.digest:
        return Reused(sequence=before.row.sequence, digest=before.row.digest)
    return msgspec.structs.replace(before.accepted, fresh=False, ready=(), logged=None)


def _write(tables: Tables, fresh: Sequence[Admitted], now_us: int, ready_lease_s: float) -> list[Accepted]:
    if not fresh:
        return []
    ahead = {hop.lane: tables.states(hop.lane) for one in fresh for hop in one.hops if hop.lane is not None}
    entering = [enter(one.hops, ahead) for one in fresh]
    last = Numbers(len(tables.envelopes), len(tables.deliveries), tables.tree)
    batch = write(fresh, entering, last, tables.pairs, now_us, ready_lease_s, tables.salts(len(fresh)))
    tables.grow(batch.grown.leaves)
    for admitted, rows, accepted in zip(fresh, batch.rows, batch.accepted, strict=True):
        _keep(tables, admitted, rows, accepted)
    return batch.accepted


def _keep(tables: Tables, admitted: Admitted, rows: Written, accepted: Accepted) -> None:
    kept = Kept(rows.envelope, admitted.envelope, admitted.order_key, admitted.identifiers, rows.identifier_keys, accepted)
    tables.envelopes.append(kept)
    tables.known[kept.row.sender, kept.row.message_id] = kept
    for row in rows.deliveries:
        tables.put(Delivery(row, State(row.state), row.attempt, row.due_at, row.ready_at))
    tables.events += rows.events
    for access in rows.access:
        open_anew(tables, access.digest)
        tables.files.setdefault((access.digest, access.agency), access.size_bytes)
        tables.shut.discard((access.digest, access.agency))
    if admitted.examined is not None:
        tables.examinations[kept.row.sequence] = admitted.examined.examination
        for exhibit in admitted.examined.exhibits:
            tables.exhibits.setdefault(exhibit.digest, exhibit)


def settle(tables: Tables, batch: Sequence[Settlement], now_us: int, ready_lease_s: float) -> list[Settled]:
    """Lanes are released once, after all of the batch is recorded, as by the real stores."""
    answers: list[Settled] = []
    ended: dict[int, int] = {}  # lane -> place of the last settlement that ended a delivery of it
    for place, settlement in enumerate(batch):
        lane = _record(tables, settlement, now_us, span_us(ready_lease_s), answers)
        if lane is not None:
            ended[lane] = place
    ready: dict[int, list[Ref]] = {}
    for lane, place in ended.items():
        ready.setdefault(place, []).extend(_release(tables, lane, now_us, ready_lease_s))
    for place, (settlement, settled) in enumerate(zip(batch, answers, strict=True)):
        if settled.applied and settlement.notice is not None:
            (notice,) = accept(tables, [settlement.notice], now_us, ready_lease_s)
            ready.setdefault(place, []).extend(notice.ready if isinstance(notice, Accepted) else ())
    for place, refs in ready.items():
        answers[place] = msgspec.structs.replace(answers[place], ready=tuple(refs))
    return answers


def mark_queued(tables: Tables, refs: Sequence[Ref], stuck_us: int) -> None:
    for ref in refs:
        one = tables.open.get(ref.delivery_id)
        if one is not None and one.state is State.READY and one.attempt == ref.attempt:
            tables.change(one, state=State.QUEUED, due_at=stuck_us)


def take_due(tables: Tables, now_us: int, limit: int, lease_s: float) -> list[Ref]:
    late = [one for one in tables.open.values() if one.state in (State.READY, State.QUEUED) and _due(one) <= now_us]
    due = sorted((-one.row.priority, _due(one), one.number) for one in late if one.state is State.READY)
    stuck = sorted((0, _due(one), one.number) for one in late if one.state is State.QUEUED)
    taken = [tables.deliveries[number] for _, _, number in (*due, *stuck)[:limit]]
    return [tables.ref(tables.change(one, state=State.READY, due_at=now_us + span_us(lease_s))) for one in taken]


def requeue_all(tables: Tables, now_us: int, lease_s: float) -> int:
    until_us = now_us + span_us(lease_s)
    lost = [one for one in tables.open.values() if one.state is State.QUEUED or _is_leased(one, now_us, until_us)]
    for one in lost:
        tables.change(one, state=State.READY, due_at=now_us)
    return len(lost)


def _record(tables: Tables, settlement: Settlement, now_us: int, lease_us: int, answers: list[Settled]) -> int | None:
    """Appends the answer, still without refs. The lane of which it ended a delivery."""
    one = tables.deliveries.get(settlement.delivery_id)
    held = one is not None and one.row.recipient in tables.holds
    new = decide(None if one is None else _standing(one), settlement, held, now_us, lease_us)
    if one is None or isinstance(new, Settled):
        answers.append(new if isinstance(new, Settled) else Settled(applied=False, state=None))
        return None
    told = (settlement.reason, settlement.detail)
    if new.event:
        tries = one.attempt - one.postponed
        tables.tell(EventRow(now_us, new.event, one.row.sequence, one.number, tries, *told, settlement.took_ms))
    answers.append(Settled(applied=new.applied, state=new.state))
    if not new.applied:
        tables.change(one, recall=new.recall)
        return None
    tables.change(
        one,
        state=new.state,
        attempt=new.attempt,
        postponed=new.postponed,
        due_at=new.due_at,
        ended_at=new.ended_at,
        recall=new.recall,
        reason=settlement.reason,
        detail=settlement.detail,
    )
    return one.row.lane if new.ends else None


def _release(tables: Tables, lane: int, now_us: int, ready_lease_s: float) -> list[Ref]:
    """The refs of what the lane lets go."""
    ahead = [state for state in tables.states(lane) if state is not State.WAITING]
    waiting = [(MODES[one.row.mode], one) for one in tables.in_lane(lane) if one.state is State.WAITING]
    refs = []
    for one, state in let_go(ahead, waiting):
        if state is State.READY:
            due_us = now_us + span_us(ready_lease_s)
            refs.append(tables.ref(tables.change(one, state=state, due_at=due_us, ready_at=now_us)))
        else:
            tables.change(one, state=state)
            tables.tell(EventRow(now_us, state.label, one.row.sequence, one.number))
    return refs


def _standing(one: Delivery) -> Standing:
    row = one.row
    place = (row.delivery_id, row.sequence, row.recipient, row.lane)
    return Standing(*place, one.state, one.attempt, one.postponed, one.due_at, one.fetched_at, one.recall)


def _due(one: Delivery) -> int:
    return 0 if one.due_at is None else one.due_at


def _is_leased(one: Delivery, now_us: int, until_us: int) -> bool:
    """READY for its first attempt, and due within a lease that nobody holds any more."""
    return one.state is State.READY and one.attempt == FIRST_ATTEMPT and now_us < _due(one) <= until_us
