"""The outbox's memory: what goes first, and what is let go when it is full."""

import asyncio
from collections.abc import Sequence
from typing import Any

from lgsp.flow.outbox import Outbox
from lgsp.ports import Ref
from tests.compliance.builders import NOW


class SlowBroker:
    """Confirms a window when the test says so."""

    def __init__(self) -> None:
        self.windows: list[list[int]] = []
        self.confirm = asyncio.Semaphore(0)

    async def publish(self, refs: Sequence[Ref]) -> None:
        self.windows.append([ref.delivery_id for ref in refs])
        await self.confirm.acquire()

    def is_up(self) -> bool:
        return True


def refs(*priorities: int, first: int = 1) -> list[Ref]:
    return [Ref(number, 1, 0, priority) for number, priority in enumerate(priorities, first)]


async def published(offers: Sequence[Sequence[Ref]], window: int, capacity: int) -> list[list[int]]:
    """The windows, by delivery id: the first offer is under way when the others are made."""
    broker = SlowBroker()
    unfinished: Any = broker  # the outbox asks nothing else of it
    outbox = Outbox(
        unfinished, unfinished, lambda: NOW, window=window, capacity=capacity, stuck_after_s=60.0, is_shut=lambda: False
    )
    running = asyncio.create_task(outbox.run())
    for offer in offers:
        outbox.offer(offer)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    for _ in range(20):
        broker.confirm.release()
    await outbox.drained(10.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return broker.windows


async def test_what_waits_is_published_most_urgent_first_then_in_order() -> None:
    """A window under way is not called back; the next one takes the most urgent of all that came meanwhile."""
    assert await published([refs(0), refs(0, 3, 0, first=2), refs(1, 3, first=5)], window=2, capacity=100) == [
        [1],
        [3, 6],
        [5, 2],
        [4],
    ]


async def test_a_full_outbox_lets_the_least_urgent_go_for_the_sweeper_to_bring() -> None:
    """The urgent take the place of the youngest ordinary ones; ordinary ones take nobody's."""
    assert await published([refs(4), refs(0, 1, 0, 0, first=2), refs(3, 0, 2, first=6)], window=9, capacity=4) == [
        [1],
        [6, 8, 3, 2],
    ]
