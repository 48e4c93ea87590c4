"""The settlements that the post sent: which lines there are, and what is wrong with them by themselves."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from contracts.kinds.postal import PostalSettlement, SettlementLine
from contracts.text import identifier_key
from lgsp.core.postal.differences import Difference, difference
from lgsp.core.postal.legs import LegKey
from lgsp.core.postal.traffic import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line, of which day and contract. `agency`: whom the post told."""

    agency: str
    customer_code: str
    day: date
    line: SettlementLine

    @property
    def key(self) -> LegKey:
        return LegKey(identifier_key(self.line.order_number), self.line.direction, self.line.leg)


@dataclass(frozen=True, slots=True)
class Book:
    """Of each part the last that came counts, of lines those of the parts that count."""

    parts: dict[tuple[str, date], dict[int, tuple[Said[PostalSettlement], ...]]]
    lines: tuple[Line, ...]
    by_key: dict[LegKey, tuple[Line, ...]]

    def of(self, day: date) -> list[Line]:
        return [line for line in self.lines if line.day == day]

    def about(self, key: LegKey) -> tuple[Line, ...]:
        """Of any day. Order numbers are compared as people read them."""
        return self.by_key.get(key._replace(order_number=identifier_key(key.order_number)), ())

    def covers(self, customer_code: str, day: date) -> bool:
        return (customer_code, day) in self.parts


def book_of(settlements: Sequence[Said[PostalSettlement]]) -> Book:
    parts: dict[tuple[str, date], dict[int, list[Said[PostalSettlement]]]] = defaultdict(lambda: defaultdict(list))
    for said in sorted(settlements, key=lambda one: one.at):
        versions = parts[said.body.customer_code, said.body.day][said.body.part]
        if not versions or versions[-1].body != said.body:
            versions.append(said)
    lines = [
        Line(agency=said.agency, customer_code=customer, day=day, line=line)
        for (customer, day), of_day in parts.items()
        for said in (versions[-1] for versions in of_day.values())
        for line in said.body.lines
    ]
    by_key: dict[LegKey, list[Line]] = defaultdict(list)
    for line in lines:
        by_key[line.key].append(line)
    whole = {where: {part: tuple(versions) for part, versions in of_day.items()} for where, of_day in parts.items()}
    return Book(whole, tuple(lines), {key: tuple(found) for key, found in by_key.items()})


def faults_of(book: Book, day: date, agencies: dict[str, str]) -> Iterator[Difference]:
    """What is wrong with the settlements of the day, whatever they are about. `agencies`: contract -> agency."""
    for (customer, on), parts in sorted(book.parts.items()):
        if on != day:
            continue
        latest = [versions[-1] for _, versions in sorted(parts.items())]
        agency = agencies.get(customer, latest[0].agency)
        announced = max(said.body.parts for said in latest)
        missing = [number for number in range(1, announced + 1) if number not in parts]
        if missing:
            named = f"{', '.join(map(str, missing[:20]))} / {announced}"
            yield difference("postal.settlement_part_missing", agency=agency, customer_code=customer, detail=named)
        for number, versions in sorted(parts.items()):
            if len(versions) > 1:
                yield difference("postal.settlement_part_twice", agency=agency, customer_code=customer, detail=str(number))
        for said in latest:
            yield from _totals(said.body, agency)


def twice(book: Book, line: Line) -> str:
    """On which other days, or how often on this one, the same leg was settled; "" for once. Another label is another parcel."""
    same = [
        one
        for one in book.by_key[line.key]
        if one.customer_code == line.customer_code and (one.line.item_code or "") == (line.line.item_code or "")
    ]
    days = sorted(one.day for one in same)
    return "" if len(same) < 2 else ", ".join(day.isoformat() for day in days)


def _totals(body: PostalSettlement, agency: str) -> Iterator[Difference]:
    for said, added, what in (
        (body.total_fee_vnd, sum(line.fee_vnd for line in body.lines), f"cước · fees, {body.part}/{body.parts}"),
        (body.total_cod_vnd, sum(line.cod_vnd for line in body.lines), f"thu hộ · COD, {body.part}/{body.parts}"),
    ):
        if said != added:
            yield difference(
                "postal.total_differs", agency=agency, customer_code=body.customer_code, expected=added, found=said, detail=what
            )
