"""A parcel leg as a state machine: what was ordered, what the post says happened, in which order it can have happened.

Key of a leg: (order number, direction, leg). The states are those of `postal.event`. A feed skips states, so every move forward
is good; what comes after the end, or cancels what is on its way, changes nothing and is kept as a stray.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from contracts.kinds.postal import PostalEvent, PostalOrder
from contracts.kinds.postal_codes import LegState
from lgsp.core.postal.traffic import Direction, Said

MOVING: frozenset[LegState] = frozenset(
    {"collected", "in_transit", "at_delivery_office", "held", "ready_for_pickup", "out_for_delivery", "attempt_failed"}
)
ENDS: frozenset[LegState] = frozenset({"delivered", "returned", "cancelled"})

# state -> what may follow; the same state again is always harmless.
MOVES: Mapping[LegState, frozenset[LegState]] = MappingProxyType(
    {
        "registered": frozenset({"collecting", *MOVING, *ENDS}),
        "collecting": frozenset({*MOVING, *ENDS}),
        **dict.fromkeys(MOVING, frozenset({*MOVING, "delivered", "returned"})),
        "delivered": frozenset({"settled"}),
        "returned": frozenset({"settled"}),
        "cancelled": frozenset(),
        "settled": frozenset(),
    }
)

# state -> Vietnamese, English
STATES: Mapping[LegState, tuple[str, str]] = MappingProxyType(
    {
        "registered": ("đã đặt đơn", "ordered"),
        "collecting": ("đang đi thu gom", "being collected"),
        "collected": ("bưu điện đã nhận", "accepted by the post"),
        "in_transit": ("đang vận chuyển", "in transit"),
        "at_delivery_office": ("đã đến bưu cục phát", "at the delivery office"),
        "held": ("lưu giữ tại bưu cục", "held at the post office"),
        "ready_for_pickup": ("chờ khách đến nhận", "ready for pick-up"),
        "out_for_delivery": ("đang đi phát", "out for delivery"),
        "attempt_failed": ("phát không thành công", "attempt failed"),
        "delivered": ("đã phát", "delivered"),
        "returned": ("đã chuyển hoàn", "returned"),
        "settled": ("đã đối soát", "settled"),
        "cancelled": ("đã hủy", "cancelled"),
    }
)
DIRECTIONS: Mapping[Direction, tuple[str, str]] = MappingProxyType(
    {"collect": ("thu gom", "collection"), "deliver": ("chuyển phát", "delivery"), "unknown": ("không rõ chiều", "unknown way")}
)


class LegKey(NamedTuple):
    order_number: str
    direction: Direction
    leg: int = 1


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, or is said to have happened. `office`: code or name of the post office."""

    at: datetime
    state: LegState
    text: str = ""
    office: str = ""
    by: str = "post"  # or "agency"


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """`ordered_at` None: nobody ordered it, as far as is known. `strays`: steps that cannot have happened where they stand."""

    key: LegKey
    agency: str
    customer_code: str = ""
    case_number: str = ""
    ordered_at: datetime | None = None
    failed: bool = False  # its order never reached the post
    ordered_item: str = ""
    items: tuple[str, ...] = ()  # every label that it bore, the first first
    cod_due_vnd: int = 0
    cod_collected_vnd: int | None = None
    state: LegState = "registered"
    since: datetime
    accepted_at: datetime | None = None  # when the post had it
    ended_at: datetime | None = None
    office: str = ""  # that accepted it, else the first that was named
    attempts: int = 0
    steps: tuple[Step, ...] = ()
    strays: tuple[Step, ...] = ()

    @property
    def end(self) -> LegState | None:
        """How it ended; None while it is open. Being settled is no other end."""
        return next((step.state for step in self.steps if step.state in ENDS), None)

    @property
    def began_at(self) -> datetime:
        first = self.steps[0].at if self.steps else self.since
        return first if self.ordered_at is None else min(self.ordered_at, first)


def ordered(said: Said[PostalOrder]) -> Leg:
    body = said.body
    return Leg(
        key=LegKey(body.order_number, body.direction, body.leg),
        agency=said.agency,
        customer_code=body.customer_code,
        case_number=body.case_number or body.order_number,
        ordered_at=said.at,
        failed=said.failed,
        ordered_item=body.item_code or "",
        items=(body.item_code,) if body.item_code else (),
        cod_due_vnd=body.cod_amount_vnd,
        since=said.at,
    )


def unordered(event: PostalEvent, agency: str) -> Leg:
    """What the post knows and nobody here ordered."""
    return Leg(
        key=LegKey(event.order_number, event.direction or "unknown", event.leg),
        agency=agency,
        customer_code=event.customer_code or "",
        case_number=event.case_number or event.order_number,
        since=event.at,
    )


def adopted(leg: Leg, said: Said[PostalOrder]) -> Leg:
    """The order came after the first events: at the counter people are quicker than their systems."""
    order = ordered(said)
    return replace(
        order,
        items=tuple(dict.fromkeys((*order.items, *leg.items))),
        cod_collected_vnd=leg.cod_collected_vnd,
        state=leg.state,
        since=leg.since,
        accepted_at=leg.accepted_at,
        ended_at=leg.ended_at,
        office=leg.office,
        attempts=leg.attempts,
        steps=leg.steps,
        strays=leg.strays,
    )


def happened(leg: Leg, event: PostalEvent) -> Leg:
    """The leg after an event of the post."""
    place = event.place
    number = "" if event.status_code is None else f"[{event.status_code}]"
    text = f"{number} {event.status_text or event.note or ''}".strip()
    step = Step(at=event.at, state=event.state, text=text, office=(place.code or place.name) if place else "")
    moved = advance(leg, step)
    if event.item_code and event.item_code not in leg.items:
        moved = replace(moved, items=(*leg.items, event.item_code))
    if event.cod_collected_vnd is not None:
        moved = replace(moved, cod_collected_vnd=event.cod_collected_vnd)
    return replace(moved, attempts=event.attempt) if (event.attempt or 0) > moved.attempts else moved


def advance(leg: Leg, step: Step) -> Leg:
    """One move, or a stray."""
    if step.state == leg.state:
        again = 1 if step.state == "attempt_failed" else 0
        return replace(leg, steps=(*leg.steps, step), attempts=leg.attempts + again)
    if step.state not in MOVES[leg.state]:
        return replace(leg, strays=(*leg.strays, step))
    has_it = step.state in MOVING or step.state in ("delivered", "returned")
    takes_it = leg.accepted_at is None and has_it
    return replace(
        leg,
        state=step.state,
        since=step.at,
        steps=(*leg.steps, step),
        accepted_at=step.at if takes_it else leg.accepted_at,
        office=step.office or leg.office if takes_it or not leg.office else leg.office,
        ended_at=step.at if step.state in ENDS else leg.ended_at,
        attempts=leg.attempts + (step.state == "attempt_failed"),
    )


def state_at(leg: Leg, moment: datetime) -> LegState | None:
    """The state before this moment; None: there was no such leg yet."""
    if leg.began_at >= moment:
        return None
    told = [step.state for step in leg.steps if step.at < moment]
    return told[-1] if told else "registered"
