"""Mistakes that the demo's post makes in its account of the day on purpose, so that one sees them found."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from contracts.kinds.postal import SettlementLine
from lgsp.demo.cases import PlannedCase

LEFT_OUT, SHORT, INVENTED = "postal.delivered_not_settled", "postal.cod_differs", "postal.settled_not_known"
_SHORT_BY_VND = 5_000
_FEE_VND = 26_500
_SEQUENCE = "9999"  # of the commune's cases of the day; nobody has so many


@dataclass(frozen=True, slots=True)
class Planted:
    """`code`: of the difference that a reconciliation has to find about this parcel leg; `commune`: whose account it is in."""

    code: str
    commune: str
    order_number: str
    direction: str


def plant(cases: Sequence[PlannedCase]) -> tuple[Planted, ...]:
    """A delivery that is left out, collected money of which a little is missing, and a parcel that nobody ordered: as many of
    these as a day offers."""
    return tuple(_planted(cases))


def _planted(cases: Sequence[PlannedCase]) -> Iterator[Planted]:
    delivered = next((case for case in cases if case.item_out and not case.is_cancelled), None)
    if delivered is not None:
        yield Planted(LEFT_OUT, delivered.commune, delivered.number, "deliver")
        day = f"{delivered.arrives:%y%m%d}"
        yield Planted(INVENTED, delivered.commune, f"{delivered.commune}-{day}-{_SEQUENCE}", "deliver")
    paid = next((case for case in cases if case.item_in and case.procedure.fee_vnd), None)
    if paid is not None:
        yield Planted(SHORT, paid.commune, paid.number, "collect")


def spoiled(lines: Iterable[SettlementLine], planted: Iterable[Planted]) -> tuple[SettlementLine, ...]:
    """An account with what was planted in it. `planted`: of this commune."""
    codes = {(one.order_number, one.direction): one.code for one in planted}
    found = []
    for line in lines:
        match codes.get((line.order_number, line.direction)):
            case "postal.delivered_not_settled":
                continue
            case "postal.cod_differs":
                found.append(msgspec.structs.replace(line, cod_vnd=line.cod_vnd - min(line.cod_vnd, _SHORT_BY_VND)))
            case _:
                found.append(line)
    invented = [number for (number, _), code in codes.items() if code == INVENTED]
    return (*found, *(SettlementLine(order_number=one, direction="deliver", fee_vnd=_FEE_VND) for one in invented))
