"""Packets as the document systems of other makers write them: QCVN 102:2016, in the manner of the national bus's Java library."""

import base64
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"


class Enclosed(NamedTuple):
    """A file inside."""

    name: str
    octets: bytes
    media_type: str = "application/pdf"


def document(
    number: int | str,
    sender: str,
    to: Sequence[str],
    files: Sequence[Enclosed] = (),
    *,
    business: int = 0,
    subject: str = "Phối hợp giải quyết hồ sơ <đất đai> & môi trường",
    at: str = "2026/11/18 09:30:00",
    document_id: str = "",
) -> bytes:
    """Number 1, 2, 3 ... of the sender's of 2026-11-18."""
    day = at[:10]
    addressees = "".join(
        f"<edXML:To><edXML:OrganId>{code}</edXML:OrganId><edXML:OrganName>Cơ quan {code}</edXML:OrganName></edXML:To>"
        for code in to
    )
    references = "".join(
        f"<edXML:Reference><edXML:ContentId>cid:{place}</edXML:ContentId><edXML:ContentType>{file.media_type}</edXML:ContentType>"
        f"<edXML:AttachmentName>{escape(file.name)}</edXML:AttachmentName></edXML:Reference>"
        for place, file in enumerate(files)
    )
    attachments = "".join(
        f"<Attachment><ContentId>cid:{place}</ContentId><AttachmentName>{escape(file.name)}</AttachmentName>"
        f'<ContentType>{file.media_type}</ContentType><edXML:ContentTransferEncoded xmlns:edXML="{QCVN}">'
        f"{base64.b64encode(file.octets).decode()}</edXML:ContentTransferEncoded></Attachment>"
        for place, file in enumerate(files)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<edXML xmlns="{QCVN}"><edXML:edXMLEnvelope xmlns:edXML="{QCVN}"><edXML:edXMLHeader><edXML:MessageHeader>'
        f"<edXML:From><edXML:OrganId>{sender}</edXML:OrganId><edXML:OrganName>Cơ quan {sender}</edXML:OrganName></edXML:From>"
        f"{addressees}"
        f"<edXML:DocumentId>{document_id or f'{sender},{day},{number}/CV-VP'}</edXML:DocumentId>"
        f"<edXML:Code><edXML:CodeNumber>{number}</edXML:CodeNumber><edXML:CodeNotation>CV-VP</edXML:CodeNotation></edXML:Code>"
        f"<edXML:PromulgationInfo><edXML:Place>An Giang</edXML:Place><edXML:PromulgationDate>{day}</edXML:PromulgationDate>"
        "</edXML:PromulgationInfo><edXML:DocumentType><edXML:Type>2</edXML:Type><edXML:TypeDetail>0</edXML:TypeDetail>"
        f"<edXML:TypeName>Công văn</edXML:TypeName></edXML:DocumentType><edXML:Subject>{escape(subject)}</edXML:Subject>"
        "<edXML:Content/><edXML:OtherInfo><edXML:Priority>0</edXML:Priority></edXML:OtherInfo><edXML:SteeringType>0</edXML:SteeringType>"
        "</edXML:MessageHeader><edXML:TraceHeaderList>"
        f"<edXML:TraceHeader><edXML:OrganId>{sender}</edXML:OrganId><edXML:Timestamp>{at}</edXML:Timestamp></edXML:TraceHeader>"
        f"<edXML:Bussiness><edXML:BussinessDocType>{business}</edXML:BussinessDocType>"
        "<edXML:BussinessDocReason>Văn bản điện tử</edXML:BussinessDocReason><edXML:Paper>0</edXML:Paper></edXML:Bussiness>"
        "</edXML:TraceHeaderList></edXML:edXMLHeader><edXML:edXMLBody>"
        f'<edXML:edXMLManifest version="1.0">{references}</edXML:edXMLManifest></edXML:edXMLBody></edXML:edXMLEnvelope>'
        f"<AttachmentEncoded>{attachments}</AttachmentEncoded></edXML>"
    ).encode()


def status(code: str, sender: str, to: str, document_id: str, *, at: str = "2026/11/18 14:00:00", text: str = "") -> bytes:
    """What `sender` says has become of a document of `to`."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<edXML xmlns="{QCVN}"><edXML:edXMLEnvelope xmlns:edXML="{QCVN}"><edXML:edXMLHeader><edXML:MessageHeader>'
        f"<edXML:From><edXML:OrganId>{sender}</edXML:OrganId><edXML:OrganName>Cơ quan {sender}</edXML:OrganName></edXML:From>"
        f"<edXML:ResponseFor><edXML:OrganId>{to}</edXML:OrganId><edXML:Code>1/CV-VP</edXML:Code>"
        f"<edXML:DocumentId>{document_id}</edXML:DocumentId><edXML:PromulgationDate>2026/11/18</edXML:PromulgationDate>"
        f"</edXML:ResponseFor><edXML:StatusCode>{code}</edXML:StatusCode><edXML:Description>{escape(text)}</edXML:Description>"
        f"<edXML:Timestamp>{at}</edXML:Timestamp></edXML:MessageHeader></edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>"
    ).encode()
