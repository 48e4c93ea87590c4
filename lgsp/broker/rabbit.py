"""The broker on RabbitMQ: publishing in windows of confirmations. Consuming is in `rabbit_consume`."""

import asyncio
from collections.abc import Sequence

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import DeliveryError, PublishError

from lgsp.broker.codec import CONTENT_TYPE, Pack, pack
from lgsp.broker.rabbit_consume import RabbitSubscription
from lgsp.broker.rabbit_link import Link, either
from lgsp.broker.rabbit_queues import Queues
from lgsp.core.urgency import is_urgent
from lgsp.errors import BrokerUnavailable
from lgsp.log import get_logger
from lgsp.ports import Ref, Subscription

log = get_logger()

_WINDOW = 256  # messages published and not yet confirmed, over all calls
_FIRST_ATTEMPT_S = 5.0  # how long `open` waits to learn that the queues do not fit


class RabbitBroker:
    """One connection publishes, each subscription has its own: a broker that slows publishers down does not slow consumers."""

    survives_restart = True

    def __init__(self, url: str, queues: Queues, *, prefetch: int, publish_timeout_s: float, name: str) -> None:
        self._url = url
        self._queues = queues
        self._prefetch = prefetch
        self._publish_timeout_s = publish_timeout_s
        self._name = name
        self._link = Link(url, f"{name} publishes")
        self._channel: AbstractChannel | None = None
        self._spoiled = asyncio.Event()
        self._window = asyncio.Semaphore(_WINDOW)
        self._subscriptions: list[RabbitSubscription] = []

    @classmethod
    async def open(
        cls, url: str, *, prefix: str, shards: int, prefetch: int, publish_timeout_s: float, name: str
    ) -> "RabbitBroker":
        """Also when RabbitMQ is down: it goes on connecting. `prefetch`: AMQP messages per queue that may wait unacknowledged.

        Raises SettingsError when queues of these names exist with other arguments (if RabbitMQ says so within 5 s).
        """
        broker = cls(url, Queues(prefix, shards), prefetch=prefetch, publish_timeout_s=publish_timeout_s, name=name)
        await broker._start()
        return broker

    async def publish(self, refs: Sequence[Ref]) -> None:
        """Returns when all are confirmed; raises BrokerUnavailable at once when not connected, else within publish_timeout_s."""
        channel = self._channel
        if channel is None or channel.is_closed:
            raise BrokerUnavailable(str(self._link.misfit or "not connected to RabbitMQ"))
        if not refs:
            return
        packs = pack(refs, self._queues.shards)
        failures = [failure for failure in await self._publish_all(channel, packs) if failure is not None]
        if failures:
            self._drop(channel)
            raise BrokerUnavailable(_explain(failures[0], len(failures), len(packs))) from failures[0]

    async def subscribe(self) -> Subscription:
        """Never fails: consignments come as soon as RabbitMQ is there."""
        subscription = RabbitSubscription(Link(self._url, f"{self._name} consumes"), self._queues, self._prefetch)
        self._subscriptions.append(subscription)
        subscription.start()
        return subscription

    def is_up(self) -> bool:
        return self._channel is not None and not self._channel.is_closed

    async def close(self) -> None:
        """Ends subscriptions and connections; what was not acknowledged, RabbitMQ delivers to somebody else."""
        for subscription in self._subscriptions:
            await subscription.close()
        await self._link.end()

    async def _start(self) -> None:
        self._link.start(self._serve)
        try:
            async with asyncio.timeout(_FIRST_ATTEMPT_S):
                await self._link.tried.wait()
        except TimeoutError:
            log.warning("broker.lost", connection=self._name, detail="no answer yet, goes on in the background")
        if self._link.misfit is not None:
            await self.close()
            raise self._link.misfit

    async def _serve(self, connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await self._queues.declare(channel)
        self._spoiled.clear()
        self._channel = channel
        self._link.ready()
        log.info("broker.connected", connection=self._name)
        try:
            await either(channel.closed(), self._spoiled.wait(), self._link.ending.wait())
        finally:
            self._channel = None

    async def _publish_all(self, channel: AbstractChannel, packs: Sequence[Pack]) -> list[BaseException | None]:
        """What became of each. Never waits longer than publish_timeout_s, whatever aio-pika does with a cancellation."""
        tasks = [asyncio.create_task(self._publish_one(channel, one)) for one in packs]
        try:
            await asyncio.wait(tasks, timeout=self._publish_timeout_s)
            return [_failure(task) for task in tasks]
        finally:
            for task in tasks:
                task.cancel()

    async def _publish_one(self, channel: AbstractChannel, one: Pack) -> None:
        message = Message(
            one.octets(),
            content_type=CONTENT_TYPE,
            delivery_mode=DeliveryMode.PERSISTENT,
            headers={"refs": len(one.refs)},
        )
        queue = self._queues.urgent(one.shard) if is_urgent(one.priority) else self._queues.ordinary(one.shard)
        async with self._window:
            await channel.default_exchange.publish(message, routing_key=queue, mandatory=True)

    def _drop(self, channel: AbstractChannel) -> None:
        """No more of this channel: after a nack the same one goes on refusing, after silence nobody knows."""
        if self._channel is channel:
            self._channel = None
            self._spoiled.set()


def _failure(publishing: asyncio.Task[None]) -> BaseException | None:
    if not publishing.done():
        return TimeoutError("no confirmation in time")
    if publishing.cancelled():  # how aio-pika reports that the connection is gone
        return ConnectionError("the connection broke")
    return publishing.exception()


def _explain(failure: BaseException, failed: int, of: int) -> str:
    match failure:
        case PublishError():
            why = "a queue is missing"
        case DeliveryError():
            why = "refused (basic.nack)"
        case _:
            why = f"{type(failure).__name__}: {failure}"
    return f"RabbitMQ did not confirm {failed} of {of} messages: {why}"
