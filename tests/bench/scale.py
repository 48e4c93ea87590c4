"""What one message costs beside 10^3, 10^4, 10^5 parked deliveries, and a tenth as many agencies.

The journals stand side by side and are measured by turns, so that what the machine does meanwhile hits all of them alike. Costs
are CPU time, of this process with all its threads and of the database's backend. What a disk needs to make a commit durable is no
part of it: that depends on no number of rows.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from rich.console import Console

from lgsp import log
from tests.bench import report
from tests.bench.parked import Site, postgres_site, sqlite_site
from tests.bench.report import Row, row
from tests.bench.steps import BY_NATURE, Steps
from tests.bench.targets import World

SIZES = (1_000, 10_000, 100_000)
FLAT = 2.0  # caches and the depth of an index grow slowly
_STORES = {"embedded": "SQLite", "production": "PostgreSQL"}


def measure(world: World, setups: Sequence[str], sizes: Sequence[int], rounds: int, tell: Callable[[str], None]) -> list[Row]:
    """`setups`: "embedded", "production", for their stores."""
    log.configure("json", "error")
    return [one for setup in setups for one in asyncio.run(_measure(world, setup, sizes, rounds, tell))]


async def _measure(world: World, setup: str, sizes: Sequence[int], rounds: int, tell: Callable[[str], None]) -> list[Row]:
    async with AsyncExitStack() as stack:
        sites = []
        for parked in sizes:
            tell(f"scale: {_STORES[setup]}, {parked:,} parked deliveries")
            sites.append(await _open(world, setup, parked, stack))
        costs: dict[int, list[Mapping[str, float]]] = {parked: [] for parked in sizes}
        for number in range(rounds):
            tell(f"scale: {_STORES[setup]}, round {number + 1} of {rounds}")
            for site in sites:
                costs[site.parked].append(await Steps(site, number).take())
    return rows_of(_STORES[setup], costs)


async def _open(world: World, setup: str, parked: int, stack: AsyncExitStack) -> Site:
    opening = sqlite_site(parked, world.folder) if setup == "embedded" else postgres_site(parked, world.postgres)
    site = await stack.enter_async_context(opening)
    await site.fill()
    return site


def rows_of(store: str, costs: Mapping[int, Sequence[Mapping[str, float]]]) -> list[Row]:
    """A row for each step and number of parked deliveries; ratios, round by round, to the smallest number. `costs`: the rounds of
    each number, in microseconds by step."""
    least = min(costs)
    return [
        row(
            "scale",
            _name(store, parked),
            step,
            "us",
            [one[step] for one in rounds],
            [one[step] for one in costs[least]] if parked != least else (),
            _name(store, least),
        )
        for parked, rounds in costs.items()
        for step in rounds[0]
    ]


def _name(store: str, parked: int) -> str:
    return f"{store}, {parked} parked"


def show(console: Console, rows: Sequence[Row]) -> None:
    own = [one for one in rows if one.scenario == "scale"]
    for store in dict.fromkeys(one.setup.partition(", ")[0] for one in own):
        by_size = _by_size([one for one in own if one.setup.startswith(f"{store}, ")])
        report.print_growth(console, f"CPU microseconds of each step with so many parked, {store}", by_size)
        console.print(f"  {verdict([steps[max(steps)] for steps in by_size.values()])}", highlight=False)


def _by_size(rows: Sequence[Row]) -> dict[str, dict[int, Row]]:
    """By step and number of parked deliveries."""
    found: dict[str, dict[int, Row]] = {}
    for one in rows:
        found.setdefault(one.metric, {})[int(one.setup.split()[1])] = one
    return found


def verdict(largest: Sequence[Row]) -> str:
    """Of the rows with most parked: which steps cost as much as with the fewest, and which do not."""
    judged = [one for one in largest if one.metric not in BY_NATURE]
    grown = [f"{one.metric} x{one.ratio:.1f}" for one in judged if one.ratio is not None and one.ratio >= FLAT]
    told = f"GROWN: {', '.join(grown)}" if grown else f"none of {len(judged)} steps grows (x{FLAT:.1f} or more)"
    return f"{told}; by nature: {', '.join(BY_NATURE)}"
