"""What becomes of a delivery after an attempt."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.outcome import Delivered, Gone, Refused, Retry
from contracts.problems import CATALOGUE
from lgsp.core.lifecycle import State
from lgsp.core.retry import MAX_RETRY_AFTER_S, judge

SCHEDULE_S = (5.0, 30.0, 120.0)
draws = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 100), draws)
def test_success_and_refusal_end_at_once_at_any_attempt(attempt: int, draw: float) -> None:
    """Neither the schedule nor chance has a say in them."""
    assert judge(Delivered(), attempt, SCHEDULE_S, draw).state is State.DELIVERED
    verdict = judge(Refused("delivery.refused_by_recipient", "400: bad"), attempt, SCHEDULE_S, draw)
    assert (verdict.state, verdict.reason, verdict.detail) == (State.REFUSED, "delivery.refused_by_recipient", "400: bad")


@given(st.integers(1, 20), draws, st.floats(0, 1e7))
def test_a_retry_waits_its_turn_in_the_schedule_and_ends_dead_after_it(attempt: int, draw: float, wish_s: float) -> None:
    """Within the schedule: its wait +-10 %, lengthened by Retry-After up to a day. Beyond it: dead, with the last reason."""
    verdict = judge(Retry("delivery.timeout", "", wish_s), attempt, SCHEDULE_S, draw)
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
    verdict = judge(Gone(), 1, SCHEDULE_S, 0.5)
    assert verdict.disable_endpoint
    assert verdict.state is State.DEAD
    assert verdict.reason in CATALOGUE
