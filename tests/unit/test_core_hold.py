"""The rules of holds: a circuit breaker, a valve and an operator's word."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.core import hold as rules
from lgsp.core.hold import Cause, Hold, Streak, begun, crowded, ended, may_go, occurrence, recovered, released, tripped

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
PROBES_S = (5.0, 10.0, 60.0)
WHO = "H01.15"
FAILING = tripped(None, WHO, "delivery.timeout", "30 s", 0.0, PROBES_S, NOW)
RELEASING = Hold(recipient=WHO, cause=Cause.RELEASING, since=NOW, due_at=NOW, step=8)
MAINTENANCE = begun(WHO, None, "thay máy chủ", NOW)

holds = st.sampled_from([None, FAILING, RELEASING, MAINTENANCE])


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_failures_count_by_delivery() -> None:
    """One message that always fails is no dead partner."""
    streak = Streak()
    for delivery_id in (7, 7, 7, 8, 7, 7):
        streak = streak.failed(delivery_id)
    assert streak.failures == 3


@given(holds)
def test_an_operators_word_stands_against_everything_else(hold: Hold | None) -> None:
    """Only the operator, or its time, ends a maintenance."""
    if hold is not MAINTENANCE:
        return
    assert tripped(hold, WHO, "x", "", 0.0, PROBES_S, NOW) is hold
    assert recovered(hold, NOW) is hold
    assert crowded(hold, WHO, NOW) is hold
    assert rules.probe_failed(hold, 1, "x", "", 0.0, PROBES_S, NOW) is hold


@given(holds, st.integers(1, 50), st.integers(1, 5))
def test_who_may_go(hold: Hold | None, delivery_id: int, attempt: int) -> None:
    """All without a hold; under an open breaker the probe alone; while others are let go, not who comes for the first time."""
    match hold:
        case None:
            assert may_go(hold, delivery_id, attempt)
        case Hold(cause=Cause.RELEASING):
            assert may_go(hold, delivery_id, attempt) == (attempt > 1)
        case _:
            assert not may_go(hold, delivery_id, attempt)


def test_a_breaker_opens_probes_and_closes() -> None:
    """Each probe that fails makes the next one wait longer; news of another probe than the one that is out changes nothing."""
    assert FAILING.due_at == after(5)
    out = released(FAILING, [7], PROBES_S, 30.0, after(5))
    assert out is not None and (out.probe, out.due_at) == (7, after(35))
    assert may_go(out, 7, 2) and not may_go(out, 8, 2)
    begun_ = rules.probing(out, 7, 90.0, after(6))
    assert begun_ is not None and begun_.due_at == after(96)
    assert rules.probing(out, 8, 90.0, after(6)) is out
    assert rules.probe_failed(out, 8, "delivery.timeout", "", 0.0, PROBES_S, after(36)) is out
    for step, wait_s in ((1, 10), (2, 60), (3, 60)):
        failed = rules.probe_failed(out, 7, "delivery.unreachable", "refused", 0.0, PROBES_S, after(36))
        assert failed is not None
        assert (failed.step, failed.due_at, failed.probe) == (step, after(36 + wait_s), None)
        assert (failed.since, failed.reason) == (NOW, "delivery.unreachable")
        out = released(failed, [7], PROBES_S, 30.0, after(36))
    back = recovered(out, after(100))
    assert back is not None and (back.cause, back.due_at, back.step) == (Cause.RELEASING, after(100), rules.FIRST_RELEASE)


@given(st.floats(0, 1e6))
def test_the_recipient_may_ask_for_more_time_up_to_a_day(wish_s: float) -> None:
    """Retry-After lengthens the wait and never shortens it."""
    hold = tripped(None, WHO, "delivery.server_error", "", wish_s, PROBES_S, NOW)
    assert hold.due_at == NOW + timedelta(seconds=max(5.0, min(wish_s, 24 * 3600)))


def test_a_breaker_that_is_open_stays_as_it_is() -> None:
    """Its clock does not begin anew with every failure."""
    assert tripped(FAILING, WHO, "other", "", 0.0, PROBES_S, after(3)) is FAILING
    again = tripped(RELEASING, WHO, "other", "", 0.0, PROBES_S, after(3))
    assert (again.cause, again.since) == (Cause.FAILING, after(3))


def test_what_recovers_is_let_go_faster_and_faster_and_slower_where_it_is_crowded() -> None:
    """Twice as many each time, half as many where the line was too long; over when nothing is left."""
    hold: Hold | None = RELEASING
    sizes = []
    while hold is not None and len(sizes) < 8:
        sizes.append(hold.step)
        hold = released(hold, list(range(hold.step)), PROBES_S, 30.0, NOW)
    assert sizes == [8, 16, 32, 64, 128, 256, 500, 500]
    assert hold is not None and crowded(hold, WHO, NOW).step == 250
    assert released(hold, [1, 2], PROBES_S, 30.0, NOW) is None
    slow: Hold = RELEASING
    for _ in range(9):
        slow = crowded(slow, WHO, NOW)
    assert slow.step == 1


def test_a_maintenance_ends_in_letting_go_and_does_not_count_as_age() -> None:
    """Of a recipient; of everybody or the door nothing is parked, so nothing is left of it."""
    over = ended(MAINTENANCE, after(60))
    assert over is not None and (over.cause, over.ageless, over.due_at) == (Cause.RELEASING, True, after(60))
    assert ended(FAILING, NOW) is FAILING
    for name in (rules.EVERYBODY, rules.THE_DOOR):
        assert ended(begun(name, None, "", NOW), NOW) is None


def test_what_a_maintenance_parked_has_its_whole_age_before_it_afterwards() -> None:
    """While it is let go, and from the moment the recipient fails instead; a probe grows old all the same."""
    over = ended(MAINTENANCE, after(60))
    assert over is not None and rules.rejuvenates(over)
    failing = tripped(over, WHO, "delivery.timeout", "", 0.0, PROBES_S, after(100))
    assert not rules.rejuvenates(failing)
    assert all(rules.keeps(hold, 30.0, after(129)) for hold in (MAINTENANCE, over, failing))
    assert not rules.keeps(failing, 30.0, after(130))
    back = recovered(failing, after(131))
    assert back is not None and rules.rejuvenates(back)
    assert not any(rules.keeps(hold, 30.0, NOW) for hold in (None, FAILING, RELEASING))


@pytest.mark.parametrize(
    ("before", "now", "name"),
    [
        (None, FAILING, "failing"),
        (RELEASING, FAILING, "failing"),
        (FAILING, RELEASING, "recovered"),
        (FAILING, None, "recovered"),
        (None, RELEASING, None),
        (RELEASING, None, None),
        (None, MAINTENANCE, "maintenance_begun"),
        (FAILING, MAINTENANCE, "maintenance_begun"),
        (MAINTENANCE, RELEASING, "maintenance_ended"),
        (FAILING, FAILING, None),
        (None, None, None),
    ],
)
def test_what_is_worth_a_word(before: Hold | None, now: Hold | None, name: str | None) -> None:
    """Crowding is daily business; failing, recovery and maintenance are not."""
    assert occurrence(before, now) == name
