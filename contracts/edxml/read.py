"""Reading leniently (QCVN 102:2016/BTTTT as it is practised): any order of elements, any prefix, three namespaces, unknown
elements kept, empty ones absent, dates as they are written.

What cannot be guessed is refused: a value outside its list, an element that says two things, a packet that names no document.
"""

import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from lxml import etree

from contracts.edxml.model import (
    Attachment,
    Group,
    Kept,
    MessageHeader,
    Organization,
    Packet,
    Reference,
    Status,
    StatusHeader,
    TraceHeaderList,
)
from contracts.edxml.names import STORED, XLINK
from contracts.edxml.places import FILES, HEADER, MANIFEST, TRACE, Places, opened
from contracts.edxml.shape import Element, by_name
from contracts.edxml.tree import child, children, name_of, text, verbatim
from contracts.edxml.when import When
from contracts.envelope import MAX_RECIPIENTS
from contracts.errors import ContractError

MAX_TEXT = 10_000  # characters of one text; the longest that the standard knows is 500
MAX_FILES = 64  # of an envelope
MAX_OTHERS = 200  # elements that are none of ours, kept verbatim
MAX_TIMES = 1000  # one element in one group

# Elements that say who, to whom and which: two of them that differ would be read differently by different systems.
_SINGLE = frozenset(
    {"OrganId", "From", "DocumentId", "StatusCode", "BussinessDocType", "Bussiness", "CodeNumber", "CodeNotation"}
)

AnyGroup = TypeVar("AnyGroup", bound=Group)


def read(octets: bytes) -> Packet | Status:
    """Whichever it is: a packet with a StatusCode is a status.

    Raises ContractError "body.malformed", "body.invalid" or "edxml.too_many_files".
    """
    _, places, repairs = opened(octets)
    return status_in(places, repairs) if places.is_status else packet_in(places, repairs)


def read_packet(octets: bytes) -> Packet:
    """As `read`; a status is refused too."""
    found = read(octets)
    if isinstance(found, Status):
        raise ContractError("body.invalid", f"{HEADER}/StatusCode", "a status where a document is expected")
    return found


def read_status(octets: bytes) -> Status:
    """As `read`; a document is refused too."""
    found = read(octets)
    if isinstance(found, Packet):
        raise ContractError("body.invalid", f"{HEADER}/StatusCode", "a document where a status is expected")
    return found


def packet_in(places: Places, repairs: tuple[str, ...] = ()) -> Packet:
    """The model of a packet whose places were found. Raises ContractError as `read`."""
    reading = _Reading(list(repairs))
    references = tuple(children(places.manifest, "Reference"))
    if max(len(references), len(places.files)) > MAX_FILES:
        raise ContractError("edxml.too_many_files", FILES, f"at most {MAX_FILES}")
    packet = Packet(
        header=_each_once(reading.group(places.header, MessageHeader, HEADER), reading.repairs),
        trace=TraceHeaderList() if places.trace is None else reading.group(_papered(places.trace), TraceHeaderList, TRACE),
        references=tuple(reading.reference(one, f"{MANIFEST}[{n}]") for n, one in enumerate(references, 1)),
        attachments=tuple(reading.attachment(one, f"{FILES}[{n}]") for n, one in enumerate(places.files, 1)),
        signed=places.is_signed,
        others=reading.around(places),
        repairs=tuple(reading.repairs),
    )
    _require(packet.header.from_.organ_id, f"{HEADER}/From/OrganId")
    _require(packet.recipients, f"{HEADER}/To/OrganId")
    if len(packet.recipients) > MAX_RECIPIENTS:
        raise ContractError("body.invalid", f"{HEADER}/To", f"more than {MAX_RECIPIENTS}; clause 1.2")
    _require(packet.header.document_id, f"{HEADER}/DocumentId")
    return packet


def status_in(places: Places, repairs: tuple[str, ...] = ()) -> Status:
    """The model of a status whose places were found. Raises ContractError as `read`."""
    reading = _Reading(list(repairs))
    header = _put_right(_padded(reading.group(places.header, StatusHeader, HEADER), reading.repairs), reading.repairs)
    _require(header.from_.organ_id, f"{HEADER}/From/OrganId")
    _require(header.response_for.organ_id, f"{HEADER}/ResponseFor/OrganId")
    _require(header.response_for.document_id, f"{HEADER}/ResponseFor/DocumentId")
    _require(header.status_code, f"{HEADER}/StatusCode")
    return Status(header=header, signed=places.is_signed, others=reading.around(places), repairs=tuple(reading.repairs))


class _Reading:
    """One reading; it notes what it puts right."""

    def __init__(self, repairs: list[str]) -> None:
        self.repairs = repairs
        self.others = 0

    def group(self, parent: etree._Element, model: type[AnyGroup], place: str) -> AnyGroup:
        known = by_name(model)
        found: dict[str, Any] = {}
        others: list[str] = []
        for one in parent:
            name = name_of(one)
            element = known.get(name or "")
            if element is None or (element.group is not None and len(one) == 0 and text(one)):
                others.extend(self._verbatim(one, place))
                continue
            value = self._value(one, element, f"{place}/{element.name}{_number(found, element)}")
            if value is None:
                continue
            if element.many:
                found.setdefault(element.field, []).append(value)
                _check_times(found[element.field], element, place)
            elif found.setdefault(element.field, value) != value:
                _check_second(element, place)
                others.extend(self._verbatim(one, place))
        lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
        return model(**found | lists, others=tuple(others))

    def reference(self, element: etree._Element, place: str) -> Reference:
        """Some name the file in the attribute xlink:href only."""
        found = self.group(element, Reference, place)
        href = (element.get(f"{{{XLINK}}}href") or "").strip()
        return found if found.content_id or not href else msgspec.structs.replace(found, content_id=href)

    def around(self, places: Places) -> tuple[str, ...]:
        return tuple(found for one in places.others for found in self._verbatim(one, "/edXML"))

    def attachment(self, element: etree._Element, place: str) -> Attachment:
        encoded = text(child(element, "ContentTransferEncoded"))
        mark = element.find(f"{{{STORED}}}Kept")
        kept = None if mark is None else Kept(digest=mark.get("digest", ""), zipped=mark.get("zipped") == "true")
        return msgspec.structs.replace(self.group(element, Attachment, place), encoded=encoded, kept=kept)

    def _verbatim(self, one: etree._Element, place: str) -> Iterator[str]:
        """What is no file and no mark of ours."""
        if name_of(one) == "ContentTransferEncoded" or etree.QName(one).namespace == STORED:
            return
        self.others += 1
        if self.others > MAX_OTHERS:
            raise ContractError("body.invalid", place, f"more than {MAX_OTHERS} elements that QCVN 102 does not know")
        yield verbatim(one)

    def _value(self, one: etree._Element, element: Element, place: str) -> Any:
        if element.group is not None:
            inner = self.group(one, element.group, place)
            return None if inner == element.group() else inner
        written = text(one)
        if written is None:
            return None
        if len(written) > MAX_TEXT:
            raise ContractError("body.invalid", place, f"longer than {MAX_TEXT} characters; clause {element.rule.clause}")
        if element.kind == "number":
            return _number_in(written, element, place)
        if element.kind == "when":
            return self._when(written, element)
        return written

    def _when(self, written: str, element: Element) -> When:
        when = When(written)
        if when.at is None:
            self.repairs.append(f"no_date:{element.name}")
        return when


def _number(found: dict[str, Any], element: Element) -> str:
    return f"[{len(found.get(element.field, ())) + 1}]" if element.many and element.kind == "group" else ""


def _number_in(written: str, element: Element, place: str) -> int:
    if re.fullmatch("[0-9]{1,9}", written) and element.low <= int(written) <= element.high:
        return int(written)
    raise ContractError("body.invalid", place, f"a number from {element.low} to {element.high}; clause {element.rule.clause}")


def _check_second(element: Element, place: str) -> None:
    if element.name in _SINGLE:
        raise ContractError("body.invalid", f"{place}/{element.name}", f"stands twice and differs; clause {element.rule.clause}")


def _check_times(found: list[Any], element: Element, place: str) -> None:
    if len(found) > MAX_TIMES:
        raise ContractError("body.invalid", f"{place}/{element.name}", f"more than {MAX_TIMES}; clause {element.rule.clause}")


def _each_once(header: MessageHeader, repairs: list[str]) -> MessageHeader:
    """Addressees that have a code, each once (clause 1.2)."""
    coded: dict[str, Organization] = {}
    for to in header.to:
        if to.organ_id:
            coded.setdefault(to.organ_id, to)
    once = tuple(coded.values())
    if len(once) == len(header.to):
        return header
    repairs.append("recipient_twice" if len(once) < sum(1 for to in header.to if to.organ_id) else "recipient_without_code")
    return msgspec.structs.replace(header, to=once)


def _papered(trace: etree._Element) -> etree._Element:
    """With Paper in Bussiness, where the standard has it: the Java library knows it in the list, too."""
    paper, bussiness = child(trace, "Paper"), child(trace, "Bussiness")
    if paper is not None and bussiness is not None and text(child(bussiness, "Paper")) is None:
        bussiness.append(paper)
    return trace


def _padded(header: StatusHeader, repairs: list[str]) -> StatusHeader:
    """Codes have two digits; programs that keep them as numbers lose the first."""
    if not re.fullmatch("[0-9]", header.status_code or ""):
        return header
    repairs.append("status_code_padded")
    return msgspec.structs.replace(header, status_code=f"0{header.status_code}")


def _put_right(header: StatusHeader, repairs: list[str]) -> StatusHeader:
    """A client in service exchanges the two in status 13. No code of an agency has a stroke, and every notation has one."""
    about = header.response_for
    organ, notation = about.organ_id or "", about.code or ""
    if "/" not in organ or "/" in notation or not notation:
        return header
    repairs.append("code_and_organ_exchanged")
    return msgspec.structs.replace(header, response_for=msgspec.structs.replace(about, organ_id=notation, code=organ))


def _require(value: object, place: str) -> None:
    if not value:
        raise ContractError("body.invalid", place, "missing")
