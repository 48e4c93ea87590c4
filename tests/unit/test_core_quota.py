"""The token bucket: never more than granted, and whoever waits as long as it was told gets something."""

from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.quota import Bucket, Quota, full, retry_after_s

quotas = st.builds(Quota, per_s=st.floats(0.001, 10_000), burst=st.integers(1, 5000))
steps = st.lists(st.tuples(st.floats(0, 1000), st.integers(0, 2000)), max_size=40)  # (seconds later, envelopes that come)


def run(quota: Quota, moves: list[tuple[float, int]]) -> tuple[list[tuple[float, int]], Bucket]:
    """(moment, envelopes granted) of each move, and the bucket afterwards."""
    now_s, granted = 0.0, []
    bucket = full(quota, now_s)
    for later_s, wanted in moves:
        now_s += later_s
        bucket = bucket.refilled(quota, now_s)
        granted.append((now_s, bucket.grants(wanted)))
        bucket = bucket.less(granted[-1][1])
    return granted, bucket


@given(quotas, steps)
def test_in_no_stretch_of_time_more_is_granted_than_the_burst_and_what_flowed_in(
    quota: Quota, moves: list[tuple[float, int]]
) -> None:
    """However the envelopes are spread: between any two moments at most burst + rate x seconds."""
    granted, _ = run(quota, moves)
    for first, (start_s, _) in enumerate(granted):
        for last, (end_s, _) in enumerate(granted[first:], first):
            most = quota.burst + quota.per_s * (end_s - start_s)
            assert sum(count for _, count in granted[first : last + 1]) <= most + 0.001 + most * 1e-9


@given(quotas, steps, st.integers(1, 5000))
def test_whoever_waits_as_long_as_needed_gets_what_it_wants(quota: Quota, moves: list[tuple[float, int]], wanted: int) -> None:
    """All of it, or a whole burst where it wants more than that; nobody waits longer than for that."""
    _, bucket = run(quota, moves)
    later = bucket.refilled(quota, bucket.at_s + bucket.wait_s(quota, wanted))
    assert later.grants(wanted) == min(wanted, quota.burst)
    assert bucket.wait_s(quota, wanted) <= quota.burst / quota.per_s


@given(quotas, steps, st.integers(1, 5000))
def test_retry_after_is_a_promise(quota: Quota, moves: list[tuple[float, int]], wanted: int) -> None:
    """Whole seconds, after which at least the first envelope comes in, unless that takes more than an hour."""
    _, bucket = run(quota, moves)
    wait_s = retry_after_s(bucket, quota, wanted)
    assert 1 <= wait_s <= 3600
    assert bucket.refilled(quota, bucket.at_s + wait_s).grants(wanted) >= 1 or wait_s == 3600


def test_a_long_batch_is_asked_back_within_a_minute() -> None:
    """Otherwise a sender with little quota would see nothing move for a quarter of an hour."""
    quota = Quota(per_s=1.0, burst=1000)
    assert retry_after_s(Bucket(0.0, 0.0), quota, 1000) == 60
    assert retry_after_s(Bucket(0.0, 0.0), quota, 20) == 20
    assert retry_after_s(Bucket(0.0, 0.0), Quota(per_s=0.01, burst=1), 20) == 100


@given(quotas, st.integers(1, 50))
def test_gateways_that_share_a_quota_grant_no_more_than_all_of_it(quota: Quota, gateways: int) -> None:
    """Rates add up to the whole; so do bursts, except that each gateway can let one envelope through."""
    share = quota.share(gateways)
    assert share.per_s * gateways <= quota.per_s * 1.000001
    assert share.burst * gateways <= max(quota.burst, gateways)


def test_a_quota_may_change_under_a_sender() -> None:
    """A smaller burst holds at once, a higher rate too; nobody pays for how it was before."""
    bucket = full(Quota(per_s=1.0, burst=1000), 0.0)
    assert bucket.refilled(Quota(per_s=1.0, burst=5), 0.0).grants(100) == 5
    empty = bucket.less(1000)
    assert empty.refilled(Quota(per_s=100.0, burst=1000), 2.0).grants(1000) == 200


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    """The hub's clock does not, but a bucket would survive it."""
    quota = Quota(per_s=10.0, burst=100)
    back = Bucket(50.0, 1000.0).refilled(quota, 400.0)
    assert back.tokens == 50.0
    assert back.refilled(quota, 401.0).tokens == 60.0


def test_a_quota_of_next_to_nothing_does_not_break_the_arithmetic() -> None:
    """The smallest number there is, divided among many: an hour, then."""
    quota = Quota(per_s=5e-324, burst=1).share(1000)
    assert retry_after_s(Bucket(0.0, 0.0), quota, 1) == 3600
