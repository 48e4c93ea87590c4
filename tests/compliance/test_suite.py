"""The suite of adapters can fail: each adapter here has one fault, as they occur, and is caught by the test that names it."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from adapters.calling import Unanswered
from adapters.webhook.delivery import WebhookDelivery
from contracts.adapter import Endpoint, Parcel
from contracts.desk import Desk
from contracts.errors import ContractError
from contracts.feed import Collected, Collector, Feed, FeedTrouble
from contracts.outcome import Delivered, Outcome, Refused, Retry
from tests.compliance import wire
from tests.compliance.adapter_suite import CollectorSuite, DeliverySuite, MemoryFiles
from tests.compliance.collector_suite import Road as Feeding
from tests.compliance.delivery_suite import Road
from tests.compliance.test_webhook import WebhookKit
from tests.compliance.test_worked_example import HANDBOOK, FeedOfHandbook
from tests.compliance.wire import wire_to

DELIVERY: Any = DeliverySuite()
COLLECTOR: Any = CollectorSuite()


class Faulty(WebhookDelivery):
    """The webhook, with `before` done to the parcel and `after` to the outcome."""

    def __init__(self, before: Callable[[Parcel], Parcel] | None, after: Callable[[Outcome], Outcome] | None) -> None:
        super().__init__()
        self._before, self._after = before, after

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        found = await super().deliver(parcel if self._before is None else self._before(parcel), endpoint)
        return found if self._after is None else self._after(found)


def _raises(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Retry):
        raise OSError(outcome.detail)
    return outcome


DELIVERY_FAULTS: dict[str, tuple[Any, Any, str, tuple[Any, ...]]] = {
    "a new id for each attempt": (
        lambda parcel: msgspec.structs.replace(parcel, delivery_id=parcel.delivery_id * 100 + parcel.attempt),
        None,
        "test_already_received_is_delivered_and_held_once",
        (),
    ),
    "only the first one counts": (
        lambda parcel: msgspec.structs.replace(parcel, delivery_id=1),
        None,
        "test_one_after_the_other_arrive_in_order",
        (),
    ),
    "raises what the far side did": (None, _raises, "test_a_broken_connection_is_tried_again_later", (wire.RESET,)),
    "gives up for good": (
        None,
        lambda outcome: Refused("delivery.refused_by_recipient") if isinstance(outcome, Retry) else outcome,
        "test_half_an_answer_refuses_nothing",
        (wire.cut(0.02),),
    ),
    "is never at a loss": (None, lambda _: Delivered(), "test_a_server_that_is_ill_is_tried_again", (503, "")),
    "a reason of its own": (
        None,
        lambda outcome: Retry("my.reason") if isinstance(outcome, Retry) else outcome,
        "test_nobody_there_is_unreachable",
        (1,),
    ),
}


@pytest.mark.parametrize("fault", DELIVERY_FAULTS)
async def test_faults_of_deliveries_are_caught(fault: str) -> None:
    """And the same test passes without the fault."""
    before, after, name, arguments = DELIVERY_FAULTS[fault]
    for adapter in (WebhookDelivery(), Faulty(before, after)):
        kit, files = WebhookKit(), MemoryFiles()
        DELIVERY.kit = kit
        async with kit.far_side() as far, wire_to(far.url) as between:
            test = getattr(DELIVERY, name)(Road(kit, far, between, adapter, files), *arguments)
            if type(adapter) is WebhookDelivery:
                await test
            else:
                with pytest.raises((AssertionError, OSError)):
                    await test
            await adapter.close()


class ConfirmsFirst(HANDBOOK["collector"].HandbookCollector):
    """Killed in between, what it fetched is lost."""

    async def collect(self, feed: Feed, desk: Desk) -> Collected:
        page = HANDBOOK["collector"].json_of(await self._ask(feed, "GET", "/thay-doi?sau=0"), HANDBOOK["mapping"].Page)
        for change in page.danhSach:
            await self._ask(feed, "POST", f"/thay-doi/{change.so}", b'{"ketQua": 0}')
            await self._submit(change, desk)
        return Collected(taken=len(page.danhSach))


class MarksFirst(HANDBOOK["collector"].HandbookCollector):
    """The mark is moved before what is behind it was submitted."""

    async def _submit(self, change: Any, desk: Desk) -> str:
        await desk.set_mark("handbook", str(change.so))
        return str(await super()._submit(change, desk))


class RefusesNotNow(HANDBOOK["collector"].HandbookCollector):
    """What the hub would take in a minute is refused for good."""

    async def _submit(self, change: Any, desk: Desk) -> str:
        try:
            return str(await super()._submit(change, desk))
        except ContractError as error:
            return error.code


class WaitsForEver(HANDBOOK["collector"].HandbookCollector):
    async def collect(self, feed: Feed, desk: Desk) -> Collected:
        found: Collected = await super().collect(msgspec.structs.replace(feed, timeout_s=3600.0), desk)
        return found


@pytest.mark.parametrize(
    ("faulty", "name", "arguments"),
    [
        (ConfirmsFirst, "test_killed_between_submitting_and_confirming_it_comes_again_once", ()),
        (MarksFirst, "test_killed_between_submitting_and_confirming_it_comes_again_once", ()),
        (RefusesNotNow, "test_not_now_refuses_nothing", (ContractError("quota.exceeded"),)),
        (WaitsForEver, "test_silence_ends_at_the_time_out", (wire.HANGS,)),
    ],
)
async def test_faults_of_collectors_are_caught(faulty: type[Collector], name: str, arguments: tuple[Any, ...]) -> None:
    """And the same test passes without the fault."""
    for make in (HANDBOOK["collector"].HandbookCollector, faulty):
        kit = FeedOfHandbook()
        COLLECTOR.kit = kit
        async with kit.far_side() as far, wire_to(far.url) as between:
            road = Feeding(kit, far, between)
            road.collector = make()
            test = getattr(COLLECTOR, name)(road, *arguments)
            if make is not faulty:
                await test
            else:
                with pytest.raises((AssertionError, FeedTrouble, Unanswered, TimeoutError, pytest.fail.Exception)):
                    await asyncio.wait_for(test, 5)
            await road.collector.close()
