"""What a lane lets go, in the words of every store."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.lanes import Mode, entry_state
from lgsp.core.lifecycle import State
from lgsp.journal.moves import let_go

modes: st.SearchStrategy[Mode] = st.sampled_from(["push", "mailbox"])


def fill(kinds: list[Mode]) -> dict[int, tuple[State, Mode]]:
    lane: dict[int, tuple[State, Mode]] = {}
    for place, mode in enumerate(kinds):
        lane[place] = (entry_state(mode, [state for state, _ in lane.values()]), mode)
    return lane


def release(lane: dict[int, tuple[State, Mode]]) -> None:
    ahead = [state for state, _ in lane.values() if state is not State.WAITING]
    waiting = [(mode, place) for place, (state, mode) in lane.items() if state is State.WAITING]
    for place, state in let_go(ahead, waiting):
        lane[place] = (state, lane[place][1])


@given(st.lists(modes, min_size=1, max_size=10), st.data())
def test_a_lane_empties_in_the_order_of_its_arrival_whatever_ends_first(kinds: list[Mode], data: st.DataObject) -> None:
    """Ending active deliveries one by one, releasing after each: every delivery gets its turn, pushes go in order and alone,
    and no mailbox delivery waits behind mailbox deliveries only."""
    lane = fill(kinds)
    pushed = []
    while lane:
        active = {place: mode for place, (state, mode) in lane.items() if state is not State.WAITING}
        assert active, "a lane with open deliveries always has an active one"
        assert list(lane)[: len(active)] == list(active), "nothing overtakes"
        assert "push" not in active.values() or len(active) == 1
        behind = list(lane.values())[len(active) : len(active) + 1]
        assert "push" in active.values() or all(mode == "push" for _, mode in behind)
        ended = data.draw(st.sampled_from(list(active)))
        if active[ended] == "push":
            pushed.append(ended)
        del lane[ended]
        release(lane)
    assert pushed == sorted(pushed)


def test_no_more_is_read_of_a_long_lane_than_goes_on() -> None:
    """The first that has to go on waiting ends the look-up."""

    def waiting() -> Iterator[tuple[Mode, int]]:
        yield "push", 1
        yield "mailbox", 2
        raise AssertionError("read too far")

    assert list(let_go([], waiting())) == [(1, State.READY)]
