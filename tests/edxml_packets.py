"""Packets in the shapes in which systems in service write them: the national bus's Java and .NET libraries, provinces, gateways
of enterprises, the standard's own order, and statuses. Persons, numbers and contents are invented; the habits are not."""

import base64
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field

QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
E_DOC = "http://www.e-doc.vn/Schema/"
PDF = b"%PDF-1.5\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
DOC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)


@dataclass(frozen=True)
class Said:
    """What every packet of this module says, however it writes it."""

    sender: str = "000.00.00.G22"
    sender_name: str = "Văn phòng Chính phủ"
    recipients: tuple[str, ...] = ("28.22.H17", "H37.02.02")
    document_id: str = "000.00.00.G22,2025/09/30,7816/VPCP-TTĐT"
    number: str = "7816"
    notation: str = "VPCP-TTĐT"
    promulgated: str = "2025/09/30"
    subject: str = "V/v kết nối, liên thông phần mềm quản lý văn bản & điều hành"
    business_type: int = 0
    reason: str = "Văn bản điện tử mới"
    files: tuple[tuple[str, bytes], ...] = field(
        default=(("Công văn 7816_signed.pdf", PDF), ("Phụ lục 1 (28.11-9.12).doc", DOC)), repr=False
    )


SAID = Said()


def zipped_by_java(name: str, octets: bytes, entry: str = "8cdea3db-764e-444c-a90e-5f5fde4b2db3") -> bytes:
    """As java.util.zip streams it: sizes behind the data (flag 3), the entry named by a UUID with the ending of the file."""

    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)  # type: ignore[call-overload]
            self.written += piece
            return len(piece)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr(f"{entry}.{name.rpartition('.')[2]}", octets)
    return bytes(stream.written)


def _e(name: str, inside: str, prefix: str = "edXML:") -> str:
    return f"<{prefix}{name}>{inside}</{prefix}{name}>"


def _text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;")


def _organ(tag: str, code: str, name: str) -> str:
    return _e(tag, _e("OrganId", code) + _e("OrganizationInCharge", _text(name)) + _e("OrganName", _text(name))
              + _e("OrganAdd", "Số 1 Hoàng Hoa Thám, Hà Nội") + _e("Email", "vanthu@example.gov.vn")
              + _e("Telephone", "(04)35123536") + _e("Fax", "048989898789") + _e("Website", "www.example.gov.vn"))  # fmt: skip


def _parts(said: Said) -> dict[str, str]:
    """The elements of a MessageHeader, for each style to put in its own order."""
    return {
        "from": _organ("From", said.sender, said.sender_name),
        "to": "".join(_organ("To", code, f"Cơ quan {code}") for code in said.recipients),
        "id": _e("DocumentId", said.document_id),
        "code": _e("Code", _e("CodeNumber", said.number) + _e("CodeNotation", said.notation)),
        "promulgation": _e("PromulgationInfo", _e("Place", "Hà Nội") + _e("PromulgationDate", said.promulgated)),
        "type": _e("DocumentType", _e("Type", "1") + _e("TypeDetail", "0") + _e("TypeName", "Công văn")),
        "subject": _e("Subject", _text(said.subject)),
        "content": _e("Content", _text(said.subject)),
        "signer": _e("SignerInfo", _e("Competence", "TL. BỘ TRƯỞNG") + _e("Position", "Cục trưởng") + _e("FullName", "Lê Văn A")),
        "due": _e("DueDate", "2025/10/28"),
        "other": _e("OtherInfo", _e("Priority", "0") + _e("SphereOfPromulgation", "Lưu hành nội bộ") + _e("TyperNotation", "TVC")
                    + _e("PromulgationAmount", "2") + _e("PageAmount", "22") + _e("Direction", "false")
                    + _e("Appendixes", _e("Appendix", "Phụ lục"))),
        "steering": _e("SteeringType", "1"),
        "places": _e("ToPlaces", _e("Place", "Các bộ và cơ quan ngang bộ") + _e("Place", "UBND các tỉnh, TP")),
    }  # fmt: skip


def _business(said: Said) -> str:
    asked = _e("BussinessDocType", str(said.business_type)) + _e("BussinessDocReason", said.reason)
    return _e(
        "Bussiness",
        asked + _e("Paper", "0") + _e("StaffInfo", _e("Department", "Văn thư văn phòng") + _e("Staff", "Nguyễn Thị B")),
    )


def _hop(code: str, at: str) -> str:
    return _e("TraceHeader", _e("OrganId", code) + _e("Timestamp", at))


def _packet(header: str, after: str, body: str, *, root: str = f'<edXML xmlns="{QCVN}">', close: str = "</edXML>") -> bytes:
    inside = _e("edXMLHeader", header) + body
    envelope = f'<edXML:edXMLEnvelope xmlns:edXML="{QCVN}">{inside}</edXML:edXMLEnvelope>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}\n  {envelope}\n  {after}\n{close}\n'.encode()


def _manifest(said: Said, kind: str = "application/pdf", attributes: str = "") -> str:
    rows = "".join(
        f"<edXML:Reference{attributes.format(number)}>" + _e("ContentId", f"cid:{number}") + _e("ContentType", kind)
        + _e("Description", f"File dinh kem {number}") + _e("AttachmentName", _text(name)) + "</edXML:Reference>"
        for number, (name, _) in enumerate(said.files, 1)
    )  # fmt: skip
    return _e("edXMLBody", f'<edXML:edXMLManifest version="1.0">{rows}</edXML:edXMLManifest>')


def _attached(said: Said, pack: Callable[[str, bytes], bytes], *, kind: str, cid: str = "cid:", prefixed: bool = True) -> str:
    content = f'<edXML:ContentTransferEncoded xmlns:edXML="{QCVN}">' if prefixed else "<ContentTransferEncoded>"
    end = "</edXML:ContentTransferEncoded>" if prefixed else "</ContentTransferEncoded>"
    rows = "".join(
        f"<Attachment><ContentId>{cid}{number}</ContentId><AttachmentName>{_text(name)}</AttachmentName>"
        f"<ContentType>{kind}</ContentType>{content}{base64.b64encode(pack(name, octets)).decode()}{end}</Attachment>"
        for number, (name, octets) in enumerate(said.files, 1)
    )
    return f"<AttachmentEncoded>{rows}</AttachmentEncoded>"


def _raw(_name: str, octets: bytes) -> bytes:
    return octets


_JAVA_ORDER = [
    "from",
    "to",
    "id",
    "code",
    "promulgation",
    "type",
    "subject",
    "content",
    "signer",
    "due",
    "other",
    "steering",
    "places",
]
_CLAUSES = [
    "from",
    "to",
    "code",
    "promulgation",
    "type",
    "subject",
    "content",
    "signer",
    "due",
    "places",
    "other",
    "steering",
    "id",
]
_UNVERIFIABLE = (
    "<Signature{}><SignedInfo><CanonicalizationMethod Algorithm='http://www.w3.org/TR/2001/REC-xml-c14n-20010315'/>"
    "<SignatureMethod Algorithm='http://www.w3.org/2000/09/xmldsig#rsa-sha1'/><Reference URI=''><DigestValue>FwgIqsSY"
    "JshUS2+wlOM61L+q7Aw=</DigestValue></Reference></SignedInfo><SignatureValue>GbVb8n9+qFxz466A</SignatureValue><KeyInfo>"
    "<X509Data><X509SubjectName>CN=user05</X509SubjectName><X509Certificate>MIIFqTCCBJG</X509Certificate></X509Data></KeyInfo>"
    "</Signature>"
)


def _ordered(said: Said, order: list[str]) -> str:
    parts = _parts(said)
    return _e("MessageHeader", "".join(parts[name] for name in order))


def java(said: Said = SAID) -> bytes:
    """The Java library, 2025: no signature, every file an archive of its own, three hops of which one names nobody."""
    trace = _business(said) + _hop(said.sender, "2025/10/13 10:25:18") + _e("TraceHeader", _e("Timestamp", "2025/10/13 10:27:35"))
    header = _ordered(said, _JAVA_ORDER) + _e("TraceHeaderList", trace + _hop("02.29.W00", "2025/10/13 10:40:04"))
    return _packet(header, _attached(said, zipped_by_java, kind="application/zip"), _manifest(said))


def java_wrong_types(said: Said = SAID) -> bytes:
    """The same, where "application/pdf" is said of archives."""
    header = _ordered(said, _JAVA_ORDER) + _e("TraceHeaderList", _hop("null", "2025/10/23 16:28:42"))
    return _packet(header, _attached(said, zipped_by_java, kind="application/pdf"), _manifest(said))


def java_signed(said: Said = SAID) -> bytes:
    """The Java library, 2019: the signature without prefix or declaration, so in the namespace of the packet."""
    trace = _hop(said.sender, "2018/09/28 00:00:00") + _business(said)
    header = _ordered(said, _JAVA_ORDER) + _e("TraceHeaderList", trace) + _UNVERIFIABLE.format("")
    return _packet(header, _attached(said, zipped_by_java, kind="application/zip"), _manifest(said))


def sample_signed(said: Said = SAID) -> bytes:
    """A sample by hand: clause order, a signature in its own namespace, an empty ResponseFor, comments, prefixes that nobody
    declared where they are used, empty links."""
    empty = _e("ResponseFor", _e("OrganId", "") + _e("Code", "") + _e("PromulgationDate", "") + _e("DocumentId", ""))
    header = _ordered(said, _CLAUSES).replace("<edXML:SteeringType>", empty + "<!-- <edXML:ResponseFor/> --><edXML:SteeringType>")
    header += _e("TraceHeaderList", _hop("01.02.G22", "2018/06/20 16:35:56"))
    header += _UNVERIFIABLE.format(' xmlns="http://www.w3.org/2000/09/xmldsig#"')
    files = _attached(said, _raw, kind="application/pdf")
    for name in ("AttachmentEncoded", "Attachment", "ContentId", "AttachmentName", "ContentType"):
        files = files.replace(f"<{name}>", f"<edXML:{name}>").replace(f"</{name}>", f"</edXML:{name}>")
    return _packet(header, files, _manifest(said, attributes=' xlink:href=""'))


def dotnet(said: Said = SAID) -> bytes:
    """The .NET library: more declarations, attributes on the trace, links in the manifest, an empty DigitalSignature."""
    trace = _hop(said.sender, "2026/04/02 08:15:00") + _business(said)
    attributes = ' id="B24E0C9F" version="1.0" mustUnderstand="1" actor="http://schemas.xmlsoap.org/soap/actor/next"'
    header = _ordered(said, _CLAUSES) + f"<edXML:TraceHeaderList{attributes}>{trace}</edXML:TraceHeaderList>"
    link = ' xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="cid:{0}" xlink:role="XLinkRole" xlink:type="simple"'
    schemas = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    return _packet(
        header + "<edXML:DigitalSignature />",
        _attached(said, _raw, kind="application/octet-stream", cid="", prefixed=False),
        _manifest(said, attributes=link),
        root=f'<edXML {schemas} xmlns="{QCVN}">',
    )


def wrapped(said: Said = SAID) -> bytes:
    """Base64 in lines of 76 with carriage returns, everything indented with tabs."""
    text = dotnet(said).decode()
    for _, octets in said.files:
        plain = base64.b64encode(octets).decode()
        text = text.replace(plain, "\r\n\t" + base64.encodebytes(octets).decode().replace("\n", "\r\n\t"))
    return text.replace("><", ">\r\n\t<").encode()


def no_prefix(said: Said = SAID) -> bytes:
    """Everything in the default namespace."""
    return dotnet(said).decode().replace("<edXML:", "<").replace("</edXML:", "</").encode()


def older_namespace(said: Said = SAID) -> bytes:
    """The e-doc namespace in one file, with days before months and the older names."""
    text = java(said).decode().replace(QCVN, E_DOC).replace("SignerInfo", "Author").replace("Position", "Function")
    year, month, day = said.promulgated.split("/")
    return text.replace(f"PromulgationDate>{said.promulgated}", f"PromulgationDate>{day}/{month}/{year}").encode()


def gateway(said: Said = SAID) -> bytes:
    """An enterprise's gateway: no trace, no manifest, files in a list of its own name inside the envelope."""
    short = ["from", "to", "id", "code", "promulgation", "type", "subject", "content"]
    rows = "".join(
        _e("Attachment", _e("AttachmentName", _text(name)) + _e("AttachmentType", name.rpartition(".")[2].upper())
           + _e("AttachmentSize", str(len(octets))) + _e("AttachmentData", base64.b64encode(octets).decode()))
        for name, octets in said.files
    )  # fmt: skip
    body = _e("edXMLBody", _e("Content", "File: 7816.pdf")) + _e("edXMLAttachments", rows)
    return _packet(_ordered(said, short), "", body)


def flat(said: Said = SAID) -> bytes:
    """No envelope: header, body and files directly under the root."""
    return java(said).decode().replace(f'<edXML:edXMLEnvelope xmlns:edXML="{QCVN}">', "").replace(
        "</edXML:edXMLEnvelope>", "").replace("<edXML xmlns=", f'<edXML xmlns:edXML="{QCVN}" xmlns=').encode()  # fmt: skip


DOCUMENTS: dict[str, Callable[[Said], bytes]] = {
    "java": java,
    "java, wrong types": java_wrong_types,
    "java, signed": java_signed,
    "sample, signed": sample_signed,
    "dotnet": dotnet,
    "base64 in lines": wrapped,
    "no prefix": no_prefix,
    "older namespace": older_namespace,
    "gateway": gateway,
    "flat": flat,
}
SIGNED = frozenset({"java, signed", "sample, signed"})
WITHOUT_BUSSINESS = frozenset({"java, wrong types", "sample, signed", "gateway"})


def status(code: str = "03", *, description: str = "Văn thư đã tiếp nhận", swapped: bool = False) -> bytes:
    """A status packet of the libraries; `swapped`: Code and OrganId exchanged, as a client does in 13."""
    organ, notation = ("7816/VPCP-TTĐT", "000.00.00.G22") if swapped else ("000.00.00.G22", "7816/VPCP-TTĐT")
    about = _e("ResponseFor", _e("OrganId", organ) + _e("Code", notation) + _e("DocumentId", SAID.document_id)
               + _e("PromulgationDate", SAID.promulgated))  # fmt: skip
    staff = _e("StaffInfo", _e("Department", "Văn thư") + _e("Staff", "Trần C") + _e("Email", "") + _e("Mobile", "84912000001"))
    said = _organ("From", "28.22.H17", "UBND xã Hòa Sơn") + about + staff + _e("StatusCode", code)
    said += _e("Description", description) + _e("Timestamp", "2025/10/14 08:00:00")
    return _packet(_e("MessageHeader", said), "", "")


STATUS_CODES = ("01", "02", "03", "04", "05", "06", "13", "15", "16")
