"""What happens to a hub in one run, from enrolment to verdict. Every one raises (Broken, AssertionError, Fell, TimeoutError,
WrongAnswer) when a promise was broken; the account it returns is worth telling."""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

from tests.crash.agencies import PUSHED
from tests.crash.chaos import hub_under_load, judged
from tests.crash.faults import Fault, Faults, ServerFaults, strike
from tests.crash.history import second_copies
from tests.crash.hub import Setup
from tests.crash.load import Load, until
from tests.crash.run import Run
from tests.servers import PostgresServer, RabbitServer

_LONGEST_SILENCE_S = 5.0  # between two receipts, over all senders
_WITHOUT_BROKER = 150  # receipts at least, each time that RabbitMQ is away
_BACKLOG = 150
_BESIDE_DRAIN_S = 3.0  # what a machine that is busy with other things needs to deliver
LEASE_BESIDE_STOPS_S = 30.0


async def kills_of_the_only_process(setup: Setup, run: Run, kills: int, freezes: int) -> None:
    """Embedded: kill -9 and SIGSTOP at any moment of its life: while it starts, under load, and working off a backlog."""
    load = Load(run.chance, faults=True)
    async with hub_under_load(setup, load) as members:
        faults = Faults(members, run)
        draining = max(1, kills // 6)
        await strike(_mixed(faults, kills - draining, freezes, run.chance))
        await _make_backlog(load)
        await strike([faults.kill] * draining)
        await faults.all_up()
        run.words = await judged(setup, load, members)


async def kills_of_anything(
    setup: Setup,
    run: Run,
    kills: int,
    freezes: int,
    rabbit: RabbitServer,
    postgres: PostgresServer,
    disasters: int,
    *,
    lapses: int = 0,
) -> None:
    """Production: kill -9 and SIGSTOP of processes; in between, `disasters` times, a server dies, stops or stands still.

    `lapses`: how often a process stands still for so long that RabbitMQ takes it for dead.
    """
    load = Load(run.chance, faults=True)
    async with hub_under_load(setup, load) as members:
        await asyncio.to_thread(rabbit.write_registry)
        faults = Faults(members, run)
        plan = _mixed(faults, kills, freezes, run.chance)
        plan += [faults.freeze_past_heartbeats] * lapses
        for disaster in _drawn(ServerFaults(rabbit, postgres, run, faults.all_up).all(), disasters, run.chance):
            plan.insert(run.chance.randint(1, len(plan)), disaster)
        await strike(plan)
        await faults.all_up()
        run.words = await judged(setup, load, members)


async def broker_away(setup: Setup, run: Run, rabbit: RabbitServer, down_s: float) -> None:
    """RabbitMQ is down at the start, and for `down_s` in the middle: intake goes on, deliveries catch up."""
    await asyncio.to_thread(rabbit.stop)
    load = Load(run.chance, faults=False, max_open=1_000_000)
    async with hub_under_load(setup, load) as members:
        await _receipts(load)
        assert not pushed(load)
        await asyncio.to_thread(rabbit.start)
        await until(lambda: pushed(load) > _WITHOUT_BROKER and load.open < _WITHOUT_BROKER, "deliveries catching up")
        run.toll["restart RabbitMQ"] += 1
        await asyncio.to_thread(rabbit.stop)
        silent = pushed(load)
        await _receipts(load, down_s)
        assert pushed(load) == silent
        await asyncio.to_thread(rabbit.start)
        run.words = await judged(setup, load, members)


async def stops(setup: Setup, run: Run, rounds: int) -> None:
    """SIGTERM to one process after the other: each ends with status 0 in time, nothing is lost, nothing comes twice, and nothing
    waits longer than the drain of the process that had it.

    Leases must be much longer than a drain: what a stop left to one would wait that out.
    """
    load = Load(run.chance, faults=False)
    longest_s = away_s = 0.0
    async with hub_under_load(setup, load, warm=False) as members:
        for member in members * rounds:
            enough = len(load.history.arrivals) + run.chance.randint(50, 150)
            await until(_has_arrived(load, enough), "deliveries under way")
            run.toll[f"stop {member.kind}"] += 1
            began = time.monotonic()
            assert await member.stop() == 0
            longest_s = max(longest_s, time.monotonic() - began)
            member.start()
            await member.until_started()
            away_s = max(away_s, time.monotonic() - began)
        verdict = await judged(setup, load, members)
        assert second_copies(load.history) == 0
        drain_s = longest_s if len(members) > 1 else away_s  # alone, nobody takes over before it is back
        assert load.longest_wait_s < drain_s + _BESIDE_DRAIN_S, load.longest_wait_s
        run.words = (
            f"the longest stop took {longest_s:.1f} s, the longest wait for a delivery {load.longest_wait_s:.1f} s; {verdict}"
        )


def pushed(load: Load) -> int:
    """Arrivals that went through the broker."""
    return sum(one.recipient in PUSHED for one in load.history.arrivals)


def _mixed(faults: Faults, kills: int, freezes: int, chance: Random) -> list[Fault]:
    """One freeze in four is a long one."""
    long = (freezes + 3) // 4
    plan: list[Fault] = [faults.kill] * kills + [faults.freeze] * (freezes - long) + [faults.freeze_long] * long
    chance.shuffle(plan)
    return plan


def _drawn(kinds: Sequence[Fault], number: int, chance: Random) -> list[Fault]:
    """So many of them, none much more often than another."""
    drawn: list[Fault] = []
    while len(drawn) < number:
        drawn += chance.sample(kinds, k=len(kinds))
    return drawn[:number]


async def _make_backlog(load: Load) -> None:
    """Recipients turn everybody away until there is much to do; then nothing new comes in."""
    load.sink.open.clear()
    await until(lambda: load.open >= _BACKLOG, "a backlog")
    await load.stop()
    load.sink.open.set()


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


def _has_arrived(load: Load, number: int) -> Callable[[], bool]:
    return lambda: len(load.history.arrivals) >= number
