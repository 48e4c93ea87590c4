"""Official documents (văn bản) as QCVN 102:2016/BTTTT packets: the octets travel unchanged, only the header is looked into.

What is read here is for addressing and the index. Practice is looser than the regulation, so the reading is too: any order, with
or without prefix, two namespaces, unknown elements, empty elements as absent, dates as text. Attachments, signature and the finer
fields are the document adapter's business.
"""

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import msgspec
from lxml import etree
from msgspec import Meta

from contracts.errors import ContractError
from contracts.kinds.case import Part
from contracts.kinds.fields import AgencyCodeText, LongText, ShortText, about, exactly
from contracts.kinds.safe_xml import local_name, parse

QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
E_DOC = "http://www.e-doc.vn/Schema/"
_NAMESPACES = frozenset({QCVN, E_DOC, None})
_ROOTS = frozenset({"edXML", "EdXML", "edXMLEnvelope"})
_STRAY_BYTES = 64  # a vendor's sample starts with "1212<?xml"
_ROOT_NAME = re.compile(rb"<[A-Za-z_][^\s/>]*")
_XLINK = b' xmlns:xlink="http://www.w3.org/1999/xlink"'


# Where a field of a summary stands, for the errors that name it.
_PLACES = MappingProxyType(
    {
        "from_organ": "From/OrganId",
        "to_organs": "To/OrganId",
        "to_organ": "ResponseFor/OrganId",
        "document_id": "DocumentId",
        "number": "Code/CodeNumber",
        "notation": "Code/CodeNotation",
        "promulgated": "PromulgationInfo/PromulgationDate",
        "type_name": "DocumentType/TypeName",
        "subject": "Subject",
        "priority": "OtherInfo/Priority",
        "business_type": "Bussiness/BussinessDocType",
        "earlier": "ResponseFor/DocumentId",
        "status_code": "StatusCode",
        "description": "Description",
        "at": "Timestamp",
    }
)

DocumentId = Annotated[
    str,
    Meta(min_length=1, max_length=200),
    about("Mã văn bản", "Organ, date and number/notation with commas, or a UUID", "QCVN 102:2016, 1.14 DocumentId"),
]
CodeNumber = Annotated[ShortText, about("Số văn bản", "Number; not always digits", "QCVN 102:2016, 1.3.1 CodeNumber")]
CodeNotation = Annotated[ShortText, about("Ký hiệu văn bản", "Notation", "QCVN 102:2016, 1.3.2 CodeNotation")]
From = Annotated[AgencyCodeText, about("Cơ quan gửi", "Sending body", "QCVN 102:2016, 1.1 From/OrganId")]


class DocumentPacket(Part, frozen=True, kw_only=True):
    """What the hub reads of a document packet (edoc)."""

    from_organ: From
    to_organs: Annotated[
        tuple[AgencyCodeText, ...], Meta(min_length=1, max_length=500), about("Nơi nhận", "Receiving bodies", "1.2 To/OrganId")
    ]
    document_id: DocumentId
    number: CodeNumber | None = None
    notation: CodeNotation | None = None
    promulgated: Annotated[ShortText, about("Ngày ban hành", "Date as written", "1.4.2 PromulgationDate")] | None = None
    type_name: Annotated[ShortText, about("Loại văn bản", "Type by name, which wins over its code", "1.5.2 TypeName")] | None = (
        None
    )
    subject: Annotated[LongText, about("Trích yếu", "Subject", "1.6 Subject")] | None = None
    priority: Annotated[
        int,
        Meta(ge=0, le=4),
        about("Độ khẩn", "0 thường, 1 khẩn, 2 thượng khẩn, 3 hỏa tốc, 4 hỏa tốc hẹn giờ", "1.11.1 Priority"),
    ] = 0
    business_type: Annotated[
        int, Meta(ge=0, le=3), about("Nghiệp vụ", "0 new, 1 recall, 2 update, 3 replace; absent is new", "2.2.1 BussinessDocType")
    ] = 0
    earlier: Annotated[
        tuple[DocumentId, ...],
        Meta(max_length=64),
        about(
            "Văn bản liên quan",
            "Documents updated, replaced or answered",
            "1.12 ResponseFor, 2.2.4 DocumentId, 2.2.8 ReplacementInfo",
        ),
    ] = ()


class DocumentStatus(Part, frozen=True, kw_only=True):
    """What the hub reads of a status packet. It has no addressee of its own: that is the body named in ResponseFor."""

    from_organ: Annotated[AgencyCodeText, about("Cơ quan báo trạng thái", "Body that reports", "QCVN 102:2016, From/OrganId")]
    to_organ: Annotated[AgencyCodeText, about("Cơ quan nhận trạng thái", "Body told", "ResponseFor/OrganId")]
    document_id: DocumentId
    status_code: Annotated[
        str,
        exactly("[0-9]{2}", 2),
        about(
            "Mã trạng thái",
            "01 arrived, 02 refused, 03 taken in, 04 assigned, 05 in process, 06 finished, 13 asked back, 15 and 16 agreed "
            "to or not; others are carried",
            "QCVN 102:2016, StatusCode",
        ),
    ]
    notation: Annotated[ShortText, about("Số, ký hiệu", "Number and notation in one", "ResponseFor/Code")] | None = None
    description: Annotated[LongText, about("Nội dung", "Reason or note", "Description")] | None = None
    at: Annotated[ShortText, about("Thời điểm", "Time as written", "Timestamp")] | None = None


def read_packet(octets: bytes) -> DocumentPacket:
    """Raises ContractError "body.malformed" or "body.invalid"."""
    header, trace = _header(octets)
    business = _child(trace, "Bussiness")
    found = {
        "from_organ": _text(header, "From", "OrganId"),
        "to_organs": [text for to in _children(header, "To") if (text := _text(to, "OrganId"))],
        "document_id": _text(header, "DocumentId"),
        "number": _text(header, "Code", "CodeNumber"),
        "notation": _text(header, "Code", "CodeNotation"),
        "promulgated": _text(header, "PromulgationInfo", "PromulgationDate"),
        "type_name": _text(header, "DocumentType", "TypeName"),
        "subject": _text(header, "Subject"),
        "priority": _text(header, "OtherInfo", "Priority"),
        "business_type": _text(business, "BussinessDocType"),
        "earlier": _earlier(header, business),
    }
    return _summary(found, DocumentPacket)


def read_status(octets: bytes) -> DocumentStatus:
    """Raises ContractError "body.malformed" or "body.invalid"."""
    header, _ = _header(octets)
    about_document = _child(header, "ResponseFor")
    found = {
        "from_organ": _text(header, "From", "OrganId"),
        "to_organ": _text(about_document, "OrganId"),
        "document_id": _text(about_document, "DocumentId"),
        "notation": _text(about_document, "Code"),
        "status_code": _text(header, "StatusCode"),
        "description": _text(header, "Description"),
        "at": _text(header, "Timestamp"),
    }
    return _summary(found, DocumentStatus)


Summary = TypeVar("Summary", bound=Part)


def _header(octets: bytes) -> tuple[etree._Element, etree._Element | None]:
    """MessageHeader and TraceHeaderList; the header stands under the envelope or directly under the root."""
    root = parse(_repaired(octets), huge_texts=True)
    if local_name(root) not in _ROOTS or etree.QName(root).namespace not in _NAMESPACES:
        raise ContractError("body.invalid", "/", f"the root must be edXML in {QCVN}")
    for parent in (root, *_children(root, "edXMLEnvelope")):
        for holder in (parent, *_children(parent, "edXMLHeader")):
            header = _child(holder, "MessageHeader")
            if header is not None:
                return header, _child(holder, "TraceHeaderList")
    raise ContractError("body.invalid", "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader", "missing")


def _repaired(octets: bytes) -> bytes:
    """For reading only: stray bytes before the markup skipped, the prefix xlink declared where it is used undeclared."""
    start = octets.find(b"<", 0, _STRAY_BYTES)
    if start > 0:
        octets = octets[start:]
    if b"xlink:" in octets and b"xmlns:xlink" not in octets:
        return _ROOT_NAME.sub(lambda name: name[0] + _XLINK, octets, count=1)
    return octets


def _earlier(header: etree._Element, business: etree._Element | None) -> list[str]:
    infos = _children(_child(business, "ReplacementInfoList"), "ReplacementInfo")
    places = (*_children(header, "ResponseFor"), *((business,) if business is not None else ()), *infos)
    return list(dict.fromkeys(text for place in places if (text := _text(place, "DocumentId"))))


def _children(parent: etree._Element | None, name: str) -> Iterator[etree._Element]:
    for child in () if parent is None else parent:
        qualified = etree.QName(child)
        if qualified.localname == name and qualified.namespace in _NAMESPACES:
            yield child


def _child(parent: etree._Element | None, name: str) -> etree._Element | None:
    return next(_children(parent, name), None)


def _text(parent: etree._Element | None, *path: str) -> str | None:
    """Trimmed; an empty element is an absent one."""
    for name in path:
        parent = _child(parent, name)
    return None if parent is None else (parent.text or "").strip() or None


def _summary(found: dict[str, Any], model: type[Summary]) -> Summary:
    try:
        return msgspec.convert({name: value for name, value in found.items() if value is not None}, model, strict=False)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$")
        named = re.search(r"[a-z_]+", path) or re.search(r"(?<=`)[a-z_]+(?=`$)", detail)
        place = _PLACES.get(named[0], "") if named else ""
        raise ContractError("body.invalid", f"/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/{place}", detail) from None
