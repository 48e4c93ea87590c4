"""What the hub needs of the world, as promises. Each port has several implementations and one compliance suite that all pass.

Share the promises, not a base class: every store is written natively.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier
from contracts.receipt import DeliveryRef
from lgsp.core.admission import Admitted
from lgsp.core.directory import Agency, Directory
from lgsp.core.hold import Cause, Hold
from lgsp.core.lifecycle import State
from lgsp.core.recall import Recall
from lgsp.core.replay import DeadLetterFilter, Replay


class Ref(msgspec.Struct, frozen=True, array_like=True):
    """What the broker carries: which delivery, which attempt. Everything else stays in the journal."""

    delivery_id: int
    attempt: int  # number of the attempt to be made, the first is 1; the journal drops refs of another attempt
    shard: int
    priority: int
    traceparent: str | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """`fresh` is False for a resend of the same bytes: same values as the first time, and `ready` is empty. `deliveries` are
    those of the sender's list, without copies for subscribers."""

    sequence: int
    accepted_at: datetime
    digest: str
    deliveries: tuple[DeliveryRef, ...]
    fresh: bool
    ready: tuple[Ref, ...] = ()


class Reused(msgspec.Struct, frozen=True, kw_only=True):
    """The id was used by this sender for other bytes; nothing was stored."""

    sequence: int
    digest: str  # of what was accepted then


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its envelope, as the worker needs it.

    `ready_at`: since when it is tried, that is, when it was its turn; None while it never was. `hold`: its recipient's, for what
    `hydrate` and `overdue` return; None elsewhere.
    """

    delivery_id: int
    attempt: int
    postponed: int = 0  # how many of these numbers were used up without being counted as a try
    recipient: AgencyCode
    addressed_as: AgencyCode
    state: State
    sequence: int
    accepted_at: datetime
    expires_at: datetime
    envelope: Envelope
    order_key: str | None  # as in `Admitted`: with what was found in the body
    identifiers: tuple[Identifier, ...]
    copy: bool = False  # for a subscriber
    recall: Recall = Recall.NONE
    ready_at: datetime | None = None
    replays: int = 0  # how often it was a dead letter and put back on its way
    hold: Hold | None = None

    @property
    def tries(self) -> int:
        """The number of the attempt as partners and people count it: the first is 1."""
        return self.attempt - self.postponed


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt. Applied only while the delivery is open and at this attempt; otherwise it is stale and dropped.

    `state` READY means again in `delay_s`, as attempt + 1. PARKED means as attempt + 1 when its recipient's hold lets it go, and
    given up in `delay_s` (`Journal.overdue`); if there is no hold (any more) it is READY at once. With `postpone` the attempt is
    not counted as a try; its number is used up all the same, so that no late confirm is taken for the next one. AVAILABLE means
    into the mailbox. `attempt` None: any (operator, mailbox, expiry).

    `withdraw`: the sender takes it back. It ends as `state` only if nobody can be handling it just now, that is, while it waits,
    is parked, lies in the mailbox unfetched, or waits for a retry that is not due within `ready_lease_s`; otherwise, and where it
    was delivered or is dead, its recall is noted as REQUESTED. A delivery so noted is not tried again unless the recipient keeps
    it (REFUSED): retries come back at once, and so do replays, for the worker to end it.

    `only_parked`: it is given up, and is not if its hold has let it go since somebody looked.

    `notice` is accepted in the same transaction, and only if the settlement applies and, for an ending, it ended.
    """

    delivery_id: int
    state: State
    attempt: int | None = None
    recipient: AgencyCode | None = None  # when given, must be the recipient: a mailbox acknowledges only its own
    delay_s: float = 0.0
    postpone: bool = False
    reason: str = ""
    detail: str = ""
    took_ms: int | None = None
    withdraw: bool = False
    only_parked: bool = False
    notice: Admitted | None = None


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """`applied` False: unknown, not of this recipient, already ended, or another attempt. `state` is what the journal says now
    (None: unknown or not of this recipient). `ready` are refs released by it or belonging to its notice. A withdrawal that was
    only noted has `applied` False and `state` as it stands."""

    applied: bool
    state: State | None
    ready: tuple[Ref, ...] = ()


class MailboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a mailbox listing."""

    delivery_id: int
    sequence: int
    sender: AgencyCode
    message_id: str
    kind: str
    priority: int
    order_key: str | None
    accepted_at: datetime
    expires_at: datetime
    body_bytes: int


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a timeline: accepted, queued, attempted (with a retry to come), delivered, refused, dead, expired, ..."""

    event_id: int
    at: datetime
    name: str
    sequence: int
    delivery_id: int | None = None
    recipient: AgencyCode | None = None
    attempt: int | None = None
    reason: str = ""
    detail: str = ""
    took_ms: int | None = None


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A delivery as it stands."""

    delivery_id: int
    recipient: AgencyCode
    addressed_as: AgencyCode
    state: State
    attempt: int
    due_at: datetime | None = None
    ended_at: datetime | None = None
    fetched_at: datetime | None = None  # first, from the mailbox
    reason: str = ""
    detail: str = ""
    copy: bool = False  # for a subscriber
    recall: Recall = Recall.NONE


class EnvelopeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted envelope without its body, and its deliveries."""

    sequence: int
    accepted_at: datetime
    expires_at: datetime
    digest: str
    directory_version: int
    body_bytes: int
    envelope: Envelope  # with an empty body
    order_key: str | None  # as in `Admitted`: with what was found in the body
    identifiers: tuple[Identifier, ...]
    deliveries: tuple[DeliveryRecord, ...]


class Balance(NamedTuple):
    """Promise 2. `by_state` comes from the delivery table, the rest from the event stream: two sources that must agree."""

    by_state: dict[State, int]
    accepted_events: int  # deliveries that events say were accepted
    ended_events: dict[State, int]  # and how they ended, according to events; what was replayed has not ended

    @property
    def in_flight(self) -> int:
        """Those that somebody still owes an attempt, a fetch or a turn."""
        return sum(count for state, count in self.by_state.items() if not state.is_final)

    @property
    def difference(self) -> int:
        """0, or promise 2 is broken: deliveries, and endings by state, that one source knows and the other does not."""
        final = {state: count for state, count in self.by_state.items() if state.is_final}
        endings = {state: final.get(state, 0) - self.ended_events.get(state, 0) for state in State if state.is_final}
        return abs(self.accepted_events - sum(self.by_state.values())) + sum(abs(one) for one in endings.values())


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery of which the delivery table and the event stream tell different stories. `state` None: the table does not know
    it; `events`: how often it was accepted, replayed, and ended in each way."""

    delivery_id: int
    state: State | None
    events: dict[str, int]


class Looked(NamedTuple):
    """`through`: the last sequence looked at."""

    through: int
    mismatches: list[Mismatch]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A delivery that was given up, as an operator or one of its two parties sees it. `resolved_at`: somebody has seen to it."""

    delivery_id: int
    sequence: int
    sender: AgencyCode
    message_id: str
    recipient: AgencyCode
    kind: str
    priority: int
    order_key: str | None
    accepted_at: datetime
    expires_at: datetime
    ended_at: datetime
    attempts: int
    reason: str
    detail: str
    identifiers: tuple[Identifier, ...]
    resolved_at: datetime | None = None
    copy: bool = False


class DeadLetterCount(msgspec.Struct, frozen=True, kw_only=True):
    """`expired` of the `letters` are past their time: a replay leaves them. `oldest`: when the first of them was given up;
    `by_recipient`: the one that most are for first."""

    letters: int
    expired: int
    oldest: datetime | None
    by_recipient: dict[str, int]


class HeldRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """A hold, and how many deliveries it keeps parked."""

    hold: Hold
    parked: int


class HoldChange(NamedTuple):
    before: Hold | None
    after: Hold | None


class Occurrence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a recipient's history: failing, recovered, maintenance_begun, maintenance_ended."""

    at: datetime
    name: str
    recipient: str
    reason: str = ""
    detail: str = ""


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A client id and the scrypt hash of its secret."""

    client_id: str
    agency: AgencyCode
    secret_hash: str
    disabled: bool = False

    def __repr__(self) -> str:
        return f"Credential({self.client_id!r}, {self.agency!r})"


class Journal(Protocol):
    """The hub's memory. What it returned is on disk, fsync'd; what it has not returned may or may not have happened.

    Every call is one transaction. Raises JournalUnavailable when the store does not answer.
    """

    async def accept(self, batch: Sequence[Admitted], now: datetime, ready_lease_s: float) -> list[Accepted | Reused]:
        """Writes each envelope once per (sender, message_id), with deliveries, identifiers and events; answers in order.

        Sequences and delivery ids are dense and in commit order. A repeated id inside one batch is a resend like any other.
        READY deliveries fall due after `ready_lease_s`: by then they are published or the sweeper takes them.
        """
        ...

    async def hydrate(self, refs: Sequence[Ref]) -> list[Work]:
        """Those that still await exactly this attempt (READY or QUEUED), in any order, with their recipients' holds; the others
        are stale."""
        ...

    async def settle(self, batch: Sequence[Settlement], now: datetime, ready_lease_s: float) -> list[Settled]:
        """Records outcomes in the order given, with events, and releases what waited in the lanes of those that ended."""
        ...

    async def mark_queued(self, refs: Sequence[Ref], stuck_at: datetime) -> None:
        """READY -> QUEUED, for those still READY *at the attempt of the ref*: the broker has them, the sweeper may forget them
        until `stuck_at`. What is still QUEUED then the broker must have lost.

        One that failed meanwhile and waits for its next attempt must stay READY, or its retry would be lost.
        """
        ...

    async def take_due(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        """READY deliveries that are due and QUEUED ones that are stuck, the most urgent first, among equals the oldest due; they
        are READY, and their due time moves `lease_s` ahead: nobody else takes them."""
        ...

    async def change_hold(self, recipient: str, change: Callable[[Hold | None], Hold | None], now: datetime) -> HoldChange:
        """Stores what `change` makes of the recipient's hold as it is stored, with its occurrence if that is worth one
        (`core.hold.occurrence`), in one write transaction. `change` is pure and quick; None removes the hold, which
        only happens to one that parks nothing (EVERYBODY, THE_DOOR)."""
        ...

    async def hold(self, recipient: str) -> Hold | None:
        """The hold of a recipient, of EVERYBODY or of THE_DOOR."""
        ...

    async def let_go(
        self, now: datetime, limit: int, lease_s: float, probes_s: Sequence[float]
    ) -> tuple[list[Ref], list[HoldChange]]:
        """For at most `limit` holds that are due: what is parked goes READY as `core.hold` says, one probe or the next few, the
        most urgent first, among equals the oldest; probes are those tried least often, and there is one at a time: while it is
        READY or QUEUED it is not replaced. A maintenance that is over lets go. The refs to publish, and the holds that
        changed."""
        ...

    async def keep_parked(self, delivery_ids: Sequence[int], until: datetime) -> None:
        """These, if still PARKED, are given up at `until`, not before."""
        ...

    async def mark_fetched(self, delivery_ids: Sequence[int], now: datetime) -> list[bool]:
        """Recipients take these out of their mailboxes: noted the first time, with an event. For each whether it is AVAILABLE."""
        ...

    async def answer_recall(self, delivery_ids: Sequence[int], agreed: bool, now: datetime) -> int:
        """The recipient agreed to give these back, or refused; of those whose recall was REQUESTED. How many."""
        ...

    async def start_replay(self, replay: Replay) -> int:
        """Stores the job; its number. Dead letters move when `step_replays` comes to it."""
        ...

    async def step_replays(self, now: datetime, limit: int, lease_s: float) -> list[Ref]:
        """The next dead letters of running replays, at most `limit`, in the order of their acceptance: DEAD -> READY, or WAITING
        where their lane is occupied, with a new schedule and age. The refs to publish."""
        ...

    async def cancel_replay(self, replay_id: int, now: datetime) -> Replay | None:
        """What was replayed stays so. The job as it stands; None: unknown."""
        ...

    async def resolve_dead_letters(self, which: DeadLetterFilter, operator: str, note: str, now: datetime) -> int:
        """Somebody has seen to these: they leave the list and no replay takes them any more; an event with the note. How many."""
        ...

    async def requeue_all(self, now: datetime, lease_s: float = 0.0) -> int:
        """The broker lost its memory: QUEUED -> READY, due now; and whatever is READY for its first attempt and due within
        `lease_s`, because nobody is left who held the lease. Retries keep their time. How many."""
        ...

    async def overdue(self, now: datetime, grace_s: float, limit: int) -> list[Work]:
        """Open deliveries past expires_at, the longest first, with empty bodies; whoever asked settles them as EXPIRED. Behind
        them PARKED ones that are to be given up (`Settlement.delay_s`): DEAD, or kept where a maintenance is why
        (`core.hold.keeps`).

        Of those that somebody may be attempting just now (READY, QUEUED) only what is `grace_s` past it.
        """
        ...

    async def ping(self) -> None:
        """Proves that the journal can be written."""
        ...

    async def close(self) -> None:
        """Ends connections; what was returned stays."""
        ...


class Records(Protocol):
    """Reading for people: mailboxes, status, timelines. Never blocks writers."""

    async def mailbox(self, recipient: AgencyCode, after: int, limit: int) -> list[MailboxEntry]:
        """AVAILABLE deliveries with id > `after`, in order of acceptance. One with a lower id may become AVAILABLE later."""
        ...

    async def fetch(self, delivery_id: int) -> Work | None:
        """Any delivery with its envelope."""
        ...

    async def outline(self, delivery_ids: Sequence[int]) -> list[Work]:
        """These deliveries with their envelopes, bodies left empty, in any order; unknown ones are left out."""
        ...

    async def envelope(self, sender: AgencyCode, message_id: str) -> EnvelopeRecord | None:
        """What was accepted under this id."""
        ...

    async def timeline(self, *sequences: int) -> list[Event]:
        """Every event of these envelopes, oldest first."""
        ...

    async def find_case(self, identifier_key: str, party: AgencyCode | None, limit: int) -> list[EnvelopeRecord]:
        """Envelopes of which the agency is the sender or a recipient and that bear this identifier (any scheme, compared by
        `contracts.text.identifier_key`): the newest `limit` of them, oldest first. `party` None: whoever they belong to; for
        operators and auditors at the hub, never for a request."""
        ...

    async def attachment_open_to(self, digest: str, agency: AgencyCode) -> bool:
        """Whether the agency uploaded this file, or is sender or recipient of an accepted envelope that attaches it."""
        ...

    async def record_upload(self, digest: str, size_bytes: int, agency: AgencyCode, now: datetime) -> None:
        """The agency uploaded this file and may attach it."""
        ...

    async def uploads(self, digests: Sequence[str], agency: AgencyCode) -> dict[str, int]:
        """Sizes in bytes of those digests that the agency may attach: uploaded by it or received by it."""
        ...

    async def balance(self) -> Balance:
        """Counts of deliveries from both sources, of one instant."""
        ...

    async def mismatches(self, after: int, limit: int) -> Looked | None:
        """Which deliveries break the balance, among those of the next `limit` envelopes above the sequence `after`, of one
        instant. None: there are no more envelopes."""
        ...

    async def dead_letters(self, which: DeadLetterFilter, after: int, limit: int) -> list[DeadLetter]:
        """Those with a delivery id above `after`, in the order of acceptance."""
        ...

    async def count_dead_letters(self, which: DeadLetterFilter, now: datetime) -> DeadLetterCount: ...

    async def replay(self, replay_id: int) -> Replay | None: ...

    async def replays(self, limit: int) -> list[Replay]:
        """The newest `limit`, newest first."""
        ...

    async def holds(self, limit: int) -> list[HeldRecipient]:
        """Of recipients, EVERYBODY and THE_DOOR, the longest first."""
        ...

    async def count_queued(self, recipient: AgencyCode | None) -> int:
        """Deliveries that the broker or a worker has (QUEUED), to this recipient or to all."""
        ...

    async def count_holds(self) -> dict[Cause, int]: ...

    async def occurrences(self, recipient: str | None, limit: int) -> list[Occurrence]:
        """The newest `limit`, newest first; of one recipient or of all."""
        ...


class DirectoryStore(Protocol):
    """The directory and credentials, versioned: each change raises the version by one."""

    async def directory_version(self) -> int: ...

    async def directory(self) -> Directory: ...

    async def save_agencies(self, agencies: Sequence[Agency]) -> int:
        """Inserts or replaces by code, in one transaction; the new version."""
        ...

    async def change_agencies(self, change: Callable[[Directory], Sequence[Agency]]) -> int:
        """Saves what `change` makes of the directory as it is stored: nobody's edit is lost between reading and saving; where one
        comes in between, `change` is asked again. The version afterwards; it stays when there is nothing to save. `change` is
        pure and quick; what it raises comes out, and nothing was changed."""
        ...

    async def credential(self, client_id: str) -> Credential | None: ...

    async def save_credentials(self, credentials: Sequence[Credential]) -> None:
        """Inserts or replaces by client id."""
        ...

    async def certificate_owner(self, fingerprint: str) -> AgencyCode | None:
        """`fingerprint`: lower-case hex SHA-256 of the client certificate's DER."""
        ...

    async def save_certificate(self, fingerprint: str, agency: AgencyCode) -> None: ...

    async def remove_certificate(self, fingerprint: str, agency: AgencyCode) -> bool:
        """False when this agency has no such certificate."""
        ...


class Store(Journal, Records, DirectoryStore, Protocol):
    """One database that keeps all three."""


class Consignment(Protocol):
    """Refs that arrived together; unacknowledged until `done`."""

    @property
    def refs(self) -> Sequence[Ref]: ...

    async def done(self) -> None:
        """All refs are settled in the journal: the broker may forget them. Never raises: a lost connection redelivers."""
        ...

    async def again(self) -> None:
        """Give it back to be redelivered (the journal did not answer). Never raises."""
        ...


class Subscription(Protocol):
    """What the broker has for this process. Consignments handed out may still be `done` after `stop`."""

    async def take(self, least: int = 0) -> Consignment | None:
        """The most urgent consignment of at least this priority that waits in this process, the oldest among equals; waits
        until there is one. None once stopped or closed. Several may wait at once."""
        ...

    async def stop(self) -> None:
        """No more is taken; what was not handed out goes back to the broker."""
        ...


class Broker(Protocol):
    """The hub's muscles: spreads refs over workers, at least once.

    A ref that bears a mark of urgency (`core.urgency.is_urgent`) is handed out before ordinary ones of its shard that still wait
    in the broker; degrees of urgency count among those that wait in the memory of the process. Apart from that order is not its
    business: lanes are kept in the journal.
    """

    survives_restart: bool  # False: the journal republishes everything after a start

    async def publish(self, refs: Sequence[Ref]) -> None:
        """Returns when the broker confirmed all of them. Raises BrokerUnavailable otherwise, within a bounded time; some may
        have been stored, publishing again is harmless."""
        ...

    async def subscribe(self) -> Subscription:
        """All shards; one consumer at a time is active per shard, for urgent and ordinary refs alike. Survives reconnects by
        itself."""
        ...

    def is_up(self) -> bool:
        """Whether a publish now has a chance."""
        ...

    async def close(self) -> None: ...


class BlobInfo(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    size_bytes: int


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload under way. `digest` is set once it is complete."""

    upload_id: str
    owner: AgencyCode
    length_bytes: int
    offset_bytes: int
    created_at: datetime
    metadata: dict[str, str]
    digest: str | None = None


class Blobs(Protocol):
    """Attachments: content-addressed, written once, streamed in constant memory. Completed means fsync'd."""

    async def create_upload(self, owner: AgencyCode, length_bytes: int, metadata: dict[str, str], now: datetime) -> Upload: ...

    async def upload(self, upload_id: str) -> Upload | None: ...

    async def append(
        self,
        upload_id: str,
        offset_bytes: int,
        chunks: AsyncIterator[bytes],
        checksum: tuple[Literal["sha1", "sha256"], bytes] | None,
    ) -> Upload:
        """Appends and returns the upload as it stands; at offset = length it is complete: `digest` is set and the blob exists.

        What arrived before the connection broke is kept, unless a checksum was given: then all or nothing.
        Raises ContractError "upload.unknown", "upload.offset_mismatch", "upload.locked", "upload.checksum_mismatch",
        "attachment.too_large" (more than the length announced), "attachment.digest_mismatch" (metadata "digest" differs; the
        upload is removed).
        """
        ...

    async def cancel_upload(self, upload_id: str) -> None:
        """Raises ContractError "upload.unknown"."""
        ...

    async def stat(self, digest: str) -> BlobInfo | None: ...

    def read(self, digest: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes start..end (end excluded) in chunks. Raises ContractError "attachment.unknown"."""
        ...

    async def sweep_uploads(self, older_than: datetime) -> int:
        """Removes unfinished uploads created before; how many."""
        ...

    async def free_bytes(self) -> int | None:
        """Room left, None when the store does not say."""
        ...
