"""The bulkhead of a recipient: so many at once, and nobody stands in a line that does not move."""

import asyncio

import pytest

from lgsp.flow import lines
from lgsp.flow.lines import Line, PutOff


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def hold(line: Line, limit: int, until: asyncio.Event, entered: list[int], number: int, priority: int = 0) -> None:
    async with line.turn(limit, priority):
        entered.append(number)
        await until.wait()


async def settle_down() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_so_many_at_once_and_the_others_in_the_order_of_their_arrival() -> None:
    """Never more than the limit; a place that becomes free goes to the first who waits."""
    line, gates, entered = Line(), [asyncio.Event() for _ in range(6)], []
    tasks = [asyncio.create_task(hold(line, 2, gates[n], entered, n)) for n in range(6)]
    await settle_down()
    assert entered == [0, 1]
    for n in range(6):
        gates[n].set()
        await settle_down()
    assert entered == [0, 1, 2, 3, 4, 5]
    await asyncio.gather(*tasks)


async def test_the_urgent_stand_before_the_ordinary_and_are_put_off_only_for_those_before_them() -> None:
    """Where the line is too long for an ordinary attempt, an urgent one still waits, and is next."""
    clock = Clock()
    line, gate, entered = Line(clock), asyncio.Event(), []
    async with line.turn(1, 0):
        clock.now += 6.0  # typical: 1.2 s
    running = asyncio.create_task(hold(line, 1, gate, entered, 0))
    await settle_down()
    waiting = asyncio.create_task(hold(line, 1, gate, entered, 1))
    await settle_down()
    with pytest.raises(PutOff):
        async with line.turn(1, 0):
            pass
    urgent = asyncio.create_task(hold(line, 1, gate, entered, 2, priority=3))
    await settle_down()
    gate.set()
    await asyncio.gather(running, waiting, urgent)
    assert entered == [0, 2, 1]


async def test_a_line_that_does_not_move_puts_off_at_once() -> None:
    """Judged by how long nothing has moved: whoever comes later does not even begin to wait."""
    clock = Clock()
    line, gate = Line(clock), asyncio.Event()
    running = [asyncio.create_task(hold(line, 2, gate, [], n)) for n in range(2)]
    await settle_down()
    clock.now = 10.0
    with pytest.raises(PutOff):
        async with line.turn(2, 0):
            pass
    gate.set()
    await asyncio.gather(*running)
    async with line.turn(2, 0):
        pass


async def test_a_slow_recipient_keeps_a_short_line() -> None:
    """With attempts of a second each, two at once, patience of two seconds is a line of a handful, not of hundreds."""
    clock = Clock()
    line, gate = Line(clock), asyncio.Event()
    for _ in range(30):
        async with line.turn(2, 0):
            clock.now += 1.0
    running = [asyncio.create_task(hold(line, 2, gate, [], n)) for n in range(2)]
    await settle_down()
    waiting = [asyncio.create_task(hold(line, 2, gate, [], n)) for n in range(50)]
    await settle_down()
    put_off = [one for one in waiting if one.done() and isinstance(one.exception(), PutOff)]
    assert len(waiting) - len(put_off) <= 4
    gate.set()
    await asyncio.gather(*running, *waiting, return_exceptions=True)


async def test_a_quick_recipient_is_never_put_off() -> None:
    """A burst of a thousand at one healthy recipient goes through."""
    line = Line(Clock())  # a machine that is busy elsewhere is no slow recipient
    entered: list[int] = []

    async def quick(number: int) -> None:
        async with line.turn(4, 0):
            await asyncio.sleep(0)
            entered.append(number)

    await asyncio.gather(*(quick(n) for n in range(1000)))
    assert entered == list(range(1000))


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who began to wait because the line had just moved goes away when it does not move any more."""
    monkeypatch.setattr(lines, "PATIENCE_S", 0.05)
    line, gate = Line(), asyncio.Event()
    running = asyncio.create_task(hold(line, 1, gate, [], 0))
    await settle_down()
    with pytest.raises(PutOff):
        async with line.turn(1, 0):
            pass
    gate.set()
    await running


async def test_a_caller_that_is_cancelled_takes_no_place_with_it() -> None:
    """Neither while it waits nor in the moment in which its turn came."""
    line, gate = Line(), asyncio.Event()
    running = asyncio.create_task(hold(line, 1, gate, [], 0))
    await settle_down()
    waiting = [asyncio.create_task(hold(line, 1, gate, [], n)) for n in (1, 2)]
    await settle_down()
    waiting[0].cancel()
    gate.set()
    waiting[1].cancel()
    await asyncio.gather(running, *waiting, return_exceptions=True)
    async with line.turn(1, 0):
        pass
