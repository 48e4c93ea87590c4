"""The production set-up: gateways and workers on RabbitMQ and PostgreSQL. Any process may die at any moment, the servers too."""

from pathlib import Path

import pytest

from tests.crash.hub import production
from tests.crash.run import Run
from tests.crash.scenarios import LEASE_BESIDE_STOPS_S, broker_away, kills_of_anything, stops
from tests.servers import PostgresServer, RabbitServer
from tests.thorough import much

KILLS = much(14, 6)
FREEZES = much(4, 2)
DISASTERS = much(4, 3)
DOWN_S = much(30.0, 10.0)


async def test_nothing_is_lost_or_disordered_when_gateways_workers_and_servers_die_or_stand_still(
    tmp_path: Path, rabbit_server: RabbitServer, rabbit_prefix: str, postgres_server: PostgresServer, postgres_dsn: str
) -> None:
    """Everything accepted arrives, in order, under one delivery id, and the books balance."""
    rabbit_server.start()
    setup = production(tmp_path, postgres_dsn, rabbit_server.url, rabbit_prefix)
    run = Run("production")
    await kills_of_anything(setup, run, KILLS, FREEZES, rabbit_server, postgres_server, DISASTERS)
    print(run)


async def test_intake_goes_on_while_rabbitmq_is_down_and_deliveries_catch_up(
    tmp_path: Path, rabbit_server: RabbitServer, rabbit_prefix: str, postgres_dsn: str
) -> None:
    """At the start and in the middle: receipts keep coming, and what was accepted meanwhile arrives once it is back."""
    setup = production(tmp_path, postgres_dsn, rabbit_server.url, rabbit_prefix, gateways=1, workers=1)
    run = Run("broker away")
    await broker_away(setup, run, rabbit_server, DOWN_S)
    print(run)


@pytest.mark.thorough
async def test_processes_that_are_told_to_stop_lose_and_repeat_nothing(
    tmp_path: Path, rabbit_server: RabbitServer, rabbit_prefix: str, postgres_dsn: str
) -> None:
    """SIGTERM to one after the other, as in a rolling upgrade: exit status 0 in time, no second copy of anything."""
    rabbit_server.start()
    run = Run("stops, production")
    setup = production(tmp_path, postgres_dsn, rabbit_server.url, rabbit_prefix, lease_s=LEASE_BESIDE_STOPS_S)
    await stops(setup, run, 1)
    print(run)
