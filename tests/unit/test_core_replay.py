"""How fast a replay goes and when it is done."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.replay import DeadLetterFilter, Replay, allowance, begun, cancelled, stepped

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)


def job(rate_per_s: float | None = None) -> Replay:
    return begun(DeadLetterFilter(), "lan", rate_per_s, 10, NOW)


@given(st.floats(0.05, 500), st.lists(st.floats(0.01, 20), min_size=1, max_size=50))
def test_the_rate_is_kept_over_any_sequence_of_steps(rate_per_s: float, gaps_s: list[float]) -> None:
    """In all never more than the rate allows and one second's worth beside, however often or seldom it is asked."""
    replay, now, moved = job(rate_per_s), NOW, 0
    for gap_s in gaps_s:
        asked = allowance(replay, now, 10_000)
        if asked:
            moved += asked
            replay = stepped(replay, list(range(moved - asked + 1, moved + 1)), 0, asked, now)
        now += timedelta(seconds=gap_s)
    spent_s = (now - NOW).total_seconds()
    assert moved <= rate_per_s * spent_s + max(1.0, rate_per_s) + 1


def test_without_a_rate_the_limit_alone_counts() -> None:
    """As fast as the hub likes."""
    assert allowance(job(), NOW, 500) == 500


@pytest.mark.parametrize("rate_per_s", [0.1, 0.09, 0.73, 1 / 93])
def test_a_slow_rate_still_moves(rate_per_s: float) -> None:
    """Less than one a second is one every few seconds, not none for ever."""
    replay = stepped(job(rate_per_s), [1], 0, 1, NOW)
    assert allowance(replay, NOW + timedelta(seconds=0.9 / rate_per_s), 100) == 0
    assert allowance(replay, NOW + timedelta(seconds=1 / rate_per_s), 100) == 1
    assert allowance(replay, NOW + timedelta(hours=1), 100) == 1


@pytest.mark.parametrize("rate_per_s", [0.7, 3, 7.5, 40])
def test_a_rate_is_reached_however_often_one_looks(rate_per_s: float) -> None:
    """What is left over of the time between two steps is not lost."""
    replay, moved = stepped(job(rate_per_s), [1], 0, 1, NOW), 0
    for step in range(1, 201):
        now = NOW + step * timedelta(seconds=0.5)
        asked = allowance(replay, now, 10_000)
        if asked:
            moved += asked
            replay = stepped(replay, [0] * asked, 0, asked, now)
    assert abs(moved - 100 * rate_per_s) <= 1


def test_a_job_is_done_when_there_is_no_more() -> None:
    """It saw fewer than it asked for; what was expired is counted apart."""
    half = stepped(job(), [3, 5], 1, 2, NOW)
    assert (half.state, half.moved, half.expired, half.last_delivery_id) == ("running", 1, 1, 5)
    done = stepped(half, [], 0, 2, NOW)
    assert (done.state, done.ended_at, done.last_delivery_id) == ("done", NOW, 5)
    assert cancelled(done, NOW + timedelta(days=1)) is done


def test_a_job_is_about_what_is_dead_when_it_begins() -> None:
    """Neither what dies later nor what somebody has seen to."""
    replay = begun(DeadLetterFilter(resolved=True, until=NOW + timedelta(days=1)), "lan", None, 1, NOW)
    assert (replay.which.until, replay.which.resolved) == (NOW, False)


def test_a_clock_that_is_put_back_does_not_stop_a_replay() -> None:
    """It goes on at its rate, not when the clock has caught up; a process a little behind the others waits."""
    ahead = stepped(job(2), [1, 2], 0, 2, NOW + timedelta(hours=1))
    assert allowance(ahead, NOW, 100) == 3
    again = stepped(ahead, [3, 4, 5], 0, 3, NOW)
    assert allowance(again, NOW, 100) == 0
    assert allowance(stepped(job(2), [1, 2], 0, 2, NOW + timedelta(seconds=5)), NOW, 100) == 0
