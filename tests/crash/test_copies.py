"""Two copies of one reference in one process: what the broker may forget, and when."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from contracts.agency import AgencyCode
from lgsp.core.lifecycle import State
from lgsp.errors import JournalUnavailable
from lgsp.flow.dispatch import Dispatcher
from lgsp.ports import Consignment, Ref, Work
from tests.crash.load import until
from tests.fakes.flow_kit import Clock, envelope

FIRST, SECOND = Ref(1, 1, 0, 0), Ref(2, 1, 0, 0)


class Copy:
    """A consignment that remembers what was said of it."""

    def __init__(self, *refs: Ref) -> None:
        self.refs: Sequence[Ref] = refs
        self.said: list[str] = []

    async def done(self) -> None:
        self.said.append("done")

    async def again(self) -> None:
        self.said.append("again")


class HandOut:
    """A broker, and its only subscription, that hands out what the test says."""

    survives_restart = True

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Consignment | None] = asyncio.Queue()
        self.stopped = asyncio.Event()

    async def publish(self, refs: Sequence[Ref]) -> None:
        raise AssertionError("nobody publishes here")

    async def subscribe(self) -> "HandOut":
        return self

    async def take(self, least: int = 0) -> Consignment | None:
        if least:  # nothing urgent here
            await self.stopped.wait()
            return None
        return await self.queue.get()

    async def stop(self) -> None:
        self.stopped.set()
        self.queue.put_nowait(None)

    async def close(self) -> None:
        return None

    def is_up(self) -> bool:
        return True


class Journal:
    """Every reference is as it says."""

    async def hydrate(self, refs: Sequence[Ref]) -> list[Work]:
        return [work(ref) for ref in refs]


def work(ref: Ref) -> Work:
    clock, here = Clock(), AgencyCode("H01.15")
    return Work(
        delivery_id=ref.delivery_id,
        attempt=ref.attempt,
        recipient=here,
        addressed_as=here,
        state=State.QUEUED,
        sequence=ref.delivery_id,
        accepted_at=clock(),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        envelope=envelope(f"m{ref.delivery_id}", clock=clock),
        order_key=None,
        identifiers=(),
    )


async def with_dispatcher(attempt: Callable[[Work], Awaitable[None]], test: Callable[[HandOut], Awaitable[None]]) -> None:
    broker, stop, journal = HandOut(), asyncio.Event(), Journal()
    unfinished: Any = journal  # the dispatcher asks nothing else of it
    running = asyncio.create_task(Dispatcher(unfinished, broker, attempt, max_held=100, max_batch=10).run(stop, 5.0))
    try:
        await test(broker)
    finally:
        stop.set()
        await running


async def test_a_second_copy_is_acknowledged_only_when_the_attempt_under_way_is_recorded() -> None:
    """On a connection that broke since, the first copy's ack counts for nothing: a death in between would lose the delivery."""
    recorded = asyncio.Event()
    first, second, other = Copy(FIRST), Copy(FIRST), Copy(SECOND)

    async def attempt(one: Work) -> None:
        if one.delivery_id == FIRST.delivery_id:
            await recorded.wait()

    async def test(broker: HandOut) -> None:
        for one in (first, second, other):
            broker.queue.put_nowait(one)
        await until(lambda: other.said == ["done"], "the other one done")
        assert first.said == second.said == []
        recorded.set()
        await until(lambda: first.said == second.said == ["done"], "both copies done")

    await with_dispatcher(attempt, test)


async def test_a_second_copy_goes_back_when_the_attempt_under_way_cannot_be_recorded() -> None:
    """Whichever of the two the broker still knows, it delivers again."""
    away = asyncio.Event()
    first, second = Copy(FIRST), Copy(SECOND, FIRST)

    async def attempt(one: Work) -> None:
        if one.delivery_id == FIRST.delivery_id:
            await away.wait()
            raise JournalUnavailable("the test says so")

    async def test(broker: HandOut) -> None:
        for one in (first, second):
            broker.queue.put_nowait(one)
        away.set()
        await until(lambda: first.said == second.said == ["again"], "both copies given back")

    await with_dispatcher(attempt, test)


async def test_a_bug_does_not_become_a_storm() -> None:
    """What failed for no foreseen reason is given back after a pause: the broker hands it out again at once."""
    tries = 0

    async def attempt(one: Work) -> None:
        nonlocal tries
        tries += 1
        raise ZeroDivisionError

    async def test(broker: HandOut) -> None:
        class Returning(Copy):
            async def again(self) -> None:
                await super().again()
                broker.queue.put_nowait(Returning(*self.refs))

        broker.queue.put_nowait(Returning(FIRST))
        await until(lambda: tries == 2, "tried again")
        for _ in range(1000):
            await asyncio.sleep(0)
        assert tries == 2

    await with_dispatcher(attempt, test)
