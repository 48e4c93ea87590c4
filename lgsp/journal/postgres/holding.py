"""Recipients on hold, and what their holds let go. What writes is called inside `Database.writing`.

Only under the write lock does a hold change and is anything parked or let go: whoever parks finds the hold that will let it go,
and a hold that finds nothing left may end. However many holds are due, they cost a fixed number of statements.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from lgsp.core.hold import Cause, Hold, occurrence, rejuvenates, released, said
from lgsp.core.hold import ended as maintenance_ended
from lgsp.core.recall import Recall
from lgsp.journal.codec import EventRow, HoldRow, OccurrenceRow, moment_of, span_us, traceparent_of
from lgsp.journal.postgres import log
from lgsp.journal.postgres.database import Connection
from lgsp.ports import HeldRecipient, HoldChange, Occurrence, Ref

HOLD = """
SELECT h.recipient, h.cause, h.since, h.due_at, h.step, h.probe, h.ageless, h.reason, h.detail
FROM holds h WHERE h.recipient = $1"""

ANY_DUE = "SELECT EXISTS (SELECT FROM holds WHERE due_at <= $1)"

DUE_HOLDS = """
SELECT h.recipient, h.cause, h.since, h.due_at, h.step, h.probe, h.ageless, h.reason, h.detail
FROM holds h WHERE h.due_at <= $1 ORDER BY h.due_at LIMIT $2"""

PROBES = """
SELECT h.recipient, p.delivery_id, p.attempt, p.shard, p.priority, e.header
FROM unnest($1::text[]) AS h (recipient)
CROSS JOIN LATERAL (
    SELECT * FROM deliveries WHERE state = 4 AND recipient = h.recipient ORDER BY attempt, delivery_id LIMIT 1
) AS p
JOIN envelopes e ON e.sequence = p.sequence"""

ON_THEIR_WAY = """
SELECT d.delivery_id FROM unnest($1::bigint[]) AS p (delivery_id)
JOIN deliveries d ON d.delivery_id = p.delivery_id AND d.state + 0 IN (1, 2)"""

NEXT = """
SELECT h.recipient, p.delivery_id, p.attempt, p.shard, p.priority, e.header
FROM unnest($1::text[], $2::integer[]) AS h (recipient, step)
CROSS JOIN LATERAL (
    SELECT * FROM deliveries WHERE state = 4 AND recipient = h.recipient ORDER BY priority DESC, delivery_id LIMIT h.step
) AS p
JOIN envelopes e ON e.sequence = p.sequence
ORDER BY p.priority DESC, p.delivery_id"""

# $4: the recipients whose hold does not count against the age of what it parked.
GO = """
UPDATE deliveries d SET state = 1, due_at = $2, ready_at = CASE WHEN d.recipient = ANY ($4::text[]) THEN $3 ELSE d.ready_at END
FROM unnest($1::bigint[]) AS g (delivery_id) WHERE d.delivery_id = g.delivery_id"""

SAVE = """
INSERT INTO holds (recipient, cause, since, due_at, step, probe, ageless, reason, detail)
SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[], $7::boolean[],
    $8::text[], $9::text[])
ON CONFLICT (recipient) DO UPDATE
SET cause = EXCLUDED.cause, since = EXCLUDED.since, due_at = EXCLUDED.due_at, step = EXCLUDED.step, probe = EXCLUDED.probe,
    ageless = EXCLUDED.ageless, reason = EXCLUDED.reason, detail = EXCLUDED.detail"""

REMOVE = "DELETE FROM holds WHERE recipient = ANY ($1::text[])"

KEEP = """
UPDATE deliveries d SET due_at = $2 FROM unnest($1::bigint[]) AS k (delivery_id)
WHERE d.delivery_id = k.delivery_id AND d.state + 0 = 4"""

FETCHED = """
WITH available AS MATERIALIZED (
    SELECT d.delivery_id, d.sequence, d.fetched_at
    FROM unnest($1::bigint[]) AS f (delivery_id) JOIN deliveries d ON d.delivery_id = f.delivery_id AND d.state + 0 = 3
), noted AS (
    UPDATE deliveries d SET fetched_at = $2 FROM available a WHERE d.delivery_id = a.delivery_id AND a.fetched_at IS NULL
)
SELECT sequence, delivery_id, fetched_at FROM available"""

ANSWER = """
UPDATE deliveries d SET recall = $2 FROM unnest($1::bigint[]) AS a (delivery_id)
WHERE d.delivery_id = a.delivery_id AND d.recall = 1 RETURNING d.sequence, d.delivery_id"""

HELD = """
SELECT h.recipient, h.cause, h.since, h.due_at, h.step, h.probe, h.ageless, h.reason, h.detail,
    (SELECT count(*) FROM deliveries d WHERE d.state = 4 AND d.recipient = h.recipient)
FROM (SELECT * FROM holds ORDER BY since LIMIT $1) AS h ORDER BY h.since"""

COUNT = "SELECT cause, count(*) FROM holds GROUP BY cause"

OCCURRENCES = "SELECT at, name, recipient, reason, detail FROM occurrences ORDER BY occurrence_id DESC LIMIT $1"
OCCURRENCES_OF = """
SELECT at, name, recipient, reason, detail FROM occurrences WHERE recipient = $2 ORDER BY occurrence_id DESC LIMIT $1"""


async def hold(connection: Connection, recipient: str) -> Hold | None:
    """As `Journal.hold`."""
    row = await connection.fetchrow(HOLD, recipient)
    return None if row is None else HoldRow(*row).hold()


async def change_hold(
    connection: Connection, recipient: str, change: Callable[[Hold | None], Hold | None], now_us: int
) -> HoldChange:
    """As `Journal.change_hold`."""
    before = await hold(connection, recipient)
    changed = HoldChange(before, change(before))
    await _save(connection, {recipient: changed}, now_us)
    return changed


async def any_due(connection: Connection, now_us: int) -> bool:
    """Whether `let_go` would find a hold to see to. Needs no lock."""
    return bool(await connection.fetchval(ANY_DUE, now_us))


async def let_go(
    connection: Connection, now_us: int, limit: int, lease_s: float, probes_s: Sequence[float]
) -> tuple[list[Ref], list[HoldChange]]:
    """As `Journal.let_go`."""
    now = moment_of(now_us)
    due = [HoldRow(*row).hold() for row in await connection.fetch(DUE_HOLDS, now_us, limit)]
    current = {before.recipient: maintenance_ended(before, now) for before in due}
    holds = [one for one in current.values() if one is not None]
    out = await _probes_on_their_way(connection, holds)
    moved = await _move(connection, [one for one in holds if one.recipient not in out], now_us, lease_s)
    changes: dict[str, HoldChange] = {}
    for before in due:
        after = current[before.recipient]
        if after is not None:
            gone = out.get(before.recipient) or [ref.delivery_id for ref in moved.get(before.recipient, ())]
            after = released(after, gone, probes_s, 2 * lease_s, now)
        changes[before.recipient] = HoldChange(before, after)
    await _save(connection, changes, now_us)
    return [ref for refs in moved.values() for ref in refs], list(changes.values())


async def keep_parked(connection: Connection, delivery_ids: Sequence[int], until_us: int) -> None:
    """As `Journal.keep_parked`."""
    await connection.execute(KEEP, delivery_ids, until_us)


async def holds(connection: Connection, limit: int) -> list[HeldRecipient]:
    """As `Records.holds`."""
    return [HeldRecipient(hold=HoldRow(*row[:-1]).hold(), parked=row[-1]) for row in await connection.fetch(HELD, limit)]


async def count_holds(connection: Connection) -> dict[Cause, int]:
    """As `Records.count_holds`."""
    return {Cause(cause): count for cause, count in await connection.fetch(COUNT)}


async def occurrences(connection: Connection, recipient: str | None, limit: int) -> list[Occurrence]:
    """As `Records.occurrences`."""
    which = (OCCURRENCES, limit) if recipient is None else (OCCURRENCES_OF, limit, recipient)
    return [
        Occurrence(at=moment_of(at), name=name, recipient=who, reason=reason, detail=detail)
        for at, name, who, reason, detail in await connection.fetch(*which)
    ]


async def mark_fetched(connection: Connection, delivery_ids: Sequence[int], now_us: int) -> list[bool]:
    """As `Journal.mark_fetched`."""
    rows = await connection.fetch(FETCHED, list(set(delivery_ids)), now_us)
    fresh = [EventRow(now_us, "fetched", sequence, delivery_id) for sequence, delivery_id, before in rows if before is None]
    await log.tell(connection, fresh)
    available = {delivery_id for _, delivery_id, _ in rows}
    return [delivery_id in available for delivery_id in delivery_ids]


async def answer_recall(connection: Connection, delivery_ids: Sequence[int], agreed: bool, now_us: int) -> int:
    """As `Journal.answer_recall`."""
    answer = Recall.AGREED if agreed else Recall.REFUSED
    asked = await connection.fetch(ANSWER, list(set(delivery_ids)), answer)
    await log.tell(
        connection, [EventRow(now_us, f"recall_{answer.label}", sequence, delivery_id) for sequence, delivery_id in asked]
    )
    return len(asked)


async def _probes_on_their_way(connection: Connection, holds: Sequence[Hold]) -> dict[str, list[int]]:
    """By recipient the probe that is out and has not come to anything."""
    probes = {one.probe: one.recipient for one in holds if one.probe is not None}
    found = await connection.fetch(ON_THEIR_WAY, list(probes)) if probes else []
    return {probes[delivery_id]: [delivery_id] for (delivery_id,) in found}


async def _move(connection: Connection, holds: Sequence[Hold], now_us: int, lease_s: float) -> dict[str, list[Ref]]:
    """PARKED -> READY: of each hold the probe, or the next few."""
    failing = [one.recipient for one in holds if one.cause is Cause.FAILING]
    releasing = {one.recipient: one.step for one in holds if one.cause is not Cause.FAILING}
    found = await connection.fetch(PROBES, failing) if failing else []
    if releasing:
        found += await connection.fetch(NEXT, list(releasing), list(releasing.values()))
    refs: dict[str, list[Ref]] = {}
    for recipient, delivery_id, attempt, shard, priority, header in found:
        refs.setdefault(recipient, []).append(Ref(delivery_id, attempt, shard, priority, traceparent_of(header)))
    ageless = [one.recipient for one in holds if rejuvenates(one)]
    if found:
        await connection.execute(GO, [row["delivery_id"] for row in found], now_us + span_us(lease_s), now_us, ageless)
    return refs


async def _save(connection: Connection, changes: Mapping[str, HoldChange], now_us: int) -> None:
    """What became of these recipients' holds, with the occurrences."""
    removed = [recipient for recipient, change in changes.items() if change.after is None and change.before is not None]
    saved = [HoldRow.of(one.after) for one in changes.values() if one.after is not None and one.after != one.before]
    told = [row for recipient, change in changes.items() for row in _told(recipient, change, now_us)]
    if removed:
        await connection.execute(REMOVE, removed)
    if saved:
        await connection.execute(SAVE, *zip(*saved, strict=True))
    await log.tell_occurrences(connection, told)


def _told(recipient: str, change: HoldChange, now_us: int) -> Iterable[OccurrenceRow]:
    name = occurrence(*change)
    if name is not None:
        yield OccurrenceRow(now_us, name, recipient, *said(*change))
