"""Which runs a soak is made of: those of tests/crash, with many more faults each. One round of all makes over 500 kills."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.crash.balancer import balanced
from tests.crash.clock import FakeClock
from tests.crash.hub import Setup, embedded, production
from tests.crash.misfortunes import clocks_jump, disk_fills_up, leaders_die, partners_misbehave
from tests.crash.run import Run
from tests.crash.scenarios import LEASE_BESIDE_STOPS_S, broker_away, kills_of_anything, kills_of_the_only_process, stops
from tests.servers import PostgresServer, RabbitCluster, RabbitServer, SmallDisk

EMBEDDED_KILLS, PRODUCTION_KILLS, FREEZES, DISASTERS, LAPSES = 200, 180, 20, 12, 2
LEADERS, KILLS_PER_LEADER = 12, 12
STOPS, JUMPS, FULL_DISKS, PARTNER_ROUNDS = 5, 8, 3, 12
DOWN_S = 30.0

Scenario = Callable[[Path, Run], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Servers:
    """Private ones, which the runs kill."""

    rabbit: RabbitServer
    cluster: RabbitCluster
    postgres: PostgresServer

    def production(self, folder: Path, *, amqp_url: str = "", **wishes: Any) -> Setup:
        """A database and queues of its own. `wishes` as tests.crash.hub.production has them."""
        name = f"soak_{secrets.token_hex(4)}"
        dsn = self.postgres.create_database(name)
        prefix = name.replace("_", "-")
        return production(folder, dsn, amqp_url or self.rabbit.url, prefix, **wishes)


def scenarios(servers: Servers) -> dict[str, Scenario]:
    """By the name under which they are reported."""
    rabbit, postgres = servers.rabbit, servers.postgres
    return {
        "embedded": lambda folder, run: kills_of_the_only_process(embedded(folder), run, EMBEDDED_KILLS, FREEZES),
        "production": lambda folder, run: kills_of_anything(
            servers.production(folder), run, PRODUCTION_KILLS, FREEZES, rabbit, postgres, DISASTERS, lapses=LAPSES
        ),
        "cluster": lambda folder, run: _cluster(servers, folder, run),
        "disk, embedded": _disk_embedded,
        "disk, production": lambda folder, run: _disk_production(rabbit, folder, run),
        "clock, embedded": lambda folder, run: clocks_jump(embedded(folder), run, FakeClock(folder), JUMPS),
        "clock, production": lambda folder, run: clocks_jump(servers.production(folder), run, FakeClock(folder), JUMPS),
        "partners, embedded": lambda folder, run: partners_misbehave(embedded(folder), run, PARTNER_ROUNDS),
        "partners, production": lambda folder, run: partners_misbehave(servers.production(folder), run, PARTNER_ROUNDS),
        "RabbitMQ away": lambda folder, run: broker_away(servers.production(folder, gateways=1, workers=1), run, rabbit, DOWN_S),
        "stops, embedded": lambda folder, run: stops(embedded(folder), run, STOPS),
        "stops, production": lambda folder, run: stops(servers.production(folder, lease_s=LEASE_BESIDE_STOPS_S), run, STOPS),
    }


async def _cluster(servers: Servers, folder: Path, run: Run) -> None:
    ports = [node.port for node in servers.cluster.nodes]
    async with balanced(ports, Random(run.chance.random())) as port:
        setup = servers.production(folder, amqp_url=f"amqp://guest:guest@127.0.0.1:{port}/")
        await leaders_die(setup, run, servers.cluster, LEADERS, KILLS_PER_LEADER)


async def _disk_embedded(folder: Path, run: Run) -> None:
    with SmallDisk() as disk:
        await disk_fills_up(embedded(folder, disk.folder), run, disk, FULL_DISKS, lambda: None)


async def _disk_production(rabbit: RabbitServer, folder: Path, run: Run) -> None:
    with SmallDisk(size_mib=256) as disk, PostgresServer(disk.folder) as postgres:
        postgres.start()
        setup = production(folder, postgres.create_database("soak"), rabbit.url, f"soak-{secrets.token_hex(4)}")
        await disk_fills_up(setup, run, disk, FULL_DISKS, postgres.start)
