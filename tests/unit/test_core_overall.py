"""One word over all deliveries of an envelope."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.labels import LABELS
from lgsp.core.lifecycle import State
from lgsp.core.overall import TITLES, overall_of

ACCEPTED_AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class One:
    state: State
    ended_at: datetime | None


def standing(state: State, minute: int = 0) -> One:
    return One(state, ACCEPTED_AT + timedelta(minutes=minute) if state.is_final else None)


def word(*states: State) -> str:
    return overall_of([standing(state) for state in states], ACCEPTED_AT).state


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((State.DELIVERED,), "delivered"),
        ((State.DELIVERED, State.DELIVERED), "delivered"),
        ((State.DELIVERED, State.REFUSED), "partly_delivered"),
        ((State.DELIVERED, State.CANCELLED), "partly_delivered"),
        ((State.REFUSED, State.DEAD, State.EXPIRED), "not_delivered"),
        ((State.CANCELLED, State.CANCELLED), "cancelled"),
        ((State.CANCELLED, State.DEAD), "not_delivered"),
        ((State.DELIVERED, State.REFUSED, State.WAITING), "in_progress"),
        ((State.AVAILABLE,), "in_progress"),
    ],
)
def test_the_word_for_what_became_of_all(states: tuple[State, ...], expected: str) -> None:
    """In progress as long as one is open; otherwise it is who has it that counts."""
    assert word(*states) == expected


def test_since_when_is_the_last_ending_or_the_acceptance() -> None:
    """An envelope in progress has been so since it was accepted, also when a dead letter is replayed."""
    ended = [standing(State.DELIVERED, 3), standing(State.REFUSED, 7), standing(State.DEAD, 5)]
    assert overall_of(ended, ACCEPTED_AT).since == ACCEPTED_AT + timedelta(minutes=7)
    assert overall_of([*ended[:2], standing(State.READY)], ACCEPTED_AT).since == ACCEPTED_AT


@given(st.lists(st.sampled_from(State), min_size=1, max_size=30))
def test_the_counts_and_the_word_say_the_same(states: list[State]) -> None:
    """Whatever the states and their order: nobody is left out, and the word follows from the counts alone."""
    found = overall_of([standing(state) for state in states], ACCEPTED_AT)
    assert sum(found.counts.values()) == len(states)
    assert found.counts == {state.label: states.count(state) for state in sorted(set(states))}
    assert found == overall_of([standing(state) for state in reversed(states)], ACCEPTED_AT)
    if found.state == "in_progress":
        assert any(not state.is_final for state in states)
    else:
        assert all(state.is_final for state in states)
        assert (found.state == "delivered") == (set(states) == {State.DELIVERED})
        assert (found.state in ("delivered", "partly_delivered")) == (State.DELIVERED in states)


def test_every_word_and_every_state_is_in_both_languages() -> None:
    """A clerk reads the one or the other."""
    for vietnamese, english in [*TITLES.values(), *(LABELS[state.label] for state in State)]:
        assert not vietnamese.isascii()
        assert english.isascii()
