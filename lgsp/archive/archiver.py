"""Archiving, one file after the other: reserved in the journal, written, taken over, noted. Killed anywhere, the next goes on.

reserved   the journal knows number, folder and envelopes: nobody else takes them
written    as a draft, fsync'd, named: what has its name is whole, and is never written again
taken over the hook said so; it may be asked once more about the same file
noted      with the file's SHA-256, in the journal and in a leaf of the log
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from lgsp.archive.content import add_envelope
from lgsp.archive.hook import Hook
from lgsp.archive.reader import link_of
from lgsp.archive.writer import ArchiveWriter, sha256_of
from lgsp.blobs.files import in_thread
from lgsp.core.archive import ArchiveInvalid, Entry, Room, file_name
from lgsp.core.retention import Kept
from lgsp.errors import ArchiveUnderWay, LgspError
from lgsp.flow.clock import loop_time
from lgsp.journal.codec import decode_examination
from lgsp.log import get_logger
from lgsp.ports import Archive, Blobs, Keepsake, Store

log = get_logger()

LOCK = "lock"  # in the folder, of who archives into it
_AT_ONCE = 500


class ArchiveUnusable(LgspError):
    """A file that stands where the next one should is not the one that was reserved."""


class Archiver:
    """`folder`: absolute; one at a time may work on it, the lock is its user's. `share`: of the time that reading and writing may
    take, beside traffic in the same process."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        folder: Path,
        hub: AgencyCode,
        hook: Hook | None,
        clock: Callable[[], datetime],
        *,
        max_envelopes: int,
        max_bytes: int,
        with_files: bool,
        share: float = 1.0,
    ) -> None:
        self._store, self._blobs, self._folder, self._hub = store, blobs, folder, hub
        self._hook, self._clock = hook, clock
        self._max_envelopes, self._max_bytes, self._with_files = max_envelopes, max_bytes, with_files
        self._share = share

    async def resume(self) -> Archive | None:
        """Ends what was begun, whoever began it; None: nothing was. Raises ArchiveUnderWay where that was in another folder, and
        as `archive` does."""
        found = await self._store.archive_under_way()
        if found is None:
            return None
        archive, sequences = found
        if archive.folder != str(self._folder):
            raise ArchiveUnderWay(archive.number, archive.folder)
        return await self._finish(archive, sequences)

    def room(self) -> Room:
        """Of a file that is still empty."""
        return Room(self._max_envelopes, self._max_bytes, with_files=self._with_files)

    async def archive(self, chosen: Sequence[Kept]) -> Archive:
        """As many as one file takes (`room`). Raises HookFailed, ArchiveUnusable, ArchiveUnderWay, OSError, Unavailable; `resume`
        then goes on with the same envelopes."""
        archive = await self._store.begin_archive([one.sequence for one in chosen], str(self._folder), self._clock())
        return await self.resume() or archive

    async def until(self, moment: datetime) -> AsyncIterator[Archive]:
        """Everything accepted before a moment that has come to its end, file after file; what was begun before comes first."""
        resumed = await self.resume()
        if resumed is not None:
            yield resumed
        room, waiting = self.room(), list[Kept]()
        async for one in self._candidates(moment):
            if not room.takes(one):
                yield await self.archive(waiting)
                room, waiting = self.room(), []
                room.takes(one)
            waiting.append(one)
        if waiting:
            yield await self.archive(waiting)

    async def _candidates(self, moment: datetime) -> AsyncIterator[Kept]:
        after = 0
        while found := await self._store.kept(after, _AT_ONCE, self._clock()):
            after = found[-1].sequence
            for one in found:
                if one.accepted_at < moment and one.barrier is None and one.archive is None:
                    yield one

    async def _finish(self, archive: Archive, sequences: Sequence[int]) -> Archive:
        path = self._folder / file_name(archive.number)
        if await in_thread(path.exists):
            await in_thread(_check_reserved, path, archive, sequences)
        else:
            await self._write(archive, sequences)
        if self._hook is not None:
            await self._hook.hand_over(path)
        sha256 = await in_thread(sha256_of, path)
        done = await self._store.end_archive(archive.number, sha256, self._clock())
        if done.sha256 != sha256:
            raise ArchiveUnusable(f"{path}: another machine wrote this file too, into a folder of its own; its file counts")
        log.info("archive.written", number=done.number, envelopes=done.envelopes, digest=sha256)
        return done

    async def _write(self, archive: Archive, sequences: Sequence[int]) -> None:
        writer = await in_thread(ArchiveWriter, self._folder, archive.number)
        entries: list[Entry] = []
        try:
            for sequence in sequences:
                began = loop_time()
                entries.append(await self._add(writer, sequence))
                await asyncio.sleep((loop_time() - began) * (1 / self._share - 1))
            await in_thread(writer.finish, self._hub, archive.previous, archive.begun_at, entries)
        except BaseException:
            with suppress(OSError):
                writer.abandon()
            raise

    async def _add(self, writer: ArchiveWriter, sequence: int) -> Entry:
        one = await self._store.keepsake(sequence)
        if one is None:
            raise ArchiveUnusable(f"the journal has no envelope {sequence} any more, which was to be archived: lgsp log verify")
        exhibits = tuple(await self._store.exhibits(_evidence_of(one)))
        async with AsyncExitStack() as stack:
            files: dict[str, Path] = {}
            for file in one.record.envelope.attachments if self._with_files else ():
                with suppress(ContractError):  # erased before, or lost: the record says that it is not inside
                    files[file.digest] = await stack.enter_async_context(self._blobs.as_file(file.digest))
            await in_thread(add_envelope, writer, one, exhibits, files)
        envelope = one.record.envelope
        return Entry(sequence=sequence, sender=envelope.sender, message_id=envelope.message_id, digest=one.record.digest)


def _check_reserved(path: Path, archive: Archive, sequences: Sequence[int]) -> None:
    """Raises ArchiveUnusable unless this file is the one that was written for these envelopes."""
    try:
        manifest = link_of(path).manifest
    except ArchiveInvalid as error:
        raise ArchiveUnusable(f"{path}: {error}; move it away and begin again") from None
    if (manifest.previous, [one.sequence for one in manifest.envelopes]) != (archive.previous, list(sequences)):
        raise ArchiveUnusable(f"{path} has other envelopes than were to be archived; move it away and begin again")


def _evidence_of(one: Keepsake) -> list[str]:
    if one.examination is None:
        return []
    return sorted({digest for finding in decode_examination(one.examination).findings for digest in finding.evidence})
