"""Polling systems that push nothing: rounds when they are due, by one gateway at a time, nothing lost when one dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.agency import AgencyCode
from contracts.desk import Desk
from contracts.envelope import Envelope, checked
from contracts.errors import ContractError
from contracts.feed import Collected, Feed, FeedTrouble
from lgsp.core.directory import Agency
from lgsp.core.feed import FeedState, next_round, read_state, write_state
from lgsp.flow.collecting import CLAIM, STATE, Collecting
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, HttpHub, http_hub, progress

FEED = Feed(adapter="counting", url="http://127.0.0.1:9/", every_s=3600, secret="s3cret/of+it")
NOW = datetime(2026, 11, 18, 8, tzinfo=UTC)


class Counting:
    """A far side that has numbered messages; what is confirmed is not shown again."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.bodies = dict(enumerate(bodies))
        self.trouble: FeedTrouble | None = None
        self.bug = False
        self.rounds = 0
        self.refused: list[str] = []

    async def collect(self, feed: Feed, desk: Desk) -> Collected:
        self.rounds += 1
        if self.bug:
            raise RuntimeError("nobody foresaw this")
        if self.trouble is not None:
            raise self.trouble
        taken = refused = 0
        for number, body in list(self.bodies.items())[:2]:
            try:
                await desk.submit(_envelope(number, body, desk.caller))
                taken += 1
            except ContractError as error:
                self.refused.append(error.code)
                refused += 1
            del self.bodies[number]
        return Collected(taken=taken, refused=refused, more=bool(self.bodies))

    async def close(self) -> None:
        return None


def _envelope(number: int, body: dict[str, Any], sender: AgencyCode) -> Envelope:
    return checked(
        Envelope(
            message_id=f"feed-{number}",
            sender=sender,
            recipients=(LAND_OFFICE,),
            kind="case.progress/1",
            created_at=NOW,
            body=msgspec.json.encode(body),
        )
    )


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpHub]:
    """It polls nobody itself."""
    monkeypatch.setattr("lgsp.bootstrap.hub.COLLECTORS", {})
    agencies = [msgspec.structs.replace(one, feed=FEED) if one.code == COMMUNE else one for one in AGENCIES]
    async with http_hub(tmp_path, agencies=agencies) as running:
        yield running


def collecting(hub: HttpHub, far_side: Counting, holder: str = "one") -> Collecting:
    return Collecting(hub.hub.desks, hub.hub.store, {"counting": far_side}, lambda: datetime.now(UTC), holder=holder)


async def until(loop: Collecting, is_so: Callable[[], Awaitable[bool]]) -> None:
    """Lets it run until then."""
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(20):
        while not await is_so():  # noqa: ASYNC110 - what is waited for stands in the journal
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def state_of(hub: HttpHub) -> FeedState:
    return read_state(await hub.hub.store.mark(COMMUNE, STATE))


def told(hub: HttpHub, **wanted: object) -> Callable[[], Awaitable[bool]]:
    """Whether the state that was kept says so."""

    async def is_so() -> bool:
        state = await state_of(hub)
        return state.at is not None and all(getattr(state, name) == value for name, value in wanted.items())

    return is_so


async def test_what_is_there_is_brought_in_page_by_page(hub: HttpHub) -> None:
    """Three messages, two to a page; one of them is refused, said to the far side and counted."""
    far_side = Counting(progress(1), {"case_number": 7}, progress(3))
    await until(collecting(hub, far_side), told(hub, taken=2, more=False))
    assert await hub.stored() == 2
    assert far_side.refused == ["body.invalid"]
    state = await state_of(hub)
    assert (state.taken, state.refused, state.failures) == (2, 1, 0)


async def test_two_gateways_do_not_poll_one_feed(hub: HttpHub) -> None:
    """The one that has the claim does; the other one leaves it alone."""
    far_side = Counting(progress(1))
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert await hub.hub.store.claim_mark(COMMUNE, CLAIM, "other", datetime.now(UTC), later)
    loop = collecting(hub, far_side)

    async def it_has_looked() -> bool:
        return COMMUNE in loop._due

    await until(loop, it_has_looked)
    assert far_side.rounds == 0
    assert await hub.hub.store.claim_mark(COMMUNE, CLAIM, "other", datetime.now(UTC), datetime.now(UTC))
    await until(collecting(hub, far_side), told(hub, taken=1))
    assert await hub.stored() == 1


async def test_a_claim_is_given_up_after_each_round(hub: HttpHub) -> None:
    """So that another gateway may go on when this one stops."""
    far_side = Counting(progress(1))

    async def another_may() -> bool:
        now = datetime.now(UTC)
        return far_side.rounds == 1 and await hub.hub.store.claim_mark(COMMUNE, CLAIM, "two", now, now)

    await until(collecting(hub, far_side), another_may)
    assert (await state_of(hub)).taken == 1


async def test_a_feed_that_fails_is_kept_account_of(hub: HttpHub) -> None:
    """Since when, how often and why; a bug of a collector ends nothing but its round."""
    far_side = Counting(progress(1))
    far_side.trouble = FeedTrouble("delivery.unreachable", "connection refused: s3cret/of+it")
    await until(collecting(hub, far_side), told(hub, failures=1))
    state = await state_of(hub)
    assert (state.failures, state.reason, state.detail) == (1, "delivery.unreachable", "connection refused: [withheld]")
    far_side.bug = True
    await hub.hub.store.set_mark(COMMUNE, STATE, "")
    loop = collecting(hub, far_side)

    async def it_has_failed() -> bool:
        return COMMUNE in loop._due

    await until(loop, it_has_failed)
    far_side.bug, far_side.trouble = False, None
    await until(collecting(hub, far_side), told(hub, taken=1))
    assert await hub.stored() == 1


async def test_what_comes_again_is_no_second_envelope(hub: HttpHub) -> None:
    """A gateway killed between the commit and the confirmation: the far side shows it again."""
    for _ in range(2):
        far_side = Counting(progress(1))
        await hub.hub.store.set_mark(COMMUNE, STATE, "")
        await until(collecting(hub, far_side), told(hub, taken=1))
    assert await hub.stored() == 1


async def test_a_closed_agency_is_not_polled(hub: HttpHub) -> None:
    """Nor one whose feed is switched off."""
    for change in ({"closed_on": NOW.date()}, {"feed": msgspec.structs.replace(FEED, enabled=False)}):
        own = next(one for one in AGENCIES if one.code == COMMUNE)
        await hub.hub.store.save_agencies([msgspec.structs.replace(own, **({"feed": FEED} | change))])
        await hub.hub.directory.refresh()
        far_side = Counting(progress(1))
        loop = collecting(hub, far_side)
        loop._begin_due()
        assert loop._rounds == {}


def test_a_failing_feed_is_asked_less_and_less_often() -> None:
    """At its own pace at first, at last every quarter of an hour; one that has more at once."""
    feed = Feed(adapter="x", url="http://x/", every_s=60)
    state, waits = FeedState(), []
    for _ in range(7):
        state = state.after(FeedTrouble("delivery.timeout"), NOW)
        due = next_round(state, feed)
        waits.append((due - NOW).total_seconds() if due else 0)
    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert state.since == NOW
    assert next_round(state.after(Collected(more=True), NOW), feed) is None
    assert next_round(state.after(Collected(), NOW), feed) == NOW + timedelta(seconds=60)
    slow = msgspec.structs.replace(feed, every_s=7200)
    assert next_round(state, slow) == NOW + timedelta(hours=2)


def test_a_state_survives_being_written() -> None:
    """And what cannot be read is a beginning."""
    state = FeedState().after(FeedTrouble("delivery.timeout", "x" * 1000), NOW)
    assert read_state(write_state(state)) == state
    assert read_state("") == read_state("nonsense") == FeedState()
    assert len(state.detail) == 300


def test_only_living_feeds_are_in_the_directory_of_feeds() -> None:
    """What a gateway looks at every second is short."""
    from lgsp.core.directory import Directory

    with_feed = Agency(code=COMMUNE, name_vi="x", feed=FEED)
    assert [one.code for one in Directory(1, [*AGENCIES[1:], with_feed]).feeding] == [COMMUNE]
