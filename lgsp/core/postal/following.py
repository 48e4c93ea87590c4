"""From traffic to legs: everything that was said, in the order in which it happened, each to the leg that it is about.

Events of the post's interface name no direction. Which of the legs of an order is meant is told by the label, else by time: the
last one ordered before. A cancellation by the agency counts when the hub had it, an event when it happened, however late it came.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from contracts.kinds.postal import PostalCancel, PostalEvent, PostalOrder
from contracts.text import identifier_key
from lgsp.core.postal.legs import Leg, LegKey, Step, adopted, advance, happened, ordered, unordered
from lgsp.core.postal.traffic import Said, Traffic, agencies_of_contracts

Act = Said[PostalOrder] | Said[PostalCancel] | Said[PostalEvent]


def legs_of(traffic: Traffic) -> tuple[Leg, ...]:
    """Every life of every leg, in the order in which they began. A leg that ended and is ordered again begins a new life."""
    contracts = agencies_of_contracts(traffic)
    stories: dict[str, _Story] = {}
    for _, act in sorted(_dated(traffic), key=lambda pair: pair[0]):
        story = stories.setdefault(identifier_key(act.body.order_number), _Story())
        story.tell(act, contracts)
    legs = [leg for story in stories.values() for leg in story.legs()]
    return tuple(sorted(legs, key=lambda leg: (leg.began_at, leg.key)))


def _dated(traffic: Traffic) -> Iterator[tuple[tuple[datetime, int, str], Act]]:
    """An order goes before what else has its time; of events at one time, the id decides."""
    yield from (((one.at, 0, ""), one) for one in traffic.orders)
    yield from (((one.body.at, 1, one.body.event_id or ""), one) for one in _once(traffic.events))
    yield from (((one.at, 2, ""), one) for one in traffic.cancels)


def _once(events: Iterable[Said[PostalEvent]]) -> Iterable[Said[PostalEvent]]:
    """An event that came twice, or to two recipients, happened once."""
    return {one.body: one for one in reversed(list(events))}.values()


@dataclass(slots=True)
class _Story:
    """All legs of one order number."""

    current: dict[LegKey, Leg] = field(default_factory=dict)  # what events are about
    ended: list[Leg] = field(default_factory=list)

    def legs(self) -> list[Leg]:
        return [*self.ended, *self.current.values()]

    def tell(self, act: Act, contracts: dict[str, str]) -> None:
        match act.body:
            case PostalOrder():
                self._order(Said(agency=act.agency, at=act.at, body=act.body, failed=act.failed))
            case PostalCancel() as cancel:
                self._cancel(cancel, act.agency, act.at)
            case PostalEvent() as event:
                agency = contracts.get(event.customer_code or "", act.agency)
                leg = self._meant(event) or unordered(event, agency)
                self.current[leg.key] = happened(leg, event)

    def _order(self, said: Said[PostalOrder]) -> None:
        new = ordered(said)
        known = self.current.get(new.key)
        orphan = self.current.get(new.key._replace(direction="unknown"))
        if known is not None and known.ordered_at is not None and known.agency != said.agency:
            self.ended.append(new)  # of its own: nobody changes what another has ordered
        elif known is None and orphan is not None:
            del self.current[orphan.key]
            self.current[new.key] = adopted(orphan, said)
        elif known is not None and known.ordered_at is None:
            self.current[new.key] = adopted(known, said)
        elif known is None or known.end is not None or known.failed:
            if known is not None:
                self.ended.append(known)
            self.current[new.key] = new
        elif not said.failed:  # the same order again, with what it says now
            self.current[new.key] = replace(
                known, cod_due_vnd=new.cod_due_vnd, ordered_item=new.ordered_item or known.ordered_item
            )

    def _cancel(self, cancel: PostalCancel, agency: str, at: datetime) -> None:
        for key, leg in self.current.items():
            if leg.agency != agency:
                continue
            if cancel.direction in (None, key.direction) and key.leg == cancel.leg and (leg.end is None or cancel.direction):
                self.current[key] = advance(leg, Step(at=at, state="cancelled", text=cancel.reason, by="agency"))

    def _meant(self, event: PostalEvent) -> Leg | None:
        legs = [leg for key, leg in self.current.items() if key.leg == event.leg and event.direction in (None, key.direction)]
        if event.item_code:
            labelled = [leg for leg in legs if event.item_code in leg.items]
            legs = labelled or [leg for leg in legs if not leg.items] or legs
        open_ones = [leg for leg in legs if leg.end is None] or legs
        return max(open_ones, key=lambda leg: leg.ordered_at or leg.since, default=None)
