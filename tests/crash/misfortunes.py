"""What happens around a hub in one run: the broker's cluster loses its leaders, disks fill up, clocks jump, partners misbehave.
As in `scenarios`, every one raises when a promise was broken."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random

from tests.crash.agencies import PUSHED
from tests.crash.chaos import hub_under_load, judged
from tests.crash.clock import FakeClock
from tests.crash.faults import Faults, strike
from tests.crash.hub import Setup
from tests.crash.load import Load, until
from tests.crash.partners import MANNERS
from tests.crash.run import Run
from tests.crash.scenarios import pushed
from tests.servers import RabbitCluster, SmallDisk

_GOES_ON = 100  # arrivals or receipts that show that work goes on
_TURNED_AWAY = 20
_FULL = "hub.storage_unavailable"
_CLOSE_S = 0.9  # to a time that is looked for in receipts
_FILLS_UP_S, _LOOK_S = 60.0, 0.1  # a disk, at most
_AHEAD_S, _FAR_AHEAD_S, _BEHIND_S = (5.0, 60.0), (600.0, 7200.0), (1.0, 8.0)


async def leaders_die(setup: Setup, run: Run, cluster: RabbitCluster, deaths: int, kills_between: int) -> None:
    """The node that leads the shards is killed under load: deliveries go on without it, and it comes back."""
    load = Load(run.chance, faults=True)
    shards = [f"{setup.settings.broker_prefix}.shard.{number}" for number in range(setup.settings.broker_shards)]
    async with hub_under_load(setup, load) as members:
        await asyncio.to_thread(cluster.write_registry)
        faults = Faults(members, run)
        for _ in range(deaths):
            leader = await asyncio.to_thread(cluster.leader, run.chance.choice(shards))
            run.toll["kill RabbitMQ leader"] += 1
            await asyncio.to_thread(leader.kill9)
            await until(_more(lambda: pushed(load), _GOES_ON), "deliveries without the leader")
            await strike([faults.kill] * kills_between)
            await asyncio.to_thread(cluster.start)
        await faults.all_up()
        run.words = await judged(setup, load, members)


async def disk_fills_up(setup: Setup, run: Run, disk: SmallDisk, times: int, mend: Callable[[], None]) -> None:
    """The journal's disk is full: senders are told to come back; there is room again, and the hub goes on by itself.

    `mend` is what else an operator does then: he starts a database server that gave up.
    """
    load = Load(run.chance, faults=True)
    async with hub_under_load(setup, load) as members:
        for _ in range(times):
            await until(_more(lambda: len(load.receipt_times), _GOES_ON), "receipts while there is room")
            run.toll["disk full"] += 1
            enough = _more(lambda: load.turned_away[_FULL], _TURNED_AWAY)
            async with asyncio.timeout(_FILLS_UP_S):
                while not enough():
                    await asyncio.to_thread(disk.fill)
                    await asyncio.sleep(_LOOK_S)
            disk.make_room()
            await asyncio.to_thread(mend)
            await until(_more(lambda: len(load.receipt_times), _GOES_ON), "receipts once there is room")
        run.words = f"{load.turned_away[_FULL]} times {_FULL}; {await judged(setup, load, members)}"


async def clocks_jump(setup: Setup, run: Run, clock: FakeClock, jumps: int) -> None:
    """The wall clock of one process of each kind jumps ahead, far ahead where it is the only one, and a little back."""
    spans_s = (_AHEAD_S, _FAR_AHEAD_S) if len(setup.commands) == 1 else (_AHEAD_S,)
    load = Load(run.chance, faults=True)
    ahead_s = 0.0
    async with hub_under_load(setup, load, clock=clock) as members:
        for number in range(jumps):
            if number % 2:
                run.toll["clock jumps back"] += 1
                ahead_s -= run.chance.uniform(*_BEHIND_S)
            else:
                run.toll["clock jumps ahead"] += 1
                ahead_s += run.chance.uniform(*run.chance.choice(spans_s))
            clock.jump_to(ahead_s)
            await until(_accepted_in_time(load, ahead_s), f"an acceptance {ahead_s:+.0f} s from now")
            await until(_more(lambda: len(load.history.arrivals), _GOES_ON), "deliveries after the jump")
        run.words = await judged(setup, load, members)


async def partners_misbehave(setup: Setup, run: Run, rounds: int) -> None:
    """Two recipients misbehave at a time, each in its own way; the others get theirs, and in the end all do."""
    load = Load(run.chance, faults=False, max_open=2000)
    async with hub_under_load(setup, load) as members:
        for manners in _rounds(run.chance, rounds):
            bad = dict(zip(run.chance.sample(PUSHED, k=2), manners, strict=True))
            load.sink.manners = {str(code): manner for code, manner in bad.items()}
            good = [code for code in PUSHED if code not in bad]
            await until(_more(lambda good=good: _arrived_at(load, good), _GOES_ON), f"deliveries beside partners {manners}")
            for manner in manners:
                await until(lambda manner=manner: load.sink.misbehaved[manner] > 0, f"a partner {manner}")
        load.sink.manners = {}
        run.toll.update({f"partner {manner}": number for manner, number in load.sink.misbehaved.items()})
        run.words = await judged(setup, load, members)


def _rounds(chance: Random, rounds: int) -> list[tuple[str, str]]:
    """Every manner as often as any other."""
    pairs: list[tuple[str, str]] = []
    while len(pairs) < rounds:
        names = chance.sample(sorted(MANNERS), k=len(MANNERS))
        pairs += zip(names[::2], names[1::2], strict=True)
    return pairs[:rounds]


def _more(count: Callable[[], int], number: int) -> Callable[[], bool]:
    """Whether there are so many more than when this was called."""
    enough = count() + number
    return lambda: count() >= enough


def _accepted_in_time(load: Load, ahead_s: float) -> Callable[[], bool]:
    """Whether a receipt bears that time."""
    so_far = len(load.history.receipts)

    def found() -> bool:
        now = datetime.now(UTC)
        new = load.history.receipts[so_far:]
        return any(abs((receipt.accepted_at - now).total_seconds() - ahead_s) < _CLOSE_S for receipt in new)

    return found


def _arrived_at(load: Load, recipients: Sequence[str]) -> int:
    return sum(one.recipient in recipients for one in load.history.arrivals)
