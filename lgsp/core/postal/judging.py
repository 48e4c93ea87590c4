"""What does not fit together on a day. A leg is judged on the day on which something happened to it: when it began, was accepted,
ended; a line of a settlement on the day that it accounts for."""

from collections.abc import Iterator
from datetime import timedelta

from contracts.kinds.postal_codes import s10_verdict
from lgsp.core.postal.day import Day
from lgsp.core.postal.differences import Difference, difference
from lgsp.core.postal.legs import STATES, Leg, LegKey
from lgsp.core.postal.settling import Line, faults_of, twice
from lgsp.core.postal.traffic import local_day

_REUSE = timedelta(days=365)  # UPU S10: an identifier may be used again after 12 months


def differences_of(day: Day, patience_days: int) -> Iterator[Difference]:
    """`patience_days`: an order may wait so long for its parcel."""
    yield from faults_of(day.book, day.day, day.contracts)
    yield from _unsettled(day)
    for line in day.lines():
        yield from _line(day, line)
    for leg in day.legs:
        yield from _order(day, leg, patience_days)
        yield from _course(day, leg)
        yield from _label(day, leg)


def _order(day: Day, leg: Leg, patience_days: int) -> Iterator[Difference]:
    if leg.failed and leg.accepted_at is None:
        if day.on(leg.ordered_at):
            yield _about(leg, "postal.order_not_handed_over")
        return
    waits = leg.accepted_at is None or local_day(leg.accepted_at) > day.day
    if leg.ordered_at is not None and waits and day.is_open(leg) and day.age_days(leg) >= patience_days:
        yield _about(leg, "postal.ordered_not_collected", found=day.age_days(leg))
    if leg.ordered_at is None and day.on(leg.began_at):
        yield _about(leg, "postal.collected_not_ordered")


def _course(day: Day, leg: Leg) -> Iterator[Difference]:
    for stray in leg.strays:
        if not day.on(stray.at):
            continue
        if stray.state == "cancelled" and stray.by == "agency":
            yield _about(leg, "postal.cancelled_after_collection")
        else:
            yield _about(leg, "postal.event_after_end", detail=STATES[stray.state])
    took = leg.cod_collected_vnd
    if took is not None and leg.ordered_at is not None and took != leg.cod_due_vnd and day.on(leg.ended_at):
        yield _about(leg, "postal.collected_amount_differs", expected=leg.cod_due_vnd, found=took)


def _label(day: Day, leg: Leg) -> Iterator[Difference]:
    if not day.on(leg.accepted_at or leg.began_at):
        return
    for item in leg.items:
        if s10_verdict(item) == "wrong_check_digit":
            yield _about(leg, "postal.item_code_check_digit", item=item, detail=item)
        earlier = day.bore_before(item, leg)
        if earlier is not None and leg.began_at - earlier.began_at < _REUSE:
            yield _about(leg, "postal.item_code_reused", item=item, detail=earlier.key.order_number)
    if leg.ordered_item and len(leg.items) > 1:
        yield _about(leg, "postal.item_code_differs", detail=f"{leg.items[0]} ≠ {leg.items[1]}")


def _unsettled(day: Day) -> Iterator[Difference]:
    """Delivered on the day and in no settlement. Where the contract has no settlement of the day at all, that is said once."""
    missing: dict[tuple[str, str], list[Leg]] = {}
    for leg in day.legs:
        if leg.end != "delivered" or not day.on(leg.ended_at) or day.lines_of(leg):
            continue
        if leg.customer_code and not day.book.covers(leg.customer_code, day.day):
            missing.setdefault((leg.agency, leg.customer_code), []).append(leg)
        else:
            yield _about(leg, "postal.delivered_not_settled", expected=leg.cod_due_vnd)
    for (agency, customer), legs in missing.items():
        due = sum(leg.cod_due_vnd for leg in legs)
        yield difference("postal.settlement_missing", agency=agency, customer_code=customer, expected=due, found=len(legs))


def _line(day: Day, line: Line) -> Iterator[Difference]:
    leg = day.leg_of(line)
    days = twice(day.book, line)
    if days:
        yield _of(day, line, leg, "postal.settlement_line_twice", detail=days)
    if leg is None:
        yield _of(day, line, leg, "postal.settled_not_known")
        return
    charged = line.line.fee_vnd + line.line.cod_vnd
    match leg.end:
        case "cancelled":
            if charged:
                yield _of(day, line, leg, "postal.cancelled_charged", found=charged)
        case None:
            yield _of(day, line, leg, "postal.settled_not_delivered", detail=STATES[leg.state])
        case end:
            due = leg.cod_due_vnd if end == "delivered" else 0
            if leg.ordered_at is not None and line.line.cod_vnd != due:
                yield _of(day, line, leg, "postal.cod_differs", expected=due, found=line.line.cod_vnd)
            if leg.ended_at is not None and not day.on(leg.ended_at):
                yield _of(day, line, leg, "postal.settled_other_day", detail=local_day(leg.ended_at).isoformat())


def _about(
    leg: Leg,
    code: str,
    *,
    expected: int | None = None,
    found: int | None = None,
    item: str = "",
    detail: str | tuple[str, str] = "",
) -> Difference:
    return difference(
        code,
        agency=leg.agency,
        office=leg.office,
        customer_code=leg.customer_code,
        key=leg.key,
        case_number=leg.case_number,
        item_code=item or (leg.items[0] if leg.items else ""),
        expected=expected,
        found=found,
        detail=detail,
    )


def _of(
    day: Day,
    line: Line,
    leg: Leg | None,
    code: str,
    *,
    expected: int | None = None,
    found: int | None = None,
    detail: str | tuple[str, str] = "",
) -> Difference:
    return difference(
        code,
        agency=leg.agency if leg else day.agency_of(line),
        office=leg.office if leg else "",
        customer_code=line.customer_code,
        key=LegKey(line.line.order_number, line.line.direction, line.line.leg),
        case_number=line.line.case_number or (leg.case_number if leg else line.line.order_number),
        item_code=line.line.item_code or "",
        expected=expected,
        found=found,
        detail=detail,
    )
