"""The queues of one hub on RabbitMQ: a fixed number of shards, each with a queue of its own for what is urgent, and one queue for
what cannot be read. Message priorities would not do: quorum queues ignore them in 3.x, and every 4.x weighs them differently.

Right on 3.10 and on 4.x, whose defaults differ: everything that matters is said explicitly.
"""

from dataclasses import dataclass

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from lgsp.broker.rabbit_link import REPLY_TIMEOUT_S
from lgsp.errors import SettingsError

# The journal counts attempts and ends poisoned deliveries. RabbitMQ 4 drops a message after 20 returns unless told otherwise,
# 3.x reads a negative limit as 0: the one value that means "never" to both is a very large one (AMQP int, 32 bits).
_NO_DELIVERY_LIMIT = 2**31 - 1
_MAX_MALFORMED = 10_000


@dataclass(frozen=True, slots=True)
class Queues:
    """`prefix` begins every name, `shards` is how many of them are published to."""

    prefix: str
    shards: int

    @property
    def malformed(self) -> str:
        """Where messages are kept that cannot be read, for an operator to look at."""
        return f"{self.prefix}.malformed"

    def ordinary(self, shard: int) -> str:
        return f"{self.prefix}.shard.{shard}"

    def urgent(self, shard: int) -> str:
        return f"{self.prefix}.shard.{shard}.urgent"

    async def declare(self, channel: AbstractChannel) -> None:
        """Makes what is missing. Raises SettingsError when a queue exists with other arguments."""
        await _declare(channel, self.malformed, {"x-queue-type": "quorum", "x-max-length": _MAX_MALFORMED})
        for shard in range(self.shards):
            await self._declare_shard(channel, shard)

    async def to_consume(self, channel: AbstractChannel, connection: AbstractConnection) -> list[int]:
        """The shards, and those a hub with more of them left behind: their refs must still be worked off."""
        shards = list(range(self.shards))
        while await _exists(connection, self.ordinary(len(shards))):
            await self._declare_shard(channel, len(shards))
            shards.append(len(shards))
        return shards

    async def _declare_shard(self, channel: AbstractChannel, shard: int) -> None:
        for name in (self.ordinary(shard), self.urgent(shard)):
            await _declare(
                channel,
                name,
                {
                    "x-queue-type": "quorum",
                    "x-single-active-consumer": True,
                    "x-delivery-limit": _NO_DELIVERY_LIMIT,
                    # A rejected message leaves the shard only when the other queue has confirmed it; that needs reject-publish.
                    "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": self.malformed,
                    "x-dead-letter-strategy": "at-least-once",
                    "x-overflow": "reject-publish",
                },
            )


async def _declare(channel: AbstractChannel, name: str, arguments: dict[str, str | int | bool]) -> None:
    try:
        await channel.declare_queue(name, durable=True, arguments=dict(arguments), timeout=REPLY_TIMEOUT_S)
    except ChannelPreconditionFailed as refusal:
        remedy = f"set another broker_prefix; or empty and delete it (rabbitmqctl delete_queue {name})"
        raise SettingsError([f"RabbitMQ has a queue {name} with other arguments ({refusal}): {remedy}"]) from refusal


async def _exists(connection: AbstractConnection, name: str) -> bool:
    probe = await connection.channel(publisher_confirms=False)  # of its own: "not found" closes the channel
    try:
        await probe.declare_queue(name, passive=True, timeout=REPLY_TIMEOUT_S)
    except ChannelNotFoundEntity:
        return False
    await probe.close()
    return True
