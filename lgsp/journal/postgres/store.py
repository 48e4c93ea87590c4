"""`lgsp.ports.Store` on PostgreSQL: which call is which transaction. The statements stand in the modules beside."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

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
from lgsp.journal.codec import micros, span_us
from lgsp.journal.postgres import accept, dead, directory, files, holding, keeping, log, marks, queue, records, settle, signatures
from lgsp.journal.postgres.database import Database
from lgsp.journal.postgres.schema import migrate
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


class PostgresStore:
    """Every promise of `lgsp.ports.Store`, for any number of processes on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, dsn: str, *, timeout_s: float, pool_size: int = 8) -> "PostgresStore":
        """Connects and brings the schema up to date. `timeout_s` bounds each later call, waiting for a connection included.

        Raises JournalUnavailable, or JournalMismatch; a wrong user or database name stays asyncpg's error.
        """
        await migrate(dsn, timeout_s=timeout_s)
        return cls(await Database.open(dsn, timeout_s=timeout_s, pool_size=pool_size))

    async def close(self) -> None:
        await self._database.close()

    # Journal

    async def accept(self, batch: Sequence[Admitted], now: datetime, ready_lease_s: float) -> list[Accepted | Reused]:
        if not batch:
            return []
        async with self._database.writing() as connection:
            return await accept.accept(connection, batch, micros(now), ready_lease_s)

    async def hydrate(self, refs: Sequence[Ref]) -> list[Work]:
        if not refs:
            return []
        async with self._database.connection() as connection:
            return await queue.hydrate(connection, refs)

    async def settle(self, batch: Sequence[Settlement], now: datetime, ready_lease_s: float) -> list[Settled]:
        if not batch:
            return []
        async with self._database.writing() as connection:
            return await settle.settle(connection, batch, micros(now), ready_lease_s)

    async def mark_queued(self, refs: Sequence[Ref], stuck_at: datetime) -> None:
        if refs:
            async with self._database.connection() as connection:
                await queue.mark_queued(connection, refs, micros(stuck_at))

    async def take_due(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        async with self._database.connection() as connection:
            return await queue.take_due(connection, micros(now), limit, micros(now) + span_us(lease_s))

    async def requeue_all(self, now: datetime, lease_s: float = 0.0) -> int:
        async with self._database.writing() as connection:
            return await queue.requeue_all(connection, micros(now), micros(now) + span_us(lease_s))

    async def overdue(self, now: datetime, grace_s: float, limit: int) -> list[Work]:
        async with self._database.connection() as connection:
            return await queue.overdue(connection, micros(now), micros(now) - span_us(grace_s), limit)

    async def change_hold(self, recipient: str, change: Callable[[Hold | None], Hold | None], now: datetime) -> HoldChange:
        async with self._database.writing() as connection:
            return await holding.change_hold(connection, recipient, change, micros(now))

    async def hold(self, recipient: str) -> Hold | None:
        async with self._database.connection() as connection:
            return await holding.hold(connection, recipient)

    async def let_go(
        self, now: datetime, limit: int, lease_s: float, probes_s: Sequence[float]
    ) -> tuple[list[Ref], list[HoldChange]]:
        async with self._database.connection() as connection:  # mostly there is nothing to do, and then no lock is taken
            if not await holding.any_due(connection, micros(now)):
                return [], []
        async with self._database.writing() as connection:
            return await holding.let_go(connection, micros(now), limit, lease_s, probes_s)

    async def keep_parked(self, delivery_ids: Sequence[int], until: datetime) -> None:
        if delivery_ids:
            async with self._database.writing() as connection:
                await holding.keep_parked(connection, delivery_ids, micros(until))

    async def mark_fetched(self, delivery_ids: Sequence[int], now: datetime) -> list[bool]:
        async with self._database.writing() as connection:
            return await holding.mark_fetched(connection, delivery_ids, micros(now))

    async def answer_recall(self, delivery_ids: Sequence[int], agreed: bool, now: datetime) -> int:
        async with self._database.writing() as connection:
            return await holding.answer_recall(connection, delivery_ids, agreed, micros(now))

    async def start_replay(self, replay: Replay) -> int:
        async with self._database.writing() as connection:
            return await dead.start_replay(connection, replay)

    async def step_replays(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        async with self._database.connection() as connection:  # as in `let_go`
            if not await dead.may_step(connection, micros(now), limit):
                return []
        async with self._database.writing() as connection:
            return await dead.step_replays(connection, micros(now), limit, lease_s)

    async def cancel_replay(self, replay_id: int, now: datetime) -> Replay | None:
        async with self._database.writing() as connection:
            return await dead.cancel_replay(connection, replay_id, micros(now))

    async def resolve_dead_letters(self, which: DeadLetterFilter, operator: str, note: str, now: datetime) -> int:
        async with self._database.writing() as connection:
            return await dead.resolve(connection, which, operator, note, micros(now))

    # Keeping

    async def kept(self, after: int, limit: int, now: datetime) -> list[Kept]:
        async with self._database.snapshot() as connection:
            return await keeping.kept(connection, after, limit, micros(now))

    async def kept_of(self, sender: AgencyCode, message_id: str, now: datetime) -> Kept | None:
        async with self._database.snapshot() as connection:
            return await keeping.kept_one(connection, sender, message_id, micros(now))

    async def erase(self, batch: Sequence[Erasure], now: datetime) -> list[Erased]:
        async with self._database.writing() as connection:
            return await keeping.erase(connection, batch, micros(now))

    async def files_to_delete(self, now: datetime, grace_s: float, limit: int) -> list[str]:
        async with self._database.writing() as connection:
            return await files.to_delete(connection, micros(now), grace_s, limit)

    async def files_deleted(self, digests: Sequence[str], now: datetime, grace_s: float) -> int:
        async with self._database.writing() as connection:
            return await files.deleted(connection, digests, micros(now), grace_s)

    async def file_erased(self, digest: str, agency: AgencyCode) -> bool:
        async with self._database.connection() as connection:
            return await files.erased(connection, digest, agency)

    async def begin_archive(self, sequences: Sequence[int], folder: str, now: datetime) -> Archive:
        async with self._database.writing() as connection:
            return await keeping.begin_archive(connection, sequences, folder, micros(now))

    async def archive_under_way(self) -> tuple[Archive, list[int]] | None:
        async with self._database.connection() as connection:
            return await keeping.archive_under_way(connection)

    async def end_archive(self, number: int, sha256: str, now: datetime) -> Archive:
        async with self._database.writing() as connection:
            return await keeping.end_archive(connection, number, sha256, micros(now))

    async def archives(self, limit: int) -> list[Archive]:
        async with self._database.connection() as connection:
            return await keeping.archives(connection, limit)

    async def keepsake(self, sequence: int) -> Keepsake | None:
        async with self._database.snapshot() as connection:
            return await keeping.keepsake(connection, sequence)

    async def ping(self) -> None:
        async with self._database.writing() as connection:  # the same lock and the same disk as every acceptance
            await connection.execute("UPDATE counters SET last_sequence = last_sequence")

    # Records

    async def mailbox(self, recipient: AgencyCode, after: int, limit: int) -> list[MailboxEntry]:
        async with self._database.connection() as connection:
            return await records.mailbox(connection, recipient, after, limit)

    async def fetch(self, delivery_id: int) -> Work | None:
        async with self._database.connection() as connection:
            return await queue.fetch(connection, delivery_id)

    async def outline(self, delivery_ids: Sequence[int]) -> list[Work]:
        async with self._database.connection() as connection:
            return await queue.outline(connection, delivery_ids)

    async def envelope(self, sender: AgencyCode, message_id: str) -> EnvelopeRecord | None:
        async with self._database.connection() as connection:
            return await records.envelope(connection, sender, message_id)

    async def timeline(self, *sequences: int) -> list[Event]:
        async with self._database.connection() as connection:
            return await records.timeline(connection, sequences)

    async def examination(self, sequence: int) -> Examination | None:
        async with self._database.connection() as connection:
            return await signatures.examination(connection, sequence)

    async def exhibits(self, digests: Sequence[str]) -> list[Exhibit]:
        async with self._database.connection() as connection:
            return await signatures.exhibits(connection, digests)

    async def find_case(self, identifier_key: str, party: AgencyCode | None, limit: int) -> list[EnvelopeRecord]:
        async with self._database.connection() as connection:
            return await records.find_case(connection, identifier_key, party, limit)

    async def envelopes_of(
        self, kinds: Sequence[str], since: datetime, until: datetime, after: int, limit: int, sender: AgencyCode | None = None
    ) -> list[EnvelopeRecord]:
        async with self._database.connection() as connection:
            return await records.envelopes_of(connection, kinds, micros(since), micros(until), after, limit, sender)

    async def attachment_open_to(self, digest: str, agency: AgencyCode) -> bool:
        return digest in await self.uploads((digest,), agency)

    async def record_upload(self, digest: str, size_bytes: int, agency: AgencyCode, now: datetime) -> None:
        async with self._database.writing() as connection:
            await records.record_upload(connection, digest, size_bytes, agency, micros(now))

    async def uploads(self, digests: Sequence[str], agency: AgencyCode) -> dict[str, int]:
        async with self._database.connection() as connection:
            return await records.files(connection, digests, agency)

    async def balance(self) -> Balance:
        async with self._database.snapshot() as connection:
            return await records.balance(connection)

    async def mismatches(self, after: int, limit: int) -> Looked | None:
        async with self._database.snapshot() as connection:
            return await records.mismatches(connection, after, limit)

    async def dead_letters(self, which: DeadLetterFilter, after: int, limit: int) -> list[DeadLetter]:
        async with self._database.connection() as connection:
            return await dead.dead_letters(connection, which, after, limit)

    async def count_dead_letters(self, which: DeadLetterFilter, now: datetime) -> DeadLetterCount:
        async with self._database.connection() as connection:
            return await dead.count_dead_letters(connection, which, micros(now))

    async def replay(self, replay_id: int) -> Replay | None:
        async with self._database.connection() as connection:
            return await dead.replay_of(connection, replay_id)

    async def replays(self, limit: int) -> list[Replay]:
        async with self._database.connection() as connection:
            return await dead.replays(connection, limit)

    async def holds(self, limit: int) -> list[HeldRecipient]:
        async with self._database.connection() as connection:
            return await holding.holds(connection, limit)

    async def count_queued(self, recipient: AgencyCode | None) -> int:
        async with self._database.connection() as connection:
            return await queue.count_queued(connection, recipient)

    async def count_holds(self) -> dict[Cause, int]:
        async with self._database.connection() as connection:
            return await holding.count_holds(connection)

    async def occurrences(self, recipient: str | None, limit: int) -> list[Occurrence]:
        async with self._database.connection() as connection:
            return await holding.occurrences(connection, recipient, limit)

    # DirectoryStore

    async def directory_version(self) -> int:
        async with self._database.connection() as connection:
            return await directory.version(connection)

    async def directory(self) -> Directory:
        async with self._database.snapshot() as connection:
            version, documents = await directory.documents(connection)
        return await asyncio.to_thread(directory.decoded, version, documents)

    async def save_agencies(self, agencies: Sequence[Agency]) -> int:
        async with self._database.writing() as connection:
            return await directory.save_agencies(connection, agencies, _now())

    async def change_agencies(self, change: Callable[[Directory], Sequence[Agency]]) -> int:
        while True:  # all is read beside the write lock, which only tells whether somebody else was quicker
            seen = await self.directory()
            changed = change(seen)
            saved = await self._save_agencies_at(changed, seen.version) if changed else seen.version
            if saved is not None:
                return saved

    async def _save_agencies_at(self, agencies: Sequence[Agency], seen: int) -> int | None:
        async with self._database.writing() as connection:
            return await directory.save_agencies_at(connection, agencies, seen, _now())

    async def credential(self, client_id: str) -> Credential | None:
        async with self._database.connection() as connection:
            return await directory.credential(connection, client_id)

    async def save_credentials(self, credentials: Sequence[Credential]) -> None:
        async with self._database.writing() as connection:
            await directory.save_credentials(connection, credentials, _now())

    async def certificate_owner(self, fingerprint: str) -> AgencyCode | None:
        async with self._database.connection() as connection:
            return await directory.certificate_owner(connection, fingerprint)

    async def save_certificate(self, fingerprint: str, agency: AgencyCode) -> None:
        async with self._database.writing() as connection:
            await directory.save_certificate(connection, fingerprint, agency, _now())

    async def remove_certificate(self, fingerprint: str, agency: AgencyCode) -> bool:
        async with self._database.writing() as connection:
            return await directory.remove_certificate(connection, fingerprint, agency, _now())

    # LogStore

    async def mark(self, agency: AgencyCode, name: str) -> str:
        async with self._database.connection() as connection:
            return await marks.mark(connection, agency, name)

    async def set_mark(self, agency: AgencyCode, name: str, value: str) -> None:
        async with self._database.connection() as connection:
            await marks.set_mark(connection, agency, name, value)

    async def claim_mark(self, agency: AgencyCode, name: str, holder: str, now: datetime, until: datetime) -> bool:
        async with self._database.connection() as connection:
            return await marks.claim(connection, agency, name, holder, micros(now), micros(until))

    async def log_head(self) -> Frontier:
        async with self._database.connection() as connection:
            return await log.head(connection)

    async def log_origin(self, origin: str | None = None) -> str:
        if origin is None:
            async with self._database.connection() as connection:
                return await log.origin(connection)
        async with self._database.writing() as connection:
            await log.save_origin(connection, origin)
        return origin

    async def log_leaves(self, first: int, count: int) -> list[bytes]:
        async with self._database.connection() as connection:
            return await log.leaves(connection, first, count)

    async def log_hashes(self, spans: Sequence[Span]) -> dict[tuple[int, int], bytes]:
        async with self._database.connection() as connection:
            return await log.hashes(connection, spans)

    async def note(self, records: Sequence[Record]) -> list[Logged]:
        async with self._database.writing() as connection:
            return await log.note(connection, records)

    async def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        async with self._database.connection() as connection:
            await log.save_checkpoint(connection, checkpoint)

    async def latest_checkpoint(self) -> Checkpoint | None:
        async with self._database.connection() as connection:
            return await log.latest_checkpoint(connection)

    async def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        async with self._database.connection() as connection:
            return await log.checkpoints(connection, after, limit)

    async def thin_checkpoints(self, before: datetime) -> int:
        async with self._database.connection() as connection:
            return await log.thin_checkpoints(connection, before)

    async def save_stamp(self, stamp: Stamp) -> None:
        async with self._database.connection() as connection:
            await log.save_stamp(connection, stamp)

    async def stamps(self, size: int) -> list[Stamp]:
        async with self._database.connection() as connection:
            return await log.stamps(connection, size)

    async def latest_stamp(self, authority: str) -> Stamp | None:
        async with self._database.connection() as connection:
            return await log.latest_stamp(connection, authority)

    async def pair_number(self, sender: str, recipient: str) -> int:
        async with self._database.connection() as connection:
            return await log.pair_number(connection, sender, recipient)


def _now() -> datetime:
    """When the directory was changed: not the flow's business, which has a clock of its own."""
    return datetime.now(UTC)
