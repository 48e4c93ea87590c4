"""The account of a day: sums per agency and post office, and every way in which things do not fit together."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.kinds.postal_codes import LegState
from lgsp.core.postal.differences import SORTS
from lgsp.core.postal.following import legs_of
from lgsp.core.postal.reconciliation import Reconciliation, Row, reconcile
from tests.postal import CUSTOMER, DAY, DESK, OTHER, Days, at, line

AFTER = ("postal.event_after_end", "postal.cancelled_after_collection")
NEXT = DAY + timedelta(days=1)


def codes(found: Reconciliation) -> list[str]:
    return [one.code.removeprefix("postal.") for one in found.differences]


def a_good_day() -> Days:
    """One delivered and paid, one returned, one cancelled, one open."""
    days = Days().delivered("N", 2, cod=126_500)
    days.order("R", at(1)).event("R", "collected", at(1, 5)).event("R", "returned", at(2))
    days.order("C", at(2)).cancel("C", at(2, 4))
    days.order("O", at(2)).event("O", "collected", at(2, 5), office="883411")
    return days.settle(DAY, line("N", cod=126_500), line("R", fee=20_000))


def test_a_day_on_which_all_fits_has_no_differences() -> None:
    found = reconcile(DAY, a_good_day().traffic)
    assert codes(found) == [] and found.is_clean
    assert found.rows == (
        Row(agency=DESK, office="", handed_over=1, cancelled=1),
        Row(agency=DESK, office="883411", handed_over=1, accepted=1),
        Row(
            agency=DESK, office="883450", handed_over=1, accepted=1, delivered=1, returned=1,
            cod_due_vnd=126_500, cod_paid_vnd=126_500, fees_vnd=46_500,
        ),
    )  # fmt: skip
    assert found.total.handed_over == 3 and found.total.fees_vnd == 46_500
    assert [(one.order_number, one.state, one.age_days, one.office) for one in found.open] == [("O", "collected", 0, "883411")]


def test_the_days_before_and_after_are_accounts_of_their_own() -> None:
    """Each leg is in the account of the day on which its state ended, by the clock in Việt Nam."""
    days = a_good_day()
    before = reconcile(date(2026, 12, 1), days.traffic)
    assert before.total == Row(agency="", office="", handed_over=1, accepted=1)
    assert [one.order_number for one in before.open] == ["R"]
    late = Days().delivered("L", 2).event("L", "delivered", at(2, 17))  # 00:00 in Việt Nam is 17:00 UTC
    assert reconcile(DAY, late.traffic).total.delivered == 1
    after_midnight = Days().order("L", at(2)).event("L", "collected", at(2, 5)).event("L", "delivered", at(2, 17, 30))
    assert reconcile(DAY, after_midnight.traffic).total.delivered == 0
    assert reconcile(NEXT, after_midnight.traffic).total.delivered == 1


def test_what_is_told_late_completes_the_account_of_its_day() -> None:
    days = Days().order("N", at(2)).event("N", "collected", at(2, 5)).settle(DAY)
    assert [one.order_number for one in reconcile(DAY, days.traffic).open] == ["N"]
    days.event("N", "delivered", at(2, 8), told=at(6))
    found = reconcile(DAY, days.traffic)
    assert found.open == () and found.total.delivered == 1 and codes(found) == ["delivered_not_settled"]


def a(build: Callable[[Days], object]) -> Days:
    days = Days()
    build(days)
    return days


BAD_DAYS: dict[str, tuple[Days, list[str]]] = {
    "ordered two days ago and never collected": (
        a(lambda d: d.order("N", at(-1)).order("YOUNG", at(1)).settle(DAY)),
        ["ordered_not_collected"],
    ),
    "collected two days late": (
        a(lambda d: d.order("N", at(-1)).event("N", "collected", at(3))),
        ["ordered_not_collected"],
    ),
    "the order never reached the post": (a(lambda d: d.order("N", at(2), failed=True)), ["order_not_handed_over"]),
    "collected and never ordered": (a(lambda d: d.event("N", "collected", at(2))), ["collected_not_ordered"]),
    "delivered and not settled": (
        a(lambda d: d.delivered("N", 2, cod=5).settle(DAY)),
        ["delivered_not_settled"],
    ),
    "no settlement at all": (
        a(lambda d: d.delivered("N", 2, cod=5).delivered("M", 2, cod=6)),
        ["settlement_missing"],
    ),
    "settled and under way": (
        a(lambda d: d.order("N", at(2)).event("N", "collected", at(2, 5)).settle(DAY, line("N"))),
        ["settled_not_delivered"],
    ),
    "settled, and nobody knows it": (a(lambda d: d.settle(DAY, line("N"))), ["settled_not_known"]),
    "settled on another day": (a(lambda d: d.delivered("N", 1).settle(DAY, line("N"))), ["settled_other_day"]),
    "less was paid than ordered": (
        a(lambda d: d.delivered("N", 2, cod=126_500).settle(DAY, line("N", cod=100_000))),
        ["cod_differs"],
    ),
    "paid for what was returned": (
        a(
            lambda d: d.order("N", at(1), cod_amount_vnd=5)
            .event("N", "collected", at(1, 5))
            .event("N", "returned", at(2))
            .settle(DAY, line("N", cod=5))
        ),
        ["cod_differs"],
    ),
    "other money at the door": (
        a(
            lambda d: d.order("N", at(2), cod_amount_vnd=5)
            .event("N", "delivered", at(2, 5), cod_collected_vnd=4)
            .settle(DAY, line("N", cod=5))
        ),
        ["collected_amount_differs"],
    ),
    "totals that do not add up": (
        a(lambda d: d.delivered("N", 2, cod=5).settle(DAY, line("N", cod=5), total_fee_vnd=1, total_cod_vnd=2)),
        ["total_differs", "total_differs"],
    ),
    "a part is missing": (
        a(lambda d: d.delivered("N", 2).settle(DAY, line("N"), part=2, parts=3)),
        ["settlement_part_missing"],
    ),
    "a part twice": (
        a(lambda d: d.delivered("N", 2).settle(DAY, line("N", fee=1)).settle(DAY, line("N", fee=2), told=at(3))),
        ["settlement_part_twice"],
    ),
    "the same part again, which is no other": (
        a(lambda d: d.delivered("N", 2).settle(DAY, line("N")).settle(DAY, line("N"), told=at(3))),
        [],
    ),
    "a line twice on the day": (
        a(lambda d: d.delivered("N", 2).settle(DAY, line("N"), line("N"))),
        ["settlement_line_twice", "settlement_line_twice"],
    ),
    "settled again after a day": (
        a(lambda d: d.delivered("N", 1).settle(date(2026, 12, 1), line("N")).settle(DAY, line("N"))),
        ["settled_other_day", "settlement_line_twice"],
    ),
    "cancelled and charged": (
        a(lambda d: d.order("N", at(2)).cancel("N", at(2, 4)).settle(DAY, line("N"))),
        ["cancelled_charged"],
    ),
    "cancelled under way": (
        a(lambda d: d.order("N", at(1)).event("N", "collected", at(1, 5)).cancel("N", at(2))),
        ["cancelled_after_collection"],
    ),
    "something after the end": (
        a(lambda d: d.delivered("N", 1).event("N", "in_transit", at(2))),
        ["event_after_end"],
    ),
    "collected after it was cancelled": (
        a(lambda d: d.order("N", at(1)).cancel("N", at(1, 4)).event("N", "collected", at(2))),
        ["event_after_end"],
    ),
    "a label used for two": (
        a(lambda d: d.order("M", at(1), item_code="B1").order("N", at(2), item_code="B1")),
        ["item_code_reused"],
    ),
    "another label than ordered": (
        a(lambda d: d.order("N", at(2), item_code="B1").event("N", "collected", at(2, 5), item_code="B2")),
        ["item_code_differs"],
    ),
    "a wrong check digit": (
        a(lambda d: d.order("N", at(2), item_code="EL123456789VN")),
        ["item_code_check_digit"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("days", "expected"), BAD_DAYS.values(), ids=BAD_DAYS)
def test_what_does_not_fit_is_named_once_and_by_its_code(days: Days, expected: list[str]) -> None:
    """In both languages, with the leg; warnings alone do not spoil the day."""
    found = reconcile(DAY, days.traffic)
    assert codes(found) == expected
    assert found.is_clean == all(SORTS[one.code].severity == "warning" for one in found.differences)
    for one in found.differences:
        assert one.text_vi and one.text_en and "{" not in one.text_vi + one.text_en
        assert one.agency == DESK and (one.customer_code == CUSTOMER or one.order_number)


def test_every_sort_of_difference_is_shown_by_a_day() -> None:
    assert {f"postal.{code}" for _, expected in BAD_DAYS.values() for code in expected} == set(SORTS)


def test_the_runbook_says_of_every_sort_whose_turn_it_is() -> None:
    runbook = (Path(__file__).parents[2] / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
    assert [code for code in SORTS if f"`{code}`" not in runbook] == []


def test_a_difference_is_of_its_day_only() -> None:
    """Asked for the day after, nothing of it is left but what still waits."""
    for name, (days, expected) in BAD_DAYS.items():
        after = codes(reconcile(date(2026, 12, 20), days.traffic))
        assert set(after) <= {"ordered_not_collected"}, (name, expected)


def test_amounts_are_told_as_they_are_read_in_an_account() -> None:
    (one,) = reconcile(DAY, BAD_DAYS["less was paid than ordered"][0].traffic).differences
    assert (one.expected, one.found) == (126_500, 100_000)
    assert one.text_vi == "Tiền thu hộ trong đối soát 100.000 đồng, theo đơn 126.500 đồng"


def test_states_are_told_in_the_language_of_the_text() -> None:
    (one,) = reconcile(DAY, BAD_DAYS["something after the end"][0].traffic).differences
    assert one.text_vi == "Có sự kiện sau khi đã kết thúc (đang vận chuyển)"
    assert one.text_en == "Something happened after the end (in transit)"


def test_a_label_may_be_used_again_after_a_year() -> None:
    days = (
        Days()
        .order("M", at(2) - timedelta(days=366), item_code="B1")
        .event("M", "delivered", at(2) - timedelta(days=365, hours=23))
    )
    assert codes(reconcile(DAY, days.order("N", at(2), item_code="B1").traffic)) == []


def test_a_line_goes_to_the_life_with_its_label() -> None:
    """One number, cancelled and ordered again: the line is about the second parcel."""
    days = Days().order("N", at(2), item_code="B1").cancel("N", at(2, 4)).order("N", at(2, 5), item_code="B2")
    days.event("N", "delivered", at(2, 8), item_code="B2").settle(DAY, line("N", item_code="B2"))
    assert codes(reconcile(DAY, days.traffic)) == []


def test_an_agency_sees_its_own_and_nothing_else() -> None:
    days = a_good_day().delivered("X", 2, agency=OTHER, customer_code="AG-2", cod=7)
    days.events[-1:] = []
    whole = reconcile(DAY, days.traffic)
    own = whole.of(OTHER)
    assert {row.agency for row in own.rows} == {OTHER} and own.total.handed_over == 1
    assert {one.agency for one in (*own.differences, *own.open)} <= {OTHER}
    assert whole.of(DESK).total.delivered == 1 and whole.of("nobody").rows == ()


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["order", "cancel", *get_args(LegState)]),
        st.sampled_from(["A", "B"]),
        st.integers(1, 6),
        st.integers(0, 23),
    ),
    max_size=25,
)


@given(_ACTS)
def test_every_parcel_is_in_the_accounts_once(acts: list[tuple[str, str, int, int]]) -> None:
    """Whatever happened in whatever order: over all days the sums are those of the legs, and what has not ended is open."""
    days = Days()
    for what, number, day, hour in acts:
        if what == "order":
            days.order(number, at(day, hour), direction="deliver")
        elif what == "cancel":
            days.cancel(number, at(day, hour))
        else:
            days.event(number, what, at(day, hour))  # type: ignore[arg-type] # one of the states
    legs = legs_of(days.traffic)
    accounts = [reconcile(date(2026, 12, day), days.traffic) for day in range(1, 9)]
    ended = sum(leg.end is not None for leg in legs)
    assert sum(one.total.delivered + one.total.returned + one.total.cancelled for one in accounts) == ended
    assert sum(one.total.accepted for one in accounts) == sum(leg.accepted_at is not None for leg in legs)
    assert sum(one.total.handed_over for one in accounts) == sum(leg.ordered_at is not None for leg in legs)
    assert len(accounts[-1].open) == len(legs) - ended
    strays = [one for account in accounts for one in account.differences if one.code in AFTER]
    assert len(strays) == sum(len(leg.strays) for leg in legs)


def test_times_at_the_ends_of_the_calendar_break_no_account() -> None:
    """A body may bear them."""
    far = (
        Days().event("N", "collected", datetime.max.replace(tzinfo=UTC)).event("M", "collected", datetime.min.replace(tzinfo=UTC))
    )
    assert reconcile(DAY, far.traffic).total.accepted == 0


def test_a_day_without_anything_is_clean() -> None:
    found = reconcile(DAY, Days().traffic)
    assert found.is_clean and found.rows == () and found.open == ()


def test_nobody_changes_what_another_has_ordered() -> None:
    """The number of an order and that of a contract are no secrets: who uses another's is in the account with an order of its
    own, and the other's is as it was."""
    days = a_good_day().order("N", at(2, 1, 30), agency=OTHER, cod_amount_vnd=1).cancel("O", at(2, 6), agency=OTHER)
    found = reconcile(DAY, days.traffic)
    assert found.of(DESK) == reconcile(DAY, a_good_day().traffic).of(DESK)
    assert [one.order_number for one in found.of(OTHER).open] == ["N"]
