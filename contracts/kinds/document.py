"""Official documents (văn bản) as QCVN 102:2016/BTTTT packets: the octets travel unchanged, only the header is looked into.

What is read here is for addressing and the index, leniently (see `edxml`), dates as text. What a packet asks of earlier ones is
read in `document_intents`; attachments, signature and the finer fields are the document adapter's business.
"""

import re
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from contracts.errors import ContractError
from contracts.kinds.case import Part
from contracts.kinds.edxml import Packet, child, children, open_packet, text
from contracts.kinds.fields import AgencyCodeText, LongText, ShortText, about, exactly

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
    packet = open_packet(octets)
    header = packet.header
    found = {
        "from_organ": text(header, "From", "OrganId"),
        "to_organs": [organ for to in children(header, "To") if (organ := text(to, "OrganId"))],
        "document_id": text(header, "DocumentId"),
        "number": text(header, "Code", "CodeNumber"),
        "notation": text(header, "Code", "CodeNotation"),
        "promulgated": text(header, "PromulgationInfo", "PromulgationDate"),
        "type_name": text(header, "DocumentType", "TypeName"),
        "subject": text(header, "Subject"),
        "priority": text(header, "OtherInfo", "Priority"),
        "business_type": text(packet.business, "BussinessDocType"),
        "earlier": _earlier(packet),
    }
    return _summary(found, DocumentPacket)


def read_status(octets: bytes) -> DocumentStatus:
    """Raises ContractError "body.malformed" or "body.invalid"."""
    header = open_packet(octets).header
    about_document = child(header, "ResponseFor")
    organ, notation = _put_right(text(about_document, "OrganId"), text(about_document, "Code"))
    found = {
        "from_organ": text(header, "From", "OrganId"),
        "to_organ": organ,
        "document_id": text(about_document, "DocumentId"),
        "notation": notation,
        "status_code": text(header, "StatusCode"),
        "description": text(header, "Description"),
        "at": text(header, "Timestamp"),
    }
    return _summary(found, DocumentStatus)


Summary = TypeVar("Summary", bound=Part)


def _earlier(packet: Packet) -> list[str]:
    business = packet.business
    infos = children(child(business, "ReplacementInfoList"), "ReplacementInfo")
    places = (*children(packet.header, "ResponseFor"), *((business,) if business is not None else ()), *infos)
    return list(dict.fromkeys(document for place in places if (document := text(place, "DocumentId"))))


def _put_right(organ: str | None, notation: str | None) -> tuple[str | None, str | None]:
    """A client in service exchanges the two in status 13. No code of an agency has a stroke, and every notation has one."""
    exchanged = organ is not None and "/" in organ and notation is not None and "/" not in notation
    return (notation, organ) if exchanged else (organ, notation)


def _summary(found: dict[str, Any], model: type[Summary]) -> Summary:
    try:
        return msgspec.convert({name: value for name, value in found.items() if value is not None}, model, strict=False)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$")
        named = re.search(r"[a-z_]+", path) or re.search(r"(?<=`)[a-z_]+(?=`$)", detail)
        place = _PLACES.get(named[0], "") if named else ""
        raise ContractError("body.invalid", f"/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/{place}", detail) from None
