"""The bench of scale: what is compared with what, when a step counts as grown, and that all its steps run."""

import asyncio
import time
from pathlib import Path

import pytest

from lgsp.core.hold import Cause
from lgsp.core.lifecycle import State
from tests.bench.parked import sqlite_site
from tests.bench.report import Row, row
from tests.bench.scale import rows_of, verdict
from tests.bench.steps import BY_NATURE, Steps, longest_turn_us


def test_each_step_is_compared_with_the_smallest_journal_of_the_same_round() -> None:
    """So the machine's other work, which hits the journals of a round alike, is not taken for growth."""
    costs = {1000: [{"accept": 10.0}, {"accept": 100.0}], 100_000: [{"accept": 11.0}, {"accept": 110.0}]}
    small, large = rows_of("SQLite", costs)
    assert (small.setup, small.value, small.ratio) == ("SQLite, 1000 parked", 55, None)
    assert (large.setup, large.value, large.ratio) == ("SQLite, 100000 parked", 60.5, 1.1)
    assert large.ratio_to == "SQLite, 1000 parked"


def step(metric: str, ratio: float) -> Row:
    return row("scale", "SQLite, 100000 parked", metric, "us", [10 * ratio], [10.0], "SQLite, 1000 parked")


def test_a_step_that_doubles_has_grown() -> None:
    """It is named with its ratio; what is slower by less is not."""
    assert verdict([step("accept", 1.9), step("hydrate", 2.0)]).startswith("GROWN: hydrate x2.0; by nature: ")
    assert verdict([step("accept", 1.9), step("hydrate", 0.9)]).startswith("none of 2 steps grows")


def test_what_reads_a_whole_table_by_its_nature_is_not_judged() -> None:
    """It is of no message; the verdict names it all the same."""
    said = verdict([step("accept", 1.0), *(step(name, 50.0) for name in BY_NATURE)])
    assert said.startswith("none of 1 steps grows") and all(name in said for name in BY_NATURE)


async def test_a_site_is_as_parked_as_it_says_and_stays_so(tmp_path: Path) -> None:
    """Half for one partner, ten each for others, all of them on hold; a round of steps leaves only what it parked in addition."""
    async with sqlite_site(200, tmp_path) as site:
        await site.fill()
        held = {one.hold.recipient: one for one in await site.store.holds(100)}
        assert [held[code].parked for code in site.dead] == [100] + [10] * 10
        assert {one.hold.cause for one in held.values()} == {Cause.FAILING}
        costs = await Steps(site, 0).take()
        balance = await site.store.balance()
        assert balance.difference == 0
        assert balance.by_state == {State.PARKED: 250, State.DELIVERED: 100, State.AVAILABLE: 20}
    assert all(cost > 0 for cost in costs.values())
    assert costs.keys() > BY_NATURE.keys()


@pytest.mark.parametrize("busy_s", [0.02, 0.1])
async def test_the_longest_turn_is_what_others_had_to_wait_for(busy_s: float) -> None:
    """Work in one piece counts, work in a thread and waiting do not."""

    def work(seconds: float) -> None:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass

    async def step() -> None:
        await asyncio.sleep(0.01)
        await asyncio.to_thread(work, 0.3)
        work(busy_s)
        await asyncio.sleep(0)

    assert busy_s * 1e6 <= await longest_turn_us(step()) < 0.3e6
