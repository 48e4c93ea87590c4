"""What becomes of a delivery after an attempt."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.outcome import Delivered, Gone, Refused, Retry
from contracts.problems import CATALOGUE
from lgsp.core.lifecycle import State
from lgsp.core.retry import MAX_RETRY_AFTER_S, Policy, judge

SCHEDULE_S = (5.0, 30.0, 120.0)
POLICY = Policy(SCHEDULE_S, 10 * 24 * 3600.0)
draws = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 100), draws)
def test_success_and_refusal_end_at_once_at_any_attempt(attempt: int, draw: float) -> None:
    """Neither the schedule nor chance has a say in them."""
    assert judge(Delivered(), attempt, 1e9, POLICY, draw).state is State.DELIVERED
    verdict = judge(Refused("delivery.refused_by_recipient", "400: bad"), attempt, 0.0, POLICY, draw)
    assert (verdict.state, verdict.reason, verdict.detail) == (State.REFUSED, "delivery.refused_by_recipient", "400: bad")


@given(st.integers(1, 20), draws, st.floats(0, 1e7))
def test_a_retry_waits_its_turn_in_the_schedule_and_ends_dead_after_it(attempt: int, draw: float, wish_s: float) -> None:
    """Within the schedule: its wait +-10 %, lengthened by Retry-After up to a day. Beyond it: dead, with the last reason."""
    verdict = judge(Retry("delivery.timeout", "", wish_s), attempt, 0.0, POLICY, draw)
    if attempt > len(SCHEDULE_S):
        assert verdict.state is State.DEAD
        assert verdict.reason == "delivery.retries_exhausted"
        assert "delivery.timeout" in verdict.detail
    else:
        base_s = SCHEDULE_S[attempt - 1]
        assert verdict.state is State.READY
        assert 0.9 * base_s <= verdict.delay_s <= max(1.1 * base_s, min(wish_s, MAX_RETRY_AFTER_S))
        assert verdict.delay_s >= min(wish_s, MAX_RETRY_AFTER_S)


def test_gone_disables_the_endpoint_and_keeps_the_letter() -> None:
    """HTTP 410: nobody knocks there again, and an operator finds the delivery among the dead letters."""
    verdict = judge(Gone(), 1, 0.0, POLICY, 0.5)
    assert verdict.disable_endpoint
    assert verdict.state is State.DEAD
    assert verdict.reason in CATALOGUE


@given(st.integers(1, 3), draws, st.floats(0, 200), st.floats(0, 200))
def test_nothing_is_tried_beyond_its_greatest_age(attempt: int, draw: float, age_s: float, wish_s: float) -> None:
    """A retry that would come later than that is none; the last reason is told."""
    verdict = judge(Retry("delivery.timeout", "30 s", wish_s), attempt, age_s, Policy(SCHEDULE_S, 100.0), draw)
    if verdict.state is State.READY:
        assert age_s + verdict.delay_s <= 100.0
    else:
        assert (verdict.state, verdict.reason) == (State.DEAD, "delivery.too_old")
        assert verdict.detail == "delivery.timeout: 30 s"
        assert age_s + max(1.1 * SCHEDULE_S[attempt - 1], wish_s) > 100.0
