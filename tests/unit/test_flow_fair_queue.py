"""Taken in turn from all who brought something: order of each kept, nobody starves, and nobody gains by bringing much at once."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lgsp.flow.fair_queue import FairQueue

Part = tuple[str, int, int]  # owner, number, size
owners = st.sampled_from("abcde")
puts = st.tuples(owners, st.integers(1, 300))
takes = st.integers(1, 300)  # the most at once
histories = st.lists(st.one_of(puts, takes), max_size=150)


def play(history: list[tuple[str, int] | int]) -> tuple[list[Part], list[list[Part]]]:
    """All parts in the order in which they came, and what each take took; in the end everything is taken."""
    queue: FairQueue[Part] = FairQueue()
    came: list[Part] = []
    taken = []
    for step in history:
        if isinstance(step, int):
            taken.append(list(queue.take(step)))
        else:
            came.append((step[0], len(came), step[1]))
            queue.put(step[0], step[1], came[-1])
    while queue:
        taken.append(list(queue.take(250)))
    return came, taken


@given(histories)
def test_everything_comes_out_once_and_each_owner_s_in_its_order(history: list[tuple[str, int] | int]) -> None:
    """Nothing is lost, nothing twice, and no part overtakes an earlier one of the same owner."""
    came, taken = play(history)
    flat = [part for parts in taken for part in parts]
    assert sorted(flat) == sorted(came)
    for owner in "abcde":
        numbers = [number for whose, number, _ in flat if whose == owner]
        assert all(earlier < later for earlier, later in pairwise(numbers))


@given(st.lists(puts, max_size=100), takes)
def test_no_more_is_taken_than_asked_for_unless_one_part_is_more(arrived: list[tuple[str, int]], most: int) -> None:
    """And as long as anything waits, something is taken."""
    queue: FairQueue[int] = FairQueue()
    for owner, size in arrived:
        queue.put(owner, size, size)
    while queue:
        sizes = queue.take(most)
        assert sizes and (sum(sizes) <= most or len(sizes) == 1)
    assert queue.take(most) == []


@given(st.lists(puts, min_size=1, max_size=100), st.integers(0, 50), st.integers(1, 300))
def test_whoever_comes_new_is_overtaken_by_one_part_of_each_other_at_most(
    arrived: list[tuple[str, int]], taken_before: int, size: int
) -> None:
    """However much the others have waiting, and however much they bring afterwards: that is why nobody starves."""
    queue: FairQueue[str] = FairQueue()
    for owner, each in arrived:
        queue.put(owner, each, owner)
    for _ in range(taken_before):
        queue.take(1)
    queue.put("new", size, "new")
    overtaking: Counter[str] = Counter()
    while (part := queue.take(1)[0]) != "new":
        overtaking[part] += 1
        queue.put(part, 300, part)  # there is always more of it
    assert all(count <= 1 for count in overtaking.values())


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.integers(1, 400))
def test_owners_that_always_have_something_waiting_get_the_same(sizes: list[int], rounds: int) -> None:
    """Counted in items, not in parts: at no time is one ahead of another by more than the largest part of each."""
    queue: FairQueue[int] = FairQueue()
    for owner, size in enumerate(sizes):
        queue.put(str(owner), size, owner)
        queue.put(str(owner), size, owner)
    served = dict.fromkeys(range(len(sizes)), 0)
    for _ in range(rounds):
        (owner,) = queue.take(1)
        served[owner] += sizes[owner]
        queue.put(str(owner), sizes[owner], owner)
        for one, other in pairwise(served):
            assert abs(served[one] - served[other]) <= sizes[one] + sizes[other]


@given(st.lists(st.one_of(st.integers(1, 300), st.none()), max_size=60))
def test_with_one_owner_it_is_a_plain_queue(steps: list[int | None]) -> None:
    """First in, first out; None takes."""
    queue: FairQueue[int] = FairQueue()
    expected: list[int] = []
    for number, step in enumerate(steps):
        if step is not None:
            queue.put("", step, number)
            expected.append(number)
        elif expected:
            assert list(queue.take(1)) == [expected.pop(0)]
    assert bool(queue) is bool(expected)
    assert list(queue.take(10**9)) == expected


def test_takes_are_short_while_there_are_others_and_whole_again_when_one_is_alone() -> None:
    """Who comes in between waits for a quarter of what could be taken at once; so it is for a while after the others left."""
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.put("flood", 20, "flood")
    assert len(queue.take(100)) == 5
    queue.put("small", 1, "small")
    assert list(queue.take(100)) == ["small", "flood"]
    assert [len(queue.take(100)) for _ in range(50)] == [1] * 39 + [5] * 11  # 8 times 100 items later


def test_bringing_much_and_pausing_gains_nothing() -> None:
    """Who was given much and comes back at once stands behind one who has had nothing meanwhile."""
    queue: FairQueue[str] = FairQueue()
    queue.put("flood", 250, "flood 1")
    assert list(queue.take(250)) == ["flood 1"]
    queue.put("flood", 250, "flood 2")
    queue.put("small", 1, "small 1")
    assert list(queue.take(250)) == ["small 1"]
    assert list(queue.take(250)) == ["flood 2"]
