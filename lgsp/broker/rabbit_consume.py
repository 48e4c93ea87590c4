"""Consuming from RabbitMQ: every shard on one connection, one active process per shard, over any number of reconnects."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from lgsp.broker.codec import Malformed, unpack
from lgsp.broker.rabbit_link import REPLY_TIMEOUT_S, Link, either, quietly
from lgsp.broker.rabbit_queues import Queues
from lgsp.broker.rabbit_shards import Shards
from lgsp.core.urgency import ByUrgency
from lgsp.log import get_logger
from lgsp.ports import Consignment, Ref

log = get_logger()


class RabbitConsignment:
    """One AMQP message. On a connection that broke, settling does nothing: RabbitMQ delivers the message again."""

    def __init__(self, message: AbstractIncomingMessage, refs: Sequence[Ref]) -> None:
        self._message = message
        self._settled = False
        self.refs = refs

    async def done(self) -> None:
        await self._settle(self._message.ack)

    async def again(self) -> None:
        """At once: the caller waits before, or the message comes straight back."""
        await self._settle(self._message.nack)

    async def _settle(self, settle: Callable[[], Awaitable[None]]) -> None:
        if not self._settled:
            self._settled = True
            await quietly(settle())


class RabbitSubscription:
    """What arrived waits in memory until it is taken, at most the prefetch of each queue."""

    def __init__(self, link: Link, queues: Queues, prefetch: int) -> None:
        self._link = link
        self._queues = queues
        self._prefetch = prefetch
        self._waiting: ByUrgency[RabbitConsignment] = ByUrgency()
        self._changed = asyncio.Event()
        self._shards: Shards | None = None
        self._stopped = False

    def start(self) -> None:
        self._link.start(self._serve)

    async def take(self, least: int = 0) -> Consignment | None:
        while not self._stopped:
            consignment = self._waiting.take(least)
            if consignment is not None:
                return consignment
            self._changed.clear()
            await self._changed.wait()
        return None

    async def stop(self) -> None:
        """Gives back what was not handed out. The connection stays, for what was."""
        if self._stopped:
            return
        self._stopped = True
        self._changed.set()
        self._link.make_last()
        if self._shards is not None:
            await self._shards.stop()
        for consignment in self._waiting.take_all():
            await consignment.again()

    async def close(self) -> None:
        """Stops, and ends the connection."""
        await self.stop()
        await self._link.end()

    async def _serve(self, connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=False)
        await self._queues.declare(channel)
        await channel.set_qos(prefetch_count=self._prefetch, timeout=REPLY_TIMEOUT_S)
        numbers = await self._queues.to_consume(channel, connection)
        cancelled = asyncio.Event()
        (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
        if self._stopped:
            return
        self._shards = Shards(channel, self._queues, numbers, self._arrive)
        try:
            await self._shards.consume()
            self._link.ready()
            log.info("broker.subscribed", queues=len(numbers))
            await either(self._shards.call(), channel.closed(), cancelled.wait(), self._link.ending.wait())
        finally:
            self._shards = None
            self._waiting.take_all()  # these come again, on the next connection or to somebody else

    async def _arrive(self, message: AbstractIncomingMessage) -> None:
        try:
            consignment = RabbitConsignment(message, unpack(message.body))
        except Malformed as error:
            log.error("message.quarantined", queue=message.routing_key, size_bytes=len(message.body), detail=str(error))
            await quietly(message.reject(requeue=False))  # the queue's dead-letter rule keeps it aside
            return
        if not consignment.refs:
            await consignment.done()
        elif self._stopped:
            await consignment.again()
        else:
            self._waiting.put(consignment, max(ref.priority for ref in consignment.refs))
            self._changed.set()
