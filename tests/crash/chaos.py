"""Who dies when. Chance decides, from a seed that is printed, so that a run can be asked for again."""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

from lgsp.bootstrap import open_store
from lgsp.core.lifecycle import State
from lgsp.ports import Balance
from tests.crash.agencies import enrol
from tests.crash.history import second_copies, violations
from tests.crash.hub import HubProcess, Setup, processes
from tests.crash.load import Load, told, under_load, until

_SETTLED_S = 60.0
_BACKLOG = 150


def chance(name: str, seed: int | None = None) -> Random:
    """LGSP_TEST_SEED repeats a run's decisions (not its timing)."""
    if seed is None:
        seed = int(os.environ.get("LGSP_TEST_SEED", "") or secrets.randbelow(10**6))
    print(f"{name}: seed {seed}")
    return Random(f"{name} {seed}")


@asynccontextmanager
async def hub_under_load(setup: Setup, load: Load, *, warm: bool = True) -> AsyncIterator[list[HubProcess]]:
    """Agencies are enrolled, processes started, senders send; at the end every process is killed."""
    await enrol(setup.settings, setup.sink_url)
    members = processes(setup, warm=warm)
    try:
        for member in members:
            member.start()
        for member in members:
            await member.until_started()
        async with under_load(load, setup.sink_port, setup.url):
            yield members
    finally:
        for member in members:
            member.kill()


async def kill_the_only_one(member: HubProcess, load: Load, kills: int, chance: Random) -> Counter[str]:
    """kill -9 and start again, over and over: while it starts, under load, and while it works off what was accepted."""
    moments: Counter[str] = Counter()
    draining = max(1, kills // 6)
    for number in range(kills):
        if number == kills - draining:
            await _make_backlog(load)
        moment = "drain" if number >= kills - draining else chance.choice(("start", "load", "load"))
        await _wait_for_moment(member, moment, chance)
        member.kill()
        moments[moment] += 1
        member.start()
    await member.until_started()
    return moments


async def kill_any(members: Sequence[HubProcess], kills: int, chance: Random) -> Counter[str]:
    """kill -9 of one, at times while others still start again."""
    moments: Counter[str] = Counter()
    for _ in range(kills):
        victim = chance.choice(members)
        await _wait_for_moment(victim, chance.choice(("start", "load", "load", "load")), chance)
        victim.kill()
        moments[victim.name] += 1
        victim.start()
    for member in members:
        await member.until_started()
    return moments


async def _wait_for_moment(member: HubProcess, moment: str, chance: Random) -> None:
    if moment == "start":
        await until(lambda: member.opening, f"{member.name} begins to open things")
        await asyncio.sleep(chance.uniform(0, 0.2))
    else:
        await member.until_started()
        await asyncio.sleep(chance.uniform(0, 0.6))


async def _make_backlog(load: Load) -> None:
    """Recipients turn everybody away until there is much to do; then nothing new comes in."""
    load.sink.open.clear()
    await until(lambda: load.open >= _BACKLOG, "a backlog")
    await load.stop()
    load.sink.open.set()


async def judged(setup: Setup, load: Load, members: Sequence[HubProcess]) -> str:
    """Ends the load and waits until all has arrived; then every promise was kept, or this fails saying which was not."""
    await load.stop()
    _check_all(members)
    await load.all_arrived()
    history = load.history
    broken = violations(history)
    assert not broken, told(broken)
    deliveries = {ref.delivery_id for receipt in history.receipts for ref in receipt.deliveries}
    balance = await _settled_balance(setup, len(deliveries))
    assert balance.accepted_events == sum(balance.by_state.values())
    assert {state: number for state, number in balance.ended_events.items() if number} == balance.by_state
    _check_all(members)
    bugs = [line for member in members for line in member.bugs()]
    assert not bugs, told(bugs)
    return f"{len(history.sent)} messages, {len(deliveries)} deliveries, {second_copies(history)} second copies"


def _check_all(members: Sequence[HubProcess]) -> None:
    for member in members:
        member.check()


async def _settled_balance(setup: Setup, deliveries: int) -> Balance:
    """Waits until the journal says of all of them that they were delivered. Raises TimeoutError with what it says instead."""
    found: list[Balance] = []
    async with open_store(setup.settings) as store:
        try:
            async with asyncio.timeout(_SETTLED_S):
                while not found or found[-1].by_state != {State.DELIVERED: deliveries}:
                    found.append(await store.balance())
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(f"{deliveries} deliveries, but the journal says {found[-1] if found else 'nothing'}") from None
    return found[-1]
