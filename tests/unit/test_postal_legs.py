"""Parcel legs: children of a case, each a state machine, however late and unordered things are told."""

import random
from typing import get_args

import pytest
from msgspec.structs import replace

from contracts.kinds.postal_codes import LegState
from lgsp.core.postal.following import legs_of
from lgsp.core.postal.legs import DIRECTIONS, MOVES, STATES, Leg, LegKey, Step, advance, state_at
from lgsp.core.postal.traffic import Direction, Traffic
from tests.postal import DESK, OTHER, Days, at


def only(days: Days) -> Leg:
    (leg,) = legs_of(days.traffic)
    return leg


def test_every_state_and_direction_has_moves_and_a_name() -> None:
    assert set(MOVES) == set(STATES) == set(get_args(LegState))
    assert set(DIRECTIONS) == set(get_args(Direction))


@pytest.mark.parametrize("state", get_args(LegState))
def test_a_state_moves_as_the_table_says_and_no_other_way(state: LegState) -> None:
    """Whatever is not allowed is kept as a stray, and changes nothing."""
    leg = Leg(key=LegKey("N", "deliver"), agency=DESK, since=at(1), state=state)
    for following in get_args(LegState):
        after = advance(leg, Step(at=at(2), state=following))
        if following == state or following in MOVES[state]:
            assert after.state == following and not after.strays and after.steps
        else:
            assert after == replace(leg, strays=after.strays) and after.strays[0].state == following


def test_a_leg_goes_from_its_order_to_its_delivery() -> None:
    days = Days().order("N", at(1), cod_amount_vnd=126_500, item_code="EL123456785VN")
    days.event("N", "collecting", at(1, 4), office="")
    days.event("N", "collected", at(1, 5)).event("N", "attempt_failed", at(2, 1), office="9")
    days.event("N", "attempt_failed", at(2, 4), office="9").event("N", "delivered", at(3), office="9", cod_collected_vnd=126_500)
    leg = only(days)
    assert (leg.state, leg.end, leg.attempts, leg.office) == ("delivered", "delivered", 2, "883450")
    assert (leg.ordered_at, leg.accepted_at, leg.ended_at) == (at(1), at(1, 5), at(3))
    assert (leg.cod_due_vnd, leg.cod_collected_vnd, leg.strays) == (126_500, 126_500, ())
    states = [state_at(leg, moment) for moment in (at(1), at(1, 3, 1), at(1, 6), at(2, 2), at(4))]
    assert states == [None, "registered", "collected", "attempt_failed", "delivered"]


def test_the_order_of_telling_does_not_matter() -> None:
    """Events come late and unordered; a leg is what happened, in the order in which it happened."""
    days = Days().order("N", at(1)).order("M", at(1)).event("N", "collected", at(1, 5)).event("M", "collected", at(1, 6))
    days.event("N", "in_transit", at(2)).event("N", "delivered", at(3), told=at(9)).cancel("M", at(2))
    expected = legs_of(days.traffic)
    chance = random.Random(1)
    for _ in range(20):
        chance.shuffle(days.events)
        chance.shuffle(days.orders)
        assert legs_of(days.traffic) == expected


def test_an_event_that_is_told_twice_happened_once() -> None:
    days = Days().order("N", at(1)).event("N", "attempt_failed", at(2)).event("N", "attempt_failed", at(2), told=at(3))
    assert only(days).attempts == 1


def test_the_two_directions_of_one_number_are_two_legs() -> None:
    """The feed names no direction: what comes after the second order, with the first ended, is of the second."""
    days = Days().order("N", at(1), direction="collect").event("N", "collected", at(1, 5)).event("N", "delivered", at(2))
    days.order("N", at(5)).event("N", "collected", at(5, 5)).event("N", "delivered", at(6))
    ends = {leg.key.direction: leg.ended_at for leg in legs_of(days.traffic)}
    assert ends == {"collect": at(2), "deliver": at(6)}


def test_a_label_tells_which_leg_is_meant() -> None:
    days = Days().order("N", at(1), direction="collect", item_code="A1").order("N", at(1, 4), item_code="B2")
    days.event("N", "collected", at(2), item_code="A1").event("N", "collected", at(2), item_code="B2")
    days.event("N", "delivered", at(3), item_code="A1")
    assert {leg.key.direction: leg.state for leg in legs_of(days.traffic)} == {"collect": "delivered", "deliver": "collected"}


def test_a_leg_with_a_number_of_its_own_is_told_apart() -> None:
    days = Days().order("N", at(1)).order("N", at(1), leg=2).event("N", "collected", at(2), leg=2)
    assert {leg.key.leg: leg.state for leg in legs_of(days.traffic)} == {1: "registered", 2: "collected"}


def test_what_nobody_ordered_is_a_leg_all_the_same() -> None:
    """With the agency that the post told, or whose contract it is."""
    days = Days().event("N", "collected", at(1)).event("M", "collected", at(1), customer_code="X")
    days.order("Z", at(1), agency=OTHER)
    legs = {leg.key.order_number: leg for leg in legs_of(days.traffic)}
    assert legs["N"].ordered_at is None and legs["N"].key.direction == "unknown"
    assert (legs["N"].agency, legs["M"].agency) == (OTHER, DESK)


def test_an_order_that_comes_after_the_first_event_takes_the_leg_over() -> None:
    days = Days().event("N", "collected", at(1, 2)).order("N", at(1, 3), cod_amount_vnd=5).event("N", "delivered", at(2))
    leg = only(days)
    assert (leg.key.direction, leg.ordered_at, leg.accepted_at, leg.end, leg.cod_due_vnd) == (
        "deliver", at(1, 3), at(1, 2), "delivered", 5,
    )  # fmt: skip


def test_cancelled_before_it_was_collected_it_is_cancelled() -> None:
    days = Days().order("N", at(1)).event("N", "collecting", at(1, 4)).cancel("N", at(1, 5))
    leg = only(days)
    assert (leg.end, leg.ended_at, leg.steps[-1].by) == ("cancelled", at(1, 5), "agency")


def test_what_happens_after_it_was_cancelled_is_told_and_changes_nothing() -> None:
    days = Days().order("N", at(1)).cancel("N", at(1, 5)).event("N", "collected", at(1, 6))
    leg = only(days)
    assert (leg.state, leg.accepted_at, [one.state for one in leg.strays]) == ("cancelled", None, ["collected"])


def test_cancelled_under_way_it_goes_on() -> None:
    days = Days().order("N", at(1)).event("N", "collected", at(1, 4)).cancel("N", at(1, 5)).event("N", "delivered", at(2))
    leg = only(days)
    assert leg.end == "delivered" and [one.state for one in leg.strays] == ["cancelled"]


def test_ordered_again_after_its_end_it_begins_a_new_life() -> None:
    days = Days().order("N", at(1)).cancel("N", at(1, 5)).order("N", at(2)).event("N", "collected", at(2, 5))
    assert [leg.state for leg in legs_of(days.traffic)] == ["cancelled", "collected"]


def test_ordered_again_while_it_lives_it_is_the_same_leg() -> None:
    """The amount is that of the last word."""
    days = Days().order("N", at(1), cod_amount_vnd=5).order("N", at(1, 4), cod_amount_vnd=7)
    assert only(days).cod_due_vnd == 7


def test_nothing_follows_the_end_but_the_settlement() -> None:
    days = Days().delivered("N", 1).event("N", "settled", at(2)).event("N", "in_transit", at(3))
    leg = only(days)
    assert (leg.state, leg.end, [one.state for one in leg.strays]) == ("settled", "delivered", ["in_transit"])


def test_numbers_are_compared_as_people_read_them() -> None:
    """Composed or decomposed, in upper or lower case."""
    days = Days().order("TG-Đ1", at(1)).event("tg-đ1", "collected", at(2))
    assert only(days).state == "collected"


def test_no_traffic_has_no_legs() -> None:
    assert legs_of(Traffic()) == ()
