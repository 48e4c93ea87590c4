"""Somebody sets the clock of the machine while the hub runs."""

from pathlib import Path

import pytest

from tests.crash.clock import FakeClock
from tests.crash.hub import embedded, production
from tests.crash.misfortunes import clocks_jump
from tests.crash.run import Run
from tests.servers import RabbitServer

JUMPS = 2


async def test_nothing_is_lost_or_disordered_when_the_clock_jumps(tmp_path: Path, fake_clock: FakeClock) -> None:
    """Ahead and back: what was due by the old time is due by the new one."""
    run = Run("clock, embedded")
    await clocks_jump(embedded(tmp_path), run, fake_clock, JUMPS)
    print(run)


@pytest.mark.thorough
async def test_nothing_is_lost_or_disordered_when_clocks_of_gateways_and_workers_differ(
    tmp_path: Path, fake_clock: FakeClock, rabbit_server: RabbitServer, rabbit_prefix: str, postgres_dsn: str
) -> None:
    """One gateway and one worker live in another time than the rest."""
    rabbit_server.start()
    setup = production(tmp_path, postgres_dsn, rabbit_server.url, rabbit_prefix)
    run = Run("clock, production")
    await clocks_jump(setup, run, fake_clock, JUMPS)
    print(run)
