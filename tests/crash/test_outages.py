"""RabbitMQ is away: when everything starts, and again in the middle. Intake does not notice, deliveries catch up."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

from tests.crash.agencies import PUSHED
from tests.crash.chaos import chance, hub_under_load, judged
from tests.crash.hub import production
from tests.crash.load import Load, until
from tests.servers import RabbitServer

DOWN_S = 8.0
LONGEST_SILENCE_S = 3.0  # between two receipts, over all senders


async def test_intake_goes_on_while_rabbitmq_is_down_and_deliveries_catch_up(
    tmp_path: Path, rabbit_server: RabbitServer, rabbit_prefix: str, postgres_dsn: str
) -> None:
    """Receipts keep coming; all that was accepted meanwhile arrives once it is back."""
    await outage(tmp_path, rabbit_server, rabbit_prefix, postgres_dsn, DOWN_S)


async def outage(folder: Path, rabbit: RabbitServer, prefix: str, dsn: str, down_s: float) -> None:
    """Down at start and for `down_s` in the middle."""
    await asyncio.to_thread(rabbit.stop)
    setup = production(folder, dsn, rabbit.url, prefix, gateways=1, workers=1)
    load = Load(chance("outage"), faults=False, max_open=100_000)
    async with hub_under_load(setup, load) as members:
        await _receipts(load, 200)
        assert not _pushed(load)
        await asyncio.to_thread(rabbit.start)
        await until(lambda: load.open < 50, "deliveries catching up after the start")
        pushed = _pushed(load)
        assert pushed
        await asyncio.to_thread(rabbit.stop)
        await _receipts(load, 200, down_s)
        await asyncio.to_thread(rabbit.start)
        await judged(setup, load, members)
        assert _pushed(load) > pushed


async def _receipts(load: Load, number: int, at_least_s: float = 0.0) -> None:
    """Waits for so many more, and at least so long; they must keep coming."""
    began, so_far = time.monotonic(), len(load.receipt_times)
    await until(
        lambda: len(load.receipt_times) - so_far >= number and time.monotonic() - began >= at_least_s,
        f"{number} receipts without RabbitMQ",
    )
    silences = [after - before for before, after in pairwise(load.receipt_times[so_far:])]
    assert max(silences) < LONGEST_SILENCE_S


def _pushed(load: Load) -> int:
    """Arrivals that went through the broker."""
    return sum(one.recipient in PUSHED for one in load.history.arrivals)
