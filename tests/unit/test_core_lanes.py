"""Lanes keep order without the broker's help."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.lanes import Mode, entry_state, lane_of, shard_of
from lgsp.core.lifecycle import State

modes: st.SearchStrategy[Mode] = st.sampled_from(["push", "mailbox"])


def fill(kinds: list[Mode]) -> list[tuple[State, Mode]]:
    lane: list[tuple[State, Mode]] = []
    for mode in kinds:
        lane.append((entry_state(mode, [state for state, _ in lane]), mode))
    return lane


@given(st.lists(modes, max_size=12))
def test_at_most_one_push_is_on_its_way_and_nothing_overtakes_it(kinds: list[Mode]) -> None:
    """Whatever mixture enters a lane, one push at most is active, and it is alone at the head."""
    lane = fill(kinds)
    active = [(state, mode) for state, mode in lane if state is not State.WAITING]
    pushes = [one for one in active if one[1] == "push"]
    assert len(pushes) <= 1
    if pushes:
        assert active == [lane[0]]


@given(st.text(min_size=1, max_size=40))
def test_the_lane_does_not_depend_on_the_form_of_the_text(key: str) -> None:
    """Composed and decomposed Vietnamese name the same lane."""
    assert lane_of("H01.15", unicodedata.normalize("NFC", key)) == lane_of("H01.15", unicodedata.normalize("NFD", key))


def test_lanes_are_apart_per_recipient_and_absent_without_a_key() -> None:
    """One case to two recipients is two lanes; no key is no lane."""
    assert lane_of("H01.15", "case 1") != lane_of("H01.16", "case 1")
    assert lane_of("H01.15", None) is None


def test_lane_and_shard_are_the_same_in_every_release() -> None:
    """Stored lanes and declared queues outlive the program: these values are frozen."""
    assert lane_of("H01.15", "H01.15-250115-0007") == -3378213799349943484
    assert [shard_of(code, 8) for code in ("H01.15", "H01.16", "VNPOST")] == [1, 5, 6]


@given(st.text(max_size=50), st.integers(1, 64))
def test_a_shard_is_in_range(recipient: str, shards: int) -> None:
    """Every recipient has a queue."""
    assert 0 <= shard_of(recipient, shards) < shards
