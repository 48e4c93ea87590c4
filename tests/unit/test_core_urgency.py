"""Who goes first, and what is urgent."""

from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.urgency import ByUrgency, is_urgent

PRIORITIES = st.integers(0, 4)


def test_every_mark_of_urgency_is_urgent() -> None:
    """Khẩn, thượng khẩn, hỏa tốc and hỏa tốc hẹn giờ are; thường is not."""
    assert [is_urgent(priority) for priority in range(5)] == [False, True, True, True, True]


def test_nothing_comes_out_of_an_empty_queue() -> None:
    """Neither by taking nor by dropping."""
    queue: ByUrgency[str] = ByUrgency()
    assert (queue.first(), queue.take(), queue.drop_below(4), queue.take_all(), len(queue)) == (None, None, None, [], 0)


@given(st.lists(PRIORITIES))
def test_the_most_urgent_first_then_the_oldest(priorities: list[int]) -> None:
    """Taking one by one, some and all agree with a stable sort by urgency."""
    one_by_one, at_once = ByUrgency[int](), ByUrgency[int]()
    for number, priority in enumerate(priorities):
        one_by_one.put(number, priority)
        at_once.put(number, priority)
    expected = sorted(range(len(priorities)), key=lambda number: -priorities[number])
    assert [one_by_one.take() for _ in priorities] == expected
    assert at_once.take_some(3) + at_once.take_all() == expected
    assert len(one_by_one) == len(at_once) == 0


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "drop", "remove"]), PRIORITIES), max_size=60))
def test_it_is_a_sorted_list_whatever_is_done_to_it(steps: list[tuple[str, int]]) -> None:
    """Every operation does what the plain sorted list of (priority, age) would do."""
    queue: ByUrgency[int] = ByUrgency()
    waiting: list[tuple[int, int]] = []  # (-priority, number), sorted: the first is the next
    for number, (what, priority) in enumerate(steps):
        assert queue.ahead_of(priority) == sum(-held >= priority for held, _ in waiting)
        if what == "put":
            queue.put(number, priority)
            waiting = sorted([*waiting, (-priority, number)])
        elif what == "take":
            found = waiting[0][1] if waiting and -waiting[0][0] >= priority else None
            waiting = waiting[1:] if found is not None else waiting
            assert queue.first(priority) == found
            assert queue.take(priority) == found
        elif what == "drop":
            found = waiting[-1][1] if waiting and -waiting[-1][0] < priority else None
            waiting = waiting[:-1] if found is not None else waiting
            assert queue.drop_below(priority) == found
        elif waiting:
            held, item = waiting.pop(priority % len(waiting))
            queue.remove(item, -held)
        assert len(queue) == len(waiting)
    assert queue.take_all() == [number for _, number in waiting]
