"""How a delivery must stand after what its events tell: the state is no word of its own, it follows."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from lgsp.core.audit.finding import Finding, finding
from lgsp.core.lifecycle import State
from lgsp.core.recall import Recall
from lgsp.journal.audit.rows import KeptDelivery, KeptEvent
from lgsp.journal.moves import REPLAYED

_ENDS = {state.label: state for state in State if state.is_final}
_RECALLS = {"recall_requested": Recall.REQUESTED, "recall_agreed": Recall.AGREED, "recall_refused": Recall.REFUSED}
# Between these a delivery moves without a word: its turn comes, the broker has it, its recipient is on hold.
ON_ITS_WAY = frozenset({State.WAITING, State.READY, State.QUEUED, State.PARKED})


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`states`, `tries`: any of them. `reason`, `detail`: only of what has ended."""

    states: frozenset[State] = ON_ITS_WAY
    ended_at: int | None = None
    reason: str = ""
    detail: str = ""
    tries: tuple[int, ...] = (1,)
    fetched_at: int | None = None
    recall: Recall = Recall.NONE
    replays: int = 0
    resolved_at: int | None = None

    @property
    def has_ended(self) -> bool:
        return self.ended_at is not None


def told(entered: str, events: Iterable[KeptEvent]) -> Standing:
    """`entered`: the label of the state that it began in."""
    one = Standing(states=frozenset({State.AVAILABLE}) if entered == State.AVAILABLE.label else ON_ITS_WAY)
    for event in events:
        one = _after(one, event)
    return one


def _after(one: Standing, event: KeptEvent) -> Standing:
    match event.name:
        case name if name in _ENDS:
            states, told = frozenset({_ENDS[name]}), (event.reason, event.detail)
            return replace(one, states=states, ended_at=event.at, reason=told[0], detail=told[1], tries=_tried(event))
        case State.AVAILABLE.label:
            return replace(one, states=frozenset({State.AVAILABLE}))
        case "attempted" | "parked":
            return replace(one, states=ON_ITS_WAY, tries=_tried(event, postponed=True))
        case name if name == REPLAYED:
            way = replace(one, states=ON_ITS_WAY, ended_at=None, reason="", detail="", tries=(1,))
            return replace(way, replays=one.replays + 1)
        case "fetched":
            return replace(one, fetched_at=event.at)
        case "resolved":
            return replace(one, resolved_at=event.at)
        case name if name in _RECALLS:
            return replace(one, recall=_RECALLS[name])
    return one


def standing(row: KeptDelivery, entered: str, events: Iterable[KeptEvent]) -> Iterator[Finding]:
    """The row against what is told of it."""
    one, name = told(entered, events), f"delivery_id {row.delivery_id}"
    if row.state not in one.states:
        expected = ", ".join(state.label for state in sorted(one.states))
        yield finding("row.inconsistent", "deliveries", name, "state", expected, _label(row.state))
    for column, should, does in _pairs(one, row):
        if should != does:
            yield finding("row.inconsistent", "deliveries", name, column, should, does)
    if (tries := row.attempt - row.postponed) not in one.tries:
        yield finding("row.inconsistent", "deliveries", name, "attempt, postponed", " or ".join(map(str, one.tries)), tries)


def _pairs(one: Standing, row: KeptDelivery) -> Iterator[tuple[str, object, object]]:
    yield "ended_at", one.ended_at, row.ended_at
    yield "fetched_at", one.fetched_at, row.fetched_at
    yield "recall", int(one.recall), row.recall
    yield "replays", one.replays, row.replays
    yield "resolved_at", one.resolved_at, row.resolved_at
    if one.has_ended:
        yield "reason", one.reason, row.reason
        yield "detail", one.detail, row.detail


def _tried(event: KeptEvent, *, postponed: bool = False) -> tuple[int, ...]:
    """The try that the event tells of. What goes on its way again is at the next one, or was put off and still at this one."""
    tried = event.attempt or 1
    return (tried, tried + 1) if postponed else (tried,)


def _label(number: int) -> object:
    try:
        return State(number).label
    except ValueError:
        return number
