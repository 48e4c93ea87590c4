"""Parcels for tests: what was ordered, happened and was settled, in few words."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from contracts.kinds.postal import Party, Place, PostalCancel, PostalEvent, PostalOrder, PostalSettlement, SettlementLine
from contracts.kinds.postal_codes import LegState
from lgsp.core.postal.traffic import Said, Traffic

DESK, OTHER, POST = "H01.134", "H01.135", "VNPOST.AG"
CUSTOMER = "AG-1"
DAY = date(2026, 12, 2)
OFFICE = Party(name="UBND xã", address="Số 1", phone="1", province=90000)
CITIZEN = Party(name="Nguyễn Văn A", address="Số 2", phone="2", province=90000)


def at(day: int, hour: int = 3, minute: int = 0) -> datetime:
    """Of December 2026, UTC: 3 o'clock is 10 in Việt Nam."""
    return datetime(2026, 12, 1, hour, minute, tzinfo=UTC) + timedelta(days=day - 1)


class Days:
    """Collects traffic. Times are of December."""

    def __init__(self) -> None:
        self.orders: list[Said[PostalOrder]] = []
        self.cancels: list[Said[PostalCancel]] = []
        self.events: list[Said[PostalEvent]] = []
        self.settlements: list[Said[PostalSettlement]] = []

    def order(self, number: str, when: datetime, *, agency: str = DESK, failed: bool = False, **fields: Any) -> "Days":
        told = {"customer_code": CUSTOMER, "direction": "deliver", "sender": OFFICE, "receiver": CITIZEN} | fields
        self.orders.append(Said(agency=agency, at=when, failed=failed, body=PostalOrder(order_number=number, **told)))
        return self

    def cancel(
        self, number: str, when: datetime, direction: Literal["collect", "deliver"] | None = None, agency: str = DESK
    ) -> "Days":
        body = PostalCancel(
            customer_code=CUSTOMER, order_number=number, direction=direction, reason="đã nộp tại quầy", cancelled_at=when
        )
        self.cancels.append(Said(agency=agency, at=when, body=body))
        return self

    def event(
        self, number: str, state: LegState, when: datetime, *, told: datetime | None = None, office: str = "883450", **fields: Any
    ) -> "Days":
        place = Place(code=office, name=f"Bưu cục {office}") if office else None
        body = PostalEvent(
            **({"customer_code": CUSTOMER, "order_number": number, "state": state, "at": when, "place": place} | fields)
        )
        self.events.append(Said(agency=DESK, at=told or when, body=body))
        return self

    def settle(self, day: date, *lines: SettlementLine, told: datetime | None = None, **fields: Any) -> "Days":
        values = {
            "customer_code": CUSTOMER,
            "day": day,
            "total_fee_vnd": sum(line.fee_vnd for line in lines),
            "total_cod_vnd": sum(line.cod_vnd for line in lines),
            "lines": lines,
        } | fields
        when = told or datetime(day.year, day.month, day.day, 14, tzinfo=UTC)
        self.settlements.append(Said(agency=values.pop("agency", DESK), at=when, body=PostalSettlement(**values)))
        return self

    def delivered(self, number: str, day: int, cod: int = 0, **fields: Any) -> "Days":
        """Ordered, accepted, delivered, all on one day."""
        self.order(number, at(day, 1), cod_amount_vnd=cod, **fields)
        return self.event(number, "collected", at(day, 2)).event(number, "delivered", at(day, 8), office="883499")

    @property
    def traffic(self) -> Traffic:
        return Traffic(
            orders=tuple(self.orders),
            cancels=tuple(self.cancels),
            events=tuple(self.events),
            settlements=tuple(self.settlements),
        )


def line(number: str, fee: int = 26_500, cod: int = 0, **fields: Any) -> SettlementLine:
    return SettlementLine(**({"order_number": number, "direction": "deliver", "fee_vnd": fee, "cod_vnd": cod} | fields))
