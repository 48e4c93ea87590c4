"""What is sent across the hub: one message of each kind that systems exchange, as its sender writes it."""

import base64
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from contracts.kinds import find
from tests.signatures import EDXML_RECIPE, agency, by_xmlsec

QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
NOTE = "Kính gửi quý cơ quan: phụ lục kèm theo.\n".encode()
DAY = "2026/11/18"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`body`: the octets the sender means, a packet with its files inside. `is_signed`: the packet bears a signature.
    `told`: paths of a JSON body that the way in can tell; None: all."""

    kind: str
    media_type: str
    body: bytes
    sender: str
    recipients: tuple[str, ...]
    is_signed: bool = False
    told: frozenset[str] | None = None

    @property
    def is_json(self) -> bool:
        return self.media_type == "application/json"

    @property
    def name(self) -> str:
        """Kind without its version; signed packets are told apart."""
        return self.kind.partition("/")[0] + (", signed" if self.is_signed else "")


def document(number: int, sender: str, recipients: Sequence[str], *, signed: bool = False) -> Load:
    """A packet in the form of the national bus's libraries with two files, one raw and one in a ZIP under a wrong type."""
    octets = f"""<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="{QCVN}"><edXML:edXMLEnvelope xmlns:edXML="{QCVN}"><edXML:edXMLHeader><edXML:MessageHeader>
<edXML:From><edXML:OrganId>{sender}</edXML:OrganId><edXML:OrganName>Sở Nông nghiệp và Môi trường</edXML:OrganName></edXML:From>
{"".join(f"<edXML:To><edXML:OrganId>{one}</edXML:OrganId><edXML:OrganName>Nơi nhận</edXML:OrganName></edXML:To>" for one in recipients)}
<edXML:DocumentId>{document_id(number, sender)}</edXML:DocumentId>
<edXML:Code><edXML:CodeNumber>{number}</edXML:CodeNumber><edXML:CodeNotation>SNNMT-VP</edXML:CodeNotation></edXML:Code>
<edXML:PromulgationInfo><edXML:Place>An Giang</edXML:Place><edXML:PromulgationDate>{DAY}</edXML:PromulgationDate></edXML:PromulgationInfo>
<edXML:DocumentType><edXML:Type>2</edXML:Type><edXML:TypeDetail>0</edXML:TypeDetail><edXML:TypeName>Công văn</edXML:TypeName></edXML:DocumentType>
<edXML:Subject>Phối hợp giải quyết hồ sơ đất đai số {number}</edXML:Subject><edXML:Content>Để thực hiện &amp; báo cáo</edXML:Content>
<edXML:SignerInfo><edXML:Competence>KT. GIÁM ĐỐC</edXML:Competence><edXML:Position>Phó Giám đốc</edXML:Position><edXML:FullName>Nguyễn Thị Ánh</edXML:FullName></edXML:SignerInfo>
<edXML:OtherInfo><edXML:Priority>1</edXML:Priority><edXML:PageAmount>1</edXML:PageAmount></edXML:OtherInfo>
<edXML:SteeringType>0</edXML:SteeringType></edXML:MessageHeader>
<edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>{sender}</edXML:OrganId><edXML:Timestamp>{DAY} 09:30:00</edXML:Timestamp></edXML:TraceHeader>
<edXML:Bussiness><edXML:BussinessDocType>0</edXML:BussinessDocType><edXML:BussinessDocReason>Văn bản điện tử mới</edXML:BussinessDocReason><edXML:Paper>0</edXML:Paper></edXML:Bussiness></edXML:TraceHeaderList></edXML:edXMLHeader>
<edXML:edXMLBody><edXML:edXMLManifest version="1.0">{_reference("cv", "cong-van.pdf", "application/pdf")}{_reference("pl", "phu-luc.txt", "application/pdf")}</edXML:edXMLManifest></edXML:edXMLBody></edXML:edXMLEnvelope>
<AttachmentEncoded>{_attachment("cv", "cong-van.pdf", "application/pdf", PDF)}{_attachment("pl", "phu-luc.txt", "application/pdf", _zipped(NOTE))}</AttachmentEncoded></edXML>
""".encode()  # noqa: E501
    body = by_xmlsec(octets, agency(), EDXML_RECIPE) if signed else octets
    return Load(
        kind="document.packet/1",
        media_type="application/edxml+xml",
        body=body,
        sender=sender,
        recipients=tuple(recipients),
        is_signed=signed,
    )


def status(number: int, sender: str, recipient: str) -> Load:
    """A status packet; whom it is for stands in ResponseFor."""
    octets = f"""<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="{QCVN}"><edXML:edXMLEnvelope xmlns:edXML="{QCVN}"><edXML:edXMLHeader><edXML:MessageHeader>
<edXML:From><edXML:OrganId>{sender}</edXML:OrganId><edXML:OrganName>Sở Nông nghiệp và Môi trường</edXML:OrganName></edXML:From>
<edXML:ResponseFor><edXML:OrganId>{recipient}</edXML:OrganId><edXML:Code>{number}/UBND-VP</edXML:Code>
<edXML:DocumentId>{recipient},{DAY},{number}/UBND-VP</edXML:DocumentId><edXML:PromulgationDate>{DAY}</edXML:PromulgationDate></edXML:ResponseFor>
<edXML:StatusCode>03</edXML:StatusCode><edXML:Description>Văn thư đã vào sổ</edXML:Description>
<edXML:Timestamp>{DAY} 10:02:11</edXML:Timestamp></edXML:MessageHeader></edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>
""".encode()
    return Load(kind="document.status/1", media_type="application/edxml+xml", body=octets, sender=sender, recipients=(recipient,))


def example(kind: str, sender: str, recipients: Sequence[str], **fields: Any) -> Load:
    """A body in JSON as its contract shows it, with these fields in it."""
    body: dict[str, Any] = msgspec.to_builtins(find(kind).examples[0].body)
    octets = json.dumps(body | fields, ensure_ascii=False).encode()
    return Load(kind=kind, media_type="application/json", body=octets, sender=sender, recipients=tuple(recipients))


def document_id(number: int, sender: str) -> str:
    return f"{sender},{DAY},{number}/SNNMT-VP"


def _reference(content_id: str, name: str, media_type: str) -> str:
    return (
        f"<edXML:Reference><edXML:ContentId>cid:{content_id}</edXML:ContentId><edXML:ContentType>{media_type}</edXML:ContentType>"
        f"<edXML:AttachmentName>{name}</edXML:AttachmentName></edXML:Reference>"
    )


def _attachment(content_id: str, name: str, media_type: str, octets: bytes) -> str:
    return (
        f"<Attachment><ContentId>cid:{content_id}</ContentId><AttachmentName>{name}</AttachmentName>"
        f"<ContentType>{media_type}</ContentType>"
        f"<edXML:ContentTransferEncoded xmlns:edXML='{QCVN}'>{base64.b64encode(octets).decode()}"
        "</edXML:ContentTransferEncoded></Attachment>"
    )


def _zipped(octets: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("1c0ffee0.txt", (2026, 11, 18, 0, 0, 0)), octets)
    return packed.getvalue()
