"""A day as an account sees it: the legs that there were, the settlements, and which of them it is about."""

from collections.abc import Iterable
from datetime import date, datetime

from contracts.text import identifier_key
from lgsp.core.postal.following import legs_of
from lgsp.core.postal.legs import Leg, LegKey
from lgsp.core.postal.settling import Line, book_of
from lgsp.core.postal.traffic import Direction, Traffic, agencies_of_contracts, local_day


class Day:
    """`contracts`: contract -> agency."""

    def __init__(self, day: date, traffic: Traffic) -> None:
        self.day = day
        self.legs = legs_of(traffic)
        self.book = book_of(traffic.settlements)
        self.contracts = agencies_of_contracts(traffic)
        self._lives: dict[LegKey, list[Leg]] = {}
        for leg in self.legs:
            self._lives.setdefault(_key(leg), []).append(leg)
        self._bore_before = _bearers_before(self.legs)

    def on(self, moment: datetime | None) -> bool:
        return moment is not None and local_day(moment) == self.day

    def is_open(self, leg: Leg) -> bool:
        """At the end of the day."""
        return local_day(leg.began_at) <= self.day and (leg.ended_at is None or local_day(leg.ended_at) > self.day)

    def age_days(self, leg: Leg) -> int:
        """Since it was ordered, or first seen."""
        return (self.day - local_day(leg.began_at)).days

    def bore_before(self, item: str, leg: Leg) -> Leg | None:
        """Which other leg had this label last; one that is ordered anew may keep its label."""
        return self._bore_before.get((item, leg.key, leg.began_at))

    def lines(self) -> list[Line]:
        """Of the settlements of the day."""
        return self.book.of(self.day)

    def leg_of(self, line: Line) -> Leg | None:
        """The life of the leg that a line is about, of its contract: that with its label, else the last that had begun."""
        found = self._lives.get(line.key) or self._lives.get(line.key._replace(direction="unknown")) or []
        lives = [leg for leg in found if local_day(leg.began_at) <= line.day]
        lives = [leg for leg in lives if leg.agency == self.agency_of(line)] or lives
        labelled = [leg for leg in lives if line.line.item_code in leg.items]
        return max(labelled or lives, key=lambda leg: leg.began_at, default=None)

    def lines_of(self, leg: Leg) -> list[Line]:
        """Of any day."""
        ways: tuple[Direction, ...] = ("collect", "deliver") if leg.key.direction == "unknown" else (leg.key.direction,)
        keys = (_key(leg)._replace(direction=way) for way in ways)
        return [line for key in keys for line in self.book.by_key.get(key, ()) if self.leg_of(line) is leg]

    def agency_of(self, line: Line) -> str:
        return self.contracts.get(line.customer_code, line.agency)


def _bearers_before(legs: Iterable[Leg]) -> dict[tuple[str, LegKey, datetime], Leg]:
    """`legs` in the order in which they began. Of each label the last two legs are remembered, so that one of them is another."""
    found: dict[tuple[str, LegKey, datetime], Leg] = {}
    latest: dict[str, tuple[Leg, ...]] = {}
    for leg in legs:
        for item in leg.items:
            others = [one for one in latest.get(item, ()) if one.key != leg.key]
            if others:
                found[item, leg.key, leg.began_at] = others[0]
            latest[item] = (leg, *others[:1])
    return found


def _key(leg: Leg) -> LegKey:
    return leg.key._replace(order_number=identifier_key(leg.key.order_number))
