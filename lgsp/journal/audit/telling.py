"""Events and occurrences against the leaves that tell of them: one for one, in their order, every column."""

from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from lgsp.core.audit.finding import Finding, finding
from lgsp.core.lifecycle import State
from lgsp.core.log.record import Moved, Record, RecordInvalid, Routed, decode
from lgsp.core.retention import KEEP_THEIR_DETAIL
from lgsp.journal.audit.rows import KeptEvent, KeptOccurrence
from lgsp.journal.codec import EventRow, OccurrenceRow
from lgsp.journal.leaves import held, moved

Told = tuple[int, Record]  # number of a leaf and what it says


class _Row(Protocol):
    @property
    def leaf_index(self) -> int | None: ...


R = TypeVar("R", bound=_Row)


def events(leaves: Iterable[Told], rows: Iterable[KeptEvent], logged_from: int, erased: Container[int]) -> Iterator[Finding]:
    """`leaves`: those of class Routed and Moved; `rows`: by id. What is told of envelopes before `logged_from` (a sequence)
    may be without a leaf: it is older than the log. Of envelopes that were `erased` details may be gone."""
    slots = ((index, one, place) for index, one in leaves for place in range(_events_of(one)))
    begun = False
    for slot, row in matched(slots, rows):
        if row is not None and row.leaf_index is None and row.sequence < logged_from and not begun:
            continue
        begun = begun or slot is not None
        if slot is None:
            assert row is not None
            yield finding("row.unexpected", "events", _event(row), "leaf_index", found=row.leaf_index)
        elif row is None:
            yield finding("row.missing", "events", f"leaf_index {slot[0]}", expected=_said(slot[1]))
        else:
            expected = _expected_event(slot[1], slot[2])
            if expected.detail and not row.detail and row.sequence in erased and row.name not in KEEP_THEIR_DETAIL:
                expected = replace(expected, detail="")
            yield from differences("events", _event(row), expected, partial(_moved, row))


def occurrences(leaves: Iterable[Told], rows: Iterable[KeptOccurrence], has_older: bool) -> Iterator[Finding]:
    """`leaves`: those of class Held; `rows`: by id. `has_older`: those before the first with a leaf are older than the log."""
    begun = not has_older
    slots = ((index, one, 0) for index, one in leaves)
    for slot, row in matched(slots, rows):
        if row is not None and row.leaf_index is None and not begun:
            continue
        begun = True
        if slot is None:
            assert row is not None
            yield finding("row.unexpected", "occurrences", _occurrence(row), "leaf_index", found=row.leaf_index)
        elif row is None:
            yield finding("row.missing", "occurrences", f"leaf_index {slot[0]}", expected=_said(slot[1]))
        else:
            yield from differences("occurrences", _occurrence(row), slot[1], partial(_held, row))


Slot = tuple[int, Any, int]  # number of a leaf, what it says, which of its rows


def matched(slots: Iterable[Slot], rows: Iterable[R]) -> Iterator[tuple[Slot | None, R | None]]:
    """Each row beside the slot of the leaf that it names. A row that names a leaf out of its turn stands alone, and so does a
    leaf that no row names; one wrong row disturbs no other."""
    waiting = iter(slots)
    slot = next(waiting, None)
    last = -1
    for row, following in _with_next(rows):
        index = row.leaf_index
        if index is None or index < last or _is_ahead(index, following, last):
            yield None, row
            continue
        while slot is not None and slot[0] < index:
            yield slot, None
            slot = next(waiting, None)
        if slot is None or slot[0] > index:
            yield None, row
            continue
        last = index
        yield slot, row
        slot = next(waiting, None)
    while slot is not None:
        yield slot, None
        slot = next(waiting, None)


def _is_ahead(index: int, following: int | None, last: int) -> bool:
    """Whether it is this row that is out of turn, and not the one that follows."""
    return following is not None and last < following < index


def _with_next(rows: Iterable[R]) -> Iterator[tuple[R, int | None]]:
    before: R | None = None
    for row in rows:
        if before is not None:
            yield before, row.leaf_index
        before = row
    if before is not None:
        yield before, None


def _events_of(one: Record) -> int:
    """Where a delivery starts in a mailbox, its one leaf tells both."""
    return 2 if isinstance(one, Routed) and one.state == State.AVAILABLE.label else 1


def _expected_event(one: Record, place: int) -> Moved:
    if isinstance(one, Routed):
        name = State.AVAILABLE.label if place else "accepted"
        return Moved(at=one.at, name=name, sequence=one.sequence, delivery=one.delivery)
    assert isinstance(one, Moved)
    return one


def _moved(row: KeptEvent) -> Record:
    return decode(moved(EventRow(*row[1:-1], _salt(row))))


def _held(row: KeptOccurrence) -> Record:
    return decode(held(OccurrenceRow(*row[1:-1], _salt(row))))


def _salt(row: KeptEvent | KeptOccurrence) -> bytes | None:
    """A detail without a salt would be covered by nothing."""
    return b"-" if not row.salt and row.detail else row.salt


# What a leaf calls otherwise than the column, and which columns make up a digest.
_COLUMNS = {
    "delivery": "delivery_id",
    "detail": "detail, salt",
    "directory": "directory_version",
    "examination": "salt, document",
}


def differences(table: str, row: str, expected: Record, read: Callable[[], Record]) -> Iterator[Finding]:
    """Column by column, the leaf against what the row makes one of (`read`)."""
    try:
        found = read()
    except (RecordInvalid, ValueError, OverflowError) as error:
        yield finding("row.unreadable", table, row, expected=expected, found=error)
        return
    for name in expected.__struct_fields__:
        should, does = getattr(expected, name), getattr(found, name)
        if should != does:
            yield finding("row.differs", table, row, _COLUMNS.get(name, name), should, does)


def _event(row: KeptEvent) -> str:
    return f"event_id {row.event_id}, sequence {row.sequence}"


def _occurrence(row: KeptOccurrence) -> str:
    return f"occurrence_id {row.occurrence_id}"


def _said(one: Record) -> str:
    return " ".join(str(value) for value in (getattr(one, "name", "accepted"), getattr(one, "sequence", "")) if value != "")
