"""What became of attempts. Called inside `Database.writing`.

The batch is decided here, one settlement after the other, over the deliveries as they stand; so it takes one SELECT and one
UPDATE. Their rows need no lock in between: whoever else changes a state or an attempt holds the write lock too, except
`mark_queued` (READY to QUEUED), and that changes nothing of what is decided or written here. The other way round,
`mark_queued` and `take_due` skip rows that are being written and look again at those that have been (see queue.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lgsp.core.lifecycle import State
from lgsp.journal.codec import EventRow
from lgsp.journal.moves import applies, change
from lgsp.journal.postgres.accept import accept
from lgsp.journal.postgres.database import Connection
from lgsp.journal.postgres.lanes import release
from lgsp.ports import Accepted, Ref, Settled, Settlement

STANDING = """
SELECT d.delivery_id, d.sequence, d.recipient, d.lane, d.state, d.attempt, d.postponed
FROM unnest($1::bigint[]) AS s (delivery_id) JOIN deliveries d ON d.delivery_id = s.delivery_id"""

# One round trip for both: events in the order of their arrays, then the new values of the deliveries.
RECORD = """
WITH told AS (
    INSERT INTO events (at, name, sequence, delivery_id, attempt, reason, detail, took_ms)
    SELECT * FROM unnest($9::bigint[], $10::text[], $11::bigint[], $12::bigint[],
        $13::integer[], $14::text[], $15::text[], $16::integer[])
)
UPDATE deliveries d
SET state = m.state, attempt = m.attempt, postponed = m.postponed, due_at = m.due_at, ended_at = m.ended_at,
    reason = m.reason, detail = m.detail
FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::integer[], $5::bigint[], $6::bigint[], $7::text[], $8::text[])
    AS m (delivery_id, state, attempt, postponed, due_at, ended_at, reason, detail)
WHERE d.delivery_id = m.delivery_id"""

_NO_EVENTS: tuple[tuple[()], ...] = ((),) * len(EventRow._fields)


@dataclass(slots=True)
class _Standing:
    """A delivery as it stands while the batch is decided, then as it is to be written."""

    delivery_id: int
    sequence: int
    recipient: str
    lane: int | None
    state: State
    attempt: int
    postponed: int
    due_at: int | None = None
    ended_at: int | None = None
    reason: str = ""
    detail: str = ""


@dataclass(slots=True)
class _Applied:
    """A settlement that applies, with the refs that become ready by it."""

    settlement: Settlement
    delivery: _Standing
    event: EventRow | None
    ready: list[Ref] = field(default_factory=list)


async def settle(connection: Connection, batch: Sequence[Settlement], now_us: int, ready_lease_s: float) -> list[Settled]:
    """As `Journal.settle`, within the transaction under way. Lanes are released after all of the batch is recorded: what ended
    in it as well is never published."""
    standing = await _standing(connection, {settlement.delivery_id for settlement in batch})
    outcomes = [_apply(standing.get(settlement.delivery_id), settlement, now_us) for settlement in batch]
    applied = [one for one in outcomes if isinstance(one, _Applied)]
    if applied:
        await _record(connection, {one.settlement.delivery_id: one.delivery for one in applied}.values(), applied)
        await _release_lanes(connection, applied, now_us, ready_lease_s)
        await _accept_notices(connection, applied, now_us, ready_lease_s)
    return [
        Settled(applied=True, state=one.settlement.state, ready=tuple(one.ready)) if isinstance(one, _Applied) else one
        for one in outcomes
    ]


async def _standing(connection: Connection, delivery_ids: Iterable[int]) -> dict[int, _Standing]:
    rows = await connection.fetch(STANDING, list(delivery_ids))
    return {
        delivery_id: _Standing(delivery_id, sequence, recipient, lane, State(state), attempt, postponed)
        for delivery_id, sequence, recipient, lane, state, attempt, postponed in rows
    }


def _apply(delivery: _Standing | None, settlement: Settlement, now_us: int) -> _Applied | Settled:
    if delivery is None or settlement.recipient not in (None, delivery.recipient):
        return Settled(applied=False, state=None)
    if not applies(delivery.state, delivery.attempt, delivery.recipient, settlement):
        return Settled(applied=False, state=delivery.state)
    tries = delivery.attempt - delivery.postponed
    changed = change(delivery.attempt, delivery.postponed, settlement, now_us)
    delivery.state, delivery.attempt, delivery.postponed = changed.state, changed.attempt, changed.postponed
    delivery.due_at, delivery.ended_at = changed.due_at, changed.ended_at
    delivery.reason, delivery.detail = settlement.reason, settlement.detail
    told = (settlement.reason, settlement.detail, settlement.took_ms)
    event = EventRow(now_us, changed.event, delivery.sequence, delivery.delivery_id, tries, *told) if changed.event else None
    return _Applied(settlement, delivery, event)


async def _record(connection: Connection, moved: Iterable[_Standing], applied: Sequence[_Applied]) -> None:
    deliveries = [
        (one.delivery_id, one.state, one.attempt, one.postponed, one.due_at, one.ended_at, one.reason, one.detail)
        for one in moved
    ]
    events = [one.event for one in applied if one.event is not None]
    columns = zip(*events, strict=True) if events else _NO_EVENTS
    await connection.execute(RECORD, *zip(*deliveries, strict=True), *columns)


async def _release_lanes(connection: Connection, applied: Sequence[_Applied], now_us: int, ready_lease_s: float) -> None:
    """What a lane lets go belongs to the last settlement that ended one of its deliveries."""
    ended = {one.delivery.lane: one for one in applied if one.delivery.lane is not None and one.settlement.state.is_final}
    for lane, refs in (await release(connection, list(ended), now_us, ready_lease_s)).items():
        ended[lane].ready.extend(refs)


async def _accept_notices(connection: Connection, applied: Sequence[_Applied], now_us: int, ready_lease_s: float) -> None:
    noticed = [one for one in applied if one.settlement.notice is not None]
    if not noticed:
        return
    notices = [one.settlement.notice for one in noticed if one.settlement.notice is not None]
    for one, answer in zip(noticed, await accept(connection, notices, now_us, ready_lease_s), strict=True):
        if isinstance(answer, Accepted):
            one.ready.extend(answer.ready)
