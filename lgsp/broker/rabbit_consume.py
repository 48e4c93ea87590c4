"""Consuming from RabbitMQ: every shard on one connection, one active consumer per shard, over any number of reconnects."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue

from lgsp.broker.codec import Malformed, unpack
from lgsp.broker.rabbit_link import LOST, REPLY_TIMEOUT_S, Link, being_cancelled, either
from lgsp.broker.rabbit_queues import Queues
from lgsp.log import get_logger
from lgsp.ports import Consignment, Ref

log = get_logger()

_SETTLE_TIMEOUT_S = 5.0  # for an ack to leave; what is not acknowledged comes again


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
            await _quietly(settle())


class RabbitSubscription:
    """Shards are taken in random order: of workers that start together each becomes the active one for some.

    Consumer priorities would spread them evenly, but they are ignored by 3.x for such queues, and in 4.x a queue can stand
    still when a message was returned before a consumer of higher priority came (rabbitmq-server issue 14141).
    """

    def __init__(self, link: Link, queues: Queues, prefetch: int) -> None:
        self._link = link
        self._queues = queues
        self._prefetch = prefetch
        self._arrived: asyncio.Queue[RabbitConsignment | None] = asyncio.Queue()
        self._consumers: dict[str, AbstractQueue] = {}  # by consumer tag
        self._stopped = asyncio.Event()

    def start(self) -> None:
        self._link.start(self._serve)

    async def __aiter__(self) -> AsyncIterator[Consignment]:
        while (consignment := await self._arrived.get()) is not None:
            yield consignment
        self._arrived.put_nowait(None)  # the end, for everybody who iterates

    async def stop(self) -> None:
        """Gives back what was not handed out. The connection stays, for what was."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._link.make_last()
        await asyncio.gather(*(_quietly(queue.cancel(tag)) for tag, queue in self._consumers.items()))
        for consignment in self._take_waiting():
            await consignment.again()
        self._arrived.put_nowait(None)

    async def close(self) -> None:
        """Stops, and ends the connection."""
        await self.stop()
        await self._link.end()

    async def _serve(self, connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=False)
        await self._queues.declare(channel)
        await channel.set_qos(prefetch_count=self._prefetch, timeout=REPLY_TIMEOUT_S)
        names = await self._queues.to_consume(connection)
        random.shuffle(names)
        cancelled = asyncio.Event()
        (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
        try:
            for name in names:
                await self._consume(channel, name)
            self._link.ready()
            log.info("broker.subscribed", queues=len(names))
            await either(channel.closed(), cancelled.wait(), self._link.ending.wait())
        finally:
            self._consumers.clear()
            self._take_waiting()  # these come again, on the next connection or to somebody else
            if self._stopped.is_set():
                self._arrived.put_nowait(None)

    async def _consume(self, channel: AbstractChannel, name: str) -> None:
        if self._stopped.is_set():
            return
        queue = await channel.get_queue(name, ensure=False)
        tag = await queue.consume(self._arrive, timeout=REPLY_TIMEOUT_S)
        if self._stopped.is_set():  # meanwhile: `stop` has not seen this one, and what it gives back would come here again
            await queue.cancel(tag, timeout=REPLY_TIMEOUT_S)
        else:
            self._consumers[tag] = queue

    async def _arrive(self, message: AbstractIncomingMessage) -> None:
        try:
            consignment = RabbitConsignment(message, unpack(message.body))
        except Malformed as error:
            log.error("message.quarantined", queue=message.routing_key, size_bytes=len(message.body), detail=str(error))
            await _quietly(message.reject(requeue=False))  # the queue's dead-letter rule keeps it aside
            return
        if self._stopped.is_set():
            await consignment.again()
        else:
            self._arrived.put_nowait(consignment)

    def _take_waiting(self) -> list[RabbitConsignment]:
        waiting: list[RabbitConsignment] = []
        while not self._arrived.empty():
            consignment = self._arrived.get_nowait()
            if consignment is not None:
                waiting.append(consignment)
        return waiting


async def _quietly(settling: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(_SETTLE_TIMEOUT_S):
            await settling
    except LOST as error:
        log.debug("consignment.abandoned", detail=str(error))
    except asyncio.CancelledError:
        if being_cancelled():
            raise
