"""The case files of one day: which commune, which field, whose, when, and what will happen to each.

Shares are exact: of n cases, p percent means the nearest whole number to n * p / 100 (a half goes up), drawn without
replacement, so that a run of any size can be checked by arithmetic.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from fractions import Fraction
from itertools import count
from typing import TypeVar

from contracts.kinds.postal_codes import s10_check_digit
from lgsp.demo.people import Person, invent
from lgsp.demo.procedures import FIELDS, Field, Procedure
from lgsp.demo.province import Province

_T = TypeVar("_T")

VIETNAM = timezone(timedelta(hours=7), "ICT")
OPENS, HOURS_S = time(8, 0), 9 * 3600  # desks are open from 08:00 to 17:00

POST_IN_PERCENT = 18  # of all cases: the file is collected at the applicant's home
POST_OUT_PERCENT = 20  # of all cases: the result is taken there
URGENT_PERCENT, DECOMPOSED_PERCENT = 2, 2  # of all cases
SUPPLEMENT_PERCENT = 12  # of the linked cases: the deciding agency wants more papers
SCANNED_PERCENT = 4  # of all cases: one of the papers travels as a file
CANCELLED_PERCENT, FAILED_PERCENT = 3, 6  # of the deliveries: called off before pick-up; nobody at home the first time

# Percent of the day's applicants by half hour from 08:00: a queue in the morning, a smaller one after lunch, no more after 16:00.
_ARRIVALS = (9, 12, 12, 10, 8, 7, 4, 2, 2, 3, 8, 8, 6, 4, 3, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCase:
    """One case file. Item codes are UPU S10; None means that the applicant came to the desk."""

    number: str  # Circular 01/2018/TT-VPCP, art. 19: agency code - date of receipt - sequence of the day
    commune: str
    field: Field
    procedure: Procedure
    applicant: Person
    arrives: datetime
    priority: int = 0
    item_in: str | None = None
    item_out: str | None = None
    has_scan: bool = False
    is_onward: bool = False
    is_supplemented: bool = False
    is_cancelled: bool = False
    failed_attempts: int = 0

    @property
    def receipt(self) -> str:
        """Number of the receipt the applicant was given (số biên nhận), by which land systems and SMS look a case up."""
        return f"BN{self.number.rpartition('.')[2].replace('-', '')}"

    @property
    def due(self) -> date:
        """The day the result is promised for; working days, public holidays not counted out."""
        day = self.arrives.date()
        for _ in range(self.procedure.working_days):
            day += timedelta(days=1 if day.weekday() < 4 else 7 - day.weekday())
        return day


def share(total: int, percent: int) -> int:
    """The nearest whole number to `percent` of `total`, a half going up."""
    return (total * percent + 50) // 100


def apportion(total: int, weights: Sequence[Fraction]) -> list[int]:
    """Splits `total` in the ratio of the weights; what whole parts leave goes to the largest remainders (Hamilton's method)."""
    exact = [total * weight / sum(weights) for weight in weights]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: (parts[place] - exact[place], place))
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return parts


def item_code(indicator: str, serial: int) -> str:
    """UPU S10: item_code("BA", 47312482) is "BA473124829VN". BA-BZ and DA-DZ are free for domestic use."""
    digits = f"{serial:08}"
    return f"{indicator}{digits}{s10_check_digit(digits)}VN"


def invent_cases(province: Province, total: int, day: date, rng: random.Random) -> tuple[PlannedCase, ...]:
    """The day's cases in the order of arrival; communes get them in the ratio of `Province.weight`, fields in equal parts."""
    communes = _shuffled(
        rng, [agency.code for agency in province.communes], [province.weight(c.code) for c in province.communes], total
    )
    fields = _shuffled(rng, FIELDS, [Fraction(1)] * len(FIELDS), total)
    arrivals = sorted(_arrival(rng, day) for _ in range(total))
    urgent, decomposed = _some(rng, range(total), URGENT_PERCENT), _some(rng, range(total), DECOMPOSED_PERCENT)
    fate = _Fate(rng, fields)
    sequence: Counter[str] = Counter()
    serials = count(rng.randrange(10**7, 9 * 10**7))
    cases = []
    for place, (commune, field, arrives) in enumerate(zip(communes, fields, arrivals, strict=True)):
        sequence[commune] += 1
        cases.append(
            PlannedCase(
                number=f"{commune}-{day:%y%m%d}-{sequence[commune]:04}",
                commune=commune,
                field=field,
                procedure=rng.choice(field.procedures),
                applicant=_applicant(rng, province, commune, decomposed=place in decomposed),
                arrives=arrives,
                priority=rng.choice((1, 1, 2)) if place in urgent else 0,
                item_in=item_code("DA", next(serials)) if place in fate.post_in else None,
                item_out=item_code("BA", next(serials)) if place in fate.post_out else None,
                has_scan=place in fate.scanned,
                is_onward=place in fate.onward,
                is_supplemented=place in fate.supplemented,
                is_cancelled=place in fate.cancelled,
                failed_attempts=int(place in fate.failed),
            )
        )
    return tuple(cases)


class _Fate:
    """Which cases, by their place in the day, meet with what."""

    def __init__(self, rng: random.Random, fields: Sequence[Field]) -> None:
        everyone = range(len(fields))
        self.post_in = _some(rng, everyone, POST_IN_PERCENT)
        self.post_out = _some(rng, everyone, POST_OUT_PERCENT)
        self.supplemented = _some(rng, [place for place in everyone if fields[place].decides], SUPPLEMENT_PERCENT)
        self.cancelled = _some(rng, sorted(self.post_out), CANCELLED_PERCENT)
        kept = sorted(self.post_out - self.cancelled)
        self.failed = frozenset(rng.sample(kept, share(len(self.post_out), FAILED_PERCENT)))
        self.onward = frozenset[int]().union(
            *(_some(rng, [place for place in everyone if fields[place] is field], field.onward_percent) for field in FIELDS)
        )
        self.scanned = _some(rng, everyone, SCANNED_PERCENT)


def _some(rng: random.Random, places: Sequence[int], percent: int) -> frozenset[int]:
    return frozenset(rng.sample(places, share(len(places), percent)))


def _shuffled(rng: random.Random, values: Sequence[_T], weights: Sequence[Fraction], total: int) -> list[_T]:
    each = [value for value, times in zip(values, apportion(total, weights), strict=True) for _ in range(times)]
    rng.shuffle(each)
    return each


def _arrival(rng: random.Random, day: date) -> datetime:
    (half_hour,) = rng.choices(range(len(_ARRIVALS)), weights=_ARRIVALS)
    return datetime.combine(day, OPENS, VIETNAM) + timedelta(seconds=half_hour * 1800 + rng.randrange(1800))


def _applicant(rng: random.Random, province: Province, commune: str, *, decomposed: bool) -> Person:
    former = rng.choice(province.predecessors(commune)).names[1].split(",")[0]
    return invent(rng, province.by_code[commune].names[1], former, decomposed=decomposed)
