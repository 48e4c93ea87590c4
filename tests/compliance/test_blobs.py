"""What every blob store promises (`lgsp.ports.Blobs`), and what a crash leaves of the one in a folder."""

import asyncio
import hashlib
import os
import re
import shutil
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from lgsp.blobs.directory import DirectoryBlobs
from lgsp.blobs.files import PIECE_BYTES
from lgsp.blobs.uploads import CHECKPOINT_BYTES, UploadFolder
from lgsp.errors import Unavailable
from lgsp.ports import BlobInfo, Blobs

OWNER = AgencyCode("H01.15")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
MAX_BYTES = 100 * 1024 * 1024

Open = Callable[[], Blobs]


@pytest.fixture(params=["directory"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again, as another process would."""
    return {"directory": lambda: DirectoryBlobs(tmp_path / "blobs", max_bytes=MAX_BYTES)}[request.param]


@pytest.fixture
def store(open_store: Open) -> Blobs:
    return open_store()


def digest_of(octets: bytes) -> str:
    return "sha256:" + hashlib.sha256(octets).hexdigest()


async def sending(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


class Broke(Exception):
    """The sender's connection."""


async def breaking(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise Broke


async def content(store: Blobs, digest: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(digest, start, end)])


async def new_upload(store: Blobs, length_bytes: int, **metadata: str) -> str:
    return (await store.create_upload(OWNER, length_bytes, metadata, NOW)).upload_id


async def stored(store: Blobs, *chunks: bytes) -> BlobInfo:
    """Uploaded in one go."""
    upload = await store.append(await new_upload(store, sum(map(len, chunks))), 0, sending(*chunks), None)
    info = await store.stat(upload.digest or "")
    assert info is not None
    return info


async def offset_of(store: Blobs, upload_id: str) -> int:
    upload = await store.upload(upload_id)
    assert upload is not None
    return upload.offset_bytes


def refused(code: str) -> Any:
    return pytest.raises(ContractError, match=re.escape(code))


async def test_an_upload_in_one_go(store: Blobs) -> None:
    """All bytes at once: the upload is complete, bears its digest, and the blob can be read."""
    upload_id = await new_upload(store, 5, filename="a.pdf")
    upload = await store.append(upload_id, 0, sending(b"he", b"llo"), None)
    assert (upload.offset_bytes, upload.digest, upload.metadata) == (5, digest_of(b"hello"), {"filename": "a.pdf"})
    assert await content(store, digest_of(b"hello")) == b"hello"
    info = await store.stat(digest_of(b"hello"))
    assert info is not None and info.size_bytes == 5


async def test_a_new_upload_stands_at_zero(store: Blobs, open_store: Open) -> None:
    """What was created is known to other processes, with owner, time and metadata, and has no digest yet."""
    created = await store.create_upload(OWNER, 9, {"filename": "đơn.pdf"}, NOW)
    found = await open_store().upload(created.upload_id)
    assert found == created
    assert (created.owner, created.length_bytes, created.offset_bytes, created.created_at, created.digest) == (
        OWNER,
        9,
        0,
        NOW,
        None,
    )


async def test_an_empty_file_is_a_file(store: Blobs) -> None:
    """A file of no bytes is complete with the first, empty append."""
    upload = await store.append(await new_upload(store, 0), 0, sending(), None)
    assert upload.digest == digest_of(b"")
    assert await content(store, digest_of(b"")) == b""


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=2000),
    st.lists(st.tuples(st.integers(0, 700), st.booleans(), st.booleans()), max_size=8),
    st.integers(1, 99),
)
@example(b"x" * 1000, [(500, True, True)], 7)
async def test_any_chunking_gives_the_same_file(
    open_store: Open, octets: bytes, attempts: list[tuple[int, bool, bool]], size: int
) -> None:
    """Chunks of any size, broken connections and restarts in between: the blob is what was sent."""
    store = open_store()
    upload_id = await new_upload(store, len(octets), digest=digest_of(octets))
    for count, breaks, restarts in [*attempts, (len(octets), False, False)]:
        if restarts:
            store = open_store()
        upload = await store.upload(upload_id)
        assert upload is not None
        if upload.digest is not None:
            break
        part = octets[upload.offset_bytes : upload.offset_bytes + count]
        chunks = [part[place : place + size] for place in range(0, len(part), size)]
        if breaks:
            with pytest.raises(Broke):
                await store.append(upload_id, upload.offset_bytes, breaking(*chunks), None)
        else:
            await store.append(upload_id, upload.offset_bytes, sending(*chunks), None)
        assert await offset_of(store, upload_id) == upload.offset_bytes + len(part)
    assert await content(store, digest_of(octets)) == octets


@pytest.mark.parametrize("offset", [0, 2, 4, 99, -1])
async def test_only_the_true_offset_is_accepted(store: Blobs, offset: int) -> None:
    """Another offset than where the upload stands is refused and changes nothing."""
    upload_id = await new_upload(store, 9)
    await store.append(upload_id, 0, sending(b"abc"), None)
    with refused("upload.offset_mismatch"):
        await store.append(upload_id, offset, sending(b"zzz"), None)
    assert await offset_of(store, upload_id) == 3
    done = await store.append(upload_id, 3, sending(b"defghi"), None)
    assert done.digest == digest_of(b"abcdefghi")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_chunk_with_a_wrong_checksum_leaves_nothing(store: Blobs, algorithm: Any) -> None:
    """All or nothing: after a mismatch the offset is the old one, and the right chunk goes through."""
    upload_id = await new_upload(store, 6)
    await store.append(upload_id, 0, sending(b"abc"), (algorithm, hashlib.new(algorithm, b"abc").digest()))
    with refused("upload.checksum_mismatch"):
        await store.append(upload_id, 3, sending(b"dXf"), (algorithm, hashlib.new(algorithm, b"def").digest()))
    assert await offset_of(store, upload_id) == 3
    done = await store.append(upload_id, 3, sending(b"d", b"ef"), (algorithm, hashlib.new(algorithm, b"def").digest()))
    assert done.digest == digest_of(b"abcdef")


async def test_a_broken_connection_keeps_what_came(store: Blobs, open_store: Open) -> None:
    """Bytes before the break count, for this process and for others."""
    upload_id = await new_upload(store, 6)
    with pytest.raises(Broke):
        await store.append(upload_id, 0, breaking(b"ab", b"c"), None)
    assert await offset_of(open_store(), upload_id) == 3
    assert (await open_store().append(upload_id, 3, sending(b"def"), None)).digest == digest_of(b"abcdef")


async def test_a_broken_connection_with_checksum_keeps_nothing(store: Blobs) -> None:
    """A chunk that should have been checked as a whole counts as a whole or not at all, however long it is."""
    octets = b"x" * (CHECKPOINT_BYTES + PIECE_BYTES + 1)
    upload_id = await new_upload(store, len(octets) + 1)
    with pytest.raises(Broke):
        await store.append(upload_id, 0, breaking(octets), ("sha256", hashlib.sha256(octets).digest()))
    assert await offset_of(store, upload_id) == 0


async def test_a_break_after_the_last_byte_completes(store: Blobs) -> None:
    """When all bytes came before the connection broke, the upload is complete."""
    upload_id = await new_upload(store, 3)
    with pytest.raises(Broke):
        await store.append(upload_id, 0, breaking(b"abc"), None)
    upload = await store.upload(upload_id)
    assert upload is not None and upload.digest == digest_of(b"abc")
    assert await content(store, digest_of(b"abc")) == b"abc"


async def test_a_cancelled_request_keeps_what_came_and_lets_others_in(store: Blobs) -> None:
    """Cancelling the task that appends is like a broken connection."""
    upload_id = await new_upload(store, 6)
    waiting = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"abc"
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.append(upload_id, 0, stalling(), None))
    await asyncio.wait_for(waiting.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await offset_of(store, upload_id) == 3
    assert (await store.append(upload_id, 3, sending(b"def"), None)).digest == digest_of(b"abcdef")


@pytest.mark.parametrize("apart", [False, True], ids=["same process", "another process"])
async def test_two_cannot_write_at_once(store: Blobs, open_store: Open, apart: bool) -> None:
    """While one request appends, a second one and a cancellation are refused as locked; afterwards they are not."""
    other = open_store() if apart else store
    upload_id = await new_upload(store, 6)
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"abc"
        started.set()
        await go_on.wait()

    task = asyncio.create_task(store.append(upload_id, 0, slowly(), None))
    await asyncio.wait_for(started.wait(), 10)
    with refused("upload.locked"):
        await other.append(upload_id, 0, sending(b"zzz"), None)
    with refused("upload.locked"):
        await other.cancel_upload(upload_id)
    assert await other.sweep_uploads(NOW + timedelta(days=1)) == 0
    go_on.set()
    assert (await task).offset_bytes == 3
    assert (await other.append(upload_id, 3, sending(b"def"), None)).digest == digest_of(b"abcdef")


async def test_processes_may_take_turns(store: Blobs, open_store: Open) -> None:
    """Chunks of one upload may meet different processes: each goes on from what the others wrote."""
    other = open_store()
    upload_id = await new_upload(store, 8)
    await store.append(upload_id, 0, sending(b"00"), None)
    await other.append(upload_id, 2, sending(b"11"), None)
    await other.append(upload_id, 4, sending(b"22"), None)
    upload = await store.append(upload_id, 6, sending(b"33"), None)
    assert upload.digest == digest_of(b"00112233")


async def test_a_chunk_that_failed_late_does_not_spoil_the_digest(store: Blobs) -> None:
    """After a long chunk of which only the beginning counts, the rest gives the digest of what was kept."""
    octets = os.urandom(CHECKPOINT_BYTES + PIECE_BYTES * 3)
    upload_id = await new_upload(store, len(octets))
    with refused("attachment.too_large"):
        await store.append(upload_id, 0, sending(octets[:-PIECE_BYTES], b"x" * PIECE_BYTES, b"x" * PIECE_BYTES), None)
    kept = await offset_of(store, upload_id)
    assert 0 < kept < len(octets)
    done = await store.append(upload_id, kept, sending(octets[kept:]), None)
    assert done.digest == digest_of(octets)


@pytest.mark.parametrize("size", [4, PIECE_BYTES * 2])
async def test_more_than_announced_is_refused(store: Blobs, size: int) -> None:
    """Bytes beyond the length do not count, and the upload can still be finished properly."""
    upload_id = await new_upload(store, 3)
    with refused("attachment.too_large"):
        await store.append(upload_id, 0, sending(b"x" * size), None)
    assert await offset_of(store, upload_id) == 0
    assert (await store.append(upload_id, 0, sending(b"abc"), None)).digest == digest_of(b"abc")
    with refused("attachment.too_large"):
        await store.append(upload_id, 3, sending(b"d"), None)
    assert await content(store, digest_of(b"abc")) == b"abc"


async def test_files_above_the_limit_are_refused(store: Blobs) -> None:
    """Before a byte of them is sent."""
    with refused("attachment.too_large"):
        await store.create_upload(OWNER, MAX_BYTES + 1, {}, NOW)


async def test_a_promised_digest_is_checked(store: Blobs) -> None:
    """Bytes that do not have the digest announced are not kept, and neither is the upload; those that have are."""
    upload_id = await new_upload(store, 3, digest=digest_of(b"abc"))
    with refused("attachment.digest_mismatch"):
        await store.append(upload_id, 0, sending(b"abd"), None)
    assert await store.upload(upload_id) is None
    assert await store.stat(digest_of(b"abd")) is None
    upload_id = await new_upload(store, 3, digest=digest_of(b"abc"))
    assert (await store.append(upload_id, 0, sending(b"abc"), None)).digest == digest_of(b"abc")


async def test_a_complete_upload_is_still_known(store: Blobs, open_store: Open) -> None:
    """The sender whose answer was lost learns that its file is there; an empty append repeats the answer."""
    upload_id = await new_upload(store, 3)
    done = await store.append(upload_id, 0, sending(b"abc"), None)
    assert await open_store().upload(upload_id) == done
    assert await store.append(upload_id, 3, sending(), None) == done


async def test_the_same_content_twice_is_one_blob(store: Blobs) -> None:
    """Uploading what is there already is fine and changes nothing."""
    first = await stored(store, b"a", b"bc")
    assert first == await stored(store, b"abc")
    assert first.size_bytes == 3
    assert await content(store, first.digest) == b"abc"


async def test_a_cancelled_upload_is_gone(store: Blobs) -> None:
    """After cancelling, the id is unknown to everything."""
    upload_id = await new_upload(store, 6)
    await store.append(upload_id, 0, sending(b"abc"), None)
    await store.cancel_upload(upload_id)
    assert await store.upload(upload_id) is None
    with refused("upload.unknown"):
        await store.append(upload_id, 3, sending(b"def"), None)
    with refused("upload.unknown"):
        await store.cancel_upload(upload_id)


BAD_IDS = ["", ".", "..", "../../etc/passwd", "a", "/", "x" * 43 + "/..", "x" * 42 + "\0", "x" * 43, "%2e%2e", "a" * 5000]


@pytest.mark.parametrize("upload_id", BAD_IDS)
async def test_foreign_ids_lead_nowhere(store: Blobs, upload_id: str) -> None:
    """Ids that were never given out, paths above all, are unknown."""
    assert await store.upload(upload_id) is None
    with refused("upload.unknown"):
        await store.append(upload_id, 0, sending(b"x"), None)
    with refused("upload.unknown"):
        await store.cancel_upload(upload_id)


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "sha256:../../../etc/passwd", "sha1:" + "a" * 40, "sha256:" + "A" * 64, digest_of(b"never stored")]
)
async def test_foreign_digests_lead_nowhere(store: Blobs, digest: str) -> None:
    """Digests of nothing, paths above all, are unknown."""
    assert await store.stat(digest) is None
    with refused("attachment.unknown"):
        await content(store, digest)


async def test_a_blob_is_lent_as_a_file(store: Blobs) -> None:
    """For programs that read files; what was never stored, and paths above all, cannot be borrowed."""
    info = await stored(store, b"a paper")
    async with store.as_file(info.digest) as path:
        assert path.read_bytes() == b"a paper"
    for digest in ("sha256:../../../etc/passwd", digest_of(b"never stored")):
        with refused("attachment.unknown"):
            async with store.as_file(digest):
                pass


async def test_ids_cannot_be_guessed(store: Blobs) -> None:
    """Ids are different, long, and fit for an URL."""
    ids = {await new_upload(store, 1) for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"[0-9A-Za-z_-]{43}", one) for one in ids)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, PIECE_BYTES * 2 + 9), st.none() | st.integers(0, PIECE_BYTES * 2 + 9))
@example(0, 0)
@example(PIECE_BYTES, PIECE_BYTES)
async def test_any_part_can_be_read(open_store: Open, start: int, end: int | None) -> None:
    """Reading from start to end gives that slice, empty when there is none."""
    octets = bytes(range(256)) * (PIECE_BYTES * 2 // 256) + b"end"
    store = open_store()
    info = await stored(store, octets)
    assert await content(store, info.digest, start, end) == octets[start:end]


async def test_old_unfinished_uploads_are_swept(store: Blobs) -> None:
    """Sweeping removes unfinished uploads created before, and no blob."""
    old = await new_upload(store, 6)
    await store.append(old, 0, sending(b"abc"), None)
    finished = await store.append(await new_upload(store, 3), 0, sending(b"xyz"), None)
    young = (await store.create_upload(OWNER, 6, {}, NOW + timedelta(hours=2))).upload_id
    assert await store.sweep_uploads(NOW + timedelta(hours=1)) == 1
    assert await store.upload(old) is None
    assert await store.upload(young) is not None
    assert finished.digest is not None
    assert await content(store, finished.digest) == b"xyz"
    assert await store.sweep_uploads(NOW + timedelta(hours=1)) == 0


async def test_room_left_is_told(store: Blobs) -> None:
    """A store on a disk says how much room there is."""
    free_bytes = await store.free_bytes()
    assert free_bytes is not None and free_bytes > 0


async def test_large_files_need_constant_memory(store: Blobs) -> None:
    """64 MB go in and out with less than 8 MB of memory."""
    chunk, count = os.urandom(256 * 1024), 256

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield bytes(chunk)

    upload_id = await new_upload(store, len(chunk) * count)
    tracemalloc.start()
    try:
        done = await store.append(upload_id, 0, endless(), None)
        assert done.digest is not None
        size = 0
        async for piece in store.read(done.digest):
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == len(chunk) * count
    assert peak < 8 * 1024 * 1024


class Killed(BaseException):
    """The process died here."""


class Mortal:
    """Lets a process die at its n-th step on the disk: that step and all later ones do not happen."""

    STEPS: Sequence[tuple[Any, str]] = (
        (os, "fsync"),
        (os, "write"),
        (os, "ftruncate"),
        (Path, "mkdir"),
        (Path, "replace"),
        (Path, "hardlink_to"),
        (Path, "unlink"),
        (Path, "chmod"),
    )

    def __init__(self, monkeypatch: pytest.MonkeyPatch, dies_at: int) -> None:
        self.steps = 0
        self._dies_at = dies_at
        for owner, name in self.STEPS:
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.steps += 1
            if self.steps >= self._dies_at:
                raise Killed
            return step(*args, **kwargs)

        return counted


def deaths() -> Iterator[int]:
    return iter(range(1, 60))


async def test_killed_at_any_step_an_upload_can_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the process dies, the next one goes on from the offset it tells and ends with the whole file, once."""
    octets = bytes(range(250)) * 4
    for dies_at in deaths():
        root = tmp_path / str(dies_at)
        upload_id = await new_upload(DirectoryBlobs(root, max_bytes=MAX_BYTES), 1000, digest=digest_of(octets))
        dying = DirectoryBlobs(root, max_bytes=MAX_BYTES)
        survived = False
        with monkeypatch.context() as patch:
            Mortal(patch, dies_at)
            try:
                await dying.append(upload_id, 0, sending(octets[:400]), None)
                await dying.append(upload_id, 400, sending(octets[400:]), None)
                survived = True
            except Killed:
                pass
        store = DirectoryBlobs(root, max_bytes=MAX_BYTES)
        upload = await store.upload(upload_id)
        assert upload is not None and upload.offset_bytes in (0, 400, 1000)
        blob = await store.stat(digest_of(octets))
        assert (upload.digest is not None) == (blob is not None) == (upload.offset_bytes == 1000)
        if upload.digest is None:
            upload = await store.append(upload_id, upload.offset_bytes, sending(octets[upload.offset_bytes :]), None)
        assert upload.digest == digest_of(octets)
        assert await content(store, upload.digest) == octets
        assert not (root / "uploads" / upload_id / "data").exists()
        if survived:
            assert dies_at > 10  # the steps were counted
            return
    raise AssertionError("more steps than tried")


async def test_killed_while_creating_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that was never confirmed may be half there: it is unknown or empty, and the sweeper takes it away."""
    for dies_at in deaths():
        root = tmp_path / str(dies_at)
        dying = DirectoryBlobs(root, max_bytes=MAX_BYTES)
        survived = False
        with monkeypatch.context() as patch:
            Mortal(patch, dies_at)
            try:
                await new_upload(dying, 5)
                survived = True
            except Killed:
                pass
        store = DirectoryBlobs(root, max_bytes=MAX_BYTES)
        for folder in (root / "uploads").iterdir():
            upload = await store.upload(folder.name)
            assert upload is None or upload.offset_bytes == 0
        await store.sweep_uploads(datetime.now(UTC) + timedelta(hours=1))
        assert list((root / "uploads").iterdir()) == []
        if survived:
            return
    raise AssertionError("more steps than tried")


async def test_bytes_never_recorded_do_not_count(tmp_path: Path) -> None:
    """What a crash left in the file beyond the recorded offset is cut off, not trusted."""
    store = DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES)
    upload_id = await new_upload(store, 6)
    await store.append(upload_id, 0, sending(b"abc"), None)
    with (tmp_path / "uploads" / upload_id / "data").open("ab") as data:
        data.write(b"garbage that is longer than the rest")
    fresh = DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES)
    assert (await fresh.append(upload_id, 3, sending(b"def"), None)).digest == digest_of(b"abcdef")
    assert await content(fresh, digest_of(b"abcdef")) == b"abcdef"


async def test_a_killed_process_costs_no_more_than_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one long chunk the offset is recorded now and then, so that a sender on a slow line does not begin anew."""
    store = DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES)
    upload_id = await new_upload(store, CHECKPOINT_BYTES * 3)

    async def until_killed() -> AsyncIterator[bytes]:
        for _ in range(CHECKPOINT_BYTES * 2 // PIECE_BYTES):
            yield b"x" * PIECE_BYTES
        Mortal(monkeypatch, 1)
        yield b"y"

    with pytest.raises(Killed):
        await store.append(upload_id, 0, until_killed(), None)
    monkeypatch.undo()
    assert await offset_of(DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES), upload_id) == CHECKPOINT_BYTES * 2


async def test_bytes_that_vanished_are_noticed(tmp_path: Path) -> None:
    """A file shorter than recorded is trouble with the disk, not a shorter upload."""
    store = DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES)
    upload_id = await new_upload(store, 6)
    await store.append(upload_id, 0, sending(b"abc"), None)
    os.truncate(tmp_path / "uploads" / upload_id / "data", 1)
    with pytest.raises(Unavailable, match="shorter than recorded"):
        await DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES).append(upload_id, 3, sending(b"def"), None)


async def test_a_damaged_record_is_told_and_swept(tmp_path: Path) -> None:
    """A record that cannot be read is Unavailable to its owner and does not stop the sweeper."""
    store = DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES)
    upload_id, other = await new_upload(store, 6), await new_upload(store, 6)
    (tmp_path / "uploads" / upload_id / "meta.json").write_bytes(b"{")
    with pytest.raises(Unavailable, match="damaged"):
        await store.upload(upload_id)
    await store.sweep_uploads(datetime.now(UTC) + timedelta(hours=1))
    assert list((tmp_path / "uploads").iterdir()) == []
    assert await store.upload(other) is None


async def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room raises Unavailable, what was recorded stays, and the upload goes on when there is room again."""
    store = DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES)
    upload_id = await new_upload(store, 6)
    await store.append(upload_id, 0, sending(b"abc"), None)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(Unavailable, match="No space left"):
            await store.append(upload_id, 3, sending(b"def"), None)
    assert (await store.append(upload_id, 3, sending(b"def"), None)).digest == digest_of(b"abcdef")


async def test_a_blob_is_written_once(tmp_path: Path) -> None:
    """Storing the same content again does not touch the file, which nobody may write to."""
    store = DirectoryBlobs(tmp_path, max_bytes=MAX_BYTES)
    info = await stored(store, b"abc")
    [blob] = [path for path in (tmp_path / "sha256").rglob("*") if path.is_file()]
    before = blob.stat()
    await stored(store, b"abc")
    assert blob.stat().st_ino == before.st_ino and blob.stat().st_nlink == 1
    assert blob.stat().st_mode & 0o222 == 0
    hexadecimal = info.digest.removeprefix("sha256:")
    assert blob.relative_to(tmp_path).parts == ("sha256", hexadecimal[:2], hexadecimal[2:4], hexadecimal)


async def test_two_sweepers_at_once_do_not_stumble_over_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process removes the upload between the opening of its lock file and the look at it: gone is gone."""
    store = DirectoryBlobs(tmp_path / "blobs", max_bytes=MAX_BYTES)
    uploads = [await store.create_upload(OWNER, 10, {}, NOW) for _ in range(2)]
    lock = UploadFolder.lock

    def too_late(folder: UploadFolder) -> int:
        descriptor = lock(folder)
        if folder.path.name == uploads[0].upload_id:
            shutil.rmtree(folder.path)
        return descriptor

    monkeypatch.setattr(UploadFolder, "lock", too_late)
    assert await store.sweep_uploads(NOW + timedelta(hours=1)) == 1


async def test_a_deleted_blob_is_gone_and_may_come_again(store: Blobs, open_store: Open) -> None:
    """For every process; deleting it again does nothing, and who was reading it reads on."""
    digest = (await stored(store, b"personal")).digest
    other = open_store()
    reading = other.read(digest, 0, 4)
    assert await anext(reading) == b"pers"
    assert [await store.delete(digest), await other.delete(digest)] == [True, False]
    assert await other.stat(digest) is None
    assert not await store.delete("sha256:../../etc/passwd")
    assert (await stored(store, b"personal")).digest == digest
    assert await other.stat(digest) is not None
