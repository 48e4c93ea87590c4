"""`lgsp.ports.Store` on one file: one thread writes, a few read, coroutines wait for them."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from contracts.agency import AgencyCode
from lgsp.core.admission import Admitted
from lgsp.core.directory import Agency, Directory
from lgsp.core.hold import Cause, Hold
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.placed import Logged
from lgsp.core.log.record import Record
from lgsp.core.log.tiles import Span
from lgsp.core.replay import DeadLetterFilter, Replay
from lgsp.core.retention import Kept
from lgsp.core.signatures.finding import Examination, Exhibit
from lgsp.errors import JournalUnavailable
from lgsp.journal.codec import micros
from lgsp.journal.migrate import migrations
from lgsp.journal.sqlite import (
    accepting,
    dead,
    directory,
    due,
    files,
    holding,
    keeping,
    log,
    marks,
    reading,
    settling,
    signatures,
)
from lgsp.journal.sqlite.connection import open_reader, open_writer, read_transaction, write_transaction
from lgsp.journal.sqlite.schema import migrate
from lgsp.ports import (
    Accepted,
    Archive,
    Balance,
    Checkpoint,
    Credential,
    DeadLetter,
    DeadLetterCount,
    EnvelopeRecord,
    Erased,
    Erasure,
    Event,
    HeldRecipient,
    HoldChange,
    Keepsake,
    Looked,
    MailboxEntry,
    Occurrence,
    Ref,
    Reused,
    Settled,
    Settlement,
    Stamp,
    Work,
)

P = ParamSpec("P")
T = TypeVar("T")
Transaction = Callable[[sqlite3.Connection], AbstractContextManager[sqlite3.Connection]]

_READERS = 3


class _Threads:
    """Threads with a connection each. A caller that is cancelled no longer waits; what a thread began, it ends."""

    def __init__(self, name: str, connections: Sequence[sqlite3.Connection], transaction: Transaction, timeout_s: float) -> None:
        self._connections = connections
        self._transaction = transaction
        self._timeout_s = timeout_s
        self._own = threading.local()
        spare = iter(connections)
        lock = threading.Lock()

        def take_connection() -> None:
            with lock:
                self._own.connection = next(spare)

        self._executor = ThreadPoolExecutor(len(connections), thread_name_prefix=name, initializer=take_connection)

    async def run(self, step: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One transaction. Raises JournalUnavailable, also when its turn and its end do not come in time."""

        def work() -> T:
            with self._transaction(self._own.connection) as connection:
                return step(connection, *args, **kwargs)

        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except TimeoutError as error:
            raise JournalUnavailable(f"no answer within {self._timeout_s} s") from error

    def close(self) -> None:
        """Waits for what is under way."""
        self._executor.shutdown(wait=True)
        for connection in self._connections:
            connection.close()


class SqliteStore:
    """Every promise of `lgsp.ports.Store`. Other processes may use the file at the same time."""

    def __init__(self, writer: _Threads, readers: _Threads) -> None:
        self._writer = writer
        self._readers = readers

    @classmethod
    def open(cls, path: Path, *, timeout_s: float) -> "SqliteStore":
        """Opens the file, makes it when there is none, and brings its schema up to date.

        `timeout_s` bounds each call. Raises JournalUnavailable, JournalMismatch.
        """
        # A lock that another process holds is waited for half of the time, so that there is time left for the work.
        writer = open_writer(path, timeout_s / 2)
        try:
            migrate(writer, migrations("sqlite"))
            readers = [open_reader(path, timeout_s / 2) for _ in range(_READERS)]
        except BaseException:
            writer.close()
            raise
        return cls(
            _Threads("journal-writer", [writer], write_transaction, timeout_s),
            _Threads("journal-reader", readers, read_transaction, timeout_s),
        )

    async def accept(self, batch: Sequence[Admitted], now: datetime, ready_lease_s: float) -> list[Accepted | Reused]:
        return await self._writer.run(accepting.accept, batch, micros(now), ready_lease_s)

    async def hydrate(self, refs: Sequence[Ref]) -> list[Work]:
        return await self._readers.run(reading.hydrate, refs)

    async def settle(self, batch: Sequence[Settlement], now: datetime, ready_lease_s: float) -> list[Settled]:
        return await self._writer.run(settling.settle, batch, micros(now), ready_lease_s)

    async def mark_queued(self, refs: Sequence[Ref], stuck_at: datetime) -> None:
        await self._writer.run(due.mark_queued, refs, micros(stuck_at))

    async def take_due(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        return await self._writer.run(due.take_due, micros(now), limit, lease_s)

    async def requeue_all(self, now: datetime, lease_s: float = 0.0) -> int:
        return await self._writer.run(due.requeue_all, micros(now), lease_s)

    async def overdue(self, now: datetime, grace_s: float, limit: int) -> list[Work]:
        return await self._readers.run(reading.overdue, micros(now), grace_s, limit)

    async def change_hold(self, recipient: str, change: Callable[[Hold | None], Hold | None], now: datetime) -> HoldChange:
        return await self._writer.run(holding.change_hold, recipient, change, micros(now))

    async def hold(self, recipient: str) -> Hold | None:
        return await self._readers.run(holding.hold, recipient)

    async def let_go(
        self, now: datetime, limit: int, lease_s: float, probes_s: Sequence[float]
    ) -> tuple[list[Ref], list[HoldChange]]:
        return await self._writer.run(holding.let_go, micros(now), limit, lease_s, probes_s)

    async def keep_parked(self, delivery_ids: Sequence[int], until: datetime) -> None:
        await self._writer.run(holding.keep_parked, delivery_ids, micros(until))

    async def mark_fetched(self, delivery_ids: Sequence[int], now: datetime) -> list[bool]:
        return await self._writer.run(holding.mark_fetched, delivery_ids, micros(now))

    async def answer_recall(self, delivery_ids: Sequence[int], agreed: bool, now: datetime) -> int:
        return await self._writer.run(holding.answer_recall, delivery_ids, agreed, micros(now))

    async def start_replay(self, replay: Replay) -> int:
        return await self._writer.run(dead.start_replay, replay)

    async def step_replays(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        return await self._writer.run(dead.step_replays, micros(now), limit, lease_s)

    async def cancel_replay(self, replay_id: int, now: datetime) -> Replay | None:
        return await self._writer.run(dead.cancel_replay, replay_id, micros(now))

    async def resolve_dead_letters(self, which: DeadLetterFilter, operator: str, note: str, now: datetime) -> int:
        return await self._writer.run(dead.resolve, which, operator, note, micros(now))

    async def kept(self, after: int, limit: int, now: datetime) -> list[Kept]:
        return await self._readers.run(keeping.kept, after, limit, micros(now))

    async def kept_of(self, sender: AgencyCode, message_id: str, now: datetime) -> Kept | None:
        return await self._readers.run(keeping.kept_one, sender, message_id, micros(now))

    async def erase(self, batch: Sequence[Erasure], now: datetime) -> list[Erased]:
        return await self._writer.run(keeping.erase, batch, micros(now))

    async def files_to_delete(self, now: datetime, grace_s: float, limit: int) -> list[str]:
        return await self._writer.run(files.to_delete, micros(now), grace_s, limit)

    async def files_deleted(self, digests: Sequence[str], now: datetime, grace_s: float) -> int:
        return await self._writer.run(files.deleted, digests, micros(now), grace_s)

    async def file_erased(self, digest: str, agency: AgencyCode) -> bool:
        return await self._readers.run(files.erased, digest, agency)

    async def begin_archive(self, sequences: Sequence[int], folder: str, now: datetime) -> Archive:
        return await self._writer.run(keeping.begin_archive, sequences, folder, micros(now))

    async def archive_under_way(self) -> tuple[Archive, list[int]] | None:
        return await self._readers.run(keeping.archive_under_way)

    async def end_archive(self, number: int, sha256: str, now: datetime) -> Archive:
        return await self._writer.run(keeping.end_archive, number, sha256, micros(now))

    async def archives(self, limit: int) -> list[Archive]:
        return await self._readers.run(keeping.archives, limit)

    async def keepsake(self, sequence: int) -> Keepsake | None:
        return await self._readers.run(keeping.keepsake, sequence)

    async def ping(self) -> None:
        await self._writer.run(due.ping)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        # Readers first: the last connection to close, the writer's, then empties the write-ahead log into the file.
        self._readers.close()
        self._writer.close()

    async def mailbox(self, recipient: AgencyCode, after: int, limit: int) -> list[MailboxEntry]:
        return await self._readers.run(reading.mailbox, recipient, after, limit)

    async def fetch(self, delivery_id: int) -> Work | None:
        return await self._readers.run(reading.fetch, delivery_id)

    async def outline(self, delivery_ids: Sequence[int]) -> list[Work]:
        return await self._readers.run(reading.outline, delivery_ids)

    async def envelope(self, sender: AgencyCode, message_id: str) -> EnvelopeRecord | None:
        return await self._readers.run(reading.envelope, sender, message_id)

    async def timeline(self, *sequences: int) -> list[Event]:
        return await self._readers.run(reading.timeline, sequences)

    async def examination(self, sequence: int) -> Examination | None:
        return await self._readers.run(signatures.examination, sequence)

    async def exhibits(self, digests: Sequence[str]) -> list[Exhibit]:
        return await self._readers.run(signatures.exhibits, digests)

    async def find_case(self, identifier_key: str, party: AgencyCode | None, limit: int) -> list[EnvelopeRecord]:
        return await self._readers.run(reading.find_case, identifier_key, party, limit)

    async def envelopes_of(
        self, kinds: Sequence[str], since: datetime, until: datetime, after: int, limit: int, sender: AgencyCode | None = None
    ) -> list[EnvelopeRecord]:
        return await self._readers.run(reading.envelopes_of, kinds, micros(since), micros(until), after, limit, sender)

    async def attachment_open_to(self, digest: str, agency: AgencyCode) -> bool:
        return bool(await self._readers.run(reading.sizes, (digest,), agency))

    async def record_upload(self, digest: str, size_bytes: int, agency: AgencyCode, now: datetime) -> None:
        await self._writer.run(directory.record_upload, digest, size_bytes, agency, micros(now))

    async def uploads(self, digests: Sequence[str], agency: AgencyCode) -> dict[str, int]:
        return await self._readers.run(reading.sizes, digests, agency)

    async def balance(self) -> Balance:
        return await self._readers.run(reading.balance)

    async def mismatches(self, after: int, limit: int) -> Looked | None:
        return await self._readers.run(reading.mismatches, after, limit)

    async def dead_letters(self, which: DeadLetterFilter, after: int, limit: int) -> list[DeadLetter]:
        return await self._readers.run(dead.dead_letters, which, after, limit)

    async def count_dead_letters(self, which: DeadLetterFilter, now: datetime) -> DeadLetterCount:
        return await self._readers.run(dead.count_dead_letters, which, micros(now))

    async def replay(self, replay_id: int) -> Replay | None:
        return await self._readers.run(dead.replay_of, replay_id)

    async def replays(self, limit: int) -> list[Replay]:
        return await self._readers.run(dead.replays, limit)

    async def holds(self, limit: int) -> list[HeldRecipient]:
        return await self._readers.run(holding.holds, limit)

    async def count_queued(self, recipient: AgencyCode | None) -> int:
        return await self._readers.run(due.count_queued, recipient)

    async def count_holds(self) -> dict[Cause, int]:
        return await self._readers.run(holding.count_holds)

    async def occurrences(self, recipient: str | None, limit: int) -> list[Occurrence]:
        return await self._readers.run(holding.occurrences, recipient, limit)

    async def directory_version(self) -> int:
        return await self._readers.run(directory.version)

    async def directory(self) -> Directory:
        return await self._readers.run(directory.directory)

    async def save_agencies(self, agencies: Sequence[Agency]) -> int:
        return await self._writer.run(directory.save_agencies, agencies, _now())

    async def change_agencies(self, change: Callable[[Directory], Sequence[Agency]]) -> int:
        while True:  # all is read beside the write lock, which only tells whether somebody else was quicker
            seen = await self.directory()
            changed = change(seen)
            saved = await self._writer.run(directory.save_agencies_at, changed, seen.version, _now()) if changed else seen.version
            if saved is not None:
                return saved

    async def credential(self, client_id: str) -> Credential | None:
        return await self._readers.run(directory.credential, client_id)

    async def save_credentials(self, credentials: Sequence[Credential]) -> None:
        await self._writer.run(directory.save_credentials, credentials, _now())

    async def certificate_owner(self, fingerprint: str) -> AgencyCode | None:
        return await self._readers.run(directory.certificate_owner, fingerprint)

    async def save_certificate(self, fingerprint: str, agency: AgencyCode) -> None:
        await self._writer.run(directory.save_certificate, fingerprint, agency, _now())

    async def remove_certificate(self, fingerprint: str, agency: AgencyCode) -> bool:
        return await self._writer.run(directory.remove_certificate, fingerprint, agency, _now())

    async def mark(self, agency: AgencyCode, name: str) -> str:
        return await self._readers.run(marks.mark, agency, name)

    async def set_mark(self, agency: AgencyCode, name: str, value: str) -> None:
        await self._writer.run(marks.set_mark, agency, name, value)

    async def claim_mark(self, agency: AgencyCode, name: str, holder: str, now: datetime, until: datetime) -> bool:
        return await self._writer.run(marks.claim, agency, name, holder, micros(now), micros(until))

    async def log_head(self) -> Frontier:
        return await self._readers.run(log.head)

    async def log_origin(self, origin: str | None = None) -> str:
        if origin is not None:
            return await self._writer.run(log.save_origin, origin)
        return await self._readers.run(log.origin)

    async def log_leaves(self, first: int, count: int) -> list[bytes]:
        return await self._readers.run(log.leaves, first, count)

    async def log_hashes(self, spans: Sequence[Span]) -> dict[tuple[int, int], bytes]:
        return await self._readers.run(log.hashes, spans)

    async def note(self, records: Sequence[Record]) -> list[Logged]:
        return await self._writer.run(log.note, records)

    async def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        await self._writer.run(log.save_checkpoint, checkpoint)

    async def latest_checkpoint(self) -> Checkpoint | None:
        return await self._readers.run(log.latest_checkpoint)

    async def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        return await self._readers.run(log.checkpoints, after, limit)

    async def thin_checkpoints(self, before: datetime) -> int:
        return await self._writer.run(log.thin_checkpoints, before)

    async def save_stamp(self, stamp: Stamp) -> None:
        await self._writer.run(log.save_stamp, stamp)

    async def stamps(self, size: int) -> list[Stamp]:
        return await self._readers.run(log.stamps, size)

    async def latest_stamp(self, authority: str) -> Stamp | None:
        return await self._readers.run(log.latest_stamp, authority)

    async def pair_number(self, sender: str, recipient: str) -> int:
        return await self._readers.run(log.pair_number, sender, recipient)


def _now() -> datetime:
    """When the directory was changed: not the flow's business, which has a clock of its own."""
    return datetime.now(UTC)
