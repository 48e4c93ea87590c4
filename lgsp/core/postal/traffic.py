"""What was said about parcels, as it stands in the journal: orders, cancellations, events and settlements, each by whom and
when."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Generic, Literal, TypeVar

from contracts.kinds.postal import PostalCancel, PostalEvent, PostalOrder, PostalSettlement

ICT = timezone(timedelta(hours=7))  # a day is a day in Việt Nam

T = TypeVar("T")
Direction = Literal["collect", "deliver", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Generic[T]):
    """`agency`: the directory key of the office that it is about: who ordered or cancelled, or whom the post told. `at`: when the
    hub accepted it. `failed`: it never reached the other side, and never will."""

    agency: str
    at: datetime
    body: T
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """In any order. Take more than the day: orders are older than their ends, settlements younger."""

    orders: tuple[Said[PostalOrder], ...] = ()
    cancels: tuple[Said[PostalCancel], ...] = ()
    events: tuple[Said[PostalEvent], ...] = ()
    settlements: tuple[Said[PostalSettlement], ...] = field(default=())


def local_day(moment: datetime) -> date:
    """Also of times at the ends of the calendar, which a body may bear and no zone can be moved from."""
    try:
        return moment.astimezone(ICT).date()
    except OverflowError:
        return moment.date()


def end_of(day: date) -> datetime:
    """The first moment of the next day."""
    return datetime.combine(day + timedelta(days=1), time(), ICT)


def agencies_of_contracts(traffic: Traffic) -> dict[str, str]:
    """Contract -> agency, as most of its orders show it: one order with the number of another's contract moves nothing. An event
    that could not be sent to its agency still belongs there."""
    orders: dict[str, Counter[str]] = defaultdict(Counter)
    for one in _oldest_first(traffic.orders):
        orders[one.body.customer_code][one.agency] += 1
    return {contract: of_agency.most_common(1)[0][0] for contract, of_agency in orders.items()}


def _oldest_first(said: Iterable[Said[T]]) -> list[Said[T]]:
    return sorted(said, key=lambda one: one.at)
