"""Who comes in: room beside the others first, then the sender's own quota; always the first ones, never a gap."""

from contextlib import ExitStack

import pytest

from contracts.agency import AgencyCode
from lgsp import metrics
from lgsp.core.directory import Agency
from lgsp.core.quota import NO_LIMIT, Quota
from lgsp.errors import Overloaded, QuotaExceeded, Unavailable
from lgsp.flow.entrance import Entrance

FLOOD, SMALL = (Agency(code=AgencyCode(code), name_vi=code) for code in ("H01.1", "H01.2"))
QUOTA = Quota(per_s=2.0, burst=10)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def entrance(clock: Clock, *, capacity: int = 1000, quota: Quota = NO_LIMIT, gateways: int = 1) -> Entrance:
    return Entrance(capacity=capacity, quota=quota, gateways=gateways, clock=clock)


def pass_through(one: Entrance, sender: Agency, wanted: int) -> tuple[int, Unavailable | None]:
    with one.passing(sender, wanted) as answer:
        return answer


def test_places_are_taken_while_the_block_lasts(clock: Clock) -> None:
    """Also when it ends with an error; afterwards nothing is held and nobody is inside."""
    one = entrance(clock)
    with pytest.raises(KeyError), one.passing(FLOOD, 30) as (count, why):
        assert (count, why, one.held, one.senders) == (30, None, 30, 1)
        raise KeyError
    assert (one.held, one.senders) == (0, 0)


def test_a_flood_leaves_room_for_others(clock: Clock) -> None:
    """It gets less than half in, in part also of its last request; a small sender comes in all the same."""
    one = entrance(clock)
    before = metrics.CROWDED_OUT._value.get()
    with ExitStack() as inside:
        counts = [inside.enter_context(one.passing(FLOOD, 100))[0] for _ in range(12)]
        assert counts[:4] == [100] * 4 and 0 < counts[4] < 100 and counts[5:] == [0] * 7
        assert one.held < 500
        count, why = inside.enter_context(one.passing(FLOOD, 1))
        assert count == 0 and isinstance(why, Overloaded)
        assert inside.enter_context(one.passing(SMALL, 100)) == (100, None)
        assert one.senders == 2
    assert metrics.CROWDED_OUT._value.get() - before == 1200 - sum(counts) + 1


def test_beyond_its_quota_a_sender_is_told_when_to_come_again(clock: Clock) -> None:
    """The first ones come in; the others after as long as it takes until there are tokens for all of them."""
    one = entrance(clock, quota=QUOTA)
    before = metrics.QUOTA_REFUSED._value.get()
    count, why = pass_through(one, FLOOD, 16)
    assert count == 10 and isinstance(why, QuotaExceeded) and why.retry_after_s == 3
    assert "2 envelopes a second" in str(why)
    assert metrics.QUOTA_REFUSED._value.get() - before == 6
    clock.now_s += 3
    assert pass_through(one, FLOOD, 6) == (6, None)
    assert pass_through(one, SMALL, 10) == (10, None)


def test_an_agency_s_own_quota_wins_over_the_default(clock: Clock) -> None:
    """In both directions: less than others, or no limit at all."""
    one = entrance(clock, quota=QUOTA)
    strict = Agency(code=AgencyCode("H01.3"), name_vi="x", quota=Quota(per_s=1, burst=1))
    free = Agency(code=AgencyCode("H01.4"), name_vi="x", quota=NO_LIMIT)
    assert [pass_through(one, sender, 15)[0] for sender in (strict, free, SMALL)] == [1, 15, 10]


def test_gateways_divide_a_quota(clock: Clock) -> None:
    """Each of four grants a quarter, and at least one envelope at a time."""
    assert pass_through(entrance(clock, quota=QUOTA, gateways=4), SMALL, 10)[0] == 2
    assert pass_through(entrance(clock, quota=QUOTA, gateways=40), SMALL, 10)[0] == 1


def test_what_there_was_no_room_for_costs_no_token(clock: Clock) -> None:
    """A full hub is no fault of the sender's."""
    one = entrance(clock, capacity=1, quota=QUOTA)
    with one.passing(SMALL, 1):
        for _ in range(20):
            count, why = pass_through(one, FLOOD, 1)
            assert count == 0 and isinstance(why, Overloaded)
    assert [pass_through(one, FLOOD, 1)[0] for _ in range(11)] == [1] * 10 + [0]


def test_what_is_given_back_can_be_spent_again_but_never_more_than_the_burst(clock: Clock) -> None:
    """The journal was away: the sender has its tokens back."""
    one = entrance(clock, quota=QUOTA)
    assert pass_through(one, SMALL, 10) == (10, None)
    one.give_back(SMALL, 10)
    clock.now_s += 100
    assert pass_through(one, SMALL, 15)[0] == 10
    one.give_back(SMALL, 4)
    assert pass_through(one, SMALL, 15)[0] == 4
