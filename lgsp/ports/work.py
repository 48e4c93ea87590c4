"""What moves through the hub: references, work, and what becomes of it."""

from datetime import datetime

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier
from contracts.receipt import DeliveryRef
from lgsp.core.admission import Admitted
from lgsp.core.hold import Hold
from lgsp.core.lifecycle import State
from lgsp.core.log.placed import Logged, Place
from lgsp.core.recall import Recall


class Ref(msgspec.Struct, frozen=True, array_like=True):
    """What the broker carries: which delivery, which attempt. Everything else stays in the journal."""

    delivery_id: int
    attempt: int  # number of the attempt to be made, the first is 1; the journal drops refs of another attempt
    shard: int
    priority: int
    traceparent: str | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """`fresh` is False for a resend of the same bytes: same values as the first time, and `ready` is empty. `deliveries` are
    those of the sender's list, without copies for subscribers.

    `place`: of its record in the log; None: it was accepted before there was one. `logged`: with its proof, where it is fresh.
    """

    sequence: int
    accepted_at: datetime
    digest: str
    deliveries: tuple[DeliveryRef, ...]
    fresh: bool
    ready: tuple[Ref, ...] = ()
    place: Place | None = None
    logged: Logged | None = None


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
    number: int | None = None  # of all deliveries from this sender to this recipient; None: from before they were counted
    erased: bool = False  # the body was, and is empty here

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
