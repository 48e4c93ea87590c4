"""A client of the e-doc generation as systems in service frame it: texts put together by hand, a fixed boundary, the token twice.

Written without any of our own MIME, SOAP or edXML code, so that both sides of a test do not share their mistakes.
"""

import email
import email.policy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from xml.sax.saxutils import escape

import aiohttp
from lxml import etree

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SCHEMA = "http://www.e-doc.vn/Schema/"
XSD = "http://e-doc.vn/xsd"
XLINK = "http://www.w3.org/1999/xlink"
DOCUMENT_ID = "000.00.15.H01,2026/11/12,904/STP-HCTP"
_ENVELOPE = re.compile(rb"<([^>\s]*)Envelope[\s\S]*</\1Envelope>")


@dataclass(frozen=True, slots=True)
class Doc:
    """What is sent; every text goes into the markup as it stands here. `files`: name -> content."""

    sender: str = "000.00.15.H01"
    receivers: tuple[str, ...] = ("000.00.10.H01",)
    document_id: str = DOCUMENT_ID
    number: str = "904"
    notation: str = "STP-HCTP"
    promulgated: str = "12/11/2026"
    subject: str = "V/v phối hợp giải quyết hồ sơ đất đai"
    priority: str = "1"
    business_type: str = "0"
    reason: str = "Văn bản điện tử mới"
    timestamp: str = "12/11/2026 09:30:00"
    extra: str = ""  # more children of MessageHeader
    files: tuple[tuple[str, str, bytes], ...] = (("904-STP-HCTP.pdf", "application/pdf", b"%PDF-1.4 c\xc3\xb4ng v\xc4\x83n 904"),)


def message_header(doc: Doc) -> str:
    to = "".join(
        f"<edXML:To><edXML:OrganId>{one}</edXML:OrganId><edXML:OrganName>{one}</edXML:OrganName></edXML:To>"
        for one in doc.receivers
    )
    return (
        f"<edXML:MessageHeader><edXML:From><edXML:OrganId>{doc.sender}</edXML:OrganId>"
        "<edXML:OrganName>Sở Tư pháp</edXML:OrganName>"
        f"<edXML:OrganInCharge>UBND tỉnh An Giang</edXML:OrganInCharge></edXML:From>{to}"
        f"<edXML:DocumentId>{doc.document_id}</edXML:DocumentId>"
        f"<edXML:Code><edXML:CodeNumber>{doc.number}</edXML:CodeNumber><edXML:CodeNotation>{doc.notation}</edXML:CodeNotation></edXML:Code>"
        f"<edXML:PromulgationInfo><edXML:PromulgationDate>{doc.promulgated}</edXML:PromulgationDate>"
        "<edXML:Place>An Giang</edXML:Place></edXML:PromulgationInfo>"
        "<edXML:DocumentType><edXML:Type>2</edXML:Type><edXML:TypeName>Công văn</edXML:TypeName></edXML:DocumentType>"
        f"<edXML:Subject>{escape(doc.subject)}</edXML:Subject><edXML:Content/>"
        "<edXML:Author><edXML:FullName>Nguyễn Văn An</edXML:FullName><edXML:Function>Giám đốc</edXML:Function></edXML:Author>"
        f"<edXML:OtherInfo><edXML:Priority>{doc.priority}</edXML:Priority><edXML:PageAmount>1</edXML:PageAmount></edXML:OtherInfo>"
        f"{doc.extra}</edXML:MessageHeader>"
    )


def trace_list(doc: Doc) -> str:
    return (
        f"<edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>{doc.sender}</edXML:OrganId>"
        f"<edXML:Timestamp>{doc.timestamp}</edXML:Timestamp></edXML:TraceHeader>"
        f"<edXML:Business><edXML:BusinessDocType>{doc.business_type}</edXML:BusinessDocType>"
        f"<edXML:BusinessDocReason>{doc.reason}</edXML:BusinessDocReason><edXML:Paper>0</edXML:Paper></edXML:Business>"
        "</edXML:TraceHeaderList>"
    )


def manifest(doc: Doc) -> str:
    return (
        f'<edXML:Manifest xmlns:xlink="{XLINK}">'
        + "".join(
            f'<edXML:Reference xlink:href="cid:file-{place}" xlink:type="{media_type}">'
            f"<edXML:AttachmentName>{escape(name)}</edXML:AttachmentName>"
            "<edXML:Description>Attachment by xml</edXML:Description></edXML:Reference>"
            for place, (name, media_type, _) in enumerate(doc.files)
        )
        + "</edXML:Manifest>"
    )


def status_record(
    code: str = "03",
    *,
    sender: str = "000.00.10.H01",
    about: str = "000.00.15.H01",
    document_id: str = DOCUMENT_ID,
    timestamp: str = "12/11/2026 10:02:11",
    description: str = "Văn thư đã tiếp nhận",
) -> str:
    """Root unqualified, as the bus of the vendor looks it up."""
    return (
        f"<Status><From><OrganId>{sender}</OrganId><OrganName>Sở Nông nghiệp và Môi trường</OrganName></From>"
        f"<ResponseFor><OrganId>{about}</OrganId><Code>904/STP-HCTP</Code><PromulgationDate>12/11/2026</PromulgationDate>"
        f"<DocumentId>{document_id}</DocumentId></ResponseFor>"
        "<StaffInfo><Department>Văn phòng</Department><Staff>Trần Thị Bình</Staff></StaffInfo>"
        f"<StatusCode>{code}</StatusCode><Description>{description}</Description><Timestamp>{timestamp}</Timestamp></Status>"
    )


@dataclass(frozen=True, slots=True)
class Request:
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """`root`: the SOAP envelope. `parts`: what came beside it, by Content-ID."""

    status: int
    root: etree._Element
    parts: Mapping[str, bytes]

    @property
    def body(self) -> etree._Element:
        """The one child of the SOAP body."""
        return self.root[-1][0]

    @property
    def succeeded(self) -> bool:
        return self.texts("IsSuccess") == ["true"]

    @property
    def codes(self) -> list[str]:
        return self.texts("Code")

    def texts(self, name: str) -> list[str]:
        return [(one.text or "").strip() for one in self.body.iter("*") if etree.QName(one).localname == name]

    def header(self, name: str) -> etree._Element:
        found = self.root[0].findall(f"{{{SCHEMA}}}{name}")
        assert len(found) == 1
        return found[0]


@dataclass(slots=True)
class EdocClient:
    """Configured with what such systems are configured with: an endpoint, a token and their own OrganId."""

    token: str
    organ_id: str
    url: str = ""
    version: str = SOAP_11
    boundary: str = "Boundary"
    token_in_header: bool = True
    session: aiohttp.ClientSession | None = field(default=None, repr=False)

    def pending(self) -> Request:
        return self.request("GetPendingDocumentIds", body=self._asked("GetPendingDocumentIdsRequest"))

    def get(self, document_id: str) -> Request:
        return self.request("GetDocument", body=self._asked("GetDocumentRequest", document_id))

    def confirm(self, document_id: str) -> Request:
        return self.request("ConfirmReceived", body=self._asked("ConfirmReceived", document_id))

    def traces(self) -> Request:
        return self.request("GetTraces", body=self._asked("GetTraces"))

    def organizations(self) -> Request:
        return self.request("GetOrganizations", body=self._asked("GetOrganizations"))

    def check_permission(self) -> Request:
        block = f"<CheckPermission><OrganId>{self.organ_id}</OrganId><Token>{escape(self.token)}</Token></CheckPermission>"
        return self.request("CheckPermission", header=block, body="")

    def update_traces(self, record: str) -> Request:
        return self.request("UpdateTraces", header=self._key_info(), body=record)

    def send(self, doc: Doc = Doc(), action: str = "SendDocument") -> Request:
        header = message_header(doc) + trace_list(doc) + self._key_info()
        return self.request(action, header=header, body=manifest(doc), files=doc.files)

    def request(self, action: str, *, header: str = "", body: str = "", files: Sequence[tuple[str, str, bytes]] = ()) -> Request:
        token = f'<Token xmlns="{XSD}">{escape(self.token)}</Token>' if self.token_in_header else ""
        envelope = (
            f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{self.version}" xmlns:edXML="{SCHEMA}"><SOAP-ENV:Header>{token}{header}'
            f"</SOAP-ENV:Header><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
        )
        return self.framed(action, envelope.encode(), files)

    def framed(self, action: str, envelope: bytes, files: Sequence[tuple[str, str, bytes]] = ()) -> Request:
        media_type = "text/xml" if self.version == SOAP_11 else "application/soap+xml"
        named = "" if self.version == SOAP_11 else f';action="{action}"'
        parts = [
            f"--{self.boundary}\r\nContent-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
            "Content-ID:<Start>\r\n\r\n".encode()
            + envelope
        ]
        for place, (_, kind, octets) in enumerate(files):
            head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <file-{place}>"
            parts.append(f"--{self.boundary}\r\n{head}\r\n\r\n".encode() + octets)
        headers = {
            "Content-Type": f'multipart/related;type="{media_type}"{named};boundary="{self.boundary}";start="Start"',
            "Accept": "text/xml",
        }
        if self.version == SOAP_11:
            headers["SOAPAction"] = action
        return Request(headers, b"\r\n".join(parts) + f"\r\n--{self.boundary}--\r\n".encode())

    async def ask(self, request: Request) -> Reply:
        assert self.session is not None
        async with self.session.post(self.url, data=request.body, headers=request.headers) as answer:
            return read_reply(answer.status, answer.headers["Content-Type"], await answer.read())

    def _asked(self, root: str, document_id: str = "") -> str:
        document = f"<DocumentId>{document_id}</DocumentId>" if document_id else ""
        return f"<{root}><Token>{escape(self.token)}</Token><OrganId>{self.organ_id}</OrganId>{document}</{root}>"

    def _key_info(self) -> str:
        return (
            f"<edXML:Signature><edXML:KeyInfo><edXML:OrganId>{self.organ_id}</edXML:OrganId>"
            f"<edXML:Token>{escape(self.token)}</edXML:Token></edXML:KeyInfo></edXML:Signature>"
        )


def read_reply(status: int, content_type: str, body: bytes) -> Reply:
    """As such clients read: the envelope is found by its tags, whatever stands around it; parts by a MIME library."""
    if not content_type.startswith("multipart/"):
        return Reply(status, etree.fromstring(body), {})
    whole = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP)
    parts: dict[str, bytes] = {}
    for part in whole.iter_parts():
        assert isinstance(part, EmailMessage)
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        parts[str(part["Content-ID"] or "").strip().strip("<>")] = payload
    found = _ENVELOPE.search(body)
    assert found is not None
    _, *others = parts
    return Reply(status, etree.fromstring(found[0]), {name: parts[name] for name in others})
