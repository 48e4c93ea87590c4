"""The worker loop: how much it holds, and who still gets in when it is full."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from contracts.agency import AgencyCode
from lgsp.broker.embedded import EmbeddedBroker
from lgsp.core.lifecycle import State
from lgsp.flow.dispatch import Dispatcher
from lgsp.ports import Ref, Work
from tests.fakes.flow_kit import Clock, envelope

HERE, CLOCK = AgencyCode("H01.15"), Clock()
WORK = Work(
    delivery_id=1,
    attempt=1,
    recipient=HERE,
    addressed_as=HERE,
    state=State.QUEUED,
    sequence=1,
    accepted_at=CLOCK(),
    expires_at=CLOCK(),
    envelope=envelope("m", clock=CLOCK),
    order_key=None,
    identifiers=(),
)


class Journal:
    async def hydrate(self, refs: Sequence[Ref]) -> list[Work]:
        return [msgspec.structs.replace(WORK, delivery_id=ref.delivery_id) for ref in refs]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the dispatcher's
            await asyncio.sleep(0.001)


async def settle_down() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def dispatching(attempt: Callable[[Work], Awaitable[None]], max_held: int, test: Callable[..., Awaitable[None]]) -> None:
    broker, stop, journal = EmbeddedBroker(), asyncio.Event(), Journal()
    unfinished: Any = journal  # the dispatcher asks nothing else of it
    dispatcher = Dispatcher(unfinished, broker, attempt, max_held=max_held, max_batch=10)
    running = asyncio.create_task(dispatcher.run(stop, 5.0))
    try:
        await test(broker, dispatcher)
    finally:
        stop.set()
        await running
        await broker.close()


async def test_a_house_full_of_ordinary_work_lets_the_urgent_in_and_no_more_than_its_reserve() -> None:
    """The reserve is an eighth of what may be held; what is beyond waits in the broker, and all is worked off in the end."""
    begun: list[int] = []
    gate = asyncio.Event()

    async def attempt(work: Work) -> None:
        begun.append(work.delivery_id)
        await gate.wait()

    async def test(broker: EmbeddedBroker, dispatcher: Dispatcher) -> None:
        for number in range(1, 41):
            await broker.publish([Ref(number, 1, 0, 0)])
        await until(lambda: len(begun) >= 16)
        for number in range(101, 111):
            await broker.publish([Ref(number, 1, 0, 3)])
        await until(lambda: len(begun) >= 18)
        await settle_down()
        assert [number for number in begun if number > 100] == [101, 102]
        assert dispatcher.under_way <= 16 + 2 + 1  # one loop may have begun to take before the house was full
        gate.set()
        await until(lambda: len(begun) == 50)

    await dispatching(attempt, 16, test)


async def test_a_house_full_of_urgent_work_leaves_ordinary_work_waiting() -> None:
    """Urgent references may take every place; ordinary ones come when there is room."""
    begun: list[int] = []
    gate = asyncio.Event()

    async def attempt(work: Work) -> None:
        begun.append(work.delivery_id)
        await gate.wait()

    async def test(broker: EmbeddedBroker, dispatcher: Dispatcher) -> None:
        for number in range(1, 21):
            await broker.publish([Ref(number, 1, 0, 1)])
        await broker.publish([Ref(100, 1, 0, 0)])
        await until(lambda: len(begun) >= 8)
        await settle_down()
        assert 100 not in begun
        assert dispatcher.under_way <= 8 + 1
        gate.set()
        await until(lambda: len(begun) == 21)

    await dispatching(attempt, 8, test)


async def test_one_that_hangs_takes_one_place_however_many_came_with_it() -> None:
    """Its consignment waits for its ack, its neighbours' places do not: a few partners that hang leave room for the rest."""
    begun: list[int] = []
    gate = asyncio.Event()

    async def attempt(work: Work) -> None:
        begun.append(work.delivery_id)
        if work.delivery_id % 10 == 0:
            await gate.wait()

    async def test(broker: EmbeddedBroker, dispatcher: Dispatcher) -> None:
        for tens in range(8):
            await broker.publish([Ref(10 * tens + n, 1, 0, 0) for n in range(10)])
        await until(lambda: len(begun) == 80)
        await until(lambda: dispatcher.under_way == 8)
        gate.set()
        await until(lambda: dispatcher.under_way == 0)

    await dispatching(attempt, 16, test)
