"""What a bus does for a document system, at a desk: takes its packets, lists and hands out what waits, hears what became of it.

Both facades speak this; how a call looks and what is answered is theirs.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple

from msgspec.structs import replace

from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.desk import Desk, Sent, Waiting
from contracts.edxml.attachments import File
from contracts.edxml.envelopes import DOCUMENT_KIND, STATUS_KIND, envelope_of
from contracts.edxml.ids import delivery_id_of, received_doc_id, sent_doc_id
from contracts.edxml.read import read
from contracts.edxml.slim import restored
from contracts.edxml.when import VIETNAM, When
from contracts.envelope import Attachment, Envelope
from contracts.errors import ContractError

MessageType = Literal["edoc", "status"]
KINDS: Mapping[MessageType, str] = MappingProxyType({"edoc": DOCUMENT_KIND, "status": STATUS_KIND})
TYPES: Mapping[str, MessageType] = MappingProxyType({kind: name for name, kind in KINDS.items()})

MAX_ROWS = 500
_MAX_LOOKED_AT = 10_000
_MAX_MARKED = 500
_MAX_WHY_CHARS = 300
_PROCESSING = "edxml_bus.processing"
_FAILED = "hệ thống nhận báo không lưu được gói tin (the recipient's system reported: fail)"


class Period(NamedTuple):
    """From the beginning to before the end; None: open."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


ALWAYS = Period()


def period(since: str, until: str, names: tuple[str, str]) -> Period:
    """Days and times as senders write them; a last day counts as a whole. Raises ContractError "request.field_invalid"."""
    first, last = _moment(since, names[0]), _moment(until, names[1])
    return Period(first, None if last is None else last + (timedelta(seconds=1) if ":" in until else timedelta(days=1)))


def message_type(text: str, name: str) -> MessageType:
    """Documents, where nothing is said. Raises ContractError "request.field_invalid"."""
    match text.strip().lower():
        case "" | "edoc":
            return "edoc"
        case "status":
            return "status"
        case _:
            raise ContractError("request.field_invalid", name, "edoc or status")


async def send(desk: Desk, octets: bytes, to: Sequence[str] = (), message_id: str = "") -> str:
    """The docId of a packet that is on disk now. `to`: instead of the addressees in it; `message_id`: instead of the one that the
    packet gives itself.

    Raises what reading and the desk raise, and ContractError "auth.sender_mismatch" for a packet in another body's name.
    """
    received_on = desk.now().astimezone(VIETNAM).date()
    incoming = await asyncio.to_thread(envelope_of, octets, sender=desk.caller, received_on=received_on, recipients=to)
    author = await asyncio.to_thread(_author, incoming.envelope.body)
    if not desk.speaks_for(author):
        detail = f"the packet is From {author}, the caller is {desk.caller}; bodies that it sends for have to be registered"
        raise ContractError("auth.sender_mismatch", "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/From/OrganId", detail)
    for file in incoming.files:
        await desk.keep(file.octets)
    envelope = replace(incoming.envelope, message_id=message_id) if message_id else _its_own(incoming.envelope, to)
    await desk.submit(envelope)
    return envelope.message_id


async def waiting(desk: Desk, which: MessageType, within: Period, size: int = MAX_ROWS, page: int = 1) -> list[Waiting]:
    """One page, the oldest first; the first is 1. Once the first ones are acknowledged the others move up."""
    wanted = min(size * page, _MAX_LOOKED_AT)
    limit = wanted if within == ALWAYS else _MAX_LOOKED_AT
    found = [one for one in await desk.waiting([KINDS[which]], 0, limit) if within.holds(one.accepted_at)]
    return found[size * (page - 1) : wanted]


async def parcel(desk: Desk, doc_id: str) -> Parcel:
    """Raises ContractError "access.not_a_party" for a docId that is none of a received packet."""
    delivery_id = delivery_id_of(doc_id)
    if delivery_id is None:
        raise ContractError("access.not_a_party", "docId")
    return await desk.fetch(delivery_id)


async def packet(desk: Desk, doc_id: str) -> tuple[Parcel, bytes]:
    """A received packet with its files inside and this hub's hop in its trace; a signed one octet for octet."""
    found = await parcel(desk, doc_id)
    files = [await _file(desk, one) for one in found.envelope.attachments]
    traced_by = (str(desk.hub), desk.now())
    return found, await asyncio.to_thread(restored, found.envelope.body, files, traced_by)


async def done(desk: Desk, doc_id: str) -> None:
    """The caller has it safely. Twice is harmless."""
    found = await parcel(desk, doc_id)
    await desk.acknowledge(found.delivery_id)
    await _mark(desk, found.delivery_id, processing=False)


async def failed(desk: Desk, doc_id: str, why: str = "") -> None:
    """The caller could not store it, which its sender is told. Counts only where it can be had now: what this hub could not hand
    out is no fault of the packet."""
    found = await parcel(desk, doc_id)
    await desk.acknowledge(found.delivery_id, f"{_FAILED}: {why[:_MAX_WHY_CHARS]}" if why else _FAILED)
    await _mark(desk, found.delivery_id, processing=False)


async def noted(desk: Desk, doc_id: str, *, processing: bool) -> None:
    """It still waits; the list shows which of the two states it is in."""
    await _mark(desk, (await parcel(desk, doc_id)).delivery_id, processing=processing)


async def processing(desk: Desk) -> frozenset[int]:
    """Deliveries that the caller is working at."""
    return frozenset(map(int, (await desk.mark(_PROCESSING)).split()))


async def count(desk: Desk, which: MessageType) -> int:
    """How many wait; counts no further than 10,000."""
    return len(await desk.waiting([KINDS[which]], 0, _MAX_LOOKED_AT))


async def sent(desk: Desk, which: MessageType, within: Period, doc_id: str = "") -> list[Sent]:
    """What the caller sent: one packet, or the newest of the period, which is the last 30 days where none is given. The docId of
    something received is left over from another call, and counts for nothing."""
    if doc_id and delivery_id_of(doc_id) is None:
        one = await desk.sent_one(doc_id)
        return [] if one is None else [one]
    now = desk.now()
    since, until = within.since or now - timedelta(days=30), within.until or now + timedelta(seconds=1)
    newest, after = deque[Sent](maxlen=MAX_ROWS), 0
    for _ in range(_MAX_LOOKED_AT // MAX_ROWS):
        page = await desk.sent([KINDS[which]], since, until, after, MAX_ROWS)
        newest.extend(page)
        if len(page) < MAX_ROWS:
            break
        after = page[-1].sequence
    return list(newest)


def doc_id_of(delivery_id: int) -> str:
    return received_doc_id(delivery_id)


def _its_own(envelope: Envelope, to: Sequence[str]) -> Envelope:
    """A packet that is sent to some now and to others later is a message each time."""
    return replace(envelope, message_id=sent_doc_id(envelope.message_id, *sorted(to))) if to else envelope


def _author(body: bytes) -> AgencyCode:
    return AgencyCode(read(body).header.from_.organ_id or "")


async def _file(desk: Desk, one: Attachment) -> File:
    octets = b"".join([piece async for piece in desk.file(one.digest)])
    return File(name=one.name, media_type=one.media_type, octets=octets)


async def _mark(desk: Desk, delivery_id: int, *, processing: bool) -> None:
    """The newest that are being worked at. Two calls at once may lose a mark, and then a packet is shown as untouched."""
    before = (await desk.mark(_PROCESSING)).split()
    after = [one for one in before if one != str(delivery_id)] + ([str(delivery_id)] if processing else [])
    if after != before:
        await desk.set_mark(_PROCESSING, " ".join(after[-_MAX_MARKED:]))


def _moment(text: str, name: str) -> datetime | None:
    moment = When(text.strip()).at
    if moment is None and text.strip():
        raise ContractError("request.field_invalid", name, "yyyy/MM/dd or dd/MM/yyyy, also with HH:mm:ss")
    return moment
