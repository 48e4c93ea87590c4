"""The turnstile: never more than the limit, nobody forgotten, the most urgent next."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from lgsp.core.urgency import is_urgent
from lgsp.flow.turnstile import Turnstile

_LONG_S = 600.0


@dataclass
class House:
    """People at a turnstile: each goes in, stays until told to leave, and is remembered."""

    turnstile: Turnstile
    limit: int
    came: list[int] = field(default_factory=list)  # by number, in the order they got in
    inside: dict[int, asyncio.Event] = field(default_factory=dict)
    priorities: dict[int, int] = field(default_factory=dict)
    tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    def come(self, number: int, priority: int) -> None:
        self.priorities[number] = priority
        self.tasks[number] = asyncio.create_task(self._visit(number, priority))

    async def _visit(self, number: int, priority: int) -> None:
        async with self.turnstile.turn(self.limit, priority, _LONG_S):
            self.came.append(number)
            self.inside[number] = asyncio.Event()
            try:
                await self.inside[number].wait()
            finally:
                del self.inside[number]

    @property
    def waiting(self) -> list[int]:
        """The numbers of those who wait, the next first."""
        outside = [number for number, task in self.tasks.items() if not task.done() and number not in self.inside]
        return sorted(outside, key=lambda number: (-self.priorities[number], number))

    def empty(self) -> None:
        for gate in tuple(self.inside.values()):
            gate.set()


async def settle_down() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(0, 4)),
        st.tuples(st.sampled_from(["leave", "cancel", "leave and cancel"]), st.integers(0, 8)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 4), st.integers(0, 3))
@settings(deadline=None)
def test_whoever_comes_leaves_or_gives_up_places_are_neither_lost_nor_doubled(
    steps: list[tuple[str, int]], limit: int, reserve: int
) -> None:
    """After every step: at most the limit inside, nobody waits while there is a place for the next one, and places were given
    by urgency, then arrival; also when someone is cancelled in the moment in which its turn came."""

    async def run() -> None:
        house = House(Turnstile(reserve), limit)
        for number, (what, value) in enumerate(steps):
            before, came = house.waiting, len(house.came)
            if what == "come":
                house.come(number, value)
                before = sorted([*before, number], key=lambda one: (-house.priorities[one], one))
            if what.startswith("leave") and house.inside:
                house.inside[sorted(house.inside)[value % len(house.inside)]].set()
                if what != "leave":
                    await asyncio.sleep(0)  # it leaves and lets the next one in, who has not run yet
            if what.endswith("cancel") and (present := [*before, *sorted(house.inside)]):
                house.tasks[present[value % len(present)]].cancel()
            await settle_down()
            assert len(house.inside) <= limit
            entered, waiting = house.came[came:], house.waiting
            assert [one for one in before if one in entered or one in waiting] == entered + waiting
            if waiting:
                places = limit if is_urgent(house.priorities[waiting[0]]) else max(1, limit - reserve)
                assert len(house.inside) >= places
        for _ in steps:
            house.empty()
            await settle_down()
        assert all(task.done() for task in house.tasks.values())
        assert all(house.turnstile.enter_at_once(limit, 1) for _ in range(limit))
        assert not house.turnstile.enter_at_once(limit, 1)

    asyncio.run(run())


async def test_an_urgent_turn_finds_a_place_where_ordinary_ones_took_all_they_may() -> None:
    """The reserve is for urgent turns, which may use every other place besides."""
    house = House(Turnstile(reserve=1), 3)
    for number in range(4):
        house.come(number, 0)
    await settle_down()
    assert house.came == [0, 1]
    house.come(10, 1)
    house.come(11, 4)
    await settle_down()
    assert house.came == [0, 1, 10]
    house.empty()
    await settle_down()
    assert house.came == [0, 1, 10, 11, 2]  # an urgent one inside takes a place; ordinary ones leave one free all the same
    for _ in range(3):
        house.empty()
        await settle_down()
    assert all(task.done() for task in house.tasks.values())


async def test_a_turn_that_lasts_too_long_counts_no_more_and_leaves_once() -> None:
    """Its place is somebody else's while it goes on, and when it ends it frees no second one."""
    turnstile, gate = Turnstile(), asyncio.Event()
    inside: list[str] = []

    async def visit(name: str, counts_s: float) -> None:
        async with turnstile.turn(1, 0, counts_s):
            inside.append(name)
            await gate.wait()
            inside.remove(name)

    async with asyncio.timeout(10), asyncio.TaskGroup() as visits:
        visits.create_task(visit("endless", 0.001))
        await settle_down()
        visits.create_task(visit("next", _LONG_S))
        while len(inside) < 2:  # noqa: ASYNC110 - the turnstile's
            await asyncio.sleep(0)
        gate.set()
    assert [turnstile.enter_at_once(1, 0) for _ in range(2)] == [True, False]


async def test_a_larger_limit_lets_in_those_who_wait_no_later_than_the_next_leaves() -> None:
    """The limit comes with each turn: who waits under the old one does not keep others out for good."""
    turnstile, entered = Turnstile(), []

    async def visit(name: str, limit: int, gate: asyncio.Event) -> None:
        async with turnstile.turn(limit, 0, _LONG_S):
            entered.append(name)
            await gate.wait()

    gate = asyncio.Event()
    gate.set()
    hold = asyncio.Event()
    tasks = [asyncio.create_task(visit("a", 1, hold))]
    await settle_down()
    tasks += [asyncio.create_task(visit(name, limit, gate)) for name, limit in (("b", 1), ("c", 3))]
    await settle_down()
    assert entered == ["a"]
    hold.set()
    await asyncio.gather(*tasks)
    assert entered == ["a", "b", "c"]
