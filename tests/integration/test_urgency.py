"""A hỏa tốc among hundreds of thường: it overtakes between lanes, never inside one. Over the real flow, with either broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.adapter import Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.outcome import Delivered, Outcome
from lgsp.broker.rabbit import RabbitBroker
from lgsp.flow.clock import loop_time
from lgsp.ports import Broker
from tests.fakes.flow_kit import AGENCIES, PUSHED, Partner, Rig, rig

BACKLOG = 240
HOA_TOC = 3
TAKES_S = 0.04

Connect = Callable[[], Awaitable[Broker | None]]


class BusyPartner(Partner):
    """Needs a while for each, and knows how many it handles at once."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once: dict[str, int] = {}
        self.most_at_once = 0

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        self.at_once[parcel.recipient] = self.at_once.get(parcel.recipient, 0) + 1
        self.most_at_once = max(self.most_at_once, *self.at_once.values())
        try:
            await asyncio.sleep(TAKES_S)
            return await super().deliver(parcel, endpoint)
        finally:
            self.at_once[parcel.recipient] -= 1


@pytest.fixture(params=["embedded", "rabbit"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Opens the broker of the hub; None stands for the one in process."""
    if request.param == "embedded":
        return _nothing
    url, prefix = request.getfixturevalue("amqp_url"), request.getfixturevalue("rabbit_prefix")

    async def open_rabbit() -> Broker:
        return await RabbitBroker.open(url, prefix=prefix, shards=4, prefetch=16, publish_timeout_s=20, name=prefix)

    return open_rabbit


async def _nothing() -> None:
    return None


async def recipients(hub: Rig, count: int) -> list[AgencyCode]:
    """So many, each with an endpoint that takes four at once."""
    [pushed] = [one for one in AGENCIES if one.code == PUSHED]
    codes = [PUSHED, *(AgencyCode(f"H01.{30 + number}") for number in range(1, count))]
    journal: Any = hub.journal
    await journal.save_agencies([msgspec.structs.replace(pushed, code=code) for code in codes])
    await hub.directory.refresh()
    return codes


@asynccontextmanager
async def time_goes_on(hub: Rig) -> AsyncIterator[None]:
    """The kit's clock follows that of the loop: where the machine is slow a recipient is put on hold, and let go in time."""

    async def follow() -> None:
        before = loop_time()
        while True:
            await asyncio.sleep(0.02)
            now = loop_time()
            hub.clock.move(now - before)
            before = now

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("count", [1, 6])
async def test_hoa_toc_overtakes_the_backlog_but_not_its_own_lane(tmp_path: Path, connect: Connect, count: int) -> None:
    """With a backlog to one or to several recipients, a hỏa tốc of a lane of its own arrives before nearly all that was there
    before it; one behind two thường of its case arrives after both; and no recipient gets more at once than it allows."""
    partner = BusyPartner()
    async with rig(tmp_path / "j.db", partner=partner, broker=await connect()) as hub, time_goes_on(hub):
        codes = await recipients(hub, count)
        await asyncio.gather(
            *(hub.send(f"m{n}", to=codes[n % count], order_key=f"case {n}") for n in range(BACKLOG)),
        )
        for message_id, priority in (("a1", 0), ("a2", 0), ("a3", HOA_TOC)):
            await hub.send(message_id, to=codes[0], order_key="case a", priority=priority)
        before = len(partner.got)
        await hub.send("b", to=codes[-1], order_key="case b", priority=HOA_TOC)
        await hub.until_state("b", "delivered")
        ahead = partner.got.index("b") - before
        assert ahead < BACKLOG / 3  # those already at the recipients, and what they took in the moment that it needed
        assert BACKLOG - before - ahead > BACKLOG / 2  # it did overtake
        await hub.until_state("a3", "delivered")
        assert [one for one in partner.got if one.startswith("a")] == ["a1", "a2", "a3"]
        assert partner.most_at_once <= 4


class HangingPartner(Partner):
    """Answers nobody but the last of six recipients."""

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        if parcel.recipient == "H01.35":
            return Delivered()
        return await super().deliver(parcel, endpoint)


async def test_hanging_recipients_cannot_take_every_place_of_a_process(tmp_path: Path) -> None:
    """Ordinary attempts that hang fill all they may; a hỏa tốc to somebody who is well finds a place all the same."""
    partner = HangingPartner()
    partner.open.clear()
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        *hanging, well = await recipients(hub, 6)
        places = 16 - 2  # of the kit's attempts at once, an eighth is for the urgent
        try:
            await asyncio.gather(*(hub.send(f"m{n}", to=hanging[n % 5], order_key=f"case {n}") for n in range(20)))
            await hub.until(lambda: len(partner.got) == places)
            await hub.send("b", to=well, order_key="case b", priority=HOA_TOC)
            await hub.until_state("b", "delivered")
            assert len(partner.got) == places
        finally:
            partner.open.set()
