"""RabbitMQ as three nodes: the one that leads the hub's queues may die at any moment."""

from pathlib import Path
from random import Random

import pytest

from tests.crash.balancer import balanced
from tests.crash.hub import production
from tests.crash.misfortunes import leaders_die
from tests.crash.run import Run
from tests.servers import RabbitCluster

DEATHS = 1

pytestmark = pytest.mark.thorough  # starting three nodes takes longer than anything else


async def test_nothing_is_lost_or_disordered_when_the_leader_of_the_queues_is_killed(
    tmp_path: Path, rabbit_cluster: RabbitCluster, rabbit_prefix: str, postgres_dsn: str
) -> None:
    """Deliveries go on without the node, which comes back later; meanwhile processes of the hub die as well."""
    run = Run("cluster")
    rabbit_cluster.start()
    async with balanced([node.port for node in rabbit_cluster.nodes], Random(run.chance.random())) as port:
        setup = production(tmp_path, postgres_dsn, f"amqp://guest:guest@127.0.0.1:{port}/", rabbit_prefix)
        await leaders_die(setup, run, rabbit_cluster, DEATHS, kills_between=3)
    print(run)
