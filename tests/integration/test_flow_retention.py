"""The loop that erases: what is due goes, in an order that survives every crash, archived before where a rule says so."""

import asyncio
import hashlib
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contracts.agency import AgencyCode
from contracts.envelope import Attachment
from lgsp.archive.archiver import Archiver
from lgsp.archive.checking import check_folder
from lgsp.archive.hook import Hook, HookFailed
from lgsp.blobs.directory import DirectoryBlobs
from lgsp.core.directory import Agency
from lgsp.core.lifecycle import State
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.retention import Rule
from lgsp.errors import Unavailable
from lgsp.flow.retention import GRACE_S, Retention
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Settlement, Store
from tests.compliance.builders import ALPHA, LEASE_S, NOW, SENDER, admitted
from tests.compliance.test_blobs import OWNER, sending
from tests.killing import killed_at
from tests.sim.memory import MemoryStore
from tests.thorough import much

PHOTO = b"a photograph"
FILE = Attachment(digest="sha256:" + hashlib.sha256(PHOTO).hexdigest(), size_bytes=len(PHOTO))
PLAN = b"a plan"
SHARED = Attachment(digest="sha256:" + hashlib.sha256(PLAN).hexdigest(), size_bytes=len(PLAN))
CODE = (
    "/flow/retention.py",
    "/journal/sqlite/keeping.py",
    "/journal/sqlite/files.py",
    "/journal/keeping.py",
    "/blobs/directory.py",
)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def go(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DirectoryBlobs]:
    """With the photograph."""
    opened = DirectoryBlobs(tmp_path / "blobs", max_bytes=10_000)
    upload = await opened.create_upload(OWNER, len(PHOTO), {}, NOW)
    await opened.append(upload.upload_id, 0, sending(PHOTO), None)
    yield opened


@pytest.fixture
async def store() -> Store:
    """Six envelopes: delivered but for the last, which is open; the first two have the photograph, the fifth is a dead letter."""
    opened: Store = MemoryStore()
    await opened.save_agencies([Agency(code=SENDER, name_vi="UBND xã", level="commune"), Agency(code=ALPHA, name_vi="Sở")])
    batch = [admitted(f"m{n}", attachments=[FILE] if n <= 2 else [], life=timedelta(days=300)) for n in range(1, 7)]
    await opened.accept(batch, NOW, LEASE_S)
    await opened.settle([Settlement(delivery_id=n, state=State.DELIVERED) for n in range(1, 5)], NOW, LEASE_S)
    await opened.settle([Settlement(delivery_id=5, state=State.DEAD)], NOW, LEASE_S)
    return opened


def retention(
    store: Store, blobs: DirectoryBlobs, clock: Clock, *rules: Rule, folder: Path = Path("/nowhere"), hook: Hook | None = None
) -> Retention:
    archives = Archiver(store, blobs, folder, AgencyCode("H01"), hook, clock, max_envelopes=2, max_bytes=10_000, with_files=True)
    return Retention(store, store, blobs, rules, archives, lambda: nullcontext(True), clock, interval_s=3600)


async def bodies(store: Store) -> list[bool]:
    """Which are kept."""
    return [one.has_body for one in await store.kept(0, 100, NOW)]


async def test_without_rules_nothing_is_erased(store: Store, blobs: DirectoryBlobs, clock: Clock) -> None:
    clock.go(days=36_000)
    assert await retention(store, blobs, clock).look_once() == {}
    assert all(await bodies(store))


async def test_what_is_due_is_erased_and_what_may_still_have_to_be_delivered_is_not(
    store: Store, blobs: DirectoryBlobs, clock: Clock
) -> None:
    """Not a day earlier; a dead letter once it can no longer be replayed."""
    one = retention(store, blobs, clock, Rule(name="cases", kinds=("case.*",), bodies_days=30))
    clock.go(days=29)
    assert await one.look_once() == {}
    clock.go(days=1)
    assert await one.look_once() == {"body": 4, "dead_letter": 1}
    assert await bodies(store) == [False, False, False, False, True, True]
    assert await one.look_once() == {"dead_letter": 1}
    clock.go(days=300)
    assert await one.look_once() == {"body": 1}
    assert (await store.timeline(1))[-1].detail == "cases"


async def test_a_rule_by_level_goes_by_the_directory_of_now(store: Store, blobs: DirectoryBlobs, clock: Clock) -> None:
    clock.go(days=40)
    wrong = Rule(name="departments", sender_levels=("department",), bodies_days=30)
    assert await retention(store, blobs, clock, wrong).look_once() == {}
    right = Rule(name="communes", sender_levels=("commune",), bodies_days=30)
    assert (await retention(store, blobs, clock, right).look_once())["body"] == 4


async def test_a_file_goes_with_its_last_envelope_and_after_a_while(store: Store, blobs: DirectoryBlobs, clock: Clock) -> None:
    """First it is closed, then its blob is deleted, then that is noted; in between it may be done again and again."""
    one = retention(store, blobs, clock, Rule(name="files", attachments_days=30))
    clock.go(days=31)
    assert await one.look_once() == {"files": 2}
    assert all(await bodies(store))
    assert await one.delete_files() == 0
    assert await blobs.stat(FILE.digest) is not None
    clock.go(seconds=GRACE_S)
    assert await one.delete_files() == 0
    assert await blobs.stat(FILE.digest) is None
    clock.go(seconds=GRACE_S)
    assert [await one.delete_files(), await one.delete_files()] == [1, 0]


async def test_a_blob_that_cannot_be_deleted_comes_again(
    store: Store, blobs: DirectoryBlobs, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal knows that it was to go: a crash, or a disk that is away, loses nothing of that."""
    one = retention(store, blobs, clock, Rule(name="files", attachments_days=30))
    clock.go(days=31)
    await one.look_once()
    clock.go(seconds=GRACE_S)

    async def away(digest: str) -> bool:
        raise Unavailable("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(blobs, "delete", away)
        with pytest.raises(Unavailable):
            await one.delete_files()
    clock.go(seconds=GRACE_S)
    assert await one.delete_files() == 1
    assert await blobs.stat(FILE.digest) is None


async def test_nothing_is_erased_before_it_was_taken_over(
    store: Store, blobs: DirectoryBlobs, clock: Clock, tmp_path: Path
) -> None:
    """While the hook refuses, the journal keeps everything; afterwards what was archived is erased in the same walk."""
    rule = Rule(name="cases", bodies_days=30, attachments_days=30, archive_first=True)
    folder = tmp_path / "archive"
    clock.go(days=31)
    refuses = retention(store, blobs, clock, rule, folder=folder, hook=Hook(("false",), 30))
    with pytest.raises(HookFailed):
        await refuses.look_once()
    assert all(await bodies(store))
    takes = retention(store, blobs, clock, rule, folder=folder, hook=Hook((sys.executable, "-c", ""), 30))
    assert await takes.look_once() == {"body": 4, "files": 2, "dead_letter": 1}
    assert await bodies(store) == [False, False, False, False, True, True]
    checked = check_folder(folder)
    assert (checked.is_sound, checked.files, checked.envelopes) == (True, 2, 4)


# killed


def test_killed_on_any_line_it_erases_each_thing_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 on many a line of what erases: whoever comes next goes on. One event a body and a set of files, no blob left
    behind, none deleted that somebody still has, the log whole and the balance even."""
    monkeypatch.setattr("lgsp.flow.retention._SHARE", 1.0)  # it would rest nineteen times as long as it works
    asyncio.run(_prepared(tmp_path))
    kills = 0
    for line in range(2, 4000, much(53, 101)):
        folder = tmp_path / str(line)
        shutil.copytree(tmp_path / "var", folder)
        died = killed_at(line, CODE, _erase, folder)
        kills += died
        assert killed_at(None, CODE, _erase, folder) is False
        asyncio.run(_judged(folder, line))
        shutil.rmtree(folder)
        if not died:
            break
    assert kills > much(10, 5), kills


async def _prepared(folder: Path) -> None:
    """Two envelopes with the photograph and one with a file that a fourth one, still open, has too."""
    store = SqliteStore.open(folder / "var" / "journal.db", timeout_s=10)
    blobs = DirectoryBlobs(folder / "var" / "blobs", max_bytes=10_000)
    for octets in (PHOTO, PLAN):
        upload = await blobs.create_upload(OWNER, len(octets), {}, NOW)
        await blobs.append(upload.upload_id, 0, sending(octets), None)
    batch = [admitted(f"m{n}", attachments=[FILE] if n <= 2 else [SHARED], life=timedelta(days=300)) for n in range(1, 5)]
    await store.accept(batch, NOW, LEASE_S)
    await store.settle([Settlement(delivery_id=n, state=State.DELIVERED, detail="words") for n in (1, 2, 3)], NOW, LEASE_S)
    await store.close()


async def _erase(folder: Path) -> None:
    clock = Clock()
    store = SqliteStore.open(folder / "journal.db", timeout_s=10)
    blobs = DirectoryBlobs(folder / "blobs", max_bytes=10_000)
    one = retention(store, blobs, clock, Rule(name="all", bodies_days=30, attachments_days=30))
    clock.go(days=31)
    await one.look_once()
    for _ in range(3):
        clock.go(seconds=GRACE_S)
        await one.delete_files()
    await store.close()


async def _judged(folder: Path, line: int) -> None:
    store = SqliteStore.open(folder / "journal.db", timeout_s=10)
    blobs = DirectoryBlobs(folder / "blobs", max_bytes=10_000)
    assert [one.has_body for one in await store.kept(0, 9, NOW)] == [False, False, False, True], line
    for sequence in (1, 2, 3):
        told = Counter(one.name for one in await store.timeline(sequence))
        assert (told["body_erased"], told["files_erased"]) == (1, 1), line
    assert [await blobs.stat(one.digest) is None for one in (FILE, SHARED)] == [True, False], line
    assert [await store.file_erased(one.digest, ALPHA) for one in (FILE, SHARED)] == [True, False], line
    assert await store.files_to_delete(NOW + timedelta(days=999), 0.0, 9) == [], line
    head = await store.log_head()
    leaves = await store.log_leaves(0, head.size)
    assert append(Frontier(), [leaf_hash(one) for one in leaves]).after == head, line
    assert (await store.balance()).difference == 0, line
    await store.close()
