"""Between messages of this bus and envelopes of the hub. Pure, but for `files_of`, which gathers pieces that others read."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence, Set
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import unquote

import msgspec
from lxml import etree

from adapters.edoc_soap.armour import unarmoured
from adapters.edoc_soap.checks import check_document
from adapters.edoc_soap.codes import mismatch, missing
from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.edxml.attachments import Caps, File, files_in, plain_id
from contracts.edxml.edoc import Message as Document
from contracts.edxml.edoc import element_of, message_of, packet_from, status_from
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.ids import sent_doc_id
from contracts.edxml.model import Kept, Organization, Packet, ResponseFor, Status, StatusHeader
from contracts.edxml.names import MEDIA_TYPE
from contracts.edxml.read import read_packet, read_status
from contracts.edxml.slim import with_hop
from contracts.edxml.tree import child, children, name_of, text
from contracts.edxml.when import VIETNAM, moment
from contracts.edxml.write import write_packet, write_status
from contracts.envelope import MAX_RECIPIENTS, Attachment, Envelope
from contracts.errors import ContractError
from contracts.receipt import Refusal
from contracts.safe_xml import local_name
from contracts.soap.message import Message
from contracts.soap.mime import Part

XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
MAX_FILES_BYTES = 100 * 2**20  # of one document, in one answer or call
_CAPS = Caps(file_bytes=MAX_FILES_BYTES, total_bytes=MAX_FILES_BYTES)
_REFUSED = "02"


class Sent(NamedTuple):
    """A document as the hub takes it: files first, then the envelope."""

    packet: Packet
    envelope: Envelope
    files: tuple[File, ...]


def day_of(now: datetime) -> date:
    """In Vietnam."""
    return now.astimezone(VIETNAM).date()


def document_sent(message: Message, caller: AgencyCode, codes: Set[str], today: date) -> Sent:
    """What SendDocument hands over, checked in the order of this bus. `codes`: all that the caller may write as. Raises
    ContractError."""
    packet = _packet(message)
    check_document(packet, today)
    _check_author(packet.header.from_, codes, "MessageHeader")
    incoming = envelope_of(write_packet(packet, carried=True), sender=caller, received_on=today)
    return Sent(packet, incoming.envelope, incoming.files)


def document_collected(message: Message, organ_id: str, caller: AgencyCode, today: date) -> Sent:
    """What GetDocument answered to `organ_id`, for that body alone: the others of `To` have copies of their own there. So its
    message id is of the document and of that body. Raises ContractError for what cannot be read."""
    packet = _packet(message)
    incoming = envelope_of(write_packet(packet, carried=True), sender=caller, received_on=today, recipients=(organ_id,))
    message_id = sent_doc_id(incoming.envelope.message_id, organ_id)
    return Sent(packet, msgspec.structs.replace(incoming.envelope, message_id=message_id), incoming.files)


def status_sent(record: etree._Element, caller: AgencyCode, codes: Set[str], today: date) -> Envelope:
    """What UpdateTraces hands over, as `document_sent`. Raises ContractError."""
    status = status_from(record)
    _check_author(status.header.from_, codes, "Status")
    return _status(status, caller, today)


def status_collected(record: etree._Element, caller: AgencyCode, today: date) -> Envelope:
    """One record of GetTraces' answer; who wrote it stands in it. Raises ContractError."""
    return _status(status_from(record), caller, today)


def document_for(parcel: Parcel, files: Sequence[File], hop: str, now: datetime) -> Document:
    """A document as this bus carries it, with one more hop in its trace: the hub, by the code it has on that bus.

    A signed one goes along as it was signed, as one more file: what is said here in its place is another text. Raises
    ContractError for a body that is no document."""
    body = parcel.envelope.body
    packet, files = _unpacked(read_packet(body), files)
    if packet.signed:
        files = (*files, _original(packet, body))
        packet = msgspec.structs.replace(packet, signed=False)
    return _with_present_files(message_of(with_hop(packet, hop, now), files))


def only_to(packet_headers: Sequence[etree._Element], patterns: Sequence[str]) -> None:
    """Takes out of `To` whoever this bus does not serve. Changes the elements."""
    for header in packet_headers:
        for one in list(children(header, "To")):
            if not _matches(_organ(one), patterns):
                header.remove(one)


def record_of(body: bytes) -> etree._Element:
    """A status as this bus writes it: element Status, unqualified all through. Raises ContractError."""
    return _unqualified(element_of(read_status(body)))


def refusal_record(packet: Packet, organ_id: str, refusal: Refusal, now: datetime) -> etree._Element:
    """Status 02 of a document that the hub will not have."""
    header, code = packet.header, packet.header.code
    number = "/".join(one for one in (code and code.code_number, code and code.code_notation) if one)
    info = header.promulgation_info
    status = StatusHeader(
        from_=Organization(organ_id=organ_id),
        response_for=ResponseFor(
            organ_id=header.from_.organ_id,
            code=number or None,
            document_id=header.document_id,
            promulgation_date=info.promulgation_date if info else None,
        ),
        status_code=_REFUSED,
        description=f"[{refusal.code}] {refusal.title_vi}. {refusal.remedy_vi} | {refusal.title_en}. {refusal.remedy_en}"[:1000],
        timestamp=moment(now),
    )
    return _unqualified(element_of(Status(header=status)))


async def files_of(attachments: Sequence[Attachment], read: Callable[[str], AsyncIterator[bytes]]) -> tuple[File, ...]:
    """Raises ContractError "attachment.too_large" before more is read than may be, "attachment.size_mismatch", and what `read`
    raises."""
    if sum(one.size_bytes for one in attachments) > MAX_FILES_BYTES:
        raise ContractError("attachment.too_large", "/attachments", f"more than {MAX_FILES_BYTES} bytes in one message")
    return tuple([await _file(one, place, read) for place, one in enumerate(attachments)])


async def _file(attachment: Attachment, place: int, read: Callable[[str], AsyncIterator[bytes]]) -> File:
    octets = bytearray()
    async for piece in read(attachment.digest):
        octets += piece
        if len(octets) > attachment.size_bytes:
            break
    if len(octets) != attachment.size_bytes:
        raise ContractError("attachment.size_mismatch", f"/attachments/{place}", f"{attachment.size_bytes} bytes were announced")
    return File(name=attachment.name, media_type=attachment.media_type, octets=bytes(octets))


def _unpacked(packet: Packet, files: Sequence[File]) -> tuple[Packet, tuple[File, ...]]:
    """Files that stand inside, as they do in a signed packet and in one that came by the hub's own interface, are taken out; each
    of them once, though it is attached to the envelope besides."""
    inside = files_in(packet, _CAPS)
    attachments = (
        one if file is None else msgspec.structs.replace(one, encoded=None, kept=Kept(digest=file.digest))
        for one, file in zip(packet.attachments, inside, strict=True)
    )
    every = {file.digest: file for file in (*files, *inside) if file is not None}
    return msgspec.structs.replace(packet, attachments=tuple(attachments)), tuple(every.values())


def _with_present_files(document: Document) -> Document:
    """Without entries of the manifest for files that did not come along: readers take the part of every entry."""
    present = {part.content_id for part in document.parts}
    for reference in list(document.manifest):
        if plain_id(_href(reference)) not in present:
            document.manifest.remove(reference)
    return document


def _status(status: Status, caller: AgencyCode, today: date) -> Envelope:
    return envelope_of(write_status(status, carried=True), sender=caller, received_on=today).envelope


def _check_author(author: Organization, codes: Set[str], place: str) -> None:
    """Nobody writes in another's name: bodies that a system works for are registered with the hub as codes of its agency."""
    if author.organ_id not in codes:
        raise ContractError(
            "auth.sender_mismatch", f"/{place}/From/OrganId", "it is no code of the agency that the token belongs to"
        )


def _packet(message: Message) -> Packet:
    """Tags, then what stands in them, then the files."""
    header, trace = (_only(message.headers, name) for name in ("MessageHeader", "TraceHeaderList"))
    manifest = _only(tuple(message.body), "Manifest", "edXMLManifest")
    if sum(1 for _ in children(header, "To")) > MAX_RECIPIENTS:
        raise ContractError("body.invalid", "/MessageHeader/To", f"more than {MAX_RECIPIENTS} receivers")
    parts = _identified(manifest, message.related.parts)
    _check_files(manifest, parts)
    return packet_from((header, trace), manifest, _numbered(manifest, parts))


def _only(elements: Sequence[etree._Element], *names: str) -> etree._Element:
    """Two of them would be read differently by different systems."""
    found = [one for one in elements if name_of(one) in names]
    if not found:
        raise missing(names[0])
    if len(found) > 1:
        raise mismatch(names[0], "stands twice")
    return found[0]


def _identified(manifest: etree._Element, parts: Sequence[Part]) -> list[Part]:
    """Under ids without "cid:"; files without one are those of the entries that are left, in their order."""
    named = [msgspec.structs.replace(part, content_id=plain_id(part.content_id)) for part in parts]
    present = {part.content_id for part in named}
    declared = (_content_id(one, present) for one in children(manifest, "Reference"))
    left = (content_id for content_id in declared if content_id not in present)
    return [part if part.content_id else msgspec.structs.replace(part, content_id=next(left, "")) for part in named]


def _check_files(manifest: etree._Element, parts: Sequence[Part]) -> None:
    """Declared and present, each once: nothing is missing, nothing is dropped."""
    present = {part.content_id for part in parts}
    declared = [_content_id(one, present) for one in children(manifest, "Reference")]
    if len(present) < len(parts):
        raise mismatch("Manifest/Reference", "several parts have no Content-ID")
    for content_id in declared:
        if content_id not in present:
            raise ContractError(
                "soap.attachment_missing", "/Manifest/Reference", f"no part has the Content-ID {content_id[:100]!r}"
            )
    for part in parts:
        if part.content_id not in declared:
            raise mismatch("Manifest/Reference", f"does not name the part with the Content-ID {part.content_id[:100]!r}")


def _numbered(manifest: etree._Element, parts: Sequence[Part]) -> list[Part]:
    """The files in the order of the manifest, under ids that follow from it alone: clients that send a message again make new
    ids, and it is the same message. Changes the manifest."""
    by_id = {part.content_id: part for part in parts}
    found: dict[str, Part] = {}
    for reference in children(manifest, "Reference"):
        old = _content_id(reference, by_id.keys())
        if old not in found:
            octets = unarmoured(by_id[old].octets)
            found[old] = msgspec.structs.replace(by_id[old], content_id=f"file-{len(found) + 1}", octets=octets)
        for one in list(children(reference, "ContentId")):
            reference.remove(one)
        if "href" in reference.attrib:
            del reference.attrib["href"]
        reference.set(XLINK_HREF, f"cid:{found[old].content_id}")
    return list(found.values())


def _content_id(reference: etree._Element, present: Collection[str]) -> str:
    """Percent-encoded where it has to be (RFC 2392), which some leave undone."""
    written = plain_id(_href(reference))
    return written if written in present else unquote(written)


def _href(reference: etree._Element) -> str:
    """With its prefix or without; some write an element instead."""
    found = reference.get(XLINK_HREF) or reference.get("href")
    return found or text(child(reference, "ContentId")) or ""


def _original(packet: Packet, body: bytes) -> File:
    return File(name=f"{sent_doc_id(packet.header.document_id or '')}.edxml", media_type=MEDIA_TYPE, octets=body)


def _organ(organization: etree._Element) -> str:
    return text(child(organization, "OrganId")) or ""


def _matches(code: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(code, pattern.strip()) for pattern in patterns)


def _unqualified(root: etree._Element) -> etree._Element:
    for one in root.iter("*"):
        one.tag = local_name(one)
    etree.cleanup_namespaces(root)
    return root
