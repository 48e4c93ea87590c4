"""What a lane lets go and what a settlement changes, in the words of every store."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.lanes import Mode, entry_state
from lgsp.core.lifecycle import State, may_move
from lgsp.core.recall import DOUBT_S, Recall
from lgsp.errors import IllegalMove
from lgsp.journal.codec import micros
from lgsp.journal.moves import Change, Standing, balanced, decide, let_go
from lgsp.ports import Settled, Settlement
from tests.compliance.builders import ALPHA, BETA, NOW

NOW_US = micros(NOW)
LEASE_US = 15_000_000

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


def one(state: State = State.QUEUED, **values: object) -> Standing:
    given_ = Standing(1, 1, ALPHA, None, state, 3, 1, None, None, Recall.NONE)
    return given_._replace(**values)  # type: ignore[arg-type]


def settled(delivery: Standing | None, settlement: Settlement, *, held: bool = True) -> Change | Settled:
    return decide(delivery, settlement, held, NOW_US, LEASE_US)


@given(
    st.sampled_from(State),
    st.sampled_from(State),
    st.sampled_from([None, 3, 4]),
    st.sampled_from([None, ALPHA, BETA]),
    st.booleans(),
)
def test_a_settlement_applies_only_to_an_open_delivery_at_its_attempt(
    before: State, after: State, attempt: int | None, recipient: str | None, held: bool
) -> None:
    """Ended, at another attempt or another's: it does not apply; what a lane, a hold or the broker decides, no settlement can."""
    asked = Settlement(delivery_id=1, state=after, attempt=attempt, recipient=recipient)  # type: ignore[arg-type]
    try:
        found = settled(one(before), asked, held=held)
    except IllegalMove:
        assert recipient is None and attempt != 4 and not before.is_final and before is not State.AVAILABLE
        return
    if before.is_final or attempt == 4 or recipient == BETA:
        assert isinstance(found, Settled) and not found.applied
    if isinstance(found, Change):
        assert may_move(before, found.state)
        assert after not in (State.WAITING, State.QUEUED)
        assert before not in (State.WAITING, State.PARKED) or after.is_final
        assert found.ends == after.is_final == (found.ended_at is not None)


def test_a_retry_is_the_next_attempt_after_its_delay() -> None:
    """An end has its moment and no due time; a retry and what is parked have the next number, and only a charged one is a try."""
    retry = settled(one(), Settlement(delivery_id=1, state=State.READY, delay_s=1.5))
    later = micros(NOW + timedelta(seconds=1.5))
    assert retry == Change(State.READY, 4, 1, later, None, Recall.NONE, "attempted")
    parked = settled(one(), Settlement(delivery_id=1, state=State.PARKED, delay_s=1.5, postpone=True, reason="x"))
    assert parked == Change(State.PARKED, 4, 2, later, None, Recall.NONE, "parked")
    end = settled(one(), Settlement(delivery_id=1, state=State.DEAD))
    assert end == Change(State.DEAD, 3, 1, None, NOW_US, Recall.NONE, "dead")


@given(
    st.sampled_from([State.READY, State.PARKED]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([Recall.REQUESTED, Recall.AGREED]),
)
def test_what_is_asked_back_is_never_parked_nor_made_to_wait(after: State, held: bool, postpone: bool, recall: Recall) -> None:
    """The worker has to end it, and nobody else would."""
    asked = Settlement(delivery_id=1, state=after, delay_s=600, postpone=postpone)
    found = settled(one(recall=recall), asked, held=held)
    assert isinstance(found, Change)
    assert (found.state, found.due_at) == (State.READY, NOW_US)


@given(st.sampled_from(State), st.integers(-60, 300), st.booleans(), st.sampled_from(Recall))
def test_a_withdrawal_ends_what_nobody_has_and_notes_the_rest(state: State, due_in_s: int, fetched: bool, recall: Recall) -> None:
    """It never ends what may be in somebody's hands, and never touches what ended otherwise."""
    delivery = one(
        state,
        due_at=NOW_US + due_in_s * 1_000_000 if state is State.READY else None,
        fetched_at=NOW_US if fetched else None,
        recall=recall,
    )
    found = settled(delivery, Settlement(delivery_id=1, state=State.CANCELLED, withdraw=True))
    in_hands = (
        state is State.QUEUED or (state is State.READY and due_in_s <= 15 + DOUBT_S) or (state is State.AVAILABLE and fetched)
    )
    if isinstance(found, Settled):
        assert not found.applied
        assert recall is not Recall.NONE or (state.is_final and state not in (State.DELIVERED, State.DEAD))
    elif found.applied:
        assert found.state is State.CANCELLED and not in_hands and not state.is_final
    else:
        assert (found.state, found.recall, found.ended_at) == (state, Recall.REQUESTED, None)
        assert in_hands or state in (State.DELIVERED, State.DEAD)


def test_an_illegal_move_is_loud_unless_a_mailbox_named_it() -> None:
    """Ours is a bug, theirs a mistake."""
    with pytest.raises(IllegalMove):
        settled(one(State.WAITING), Settlement(delivery_id=1, state=State.DELIVERED))
    theirs = Settlement(delivery_id=1, state=State.DELIVERED, recipient=ALPHA)
    assert settled(one(State.WAITING), theirs) == Settled(applied=False, state=State.WAITING)


def test_what_was_replayed_has_not_ended() -> None:
    """The event stream says both; the balance counts what stands."""
    balance = balanced({State.READY: 1, State.DEAD: 1}, {"accepted": 2, "dead": 2, "replayed": 1})
    assert (balance.ended_events, balance.difference) == ({State.DEAD: 1}, 0)
    assert balanced({State.READY: 1}, {"accepted": 1, "dead": 1}).difference == 1
