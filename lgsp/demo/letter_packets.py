"""Documents and statuses as edXML packets (QCVN 102:2016/BTTTT), in the form in which the national bus's libraries write them:
the prefix spelt out inside the envelope, `AttachmentEncoded` outside it, each file in a ZIP of its own."""

import io
import zipfile
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

from lgsp.demo.letters import DEPARTMENT, NEW, STATUSES, Letter
from lgsp.demo.people import officer
from lgsp.demo.province import Province

_QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
_MOMENT = "%Y/%m/%d %H:%M:%S"
_ZIPPED_AT = (2016, 4, 1, 0, 0, 0)  # the same octets whenever they are packed

_PACKET = """<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="{qcvn}"><edXML:edXMLEnvelope xmlns:edXML="{qcvn}"><edXML:edXMLHeader><edXML:MessageHeader>\
<edXML:From>{sender}</edXML:From>{recipients}<edXML:DocumentId>{document_id}</edXML:DocumentId>\
<edXML:Code><edXML:CodeNumber>{number}</edXML:CodeNumber><edXML:CodeNotation>{notation}</edXML:CodeNotation></edXML:Code>\
<edXML:PromulgationInfo><edXML:Place>An Giang</edXML:Place>\
<edXML:PromulgationDate>{day:%Y/%m/%d}</edXML:PromulgationDate></edXML:PromulgationInfo>\
<edXML:DocumentType><edXML:Type>2</edXML:Type><edXML:TypeDetail>0</edXML:TypeDetail>\
<edXML:TypeName>{type_name}</edXML:TypeName></edXML:DocumentType><edXML:Subject>{subject}</edXML:Subject><edXML:Content/>\
<edXML:SignerInfo><edXML:Competence>KT. GIÁM ĐỐC</edXML:Competence><edXML:Position>Phó Giám đốc</edXML:Position>\
<edXML:FullName>{signer}</edXML:FullName></edXML:SignerInfo>\
<edXML:OtherInfo><edXML:Priority>0</edXML:Priority><edXML:PageAmount>1</edXML:PageAmount></edXML:OtherInfo>\
<edXML:SteeringType>0</edXML:SteeringType></edXML:MessageHeader>\
<edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>{organ}</edXML:OrganId><edXML:Timestamp>{at}</edXML:Timestamp>\
</edXML:TraceHeader><edXML:Bussiness><edXML:BussinessDocType>{business_type}</edXML:BussinessDocType>\
<edXML:BussinessDocReason>{reason}</edXML:BussinessDocReason><edXML:Paper>0</edXML:Paper></edXML:Bussiness>\
</edXML:TraceHeaderList></edXML:edXMLHeader>\
<edXML:edXMLBody><edXML:edXMLManifest version="1.0"><edXML:Reference><edXML:ContentId>cid:{content_id}</edXML:ContentId>\
<edXML:ContentType>application/zip</edXML:ContentType><edXML:AttachmentName>{file_name}</edXML:AttachmentName>\
</edXML:Reference></edXML:edXMLManifest></edXML:edXMLBody></edXML:edXMLEnvelope>\
<AttachmentEncoded><Attachment><ContentId>cid:{content_id}</ContentId><AttachmentName>{file_name}</AttachmentName>\
<ContentType>application/zip</ContentType>\
<edXML:ContentTransferEncoded xmlns:edXML="{qcvn}">{content}</edXML:ContentTransferEncoded>\
</Attachment></AttachmentEncoded></edXML>
"""

_STATUS = """<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="{qcvn}"><edXML:edXMLEnvelope xmlns:edXML="{qcvn}"><edXML:edXMLHeader><edXML:MessageHeader>\
<edXML:From>{sender}</edXML:From><edXML:ResponseFor><edXML:OrganId>{organ}</edXML:OrganId><edXML:Code>{code}</edXML:Code>\
<edXML:DocumentId>{document_id}</edXML:DocumentId><edXML:PromulgationDate>{day:%Y/%m/%d}</edXML:PromulgationDate>\
</edXML:ResponseFor><edXML:StaffInfo><edXML:Department>Văn thư</edXML:Department><edXML:Staff>{staff}</edXML:Staff>\
</edXML:StaffInfo><edXML:StatusCode>{status}</edXML:StatusCode><edXML:Description>{description}</edXML:Description>\
<edXML:Timestamp>{at}</edXML:Timestamp></edXML:MessageHeader></edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>
"""


def packet_of(letter: Letter, business_type: int, province: Province, at: datetime) -> bytes:
    """The document, or the same once more to take it back; not signed yet. `at` in Viet Nam's time."""
    name = f"{letter.number}-{letter.notation}.txt"
    return _PACKET.format(
        qcvn=_QCVN,
        organ=DEPARTMENT,
        sender=_organization(province, DEPARTMENT),
        recipients="".join(f"<edXML:To>{_organization(province, code)}</edXML:To>" for code in letter.to),
        document_id=escape(letter.document_id),
        number=letter.number,
        notation=escape(letter.notation),
        day=letter.day,
        type_name=escape(letter.type_name),
        subject=escape(letter.subject),
        signer=escape(officer(f"{DEPARTMENT} ký")),
        at=at.strftime(_MOMENT),
        business_type=business_type,
        reason=escape(letter.recalled if business_type != NEW else "Văn bản điện tử mới"),
        content_id=uuid5(NAMESPACE_URL, letter.document_id),
        file_name=escape(name),
        content=_zipped(letter, _text(letter, province)),
    ).encode()


def status_of(letter: Letter, status: str, province: Province, by: str, at: datetime) -> bytes:
    """What the clerk of `by` reports about it. `at` in Viet Nam's time."""
    return _STATUS.format(
        qcvn=_QCVN,
        sender=_organization(province, by),
        organ=DEPARTMENT,
        code=escape(letter.code),
        document_id=escape(letter.document_id),
        day=letter.day,
        staff=escape(officer(f"{by} văn thư")),
        status=status,
        description=escape(STATUSES[status][0].capitalize()),
        at=at.strftime(_MOMENT),
    ).encode()


def _organization(province: Province, code: str) -> str:
    name = escape(province.by_code[code].names[0])
    return f"<edXML:OrganId>{code}</edXML:OrganId><edXML:OrganName>{name}</edXML:OrganName>"


def _text(letter: Letter, province: Province) -> Iterable[str]:
    yield f"{province.by_code[DEPARTMENT].names[0].upper()}\nSố: {letter.code}\n\n{letter.type_name}: {letter.subject}\n\n"
    yield from (f"Kính gửi: {province.by_code[code].names[0]}\n" for code in letter.to)


def _zipped(letter: Letter, text: Iterable[str]) -> str:
    """A single entry under a name of the library's own: the true one stands outside."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(f"{uuid5(NAMESPACE_URL, f'{letter.document_id} file')}.txt", _ZIPPED_AT)
        archive.writestr(entry, "".join(text))
    return b64encode(packed.getvalue()).decode()
