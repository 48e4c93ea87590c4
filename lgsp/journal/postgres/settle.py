"""What became of attempts. Called inside `Database.writing`.

The batch is decided here, one settlement after the other, over the deliveries as they stand; so it takes one SELECT and one
UPDATE. Their rows need no lock in between: whoever else changes a state or an attempt holds the write lock too, except
`mark_queued` (READY to QUEUED) and `take_due` (a later due time, QUEUED to READY). That changes nothing of what is decided or
written here: the same moves are open to both states, and what these two touch was due or published, so that a withdrawal finds
it out of reach before and after. The other way round, `mark_queued` and `take_due` skip rows that are being written and look
again at those that have been (see queue.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lgsp.core.lifecycle import State
from lgsp.journal.codec import EventRow, span_us
from lgsp.journal.moves import Change, Standing, decide, standing
from lgsp.journal.postgres import log
from lgsp.journal.postgres.accept import accept
from lgsp.journal.postgres.database import Connection
from lgsp.journal.postgres.lanes import release
from lgsp.ports import Accepted, Ref, Settled, Settlement

STANDING = """
SELECT d.delivery_id, d.sequence, d.recipient, d.lane, d.state, d.attempt, d.postponed, d.due_at, d.fetched_at, d.recall
FROM unnest($1::bigint[]) AS s (delivery_id) JOIN deliveries d ON d.delivery_id = s.delivery_id"""

HELD = "SELECT h.recipient FROM unnest($1::text[]) AS r (recipient) JOIN holds h ON h.recipient = r.recipient"

# One round trip for both: events in the order of their arrays, then the new values of the deliveries.
RECORD = """
WITH told AS (
    INSERT INTO events (at, name, sequence, delivery_id, attempt, reason, detail, took_ms, leaf_index, salt)
    SELECT * FROM unnest($10::bigint[], $11::text[], $12::bigint[], $13::bigint[],
        $14::integer[], $15::text[], $16::text[], $17::integer[], $18::bigint[], $19::bytea[])
)
UPDATE deliveries d
SET state = m.state, attempt = m.attempt, postponed = m.postponed, due_at = m.due_at, ended_at = m.ended_at, recall = m.recall,
    reason = m.reason, detail = m.detail
FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::integer[], $5::bigint[], $6::bigint[], $7::smallint[],
        $8::text[], $9::text[])
    AS m (delivery_id, state, attempt, postponed, due_at, ended_at, recall, reason, detail)
WHERE d.delivery_id = m.delivery_id"""

NOTE = """
UPDATE deliveries d SET recall = n.recall FROM unnest($1::bigint[], $2::smallint[]) AS n (delivery_id, recall)
WHERE d.delivery_id = n.delivery_id"""

_NO_DELIVERIES: tuple[tuple[()], ...] = ((),) * 9
_NO_EVENTS: tuple[tuple[()], ...] = ((),) * len(EventRow._fields)


@dataclass(slots=True)
class _Outcome:
    """A settlement that changes its delivery, as it stood, with the refs that become ready by it."""

    settlement: Settlement
    before: Standing
    change: Change
    ready: list[Ref] = field(default_factory=list)


async def settle(connection: Connection, batch: Sequence[Settlement], now_us: int, ready_lease_s: float) -> list[Settled]:
    """As `Journal.settle`, within the transaction under way. Lanes are released after all of the batch is recorded: what ended
    in it as well is never published."""
    found = await _standing(connection, {settlement.delivery_id for settlement in batch})
    held = await _held(connection, batch, found)
    answers = _decide(found, batch, held, now_us, span_us(ready_lease_s))
    changed = [one for one in answers if isinstance(one, _Outcome)]
    if changed:
        await _record(connection, changed, now_us)
        await _release_lanes(connection, changed, now_us, ready_lease_s)
        await _accept_notices(connection, changed, now_us, ready_lease_s)
    return [_settled(one) if isinstance(one, _Outcome) else one for one in answers]


async def _standing(connection: Connection, delivery_ids: Iterable[int]) -> dict[int, Standing]:
    return {row[0]: standing(*row) for row in await connection.fetch(STANDING, list(delivery_ids))}


async def _held(connection: Connection, batch: Sequence[Settlement], found: Mapping[int, Standing]) -> set[str]:
    """Recipients on hold, of those for whom somebody wants to park."""
    parking = [found.get(one.delivery_id) for one in batch if one.state is State.PARKED]
    recipients = {one.recipient for one in parking if one is not None}
    return {recipient for (recipient,) in await connection.fetch(HELD, list(recipients))} if recipients else set()


def _decide(
    found: dict[int, Standing], batch: Sequence[Settlement], held: set[str], now_us: int, lease_us: int
) -> list[_Outcome | Settled]:
    """One after the other; `found` is brought up to date."""
    answers: list[_Outcome | Settled] = []
    for settlement in batch:
        one = found.get(settlement.delivery_id)
        new = decide(one, settlement, one is not None and one.recipient in held, now_us, lease_us)
        if one is None or isinstance(new, Settled):
            answers.append(new if isinstance(new, Settled) else Settled(applied=False, state=None))
            continue
        found[one.delivery_id] = new.over(one)
        answers.append(_Outcome(settlement, one, new))
    return answers


def _settled(one: _Outcome) -> Settled:
    return Settled(applied=one.change.applied, state=one.change.state, ready=tuple(one.ready))


async def _record(connection: Connection, changed: Sequence[_Outcome], now_us: int) -> None:
    last = {one.before.delivery_id: _columns(one) for one in changed if one.change.applied}
    told = [_event(one, now_us) for one in changed if one.change.event]
    events = await log.leaves_of(connection, told) if told else []
    deliveries = zip(*last.values(), strict=True) if last else _NO_DELIVERIES
    await connection.execute(RECORD, *deliveries, *(zip(*events, strict=True) if events else _NO_EVENTS))
    noted = {one.before.delivery_id: one.change.recall for one in changed if not one.change.applied}
    if noted:
        await connection.execute(NOTE, list(noted), list(noted.values()))


def _columns(one: _Outcome) -> tuple[object, ...]:
    new, told = one.change, (one.settlement.reason, one.settlement.detail)
    return one.before.delivery_id, new.state, new.attempt, new.postponed, new.due_at, new.ended_at, new.recall, *told


def _event(one: _Outcome, now_us: int) -> EventRow:
    told = (one.settlement.reason, one.settlement.detail, one.settlement.took_ms)
    return EventRow(now_us, one.change.event, one.before.sequence, one.before.delivery_id, one.before.tries, *told)


async def _release_lanes(connection: Connection, changed: Sequence[_Outcome], now_us: int, ready_lease_s: float) -> None:
    """What a lane lets go belongs to the last settlement that ended one of its deliveries."""
    ended = {one.before.lane: one for one in changed if one.before.lane is not None and one.change.ends}
    for lane, refs in (await release(connection, list(ended), now_us, ready_lease_s)).items():
        ended[lane].ready.extend(refs)


async def _accept_notices(connection: Connection, changed: Sequence[_Outcome], now_us: int, ready_lease_s: float) -> None:
    noticed = [(one, one.settlement.notice) for one in changed if one.change.applied and one.settlement.notice is not None]
    if not noticed:
        return
    answers = await accept(connection, [notice for _, notice in noticed], now_us, ready_lease_s)
    for (one, _), answer in zip(noticed, answers, strict=True):
        if isinstance(answer, Accepted):
            one.ready.extend(answer.ready)
