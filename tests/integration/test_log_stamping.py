"""Time over the log: several authorities, each by itself, and none that anybody waits for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lgsp import metrics
from lgsp.flow.log_stamping import LogStamping
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Checkpoint, GivenStamp, NotVouched, Stamp, StampAuthority
from lgsp.trust.fetching import Fetcher
from lgsp.trust.stamping import Stamper
from signing.paths import Anchors
from signing.timestamps import verify_stamp
from signing.trust import TrustBase
from tests.fakes.authority import Mood, misbehaving
from tests.integration.http_hub import http_hub
from tests.integration.test_http_log import published

AGENCIES = {"H01.101": "Ủy ban nhân dân xã Mỹ Hòa Hưng"}
EVERY_S = 600.0


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Authority:
    """Stamps at the time of `clock`, unless it is down."""

    name: str
    down: bool = False
    asked: list[bytes] = field(default_factory=list)
    at: datetime = field(default_factory=now)

    async def stamp(self, octets: bytes) -> GivenStamp:
        self.asked.append(octets)
        if self.down:
            raise NotVouched("fetch.timeout", "")
        return GivenStamp(b"token of " + octets, self.at)


@dataclass
class Stamping:
    store: SqliteStore
    authorities: Sequence[Authority]
    loops: LogStamping
    at: datetime

    async def publish(self, size: int) -> None:
        await self.store.save_checkpoint(Checkpoint(size, b"head %d" % size, self.at))

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        for one in self.authorities:
            one.at = self.at


@asynccontextmanager
async def stamping(folder: Path, *authorities: Authority) -> AsyncIterator[Stamping]:
    store = SqliteStore.open(folder / "journal.db", timeout_s=5)
    try:
        given: list[StampAuthority] = [*authorities]
        made: Stamping
        made = Stamping(store, authorities, LogStamping(store, given, lambda: made.at, every_s=EVERY_S), now())
        made.later(0)
        yield made
    finally:
        await store.close()


def lag_s(authority: Authority) -> float:
    value: float = metrics.LOG_STAMP_LAG_S.labels(authority.name)._value.get()
    return value


async def test_each_authority_stamps_the_newest_checkpoint_now_and_then(tmp_path: Path) -> None:
    """Once when there is something new and its interval has passed; never twice the same."""
    a, b = Authority("a.example/tsa"), Authority("b.example/tsa")
    async with stamping(tmp_path, a, b) as run:
        assert await run.loops.step(a) < EVERY_S
        assert a.asked == []
        await run.publish(3)
        await run.publish(5)
        for _ in range(2):
            for one in (a, b):
                await run.loops.step(one)
        assert a.asked == b.asked == [b"head 5"]
        assert await run.store.stamps(5) == [Stamp(5, one.name, b"token of head 5", run.at) for one in (a, b)]
        await run.publish(9)
        run.later(EVERY_S - 1)
        await run.loops.step(a)
        assert a.asked == [b"head 5"]
        run.later(1)
        await run.loops.step(a)
        assert a.asked == [b"head 5", b"head 9"]


async def test_one_that_is_down_is_nobody_elses_business(tmp_path: Path) -> None:
    """It is asked again less and less often, and its lag tells since when; the other one goes on."""
    dead, well = Authority("dead.example/tsa", down=True), Authority("well.example/tsa")
    async with stamping(tmp_path, dead, well) as run:
        await run.publish(3)
        waits = [await run.loops.step(dead) for _ in range(7)]
        assert waits == [30, 60, 120, 240, 480, 600, 600]
        await run.loops.step(well)
        run.later(100)
        await run.loops.step(dead)
        await run.loops.step(well)
        assert (lag_s(dead), lag_s(well)) == (100, 0)


@pytest.mark.parametrize("stamped_before", [False, True])
async def test_after_an_outage_it_goes_on_whatever_was_before(tmp_path: Path, stamped_before: bool) -> None:
    """Also when nothing had ever been stamped."""
    one = Authority("one.example/tsa")
    async with stamping(tmp_path, one) as run:
        if stamped_before:
            await run.publish(1)
            await run.loops.step(one)
            run.later(EVERY_S)
        one.down = True
        await run.publish(3)
        await run.loops.step(one)
        run.later(10 * EVERY_S)
        await run.publish(7)
        await run.loops.step(one)
        one.down = False
        assert await run.loops.step(one) < 30
        assert [stamp.size for stamp in await run.store.stamps(7)] == [7]
        one.down = True
        await run.publish(8)
        run.later(EVERY_S)
        assert await run.loops.step(one) == 30


@pytest.mark.parametrize("mood", ["hangs", "garbage", "refuses", "signed by another", "from the future"])
async def test_what_is_kept_was_verified(tmp_path: Path, mood: Mood) -> None:
    """Of real authorities over HTTP, one of which misbehaves: the token of the other is over the checkpoint as published."""
    async with misbehaving(AGENCIES, now) as bad, misbehaving(AGENCIES, now) as good:
        bad.moods["/tsa"] = mood
        trust = TrustBase(time_stamps=Anchors((bad.pki.time_stamp_anchor, good.pki.time_stamp_anchor)))
        async with Fetcher.open(None, timeout_s=2) as fetcher, stamping(tmp_path) as run:
            stamper = Stamper(fetcher, [f"{one.pki.base_url}/tsa?key=secret" for one in (bad, good)], lambda: trust, now, len)
            loops = LogStamping(run.store, stamper.authorities, lambda: run.at, every_s=EVERY_S)
            await run.publish(3)
            for one in stamper.authorities:
                await loops.step(one)
            (kept,) = await run.store.stamps(3)
            assert kept.authority == f"{good.netloc}/tsa"
            verified = verify_stamp(kept.token, b"head 3", trust, now())
            assert verified.token == kept.token  # type: ignore[union-attr]


async def test_a_hub_without_any_authority_that_answers_takes_envelopes_and_publishes(tmp_path: Path) -> None:
    """And a proof has the time-stamps that there are."""
    async with misbehaving(AGENCIES, now) as fake:
        fake.moods["/tsa"] = "hangs"
        urls = (f"{fake.pki.base_url}/tsa",)
        async with http_hub(tmp_path, log_checkpoint_s=0.1, time_stamp_urls=urls, time_stamp_timeout_s=60.0) as hub:
            sent = await hub.send(hub.envelope())
            assert sent.status == 202
            checkpoint = await published(hub)
            store = hub.hub.store
            await store.save_stamp(Stamp(checkpoint.size, "a.example/tsa", b"token", now()))
            proof = (await hub.call("GET", sent.headers["Location"] + "/proof")).json
            assert proof["time_stamps"] == [{"authority": "a.example/tsa", "token": "dG9rZW4="}]


def test_fake_authorities_are_told_apart() -> None:
    """Two services of one host have names of their own, without what their addresses carry beside."""
    stamper = Stamper(None, ["http://u:p@tsa.example/a", "http://tsa.example/b?k=1"], TrustBase, now, len)  # type: ignore[arg-type]
    assert [one.name for one in stamper.authorities] == ["tsa.example/a", "tsa.example/b"]
