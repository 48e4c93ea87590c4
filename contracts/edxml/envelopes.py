"""From a packet that a foreign system sends to the envelope that the hub takes: the same octets give the same envelope, octet for
octet, so that whoever sends again after a time-out gets the same receipt."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time

import msgspec
from lxml import etree

from contracts.agency import AgencyCode, agency_code
from contracts.edxml.attachments import CAPS, Caps, File
from contracts.edxml.ids import sent_doc_id
from contracts.edxml.model import Organization, Packet, Status
from contracts.edxml.names import MEDIA_TYPE
from contracts.edxml.places import HEADER, Opened, opened
from contracts.edxml.read import status_in
from contracts.edxml.slim import Slim, slimmed_tree
from contracts.edxml.when import VIETNAM, When
from contracts.envelope import Attachment, Envelope, checked

DOCUMENT_KIND, STATUS_KIND = "document.packet/1", "document.status/1"


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope, and the files that have to be kept before it is submitted: its attachments, in their order. `author`: the
    body that wrote it (From), which a bus that passes it on is not."""

    envelope: Envelope
    author: str
    files: tuple[File, ...] = ()


def envelope_of(
    octets: bytes, *, sender: AgencyCode, received_on: date, recipients: Sequence[str] = (), caps: Caps = CAPS
) -> Incoming:
    """`sender`: who calls, which may be a bus that passes on what others wrote. `recipients`: those that the call names beside
    the packet; empty: those in the packet, of a status the body whose document it is about. `received_on`: the day in Vietnam.

    Raises ContractError as `read.read` and `attachments.files_in`, "envelope.field_invalid" or "agency.code_malformed".
    """
    tree = opened(octets)
    if tree.places.is_status:
        status = status_in(tree.places, tree.repairs)
        octets = _sound(octets, tree)
        return Incoming(
            envelope=checked(_of_status(status, octets, sender, received_on, recipients)), author=_organ(status.header.from_)
        )
    slim = slimmed_tree(octets, tree, caps)
    return Incoming(
        envelope=checked(_of_packet(slim, octets, sender, received_on, recipients)),
        author=_organ(slim.packet.header.from_),
        files=slim.files,
    )


def packet_message_id(packet: Packet, octets: bytes) -> str:
    """A new document is one by its sender and DocumentId. Recalls, updates and replacements come more than once for one document,
    so each is one by its octets besides."""
    header = packet.header
    which = (header.from_.organ_id or "", header.document_id or "", packet.business_type)
    return sent_doc_id(*which) if packet.business_type == 0 else sent_doc_id(*which, octets)


def status_message_id(status: Status) -> str:
    header = status.header
    at = header.timestamp.text if header.timestamp else ""
    return sent_doc_id(header.response_for.document_id or "", header.from_.organ_id or "", header.status_code or "", at)


def _of_packet(slim: Slim, octets: bytes, sender: AgencyCode, received_on: date, recipients: Sequence[str]) -> Envelope:
    packet = slim.packet
    return Envelope(
        message_id=packet_message_id(packet, octets),
        sender=sender,
        recipients=_codes(recipients, packet.recipients, f"{HEADER}/To/OrganId"),
        kind=DOCUMENT_KIND,
        created_at=_first(_written(packet), received_on),
        body=slim.body,
        media_type=MEDIA_TYPE,
        priority=packet.header.other_info.priority,
        attachments=tuple(map(_attachment, slim.files)),
    )


def _of_status(status: Status, octets: bytes, sender: AgencyCode, received_on: date, recipients: Sequence[str]) -> Envelope:
    about = status.header.response_for
    return Envelope(
        message_id=status_message_id(status),
        sender=sender,
        recipients=_codes(recipients, (about.organ_id or "",), f"{HEADER}/ResponseFor/OrganId"),
        kind=STATUS_KIND,
        created_at=_first((status.header.timestamp,), received_on),
        body=octets,
        media_type=MEDIA_TYPE,
    )


def _sound(octets: bytes, tree: Opened) -> bytes:
    """What was put right about the XML is not passed on, unless it is signed."""
    if tree.places.is_signed or not tree.repairs:
        return octets
    return etree.tostring(tree.root, xml_declaration=True, encoding="UTF-8")


def _codes(named: Sequence[str], inside: Sequence[str], place: str) -> tuple[AgencyCode, ...]:
    """Those that the call names, else those in the packet, which are refused where they stand."""
    return tuple(map(AgencyCode, dict.fromkeys(named))) or tuple(dict.fromkeys(agency_code(code, place) for code in inside))


def _organ(body: Organization) -> str:
    return body.organ_id or ""


def _written(packet: Packet) -> Iterator[When | None]:
    yield from (hop.timestamp for hop in packet.trace.trace_header[:1])
    info = packet.header.promulgation_info
    yield info.promulgation_date if info else None


def _first(written: Iterable[When | None], received_on: date) -> datetime:
    """The first that is a date and not of a day to come, else the beginning of the day of receipt."""
    moments = (when.at for when in written if when is not None)
    past = (at for at in moments if at is not None and at.year >= 2000 and at.astimezone(VIETNAM).date() <= received_on)
    return next(past, datetime.combine(received_on, time(), VIETNAM))


def _attachment(file: File) -> Attachment:
    return Attachment(digest=file.digest, size_bytes=len(file.octets), media_type=file.media_type, name=file.name)
