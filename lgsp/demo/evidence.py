"""What the simulated systems wrote down during a day: what senders were told and what recipients saw, in the order in which it
happened."""

from dataclasses import dataclass, field
from typing import Literal

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A sender holds the hub's receipt for a planned message. `deliveries`: delivery id -> recipient; `took_s` from the first
    attempt to the receipt."""

    message_id: str
    sequence: int
    deliveries: dict[int, str]
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """A planned message that the hub refused: that should never happen."""

    message_id: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a document packet says of itself; `business_type` 0: new, 1: taken back."""

    document_id: str
    business_type: int


Road = Literal["webhook", "mailbox", "SOAP"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One copy of one delivery in a recipient's system. `took_s` from the sender's first attempt, None for what was sent by
    somebody else; `sealed`: the recipient has verified its sender's seal; `direction` of a postal order or event: "collect" or
    "deliver"; `files`: digests of what is attached; `paper`: of an official document."""

    delivery_id: int
    recipient: str
    message_id: str
    sender: str
    kind: str
    order_key: str | None
    direction: str | None = None
    files: tuple[str, ...] = ()
    sealed: bool = False
    took_s: float | None = None
    road: Road = "webhook"
    paper: Paper | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """How the hub answered something done on purpose. `expected` and `found` are catalogue codes, or "same receipt"."""

    lesson: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A recipient has fetched a file that a message named. `digest` is of the bytes that came."""

    recipient: str
    message_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A status of a document as the department read it off the bus."""

    commune: str
    document_id: str
    status: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not fit in the account with the post, in words."""

    code: str
    severity: str
    text_vi: str
    text_en: str
    order_number: str = ""
    item_code: str = ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A day with the post as the hub reconciles it: counts of parcel legs, sums in đồng. `differences`: without mere warnings."""

    handed_over: int
    accepted: int
    delivered: int
    cod_due_vnd: int
    cod_paid_vnd: int
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubBalance:
    """The hub's own account. `difference`: deliveries according to its events minus those in its table."""

    difference: int
    by_state: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """Of how many answers that senders hold, so many were proved by the hub's log; `wrong_*`: those that were not, and why.
    `unlogged_refusals`: the hub gave them while its log was busy, and they bear no place in it."""

    receipts: int
    proved_receipts: int
    refusals: int
    proved_refusals: int
    unlogged_refusals: int = 0
    wrong_receipts: tuple[str, ...] = ()
    wrong_refusals: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Grows while the day runs. `papers`: copies of the day's official documents, `reported` in the order in which the department
    read them. `strangers`: copies of messages that are not of this day (an earlier run, somebody at the
    command line)."""

    answers: list[Answered] = field(default_factory=list)
    turned_away: list[TurnedAway] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    strangers: list[Arrival] = field(default_factory=list)
    papers: list[Arrival] = field(default_factory=list)
    reported: list[Reported] = field(default_factory=list)
    fetched: list[Fetched] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    hub: HubBalance | None = None
    account: Account | None = None
    proofs: Proofs | None = None  # None: the hub has no log
