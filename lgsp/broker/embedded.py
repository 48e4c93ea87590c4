"""The broker inside one process: consignments in memory. What it forgets at the end, the journal publishes again."""

import asyncio
from collections.abc import Sequence

from lgsp.core.urgency import ByUrgency
from lgsp.errors import BrokerUnavailable
from lgsp.ports import Consignment, Ref, Subscription

MAX_REFS = 200_000  # about 40 MB; what is beyond stays in the journal until the sweeper comes for it
REFS_PER_CONSIGNMENT = 50


class EmbeddedBroker:
    """Hands each consignment to one subscriber; the longest-standing subscription is the active one, for all shards."""

    survives_restart = False

    def __init__(self, *, max_refs: int = MAX_REFS) -> None:
        self._max_refs = max_refs
        self._held = 0  # refs published and not yet done
        self._waiting: ByUrgency[tuple[Ref, ...]] = ByUrgency()
        self._subscriptions: list[_EmbeddedSubscription] = []
        self._closed = False

    async def publish(self, refs: Sequence[Ref]) -> None:
        """Never waits. Raises BrokerUnavailable when it is closed, or holds as many refs as it may."""
        if self._closed:
            raise BrokerUnavailable("the in-process broker is closed")
        if self._held + len(refs) > self._max_refs:
            raise BrokerUnavailable(f"the in-process broker holds {self._held} refs, at most {self._max_refs}")
        self._held += len(refs)
        for priority in {ref.priority for ref in refs}:
            alike = [ref for ref in refs if ref.priority == priority]
            for start in range(0, len(alike), REFS_PER_CONSIGNMENT):
                self._put(tuple(alike[start : start + REFS_PER_CONSIGNMENT]))

    async def subscribe(self) -> Subscription:
        """Raises BrokerUnavailable when closed."""
        if self._closed:
            raise BrokerUnavailable("the in-process broker is closed")
        subscription = _EmbeddedSubscription(self)
        self._subscriptions.append(subscription)
        return subscription

    def is_up(self) -> bool:
        return not self._closed and self._held < self._max_refs

    async def close(self) -> None:
        """Ends every subscription; what was not done is forgotten."""
        self._closed = True
        for subscription in tuple(self._subscriptions):
            await subscription.stop()

    def take(self, subscription: "_EmbeddedSubscription", least: int) -> tuple[Ref, ...] | None:
        """The next consignment for the active subscription; None for the others, or when there is none."""
        return self._waiting.take(least) if self._subscriptions[0] is subscription else None

    def leave(self, subscription: "_EmbeddedSubscription") -> None:
        """The next subscription in line becomes the active one."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        self._wake()

    def forget(self, refs: tuple[Ref, ...]) -> None:
        self._held -= len(refs)

    def put_back(self, refs: tuple[Ref, ...]) -> None:
        if not self._closed:
            self._put(refs)

    def _put(self, refs: tuple[Ref, ...]) -> None:
        self._waiting.put(refs, refs[0].priority)
        self._wake()

    def _wake(self) -> None:
        if self._subscriptions:
            self._subscriptions[0].wake.set()


class _EmbeddedConsignment:
    def __init__(self, broker: EmbeddedBroker, refs: tuple[Ref, ...]) -> None:
        self._broker = broker
        self._settled = False
        self.refs = refs

    async def done(self) -> None:
        if not self._settled:
            self._settled = True
            self._broker.forget(self.refs)

    async def again(self) -> None:
        if not self._settled:
            self._settled = True
            self._broker.put_back(self.refs)


class _EmbeddedSubscription:
    def __init__(self, broker: EmbeddedBroker) -> None:
        self._broker = broker
        self._stopped = False
        self.wake = asyncio.Event()

    async def take(self, least: int = 0) -> Consignment | None:
        while not self._stopped:
            refs = self._broker.take(self, least)
            if refs is not None:
                return _EmbeddedConsignment(self._broker, refs)
            self.wake.clear()
            await self.wake.wait()
        return None

    async def stop(self) -> None:
        self._stopped = True
        self._broker.leave(self)
        self.wake.set()
