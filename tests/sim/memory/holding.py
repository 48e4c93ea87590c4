"""Recipients on hold, and what their holds let go; fetches and answers to recalls. Inside a transaction."""

from collections.abc import Callable, Sequence

from lgsp.core.hold import Cause, Hold, occurrence, rejuvenates, released, said
from lgsp.core.hold import ended as maintenance_ended
from lgsp.core.lifecycle import State
from lgsp.core.recall import Recall
from lgsp.journal.codec import EventRow, HoldRow, OccurrenceRow, moment_of, span_us
from lgsp.ports import HeldRecipient, HoldChange, Ref
from tests.sim.memory.tables import Delivery, Tables


def change_hold(tables: Tables, recipient: str, change: Callable[[Hold | None], Hold | None], now_us: int) -> HoldChange:
    before = tables.holds.get(recipient)
    return _save(tables, recipient, HoldChange(before, change(before)), now_us)


def let_go(
    tables: Tables, now_us: int, limit: int, lease_s: float, probes_s: Sequence[float]
) -> tuple[list[Ref], list[HoldChange]]:
    now = moment_of(now_us)
    due = sorted((hold.due_at, name) for name, hold in tables.holds.items() if hold.due_at is not None and hold.due_at <= now)
    refs: list[Ref] = []
    changes = []
    for _, name in due[:limit]:
        before = tables.holds[name]
        current = maintenance_ended(before, now)
        if current is not None:
            gone = _probe_on_its_way(tables, current)
            if not gone:
                moved = _move(tables, current, now_us, lease_s)
                gone = [ref.delivery_id for ref in moved]
                refs += moved
            current = released(current, gone, probes_s, 2 * lease_s, now)
        changes.append(_save(tables, name, HoldChange(before, current), now_us))
    return refs, changes


def keep_parked(tables: Tables, delivery_ids: Sequence[int], until_us: int) -> None:
    for number in delivery_ids:
        if number in tables.open and tables.open[number].state is State.PARKED:
            tables.change(tables.open[number], due_at=until_us)


def mark_fetched(tables: Tables, delivery_ids: Sequence[int], now_us: int) -> list[bool]:
    available = {number for number in delivery_ids if number in tables.open and tables.open[number].state is State.AVAILABLE}
    for number in sorted(available):
        one = tables.open[number]
        if one.fetched_at is None:
            tables.change(one, fetched_at=now_us)
            tables.tell(EventRow(now_us, "fetched", one.row.sequence, number))
    return [number in available for number in delivery_ids]


def answer_recall(tables: Tables, delivery_ids: Sequence[int], agreed: bool, now_us: int) -> int:
    answer = Recall.AGREED if agreed else Recall.REFUSED
    known = [tables.deliveries[number] for number in sorted(set(delivery_ids)) if number in tables.deliveries]
    asked = [one for one in known if one.recall is Recall.REQUESTED]
    for one in asked:
        tables.change(one, recall=answer)
        tables.tell(EventRow(now_us, f"recall_{answer.label}", one.row.sequence, one.number))
    return len(asked)


def holds(tables: Tables, limit: int) -> list[HeldRecipient]:
    found = sorted(tables.holds.values(), key=lambda hold: hold.since)[:limit]
    return [HeldRecipient(hold=hold, parked=len(_parked(tables, hold.recipient))) for hold in found]


def _parked(tables: Tables, recipient: str) -> list[Delivery]:
    return [one for one in tables.open.values() if one.state is State.PARKED and one.row.recipient == recipient]


def _probe_on_its_way(tables: Tables, hold: Hold) -> list[int]:
    """The probe that is out, if it has not come to anything."""
    probe = None if hold.probe is None else tables.open.get(hold.probe)
    return [probe.number] if probe is not None and probe.state in (State.READY, State.QUEUED) else []


def _move(tables: Tables, hold: Hold, now_us: int, lease_s: float) -> list[Ref]:
    """PARKED -> READY: the probe, or the next few."""
    parked = _parked(tables, hold.recipient)
    if hold.cause is Cause.FAILING:
        chosen = sorted(parked, key=lambda one: (one.attempt, one.number))[:1]
    else:
        chosen = sorted(parked, key=lambda one: (-one.row.priority, one.number))[: hold.step]
    due_us = now_us + span_us(lease_s)
    since = {"ready_at": now_us} if rejuvenates(hold) else {}
    return [tables.ref(tables.change(one, state=State.READY, due_at=due_us, **since)) for one in chosen]


def _save(tables: Tables, recipient: str, change: HoldChange, now_us: int) -> HoldChange:
    if change.after is None:
        tables.holds.pop(recipient, None)
    else:
        tables.holds[recipient] = _in_utc(change.after)
    name = occurrence(*change)
    if name is not None:
        tables.tell_occurrence(OccurrenceRow(now_us, name, recipient, *said(*change)))
    return change


def _in_utc(hold: Hold) -> Hold:
    return HoldRow.of(hold).hold()
