"""The table of states is the law: what it promises about itself."""

from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.lifecycle import FINAL, MOVES, State, may_move

states = st.sampled_from(State)


def test_every_state_has_a_row() -> None:
    """A state without a row could be entered and never asked about."""
    assert set(MOVES) == set(State)


@given(states)
def test_what_ended_stays_ended(state: State) -> None:
    """Only a dead letter comes back, because an operator may replay it; no other end is ever left."""
    if state.is_final and state is not State.DEAD:
        assert MOVES[state] == frozenset()


@given(states)
def test_every_open_state_can_end(state: State) -> None:
    """From every open state some final state is reachable: nothing stays for ever without an allowed way out."""
    seen, todo = {state}, [state]
    while todo:
        for after in MOVES[todo.pop()] - seen:
            seen.add(after)
            todo.append(after)
    assert any(one.is_final for one in seen)


def test_every_state_but_the_entries_is_entered_by_some_move() -> None:
    """WAITING is an entry; the others are reached, so no row is decoration."""
    reached = {after for row in MOVES.values() for after in row}
    assert set(State) - reached == set()


def test_stored_numbers_never_change() -> None:
    """The journal stores the numbers: renumbering would rewrite history."""
    assert {state.name: int(state) for state in State} == {
        "WAITING": 0, "READY": 1, "QUEUED": 2, "AVAILABLE": 3, "PARKED": 4,
        "DELIVERED": 10, "REFUSED": 11, "DEAD": 12, "EXPIRED": 13, "CANCELLED": 14,
    }  # fmt: skip
    assert FINAL == 10


@given(states, states)
def test_nothing_is_delivered_twice_or_after_a_refusal(before: State, after: State) -> None:
    """DELIVERED and REFUSED are entered from open states only."""
    if after in (State.DELIVERED, State.REFUSED) and may_move(before, after):
        assert not before.is_final
