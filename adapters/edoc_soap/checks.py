"""What this bus checks of a document, in its order: message header, trace list. (Tags and token come before, attachments and
duplicates after.) The first thing wrong is told, by letter and element path.

Limits are the larger ones of two implementations in service (README.md), so that nothing is refused that either of them would
have taken; a type by its number, an e-mail address or an impossible date never is.
"""

from collections.abc import Iterator
from datetime import date

from adapters.edoc_soap.codes import mismatch, missing, too_long, wrong_type
from contracts.edxml.model import MessageHeader, Organization, OtherInfo, Packet, TraceHeaderList
from contracts.errors import ContractError

_ORGANIZATION = (
    ("OrganId", "organ_id", 50), ("OrganizationInCharge", "organization_in_charge", 200), ("OrganName", "organ_name", 200),
    ("OrganAdd", "organ_add", 250), ("Email", "email", 100), ("Telephone", "telephone", 50), ("Fax", "fax", 50),
    ("Website", "website", 100),
)  # fmt: skip
_AMOUNTS = (("PromulgationAmount", "promulgation_amount"), ("PageAmount", "page_amount"))


def check_document(packet: Packet, today: date) -> None:
    """`today`: in Vietnam. Raises ContractError "body.invalid", whose field and detail `codes` turns into N., R., M. or T."""
    for wrong in _wrong(packet, today):
        raise wrong


def _wrong(packet: Packet, today: date) -> Iterator[ContractError]:
    header = packet.header
    yield from _organization(header.from_, "MessageHeader/From")
    yield from _receivers(packet)
    yield from _text(header.document_id, "MessageHeader/DocumentId", 200, needed=True)
    yield from _code(header)
    yield from _promulgation(header, today)
    yield from _text(header.document_type.type_name if header.document_type else None, "MessageHeader/DocumentType/TypeName", 100)
    yield from _text(header.subject, "MessageHeader/Subject", 500, needed=True)
    yield from _text(header.content, "MessageHeader/Content", 500)
    for place in header.to_places.place if header.to_places else ():
        yield from _text(place, "MessageHeader/ToPlaces/Place", 150)
    yield from _other(header.other_info)
    yield from _trace(packet.trace)


def _organization(body: Organization, place: str) -> Iterator[ContractError]:
    if body.organ_id is None:
        yield missing(f"{place}/OrganId")
    for name, field, most in _ORGANIZATION:
        yield from _text(getattr(body, field), f"{place}/{name}", most)


def _receivers(packet: Packet) -> Iterator[ContractError]:
    """Reading has left out the second of two with one code, and those without any."""
    if not packet.header.to:
        yield missing("MessageHeader/To")
    for body in packet.header.to:
        yield from _organization(body, "MessageHeader/To")
    if "recipient_twice" in packet.repairs:
        yield mismatch("MessageHeader/To/OrganId", "the same receiver stands twice")


def _code(header: MessageHeader) -> Iterator[ContractError]:
    number = header.code.code_number if header.code else None
    notation = header.code.code_notation if header.code else None
    yield from _text(number, "MessageHeader/Code/CodeNumber", 50, needed=True)
    yield from _text(notation, "MessageHeader/Code/CodeNotation", 50, needed=True)


def _promulgation(header: MessageHeader, today: date) -> Iterator[ContractError]:
    info = header.promulgation_info
    if info is None:
        return
    yield from _text(info.place, "MessageHeader/PromulgationInfo/Place", 50)
    on = info.promulgation_date.on if info.promulgation_date else None
    if on is not None and on > today:
        yield mismatch("MessageHeader/PromulgationInfo/PromulgationDate", "later than today")


def _other(info: OtherInfo) -> Iterator[ContractError]:
    yield from _text(info.sphere_of_promulgation, "MessageHeader/OtherInfo/SphereOfPromulgation", 100)
    yield from _text(info.typer_notation, "MessageHeader/OtherInfo/TyperNotation", 10)
    for name, field in _AMOUNTS:
        text = getattr(info, field)
        if text is not None and not (text.isascii() and text.isdigit()):
            place = f"MessageHeader/OtherInfo/{name}"
            yield mismatch(place, "below zero") if text.removeprefix("-").isdigit() else wrong_type(place, "number")


def _trace(trace: TraceHeaderList) -> Iterator[ContractError]:
    for hop in trace.trace_header:
        yield from _text(hop.organ_id, "TraceHeaderList/TraceHeader/OrganId", 50, needed=True)


def _text(text: str | None, place: str, most: int, *, needed: bool = False) -> Iterator[ContractError]:
    if needed and not text:
        yield missing(place)
    if text is not None and len(text) > most:
        yield too_long(place, most)
