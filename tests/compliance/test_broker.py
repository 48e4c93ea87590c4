"""What every broker promises (`lgsp.ports.Broker`), run for each implementation."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.broker.codec import MAX_REFS, Malformed, pack, unpack
from lgsp.broker.embedded import EmbeddedBroker
from lgsp.broker.rabbit import RabbitBroker
from lgsp.core.urgency import URGENT
from lgsp.errors import BrokerUnavailable
from lgsp.ports import Broker, Consignment, Ref, Subscription
from tests.fakes.taking import each

SHARDS = 4
WITHIN_S = 20

Connect = Callable[[], Awaitable[Broker]]


def refs_numbered(count: int, first: int = 1) -> list[Ref]:
    return [Ref(number, 1, number % SHARDS, number % 3, None) for number in range(first, first + count)]


async def receive(subscription: Subscription, count: int, least: int = 0) -> list[Consignment]:
    """Consignments, unacknowledged, until they carry so many refs."""
    found: list[Consignment] = []
    async with asyncio.timeout(WITHIN_S):
        async for consignment in each(subscription, least):
            found.append(consignment)
            if sum(len(one.refs) for one in found) >= count:
                break
    return found


async def receive_and_acknowledge(subscription: Subscription, count: int) -> list[Consignment]:
    """As `receive`, each acknowledged before the next is taken."""
    found: list[Consignment] = []
    while len(numbers(found)) < count:
        found += await receive(subscription, 1)
        await found[-1].done()
    return found


def numbers(consignments: list[Consignment]) -> list[int]:
    return sorted(ref.delivery_id for one in consignments for ref in one.refs)


@pytest.fixture(params=["embedded", "rabbit"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Opens another client of the same broker. In process there is only one broker: it is its own other client."""
    opened: list[Broker] = []

    async def open_embedded() -> Broker:
        opened[:] = opened or [EmbeddedBroker()]
        return opened[0]

    async def open_rabbit() -> Broker:
        url, prefix = request.getfixturevalue("amqp_url"), request.getfixturevalue("rabbit_prefix")
        opened.append(
            await RabbitBroker.open(url, prefix=prefix, shards=SHARDS, prefetch=16, publish_timeout_s=WITHIN_S, name=prefix)
        )
        return opened[-1]

    if request.param == "rabbit":
        request.getfixturevalue("amqp_url")  # before the loop runs tests: starting a server blocks
    yield open_rabbit if request.param == "rabbit" else open_embedded
    for broker in opened:
        await broker.close()


@pytest.fixture
async def broker(connect: Connect) -> Broker:
    return await connect()


async def test_what_was_published_arrives_unchanged(broker: Broker) -> None:
    """Every field of every ref arrives, trace context included."""
    sent = Ref(2**63 - 1, 9, 3, 4, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    subscription = await broker.subscribe()
    await broker.publish([sent])
    [consignment] = await receive(subscription, 1)
    assert list(consignment.refs) == [sent]


async def test_every_ref_arrives_exactly_once_when_all_goes_well(broker: Broker) -> None:
    """No ref is lost or doubled between publishing, consuming and acknowledging."""
    subscription = await broker.subscribe()
    await broker.publish(refs_numbered(1000))
    seen: Counter[int] = Counter()
    async with asyncio.timeout(WITHIN_S):
        async for consignment in each(subscription):
            seen.update(ref.delivery_id for ref in consignment.refs)
            await consignment.done()
            if len(seen) == 1000:
                break
    assert seen == Counter(range(1, 1001))


async def test_published_before_anybody_subscribed(broker: Broker) -> None:
    """Refs wait for the first subscriber."""
    await broker.publish(refs_numbered(20))
    assert numbers(await receive(await broker.subscribe(), 20)) == list(range(1, 21))


async def test_publishing_nothing_is_fine(broker: Broker) -> None:
    """An empty publish returns at once."""
    await broker.publish([])
    assert broker.is_up()


async def test_given_back_is_delivered_again(broker: Broker) -> None:
    """`again` brings the same refs back, as often as it is called."""
    subscription = await broker.subscribe()
    await broker.publish(refs_numbered(1))
    for _ in range(30):  # more often than the delivery limit RabbitMQ 4 sets by itself
        [consignment] = await receive(subscription, 1)
        await consignment.again()
    [consignment] = await receive(subscription, 1)
    assert numbers([consignment]) == [1]
    await consignment.done()


async def test_settling_twice_does_nothing(broker: Broker) -> None:
    """The first word counts: a ref that is done does not come back."""
    subscription = await broker.subscribe()
    await broker.publish(refs_numbered(1))
    [first] = await receive(subscription, 1)
    await first.done()
    await first.again()
    await first.done()
    await broker.publish(refs_numbered(1, first=2))
    assert numbers(await receive(subscription, 1)) == [2]


async def test_iteration_ends_after_stop_and_the_rest_stays_for_others(broker: Broker, connect: Connect) -> None:
    """After `stop` the loop ends, consignments handed out may still be done, and what was not handed out goes to the next."""
    subscription = await broker.subscribe()
    await broker.publish(refs_numbered(8))
    held = await receive(subscription, 1)
    await subscription.stop()
    async with asyncio.timeout(WITHIN_S):
        assert [one async for one in each(subscription)] == []
    for consignment in held:
        await consignment.done()
    successor = await (await connect()).subscribe()
    rest = sorted(set(range(1, 9)) - set(numbers(held)))
    assert numbers(await receive(successor, len(rest))) == rest


async def test_stop_wakes_a_loop_that_waits(broker: Broker) -> None:
    """A subscriber of an empty broker ends its loop when stopped."""
    subscription = await broker.subscribe()
    loop = asyncio.create_task(receive(subscription, 1))
    await asyncio.sleep(0)
    await subscription.stop()
    assert await asyncio.wait_for(loop, WITHIN_S) == []


async def test_one_consumer_per_shard_and_the_other_takes_over(connect: Connect) -> None:
    """Of two subscribers only one at a time is given a shard's refs; when it stops, the other gets what follows."""
    first, second = await connect(), await connect()
    one = await first.subscribe()
    await first.publish(refs_numbered(SHARDS))
    for consignment in await receive(one, SHARDS):  # now it is the active one of every shard
        await consignment.done()
    two = await second.subscribe()
    idle = asyncio.create_task(receive(two, 1))
    for number in range(1, 301):  # many, for the second needs a moment until its server knows of it
        await first.publish(refs_numbered(1, number))
        [consignment] = await receive(one, 1)
        assert numbers([consignment]) == [number]
        await consignment.done()
    assert not idle.done()
    await one.stop()
    await second.publish(refs_numbered(200, first=501))
    theirs = await idle
    if len(numbers(theirs)) < 200:
        theirs += await receive(two, 200 - len(numbers(theirs)))
    assert numbers(theirs) == list(range(501, 701))


async def test_an_urgent_ref_does_not_wait_behind_ordinary_ones(broker: Broker) -> None:
    """It is handed out while hundreds of its shard that were published before it still wait in the broker."""
    subscription = await broker.subscribe()
    for number in range(1, 301):
        await broker.publish([Ref(number, 1, 0, 0)])
    held = await receive(subscription, 1)  # nothing is acknowledged: what RabbitMQ hands over in advance ends at the prefetch
    await broker.publish([Ref(900, 1, 0, URGENT)])
    held += await receive(subscription, 1, least=URGENT)
    assert numbers(held) == [1, 900]
    for consignment in held:
        await consignment.done()
    assert numbers(await receive_and_acknowledge(subscription, 299)) == list(range(2, 301))


async def test_what_waits_in_the_process_goes_by_urgency_then_age(broker: Broker) -> None:
    """Of refs that all have arrived the more urgent is handed out first, among equals the older."""
    subscription = await broker.subscribe()
    for number, priority in enumerate((0, 1, 2, 3, 2, 1, 4)):
        await broker.publish([Ref(number, 1, 0, priority)])
    taken = await receive(subscription, 1, least=4)  # the last of its queue: those before it are there
    taken += await receive(subscription, 6)
    assert [ref.delivery_id for one in taken for ref in one.refs] == [6, 3, 2, 4, 1, 5, 0]


async def test_who_waits_for_the_urgent_is_not_given_the_ordinary(broker: Broker) -> None:
    """Two may wait at once; each gets what it asked for, whichever comes first."""
    subscription = await broker.subscribe()
    urgent = asyncio.create_task(receive(subscription, 1, least=URGENT))
    any_of_them = asyncio.create_task(receive(subscription, 1))
    await broker.publish([Ref(1, 1, 0, 0)])
    assert numbers(await any_of_them) == [1]
    assert not urgent.done()
    await broker.publish([Ref(2, 1, 0, 3)])
    assert numbers(await urgent) == [2]


async def test_a_closed_broker_is_down(broker: Broker) -> None:
    """After `close`: not up, publishing raises BrokerUnavailable, loops end, settling does not raise."""
    subscription = await broker.subscribe()
    await broker.publish(refs_numbered(2))
    held = await receive(subscription, 2)
    await broker.close()
    assert not broker.is_up()
    with pytest.raises(BrokerUnavailable):
        await broker.publish(refs_numbered(1))
    async with asyncio.timeout(WITHIN_S):
        assert [one async for one in each(subscription)] == []
    await held[0].done()
    await held[-1].again()


async def test_the_broker_in_process_is_bounded() -> None:
    """A full broker refuses at once, says so, and takes refs again when some are done."""
    broker = EmbeddedBroker(max_refs=10)
    await broker.publish(refs_numbered(10))
    assert not broker.is_up()
    with pytest.raises(BrokerUnavailable, match="at most 10"):
        await broker.publish(refs_numbered(1))
    [*consignments] = await receive(await broker.subscribe(), 10)
    for consignment in consignments:
        await consignment.done()
    assert broker.is_up()
    await broker.publish(refs_numbered(10))


def test_survival_is_told_truly() -> None:
    """The journal republishes after a restart only for a broker without a memory of its own."""
    assert not EmbeddedBroker.survives_restart
    assert RabbitBroker.survives_restart


REFS = st.lists(
    st.builds(
        Ref,
        st.integers(1, 2**63 - 1),
        st.integers(1, 1000),
        st.integers(0, 63),
        st.integers(0, 4),
        st.none() | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True),
    ),
    max_size=MAX_REFS * 3,
)


@given(REFS, st.integers(1, 16))
def test_packing_loses_nothing_and_keeps_shards_apart(refs: list[Ref], shards: int) -> None:
    """Packs hold every ref once, at most MAX_REFS of one shard and priority each, the most urgent packs first, and come back
    equal from octets."""
    packs = pack(refs, shards)
    back = [ref for one in packs for ref in unpack(one.octets())]
    assert Counter(back) == Counter(refs)
    for one in packs:
        assert 0 < len(one.refs) <= MAX_REFS
        assert {ref.shard % shards for ref in one.refs} == {one.shard}
        assert {ref.priority for ref in one.refs} == {one.priority}
    assert [one.priority for one in packs] == sorted((one.priority for one in packs), reverse=True)


@given(st.binary(max_size=200))
def test_reading_foreign_octets_never_raises_anything_else(octets: bytes) -> None:
    """Whatever arrives is either refs or Malformed."""
    try:
        assert all(isinstance(ref, Ref) for ref in unpack(octets))
    except Malformed:
        pass
