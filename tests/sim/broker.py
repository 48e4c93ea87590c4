"""A broker as RabbitMQ is one: shard queues on a server, one active consumer each, connections that break.

At least once and no more than that: what is unacknowledged on a broken connection comes again, to whoever is next; confirmations
may be lost, refs stored twice; between refs there is no order; the server may forget everything.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count

from lgsp.core.urgency import ByUrgency, is_urgent
from lgsp.errors import BrokerUnavailable
from lgsp.ports import Ref
from tests.sim.outside import Machine, Outside

_AHEAD = 3  # a message may be overtaken by so many others
_REFS = 4  # of a message at most

Message = tuple[Ref, ...]
Queue = tuple[int, bool]  # shard, for urgent refs


class Exchange:
    """The server. `troubles`: how many keep it away at once; `shaky`: probabilities that a publish goes wrong."""

    def __init__(self, outside: Outside, shards: int) -> None:
        self.outside = outside
        self.queues: dict[Queue, list[Message]] = {(shard, urgent): [] for shard in range(shards) for urgent in (True, False)}
        self.consumers: list[Connection] = []  # each is the active one of some shards
        self.troubles = 0
        self.shaky: list[float] = []

    @property
    def away(self) -> bool:
        return self.troubles > 0 and not self.outside.peace

    def queue_of(self, ref: Ref) -> Queue:
        return ref.shard, is_urgent(ref.priority)

    def store(self, refs: Sequence[Ref]) -> None:
        for ref in refs:
            queue = self.queues[self.queue_of(ref)]
            fits = queue and len(queue[-1]) < _REFS and queue[-1][0].priority == ref.priority
            if fits and self.outside.chance.random() < 0.5:
                queue[-1] = (*queue[-1], ref)
            else:
                queue.append((ref,))

    def put_back(self, message: Message) -> None:
        self.queues[self.queue_of(message[0])].insert(0, message)

    def wipe(self) -> None:
        for queue in self.queues.values():
            queue.clear()
        for connection in self.consumers:
            connection.unacknowledged.clear()

    def pump(self) -> None:
        """Gives the active consumer of each shard what it has room for."""
        if not self.consumers or self.away:
            return
        for (shard, urgent), queue in self.queues.items():
            consumer = self.consumers[shard % len(self.consumers)]
            while queue and consumer.has_room(urgent):
                place = self.outside.chance.randrange(min(len(queue), _AHEAD)) if len(queue) > 1 else 0
                consumer.give(queue.pop(place))


class Connection:
    """One connection of one process, until it breaks."""

    def __init__(self, exchange: Exchange, link: "BrokerLink") -> None:
        self.exchange = exchange
        self.link = link
        self.unacknowledged: dict[int, Message] = {}
        self.open = True

    def consume(self) -> None:
        self.exchange.consumers.append(self)
        self.exchange.pump()

    def stop_consuming(self) -> None:
        if self in self.exchange.consumers:
            self.exchange.consumers.remove(self)
        self.exchange.pump()

    def has_room(self, urgent: bool) -> bool:
        held = sum(is_urgent(message[0].priority) == urgent for message in self.unacknowledged.values())
        return held < self.link.prefetch

    def give(self, message: Message) -> None:
        tag = next(self.link.tags)
        self.unacknowledged[tag] = message
        outside = self.exchange.outside
        self.link.machine.loop.call_later(outside.latency_s(), self.link.arrive, Consignment(self, tag, message))

    def settle(self, tag: int, done: bool) -> None:
        """What a broken connection says counts for nothing."""
        if not self.open or self.exchange.away or tag not in self.unacknowledged:
            return
        message = self.unacknowledged.pop(tag)
        if not done:
            self.exchange.put_back(message)
        self.exchange.pump()

    def breaks(self) -> None:
        if not self.open:
            return
        self.open = False
        for message in reversed(self.unacknowledged.values()):
            self.exchange.put_back(message)
        self.unacknowledged.clear()
        self.stop_consuming()


class Consignment:
    def __init__(self, connection: Connection, tag: int, refs: Message) -> None:
        self._connection = connection
        self._tag = tag
        self._settled = False
        self.refs = refs

    async def done(self) -> None:
        self.settle("ack", True)

    async def again(self) -> None:
        self.settle("nack", False)

    def settle(self, what: str, done: bool) -> None:
        if not self._settled:
            self._settled = True
            outside = self._connection.exchange.outside
            outside.note(self._connection.link.machine.name, what, self.refs)
            outside.loop.call_later(outside.latency_s(), self._connection.settle, self._tag, done)


class BrokerLink:
    """`lgsp.ports.Broker` for one process: what the client library is, with its reconnects."""

    survives_restart = True

    def __init__(self, exchange: Exchange, machine: Machine, *, prefetch: int, timeout_s: float) -> None:
        self.exchange = exchange
        self.machine = machine
        self.prefetch = prefetch
        self.tags = count(1)
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._subscription: _Subscription | None = None
        self.reconnect()
        machine.deaths.append(self._died)

    async def publish(self, refs: Sequence[Ref]) -> None:
        outside, machine = self.exchange.outside, self.machine
        if self._connection is None:
            raise BrokerUnavailable("not connected")
        confirmed: asyncio.Future[None] = machine.loop.create_future()
        outside.note(machine.name, "publish", refs)
        outside.loop.call_later(outside.latency_s(), self._store, tuple(refs), confirmed, machine.calls("publish"))
        await asyncio.wait((confirmed,), timeout=self._timeout_s)
        if not confirmed.done():
            raise BrokerUnavailable("not confirmed in time")

    async def subscribe(self) -> "_Subscription":
        self._subscription = _Subscription(self)
        if self._connection is not None:
            self._connection.consume()
        return self._subscription

    def is_up(self) -> bool:
        return self._connection is not None

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.breaks()
            self._connection = None

    def cut(self) -> None:
        """The connection breaks; both sides know."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.breaks()
            if self._subscription is not None:
                self._subscription.forget_waiting()

    def reconnect(self) -> None:
        if self._connection is None and not self.exchange.away and self.machine.loop.alive:
            self._connection = Connection(self.exchange, self)
            if self._subscription is not None and not self._subscription.stopped:
                self._connection.consume()

    def stop_consuming(self) -> None:
        if self._connection is not None:
            self._connection.stop_consuming()

    def arrive(self, consignment: Consignment) -> None:
        if self._subscription is not None:
            self._subscription.arrive(consignment)

    def _store(self, refs: Message, confirmed: asyncio.Future[None], done: Callable[[], None] | None) -> None:
        outside = self.exchange.outside
        if self.exchange.away:
            return
        wrong = ""
        if outside.likely(max(self.exchange.shaky, default=0.0)):
            wrong = outside.chance.choice(("lost", "half", "unconfirmed", "twice"))
            outside.note(self.machine.name, "published", wrong)
        if wrong != "lost":
            self.exchange.store(refs[: len(refs) // 2] if wrong == "half" else refs)
        if wrong == "twice":
            self.exchange.store(refs)
        if wrong in ("", "twice"):
            self.machine.loop.call_later(outside.latency_s(), _set, confirmed)
        self.exchange.pump()
        if done is not None:
            done()

    def _died(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self.exchange.outside.loop.call_later(self.exchange.outside.latency_s(), connection.breaks)


class _Subscription:
    """`lgsp.ports.Subscription`."""

    def __init__(self, link: BrokerLink) -> None:
        self._link = link
        self._waiting: ByUrgency[Consignment] = ByUrgency()
        self._changed = asyncio.Event()
        self.stopped = False

    async def take(self, least: int = 0) -> Consignment | None:
        while not self.stopped:
            consignment = self._waiting.take(least)
            if consignment is not None:
                return consignment
            self._changed.clear()
            await self._changed.wait()
        return None

    async def stop(self) -> None:
        self.stopped = True
        self._changed.set()
        self._link.stop_consuming()
        for consignment in self._waiting.take_all():
            await consignment.again()

    def arrive(self, consignment: Consignment) -> None:
        if self.stopped:
            consignment.settle("nack", False)
        else:
            self._waiting.put(consignment, max(ref.priority for ref in consignment.refs))
            self._changed.set()

    def forget_waiting(self) -> None:
        """On a connection that broke: they come again."""
        self._waiting.take_all()


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
