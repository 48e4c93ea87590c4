"""A hub in memory, as far as a desk shows one: for tests of facades and collectors. It refuses what the real one refuses for the
sake of the envelope itself; grants, signatures and retries are none of its business.

`fail_next` raises once, before anything happened; `answer_lost` once, after it happened: what a killed process looks like.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.desk import Listed, Sent, SentDelivery, Submitted, Waiting
from contracts.envelope import Envelope, checked
from contracts.errors import ContractError
from contracts.kinds import find, read_body
from contracts.receipt import DeliveryRef, Receipt

HUB = AgencyCode("H01")
_PIECE_BYTES = 64 * 1024


class Away(Exception):
    """What a desk raises when the journal is away."""


@dataclass(slots=True)
class _Delivery:
    delivery_id: int
    recipient: AgencyCode
    addressed_as: AgencyCode
    sent: "_Taken"
    state: str = "available"
    reason: str = ""
    ended_at: datetime | None = None
    fetched_at: datetime | None = None


@dataclass(slots=True)
class _Taken:
    envelope: Envelope
    receipt: Receipt
    deliveries: list[_Delivery]


@dataclass(slots=True)
class MemoryHub:
    """`carrier`: gets what is addressed to a code that nobody has."""

    agencies: dict[str, Listed]
    carrier: AgencyCode | None = None
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))
    max_file_bytes: int = 2**31
    taken: list[_Taken] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    access: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    fail_next: Exception | None = None
    answer_lost: bool = False

    @classmethod
    def of(cls, *codes: str, carrier: str | None = None) -> "MemoryHub":
        listed = {
            code: Listed(code=AgencyCode(code), name_vi=f"Cơ quan {code}", name_en="", level="other", parent=None)
            for code in codes
        }
        return cls(listed, None if carrier is None else AgencyCode(carrier))

    def desk(self, code: str) -> "MemoryDesk":
        return MemoryDesk(self, AgencyCode(code))

    @property
    def envelopes(self) -> list[Envelope]:
        """All that was accepted, in order."""
        return [one.envelope for one in self.taken]

    def owner(self, code: str) -> AgencyCode | None:
        for agency in self.agencies.values():
            if code == agency.code or code in agency.other_codes:
                return agency.code
        return self.carrier

    def deliveries(self) -> list[_Delivery]:
        return [delivery for one in self.taken for delivery in one.deliveries]


class MemoryDesk:
    """A `contracts.desk.Desk`."""

    def __init__(self, hub: MemoryHub, code: AgencyCode) -> None:
        self._hub, self._code = hub, code

    @property
    def hub(self) -> AgencyCode:
        return HUB

    @property
    def caller(self) -> AgencyCode:
        return self._code

    @property
    def caller_codes(self) -> frozenset[str]:
        return frozenset({self._code, *self._hub.agencies[self._code].other_codes})

    def speaks_for(self, code: str) -> bool:
        return code in self.caller_codes or (self._hub.carrier == self._code and self._hub.owner(code) == self._code)

    def now(self) -> datetime:
        return self._hub.moment

    async def submit(self, envelope: Envelope) -> Submitted:
        self._stumble()
        envelope = checked(envelope)
        if envelope.sender not in self.caller_codes:
            raise ContractError("auth.sender_mismatch", "/sender", envelope.sender)
        kept = msgspec.structs.replace(envelope, sender=self._code)
        for earlier in self._hub.taken:
            if (earlier.envelope.sender, earlier.envelope.message_id) == (kept.sender, kept.message_id):
                dated = msgspec.structs.replace(kept, created_at=earlier.envelope.created_at)
                if earlier.receipt.digest != dated.digest():
                    raise ContractError("envelope.id_reused", "/message_id", f"accepted before with {earlier.receipt.digest}")
                return Submitted(receipt=earlier.receipt, fresh=False)
        if kept.created_at > self._hub.moment + timedelta(minutes=5):
            raise ContractError("envelope.created_in_future", "/created_at", kept.created_at.isoformat())
        read_body(find(kept.kind), kept.body, kept.media_type)
        receipt = self._accept(kept)
        if self._hub.answer_lost:
            self._hub.answer_lost = False
            raise Away("killed after the commit")
        return Submitted(receipt=receipt, fresh=True)

    async def keep(self, octets: bytes) -> str:
        self._stumble()
        if len(octets) > self._hub.max_file_bytes:
            raise ContractError("attachment.too_large", "", f"{len(octets)} bytes")
        digest = f"sha256:{sha256(octets).hexdigest()}"
        self._hub.files[digest] = octets
        self._hub.access[digest].add(self._code)
        return digest

    async def file(self, digest: str) -> AsyncIterator[bytes]:
        if self._code not in self._hub.access[digest]:
            raise ContractError("access.not_a_party", "digest")
        octets = self._hub.files[digest]
        for start in range(0, len(octets), _PIECE_BYTES):
            yield octets[start : start + _PIECE_BYTES]

    async def waiting(self, kinds: Sequence[str], after: int, limit: int) -> Sequence[Waiting]:
        self._stumble()
        return [
            Waiting(
                delivery_id=one.delivery_id,
                sender=one.sent.envelope.sender,
                message_id=one.sent.envelope.message_id,
                kind=one.sent.envelope.kind,
                priority=one.sent.envelope.priority,
                accepted_at=one.sent.receipt.accepted_at,
                body_bytes=len(one.sent.envelope.body),
            )
            for one in self._hub.deliveries()
            if one.recipient == self._code and one.state == "available" and one.delivery_id > after
            and one.sent.envelope.kind in kinds
        ][:limit]  # fmt: skip

    async def fetch(self, delivery_id: int) -> Parcel:
        self._stumble()
        one = self._own(delivery_id)
        if one is None:
            raise ContractError("access.not_a_party", "delivery_id")
        if one.state == "cancelled":
            raise ContractError("delivery.recalled", "delivery_id")
        one.fetched_at = one.fetched_at or self._hub.moment
        envelope = one.sent.envelope
        return Parcel(
            delivery_id=delivery_id,
            attempt=1,
            recipient=one.recipient,
            addressed_as=one.addressed_as,
            sequence=one.sent.receipt.sequence,
            envelope=envelope,
            order_key=envelope.order_key,
            identifiers=envelope.identifiers,
        )

    async def acknowledge(self, delivery_id: int, refusal: str = "") -> bool:
        self._stumble()
        one = self._own(delivery_id)
        if one is None or one.state != "available":
            return False
        one.state, one.reason, one.ended_at = ("refused" if refusal else "delivered"), refusal, self._hub.moment
        return True

    async def sent(self, kinds: Sequence[str], since: datetime, until: datetime, after: int, limit: int) -> Sequence[Sent]:
        self._stumble()
        return [
            _sent(one)
            for one in self._hub.taken
            if one.envelope.sender == self._code and one.envelope.kind in kinds
            and since <= one.receipt.accepted_at < until and one.receipt.sequence > after
        ][:limit]  # fmt: skip

    async def sent_one(self, message_id: str) -> Sent | None:
        self._stumble()
        own = (one for one in self._hub.taken if (one.envelope.sender, one.envelope.message_id) == (self._code, message_id))
        return next((_sent(one) for one in own), None)

    async def agencies(self) -> Sequence[Listed]:
        return [self._hub.agencies[code] for code in sorted(self._hub.agencies)]

    async def register(self, code: AgencyCode, name: str) -> None:
        owner = self._hub.owner(code)
        if owner not in (None, self._code, self._hub.carrier):
            raise ContractError("agency.code_taken", "code", code)
        self._alias({*self._hub.agencies[self._code].other_codes, code})

    async def unregister(self, code: AgencyCode) -> None:
        codes = set(self._hub.agencies[self._code].other_codes)
        if code not in codes:
            raise ContractError("agency.unknown", "code", code)
        self._alias(codes - {code})

    async def mark(self, name: str) -> str:
        return self._hub.marks.get((self._code, name), "")

    async def set_mark(self, name: str, value: str) -> None:
        self._stumble()
        self._hub.marks[self._code, name] = value

    def _stumble(self) -> None:
        error, self._hub.fail_next = self._hub.fail_next, None
        if error is not None:
            raise error

    def _alias(self, codes: set[AgencyCode]) -> None:
        own = self._hub.agencies[self._code]
        self._hub.agencies[self._code] = msgspec.structs.replace(own, other_codes=tuple(sorted(codes)))

    def _own(self, delivery_id: int) -> _Delivery | None:
        mine = (one for one in self._hub.deliveries() if one.recipient == self._code)
        return next((one for one in mine if one.delivery_id == delivery_id), None)

    def _accept(self, envelope: Envelope) -> Receipt:
        hops: dict[AgencyCode, AgencyCode] = {}
        for place, code in enumerate(envelope.recipients):
            owner = self._hub.owner(code)
            if owner is None:
                raise ContractError("route.unknown_recipient", f"/recipients/{place}", code)
            hops.setdefault(owner, code)
        for place, file in enumerate(envelope.attachments):
            if self._code not in self._hub.access[file.digest]:
                raise ContractError("attachment.unknown", f"/attachments/{place}/digest", file.digest)
            self._hub.access[file.digest].update(hops)
        first = len(self._hub.deliveries()) + 1
        refs = tuple(
            DeliveryRef(delivery_id=first + place, recipient=owner, addressed_as=None if code == owner else code)
            for place, (owner, code) in enumerate(hops.items())
        )
        receipt = Receipt(
            hub=HUB,
            sender=envelope.sender,
            message_id=envelope.message_id,
            digest=envelope.digest(),
            sequence=len(self._hub.taken) + 1,
            accepted_at=self._hub.moment,
            deliveries=refs,
        )
        taken = _Taken(envelope, receipt, [])
        taken.deliveries = [_Delivery(one.delivery_id, one.recipient, hops[one.recipient], taken) for one in refs]
        self._hub.taken.append(taken)
        return receipt


def _sent(one: _Taken) -> Sent:
    return Sent(
        sequence=one.receipt.sequence,
        accepted_at=one.receipt.accepted_at,
        envelope=one.envelope,
        deliveries=tuple(
            SentDelivery(
                delivery_id=each.delivery_id,
                recipient=each.recipient,
                addressed_as=each.addressed_as,
                state=each.state,
                ended_at=each.ended_at,
                fetched_at=each.fetched_at,
                reason=each.reason,
            )
            for each in one.deliveries
        ),
    )
