"""Asking recipients: whatever an adapter does, its recipient's place comes back."""

import asyncio

import pytest

from contracts.adapter import Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.outcome import Outcome, Retry
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
