"""The consumers of one connection, such that the ordinary and the urgent queue of a shard are worked on by one process.

That keeps what is counted per recipient in one place: attempts at once, copies of a reference under way. RabbitMQ chooses the
active consumer of each queue by itself and tells nobody. So a process consumes every ordinary queue, and the urgent one of a
shard from the moment it is given something of the ordinary one: then it is the active consumer there, and stays it for as long
as the channel lives (unless a RabbitMQ cluster is partitioned). Where ordinary work does not show who that is, an empty message,
the call, does.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from lgsp.broker.codec import CONTENT_TYPE, Pack
from lgsp.broker.rabbit_link import LOST, REPLY_TIMEOUT_S, quietly
from lgsp.broker.rabbit_queues import Queues
from lgsp.log import get_logger

log = get_logger()

_LOOK_EVERY_S = 1.0
_LOOK_S = 0.02  # of many shards: one every so often

Arrive = Callable[[AbstractIncomingMessage], Awaitable[None]]


class Shards:
    """`arrive` is given every message, calls included.

    Shards are taken in random order: of workers that start together each becomes the active one for some. Consumer priorities
    would spread them evenly, but they are ignored by 3.x for such queues, and in 4.x a queue can stand still when a message was
    returned before a consumer of higher priority came (rabbitmq-server issue 14141).
    """

    def __init__(self, channel: AbstractChannel, queues: Queues, shards: Sequence[int], arrive: Arrive) -> None:
        self._channel = channel
        self._queues = queues
        self._shards = random.sample(shards, len(shards))
        self._arrive = arrive
        self._mine: set[int] = set()  # where this process is the active consumer
        self._consumers: dict[str, AbstractQueue] = {}  # by consumer tag
        self._stopped = asyncio.Event()

    async def consume(self) -> None:
        for shard in self._shards:
            await self._consume(self._queues.ordinary(shard), partial(self._of_ordinary, shard))

    async def call(self) -> None:
        """Calls everywhere once, and then wherever something urgent waits; returns when the connection is lost."""
        called = self._shards
        try:
            while True:
                for shard in called:
                    await self._call(shard)
                await asyncio.sleep(max(_LOOK_EVERY_S, len(self._shards) * _LOOK_S))
                called = [shard for shard in self._shards if await self._nobody_comes(shard)]
        except LOST as error:
            log.debug("connection.abandoned", detail=str(error))

    async def stop(self) -> None:
        """Cancels every consumer."""
        self._stopped.set()
        await asyncio.gather(*(quietly(queue.cancel(tag)) for tag, queue in self._consumers.items()))

    async def _of_ordinary(self, shard: int, message: AbstractIncomingMessage) -> None:
        await self._arrive(message)
        if shard not in self._mine:
            self._mine.add(shard)
            try:
                await self._consume(self._queues.urgent(shard), self._arrive)
            except LOST as error:
                self._mine.discard(shard)
                log.debug("connection.abandoned", detail=str(error))

    async def _consume(self, name: str, arrive: Arrive) -> None:
        if self._stopped.is_set():
            return
        queue = await self._channel.get_queue(name, ensure=False)
        tag = await queue.consume(arrive, timeout=REPLY_TIMEOUT_S)
        if self._stopped.is_set():  # meanwhile: `stop` has not seen this one, and what is given back would come here again
            await queue.cancel(tag, timeout=REPLY_TIMEOUT_S)
        else:
            self._consumers[tag] = queue

    async def _nobody_comes(self, shard: int) -> bool:
        """Or comes slowly: of the number of consumers RabbitMQ says something else until 2026 (rabbitmq-server issue 16185)."""
        if shard in self._mine or self._stopped.is_set():
            return False
        queue = await self._channel.declare_queue(self._queues.urgent(shard), passive=True, timeout=REPLY_TIMEOUT_S)
        return bool(queue.declaration_result.message_count)

    async def _call(self, shard: int) -> None:
        call = Message(Pack(shard, 0, ()).octets(), content_type=CONTENT_TYPE, headers={"refs": 0})
        await self._channel.default_exchange.publish(call, routing_key=self._queues.ordinary(shard), timeout=REPLY_TIMEOUT_S)
