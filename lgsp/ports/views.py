"""What the journal tells people: mailboxes, statuses, timelines, balances, dead letters, holds."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier
from lgsp.core.hold import Hold
from lgsp.core.lifecycle import State
from lgsp.core.log.placed import Place
from lgsp.core.recall import Recall


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
    number: int | None = None  # of all deliveries from this sender to this recipient


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
    leaf_index: int | None = None  # in the log
    salt: bytes | None = None  # of the digest of its detail there


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
    number: int | None = None  # of all deliveries from this sender to this recipient


class EnvelopeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted envelope without its body, and its deliveries. `place`: of its acceptance in the log."""

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
    place: Place | None = None
    body_erased_at: datetime | None = None
    files_erased_at: datetime | None = None


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
