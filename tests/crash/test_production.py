"""The production set-up: gateways and workers on RabbitMQ and PostgreSQL. Any process may die at any moment, and the servers too."""

import asyncio
from pathlib import Path

from tests.crash.chaos import chance, hub_under_load, judged, kill_any
from tests.crash.hub import production
from tests.crash.load import Load
from tests.servers import PostgresServer, RabbitServer

KILLS = 24


async def test_nothing_is_lost_or_disordered_when_gateways_workers_and_servers_die(
    tmp_path: Path, rabbit_server: RabbitServer, rabbit_prefix: str, postgres_server: PostgresServer, postgres_dsn: str
) -> None:
    """kill -9 of processes one after the other, of RabbitMQ in between, and a restart of PostgreSQL."""
    draw = chance("production")
    rabbit_server.start()
    setup = production(tmp_path, postgres_dsn, rabbit_server.url, rabbit_prefix)
    load = Load(draw, faults=True)
    async with hub_under_load(setup, load) as members:
        await asyncio.to_thread(rabbit_server.write_registry)
        moments = await kill_any(members, KILLS // 2, draw)
        await asyncio.to_thread(rabbit_server.kill9)
        await asyncio.to_thread(rabbit_server.start)
        moments += await kill_any(members, KILLS // 4, draw)
        await asyncio.to_thread(postgres_server.restart)
        moments += await kill_any(members, KILLS - KILLS // 2 - KILLS // 4, draw)
        print(dict(moments))
        assert moments.total() == KILLS
        await judged(setup, load, members)
