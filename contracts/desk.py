"""What the hub does for one agency whose system speaks a foreign protocol: lent to facades and collectors, which know nothing
else of the hub. Whatever is done here is decided, journaled and proved like what comes by the hub's own interface."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Protocol

import msgspec

from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.receipt import Receipt


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """`fresh` False: these very bytes had been accepted before, the receipt is the one of then."""

    receipt: Receipt
    fresh: bool


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the caller's mailbox."""

    delivery_id: int
    sender: AgencyCode
    message_id: str
    kind: str
    priority: int
    accepted_at: datetime
    body_bytes: int


class SentDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """How one delivery of a sent envelope stands. `state` as in `delivery.status`: waiting, ready, queued, available, parked,
    delivered, refused, dead, expired, cancelled."""

    delivery_id: int
    recipient: AgencyCode
    addressed_as: AgencyCode
    state: str
    ended_at: datetime | None = None
    fetched_at: datetime | None = None
    reason: str = ""
    detail: str = ""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope of the caller's, with its body (empty once it was erased), and where its deliveries stand."""

    sequence: int
    accepted_at: datetime
    envelope: Envelope
    deliveries: tuple[SentDelivery, ...]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An agency as the directory shows it to everybody. `other_codes`: its aliases that are valid today."""

    code: AgencyCode
    name_vi: str
    name_en: str
    level: str
    parent: AgencyCode | None
    other_codes: tuple[AgencyCode, ...] = ()
    closed_on: date | None = None


class Desk(Protocol):
    """Everything may raise what stands in the hub's way (the journal is away, the hub is stopping): let it pass, the hub answers
    for it. ContractErrors are refusals."""

    @property
    def hub(self) -> AgencyCode:
        """Key of the hub itself: a hop that messages name."""
        ...

    @property
    def caller(self) -> AgencyCode:
        """The key of the calling agency in the directory."""
        ...

    @property
    def caller_codes(self) -> frozenset[str]:
        """Every code that the caller may go by today, its key among them."""
        ...

    def speaks_for(self, code: str) -> bool:
        """Whether messages in this body's name may come from the caller: a code of its own, or of a body that nobody here has and
        that is reached through the caller, which is another bus."""
        ...

    def now(self) -> datetime: ...

    async def submit(self, envelope: Envelope) -> Submitted:
        """On disk when it returns. Give a checked envelope (`contracts.envelope.checked`) that is the same, octet for octet, when
        the same call comes again. What has no date of its own may bear that of the day on which it came: on another day it is the
        same message, under the date of the first."""
        ...

    async def keep(self, octets: bytes) -> str:
        """A file of the caller's, which it may attach from now on: its digest, "sha256:" + hex. Twice is harmless. Raises
        ContractError "attachment.too_large"."""
        ...

    def file(self, digest: str) -> AsyncIterator[bytes]:
        """A file that the caller uploaded or was sent. Raises ContractError "access.not_a_party" or "envelope.erased"."""
        ...

    async def waiting(self, kinds: Sequence[str], after: int, limit: int) -> Sequence[Waiting]:
        """Of the caller's mailbox, those of these kinds ("document.packet/1") with an id above `after`, the lowest id first. One
        with a lower id may appear later: those that are not acknowledged are listed again from 0."""
        ...

    async def fetch(self, delivery_id: int) -> Parcel:
        """A delivery of the caller's, also after it was acknowledged; the first time is noted. Raises ContractError
        "access.not_a_party", "delivery.recalled" or "envelope.erased"."""
        ...

    async def acknowledge(self, delivery_id: int, refusal: str = "") -> bool:
        """The caller has it safely, or will not take it (`refusal` in words, for its sender). False: it had ended before."""
        ...

    async def sent(self, kinds: Sequence[str], since: datetime, until: datetime, after: int, limit: int) -> Sequence[Sent]:
        """What the caller sent of these kinds, accepted from `since` to before `until`, with a sequence above `after`."""
        ...

    async def sent_one(self, message_id: str) -> Sent | None: ...

    async def agencies(self) -> Sequence[Listed]:
        """All of the directory but the hub itself, by code."""
        ...

    async def register(self, code: AgencyCode, name: str) -> None:
        """Another body that the caller's system sends and receives for: from now on an alias of the caller. Doing it twice is
        harmless. Raises ContractError "grant.registration_not_allowed", "agency.code_taken" (also one that is reached through
        another bus) or "request.field_invalid"."""
        ...

    async def unregister(self, code: AgencyCode) -> None:
        """The alias ends today. Raises ContractError "grant.registration_not_allowed" or "agency.unknown"."""
        ...

    async def mark(self, name: str) -> str:
        """A place in a foreign feed that was kept for the caller; "" at first."""
        ...

    async def set_mark(self, name: str, value: str) -> None:
        """On disk when it returns. Keep a place only once everything before it was submitted."""
        ...
