"""SIGTERM: what is under way is finished, and nobody notices but those who are told to come back."""

from pathlib import Path

from tests.crash.chaos import chance, hub_under_load, judged
from tests.crash.history import second_copies
from tests.crash.hub import Setup, embedded, production
from tests.crash.load import Load, until
from tests.servers import RabbitServer

STOPS = 3


async def test_a_stopped_and_restarted_process_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Embedded: exit status 0 within the grace time, nothing lost, no second copy of anything."""
    await stop_one_after_the_other(embedded(tmp_path), "stopping embedded", STOPS)


async def test_stopped_gateways_and_workers_lose_and_repeat_nothing(
    tmp_path: Path, rabbit_server: RabbitServer, rabbit_prefix: str, postgres_dsn: str
) -> None:
    """Production: the same, one process after the other, as in a rolling upgrade."""
    rabbit_server.start()
    await stop_one_after_the_other(production(tmp_path, postgres_dsn, rabbit_server.url, rabbit_prefix), "stopping production", 1)


async def stop_one_after_the_other(setup: Setup, name: str, rounds: int) -> None:
    draw = chance(name)
    load = Load(draw, faults=False)
    async with hub_under_load(setup, load, warm=False) as members:
        for _ in range(rounds):
            for member in members:
                so_far, more = len(load.history.arrivals), draw.randint(50, 150)
                await until(lambda: len(load.history.arrivals) >= so_far + more, "deliveries under way")  # noqa: B023
                assert await member.stop() == 0
                member.start()
                await member.until_started()
        await judged(setup, load, members)
        assert second_copies(load.history) == 0
