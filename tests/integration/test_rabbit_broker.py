"""What only a real RabbitMQ can show: restarts, silence, nacks, missing and foreign queues."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable

import aio_pika
import pytest
from aio_pika.exceptions import QueueEmpty

from lgsp.broker.codec import Pack
from lgsp.broker.rabbit import RabbitBroker
from lgsp.errors import BrokerUnavailable, SettingsError
from lgsp.ports import Consignment, Ref, Subscription
from tests.fakes.taking import each
from tests.servers import RabbitServer

SHARDS = 4
WITHIN_S = 60

Open = Callable[..., Awaitable[RabbitBroker]]


def refs_numbered(count: int, first: int = 1, priority: int = 0) -> list[Ref]:
    return [Ref(number, 1, number % SHARDS, priority, None) for number in range(first, first + count)]


@pytest.fixture
async def open_broker(rabbit_server: RabbitServer, rabbit_prefix: str) -> AsyncIterator[Open]:
    """Opens clients with this test's queues and closes them."""
    rabbit_server.start()
    opened: list[RabbitBroker] = []

    async def open_one(shards: int = SHARDS, publish_timeout_s: float = 10.0) -> RabbitBroker:
        opened.append(
            await RabbitBroker.open(
                rabbit_server.url,
                prefix=rabbit_prefix,
                shards=shards,
                prefetch=16,
                publish_timeout_s=publish_timeout_s,
                name=f"hub {len(opened)}",
            )
        )
        return opened[-1]

    yield open_one
    for broker in opened:
        await broker.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110 - the event is the server's
            await asyncio.sleep(0.02)


async def publish_surely(broker: RabbitBroker, refs: list[Ref]) -> int:
    """Publishes until it is confirmed, as outbox and sweeper do; how many times it failed."""
    failures = 0
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                await broker.publish(refs)
                return failures
            except BrokerUnavailable:
                failures += 1
                await asyncio.sleep(0.05)


class Collector:
    """Acknowledges everything and remembers what came."""

    def __init__(self, subscription: Subscription) -> None:
        self.seen: Counter[int] = Counter()
        self._subscription = subscription
        self._task = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        async for consignment in each(self._subscription):
            self.seen.update(ref.delivery_id for ref in consignment.refs)
            await consignment.done()

    async def until_seen(self, wanted: set[int]) -> None:
        await until(lambda: wanted <= self.seen.keys())
        await self._subscription.stop()
        await self._task


async def first_of(subscription: Subscription) -> Consignment:
    async with asyncio.timeout(WITHIN_S):
        async for consignment in each(subscription):
            return consignment
    raise AssertionError("the subscription ended")


@pytest.mark.parametrize("kill", [False, True], ids=["ordered", "killed"])
async def test_a_restart_in_the_middle_loses_nothing_confirmed(
    open_broker: Open, rabbit_server: RabbitServer, kill: bool
) -> None:
    """Everything confirmed before, during and after a restart of the server arrives, on the same subscription."""
    broker = await open_broker()
    collector = Collector(await broker.subscribe())
    confirmed: set[int] = set()
    failures = 0
    await broker.publish(refs_numbered(10))
    await asyncio.to_thread(rabbit_server.write_registry)

    async def restart() -> None:
        await asyncio.to_thread(rabbit_server.kill9 if kill else rabbit_server.stop)
        await asyncio.to_thread(rabbit_server.start)

    restarting = asyncio.create_task(restart())
    first = 11
    while not restarting.done() or not broker.is_up():
        batch = refs_numbered(20, first)
        failures += await publish_surely(broker, batch)
        confirmed.update(ref.delivery_id for ref in batch)
        first += 20
    await restarting
    assert failures > 0  # the restart was felt
    await collector.until_seen(confirmed | set(range(1, 11)))


async def test_a_hub_starts_without_its_broker(rabbit_server: RabbitServer, rabbit_prefix: str, open_broker: Open) -> None:
    """`open` and `subscribe` succeed while RabbitMQ is down, publishing says so at once, and all works when it comes up."""
    await asyncio.to_thread(rabbit_server.stop)
    broker = await open_broker()
    collector = Collector(await broker.subscribe())
    assert not broker.is_up()
    with pytest.raises(BrokerUnavailable, match="not connected"):
        await asyncio.wait_for(broker.publish(refs_numbered(1)), 1)
    await asyncio.to_thread(rabbit_server.start)
    await until(broker.is_up)
    await broker.publish(refs_numbered(100))
    await collector.until_seen(set(range(1, 101)))


async def test_ten_thousand_refs_in_one_call(open_broker: Open) -> None:
    """A large publish is confirmed as a whole and arrives complete, each ref once."""
    broker = await open_broker()
    collector = Collector(await broker.subscribe())
    await broker.publish(refs_numbered(10_000))
    await collector.until_seen(set(range(1, 10_001)))
    assert set(collector.seen.values()) == {1}


async def test_a_nack_is_told_and_overcome(open_broker: Open, rabbit_server: RabbitServer, rabbit_prefix: str) -> None:
    """A queue that refuses raises BrokerUnavailable; when it takes messages again, so does the broker."""
    broker = await open_broker()
    await asyncio.to_thread(
        rabbit_server.ctl, "set_policy", "full", f"^{rabbit_prefix}.shard", '{"max-length":1}', "--apply-to", "queues"
    )
    try:
        with pytest.raises(BrokerUnavailable, match=r"basic\.nack"):
            async with asyncio.timeout(WITHIN_S):
                while True:
                    await until(broker.is_up)
                    await broker.publish(refs_numbered(SHARDS))
    finally:
        await asyncio.to_thread(rabbit_server.ctl, "clear_policy", "full")
    await publish_surely(broker, refs_numbered(SHARDS, first=500))
    await Collector(await broker.subscribe()).until_seen(set(range(500, 500 + SHARDS)))


async def test_a_frozen_broker_blocks_nobody(open_broker: Open, rabbit_server: RabbitServer) -> None:
    """While the server answers nothing, publishing fails within its time-out and settling returns; later all is well."""
    broker = await open_broker(publish_timeout_s=0.5)
    subscription = await broker.subscribe()
    await broker.publish(refs_numbered(1))
    held = await first_of(subscription)
    rabbit_server.pause()
    try:
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="no confirmation in time"):
            await broker.publish(refs_numbered(1, first=2))
        assert time.monotonic() - started < 5
        assert not broker.is_up()
        await asyncio.wait_for(held.done(), 10)
    finally:
        rabbit_server.resume()
    await publish_surely(broker, refs_numbered(1, first=3))
    await Collector(subscription).until_seen({3})


async def test_what_a_closed_client_held_goes_to_the_next(open_broker: Open) -> None:
    """Consignments unacknowledged when their client closes are delivered to the other subscriber; the done ones are not."""
    first, second = await open_broker(), await open_broker()
    mine = await first.subscribe()
    await first.publish([Ref(1, 1, 0, 0)])
    await (await first_of(mine)).done()
    await first.publish([Ref(2, 1, 0, 0)])
    held = await first_of(mine)
    theirs = Collector(await second.subscribe())
    await first.close()
    await held.done()  # too late, and harmless
    await theirs.until_seen({2})
    assert theirs.seen == {2: 1}


async def test_no_ref_is_in_two_hands_at_once(open_broker: Open) -> None:
    """With two subscribers and refs given back now and then, a ref is held by one of them at a time."""
    brokers = [await open_broker(), await open_broker()]
    subscriptions = [await broker.subscribe() for broker in brokers]
    held: set[int] = set()
    finished: set[int] = set()
    given_back: set[int] = set()

    async def work(subscription: Subscription) -> None:
        async for consignment in each(subscription):
            numbers = {ref.delivery_id for ref in consignment.refs}
            assert not numbers & held
            held.update(numbers)
            await asyncio.sleep(0)
            held.difference_update(numbers)
            if numbers <= given_back or min(numbers) % 3:
                finished.update(numbers)
                await consignment.done()
            else:
                given_back.update(numbers)
                await consignment.again()

    workers = [asyncio.create_task(work(subscription)) for subscription in subscriptions]
    for number in range(1, 301):
        await brokers[number % 2].publish(refs_numbered(1, number))
    await until(lambda: len(finished) == 300)
    for subscription in subscriptions:
        await subscription.stop()
    await asyncio.gather(*workers)
    assert given_back


async def test_a_message_that_cannot_be_read_is_put_aside(
    open_broker: Open, rabbit_server: RabbitServer, rabbit_prefix: str
) -> None:
    """Foreign octets end in the queue for malformed messages, unchanged and once, and hold nothing up."""
    broker = await open_broker()
    connection = await aio_pika.connect(rabbit_server.url)
    async with connection:
        channel = await connection.channel()
        await channel.default_exchange.publish(aio_pika.Message(b"\xc1 not ours"), routing_key=f"{rabbit_prefix}.shard.1")
        await broker.publish([Ref(7, 1, 1, 0)])
        await Collector(await broker.subscribe()).until_seen({7})
        parked = await channel.get_queue(f"{rabbit_prefix}.malformed", ensure=False)
        async with asyncio.timeout(WITHIN_S):
            while (message := await parked.get(fail=False)) is None:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.02)
        assert message.body == b"\xc1 not ours"
        await message.ack()
        with pytest.raises(QueueEmpty):
            await parked.get()


async def test_queues_of_another_make_are_refused_with_a_remedy(
    open_broker: Open, rabbit_server: RabbitServer, rabbit_prefix: str
) -> None:
    """A queue of the same name with other arguments stops the start and is named, with what to do."""
    connection = await aio_pika.connect(rabbit_server.url)
    async with connection:
        channel = await connection.channel()
        await channel.declare_queue(f"{rabbit_prefix}.shard.2", durable=True)
        with pytest.raises(SettingsError, match=rf"{rabbit_prefix}\.shard\.2 .*PRECONDITION_FAILED.*delete_queue"):
            await open_broker()
        await channel.queue_delete(f"{rabbit_prefix}.shard.2")
    assert (await open_broker()).is_up()


async def test_a_deleted_queue_is_made_anew(open_broker: Open, rabbit_server: RabbitServer, rabbit_prefix: str) -> None:
    """When somebody deletes a shard, the next publish is refused as unroutable, and then publisher and consumer mend it."""
    broker = await open_broker()
    collector = Collector(await broker.subscribe())
    await publish_surely(broker, refs_numbered(SHARDS))
    await until(lambda: len(collector.seen) == SHARDS)
    connection = await aio_pika.connect(rabbit_server.url)
    async with connection:
        channel = await connection.channel()
        await channel.queue_delete(f"{rabbit_prefix}.shard.1")
    await publish_surely(broker, refs_numbered(SHARDS, first=100))
    await collector.until_seen(set(range(100, 100 + SHARDS)))


async def test_shards_of_a_larger_hub_are_worked_off(open_broker: Open) -> None:
    """After the number of shards was lowered, refs in the surplus queues still arrive, and refs of high shards are published."""
    larger = await open_broker(shards=4)
    await larger.publish(refs_numbered(40))
    await larger.publish(refs_numbered(40, first=41, priority=3))
    await larger.close()
    smaller = await open_broker(shards=2)
    await smaller.publish(refs_numbered(4, first=100))
    await Collector(await smaller.subscribe()).until_seen(set(range(1, 81)) | set(range(100, 104)))


async def test_urgent_refs_in_an_ordinary_queue_are_worked_off(
    open_broker: Open, rabbit_server: RabbitServer, rabbit_prefix: str
) -> None:
    """An earlier version put them there."""
    broker = await open_broker()
    connection = await aio_pika.connect(rabbit_server.url)
    async with connection:
        message = aio_pika.Message(Pack(1, 3, [Ref(7, 1, 1, 3)]).octets())
        await (await connection.channel()).default_exchange.publish(message, routing_key=f"{rabbit_prefix}.shard.1")
    await Collector(await broker.subscribe()).until_seen({7})


async def test_one_process_works_on_both_queues_of_a_shard(open_broker: Open) -> None:
    """Of three subscribers one gets all of a shard, urgent or not, also after the one that had it stopped."""
    brokers = [await open_broker() for _ in range(3)]
    subscriptions = [await broker.subscribe() for broker in brokers]
    holders: defaultdict[int, set[int]] = defaultdict(set)  # by shard
    seen: Counter[int] = Counter()

    async def work(number: int) -> None:
        async for consignment in each(subscriptions[number]):
            for ref in consignment.refs:
                holders[ref.shard].add(number)
                seen[ref.delivery_id] += 1
            await consignment.done()

    async def one_round(first: int, priorities: tuple[int, ...]) -> None:
        holders.clear()
        for priority in priorities:
            await brokers[0].publish(refs_numbered(40, first, priority))
            first += 40
        await until(lambda: set(range(1, first)) <= seen.keys())

    workers = [asyncio.create_task(work(number)) for number in range(3)]
    await one_round(1, (3, 0, 1, 0))
    assert all(len(workers_of_it) == 1 for workers_of_it in holders.values())
    [stopped] = holders[0]
    await subscriptions[stopped].stop()
    await one_round(161, (4, 0, 2))
    assert all(len(workers_of_it) == 1 for workers_of_it in holders.values())
    assert {stopped} not in holders.values()
    for subscription in subscriptions:
        await subscription.stop()
    await asyncio.gather(*workers)
    assert set(seen.values()) == {1}


async def test_urgent_refs_of_a_closed_client_need_no_ordinary_work_to_be_found(open_broker: Open) -> None:
    """The next process learns that the shard is its own though nothing else is published."""
    first, second = await open_broker(), await open_broker()
    mine = await first.subscribe()
    await first.publish([Ref(1, 1, 0, 3)])
    await first_of(mine)
    theirs = Collector(await second.subscribe())
    await first.close()
    await theirs.until_seen({1})
