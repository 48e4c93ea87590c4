"""The event loops of the simulation: time jumps, order is fixed, the dead are dead."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.sim.loop import Loop, Stuck, Time


def nobody(what: str) -> None:
    """Handles what nobody else does: here only tasks that a test leaves unfinished."""


def run(loop: Loop, work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    loop.time_line.run(loop.create_task(main()), max_steps=10_000)


def test_hours_pass_in_no_time() -> None:
    """Whoever sleeps wakes at the right moment of the virtual clock, and nobody really waits."""
    loop = Loop(Time(), "a", nobody)
    moments: list[float] = []

    async def work() -> None:
        for hours in (3, 1, 2):
            await asyncio.sleep(hours * 3600)
            moments.append(asyncio.get_running_loop().time())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        moments.append(asyncio.get_running_loop().time())

    started = time.monotonic()
    run(loop, work)
    assert moments == [3 * 3600, 4 * 3600, 6 * 3600, 7 * 3600]
    assert time.monotonic() - started < 60


def test_loops_share_the_clock_and_take_turns() -> None:
    """Timers of several loops run in the order of their moments; each callback finds its own loop running."""
    line = Time()
    one, other = Loop(line, "one", nobody), Loop(line, "other", nobody)
    seen: list[tuple[str, float]] = []

    def note() -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, Loop)
        seen.append((running.name, running.time()))

    one.call_later(2.0, note)
    other.call_later(1.0, note)
    other.call_later(3.0, note)
    run(one, lambda: asyncio.sleep(4.0))
    assert seen == [("other", 1.0), ("one", 2.0), ("other", 3.0)]


def test_a_dead_loop_runs_nothing_not_even_a_finally() -> None:
    """Killed after so many callbacks, wherever it is then."""
    line = Time()
    outside, victim = Loop(line, "outside", nobody), Loop(line, "victim", nobody)
    steps: list[int] = []
    deaths: list[float] = []

    async def live() -> None:
        try:
            for step in range(100):
                steps.append(step)
                await asyncio.sleep(1.0)
        finally:
            steps.append(-1)

    task = victim.create_task(live())
    outside.call_later(9.5, lambda: victim.kill_after(0, lambda: deaths.append(line.now)))
    run(outside, lambda: asyncio.sleep(50))
    assert steps == list(range(10))
    assert deaths == [10.0]
    assert not task.done()


def test_a_paused_loop_goes_on_later() -> None:
    """What came due meanwhile is run when it is let go on."""
    line = Time()
    outside, paused = Loop(line, "outside", nobody), Loop(line, "paused", nobody)
    moments: list[float] = []
    for moment in (1.0, 2.0, 3.0, 9.0):
        paused.call_later(moment, lambda: moments.append(line.now))
    outside.call_later(1.5, paused.pause)
    outside.call_later(5.0, paused.resume)
    run(outside, lambda: asyncio.sleep(10))
    assert moments == [1.0, 5.0, 5.0, 9.0]


def test_what_never_ends_is_told() -> None:
    """Nobody with anything to do, or somebody who never stops: the run ends with an error instead of hanging."""
    with pytest.raises(Stuck):
        run(Loop(Time(), "waits", nobody), asyncio.Event().wait)

    async def spin() -> None:
        while True:  # noqa: ASYNC110 - waits for nothing
            await asyncio.sleep(0)

    with pytest.raises(Stuck):
        run(Loop(Time(), "spins", nobody), spin)


def test_what_nobody_handles_is_reported() -> None:
    """An exception in a callback is somebody's bug; the others go on."""
    said: list[str] = []
    loop = Loop(Time(), "a", said.append)
    loop.call_later(1.0, lambda: 1 // 0)
    run(loop, lambda: asyncio.sleep(2.0))
    assert len(said) == 1
    assert "ZeroDivisionError" in said[0]
