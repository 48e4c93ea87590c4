"""`python -m tests.soak [--minutes N] [--seed S]`: the runs of tests/crash with many more kills and longer outages, one after the
other until the time is over. Exit status 1 when a promise was broken; its folder with logs and journal then stays."""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import Any

from tests.crash.chaos import chance
from tests.crash.hub import Setup, embedded, production
from tests.crash.scenarios import broker_away, kills_of_anything, kills_of_the_only_process, stops
from tests.servers import PostgresServer, RabbitServer

EMBEDDED_KILLS, PRODUCTION_KILLS, STOPS, DOWN_S = 60, 60, 5, 30.0

Scenario = Callable[[Path, Random], Coroutine[Any, Any, str]]


@dataclass(frozen=True, slots=True)
class Servers:
    """Private ones, which the runs kill."""

    rabbit: RabbitServer
    postgres: PostgresServer

    def production(self, folder: Path, *, gateways: int = 2, workers: int = 2) -> Setup:
        """A database and queues of its own."""
        name = f"soak_{secrets.token_hex(4)}"
        dsn = self.postgres.create_database(name)
        return production(folder, dsn, self.rabbit.url, name.replace("_", "-"), gateways=gateways, workers=workers)


def scenarios(servers: Servers) -> dict[str, Scenario]:
    """By the name under which they are reported."""
    rabbit, postgres = servers.rabbit, servers.postgres
    return {
        "kills, embedded": lambda folder, draw: kills_of_the_only_process(embedded(folder), draw, EMBEDDED_KILLS),
        "kills, production": lambda folder, draw: kills_of_anything(
            servers.production(folder), draw, PRODUCTION_KILLS, rabbit, postgres
        ),
        "RabbitMQ away": lambda folder, draw: broker_away(
            servers.production(folder, gateways=1, workers=1), draw, rabbit, DOWN_S
        ),
        "stops, embedded": lambda folder, draw: stops(embedded(folder), draw, STOPS),
        "stops, production": lambda folder, draw: stops(servers.production(folder), draw, STOPS),
    }


def soak(minutes: float, seed: int) -> int:
    """How many runs broke a promise."""
    end = time.monotonic() + minutes * 60
    seeds = Random(seed)
    broken: list[str] = []
    runs = 0
    with RabbitServer() as rabbit, PostgresServer() as postgres:
        for number, (name, scenario) in _until(end, scenarios(Servers(rabbit, postgres))):
            runs = number
            if not _run(f"{number} {name}", scenario, seeds.randrange(10**6)):
                broken.append(f"{number} {name}")
    print(f"{runs} runs, {len(broken)} broken" + "".join(f"\n  {one}" for one in broken))
    return len(broken)


def _until(end: float, by_name: dict[str, Scenario]) -> Iterator[tuple[int, tuple[str, Scenario]]]:
    """One after the other, each at least once."""
    for number, one in zip(count(1), cycle(by_name.items())):
        if number > len(by_name) and time.monotonic() > end:
            return
        yield number, one


def _run(name: str, scenario: Scenario, seed: int) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="lgsp-soak-"))
    began = time.monotonic()
    try:
        told = asyncio.run(scenario(folder, chance(name, seed)))
    except Exception:  # noqa: BLE001 - whatever it is, the others run on and the status tells
        traceback.print_exc()
        print(f"{name}: BROKEN after {time.monotonic() - began:.0f} s, see {folder}", flush=True)
        return False
    print(f"{name}: kept, {time.monotonic() - began:.0f} s: {told}", flush=True)
    shutil.rmtree(folder)
    return True


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="no new run after this time (default 30)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the decisions of an earlier soak")
    given = parser.parse_args()
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    print(f"soak: seed {seed}", flush=True)
    sys.exit(1 if soak(given.minutes, seed) else 0)


if __name__ == "__main__":
    main()
