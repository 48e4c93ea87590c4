"""What happens to a hub in one run, from enrolment to verdict. Every one raises (AssertionError, Fell, TimeoutError, WrongAnswer)
when a promise was broken; what it returns is worth telling."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random

from tests.crash.agencies import PUSHED
from tests.crash.chaos import hub_under_load, judged, kill_any, kill_the_only_one
from tests.crash.history import second_copies
from tests.crash.hub import Setup
from tests.crash.load import Load, until
from tests.servers import PostgresServer, RabbitServer

_LONGEST_SILENCE_S = 5.0  # between two receipts, over all senders
_WITHOUT_BROKER = 150  # receipts at least, each time that RabbitMQ is away


async def kills_of_the_only_process(setup: Setup, chance: Random, kills: int) -> str:
    """Embedded: kill -9 at any moment of its life."""
    load = Load(chance, faults=True)
    async with hub_under_load(setup, load) as members:
        moments = await kill_the_only_one(members[0], load, kills, chance)
        assert moments.total() == kills
        return f"{_list(moments)}; {await judged(setup, load, members)}"


async def kills_of_anything(setup: Setup, chance: Random, kills: int, rabbit: RabbitServer, postgres: PostgresServer) -> str:
    """Production: kill -9 of processes; in between RabbitMQ dies as well, and PostgreSQL stops or dies."""
    disasters: list[Callable[[], None]] = [rabbit.kill9, chance.choice([postgres.stop, postgres.kill9])]
    parts = [kills // 3, kills // 3, kills - 2 * (kills // 3)]
    load = Load(chance, faults=True)
    async with hub_under_load(setup, load) as members:
        await asyncio.to_thread(rabbit.write_registry)
        moments = await kill_any(members, parts[0], chance)
        for disaster, part in zip(disasters, parts[1:], strict=True):
            await asyncio.to_thread(disaster)
            await _running(rabbit, postgres)
            moments += await kill_any(members, part, chance)
        assert moments.total() == kills
        return f"{_list(moments)}; {await judged(setup, load, members)}"


async def broker_away(setup: Setup, chance: Random, rabbit: RabbitServer, down_s: float) -> str:
    """RabbitMQ is down at the start, and for `down_s` in the middle: intake goes on, deliveries catch up."""
    await asyncio.to_thread(rabbit.stop)
    load = Load(chance, faults=False, max_open=1_000_000)
    async with hub_under_load(setup, load) as members:
        await _receipts(load)
        assert not _pushed(load)
        await asyncio.to_thread(rabbit.start)
        await until(lambda: _pushed(load) > _WITHOUT_BROKER and load.open < _WITHOUT_BROKER, "deliveries catching up")
        await asyncio.to_thread(rabbit.stop)
        silent = _pushed(load)
        await _receipts(load, down_s)
        assert _pushed(load) == silent
        await asyncio.to_thread(rabbit.start)
        return await judged(setup, load, members)


async def stops(setup: Setup, chance: Random, rounds: int) -> str:
    """SIGTERM to one process after the other: each ends with status 0 in time, nothing is lost, and nothing comes twice."""
    load = Load(chance, faults=False)
    longest_s = 0.0
    async with hub_under_load(setup, load, warm=False) as members:
        for member in members * rounds:
            enough = len(load.history.arrivals) + chance.randint(50, 150)
            await until(_has_arrived(load, enough), "deliveries under way")
            began = time.monotonic()
            assert await member.stop() == 0
            longest_s = max(longest_s, time.monotonic() - began)
            member.start()
            await member.until_started()
        verdict = await judged(setup, load, members)
        assert second_copies(load.history) == 0
        return f"{len(members) * rounds} stops, the longest took {longest_s:.1f} s; {verdict}"


async def _running(rabbit: RabbitServer, postgres: PostgresServer) -> None:
    starts: list[Awaitable[None]] = [asyncio.to_thread(one.start) for one in (rabbit, postgres)]
    await asyncio.gather(*starts)


async def _receipts(load: Load, at_least_s: float = 0.0) -> None:
    """Waits for some more, and at least so long; they must keep coming."""
    began, so_far = time.monotonic(), len(load.receipt_times)
    await until(
        lambda: len(load.receipt_times) - so_far >= _WITHOUT_BROKER and time.monotonic() - began >= at_least_s,
        "receipts without RabbitMQ",
        at_least_s + 60,
    )
    silences = [after - before for before, after in pairwise(load.receipt_times[so_far:])]
    assert max(silences) < _LONGEST_SILENCE_S


def _pushed(load: Load) -> int:
    """Arrivals that went through the broker."""
    return sum(one.recipient in PUSHED for one in load.history.arrivals)


def _has_arrived(load: Load, number: int) -> Callable[[], bool]:
    return lambda: len(load.history.arrivals) >= number


def _list(moments: Counter[str]) -> str:
    return f"{moments.total()} kills (" + ", ".join(f"{number} {name}" for name, number in sorted(moments.items())) + ")"
