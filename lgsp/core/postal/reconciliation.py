"""The account of one day: what was handed over, accepted, delivered and paid, per agency and post office, and what does not fit.

A leg is judged on the day on which its state ended, by local time, whenever that was told: asked again later, the account of a
day is more complete. A leg that is open at the end of the day is listed with its age.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date

import msgspec

from contracts.kinds.postal_codes import LegState
from lgsp.core.postal.day import Day
from lgsp.core.postal.differences import Difference
from lgsp.core.postal.judging import differences_of
from lgsp.core.postal.legs import STATES, Leg, state_at
from lgsp.core.postal.traffic import Direction, Traffic, end_of

PATIENCE_DAYS = 2  # an order may wait so long for its parcel


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of legs and sums in đồng. `office`: the post office that accepted the parcel, "" before any did. `handed_over`:
    ordered on the day; `cod_due_vnd`: of what was delivered; `cod_paid_vnd`, `fees_vnd`: as the settlement of the day says."""

    agency: str
    office: str
    handed_over: int = 0
    accepted: int = 0
    delivered: int = 0
    returned: int = 0
    cancelled: int = 0
    cod_due_vnd: int = 0
    cod_paid_vnd: int = 0
    fees_vnd: int = 0


class OpenLeg(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Neither delivered nor returned nor cancelled at the end of the day. `age_days`: since it was ordered, or first seen."""

    agency: str
    office: str
    order_number: str
    case_number: str
    direction: Direction
    leg: int
    state: LegState
    state_vi: str
    state_en: str
    age_days: int
    item_code: str = ""
    cod_due_vnd: int = 0


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """`differences` are in the order agency, order number, code; a warning alone does not spoil the day."""

    day: date
    rows: tuple[Row, ...]
    total: Row
    differences: tuple[Difference, ...]
    open: tuple[OpenLeg, ...]

    @property
    def is_clean(self) -> bool:
        return all(one.severity == "warning" for one in self.differences)

    def of(self, agency: str) -> "Reconciliation":
        """What concerns one agency."""
        rows = tuple(row for row in self.rows if row.agency == agency)
        return Reconciliation(
            day=self.day,
            rows=rows,
            total=_total(rows),
            differences=tuple(one for one in self.differences if one.agency == agency),
            open=tuple(one for one in self.open if one.agency == agency),
        )


def reconcile(on: date, traffic: Traffic, patience_days: int = PATIENCE_DAYS) -> Reconciliation:
    """Give traffic from well before the day and all that came since. `patience_days`: an order may wait so long for its
    parcel."""
    day = Day(on, traffic)
    rows = _rows(day)
    return Reconciliation(
        day=on,
        rows=rows,
        total=_total(rows),
        differences=tuple(sorted(differences_of(day, patience_days), key=lambda one: (one.agency, one.order_number, one.code))),
        open=tuple(_open(day, leg) for leg in day.legs if day.is_open(leg) and not (leg.failed and leg.accepted_at is None)),
    )


def _rows(day: Day) -> tuple[Row, ...]:
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for leg in day.legs:
        row = sums[leg.agency, leg.office]
        row["handed_over"] += day.on(leg.ordered_at) and not leg.failed
        row["accepted"] += day.on(leg.accepted_at)
        if leg.end is not None and day.on(leg.ended_at):
            row[leg.end] += 1
            row["cod_due_vnd"] += leg.cod_due_vnd if leg.end == "delivered" else 0
    for line in day.lines():
        leg_of = day.leg_of(line)
        row = sums[leg_of.agency if leg_of else day.agency_of(line), leg_of.office if leg_of else ""]
        row["cod_paid_vnd"] += line.line.cod_vnd
        row["fees_vnd"] += line.line.fee_vnd
    return tuple(Row(agency=where[0], office=where[1], **row) for where, row in sorted(sums.items()) if any(row.values()))


def _open(day: Day, leg: Leg) -> OpenLeg:
    state = state_at(leg, end_of(day.day)) or "registered"
    return OpenLeg(
        agency=leg.agency,
        office=leg.office,
        order_number=leg.key.order_number,
        case_number=leg.case_number,
        direction=leg.key.direction,
        leg=leg.key.leg,
        state=state,
        state_vi=STATES[state][0],
        state_en=STATES[state][1],
        age_days=day.age_days(leg),
        item_code=leg.items[0] if leg.items else "",
        cod_due_vnd=leg.cod_due_vnd,
    )


def _total(rows: Sequence[Row]) -> Row:
    names = [name for name in Row.__struct_fields__ if name not in ("agency", "office")]
    return Row(agency="", office="", **{name: sum(getattr(row, name) for row in rows) for name in names})
