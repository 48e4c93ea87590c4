"""Official documents (văn bản) as QCVN 102:2016/BTTTT packets: the octets travel unchanged, only the header is looked into.

What is said here is for addressing and the index, dates as text; all of a packet is read in `contracts.edxml`. What a packet asks
of earlier ones is read in `document_intents`.
"""

import re
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from contracts.edxml import read
from contracts.edxml.attachments import check_files
from contracts.edxml.model import Code, Packet
from contracts.edxml.places import HEADER
from contracts.errors import ContractError
from contracts.kinds.case import Part
from contracts.kinds.fields import AgencyCodeText, LongText, ShortText, about, exactly

# Where a field of a summary stands, for the errors that name it.
_PLACES = MappingProxyType(
    {
        "from_organ": f"{HEADER}/From/OrganId",
        "to_organs": f"{HEADER}/To/OrganId",
        "to_organ": f"{HEADER}/ResponseFor/OrganId",
        "document_id": f"{HEADER}/DocumentId",
        "number": f"{HEADER}/Code/CodeNumber",
        "notation": f"{HEADER}/Code/CodeNotation",
        "promulgated": f"{HEADER}/PromulgationInfo/PromulgationDate",
        "type_name": f"{HEADER}/DocumentType/TypeName",
        "subject": f"{HEADER}/Subject",
        "earlier": f"{HEADER}/ResponseFor/DocumentId",
        "status_code": f"{HEADER}/StatusCode",
        "description": f"{HEADER}/Description",
        "at": f"{HEADER}/Timestamp",
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
    """Raises ContractError "body.malformed", "body.invalid", or "edxml.*" and "attachment.too_large" for files inside that no
    recipient could take out."""
    packet = read.read_packet(octets)
    check_files(packet)
    header = packet.header
    code, info, kind = header.code or Code(), header.promulgation_info, header.document_type
    found = {
        "from_organ": header.from_.organ_id,
        "to_organs": packet.recipients,
        "document_id": header.document_id,
        "number": code.code_number,
        "notation": code.code_notation,
        "promulgated": info and info.promulgation_date and info.promulgation_date.text,
        "type_name": kind and kind.type_name,
        "subject": header.subject,
        "priority": header.other_info.priority,
        "business_type": packet.business_type,
        "earlier": _earlier(packet),
    }
    return _summary(found, DocumentPacket)


def read_status(octets: bytes) -> DocumentStatus:
    """Raises ContractError "body.malformed" or "body.invalid"."""
    header = read.read_status(octets).header
    about_document = header.response_for
    found = {
        "from_organ": header.from_.organ_id,
        "to_organ": about_document.organ_id,
        "document_id": about_document.document_id,
        "notation": about_document.code,
        "status_code": header.status_code,
        "description": header.description,
        "at": header.timestamp and header.timestamp.text,
    }
    return _summary(found, DocumentStatus)


Summary = TypeVar("Summary", bound=Part)


def _earlier(packet: Packet) -> list[str]:
    bussiness = packet.trace.bussiness
    replaced = bussiness.replacement_info_list
    named = (
        *(answered.document_id for answered in packet.header.response_for),
        bussiness.document_id,
        *(one.document_id for one in (replaced.replacement_info if replaced else ())),
    )
    return list(dict.fromkeys(document for document in named if document is not None))


def _summary(found: dict[str, Any], model: type[Summary]) -> Summary:
    try:
        return msgspec.convert({name: value for name, value in found.items() if value is not None}, model)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$")
        named = re.search(r"[a-z_]+", path) or re.search(r"(?<=`)[a-z_]+(?=`$)", detail)
        place = _PLACES.get(named[0], HEADER) if named else HEADER
        raise ContractError("body.invalid", place, detail) from None
