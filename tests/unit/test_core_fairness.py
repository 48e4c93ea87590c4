"""A room that all senders share: never too full, and nobody is kept out of it by the greed of others."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from lgsp.core.fairness import cost_of, room_for

capacities = st.integers(1, 500)
arrivals = st.tuples(st.integers(0, 30), st.integers(1, 400))  # (sender, envelopes)
leavings = st.tuples(st.integers(0, 30), st.none())  # a sender's envelopes are committed
histories = st.lists(st.one_of(arrivals, leavings), max_size=120)


def play(capacity: int, history: list[tuple[int, int | None]]) -> list["Counter[int]"]:
    """What each sender holds, after each step."""
    held: Counter[int] = Counter()
    states = []
    for sender, wanted in history:
        if wanted is None:
            del held[sender]
        else:
            held[sender] += min(wanted, room_for(held[sender], held.total(), capacity))
        held = +held
        states.append(held.copy())
    return states


@given(capacities, histories)
def test_the_room_is_never_overfull(capacity: int, history: list[tuple[int, int | None]]) -> None:
    """Whoever comes and goes, and however much each of them wants."""
    assert all(held.total() <= capacity for held in play(capacity, history))


@given(capacities, histories)
def test_whoever_has_nothing_inside_gets_in_while_few_others_are_there(
    capacity: int, history: list[tuple[int, int | None]]
) -> None:
    """Empty-handed one is only turned away when there are as many senders inside as places are kept."""
    for held in play(capacity, history):
        if len(held) < max(1, capacity // 8):
            assert room_for(0, held.total(), capacity) >= 1


@given(capacities, histories, st.integers(0, 30))
def test_nobody_grows_beyond_what_is_left_for_others(capacity: int, history: list[tuple[int, int | None]], sender: int) -> None:
    """Whoever has something inside and takes more holds afterwards no more than there is left free."""
    for held in play(capacity, history):
        more = room_for(held[sender], held.total(), capacity)
        if more and held[sender]:
            assert held[sender] + more <= capacity - held.total() - more


@given(st.integers(1000, 5000), st.integers(1, 10), st.integers(0))
def test_those_who_flood_share_and_leave_as_much_for_others(capacity: int, floods: int, seed: int) -> None:
    """They press in again and again, in any order, while commits take a part of everybody's away: each comes to hold about
    1/(n+1) of what is not kept, and about as much stays free."""
    chance = Random(seed)
    held = dict.fromkeys(range(floods), 0)
    for _ in range(40):
        for one in held:
            held[one] -= held[one] // 8
        for one in chance.sample(sorted(held), floods):
            held[one] += room_for(held[one], sum(held.values()), capacity)
    fair = (capacity - capacity // 8) / (floods + 1)
    assert all(fair / 2 <= one <= 2 * fair for one in held.values())
    assert capacity - sum(held.values()) >= capacity // 8 + fair / 2


def test_a_room_of_one_place_is_a_room() -> None:
    """Small as it is, it takes one in and turns the next one away."""
    assert room_for(0, 0, 1) == 1
    assert room_for(0, 1, 1) == room_for(1, 1, 1) == 0


def test_a_large_envelope_takes_as_much_of_a_commit_as_many_small_ones() -> None:
    """An ordinary one counts as one; ten megabytes count as hundreds."""
    example = Envelope(
        message_id="m", sender=AgencyCode("H01.1"), recipients=(AgencyCode("H01.2"),), kind="case.file/1",
        created_at=datetime(2026, 11, 22, tzinfo=UTC), body=b"",
    )  # fmt: skip
    sizes = (8_000, 100_000, 10 * 1024 * 1024)
    assert [cost_of(msgspec.structs.replace(example, body=b"x" * size)) for size in sizes] == [1, 4, 321]
