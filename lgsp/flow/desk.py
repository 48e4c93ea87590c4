"""The hub as one agency's foreign system meets it: a `contracts.desk.Desk` over intake, mailbox and journal."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from msgspec.structs import replace

from contracts.adapter import Parcel
from contracts.agency import AgencyCode, agency_code
from contracts.desk import Listed, Sent, SentDelivery, Submitted, Waiting
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.text import is_plain_token
from lgsp.core.directory import Agency, Alias, Directory
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.intake import Intake
from lgsp.flow.mailbox import Acknowledgement, Mailbox
from lgsp.flow.notices import parcel_of
from lgsp.log import get_logger
from lgsp.ports import Blobs, DirectoryStore, EnvelopeRecord, Marks, Records

log = get_logger()

_PAGE = 500
_MOST_BROUGHT_BYTES = 512 * 2**20  # a packet's files may unpack to 400 MiB; those of packets that were refused are let go
_MAX_NAME_CHARS = 255
_MAX_ALIASES = 2000  # all of them are in the memory of every process, and in the list that anybody may ask for
_PIECE_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """What desks work with; makes one for each caller."""

    intake: Intake
    mailbox: Mailbox
    records: Records
    marks: Marks
    directory_store: DirectoryStore
    directory: DirectoryCache
    blobs: Blobs
    clock: Callable[[], datetime]
    hub: AgencyCode

    def of(self, caller: Agency) -> "HubDesk":
        return HubDesk(self, caller)


class HubDesk:
    """Of one call, or of one round of collecting. What `keep` was given stays in memory until an envelope that attaches it is let
    in: nothing is stored of what is refused."""

    def __init__(self, desks: Desks, caller: Agency) -> None:
        self._desks = desks
        self._agency = caller
        self._brought: dict[str, bytes] = {}
        self.noted: dict[str, object] = {}  # what was submitted last, for the log

    @property
    def hub(self) -> AgencyCode:
        return self._desks.hub

    @property
    def caller(self) -> AgencyCode:
        return self._agency.code

    @property
    def caller_codes(self) -> frozenset[str]:
        today = self.now().date()
        return frozenset({self._agency.code, *(alias.code for alias in self._agency.aliases if alias.is_valid(today))})

    def speaks_for(self, code: str) -> bool:
        if code in self.caller_codes:
            return True
        directory = self._desks.directory.current
        carrier = directory.carrier(code)
        return carrier is not None and carrier.code == self.caller and directory.known_as(code, self.now().date()) is None

    def now(self) -> datetime:
        return self._desks.clock()

    async def submit(self, envelope: Envelope) -> Submitted:
        self.noted = {"sender": envelope.sender, "message_id": envelope.message_id, "kind": envelope.kind}
        brought = [digest for file in envelope.attachments if (digest := file.digest) in self._brought]
        if brought:
            await self._desks.intake.foresee(envelope, self._agency)
            for digest in brought:
                await self._store(digest)
        try:
            answer = await self._desks.intake.submit(envelope, self._agency)
        except ContractError as error:
            first = await self._as_first_dated(envelope) if error.code == "envelope.id_reused" else envelope
            if first == envelope:
                raise
            answer = await self._desks.intake.submit(first, self._agency)
        self.noted["sequence"] = answer.receipt.sequence
        for digest in brought:
            self._brought.pop(digest, None)  # a round of collecting may bring gigabytes, one envelope after the other
        return Submitted(receipt=answer.receipt, fresh=answer.fresh)

    async def keep(self, octets: bytes) -> str:
        digest = _digest(octets) if len(octets) < _PIECE_BYTES else await asyncio.to_thread(_digest, octets)
        self._brought[digest] = octets
        while len(self._brought) > 1 and sum(map(len, self._brought.values())) > _MOST_BROUGHT_BYTES:
            del self._brought[next(iter(self._brought))]
        return digest

    async def file(self, digest: str) -> AsyncIterator[bytes]:
        if not await self._desks.records.attachment_open_to(digest, self.caller):
            erased = await self._desks.records.file_erased(digest, self.caller)
            raise ContractError("envelope.erased" if erased else "access.not_a_party", "digest")
        async for piece in self._desks.blobs.read(digest):
            yield piece

    async def waiting(self, kinds: Sequence[str], after: int, limit: int) -> Sequence[Waiting]:
        found: list[Waiting] = []
        while len(found) < limit:
            page = await self._desks.mailbox.list(self.caller, after, _PAGE, 0.0)
            found += [
                Waiting(
                    delivery_id=one.delivery_id,
                    sender=one.sender,
                    message_id=one.message_id,
                    kind=one.kind,
                    priority=one.priority,
                    accepted_at=one.accepted_at,
                    body_bytes=one.body_bytes,
                )
                for one in page
                if one.kind in kinds
            ]
            if len(page) < _PAGE:
                break
            after = page[-1].delivery_id
        return found[:limit]

    async def fetch(self, delivery_id: int) -> Parcel:
        return parcel_of(await self._desks.mailbox.take(self.caller, delivery_id))

    async def acknowledge(self, delivery_id: int, refusal: str = "") -> bool:
        """The reason as one line, whatever the foreign protocol let through: not every journal keeps control characters."""
        reason = " ".join("".join(char if char.isprintable() else " " for char in refusal).split())
        one = Acknowledgement(delivery_id=delivery_id, result="refused" if refusal else "delivered", reason=reason)
        (settled,) = await self._desks.mailbox.acknowledge(self.caller, (one,))
        return settled.applied

    async def sent(self, kinds: Sequence[str], since: datetime, until: datetime, after: int, limit: int) -> Sequence[Sent]:
        records = self._desks.records
        return [_sent(one) for one in await records.envelopes_of(kinds, since, until, after, limit, self.caller)]

    async def sent_one(self, message_id: str) -> Sent | None:
        """With its body, which `Records.envelope` leaves out."""
        if not is_plain_token(message_id, 128):
            return None
        record = await self._desks.records.envelope(self.caller, message_id)
        if record is None:
            return None
        kinds, moment = (record.envelope.kind,), record.accepted_at
        after = record.sequence - 1
        found = await self._desks.records.envelopes_of(kinds, moment, moment + timedelta(microseconds=1), after, 1, self.caller)
        return _sent(found[0] if found and found[0].sequence == record.sequence else record)

    async def agencies(self) -> Sequence[Listed]:
        return _listed(self._desks.directory.current, self.now().date())

    async def register(self, code: AgencyCode, name: str) -> None:
        code = agency_code(code, "code")
        if not 0 < len(name) <= _MAX_NAME_CHARS or not name.isprintable():
            raise ContractError("request.field_invalid", "name", f"1 to {_MAX_NAME_CHARS} printable characters")
        today = self.now().date()

        def registered(directory: Directory) -> Sequence[Agency]:
            own = self._may_register(directory)
            if not directory.is_free_for(own.code, code, today):
                raise ContractError("agency.code_taken", "code", code)
            if any(alias.code == code and alias.name in ("", name) and alias.is_valid(today) for alias in own.aliases):
                return ()
            others = tuple(alias for alias in own.aliases if alias.code != code)
            if len(others) >= _MAX_ALIASES:
                raise ContractError("grant.registration_not_allowed", "code", f"{own.code} has {_MAX_ALIASES} codes already")
            return (replace(own, aliases=(*others, Alias(code=code, name=name, valid_from=today))),)

        await self._changed(registered)

    async def unregister(self, code: AgencyCode) -> None:
        today = self.now().date()

        def unregistered(directory: Directory) -> Sequence[Agency]:
            own = self._may_register(directory)
            if not any(alias.code == code and alias.name and alias.is_valid(today) for alias in own.aliases):
                raise ContractError("agency.unknown", "code", code)
            ended = (replace(alias, valid_to=today - timedelta(days=1)) if alias.code == code else alias for alias in own.aliases)
            return (replace(own, aliases=tuple(ended)),)

        await self._changed(unregistered)

    async def mark(self, name: str) -> str:
        return await self._desks.marks.mark(self.caller, name)

    async def set_mark(self, name: str, value: str) -> None:
        await self._desks.marks.set_mark(self.caller, name, value)

    def _may_register(self, directory: Directory) -> Agency:
        own = directory.agencies[self.caller]
        if not own.may_register:
            raise ContractError("grant.registration_not_allowed", "", own.code)
        return own

    async def _changed(self, change: Callable[[Directory], Sequence[Agency]]) -> None:
        await self._desks.directory_store.change_agencies(change)
        await self._desks.directory.refresh()
        self._agency = self._desks.directory.current.agencies.get(self.caller, self._agency)

    async def _as_first_dated(self, envelope: Envelope) -> Envelope:
        before = await self._desks.records.envelope(self.caller, envelope.message_id)
        return envelope if before is None else replace(envelope, created_at=before.envelope.created_at)

    async def _store(self, digest: str) -> None:
        """On disk and recorded as the caller's before an envelope names it."""
        octets, now = self._brought[digest], self.now()
        held: Mapping[str, int] = await self._desks.records.uploads((digest,), self.caller)
        if digest not in held:
            blobs = self._desks.blobs
            upload = await blobs.create_upload(self.caller, len(octets), {"digest": digest}, now)
            await blobs.append(upload.upload_id, 0, _pieces(octets), None)
            await self._desks.records.record_upload(digest, len(octets), self.caller, now)
            log.info("blob.stored", digest=digest, size_bytes=len(octets), agency=self.caller)


def _digest(octets: bytes) -> str:
    return f"sha256:{hashlib.sha256(octets).hexdigest()}"


async def _pieces(octets: bytes) -> AsyncIterator[bytes]:
    view = memoryview(octets)
    for start in range(0, len(octets), _PIECE_BYTES):
        yield bytes(view[start : start + _PIECE_BYTES])


def _sent(record: EnvelopeRecord) -> Sent:
    """Without the copies of subscribers, which are none of the sender's business."""
    return Sent(
        sequence=record.sequence,
        accepted_at=record.accepted_at,
        envelope=record.envelope,
        deliveries=tuple(
            SentDelivery(
                delivery_id=one.delivery_id,
                recipient=one.recipient,
                addressed_as=one.addressed_as,
                state=one.state.label,
                ended_at=one.ended_at,
                fetched_at=one.fetched_at,
                reason=one.reason,
                detail=one.detail,
            )
            for one in record.deliveries
            if not one.copy
        ),
    )


def _listed(directory: Directory, today: date) -> Sequence[Listed]:
    """Bodies that an agency's system works for stand in the list beside it."""
    found = []
    for agency in directory.agencies.values():
        if agency.level == "hub":
            continue
        valid = [alias for alias in agency.aliases if alias.is_valid(today)]
        found.append(
            Listed(
                code=agency.code,
                name_vi=agency.name_vi,
                name_en=agency.name_en,
                level=agency.level,
                parent=agency.parent,
                other_codes=tuple(alias.code for alias in valid if not alias.name),
                closed_on=agency.closed_on,
            )
        )
        found += [
            Listed(code=alias.code, name_vi=alias.name, name_en="", level=agency.level, parent=agency.code)
            for alias in valid
            if alias.name
        ]
    return sorted(found, key=lambda one: one.code)
