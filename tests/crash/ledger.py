"""What the journal itself says became of its deliveries, and whether that is one story. Pure.

Two sources that are written together and must agree: the delivery as it stands, and its events. Names of events that are no
end and no step of a delivery (parked, say) may come or not.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from lgsp.core.lifecycle import State
from lgsp.ports import Event

_ENDINGS = frozenset(state.label for state in State if state.is_final)
_STEPS = frozenset({"available", "attempted"})  # somebody still works on it
_CLOSING = frozenset({"refused", "cancelled"})  # the recipient, or whoever recalled it, wants it no more
_BY_ITS_TURN = frozenset({"delivered", "refused"})  # a recall or the end of its time may overtake, an answer may not
_ACCEPTED, _REPLAYED = "accepted", "replayed"

Lanes = Mapping[int, tuple[str, str] | None]  # delivery id -> (recipient, order key), in order of acceptance


@dataclass(frozen=True)
class Ledger:
    """`states`: label of each delivery's state. `events`: all of them, in the order in which they were written."""

    states: Mapping[int, str]
    events: Sequence[Event]

    @cached_property
    def by_delivery(self) -> Mapping[int, Sequence[Event]]:
        found: defaultdict[int, list[Event]] = defaultdict(list)
        for event in self.events:
            if event.delivery_id is not None:
                found[event.delivery_id].append(event)
        return found

    @cached_property
    def replayed(self) -> frozenset[int]:
        """Deliveries that an operator brought back."""
        return frozenset(one for one, events in self.by_delivery.items() if any(event.name == _REPLAYED for event in events))

    @cached_property
    def closed_at(self) -> Mapping[int, datetime]:
        """When a delivery was refused or recalled, of those that were."""
        return {
            delivery_id: event.at
            for delivery_id, events in self.by_delivery.items()
            for event in events
            if event.name in _CLOSING
        }


def contradictions(ledger: Ledger, lanes: Lanes) -> list[str]:
    """Whatever is not one story: one final state for each delivery promised, with its events, in the order of its lane."""
    return [
        *_unknown(ledger, lanes),
        *_open(ledger, lanes),
        *(message for delivery_id in lanes for message in _story(ledger, delivery_id)),
        *_order_of_endings(ledger, lanes),
    ]


def _unknown(ledger: Ledger, lanes: Lanes) -> Iterator[str]:
    for delivery_id in sorted(ledger.states.keys() | ledger.by_delivery.keys()):
        if delivery_id not in lanes:
            yield f"delivery {delivery_id}: in the journal, and no receipt names it"


def _open(ledger: Ledger, lanes: Lanes) -> Iterator[str]:
    for delivery_id in lanes:
        state = ledger.states.get(delivery_id)
        if state is None:
            yield f"delivery {delivery_id}: promised by a receipt, and the journal does not know it"
        elif state not in _ENDINGS:
            yield f"delivery {delivery_id}: {state}, which is no final state"


def _story(ledger: Ledger, delivery_id: int) -> Iterator[str]:
    """Accepted first and once; ended once, and again only after a replay; nothing is done for it after its end."""
    events = ledger.by_delivery.get(delivery_id, ())
    if [event.name for event in events].count(_ACCEPTED) != 1 or events[0].name != _ACCEPTED:
        yield f"delivery {delivery_id}: its events do not begin with the one acceptance"
    ended = ""
    for event in events:
        if event.name == _REPLAYED:
            if ended != State.DEAD.label:
                yield f"delivery {delivery_id}: replayed when it was {ended or 'open'}"
            ended = ""
        elif event.name in _ENDINGS:
            if ended:
                yield f"delivery {delivery_id}: {event.name} after it had been {ended}"
            ended = event.name
        elif event.name in _STEPS and ended:
            yield f"delivery {delivery_id}: {event.name} after it had been {ended}"
    state = ledger.states.get(delivery_id)
    if state in _ENDINGS and ended != state:
        yield f"delivery {delivery_id}: {state}, but its events say {ended or 'that it goes on'}"


def _order_of_endings(ledger: Ledger, lanes: Lanes) -> Iterator[str]:
    """Of one lane, what is delivered or refused is so in the order of acceptance."""
    ends = {event.delivery_id: event.event_id for event in ledger.events if event.name in _BY_ITS_TURN}
    last: dict[tuple[str, str, bool], int] = {}
    for delivery_id, recipient_and_key in lanes.items():
        if recipient_and_key is None or delivery_id not in ends:
            continue
        lane = (*recipient_and_key, delivery_id in ledger.replayed)
        before = last.get(lane)
        if before is not None and ends[delivery_id] < ends[before]:
            yield f"delivery {delivery_id}: ended before delivery {before} of its lane, which was accepted earlier"
        last[lane] = delivery_id
