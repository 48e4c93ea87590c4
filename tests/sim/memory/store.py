"""Every promise of `lgsp.ports.Store` but the disk. No call ever suspends, so each is one transaction at one instant: a crash at
any await of its caller finds it done or not begun."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from contracts.agency import AgencyCode
from lgsp.core.admission import Admitted
from lgsp.core.directory import Agency, Directory
from lgsp.core.hold import Cause, Hold
from lgsp.core.lifecycle import State
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.placed import Logged
from lgsp.core.log.record import Record, encode
from lgsp.core.log.tiles import Span
from lgsp.core.replay import DeadLetterFilter, Replay
from lgsp.core.retention import Kept
from lgsp.core.signatures.finding import Examination, Exhibit
from lgsp.journal.codec import micros
from lgsp.journal.leaves import agency_action, certificate_action, credential_action, upload_action
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
from tests.sim.memory import dead, holding, keeping, moving, reading
from tests.sim.memory.tables import Tables

_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # a seed replays exactly


class MemoryStore:
    """`tables` may be looked at, at any time: nothing but what is committed can be seen."""

    def __init__(self) -> None:
        self.tables = Tables()

    async def accept(self, batch: Sequence[Admitted], now: datetime, ready_lease_s: float) -> list[Accepted | Reused]:
        with self.tables.transaction():
            return moving.accept(self.tables, batch, micros(now), ready_lease_s)

    async def hydrate(self, refs: Sequence[Ref]) -> list[Work]:
        return reading.hydrate(self.tables, refs)

    async def settle(self, batch: Sequence[Settlement], now: datetime, ready_lease_s: float) -> list[Settled]:
        with self.tables.transaction():
            return moving.settle(self.tables, batch, micros(now), ready_lease_s)

    async def mark_queued(self, refs: Sequence[Ref], stuck_at: datetime) -> None:
        with self.tables.transaction():
            moving.mark_queued(self.tables, refs, micros(stuck_at))

    async def take_due(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        with self.tables.transaction():
            return moving.take_due(self.tables, micros(now), limit, lease_s)

    async def requeue_all(self, now: datetime, lease_s: float = 0.0) -> int:
        with self.tables.transaction():
            return moving.requeue_all(self.tables, micros(now), lease_s)

    async def overdue(self, now: datetime, grace_s: float, limit: int) -> list[Work]:
        return reading.overdue(self.tables, micros(now), grace_s, limit)

    async def change_hold(self, recipient: str, change: Callable[[Hold | None], Hold | None], now: datetime) -> HoldChange:
        with self.tables.transaction():
            return holding.change_hold(self.tables, recipient, change, micros(now))

    async def hold(self, recipient: str) -> Hold | None:
        return self.tables.holds.get(recipient)

    async def let_go(
        self, now: datetime, limit: int, lease_s: float, probes_s: Sequence[float]
    ) -> tuple[list[Ref], list[HoldChange]]:
        with self.tables.transaction():
            return holding.let_go(self.tables, micros(now), limit, lease_s, probes_s)

    async def keep_parked(self, delivery_ids: Sequence[int], until: datetime) -> None:
        with self.tables.transaction():
            holding.keep_parked(self.tables, delivery_ids, micros(until))

    async def mark_fetched(self, delivery_ids: Sequence[int], now: datetime) -> list[bool]:
        with self.tables.transaction():
            return holding.mark_fetched(self.tables, delivery_ids, micros(now))

    async def answer_recall(self, delivery_ids: Sequence[int], agreed: bool, now: datetime) -> int:
        with self.tables.transaction():
            return holding.answer_recall(self.tables, delivery_ids, agreed, micros(now))

    async def start_replay(self, replay: Replay) -> int:
        with self.tables.transaction():
            return dead.start_replay(self.tables, replay)

    async def step_replays(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        with self.tables.transaction():
            return dead.step_replays(self.tables, micros(now), limit, lease_s)

    async def cancel_replay(self, replay_id: int, now: datetime) -> Replay | None:
        with self.tables.transaction():
            return dead.cancel_replay(self.tables, replay_id, micros(now))

    async def resolve_dead_letters(self, which: DeadLetterFilter, operator: str, note: str, now: datetime) -> int:
        with self.tables.transaction():
            return dead.resolve(self.tables, which, operator, note, micros(now))

    async def kept(self, after: int, limit: int, now: datetime) -> list[Kept]:
        return keeping.kept(self.tables, self.tables.envelopes[after : after + limit], micros(now))

    async def kept_of(self, sender: AgencyCode, message_id: str, now: datetime) -> Kept | None:
        found = self.tables.known.get((sender, message_id))
        return None if found is None else keeping.kept(self.tables, [found], micros(now))[0]

    async def erase(self, batch: Sequence[Erasure], now: datetime) -> list[Erased]:
        with self.tables.transaction():
            return keeping.erase(self.tables, batch, micros(now))

    async def files_to_delete(self, now: datetime, grace_s: float, limit: int) -> list[str]:
        return keeping.files_to_delete(self.tables, micros(now), grace_s, limit)

    async def files_deleted(self, digests: Sequence[str], now: datetime, grace_s: float) -> int:
        return keeping.files_deleted(self.tables, digests, micros(now), grace_s)

    async def file_erased(self, digest: str, agency: AgencyCode) -> bool:
        return (digest, agency) in self.tables.shut

    async def begin_archive(self, sequences: Sequence[int], folder: str, now: datetime) -> Archive:
        return keeping.begin_archive(self.tables, sequences, folder, micros(now))

    async def archive_under_way(self) -> tuple[Archive, list[int]] | None:
        return keeping.archive_under_way(self.tables)

    async def end_archive(self, number: int, sha256: str, now: datetime) -> Archive:
        return keeping.end_archive(self.tables, number, sha256, micros(now))

    async def archives(self, limit: int) -> list[Archive]:
        return self.tables.archives[::-1][:limit]

    async def keepsake(self, sequence: int) -> Keepsake | None:
        return keeping.keepsake(self.tables, sequence)

    async def ping(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def mailbox(self, recipient: AgencyCode, after: int, limit: int) -> list[MailboxEntry]:
        return reading.mailbox(self.tables, recipient, after, limit)

    async def fetch(self, delivery_id: int) -> Work | None:
        one = self.tables.deliveries.get(delivery_id)
        return None if one is None else reading.work_of(self.tables, one)

    async def outline(self, delivery_ids: Sequence[int]) -> list[Work]:
        known = sorted(set(delivery_ids) & self.tables.deliveries.keys())
        return [reading.outline_of(self.tables, self.tables.deliveries[number]) for number in known]

    async def envelope(self, sender: AgencyCode, message_id: str) -> EnvelopeRecord | None:
        kept = self.tables.known.get((sender, message_id))
        return None if kept is None else reading.record_of(self.tables, kept)

    async def timeline(self, *sequences: int) -> list[Event]:
        return reading.timeline(self.tables, sequences)

    async def examination(self, sequence: int) -> Examination | None:
        return self.tables.examinations.get(sequence)

    async def exhibits(self, digests: Sequence[str]) -> list[Exhibit]:
        return [self.tables.exhibits[digest] for digest in set(digests) & self.tables.exhibits.keys()]

    async def find_case(self, text: str, party: AgencyCode | None, limit: int) -> list[EnvelopeRecord]:
        return reading.find_case(self.tables, text, party, limit)

    async def envelopes_of(
        self, kinds: Sequence[str], since: datetime, until: datetime, after: int, limit: int, sender: AgencyCode | None = None
    ) -> list[EnvelopeRecord]:
        return reading.envelopes_of(self.tables, kinds, since, until, after, limit, sender)

    async def attachment_open_to(self, digest: str, agency: AgencyCode) -> bool:
        return keeping.accessible(self.tables, digest, agency)

    async def record_upload(self, digest: str, size_bytes: int, agency: AgencyCode, now: datetime) -> None:
        keeping.open_anew(self.tables, digest)
        self.tables.files[digest, agency] = size_bytes
        self.tables.shut.discard((digest, agency))
        self.tables.grow([upload_action(digest, size_bytes, agency, self.tables.salts(1), now)])

    async def uploads(self, digests: Sequence[str], agency: AgencyCode) -> dict[str, int]:
        files = self.tables.files
        return {digest: files[digest, agency] for digest in digests if keeping.accessible(self.tables, digest, agency)}

    async def balance(self) -> Balance:
        return reading.balance(self.tables)

    async def mismatches(self, after: int, limit: int) -> Looked | None:
        return reading.mismatches(self.tables, after, limit)

    async def dead_letters(self, which: DeadLetterFilter, after: int, limit: int) -> list[DeadLetter]:
        return dead.dead_letters(self.tables, which, after, limit)

    async def count_dead_letters(self, which: DeadLetterFilter, now: datetime) -> DeadLetterCount:
        return dead.count_dead_letters(self.tables, which, micros(now))

    async def replay(self, replay_id: int) -> Replay | None:
        return self.tables.replays[replay_id - 1] if 1 <= replay_id <= len(self.tables.replays) else None

    async def replays(self, limit: int) -> list[Replay]:
        return self.tables.replays[::-1][:limit]

    async def holds(self, limit: int) -> list[HeldRecipient]:
        return holding.holds(self.tables, limit)

    async def count_queued(self, recipient: AgencyCode | None) -> int:
        queued = [one for one in self.tables.open.values() if one.state is State.QUEUED]
        return sum(recipient in (None, one.row.recipient) for one in queued)

    async def count_holds(self) -> dict[Cause, int]:
        return dict(Counter(hold.cause for hold in self.tables.holds.values()))

    async def occurrences(self, recipient: str | None, limit: int) -> list[Occurrence]:
        found = [one for one in self.tables.occurrences if recipient in (None, one.recipient)]
        return found[::-1][:limit]

    async def mark(self, agency: AgencyCode, name: str) -> str:
        return self.tables.marks.get((agency, name), "")

    async def set_mark(self, agency: AgencyCode, name: str, value: str) -> None:
        self.tables.marks[agency, name] = value

    async def claim_mark(self, agency: AgencyCode, name: str, holder: str, now: datetime, until: datetime) -> bool:
        has, held_until = self.tables.claims.get((agency, name), ("", now))
        if has != holder and held_until > now:
            return False
        self.tables.claims[agency, name] = (holder, until)
        return True

    async def directory_version(self) -> int:
        return self.tables.version

    async def directory(self) -> Directory:
        return Directory(self.tables.version, [self.tables.agencies[code] for code in sorted(self.tables.agencies)])

    async def save_agencies(self, agencies: Sequence[Agency]) -> int:
        self.tables.agencies.update((agency.code, agency) for agency in agencies)
        version = self._raise_version()
        self.tables.grow([agency_action(agency, _SOME_TIME, version) for agency in agencies])
        return version

    async def change_agencies(self, change: Callable[[Directory], Sequence[Agency]]) -> int:
        changed = change(await self.directory())
        return await self.save_agencies(changed) if changed else self.tables.version

    async def credential(self, client_id: str) -> Credential | None:
        return self.tables.credentials.get(client_id)

    async def save_credentials(self, credentials: Sequence[Credential]) -> None:
        self.tables.credentials.update((one.client_id, one) for one in credentials)
        version = self._raise_version()
        self.tables.grow([credential_action(one, _SOME_TIME, version) for one in credentials])

    async def certificate_owner(self, fingerprint: str) -> AgencyCode | None:
        return self.tables.certificates.get(fingerprint)

    async def save_certificate(self, fingerprint: str, agency: AgencyCode) -> None:
        self.tables.certificates[fingerprint] = agency
        self._tell_of_certificate("certificate_saved", fingerprint, agency)

    async def remove_certificate(self, fingerprint: str, agency: AgencyCode) -> bool:
        if self.tables.certificates.get(fingerprint) != agency:
            return False
        del self.tables.certificates[fingerprint]
        self._tell_of_certificate("certificate_removed", fingerprint, agency)
        return True

    async def log_head(self) -> Frontier:
        return self.tables.tree

    async def log_origin(self, origin: str | None = None) -> str:
        self.tables.origin = self.tables.origin if origin is None else origin
        return self.tables.origin

    async def log_leaves(self, first: int, count: int) -> list[bytes]:
        return self.tables.leaves[first : first + count]

    async def log_hashes(self, spans: Sequence[Span]) -> dict[tuple[int, int], bytes]:
        return reading.hashes(self.tables, spans)

    async def note(self, records: Sequence[Record]) -> list[Logged]:
        grown = self.tables.grow([encode(one) for one in records])
        return [grown.logged(place) for place in range(len(records))]

    async def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        self.tables.checkpoints[checkpoint.size] = checkpoint

    async def latest_checkpoint(self) -> Checkpoint | None:
        return self.tables.checkpoints[max(self.tables.checkpoints)] if self.tables.checkpoints else None

    async def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        return [self.tables.checkpoints[size] for size in sorted(self.tables.checkpoints) if size > after][:limit]

    async def thin_checkpoints(self, before: datetime) -> int:
        known = self.tables.checkpoints.values()
        last_of_hours = {one.published_at.replace(minute=0, second=0, microsecond=0): one.size for one in sorted(known)}
        kept = {*last_of_hours.values(), *(one.size for one in self.tables.stamps.values())}
        gone = [one.size for one in known if one.published_at < before and one.size not in kept]
        for size in gone:
            del self.tables.checkpoints[size]
        return len(gone)

    async def save_stamp(self, stamp: Stamp) -> None:
        self.tables.stamps.setdefault((stamp.size, stamp.authority), stamp)

    async def stamps(self, size: int) -> list[Stamp]:
        return [self.tables.stamps[key] for key in sorted(self.tables.stamps) if key[0] == size]

    async def latest_stamp(self, authority: str) -> Stamp | None:
        theirs = [one for one in self.tables.stamps.values() if one.authority == authority]
        return max(theirs, default=None)

    async def pair_number(self, sender: str, recipient: str) -> int:
        return self.tables.pairs.get((sender, recipient), 0)

    def _tell_of_certificate(self, name: str, fingerprint: str, agency: str) -> None:
        self.tables.grow([certificate_action(name, fingerprint, agency, _SOME_TIME, self._raise_version())])

    def _raise_version(self) -> int:
        self.tables.version += 1
        return self.tables.version
