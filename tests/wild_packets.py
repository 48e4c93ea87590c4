"""Packets as systems in service write them, with everything odd that is reported of them, and what a person expects of each.

Put together from what is known of the field, without any of our own writing or reading code. Persons and numbers are invented.
"""

import base64
import io
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
E_DOC = "http://www.e-doc.vn/Schema/"
PDF = b"%PDF-1.4\n" + "Công văn".encode() + b"\n%%EOF"
DOCX = b"PK\x05\x06" + bytes(18)  # an archive without entries
DAY = "2026/11/18"

SENDER, OLD_SENDER, COMMUNE, OTHER = "H01.10", "000.00.10.H01", "H01.134", "H01.135"  # codes of tests.integration.bus_hub
DATES = (
    "2014/02/30", "18/11/2026", "2026-11-18", "2026-11-18T00:00:00", "2026-11-18T00:00:00.0000000+07:00", "18/11/2026 09:30:00",
    "0001/01/01", "0001-01-01T00:00:00", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999",
    "11/18/2026 9:30:00 AM", "hôm nay", "1900/00/00", "2026/11/18 24:00:00",
)  # fmt: skip
CODES = (
    "000.00.15.H01", "00.15.H01", "01.02.G22", "H37.02.02", "H37.DN.001", "G12.18", "0101234567", "0101234567-001", "vxp.saas.03",
    "000.00.00.H57", "00.00.W29", "A" + "1" * 49,
)  # fmt: skip
DOCUMENT_ID = f"{OLD_SENDER},{DAY},2217/SNNMT-VP"


class File(NamedTuple):
    """`payload`: what stands in the packet, if it is not the file."""

    name: str = "2217-SNNMT-VP.pdf"
    octets: bytes = PDF
    payload: bytes | str | None = None
    type: str = "application/pdf"

    @property
    def encoded(self) -> str:
        payload = self.octets if self.payload is None else self.payload
        return payload if isinstance(payload, str) else base64.b64encode(payload).decode()


class Expected(NamedTuple):
    """What is to be understood. `files`: name and content of those that are inside."""

    recipients: tuple[str, ...] = (COMMUNE,)
    document_id: str = DOCUMENT_ID
    business_type: int = 0
    priority: int = 0
    files: tuple[tuple[str, bytes], ...] = (("2217-SNNMT-VP.pdf", PDF),)
    signed: bool = False
    status: str = ""


class Refused(NamedTuple):
    """`place`: how the place that is named ends."""

    code: str
    place: str


class Case(NamedTuple):
    octets: bytes
    expected: Expected | Refused


def zipped(name: str, octets: bytes, *more: str) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in (name, *more):
            archive.writestr(zipfile.ZipInfo(one, (2026, 11, 18, 9, 30, 0)), octets, zipfile.ZIP_DEFLATED)
    return found.getvalue()


def organ(tag: str, code: str, *, name: str = "Cơ quan") -> str:
    return (
        f"<edXML:{tag}><edXML:OrganId>{code}</edXML:OrganId><edXML:OrganizationInCharge>UBND tỉnh An Giang"
        f"</edXML:OrganizationInCharge><edXML:OrganName>{name}</edXML:OrganName><edXML:OrganAdd/><edXML:Email/>"
        f"<edXML:Telephone/><edXML:Fax/><edXML:Website>angiang.gov.vn</edXML:Website></edXML:{tag}>"
    )


def java(
    to: Sequence[str] = (COMMUNE,),
    files: Sequence[File] = (File(),),
    *,
    sender: str = OLD_SENDER,
    document_id: str = DOCUMENT_ID,
    business: int = 0,
    more_business: str = "",
    signature: str = "",
) -> str:
    """As EdXML102-0.0.3 writes it: order of elements, prefix inside the envelope, none outside."""
    references = "".join(
        f"<edXML:Reference><edXML:ContentId>cid:{n}</edXML:ContentId><edXML:ContentType>{file.type}</edXML:ContentType>"
        f"<edXML:Description/><edXML:AttachmentName>{file.name}</edXML:AttachmentName></edXML:Reference>"
        for n, file in enumerate(files)
    )
    attachments = "".join(
        f"<Attachment><ContentId>cid:{n}</ContentId><AttachmentName>{file.name}</AttachmentName><Description/>"
        f'<ContentType>{file.type}</ContentType><edXML:ContentTransferEncoded xmlns:edXML="{QCVN}">{file.encoded}'
        "</edXML:ContentTransferEncoded></Attachment>"
        for n, file in enumerate(files)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<edXML xmlns="{QCVN}">\n<edXML:edXMLEnvelope xmlns:edXML="{QCVN}">\n<edXML:edXMLHeader>\n<edXML:MessageHeader>'
        f"{organ('From', sender)}{''.join(organ('To', code) for code in to)}"
        f"<edXML:DocumentId>{document_id}</edXML:DocumentId>"
        "<edXML:Code><edXML:CodeNumber>2217</edXML:CodeNumber><edXML:CodeNotation>SNNMT-VP</edXML:CodeNotation></edXML:Code>"
        f"<edXML:PromulgationInfo><edXML:Place>An Giang</edXML:Place><edXML:PromulgationDate>{DAY}</edXML:PromulgationDate>"
        "</edXML:PromulgationInfo><edXML:DocumentType><edXML:Type>2</edXML:Type><edXML:TypeDetail>0</edXML:TypeDetail>"
        "<edXML:TypeName>Công văn</edXML:TypeName></edXML:DocumentType><edXML:Subject>Phối hợp giải quyết hồ sơ</edXML:Subject>"
        "<edXML:Content/><edXML:SignerInfo><edXML:Competence>KT. GIÁM ĐỐC</edXML:Competence><edXML:Position>Phó Giám đốc"
        "</edXML:Position><edXML:FullName>Nguyễn Văn An</edXML:FullName></edXML:SignerInfo><edXML:DueDate/>"
        "<edXML:OtherInfo><edXML:Priority>0</edXML:Priority><edXML:SphereOfPromulgation/><edXML:TyperNotation>NVA"
        "</edXML:TyperNotation><edXML:PromulgationAmount>1</edXML:PromulgationAmount><edXML:PageAmount>1</edXML:PageAmount>"
        "<edXML:Direction>false</edXML:Direction><edXML:Appendixes/></edXML:OtherInfo><edXML:ResponseFor><edXML:OrganId/>"
        "<edXML:Code/><edXML:DocumentId/><edXML:PromulgationDate/></edXML:ResponseFor><edXML:SteeringType>0"
        "</edXML:SteeringType><edXML:ToPlaces><edXML:Place>Như trên</edXML:Place></edXML:ToPlaces></edXML:MessageHeader>\n"
        f"<edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>{sender}</edXML:OrganId><edXML:Timestamp>{DAY} 09:30:00"
        f"</edXML:Timestamp></edXML:TraceHeader><edXML:Bussiness><edXML:BussinessDocType>{business}</edXML:BussinessDocType>"
        "<edXML:BussinessDocReason>Văn bản điện tử</edXML:BussinessDocReason><edXML:Paper>0</edXML:Paper><edXML:StaffInfo>"
        "<edXML:Department>Văn phòng</edXML:Department><edXML:Staff>Trần Thị Bình</edXML:Staff><edXML:Mobile/><edXML:Email/>"
        f"</edXML:StaffInfo>{more_business}</edXML:Bussiness></edXML:TraceHeaderList>\n{signature}</edXML:edXMLHeader>\n"
        f'<edXML:edXMLBody><edXML:edXMLManifest version="1.0">{references}</edXML:edXMLManifest></edXML:edXMLBody>'
        f"</edXML:edXMLEnvelope>\n<AttachmentEncoded>{attachments}</AttachmentEncoded></edXML>\n"
    )


def dotnet(files: Sequence[File] = (File(),)) -> str:
    """As the .NET library writes it: more declarations, attributes on the trace, cid: in the manifest, an empty signature."""
    text = java(files=files, signature="<edXML:DigitalSignature />")
    text = text.replace(
        f'<edXML xmlns="{QCVN}">',
        '<edXML xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        f'xmlns="{QCVN}">',
    )
    text = text.replace("<ContentId>cid:", "<ContentId>").replace(
        f'<edXML:ContentTransferEncoded xmlns:edXML="{QCVN}">', "<ContentTransferEncoded>"
    )
    text = text.replace("</edXML:ContentTransferEncoded></Att", "</ContentTransferEncoded></Att").replace(
        "<edXML:DueDate/>", '<edXML:DueDate xsi:nil="true" />'
    )
    trace = (
        '<edXML:TraceHeaderList id="a3f9" version="1.0" edXML:mustUnderstand="1" '
        'edXML:actor="http://schemas.xmlsoap.org/soap/actor/next">'
    )
    return text.replace("<edXML:TraceHeaderList>", trace).replace("\n", "\r\n")


def xlinked(text: str, declared: bool) -> str:
    """References of the .NET library, `xlink` declared or not."""
    href = '<edXML:Reference xlink:href="cid:0" xlink:role="XLinkRole" xlink:type="simple">'
    text = text.replace("<edXML:Reference>", href)
    return text.replace("<edXML:edXMLBody>", '<edXML:edXMLBody xmlns:xlink="http://www.w3.org/1999/xlink">') if declared else text


def status(
    code: str = "03",
    *,
    sender: str = COMMUNE,
    to: str = OLD_SENDER,
    notation: str = "2217/SNNMT-VP",
    document_id: str = DOCUMENT_ID,
) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<edXML xmlns="{QCVN}"><edXML:edXMLEnvelope xmlns:edXML="{QCVN}"><edXML:edXMLHeader><edXML:MessageHeader>'
        f"<edXML:From><edXML:OrganId>{sender}</edXML:OrganId><edXML:OrganName>UBND xã Vĩnh Thạnh Trung</edXML:OrganName>"
        "<edXML:OrganizationInCharge>UBND tỉnh An Giang</edXML:OrganizationInCharge></edXML:From>"
        f"<edXML:ResponseFor><edXML:OrganId>{to}</edXML:OrganId><edXML:Code>{notation}</edXML:Code>"
        f"<edXML:DocumentId>{document_id}</edXML:DocumentId><edXML:PromulgationDate>{DAY}</edXML:PromulgationDate>"
        "</edXML:ResponseFor><edXML:StaffInfo><edXML:Department/><edXML:Staff>Lê Văn Cường</edXML:Staff><edXML:Email/>"
        f"<edXML:Mobile/></edXML:StaffInfo><edXML:StatusCode>{code}</edXML:StatusCode><edXML:Description>Đã tiếp nhận"
        f"</edXML:Description><edXML:Timestamp>{DAY} 10:02:11</edXML:Timestamp></edXML:MessageHeader></edXML:edXMLHeader>"
        "</edXML:edXMLEnvelope></edXML>"
    )


def signature(declared: str = "", certificate: str = "MIIEzjCCA7agAwIBAgIQVAEBBGqx") -> str:
    """As the Java library leaves it: rsa-sha1, a certificate that breaks off, in the namespace of QCVN 102 unless `declared`."""
    return (
        f'<Signature{declared}><SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
        '<SignatureMethod Algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"/><Reference URI=""><Transforms><Transform '
        'Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></Transforms><DigestMethod '
        'Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/><DigestValue>Lk4nxZWXnYrCQu3GWq9Yq5T3kqY=</DigestValue></Reference>'
        "</SignedInfo><SignatureValue>QkFTRTY0</SignatureValue><KeyInfo><X509Data><X509SubjectName>CN=Sở Nông nghiệp"
        f"</X509SubjectName><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></Signature>"
    )


XMLDSIG = ' xmlns="http://www.w3.org/2000/09/xmldsig#"'


def put(old: str, new: str, text: str = "") -> bytes:
    text = text or java()
    assert old in text, old
    return text.replace(old, new).encode()


def element(name: str, text: str) -> str:
    return f"<edXML:{name}>{text}</edXML:{name}>"


def _octets() -> Iterator[tuple[str, Case]]:
    """Around the markup and in how it is encoded."""
    plain = Expected()
    text, octets = java(), java().encode()
    yield "java", Case(octets, plain)
    yield "dotnet", Case(dotnet().encode(), plain)
    yield "byte order mark", Case(b"\xef\xbb\xbf" + octets, plain)
    yield "two byte order marks", Case(b"\xef\xbb\xbf\xef\xbb\xbf" + octets, plain)
    yield "1212 before", Case(b"1212" + octets, plain)
    yield "empty lines before", Case(b"\r\n\r\n" + octets, plain)
    yield "byte order mark and 1212", Case(b"\xef\xbb\xbf1212\r\n" + octets, plain)
    yield "a question mark before, a mark that was lost", Case(b"?" + octets, plain)
    yield "UTF-16 with mark", Case(text.replace("UTF-8", "UTF-16").encode("utf-16"), plain)
    yield "UTF-16 as .NET strings say it, in UTF-8", Case(text.replace('"UTF-8"', '"utf-16"').encode(), plain)
    yield "no declaration", Case(octets[octets.index(b"<edXML") :], plain)
    yield "XML 1.1", Case(octets.replace(b'version="1.0" encoding', b'version="1.1" encoding', 1), plain)
    yield "NUL at the end", Case(octets + b"\0", plain)
    yield "lines of windows", Case(text.replace("\n", "\r\n").encode(), plain)
    yield "comments and instructions", Case(put("<edXML:edXMLHeader>", "<!-- SDK --><?x y?><edXML:edXMLHeader>"), plain)
    yield "CDATA", Case(put("Phối hợp giải quyết hồ sơ", "<![CDATA[Phối hợp <giải quyết> & hồ sơ]]>"), plain)
    yield "not UTF-8", Case(text.encode("utf-8").replace("ố".encode(), b"\xf4\xec"), Refused("body.malformed", "/"))
    yield "a DTD", Case(octets.replace(b"?>\n", b"?>\n<!DOCTYPE edXML>", 1), Refused("body.malformed", "/"))
    yield "cut off", Case(octets[:-400], Refused("body.malformed", "/"))


def _envelopes() -> Iterator[tuple[str, Case]]:
    """Roots, namespaces and prefixes."""
    plain, text = Expected(), java()
    inside = text[text.index("<edXML:edXMLEnvelope") : text.rindex("</edXML>")]
    yield "root EdXML", Case(text.replace("<edXML xmlns", "<EdXML xmlns").replace("</edXML>\n", "</EdXML>\n").encode(), plain)
    attached = inside[inside.index("<AttachmentEncoded>") :]
    alone = inside[: inside.index("</edXML:edXMLEnvelope>")] + attached.replace(
        "<AttachmentEncoded>", f'<AttachmentEncoded xmlns="{QCVN}">'
    )
    yield "root edXMLEnvelope, files inside", Case((alone + "</edXML:edXMLEnvelope>").encode(), plain)
    yield "no prefix at all", Case(text.replace("<edXML:", "<").replace("</edXML:", "</").encode(), plain)
    yield (
        "no namespace at all",
        Case(text.replace("<edXML:", "<").replace("</edXML:", "</").replace(f' xmlns="{QCVN}"', "").encode(), plain),
    )
    yield "another prefix", Case(text.replace("edXML:", "ns2:").replace("xmlns:edXML", "xmlns:ns2").encode(), plain)
    yield "the namespace of e-doc", Case(text.replace(QCVN, E_DOC).encode(), plain)
    yield "the prefix edXML unbound", Case(text.replace(f' xmlns:edXML="{QCVN}"', "").encode(), plain)
    yield "xlink", Case(xlinked(dotnet(), True).encode(), plain)
    yield "xlink unbound", Case(xlinked(dotnet(), False).encode(), plain)
    yield (
        "xlink unbound, only there the id",
        Case(xlinked(dotnet(), False).replace("<edXML:ContentId>cid:0</edXML:ContentId>", "").encode(), plain),
    )
    yield "Manifest", Case(text.replace("edXMLManifest", "Manifest").encode(), plain)
    for version in ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"):
        body = f"<soap:Body>{text[text.index('<edXML') :]}</soap:Body>"
        soap = f'<soap:Envelope xmlns:soap="{version}"><soap:Header/>{body}</soap:Envelope>'
        yield f"inside a SOAP envelope {version[-14:-1]}", Case(soap.encode(), plain)
    header = inside[inside.index("<edXML:MessageHeader>") : inside.index("</edXML:edXMLHeader>")]
    manifest = inside[inside.index("<edXML:edXMLManifest") : inside.index("</edXML:edXMLBody>")].replace(
        "edXMLManifest", "Manifest"
    )
    blocks = (
        f'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:edXML="{E_DOC}"><soap:Header>{header}'
        f"</soap:Header><soap:Body>{manifest}</soap:Body></soap:Envelope>"
    )
    yield "as a SOAP message without its parts", Case(blocks.encode(), plain._replace(files=()))
    yield (
        "another root",
        Case(
            text.replace("<edXML xmlns", "<document xmlns").replace("</edXML>\n", "</document>").encode(),
            Refused("body.invalid", "/"),
        ),
    )
    yield "another namespace", Case(text.replace(QCVN, "http://www.go.vn/eDoc").encode(), Refused("body.invalid", "/"))
    yield (
        "header under the root",
        Case(
            (text[: text.index("<edXML:edXMLEnvelope")] + header.replace("edXML:", "") + "</edXML>").encode(),
            plain._replace(files=()),
        ),
    )


def _headers() -> Iterator[tuple[str, Case]]:
    plain = Expected()
    place = "/MessageHeader"
    yield "no bussiness", Case(_without("Bussiness"), plain)
    yield "no trace", Case(_without("TraceHeaderList"), plain)
    moved = java()
    bussiness = moved[moved.index("<edXML:Bussiness>") : moved.index("</edXML:TraceHeaderList>")]
    yield (
        "bussiness before the trace",
        Case(
            moved.replace(bussiness, "").replace("<edXML:TraceHeaderList>", f"<edXML:TraceHeaderList>{bussiness}").encode(), plain
        ),
    )
    yield (
        "paper in the list",
        Case(
            put("<edXML:Paper>0</edXML:Paper>", "", java()).replace(
                b"</edXML:TraceHeaderList>", b"<edXML:Paper>1</edXML:Paper></edXML:TraceHeaderList>"
            ),
            plain,
        ),
    )
    yield "business spelt right", Case(java().replace("Bussiness", "Business").encode(), plain)
    changes = element("BussinessDocumentInfo", element("DocumentInfo", "1") + element("DocumentReceiver", "0"))
    which = element("DocumentId", "H01.10,2026/11/01,2000/SNNMT-VP") + element("OrganIdList", element("OrganId", COMMUNE))
    replaced = element("ReplacementInfoList", element("ReplacementInfo", which))
    for kind, more in ((1, ""), (2, element("DocumentId", DOCUMENT_ID) + changes), (3, replaced)):
        yield f"business type {kind}", Case(java(business=kind, more_business=more).encode(), plain._replace(business_type=kind))
    yield "business type 4", Case(java(business=4).encode(), Refused("body.invalid", "/BussinessDocType"))
    yield "business type empty", Case(put("<edXML:BussinessDocType>0<", "<edXML:BussinessDocType><"), plain)
    for priority in range(5):
        yield (
            f"priority {priority}",
            Case(put("<edXML:Priority>0<", f"<edXML:Priority> {priority}\r\n<"), plain._replace(priority=priority)),
        )
    yield "priority empty", Case(put("<edXML:Priority>0<", "<edXML:Priority><"), plain)
    yield "priority 7", Case(put("<edXML:Priority>0<", "<edXML:Priority>7<"), Refused("body.invalid", "/Priority"))
    for form in (
        "8f14e45f-ceea-467f-a0a1-2f3b6c1d9e77",
        "H01.10,2026/11/18,2217",
        "2217/SNNMT-VP",
        "a,b,c,d,e",
        "H01.10;2026;2217/SNNMT-VP",
    ):
        yield f"document id {form}", Case(java(document_id=form).encode(), plain._replace(document_id=form))
    yield "document id of 300 letters", Case(java(document_id="x" * 300).encode(), Refused("body.invalid", "/DocumentId"))
    yield "no document id", Case(java(document_id=" ").encode(), Refused("body.invalid", f"{place}/DocumentId"))
    for number in ("74fass22", "12234555512", "12/2026", "12A", "000123", "Số 12"):
        yield f"number {number}", Case(put("<edXML:CodeNumber>2217", f"<edXML:CodeNumber>{number}"), plain)
    yield "no code", Case(_without("Code"), plain)
    for type_, detail, name in (
        ("18", "0", "Công văn"),
        ("1", "0", "Công văn"),
        ("2", "1", "Báo cáo"),
        ("2", "", "công văn"),
        ("99", "-1", "Văn bản lạ"),
    ):
        text = (
            java()
            .replace(">2</edXML:Type>", f">{type_}</edXML:Type>")
            .replace(">0</edXML:TypeDetail>", f">{detail}</edXML:TypeDetail>")
        )
        yield (
            f"type {type_} {detail} {name}",
            Case(text.replace("<edXML:TypeName>Công văn", f"<edXML:TypeName>{name}").encode(), plain),
        )
    for when in DATES:
        yield f"promulgated {when}", Case(put(f"<edXML:PromulgationDate>{DAY}", f"<edXML:PromulgationDate>{when}"), plain)
        yield f"due {when}", Case(put("<edXML:DueDate/>", element("DueDate", when)), plain)
        yield f"traced {when}", Case(put(f"{DAY} 09:30:00", when), plain)
    yield "no time of trace", Case(put(f"{DAY} 09:30:00", ""), plain)
    yield "decomposed Vietnamese", Case(unicodedata.normalize("NFD", java()).encode(), plain)
    yield "spaces that do not break", Case(put("<edXML:OrganId>H01.134<", "<edXML:OrganId>\u00a0H01.134\u00a0<"), plain)
    yield (
        "text of Windows",
        Case(
            put(
                "Phối hợp giải quyết hồ sơ",
                "V/v \u201cphối hợp\u201d \u2013 giải quyết\u00a0hồ sơ\u2026\u200b &#xD;&#xA;dòng hai",
            ),
            plain,
        ),
    )
    for flag in ("TRUE", "True", "FALSE", "0", "1"):
        yield f"direction {flag}", Case(put("<edXML:Direction>false", f"<edXML:Direction>{flag}"), plain)
    yield "a subject of 900 letters", Case(put("Phối hợp giải quyết hồ sơ", "Phối hợp " * 100), plain)
    yield "a website as an address", Case(put("angiang.gov.vn", "https://sonnmt.angiang.gov.vn/trang-chu"), plain)
    yield (
        "elements of others",
        Case(
            put("<edXML:Subject>", '<edXML:SecurityLevel>Thường</edXML:SecurityLevel><x xmlns="urn:x">y</x><edXML:Subject>'),
            plain,
        ),
    )
    yield (
        "everything given empty",
        Case(java().replace(">SNNMT-VP<", "><").replace(">An Giang<", "> <").replace(">Nguyễn Văn An<", "><").encode(), plain),
    )
    yield "order of the standard", Case(_standard_order(), plain)


def _without(name: str) -> bytes:
    text = java()
    return (text[: text.index(f"<edXML:{name}>")] + text[text.index(f"</edXML:{name}>") + len(f"</edXML:{name}>") :]).encode()


def _standard_order() -> bytes:
    """DocumentId last, ToPlaces before OtherInfo, Code before To."""
    text = java()
    for name in ("DocumentId", "To", "OtherInfo"):
        begin, end = text.index(f"<edXML:{name}>"), text.index(f"</edXML:{name}>") + len(f"</edXML:{name}>")
        text = (text[:begin] + text[end:]).replace("</edXML:MessageHeader>", f"{text[begin:end]}</edXML:MessageHeader>")
    return text.encode()


def _addressees() -> Iterator[tuple[str, Case]]:
    plain = Expected()
    for form in CODES:
        yield f"to {form}", Case(java([form]).encode(), plain._replace(recipients=(form,)))
    yield "to two", Case(java([COMMUNE, OTHER]).encode(), plain._replace(recipients=(COMMUNE, OTHER)))
    yield "to the same one twice", Case(java([COMMUNE, OTHER, COMMUNE]).encode(), plain._replace(recipients=(COMMUNE, OTHER)))
    yield "one to without a code", Case(java(["", COMMUNE]).encode(), plain)
    yield "to nobody", Case(java([]).encode(), Refused("body.invalid", "/To/OrganId"))
    yield "to without a code only", Case(java(["", " "]).encode(), Refused("body.invalid", "/To/OrganId"))
    yield "from nobody", Case(java(sender="").encode(), Refused("body.invalid", "/From/OrganId"))
    yield "a code with a space in it", Case(java(["H01 134"]).encode(), Refused("", ""))
    yield (
        "to 400",
        Case(java([f"H01.{n}" for n in range(400)]).encode(), plain._replace(recipients=tuple(f"H01.{n}" for n in range(400)))),
    )


def _signatures() -> Iterator[tuple[str, Case]]:
    signed = Expected(signed=True)
    yield "signed as the Java library does", Case(java(signature=signature()).encode(), signed)
    yield "signed in the namespace of signatures", Case(java(signature=signature(XMLDSIG)).encode(), signed)
    yield (
        "signature with a prefix",
        Case(java(signature=signature().replace("<", "<edXML:").replace("<edXML:/", "</edXML:")).encode(), signed),
    )
    yield "an empty DigitalSignature", Case(java(signature="<edXML:DigitalSignature/>").encode(), Expected())
    yield "an empty Signature", Case(java(signature="<Signature/>").encode(), Expected())
    yield (
        "a signature inside DigitalSignature",
        Case(java(signature=f"<edXML:DigitalSignature>{signature(XMLDSIG)}</edXML:DigitalSignature>").encode(), signed),
    )


def _files() -> Iterator[tuple[str, Case]]:
    plain, name = Expected(), "2217-SNNMT-VP.pdf"
    base = base64.b64encode(PDF * 20).decode()
    pdf = PDF * 20

    def one(file: File, *found: tuple[str, bytes]) -> Case:
        return Case(java(files=[file]).encode(), plain._replace(files=found or ((file.name, file.octets),)))

    yield "zip as application/zip", one(File(payload=zipped("8f14e45f.pdf", PDF), type="application/zip"))
    yield "zip as application/pdf", one(File(payload=zipped("8f14e45f.pdf", PDF)))
    yield "zip as text/plain", one(File(payload=zipped("8f14e45f.pdf", PDF), type="text/plain"))
    yield "raw as application/pdf", one(File())
    yield (
        "home-made types",
        one(File(name="bảng kê.xslx", octets=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1abc", type="application/xslx")),
    )
    many = zipped("a.pdf", PDF, "b.pdf")
    yield "archive of two", one(File(name="hồ sơ.zip", octets=many, type="application/zip"))
    yield "lines of 76", one(File(octets=pdf, payload="\r\n".join(base[n : n + 76] for n in range(0, len(base), 76))))
    yield "lines indented", one(File(octets=pdf, payload="\n\t   " + base[:40] + "\n\t   " + base[40:] + "\n"))
    yield "lines as &#13;", one(File(octets=pdf, payload=base[:40] + "&#13;\n" + base[40:]))
    yield "no padding", one(File(octets=b"%PDF-1", payload=base64.b64encode(b"%PDF-1").decode().rstrip("=")))
    high = b"%PDF-1.4 \xfb\xff\xfe\xfb\xef"
    yield "letters of URLs", one(File(octets=high, payload=base64.urlsafe_b64encode(high).decode()))
    yield (
        "data after padding",
        Case(
            java(files=[File(payload="JVBERi0xLg==JVBERi0xLg==")]).encode(),
            Refused("edxml.file_encoding", "/ContentTransferEncoded"),
        ),
    )
    yield (
        "letters of both alphabets",
        Case(java(files=[File(payload="ab+/-_ab")]).encode(), Refused("edxml.file_encoding", "/ContentTransferEncoded")),
    )
    yield (
        "no base64 at all",
        Case(java(files=[File(payload="Xem bản giấy!")]).encode(), Refused("edxml.file_encoding", "/ContentTransferEncoded")),
    )
    yield "empty", Case(java(files=[File(payload="")]).encode(), plain._replace(files=()))
    yield "zip of nothing", one(File(name="trống.txt", octets=b"", payload=zipped("trống.txt", b""), type="application/zip"))
    yield "a name with a stroke", one(File(name="2217/SNNMT-VP.pdf"), ("2217-SNNMT-VP.pdf", PDF))
    yield "a name with folders", one(File(name="van-ban/den/2217.pdf"), ("2217.pdf", PDF))
    yield "a name that is a path", one(File(name="C:\\QLVB\\Temp\\2217.pdf"), ("2217.pdf", PDF))
    yield "a name that leaves", one(File(name="../../../etc/cron.d/x.pdf"), ("x.pdf", PDF))
    yield (
        "a name of 300 letters",
        Case(java(files=[File(name="Báo cáo " * 37 + ".pdf")]).encode(), plain._replace(files=(("*", PDF),))),
    )
    yield "no name", Case(java(files=[File(name="")]).encode(), plain._replace(files=(("*", PDF),)))
    yield "a decomposed name", one(File(name=unicodedata.normalize("NFD", "Quyết định số 5.pdf")), ("*", PDF))
    yield "a name with markup", one(File(name="A &amp; B &lt;1&gt;.pdf"), ("A & B <1>.pdf", PDF))
    yield (
        "no name of what is zipped",
        Case(
            java(files=[File(name="", payload=zipped("Tờ trình.pdf", PDF))]).encode(),
            plain._replace(files=(("Tờ trình.pdf", PDF),)),
        ),
    )
    yield (
        "two of one name",
        Case(
            java(files=[File(), File(octets=b"%PDF-2 khac", type="application/zip")]).encode(),
            plain._replace(files=((name, PDF), (name, b"%PDF-2 khac"))),
        ),
    )
    yield (
        "one file twice under two names",
        Case(java(files=[File("a.pdf"), File("b.pdf")]).encode(), plain._replace(files=(("a.pdf", PDF), ("b.pdf", PDF)))),
    )
    twice = java(files=[File("a.pdf"), File("b.pdf", b"%PDF-2 khac")]).replace("cid:1<", "cid:0<")
    yield "two of one id", Case(twice.encode(), plain._replace(files=(("a.pdf", PDF), ("b.pdf", b"%PDF-2 khac"))))
    named = java().replace("cid:0<", "cid:Công văn số 2217.pdf<")
    yield "an id that is a name", Case(named.encode(), plain)
    yield "no ids", Case(java().replace("cid:0<", "<").encode(), plain)
    yield "an id without cid: in the manifest", Case(java().replace("<edXML:ContentId>cid:", "<edXML:ContentId>").encode(), plain)
    yield (
        "no manifest",
        Case(
            java().replace("<edXML:Reference>", "<edXML:Other>").replace("</edXML:Reference>", "</edXML:Other>").encode(), plain
        ),
    )
    yield "no files at all", Case(java(files=[]).encode(), plain._replace(files=()))
    whole = java()
    none = whole[: whole.index("<AttachmentEncoded>")] + "</edXML>"
    yield "named in the manifest only", Case(none.encode(), plain._replace(files=()))
    yield "types of nobody", one(File(name="x.bin", octets=b"\x00\x01\x02\x03", type="khong biet"))
    yield (
        "65 files",
        Case(
            java(files=[File(f"{n}.txt", b"x%d" % n) for n in range(65)]).encode(), Refused("edxml.too_many_files", "/Attachment")
        ),
    )
    yield (
        "a bomb",
        Case(
            java(files=[File(payload=zipped("a.pdf", bytes(60_000_000)))]).encode(),
            Refused("edxml.archive_expands", "/ContentTransferEncoded"),
        ),
    )


def _statuses() -> Iterator[tuple[str, Case]]:
    told = Expected(recipients=(OLD_SENDER,), files=(), status="03")
    for code in ("01", "02", "03", "04", "05", "06", "07", "12", "14", "15", "16", "99"):
        yield f"status {code}", Case(status(code).encode(), told._replace(status=code))
    asked = told._replace(status="13", recipients=(COMMUNE,))
    yield "status 13", Case(status("13", sender=OLD_SENDER, to=COMMUNE).encode(), asked)
    yield "status 13 exchanged", Case(status("13", sender=OLD_SENDER, to="2217/SNNMT-VP", notation=COMMUNE).encode(), asked)
    yield "status 3 without its zero", Case(status("3").encode(), told)
    yield "status with spaces", Case(status("\n 03 \n").encode(), told)
    yield "status without prefix", Case(status().replace("<edXML:", "<").replace("</edXML:", "</").encode(), told)
    yield (
        "status without namespace",
        Case(status().replace("<edXML:", "<").replace("</edXML:", "</").replace(f' xmlns="{QCVN}"', "").encode(), told),
    )
    yield "status with mark and lines", Case(b"\xef\xbb\xbf" + status().replace("><", ">\r\n  <").encode(), told)
    yield "status with body and trace", Case(
        status().replace("</edXML:MessageHeader>", "</edXML:MessageHeader><edXML:TraceHeaderList/>")
        .replace("</edXML:edXMLHeader>", "</edXML:edXMLHeader><edXML:edXMLBody/>").encode(), told)  # fmt: skip
    yield (
        "status with To",
        Case(
            status()
            .replace("<edXML:ResponseFor>", f"<edXML:To>{element('OrganId', OTHER)}</edXML:To><edXML:ResponseFor>")
            .encode(),
            told,
        ),
    )
    yield (
        "status about a UUID",
        Case(
            status(document_id="8f14e45f-ceea-467f-a0a1-2f3b6c1d9e77").encode(),
            told._replace(document_id="8f14e45f-ceea-467f-a0a1-2f3b6c1d9e77"),
        ),
    )
    yield "status without time", Case(put(f"{DAY} 10:02:11", "", status()), told)
    yield "status with an impossible time", Case(put(f"{DAY} 10:02:11", "2014/02/30 25:61:00", status()), told)
    yield "status with a note of 2,000 letters", Case(put("Đã tiếp nhận", "Lý do " * 330, status()), told)
    yield "status of letters", Case(status("inbox").encode(), Refused("body.invalid", "/StatusCode"))
    yield "status empty", Case(status("").encode(), Refused("body.invalid", "/StatusCode"))
    yield "status of three digits", Case(status("003").encode(), Refused("body.invalid", "/StatusCode"))
    yield "status about nobody's", Case(status(to="").encode(), Refused("body.invalid", "/ResponseFor/OrganId"))
    yield "status about no document", Case(status(document_id="").encode(), Refused("body.invalid", "/ResponseFor/DocumentId"))
    yield "status from nobody", Case(status(sender="").encode(), Refused("body.invalid", "/From/OrganId"))
    signed = status().replace("</edXML:edXMLHeader>", signature() + "</edXML:edXMLHeader>")
    yield "status signed", Case(signed.encode(), told._replace(signed=True))


_GROUPS: tuple[Callable[[], Iterator[tuple[str, Case]]], ...] = (
    _octets,
    _envelopes,
    _headers,
    _addressees,
    _signatures,
    _files,
    _statuses,
)
CASES: dict[str, Case] = {name: case for group in _GROUPS for name, case in group()}
