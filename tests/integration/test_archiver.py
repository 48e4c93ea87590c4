"""Archiving: every envelope in exactly one file, whatever happens in between; and files that can be checked without the hub."""

import asyncio
import hashlib
import sys
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.agency import AgencyCode
from contracts.envelope import Attachment
from lgsp.archive.archiver import Archiver, ArchiveUnusable
from lgsp.archive.checking import check_folder, unlike
from lgsp.archive.hook import Hook, HookFailed
from lgsp.archive.reader import ArchiveFile, archives_in
from lgsp.blobs.directory import DirectoryBlobs
from lgsp.core.archive import file_name, read_manifest
from lgsp.core.lifecycle import State
from lgsp.core.log import record
from lgsp.errors import ArchiveUnderWay
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Archive, Erasure, Settlement, Store
from tests.compliance.builders import LEASE_S, NOW, admitted
from tests.compliance.signatures_suite import CERTIFICATE, examined
from tests.compliance.test_blobs import OWNER, sending
from tests.killing import killed_at
from tests.thorough import much

HUB = AgencyCode("H01")
LATER = NOW + timedelta(days=1)
CODE = ("/lgsp/archive/", "/keeping.py")
PHOTO = b"a photograph " * 10_000
DIGEST = "sha256:" + hashlib.sha256(PHOTO).hexdigest()
FILE = Attachment(digest=DIGEST, size_bytes=len(PHOTO))


def archiver(store: Store, folder: Path, hook: Hook | None = None, **limits: Any) -> Archiver:
    values: dict[str, Any] = {"max_envelopes": 3, "max_bytes": 1_000_000, "with_files": True} | limits
    blobs = DirectoryBlobs(folder / "blobs", max_bytes=10_000_000)
    return Archiver(store, blobs, folder / "archive", HUB, hook, lambda: datetime.now(UTC), **values)


async def fill(store: Store, folder: Path, envelopes: int = 7) -> None:
    """Delivered but for the fourth, which is open; the second is signed, the third has a file."""
    blobs = DirectoryBlobs(folder / "blobs", max_bytes=10_000_000)
    upload = await blobs.create_upload(OWNER, len(PHOTO), {}, NOW)
    await blobs.append(upload.upload_id, 0, sending(PHOTO), None)
    batch = [
        admitted(f"m{n}", examined=examined(CERTIFICATE) if n == 2 else None, attachments=[FILE] if n == 3 else [])
        for n in range(1, envelopes + 1)
    ]
    await store.accept(batch, NOW, LEASE_S)
    ends = [Settlement(delivery_id=n, state=State.DELIVERED, detail="thanks") for n in range(1, envelopes + 1) if n != 4]
    await store.settle(ends, NOW, LEASE_S)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore.open(tmp_path / "journal.db", timeout_s=10)
    await fill(opened, tmp_path)
    yield opened
    await opened.close()


async def export(one: Archiver) -> list[Archive]:
    return [archive async for archive in one.until(LATER)]


def sequences_in(folder: Path) -> list[int]:
    found: list[int] = []
    for path in archives_in(folder):
        with ArchiveFile.open(path) as opened:
            found += [one.sequence for one in opened.manifest.envelopes]
    return found


async def test_everything_that_has_come_to_its_end_is_archived_once(store: Store, tmp_path: Path) -> None:
    """In files of so many; the open one waits for its end. The journal and the log know each file."""
    written = await export(archiver(store, tmp_path))
    assert [(one.number, one.envelopes) for one in written] == [(1, 3), (2, 3)]
    assert sequences_in(tmp_path / "archive") == [1, 2, 3, 5, 6, 7]
    checked = check_folder(tmp_path / "archive")
    assert (checked.is_sound, checked.files, checked.envelopes, checked.last) == (True, 2, 6, written[-1].sha256)
    assert [one.archive for one in await store.kept(0, 9, NOW)] == [1, 1, 1, None, 2, 2, 2]
    head = await store.log_head()
    told = record.decode((await store.log_leaves(head.size - 1, 1))[0])
    assert isinstance(told, record.Action)
    assert (told.name, told.subject, told.digest) == ("archived", "2", written[-1].sha256)
    assert await export(archiver(store, tmp_path)) == []
    await store.settle([Settlement(delivery_id=4, state=State.DELIVERED)], NOW, LEASE_S)
    assert [one.envelopes for one in await export(archiver(store, tmp_path))] == [1]
    assert check_folder(tmp_path / "archive").is_sound


async def test_a_file_has_octets_evidence_and_attachments(store: Store, tmp_path: Path) -> None:
    """Each as its digest says; an attachment only where the settings want it."""
    await export(archiver(store, tmp_path))
    with ArchiveFile.open(tmp_path / "archive" / file_name(1)) as opened:
        assert opened.read("envelopes/3/body") == b'{"a": 1}'
        assert opened.read(f"attachments/{DIGEST.removeprefix('sha256:')}") == PHOTO
        assert opened.read(f"evidence/{CERTIFICATE.digest.removeprefix('sha256:')}") == CERTIFICATE.octets
        assert opened.has("envelopes/2/examination.json")
        assert not opened.has("envelopes/3/examination.json")


async def test_attachments_may_be_named_only(store: Store, tmp_path: Path) -> None:
    await export(archiver(store, tmp_path, with_files=False))
    with ArchiveFile.open(tmp_path / "archive" / file_name(1)) as opened:
        assert not opened.has(f"attachments/{DIGEST.removeprefix('sha256:')}")
    assert check_folder(tmp_path / "archive").is_sound


async def test_what_was_erased_before_is_archived_without_its_body(store: Store, tmp_path: Path) -> None:
    """Everything that proves it still goes in."""
    await store.erase([Erasure(sequence=1, reason="retention", detail="a rule")], NOW)
    await export(archiver(store, tmp_path))
    with ArchiveFile.open(tmp_path / "archive" / file_name(1)) as opened:
        assert not opened.has("envelopes/1/body")
        assert b"body_erased" in opened.read("envelopes/1/record.json")
    assert check_folder(tmp_path / "archive").is_sound


async def test_a_hook_that_fails_stops_and_the_same_file_is_offered_again(store: Store, tmp_path: Path) -> None:
    """Nothing counts as archived before it was taken over; meanwhile no second file is begun."""
    room = tmp_path / "room"
    taken = Hook.of(f"{sys.executable} -c 'import os, shutil, sys; shutil.copy(sys.argv[2], sys.argv[1])' {room}/", 60)
    with pytest.raises(HookFailed):
        await export(archiver(store, tmp_path, taken))
    before = (tmp_path / "archive" / file_name(1)).read_bytes()
    assert [one.archive for one in await store.kept(0, 9, NOW)] == [None] * 7
    with pytest.raises(HookFailed):
        await export(archiver(store, tmp_path, taken))
    room.mkdir()
    assert [one.number for one in await export(archiver(store, tmp_path, taken))] == [1, 2]
    assert (room / file_name(1)).read_bytes() == before
    assert check_folder(room).is_sound
    assert list(unlike(room, {one.number: str(one.sha256) for one in await store.archives(9)})) == []


async def test_what_was_begun_goes_on_in_its_own_folder(store: Store, tmp_path: Path) -> None:
    """Or nobody would know where the file is."""
    with pytest.raises(HookFailed):
        await export(archiver(store, tmp_path, Hook(("false",), 60)))
    elsewhere = Archiver(
        store,
        DirectoryBlobs(tmp_path / "blobs", max_bytes=1),
        tmp_path / "elsewhere",
        HUB,
        None,
        lambda: NOW,
        max_envelopes=3,
        max_bytes=1,
        with_files=False,
    )
    with pytest.raises(ArchiveUnderWay, match=str(tmp_path / "archive")):
        await export(elsewhere)


async def test_a_strange_file_in_its_place_is_not_taken_for_it(store: Store, tmp_path: Path) -> None:
    """It says what to do instead of writing over it."""
    with pytest.raises(HookFailed):
        await export(archiver(store, tmp_path, Hook(("false",), 60)))
    (tmp_path / "archive" / file_name(1)).write_bytes(b"something else")
    with pytest.raises(ArchiveUnusable, match="move it away"):
        await export(archiver(store, tmp_path))
    (tmp_path / "archive" / file_name(1)).unlink()
    assert [one.number for one in await export(archiver(store, tmp_path))] == [1, 2]


async def test_what_was_changed_in_an_archive_is_named(store: Store, tmp_path: Path) -> None:
    """Also where the manifest was made to fit: the receipt's digest, the leaves of the log and the journal do not."""
    await export(archiver(store, tmp_path))
    path = tmp_path / "archive" / file_name(2)
    with zipfile.ZipFile(path) as before:
        members = {name: before.read(name) for name in before.namelist()}
    for name, old, new, told in (
        ("envelopes/5/body", b"1", b"2", "do not have the digest of the receipt"),
        ("envelopes/6/record.json", b"thanks", b"thinks", "tells other words than the event delivered"),
        ("envelopes/7/header.json", b"case.file", b"case.life", "do not have the digest of the receipt"),
    ):
        forged = members | {name: members[name].replace(old, new)}
        manifest = read_manifest(members["manifest.json"])
        sha256 = f"sha256:{hashlib.sha256(forged[name]).hexdigest()}"
        fitting = [msgspec.structs.replace(one, sha256=sha256) if one.name == name else one for one in manifest.members]
        forged["manifest.json"] = msgspec.structs.replace(manifest, members=tuple(fitting)).octets
        with zipfile.ZipFile(path, "w") as after:
            for one, octets in forged.items():
                after.writestr(one, octets)
        checked = check_folder(tmp_path / "archive")
        assert any(told in one for _, one in checked.problems), (told, checked.problems)
        expected = {one.number: str(one.sha256) for one in await store.archives(9)}
        assert [name for name, _ in unlike(tmp_path / "archive", expected)] == [path.name]
    path.unlink()
    assert [name for name, _ in unlike(tmp_path / "archive", expected)] == ["number 2"]


# killed


def test_killed_on_any_line_it_goes_on_without_a_hole_or_a_double(tmp_path: Path) -> None:
    """kill -9 on every 47th line of what archives; whoever comes next ends it. Each envelope is in one file, each file in the
    chain, and the hook got every file, some twice."""
    asyncio.run(_prepared(tmp_path))
    kills = 0
    for line in range(3, 4000, much(47, 101)):
        folder = tmp_path / str(line)
        folder.mkdir()
        (folder / "room").mkdir()
        (folder / "journal.db").write_bytes((tmp_path / "journal.db").read_bytes())
        died = killed_at(line, CODE, _archive, folder)
        kills += died
        assert killed_at(None, CODE, _archive, folder) is False
        checked = check_folder(folder / "archive")
        assert checked.is_sound, (line, checked)
        assert sequences_in(folder / "archive") == [1, 2, 3, 5, 6, 7], line
        assert check_folder(folder / "room").last == checked.last, line
        assert not list((folder / "archive").glob(".*.draft")), line
        if not died:
            break
    assert kills > much(8, 3), kills


async def _prepared(folder: Path) -> None:
    store = SqliteStore.open(folder / "journal.db", timeout_s=10)
    await fill(store, folder)
    await store.close()


async def _archive(folder: Path) -> None:
    store = SqliteStore.open(folder / "journal.db", timeout_s=10)
    hook = Hook(("cp", "-t", str(folder / "room")), 60)
    await export(archiver(store, folder, hook))
    await store.close()
