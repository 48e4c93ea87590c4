"""The plan of a working day of the province, compressed: the same arguments give the same plan, to the octet.

08:00 to 17:00 becomes 0 to `duration_s` seconds. Cases arrive in the morning's queue and after lunch; what happens to each is
told in `script`; at the end of the day the postal service settles with every commune it worked for.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from uuid import UUID

from lgsp.demo import bodies
from lgsp.demo.bodies import Body, Said
from lgsp.demo.cases import HOURS_S, OPENS, VIETNAM, PlannedCase, invent_cases
from lgsp.demo.letters import Letter, plan_letters
from lgsp.demo.planted import Planted, plant
from lgsp.demo.province import POST, Province, load_province
from lgsp.demo.scans import Scan, scan_of
from lgsp.demo.script import Step, script

A_MONDAY = date(2025, 9, 15)
_LAST_STEP_S = HOURS_S - 900  # a quarter of an hour before closing everything is done but the settlements
_LONGEST_WAIT = 4.0  # times the mean: a step does not take for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMessage:
    """One envelope to be. Send it `at_s` seconds into the day at the earliest, and not before those in `after` have arrived;
    those of the same sender need only have been accepted. `body` is JSON-ready and valid for `kind`; `scan` is attached."""

    at_s: float
    sender: str
    recipients: tuple[str, ...]
    kind: str
    message_id: str
    order_key: str
    priority: int
    identifiers: tuple[tuple[str, str], ...]
    body: Body
    after: tuple[str, ...]
    scan: Scan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What a run must show at the end. A delivery is one message to one recipient; a link is (sender, recipient), a lane
    (recipient, order key) with the ids of its messages in the one order in which they may arrive. `files`: which recipient must
    come by which file, as (recipient, message id, digest). `letters`: official documents, which are not among the messages;
    `planted`: mistakes in the post's account; `parcels`: item codes of all parcels."""

    cases: int
    linked_cases: int
    posted_in: int
    posted_out: int
    messages: int
    deliveries: int
    messages_by_kind: Mapping[str, int]
    deliveries_by_link: Mapping[tuple[str, str], int]
    lanes: Mapping[tuple[str, str], tuple[str, ...]]
    files: frozenset[tuple[str, str, str]]
    letters: tuple[Letter, ...] = ()
    planted: tuple[Planted, ...] = ()
    parcels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """Cases in the order of arrival, messages in the order of `at_s`."""

    cases: tuple[PlannedCase, ...]
    messages: tuple[PlannedMessage, ...]
    expectations: Expectations


def plan_day(
    cases: int = 2700, *, seed: int = 2025, duration_s: float = 60.0, day: date = A_MONDAY, province: Province | None = None
) -> DayPlan:
    """`cases` files over the communes of the province (default: An Giang), about 6.7 messages each.

    Another `seed` or `day` gives other people, parcels and message ids; case numbers differ from day to day only.
    """
    province = province or load_province()
    rng = random.Random(f"{seed} {day}")  # noqa: S311  (a plan that can be repeated, nothing secret)
    planned = invent_cases(province, cases, day, rng)
    told = [message for case in planned for message in case_messages(case, province, rng, duration_s / HOURS_S)]
    settled = list(_settlements(planned, told, province, rng, duration_s))
    messages = tuple(sorted((*told, *settled), key=attrgetter("at_s")))
    letters = plan_letters(province, day, rng)
    expectations = replace(_expect(planned, messages), letters=letters, planted=plant(planned), parcels=_parcels(planned))
    return DayPlan(cases=planned, messages=messages, expectations=expectations)


def case_messages(case: PlannedCase, province: Province, rng: random.Random, scale: float) -> Iterator[PlannedMessage]:
    """The messages of one case, each after the one before; `scale`: seconds that a second of the office day takes."""
    opens = datetime.combine(case.arrives.date(), OPENS, VIETNAM)
    steps, commune = script(case), province.by_code[case.commune]
    before: tuple[str, ...] = ()
    for step, office_s in zip(steps, _times(steps, (case.arrives - opens).total_seconds(), rng), strict=True):
        message_id = _message_id(rng)
        said = Said(case, commune, province.by_code[step.sender], opens + timedelta(seconds=round(office_s)), step.item)
        yield PlannedMessage(
            at_s=office_s * scale,
            sender=step.sender,
            recipients=step.recipients,
            kind=step.kind,
            message_id=message_id,
            order_key=case.number,
            priority=case.priority,
            identifiers=_identifiers(case, step),
            body=step.body(said),
            after=before,
            scan=scan_of(case) if step.whole_file else None,
        )
        before = (message_id,)


def _times(steps: tuple[Step, ...], start_s: float, rng: random.Random) -> Iterator[float]:
    """Seconds into the office day; a story that would run past the end is told faster."""
    waits = [60 * step.wait_min * min(0.1 + rng.expovariate(1), _LONGEST_WAIT) for step in steps]
    pace = min(1.0, (_LAST_STEP_S - start_s) / sum(waits))
    at_s = start_s
    for wait_s in waits:
        at_s += wait_s * pace
        yield at_s


def _identifiers(case: PlannedCase, step: Step) -> tuple[tuple[str, str], ...]:
    names = (("case", case.number), ("receipt", case.receipt))
    return names if step.item is None else (*names, ("postal_order", case.number), ("postal_item", step.item))


def _settlements(
    cases: tuple[PlannedCase, ...], told: list[PlannedMessage], province: Province, rng: random.Random, duration_s: float
) -> Iterator[PlannedMessage]:
    """One per commune that used the post, in the last minutes of the day, after the last word on each of its parcels."""
    last_word = {(message.order_key, item): message.message_id for message in told for item in _items(message)}
    used_post: defaultdict[str, list[PlannedCase]] = defaultdict(list)
    for case in cases:
        if case.item_in or case.item_out:
            used_post[case.commune].append(case)
    planted = plant(cases)
    for place, (commune, customers) in enumerate(sorted(used_post.items()), 1):
        number = f"DS-{commune}-{customers[0].arrives:%y%m%d}"
        closing_s = _LAST_STEP_S + (HOURS_S - _LAST_STEP_S) * place / (len(used_post) + 1)
        at = datetime.combine(customers[0].arrives.date(), OPENS, VIETNAM) + timedelta(seconds=round(closing_s))
        yield PlannedMessage(
            at_s=closing_s * duration_s / HOURS_S,
            sender=POST,
            recipients=(commune,),
            kind="postal.settlement/1",
            message_id=_message_id(rng),
            order_key=number,
            priority=0,
            identifiers=(("settlement", number),),
            body=bodies.settlement(province.by_code[commune], customers, at, [one for one in planted if one.commune == commune]),
            after=tuple(last_word[case.number, item] for case in customers for item in (case.item_in, case.item_out) if item),
        )


def _items(message: PlannedMessage) -> Iterator[str]:
    return (value for scheme, value in message.identifiers if scheme == "postal_item")


def _parcels(cases: tuple[PlannedCase, ...]) -> frozenset[str]:
    return frozenset(item for case in cases for item in (case.item_in, case.item_out) if item)


def _message_id(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _expect(cases: tuple[PlannedCase, ...], messages: tuple[PlannedMessage, ...]) -> Expectations:
    links = Counter((message.sender, recipient) for message in messages for recipient in message.recipients)
    lanes: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for message in messages:
        for recipient in message.recipients:
            lanes[recipient, message.order_key].append(message.message_id)
    return Expectations(
        cases=len(cases),
        linked_cases=sum(case.field.decides is not None for case in cases),
        posted_in=sum(case.item_in is not None for case in cases),
        posted_out=sum(case.item_out is not None for case in cases),
        messages=len(messages),
        deliveries=links.total(),
        messages_by_kind=Counter(message.kind for message in messages),
        deliveries_by_link=links,
        lanes={lane: tuple(ids) for lane, ids in lanes.items()},
        files=frozenset((to, one.message_id, one.scan.digest) for one in messages if one.scan for to in one.recipients),
    )
