"""Asking recipients: whatever an adapter does, its recipient's place comes back, and the others have theirs."""

import asyncio

import msgspec
import pytest

from contracts.adapter import Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.outcome import Delivered, Outcome, Retry
from lgsp.flow import reach
from lgsp.flow.reach import Reach
from tests.fakes.flow_kit import PUSHED, Clock, envelope

ENDPOINT = Endpoint(adapter="endless", url="http://127.0.0.1:9/", timeout_s=0.01, max_in_flight=1)
PARCEL = Parcel(
    delivery_id=1,
    attempt=1,
    recipient=PUSHED,
    addressed_as=AgencyCode(PUSHED),
    sequence=1,
    envelope=envelope("m", clock=Clock()),
)


class Endless:
    """An adapter that forgot its time-out."""

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError("for ever")

    async def close(self) -> None:
        return None


async def test_an_adapter_that_forgets_its_time_out_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little later than it should have ended: a failed attempt like any other, and the next one finds the place free."""
    monkeypatch.setattr(reach, "_OVERTIME_S", 0.01)
    asking = Reach({"endless": Endless()}, concurrency=1)
    async with asyncio.timeout(10):
        assert [await asking.ask(PARCEL, ENDPOINT) for _ in range(2)] == [Retry("delivery.internal", "TimeoutError")] * 2


class Partners:
    """One hangs until it is told otherwise, the others answer at once."""

    def __init__(self) -> None:
        self.loose = asyncio.Event()

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        if parcel.recipient == PUSHED:
            await self.loose.wait()
        return Delivered()

    async def close(self) -> None:
        return None


async def test_attempts_that_hang_do_not_keep_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """All places are taken by attempts that hang; a moment later they count no more, and who is well is asked."""
    monkeypatch.setattr(reach, "_QUICK_S", 0.02)
    partners = Partners()
    asking = Reach({"patient": partners}, concurrency=3)
    endpoint = Endpoint(adapter="patient", url="http://127.0.0.1:9/")
    hanging = [asyncio.create_task(asking.ask(PARCEL, endpoint)) for _ in range(3)]
    await asyncio.sleep(0)
    well = msgspec.structs.replace(PARCEL, recipient=AgencyCode("H01.16"))
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(asking.ask(well, endpoint) for _ in range(4))) == [Delivered()] * 4
    assert [one.done() for one in hanging] == [False] * 3
    partners.loose.set()
    assert await asyncio.gather(*hanging) == [Delivered()] * 3
