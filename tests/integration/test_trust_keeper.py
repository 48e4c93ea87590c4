"""Evidence of revocation is fetched in the background, verified, and written whole, whatever the authorities do."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lgsp.durable import exclusive
from lgsp.trust import memory
from lgsp.trust.demo_pki import Holder
from lgsp.trust.fetching import Fetcher
from lgsp.trust.hosts import Hosts
from lgsp.trust.keeper import Keeper, Rules
from lgsp.trust.places import INBOX, LOCK, WANTED
from lgsp.trust.store import TrustStore
from lgsp.trust.timetable import is_failing
from lgsp.trust.wanted import Chain, WantedFolder
from signing.report import Revocation
from signing.revocation import Grace, look_up
from signing.snapshot import RevocationSnapshot
from tests.fakes.authority import FakeAuthority, Mood, misbehaving

CODE, OTHER = "H01.101", "H01.102"
AGENCIES = {CODE: "Ủy ban nhân dân xã Mỹ Hòa Hưng", OTHER: "Ủy ban nhân dân xã Bình Hòa"}
START = datetime(2026, 11, 28, 8, tzinfo=UTC)
REFRESH = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def go(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@dataclass
class Kit:
    """A keeper beside a fake authority."""

    fake: FakeAuthority
    clock: Clock
    folder: Path
    keeper: Keeper

    def chain(self, holder: Holder | None = None) -> Chain:
        holder = holder or self.fake.pki.seal(CODE)
        return (holder.certificate, *holder.issuers, self.fake.pki.document_anchor)

    def ask(self, holder: Holder | None = None) -> None:
        WantedFolder(self.folder / WANTED).ask(self.chain(holder))

    async def work(self) -> None:
        """What is due now, to its end."""
        await self.keeper.step()
        await self.keeper.settled()

    def state(self, holder: Holder | None = None) -> Revocation:
        """By what is on disk: as another process sees it."""
        return look_up(self.chain(holder), memory.read_snapshot(self.folder), self.clock(), Grace()).check.state

    def code(self, part: str) -> str:
        """Of the last failure of the source whose key contains this."""
        return next(one.code for key, one in self.keeper.progress.items() if part in key)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def made(
    fake: FakeAuthority,
    clock: Clock,
    folder: Path,
    *,
    hosts: list[str] | None = None,
    urls: tuple[str, ...] = (),
    timeout_s: float = 5,
) -> AsyncIterator[Kit]:
    store = TrustStore(folder / "trust")
    store.add(fake.pki.document_anchor, "documents", at=clock(), by="lan", note="")
    rules = Rules(refresh=REFRESH, max_bytes=1024 * 1024, grace=Grace(), urls=urls)
    async with Fetcher.open(Hosts.of([fake.netloc] if hosts is None else hosts), timeout_s=timeout_s) as fetcher:
        keeper = Keeper(folder / "revocation", store, fetcher, rules, clock, random.Random(1).random)
        await keeper.open()
        yield Kit(fake, clock, folder / "revocation", keeper)
        await keeper.close()


@pytest.fixture
async def kit(clock: Clock, tmp_path: Path) -> AsyncIterator[Kit]:
    async with misbehaving(AGENCIES, clock) as fake, made(fake, clock, tmp_path) as found:
        yield found


async def test_what_is_asked_about_is_known_a_moment_later(kit: Kit) -> None:
    """One list of each issuer on the path says it for all its certificates."""
    assert kit.state() is Revocation.UNKNOWN
    kit.ask()
    await kit.work()
    assert kit.state() is Revocation.GOOD
    assert kit.state(kit.fake.pki.seal(OTHER)) is Revocation.GOOD
    assert kit.state(kit.fake.pki.holders["examples/revoked"]) is Revocation.REVOKED
    assert kit.fake.count("/crl/") == 2


async def test_nobody_asks_before_it_is_time(kit: Kit) -> None:
    """A step a second costs the authorities nothing."""
    kit.ask()
    await kit.work()
    asked = len(kit.fake.asked)
    for _ in range(5):
        kit.clock.go(minutes=9)
        await kit.work()
    assert len(kit.fake.asked) == asked


async def test_a_withdrawal_is_known_after_the_refresh(kit: Kit) -> None:
    """Lists that did not change are not sent again, those that did are."""
    kit.ask()
    await kit.work()
    kit.fake.pki = kit.fake.pki.with_revoked(f"agencies/{CODE}/seal", kit.clock())
    kit.clock.go(hours=1)
    await kit.work()
    assert kit.state() is Revocation.REVOKED
    assert kit.state(kit.fake.pki.seal(OTHER)) is Revocation.GOOD
    root = next(one for key, one in kit.keeper.progress.items() if key.endswith("/crl/root.crl"))
    assert root.got_at == kit.clock() and root.size_bytes > 0


async def test_single_certificates_are_asked_about_where_there_is_no_list(kit: Kit) -> None:
    """OCSP stands in until the list comes, and is asked no more afterwards."""
    kit.fake.moods["/crl/agencies"] = "fails"
    kit.ask()
    await kit.work()
    assert kit.state() is Revocation.GOOD
    assert kit.state(kit.fake.pki.seal(OTHER)) is Revocation.UNKNOWN
    kit.fake.moods.clear()
    kit.clock.go(hours=1)
    await kit.work()
    assert kit.state(kit.fake.pki.seal(OTHER)) is Revocation.GOOD
    answers = kit.fake.count("/ocsp/")
    kit.clock.go(hours=2)
    await kit.work()
    await kit.work()
    assert kit.fake.count("/ocsp/") == answers


@pytest.mark.parametrize(
    ("mood", "code"),
    [
        ("hangs", "fetch.timeout"),
        ("drips", "fetch.timeout"),
        ("hangs up", "fetch.unreachable"),
        ("fails", "fetch.status"),
        ("redirects", "fetch.redirect"),
        ("garbage", "crl.malformed"),
        ("empty", "crl.malformed"),
        ("huge", "fetch.too_large"),
        ("says it is huge", "fetch.too_large"),
        ("stale", "fetch.late"),
        ("from the future", "crl.time"),
        ("signed by another", "crl.signature"),
    ],
)
async def test_a_list_that_does_not_come_well_counts_for_nothing(clock: Clock, tmp_path: Path, mood: Mood, code: str) -> None:
    """The reason is kept; certificates stay unknown, and it is good again when the authority is."""
    async with misbehaving(AGENCIES, clock) as fake, made(fake, clock, tmp_path, timeout_s=0.3) as kit:
        fake.moods = {"/crl/agencies": mood, "/ocsp": "fails"}
        kit.ask()
        await kit.work()
        assert kit.code("/crl/agencies.crl") == code
        assert kit.state() is Revocation.UNKNOWN
        fake.released.set()
        fake.moods.clear()
        clock.go(minutes=1)
        await kit.work()
        assert kit.state() is Revocation.GOOD


@pytest.mark.parametrize(
    ("mood", "code"),
    [
        ("hangs", "fetch.timeout"),
        ("fails", "fetch.status"),
        ("redirects", "fetch.redirect"),
        ("garbage", "ocsp.malformed"),
        ("huge", "fetch.too_large"),
        ("refuses", "ocsp.status"),
        ("signed by another", "ocsp.responder"),
        ("from the future", "ocsp.time"),
        ("stale", "fetch.late"),
    ],
)
async def test_an_answer_that_does_not_come_well_counts_for_nothing(clock: Clock, tmp_path: Path, mood: Mood, code: str) -> None:
    """As with lists."""
    async with misbehaving(AGENCIES, clock) as fake, made(fake, clock, tmp_path, timeout_s=0.3) as kit:
        fake.moods = {"/crl/agencies": "fails", "/ocsp": mood}
        kit.ask()
        await kit.work()
        assert kit.code("/ocsp/agencies") == code
        assert kit.state() is Revocation.UNKNOWN


async def test_one_authority_that_hangs_holds_up_no_other(kit: Kit) -> None:
    """The others' evidence is on disk while the first is still waited for."""
    kit.fake.moods["/crl/root"] = "hangs"
    kit.ask()
    await kit.keeper.step()
    while not memory.read_snapshot(kit.folder).crls:
        await asyncio.sleep(0)
        await kit.keeper.step()
    assert kit.state() is Revocation.UNKNOWN
    kit.fake.released.set()
    await kit.keeper.settled()
    assert kit.state() is Revocation.GOOD


async def test_a_failing_source_is_left_alone_longer_each_time(kit: Kit) -> None:
    """Half a minute, one, two, ... an hour."""
    kit.fake.moods["/"] = "fails"
    kit.ask()
    waits = []
    for _ in range(10):
        await kit.work()
        progress = next(one for key, one in kit.keeper.progress.items() if key.endswith("/crl/root.crl"))
        waits.append((progress.due_at - kit.clock()).total_seconds())
        kit.clock.now = progress.due_at
    assert 20 < waits[0] <= 30 and 40 < waits[1] <= 60
    assert waits[:6] == sorted(waits[:6]) and 2880 <= waits[-1] <= 3600


async def test_who_is_asked_about_urgently_is_asked_for_at_once_but_not_at_every_call(kit: Kit) -> None:
    """An envelope waits for it: before its time, once in half a minute."""
    kit.fake.moods["/"] = "fails"
    kit.ask()
    for _ in range(4):
        await kit.work()
        kit.clock.go(hours=1)
    asked = kit.fake.count("/crl/root")
    kit.clock.go(minutes=-59)
    for _ in range(5):
        kit.ask()
        await kit.work()
    assert kit.fake.count("/crl/root") == asked + 1


async def test_only_listed_hosts_are_asked(clock: Clock, tmp_path: Path) -> None:
    """What stands in a certificate is a stranger's text: nothing is even connected to."""
    async with misbehaving(AGENCIES, clock) as fake, made(fake, clock, tmp_path, hosts=["crl.example.vn"]) as kit:
        kit.ask()
        await kit.work()
        assert fake.asked == []
        assert kit.code("/crl/root.crl") == "fetch.not_listed"


async def test_an_older_list_changes_nothing(kit: Kit) -> None:
    """Whoever stands in between may replay what was valid once."""
    kit.fake.keeps_marks = False
    kit.ask()
    kit.fake.pki = kit.fake.pki.with_revoked(f"agencies/{CODE}/seal", kit.clock())
    await kit.work()
    before = kit.keeper.snapshot
    kit.clock.go(hours=1)
    kit.fake.moods["/"] = "stale"
    await kit.work()
    assert kit.keeper.snapshot.version == before.version
    assert kit.state() is Revocation.REVOKED


async def test_a_list_of_the_same_second_counts(kit: Kit) -> None:
    """A withdrawal right after a list is in the next one, whose times may be the same."""
    kit.fake.keeps_marks = False
    kit.ask()
    await kit.work()
    kit.fake.pki = kit.fake.pki.with_revoked(f"agencies/{CODE}/seal", kit.clock())
    await kit.keeper.step(everything=True)
    assert kit.state() is Revocation.REVOKED


async def test_another_process_goes_on_where_one_ended(kit: Kit, clock: Clock) -> None:
    """What it knew, and when each source is due."""
    kit.ask()
    await kit.work()
    asked = len(kit.fake.asked)
    async with made(kit.fake, clock, kit.folder.parent) as second:
        await second.work()
        assert second.keeper.snapshot.version == kit.keeper.snapshot.version
        assert len(kit.fake.asked) == asked
        (kit.folder / "snapshot.bin").write_bytes(b"torn")
    async with made(kit.fake, clock, kit.folder.parent) as third:
        clock.go(hours=1)
        await third.work()
        assert third.state() is Revocation.GOOD


async def test_only_one_process_fetches(kit: Kit) -> None:
    """The others go by what it writes."""
    with exclusive(kit.folder / LOCK) as mine, exclusive(kit.folder / LOCK) as others:
        assert (mine, others) == (True, False)
    with exclusive(kit.folder / LOCK) as mine:
        assert mine


async def test_lists_that_the_operator_names_are_fetched_without_any_certificate(clock: Clock, tmp_path: Path) -> None:
    """Their issuer is whoever is known of that name; a list of nobody known is said."""
    async with misbehaving(AGENCIES, clock) as fake:
        urls = (f"{fake.pki.base_url}/crl/root.crl", f"{fake.pki.base_url}/crl/agencies.crl")
        async with made(fake, clock, tmp_path, urls=urls) as kit:
            await kit.work()
            assert len(kit.keeper.snapshot.crls) == 1
            assert kit.code("/crl/agencies.crl") == "fetch.unknown_issuer"


async def test_a_list_brought_by_hand_counts_and_garbage_does_not(clock: Clock, tmp_path: Path) -> None:
    """For hubs without a way out: nobody is asked."""
    async with misbehaving(AGENCIES, clock) as fake, made(fake, clock, tmp_path, hosts=[]) as kit:
        kit.ask()
        await kit.work()
        inbox = kit.folder / INBOX
        inbox.mkdir()
        for issuer in ("root", "agencies"):
            (inbox / issuer).write_bytes(fake.pki.crl(issuer, clock()))
        (inbox / "garbage").write_bytes(b"x")
        await kit.work()
        assert kit.state() is Revocation.GOOD
        assert list(inbox.iterdir()) == [] and fake.asked == []
        lists = [one for one in kit.keeper.progress.values() if one.kind == "crl"]
        assert [one.next_update for one in lists] == [clock() + timedelta(days=30)] * 2
        assert not any(is_failing(one, clock()) for one in lists)
        assert all(is_failing(one, clock() + timedelta(days=30)) for one in lists)


async def test_nothing_is_fetched_for_an_anchor_that_is_trusted_no_more(kit: Kit) -> None:
    """Its certificates are nobody's business any more."""
    kit.ask()
    store = TrustStore(kit.folder.parent / "trust")
    store.remove(store.load().kept[0])
    await kit.work()
    assert kit.fake.asked == []


async def test_a_clock_that_was_ahead_does_not_stop_fetching(kit: Kit) -> None:
    """What was planned by the wrong time counts for nothing. (The authority's clock is right.)"""
    kit.fake.clock = lambda: START
    kit.clock.go(days=300)
    kit.ask()
    await kit.work()
    kit.clock.go(days=-300)
    asked = len(kit.fake.asked)
    await kit.work()
    assert len(kit.fake.asked) > asked
    assert kit.state() is Revocation.GOOD


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from lgsp.trust.memory import write_snapshot
from signing.snapshot import CrlFacts, RevocationSnapshot, Scope
at = datetime(2026, 11, 28, tzinfo=UTC)
def facts(number):
    return CrlFacts(issuer=bytes(32), this_update=at, next_update=at, scope=Scope.ALL, points=(), complete=True,
                    keeps_expired_since=None, entries=b"", octets=number.to_bytes(4) * 250_000)
number = 0
while True:
    number += 1
    write_snapshot(Path(sys.argv[1]), RevocationSnapshot(at, (facts(number),)))
    print(number, flush=True)
"""


async def test_killed_at_any_moment_readers_see_the_old_or_the_new(tmp_path: Path) -> None:
    """Thirty times in the middle of writing a megabyte; the number read is the last one confirmed or the one after it."""
    draw = random.Random(7)
    for _ in range(30):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        assert process.stdout is not None
        for _ in range(draw.randint(1, 4)):
            confirmed = int(process.stdout.readline())
        await asyncio.sleep(draw.random() * 0.01)  # a moment of chance: that is what is tested
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0].split()
        confirmed = int(rest[-1]) if rest else confirmed
        snapshot: RevocationSnapshot = memory.read_snapshot(tmp_path)
        assert int.from_bytes(snapshot.crls[0].octets[:4]) in (confirmed, confirmed + 1)
        assert len(snapshot.crls[0].octets) == 1_000_000
