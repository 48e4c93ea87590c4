"""The demo's day: exact shares, one order per case, bodies that obey their contracts, the same plan every time."""

import json
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from typing import TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier, checked
from contracts.errors import ContractError
from contracts.kinds.postal import PostalCancel, PostalEvent, PostalOrder, PostalSettlement
from contracts.kinds.postal_codes import s10_verdict
from lgsp.core.admission import Limits, admit
from lgsp.core.directory import Directory
from lgsp.core.postal.reconciliation import reconcile
from lgsp.core.postal.traffic import Said, Traffic
from lgsp.core.routing import case_day
from lgsp.demo.cases import VIETNAM, apportion, item_code, share
from lgsp.demo.day import A_MONDAY, DayPlan, PlannedMessage, plan_day
from lgsp.demo.enrolment import directory_entry
from lgsp.demo.planted import INVENTED, LEFT_OUT, SHORT, plant
from lgsp.demo.procedures import FIELDS
from lgsp.demo.province import CASE_STATUS, CIVIL_STATUS, LAND_OFFICE, POLICE, POST, TAX, load_province

NOON = datetime(2025, 9, 15, 12, tzinfo=VIETNAM)
Body = TypeVar("Body")


@pytest.fixture(scope="module")
def day() -> DayPlan:
    return plan_day()


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory(1, map(directory_entry, load_province().agencies))


def said(plan: DayPlan, kind: str, model: type[Body]) -> tuple[Said[Body], ...]:
    """Of the agency whose parcels they are."""
    messages = of_kind(plan, kind)
    agencies = [one.sender if one.sender != POST else one.recipients[0] for one in messages]
    return tuple(
        Said(agency=agency, at=NOON, body=msgspec.convert(one.body, model))
        for one, agency in zip(messages, agencies, strict=True)
    )


def of_kind(plan: DayPlan, kind: str) -> list[PlannedMessage]:
    return [message for message in plan.messages if message.kind == kind]


def test_the_day_has_the_figures_of_the_province(day: DayPlan) -> None:
    """2,700 files over all 102 communes, five ninths linked onward, 18 % in and 20 % out by post."""
    assert len({case.commune for case in day.cases}) == 102
    figures = day.expectations
    assert (figures.cases, figures.linked_cases, figures.posted_in, figures.posted_out) == (2700, 1500, 486, 540)
    assert Counter(case.field.code for case in day.cases) == {field.code: 300 for field in FIELDS}
    assert 15_000 < figures.messages < 25_000


def test_some_cases_bring_a_file_along(day: DayPlan) -> None:
    """4 % of the cases: attached where the whole file goes, named in the body by its digest, expected at every recipient."""
    assert sum(case.has_scan for case in day.cases) == share(2700, 4) == 108
    carrying = [message for message in day.messages if message.scan is not None]
    assert {message.kind for message in carrying} == {"case.file/1", "case.transfer/1"}
    assert sum(message.kind == "case.file/1" for message in carrying) == 108
    for message in carrying:
        assert message.scan is not None
        assert message.scan.digest == "sha256:" + sha256(message.scan.octets).hexdigest()
        assert message.scan.digest in json.dumps(message.body)
        assert {(to, message.message_id, message.scan.digest) for to in message.recipients} <= day.expectations.files
    assert len(day.expectations.files) == sum(len(message.recipients) for message in carrying)


def test_five_of_nine_fields_are_linked_onward() -> None:
    """Land, merit recipients, social protection, civil status and residence each have an agency that decides."""
    linked = {field.name: field.decides for field in FIELDS if field.decides}
    assert (len(FIELDS), len(linked), len(set(linked.values()))) == (9, 5, 5)


@settings(max_examples=25, deadline=None)
@given(total=st.integers(0, 200), seed=st.integers(0, 2**32))
def test_counts_follow_from_the_shares(total: int, seed: int) -> None:
    """The number of messages of every kind is arithmetic on the shares, whatever the size of the day and the seed."""
    plan = plan_day(total, seed=seed)
    per_field = dict(zip((field.decides for field in FIELDS), apportion(total, [Fraction(1)] * 9), strict=True))
    assert plan.expectations.linked_cases == sum(apportion(total, [Fraction(1)] * 9)[:5])
    linked, own = plan.expectations.linked_cases, total - plan.expectations.linked_cases
    onward = share(per_field[LAND_OFFICE], 40) + share(per_field[CIVIL_STATUS], 50)
    posted_in, posted_out = share(total, 18), share(total, 20)
    cancelled, failed = share(posted_out, 3), share(posted_out, 6)
    expected = {
        "case.file/1": total,
        "case.progress/1": 3 * linked + 2 * own + onward,
        "case.supplement/1": 2 * share(linked, 12),
        "case.transfer/1": onward,
        "case.result/1": total,
        "postal.order/1": posted_in + posted_out,
        "postal.event/1": 3 * posted_in + 4 * (posted_out - cancelled) + 2 * failed,
        "postal.cancel/1": cancelled,
        "postal.settlement/1": len({case.commune for case in plan.cases if case.item_in or case.item_out}),
    }
    assert plan.expectations.messages_by_kind == {kind: number for kind, number in expected.items() if number}
    assert plan.expectations.deliveries == len(plan.messages) + 2 * linked + onward


def test_expectations_are_counted_from_the_plan(day: DayPlan) -> None:
    """Totals, links and lanes say the same about the day as its messages."""
    figures = day.expectations
    assert figures.messages == len(day.messages) == sum(figures.messages_by_kind.values())
    assert figures.deliveries == sum(figures.deliveries_by_link.values()) == sum(map(len, figures.lanes.values()))
    assert sum(number for (sender, _), number in figures.deliveries_by_link.items() if sender == POST) == len(
        of_kind(day, "postal.event/1")
    ) + len(of_kind(day, "postal.settlement/1"))
    assert {recipient for sender, recipient in figures.deliveries_by_link if sender == LAND_OFFICE} >= {TAX}
    assert {recipient for sender, recipient in figures.deliveries_by_link if sender == CIVIL_STATUS} >= {POLICE}


def test_the_same_seed_gives_the_same_plan() -> None:
    """Two plans from the same arguments are equal; another seed gives other people and message ids."""
    assert plan_day(90, seed=7) == plan_day(90, seed=7)
    other = plan_day(90, seed=8)
    assert not {m.message_id for m in other.messages} & {m.message_id for m in plan_day(90, seed=7).messages}


def test_another_day_gives_other_cases_and_messages() -> None:
    """Two days share neither a case nor a message id, so a hub that keeps its data can live through both."""
    monday, tuesday = plan_day(90), plan_day(90, day=date(2025, 9, 16))
    assert not {case.number for case in monday.cases} & {case.number for case in tuesday.cases}
    assert not {message.message_id for message in monday.messages} & {message.message_id for message in tuesday.messages}


def test_duration_only_stretches_the_day(day: DayPlan) -> None:
    """Half the duration, half of every time, nothing else."""
    short = plan_day(duration_s=30)
    for long_one, short_one in zip(day.messages, short.messages, strict=True):
        assert short_one.at_s == pytest.approx(long_one.at_s / 2)
        assert replace(short_one, at_s=0) == replace(long_one, at_s=0)


def test_nothing_happens_before_what_it_follows(day: DayPlan) -> None:
    """Every predecessor exists and is earlier, and the whole day lies within its duration."""
    at_s = {message.message_id: message.at_s for message in day.messages}
    assert len(at_s) == len(day.messages)
    for message in day.messages:
        assert 0 <= message.at_s < 60
        assert all(at_s[before] < message.at_s for before in message.after)


def test_messages_come_in_the_order_of_their_times(day: DayPlan) -> None:
    """A runner can walk through the plan from the front."""
    assert all(before.at_s <= after.at_s for before, after in pairwise(day.messages))


def test_every_lane_has_one_order(day: DayPlan) -> None:
    """Of two messages of one case to one recipient, the later one follows from the earlier one by the chain of predecessors."""
    after = {message.message_id: set(message.after) for message in day.messages}
    follows: dict[str, set[str]] = {}
    for message in day.messages:
        follows[message.message_id] = after[message.message_id].union(*(follows[one] for one in message.after))
    lanes = day.expectations.lanes
    assert max(map(len, lanes.values())) > 5
    for ids in lanes.values():
        assert all(first in follows[second] for first, second in pairwise(ids))


def test_mornings_are_busier_than_afternoons(day: DayPlan) -> None:
    """The busiest half hour of arrivals is before ten."""
    busiest, _ = Counter((case.arrives.hour, case.arrives.minute // 30) for case in day.cases).most_common(1)[0]
    assert busiest < (10, 0)


def test_case_numbers_have_the_shape_of_the_circular(day: DayPlan) -> None:
    """Agency code, date, daily sequence from 0001 without gaps; no number twice."""
    numbers = [case.number for case in day.cases]
    assert len(set(numbers)) == len(numbers)
    assert {case_day(number) for number in numbers} == {A_MONDAY}
    for commune, total in Counter(case.commune for case in day.cases).items():
        own = [case.number for case in day.cases if case.commune == commune]
        assert own == [f"{commune}-250915-{place:04}" for place in range(1, total + 1)]


def test_item_codes_are_valid_and_unique(day: DayPlan) -> None:
    """UPU S10: weights 8 6 4 2 3 5 9 7; every parcel has a code of its own."""
    assert item_code("BA", 47312482) == "BA473124829VN"
    assert item_code("EL", 12345678) == "EL123456785VN"
    items = [item for case in day.cases for item in (case.item_in, case.item_out) if item]
    assert len(set(items)) == len(items) == 486 + 540
    assert {s10_verdict(item) for item in items} == {"valid"}


def test_some_names_arrive_decomposed(day: DayPlan) -> None:
    """Two in a hundred applicants have a name in NFD (of these, some have no marks at all); the others are composed."""
    bare = [unicodedata.is_normalized("NFC", case.applicant.name) for case in day.cases]
    assert 40 <= bare.count(False) <= share(2700, 2)


def test_a_few_cases_are_urgent(day: DayPlan) -> None:
    """Two in a hundred have a priority, and all messages of a case share it."""
    assert sum(case.priority > 0 for case in day.cases) == share(2700, 2)
    by_case = {case.number: case.priority for case in day.cases}
    assert all(message.priority == by_case[message.order_key] for message in day.messages if message.order_key in by_case)


def test_every_case_reaches_the_status_database(day: DayPlan) -> None:
    """The province's one-stop centre hears of each case when it begins and when it ends."""
    for kind in ("case.file/1", "case.progress/1"):
        told = {message.order_key for message in of_kind(day, kind) if CASE_STATUS in message.recipients}
        assert told == {case.number for case in day.cases}


def test_a_linked_case_goes_to_its_deciding_agency_and_back(day: DayPlan) -> None:
    """File to the agency of the field, result from there to the commune that took the file."""
    sent = {message.order_key: message.recipients[0] for message in of_kind(day, "case.file/1")}
    decided = {message.order_key: (message.sender, message.recipients) for message in of_kind(day, "case.result/1")}
    for case in day.cases:
        if case.field.decides:
            assert sent[case.number] == case.field.decides
            assert decided[case.number] == (case.field.decides, (case.commune,))


def test_settlements_add_up(day: DayPlan) -> None:
    """Every parcel that was not called off is accounted for once, but for what was planted; totals are sums of lines."""
    charged: Counter[tuple[str, str]] = Counter()
    for message in of_kind(day, "postal.settlement/1"):
        lines = message.body.get("lines", ())
        assert message.body["total_fee_vnd"] == sum(line["fee_vnd"] for line in lines)
        assert message.body["total_cod_vnd"] == sum(line.get("cod_vnd", 0) for line in lines)
        charged.update((line["order_number"], line["direction"]) for line in lines)
    carried = Counter((case.number, "collect") for case in day.cases if case.item_in)
    carried.update((case.number, "deliver") for case in day.cases if case.item_out and not case.is_cancelled)
    planted = {one.code: (one.order_number, one.direction) for one in day.expectations.planted}
    assert carried - charged == Counter([planted[LEFT_OUT]]) and charged - carried == Counter([planted[INVENTED]])


def test_a_reconciliation_finds_what_was_planted_and_nothing_else(day: DayPlan) -> None:
    """Decided by the hub's own arithmetic from the bodies of the day, without a hub."""
    account = reconcile(
        A_MONDAY,
        Traffic(
            orders=said(day, "postal.order/1", PostalOrder),
            cancels=said(day, "postal.cancel/1", PostalCancel),
            events=said(day, "postal.event/1", PostalEvent),
            settlements=said(day, "postal.settlement/1", PostalSettlement),
        ),
    )
    assert {(one.code, one.order_number) for one in account.differences} == {
        (one.code, one.order_number) for one in day.expectations.planted
    }
    assert account.total.handed_over == day.expectations.posted_in + day.expectations.posted_out


def test_a_day_without_the_post_has_nothing_planted() -> None:
    """As many mistakes as a day offers room for."""
    assert plant(()) == ()
    one = plan_day(9, seed=1)
    assert {found.code for found in one.expectations.planted} <= {LEFT_OUT, INVENTED, SHORT}


def test_the_hub_would_admit_every_message(day: DayPlan, directory: Directory) -> None:
    """Core admission accepts each planned envelope: body valid for its kind, sender granted, recipients open, a lane for each."""
    limits = Limits(max_body_bytes=10_000, default_life=timedelta(days=30), shards=8)
    for message in day.messages:
        admitted = admit(envelope(message), directory.agencies[message.sender], directory, limits, NOON)
        assert tuple(hop.recipient for hop in admitted.hops) == message.recipients
        assert all(hop.lane is not None for hop in admitted.hops)


def test_bodies_are_as_large_as_real_ones(day: DayPlan) -> None:
    """A case file is 2 to 8 KB of JSON."""
    sizes = [len(msgspec.json.encode(message.body)) for message in of_kind(day, "case.file/1")]
    assert min(sizes) > 2000
    assert max(sizes) < 8000


def test_old_codes_lead_to_the_new_communes(directory: Directory) -> None:
    """In the hub's own directory a merged commune's code finds its successor, and a split one's is ambiguous."""
    province, today = load_province(), date(2026, 1, 5)
    for agency in province.agencies:
        if len(agency.successors) == 1:
            assert directory.resolve(agency.code, today, today).code == agency.successors[0]
        elif agency.successors:
            with pytest.raises(ContractError) as refused:
                directory.resolve(agency.code, today, today)
            assert refused.value.code == "route.ambiguous_successor"


def test_a_statistical_code_is_read_by_the_day_of_the_case(directory: Directory) -> None:
    """91 was Kiên Giang until 2025-06-30 and has been the merged province since."""
    before, after = directory.known_as("91", date(2025, 6, 30)), directory.known_as("91", date(2025, 7, 1))
    assert before is not None and after is not None
    assert (before.code, after.code) == ("000.00.00.H33", "H01")


@given(total=st.integers(0, 5000), weights=st.lists(st.fractions(0, 50), min_size=1, max_size=30).filter(any))
def test_apportionment_is_exact_and_fair(total: int, weights: list[Fraction]) -> None:
    """The parts add up to the total, and none is off its exact share by one or more."""
    parts = apportion(total, weights)
    assert sum(parts) == total
    assert all(abs(part - total * weight / sum(weights)) < 1 for part, weight in zip(parts, weights, strict=True))


def envelope(message: PlannedMessage) -> Envelope:
    return checked(
        Envelope(
            message_id=message.message_id,
            sender=AgencyCode(message.sender),
            recipients=tuple(map(AgencyCode, message.recipients)),
            kind=message.kind,
            created_at=NOON,
            body=msgspec.json.encode(message.body),
            order_key=message.order_key,
            priority=message.priority,
            identifiers=tuple(Identifier(scheme, value) for scheme, value in message.identifiers),
        )
    )
