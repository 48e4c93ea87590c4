"""Archive files: what is written comes back, whatever is changed is named, and one hangs on the other."""

import os
import random
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from contracts.agency import AgencyCode
from lgsp.archive.hook import Hook, HookFailed
from lgsp.archive.reader import ArchiveFile, archives_in, link_of
from lgsp.archive.writer import ArchiveWriter
from lgsp.core.archive import ArchiveInvalid, Entry, Link, Manifest, Room, breaks, file_name, number_of, read_manifest
from tests.unit.test_core_retention import kept

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HUB = AgencyCode("H01")
BODY = b'{"a": 1}' * 1000


def entry(sequence: int) -> Entry:
    return Entry(sequence=sequence, sender=AgencyCode("H01.15"), message_id=f"m-{sequence}", digest="sha256:00")


def write(folder: Path, number: int, previous: str | None = None, *sequences: int, hub: AgencyCode = HUB) -> Path:
    writer = ArchiveWriter(folder, number)
    for sequence in sequences or (number,):
        writer.add(f"envelopes/{sequence}/body", (BODY, b"end"))
        writer.add(f"envelopes/{sequence}/record.json", (b"{}",), packed=False)
    return writer.finish(hub, previous, NOW, [entry(one) for one in sequences or (number,)])


def chain(folder: Path, files: int) -> list[Link]:
    previous = None
    for number in range(1, files + 1):
        previous = link_of(write(folder, number, previous)).sha256
    return [link_of(path) for path in archives_in(folder)]


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    """Members octet for octet, and every one of them in the manifest."""
    with ArchiveFile.open(write(tmp_path, 7, None, 3, 5)) as found:
        assert list(found.problems()) == []
        assert found.read("envelopes/3/body") == BODY + b"end"
        assert found.manifest.envelopes == (entry(3), entry(5))
        assert (found.manifest.number, found.manifest.previous, found.manifest.made_at) == (7, None, NOW)


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    """A process that dies while it writes leaves a draft, which the next one writes over."""
    writer = ArchiveWriter(tmp_path, 1)
    writer.add("envelopes/1/body", (os.urandom(1_000_000),))
    assert archives_in(tmp_path) == []
    write(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["lgsp-000001.zip"]


def test_what_could_not_be_written_is_taken_away(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path, 1)
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    """By its members where it is one of theirs, and by the digest of the file, which the next file and the log name, wherever."""
    path = write(tmp_path, 1)
    octets, before = path.read_bytes(), link_of(path).sha256
    draw = random.Random(5)
    for place in sorted(draw.sample(range(len(octets)), 300)):
        changed = bytearray(octets)
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        try:
            with ArchiveFile.open(path) as found:
                told = list(found.problems())
            assert told or link_of(path).sha256 != before
        except ArchiveInvalid:
            pass


def test_a_changed_member_is_named(tmp_path: Path) -> None:
    """Also where the ZIP file itself was made anew around it; and so is one that was left out or put in."""
    path = write(tmp_path, 1)
    with zipfile.ZipFile(path) as before:
        members = {name: before.read(name) for name in before.namelist()}
    for change, told in (
        ({"envelopes/1/body": BODY + b"End"}, "envelopes/1/body: not the octets that the manifest names"),
        ({"envelopes/1/body": BODY + b"end and more"}, "envelopes/1/body: more than 8003 bytes"),
        ({"envelopes/1/extra": b""}, "envelopes/1/extra: not in the manifest"),
        ({"envelopes/1/body": None}, "envelopes/1/body: "),
    ):
        with zipfile.ZipFile(path, "w") as after:
            for name, octets in {**members, **change}.items():
                if octets is not None:
                    after.writestr(name, octets)
        with ArchiveFile.open(path) as found:
            assert any(one.startswith(told) for one in found.problems()), told


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    """No ZIP, a ZIP without a manifest, a manifest that is none, one that is named after another number."""
    path = tmp_path / "lgsp-000001.zip"
    path.write_bytes(b"PK nothing")
    with pytest.raises(ArchiveInvalid, match="no ZIP"):
        link_of(path)
    for members in ({}, {"manifest.json": b"{"}, {"manifest.json": b'{"v":1}'}):
        with zipfile.ZipFile(path, "w") as made:
            for name, octets in members.items():
                made.writestr(name, octets)
        with pytest.raises(ArchiveInvalid, match=r"manifest\.json"):
            link_of(path)
    write(tmp_path, 2).rename(path)
    with pytest.raises(ArchiveInvalid, match="number 2"):
        link_of(path)


def test_a_manifest_names_each_thing_once_and_in_order() -> None:
    with pytest.raises(ArchiveInvalid, match="not in their order"):
        read_manifest(Manifest(hub=HUB, number=1, previous=None, made_at=NOW, envelopes=(entry(2), entry(1)), members=()).octets)


def test_a_chain_holds_or_says_where_it_breaks(tmp_path: Path) -> None:
    """A file taken out, exchanged, of another hub, an envelope that is in two."""
    links = chain(tmp_path, 4)
    assert breaks(links) == []
    assert breaks(links[2:]) == []
    assert [(one.name, one.what) for one in breaks([links[0], links[2], links[3]])] == [(file_name(3), "missing")]
    swapped = msgspec.structs.replace(links[1], sha256="sha256:" + "0" * 64)
    assert [(one.name, one.what) for one in breaks([links[0], swapped, *links[2:]])] == [(file_name(3), "not_the_one_before")]
    foreign = msgspec.structs.replace(links[1].manifest, hub=AgencyCode("H02"), envelopes=(entry(1),))
    other = [links[0], msgspec.structs.replace(links[1], manifest=foreign)]
    assert [one.what for one in breaks(other)] == ["another_hub", "envelope_twice"]


def test_names_are_numbers_and_nothing_else() -> None:
    assert [number_of(file_name(number)) for number in (1, 999_999, 1_000_000)] == [1, 999_999, 1_000_000]
    assert [number_of(name) for name in ("lgsp-1.zip", "lgsp-0000001.zip", ".lgsp-000001.zip.draft", "x")] == [None] * 4


def test_a_file_takes_so_many_envelopes_and_so_many_bytes() -> None:
    """At least one, however large; attachments count where they go in."""

    def taken(max_envelopes: int, max_bytes: int, *, with_files: bool) -> int:
        room = Room(max_envelopes, max_bytes, with_files=with_files)
        found = [room.takes(kept(sequence=number, body_bytes=10)) for number in range(1, 6)]
        return found.index(False) if False in found else len(found)

    assert taken(3, 1000, with_files=True) == 3
    assert taken(9, 30, with_files=True) == 2
    assert taken(9, 30, with_files=False) == 3
    assert taken(9, 1, with_files=True) == 1


async def test_the_hook_gets_the_path_and_none_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings in the environment may be passwords."""
    monkeypatch.setenv("LGSP_AMQP_URL", "amqp://user:secret@host/")
    monkeypatch.setenv("KEPT", "yes")
    script = (
        "import os, sys;"
        "open(sys.argv[2], 'w').write(sys.argv[3] + str([n for n in os.environ if n.startswith(('LGSP_', 'KEPT'))]))"
    )
    told = tmp_path / "told"
    await Hook((sys.executable, "-c", script, "-", str(told)), 30).hand_over(tmp_path / "a.zip")
    assert told.read_text() == f"{tmp_path / 'a.zip'}['KEPT']"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("sh -c 'echo no room; exit 3'", "exit status 3: no room"),
        ("sh -c 'kill -9 $$'", "exit status -9"),
        ("/there/is/no/such", "No such file"),
        ("sh -c 'yes | head -c 1000000; exit 1'", "exit status 1"),
    ],
)
async def test_a_hook_that_does_not_take_over_says_why(command: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(HookFailed, match=told):
        await Hook.of(command, 30).hand_over(tmp_path / "a.zip")


async def test_a_hook_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """It has its time; afterwards nothing of it is left."""
    pid = tmp_path / "pid"
    hook = Hook.of(f"sh -c 'sleep 600 & echo $! > {pid}; wait'", 0.5)
    with pytest.raises(HookFailed, match="not done"):
        await hook.hand_over(tmp_path / "a.zip")
    child, end_at = int(pid.read_text()), time.monotonic() + 10
    while _runs(child) and time.monotonic() < end_at:
        pass
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
