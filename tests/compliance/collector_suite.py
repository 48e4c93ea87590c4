"""What every collector promises (`contracts.feed.Collector`): fetch, submit, confirm, and nothing lost or doubled in between.

An adapter plugs in with a kit and one line: `class TestTracking(CollectorSuite): kit = TrackingKit()`.
"""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
import pytest

from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.feed import Collected, Collector, Feed, FeedTrouble
from contracts.problems import CATALOGUE
from tests.compliance import wire
from tests.compliance.hostile import GZIP_BOMB, HOSTILE
from tests.compliance.wire import Wire, until, wire_to
from tests.fakes.desk import Away, MemoryHub
from tests.thorough import much

SHORT_S = 0.5
_LATE_S = 5.0
_MAX_ROUNDS = 50
_MAX_EXCHANGES = much(8, 4)  # faults are tried in each of the first so many exchanges of a round


class CollectorKit(Protocol):
    """All that the suite knows of a collector."""

    caller: str  # whose feed it is
    tells_refusals: bool  # the far side can be told that the hub will not have something

    def collector(self) -> Collector: ...

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        """A counterpart that behaves and has a `url`."""
        ...

    def feed(self, url: str) -> Feed:
        """Registered as the README says, `url` being the far side's address. With a secret, if the adapter takes one."""
        ...

    def hub(self) -> MemoryHub:
        """With the caller and whom its messages are for."""
        ...

    def offer(self, far: Any, number: int) -> None:
        """The far side has message 1, 2, 3 ... for the hub, in this order."""
        ...

    def offer_wrong(self, far: Any, number: int) -> None:
        """The same, but nothing that the hub can take."""
        ...

    def confirmed(self, far: Any) -> Sequence[int]:
        """What the far side will not offer again, because it was told that the hub has it; by number."""
        ...

    def refused(self, far: Any) -> Sequence[int]:
        """What the far side was told that the hub will not have; by number."""
        ...

    def message(self, envelope: Envelope) -> int:
        """Which message this is, read out of what the hub took."""
        ...


class Road:
    """A collector, its far side, the wire between them, and a hub."""

    def __init__(self, kit: CollectorKit, far: Any, between: Wire) -> None:
        self.kit, self.far, self.wire, self.hub = kit, far, between, kit.hub()
        self.collector = kit.collector()

    def offer(self, *numbers: int) -> None:
        for number in numbers:
            self.kit.offer(self.far, number)

    async def collect(self, **changes: Any) -> Collected:
        """One road. Trouble is told with codes of the catalogue, and without the secret."""
        feed = msgspec.structs.replace(self.kit.feed(self.wire.url), timeout_s=SHORT_S * 4)
        feed = msgspec.structs.replace(feed, **changes)
        try:
            return await self.collector.collect(feed, self.hub.desk(self.kit.caller))
        except FeedTrouble as trouble:
            assert trouble.reason in CATALOGUE and len(str(trouble)) < 1500
            assert not feed.secret or feed.secret not in str(trouble)
            raise

    async def all_rounds(self) -> Collected:
        """Until there is nothing more."""
        taken = refused = 0
        for _ in range(_MAX_ROUNDS):
            found = await self.collect()
            taken, refused = taken + found.taken, refused + found.refused
            if not found.more:
                return Collected(taken, refused)
        raise AssertionError(f"there is more after {_MAX_ROUNDS} rounds")

    async def restart(self) -> None:
        """Another process goes on: whatever was in memory is gone."""
        await self.collector.close()
        self.collector = self.kit.collector()

    @property
    def messages(self) -> list[int]:
        return [self.kit.message(envelope) for envelope in self.hub.envelopes]

    @property
    def confirmed(self) -> list[int]:
        return sorted(self.kit.confirmed(self.far))


class CollectorSuite:
    """Subclass it with a kit."""

    kit: CollectorKit

    @pytest.fixture
    async def road(self) -> AsyncIterator[Road]:
        async with self.kit.far_side() as far, wire_to(far.url) as between:
            found = Road(self.kit, far, between)
            yield found
            await found.collector.close()

    # --- what goes well

    async def test_what_they_have_is_brought_in_once_and_confirmed(self, road: Road) -> None:
        road.offer(1, 2, 3)
        assert await road.all_rounds() == Collected(taken=3)
        assert road.messages == [1, 2, 3] and road.confirmed == [1, 2, 3]
        assert {envelope.sender for envelope in road.hub.envelopes} == {self.kit.caller}

    async def test_a_round_that_finds_nothing_does_nothing(self, road: Road) -> None:
        assert await road.collect() == Collected()
        road.offer(1)
        await road.all_rounds()
        assert await road.collect() == Collected()
        assert road.messages == [1]

    async def test_what_comes_later_comes_after(self, road: Road) -> None:
        """Also to another process, by the marks that were kept."""
        for number in (1, 2, 3):
            road.offer(number)
            await road.all_rounds()
            await road.restart()
        assert road.messages == [1, 2, 3] and road.confirmed == [1, 2, 3]

    async def test_rounds_are_bounded(self, road: Road) -> None:
        """However much they have, a round ends, says that there is more, and the rest follows in order."""
        road.offer(*range(1, 121))
        found = await road.collect(timeout_s=30)
        assert found.taken and found.more == (found.taken < 120)
        await road.all_rounds()
        assert road.messages == list(range(1, 121))

    # --- what goes wrong on the way

    @pytest.mark.parametrize("place", range(_MAX_EXCHANGES))
    @pytest.mark.parametrize(
        "fault",
        [*wire.BREAKS, wire.HANGS, wire.TAKES_IT_AND_HANGS, wire.NOT_HTTP, wire.cut(0.5), wire.cut(0.9), wire.reply(503, "busy")],
        ids=str,
    )
    async def test_whatever_breaks_nothing_is_lost_or_doubled(self, road: Road, fault: wire.Fault, place: int) -> None:
        """Whichever exchange it was: the next process brings in what is missing, in order, and nothing twice."""
        road.offer(1, 2, 3)
        road.wire.once(place, fault)
        try:
            await road.collect(timeout_s=SHORT_S)
        except FeedTrouble:
            pass
        assert set(road.confirmed) <= set(road.messages)
        road.wire.heal()
        await road.restart()
        await road.all_rounds()
        assert road.messages == [1, 2, 3] and road.confirmed == [1, 2, 3]

    @pytest.mark.parametrize("place", range(_MAX_EXCHANGES))
    async def test_killed_anywhere_nothing_is_lost_or_doubled(self, road: Road, place: int) -> None:
        """The far side has done what it was asked, and the process is gone before it hears of it."""
        road.offer(1, 2, 3)
        road.wire.once(place, wire.TAKES_IT_AND_HANGS)
        under_way = asyncio.ensure_future(road.collect(timeout_s=60))
        await until(lambda: under_way.done() or len(road.wire.exchanges) > place)
        under_way.cancel()
        await asyncio.wait({under_way})
        await until(lambda: road.wire.connections == 0)
        assert set(road.confirmed) <= set(road.messages)
        road.wire.heal()
        await road.restart()
        await road.all_rounds()
        assert road.messages == [1, 2, 3] and road.confirmed == [1, 2, 3]

    async def test_killed_between_submitting_and_confirming_it_comes_again_once(self, road: Road) -> None:
        road.offer(1, 2)
        road.hub.answer_lost = True
        with pytest.raises(Away):
            await road.collect()
        assert road.messages == [1] and road.confirmed == []
        await road.restart()
        await road.all_rounds()
        assert road.messages == [1, 2] and road.confirmed == [1, 2]

    @pytest.mark.parametrize("fault", wire.SILENCES, ids=str)
    async def test_silence_ends_at_the_time_out(self, road: Road, fault: wire.Fault) -> None:
        road.offer(1)
        road.wire.always(fault)
        started = time.monotonic()
        with pytest.raises(FeedTrouble) as trouble:
            await road.collect(timeout_s=SHORT_S)
        assert trouble.value.reason == "delivery.timeout"
        assert time.monotonic() - started < SHORT_S + _LATE_S

    @pytest.mark.parametrize("fault", [*wire.BREAKS, *wire.GARBLED, *wire.HALVES], ids=str)
    async def test_who_cannot_be_asked_is_told(self, road: Road, fault: wire.Fault) -> None:
        road.offer(1)
        road.wire.always(fault)
        with pytest.raises(FeedTrouble):
            await road.collect()
        assert not road.hub.envelopes

    async def test_nobody_there_is_unreachable(self, road: Road) -> None:
        with pytest.raises(FeedTrouble) as trouble:
            await road.collect(url=self.kit.feed("http://127.0.0.1:1").url)
        assert trouble.value.reason == "delivery.unreachable"

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_nobody_is_asked_but_the_address_registered(self, road: Road, status: int) -> None:
        async with wire_to(road.far.url) as elsewhere:
            road.wire.always(wire.reply(status, "", "text/plain", f"Location: {elsewhere.url}"))
            with pytest.raises(FeedTrouble):
                await road.collect()
            assert not elsewhere.exchanges and not elsewhere.connections

    # --- what they answer

    @pytest.mark.parametrize("place", [0, 1])
    @pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE)
    async def test_answers_of_strangers_are_harmless(self, road: Road, octets: bytes, place: int) -> None:
        """Trouble, or nothing found: never an error of ours, nothing taken of it, and the next round is as ever."""
        road.offer(1)
        for media_type in ("text/xml; charset=utf-8", "application/json"):
            road.wire.once(place, wire.reply(200, octets, media_type))
            try:
                await road.collect()
            except FeedTrouble as trouble:
                assert "root:" not in str(trouble)
        road.wire.heal()
        await road.all_rounds()
        assert road.messages == [1] and road.confirmed == [1]

    async def test_an_answer_without_end_is_not_read(self, road: Road) -> None:
        """Packets may be large, so what is read is bounded by the time-out at the latest."""
        road.wire.always(wire.POURS)
        started = time.monotonic()
        with pytest.raises(FeedTrouble):
            await road.collect(timeout_s=SHORT_S)
        assert time.monotonic() - started < SHORT_S + _LATE_S

    async def test_an_answer_that_unpacks_to_much_is_not_unpacked(self, road: Road) -> None:
        road.wire.always(wire.reply(200, GZIP_BOMB, "application/json", "Content-Encoding: gzip"))
        tracemalloc.start()
        try:
            with pytest.raises(FeedTrouble):
                await road.collect()
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()

    # --- what the hub says

    async def test_what_the_hub_will_not_have_is_told_and_counted(self, road: Road) -> None:
        """It holds back nothing behind it, and does not come again for ever."""
        road.offer(1)
        self.kit.offer_wrong(road.far, 2)
        road.offer(3)
        found = await road.all_rounds()
        assert (found.taken, found.refused) == (2, 1)
        assert road.messages == [1, 3]
        if self.kit.tells_refusals:
            assert list(self.kit.refused(road.far)) == [2]
        await road.restart()
        assert await road.all_rounds() == Collected()

    @pytest.mark.parametrize("error", [Away(), ContractError("quota.exceeded"), ContractError("hub.stopping")], ids=str)
    async def test_not_now_refuses_nothing(self, road: Road, error: Exception) -> None:
        """What the hub would take later is neither confirmed nor refused: it comes again."""
        road.offer(1, 2)
        road.hub.fail_next = error
        with pytest.raises(type(error)):
            await road.collect()
        assert road.confirmed == [] and not self.kit.refused(road.far)
        await road.restart()
        await road.all_rounds()
        assert road.messages == [1, 2] and road.confirmed == [1, 2]

    # --- the machine it runs on

    async def test_closing_is_clean(self, road: Road) -> None:
        """No task and no connection stays, and twice is harmless."""
        before = asyncio.all_tasks()
        await road.collect()
        await road.collector.close()
        await road.collector.close()
        await self.kit.collector().close()
        await until(lambda: road.wire.connections == 0)
        await until(lambda: asyncio.all_tasks() <= before)
