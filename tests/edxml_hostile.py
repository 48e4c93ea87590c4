"""Packets that are broken or mean harm, with the refusal that each has to meet: code, and the element that it names."""

import base64
import io
import zipfile
from collections.abc import Callable

from tests.edxml_packets import PDF, SAID, Said, dotnet, java, status

HEADER = "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader"
TRACE = "/edXML/edXMLEnvelope/edXMLHeader/TraceHeaderList"
FILE = "/edXML/AttachmentEncoded/Attachment[1]/ContentTransferEncoded"
_ONE = Said(files=(("cv.pdf", PDF),))
_ENCODED = base64.b64encode(PDF).decode()


def inside(markup: str) -> Callable[[], bytes]:
    """Markup at the beginning of the header."""
    return lambda: java(_ONE).decode().replace("<edXML:MessageHeader>", f"<edXML:MessageHeader>{markup}", 1).encode()


def put(old: str, new: str) -> Callable[[], bytes]:
    return lambda: java(_ONE).decode().replace(old, new).encode()


def file(octets: bytes | str) -> Callable[[], bytes]:
    encoded = octets if isinstance(octets, str) else base64.b64encode(octets).decode()
    return lambda: dotnet(_ONE).decode().replace(_ENCODED, encoded).encode()


def bomb(size_bytes: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.pdf", bytes(size_bytes))
    return stream.getvalue()


def lying(octets: bytes) -> bytes:
    """An archive whose directory says that its entry is of 1 GB."""
    plain = bytearray(octets)
    at = plain.rindex(b"PK\x01\x02")
    plain[at + 24 : at + 28] = (1_000_000_000).to_bytes(4, "little")
    return bytes(plain)


def understated(octets: bytes) -> bytes:
    """An archive whose directory says that its entry is of 100 bytes."""
    plain = bytearray(octets)
    at = plain.rindex(b"PK\x01\x02")
    plain[at + 24 : at + 28] = (100).to_bytes(4, "little")
    return bytes(plain)


def many_attributes(count: int) -> str:
    return "<a " + " ".join(f'a{number}="1"' for number in range(count)) + "/>"


def many_namespaces(count: int, inner: str = "") -> str:
    return "<a " + " ".join(f'xmlns:a{number}="urn:{number}"' for number in range(count)) + f">{inner}</a>"


BILLION_LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'

# name -> octets, code, field
HOSTILE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    # --- XML ------------------------------------------------------------------------------------------------------------
    "nothing": (lambda: b"", "body.malformed", "/"),
    "text": (lambda: "kính gửi".encode(), "body.malformed", "/"),
    "octets of all kinds": (lambda: bytes(range(256)) * 4000, "body.malformed", "/"),
    "cut off": (lambda: java()[:-300], "body.malformed", "/"),
    "cut off in UTF-16": (lambda: b"\xff\xfe" + java()[:5001], "body.malformed", "/"),
    "not UTF-8": (lambda: java().replace(b"28.22.H17", b"\xff\xfe"), "body.malformed", "/"),
    "a DTD": (lambda: b"<!DOCTYPE edXML SYSTEM 'file:///etc/passwd'>" + java()[39:], "body.malformed", "/"),
    "a DTD in UTF-16": (lambda: (BILLION_LAUGHS + java().decode()[39:]).encode("utf-16"), "body.malformed", "/"),
    "a billion laughs": (lambda: BILLION_LAUGHS.encode() + java()[39:].replace(b"7816<", b"&b;<"), "body.malformed", "/"),
    "an entity that nobody declared": (inside("&xxe;"), "body.malformed", "/"),
    "nested 70 deep": (inside("<a>" * 70 + "</a>" * 70), "body.malformed", "/"),
    "nested 7,000 deep": (inside("<a>" * 7000 + "</a>" * 7000), "body.malformed", "/"),
    "a million tags": (inside("<a/>" * 1_000_000), "body.malformed", "/"),
    "7,000 elements that nobody knows": (inside("<a/>" * 7000), "body.invalid", HEADER),
    "a thousand attributes": (inside(many_attributes(1000)), "body.malformed", "/"),
    "100,000 attributes": (inside(many_attributes(100_000)), "body.malformed", "/"),
    "a thousand namespaces": (inside(many_namespaces(1000, "<b/>" * 5000)), "body.malformed", "/"),
    "100,000 namespaces": (inside(many_namespaces(100_000)), "body.malformed", "/"),
    "a namespace without canonical form": (inside("<a xmlns='relative'/>"), "body.malformed", "/a"),
    "a hundred prefixes that nobody declared": (inside("".join(f"<p{n}:a/>" for n in range(100))), "body.malformed", "/"),
    "a name of 5 MB": (inside(f"<{'a' * 5_000_000}/>"), "body.malformed", "/"),
    "a comment of 5 MB": (inside(f"<!--{'a' * 5_000_000}-->"), "body.malformed", "/"),
    "a million references": (inside("&#65;" * 1_000_000), "body.malformed", "/"),
    "two roots": (lambda: java() + java(), "body.malformed", "/"),
    "another root": (lambda: b"<Envelope/>", "body.invalid", "/"),
    "another namespace": (put("http://www.mic.gov.vn/TBT/QCVN_102_2016", "urn:other"), "body.invalid", "/"),
    # --- what it says -----------------------------------------------------------------------------------------------------
    "no header": (put("edXML:MessageHeader", "edXML:Header"), "body.invalid", HEADER),
    "a header in another namespace": (
        put("<edXML:MessageHeader>", "<edXML:MessageHeader xmlns:edXML='urn:x'>"), "body.invalid", HEADER),
    "two headers": (put("</edXML:MessageHeader>", "</edXML:MessageHeader><edXML:MessageHeader/>"), "body.invalid", HEADER),
    "nobody who sends": (lambda: java(Said(sender="", files=_ONE.files)), "body.invalid", f"{HEADER}/From/OrganId"),
    "two who send": (
        inside("<edXML:From><edXML:OrganId>H99</edXML:OrganId></edXML:From>"), "body.invalid", f"{HEADER}/From"),
    "two codes of one addressee": (
        put("<edXML:OrganId>28.22.H17", "<edXML:OrganId>H99</edXML:OrganId><edXML:OrganId>28.22.H17"), "body.invalid",
        f"{HEADER}/To[1]/OrganId"),
    "no addressee": (lambda: java(Said(recipients=(), files=_ONE.files)), "body.invalid", f"{HEADER}/To/OrganId"),
    "3,000 addressees": (
        inside("<edXML:To><edXML:OrganId>H1</edXML:OrganId></edXML:To>" * 3000), "body.invalid", f"{HEADER}/To"),
    "no DocumentId": (lambda: java(Said(document_id="", files=_ONE.files)), "body.invalid", f"{HEADER}/DocumentId"),
    "a priority of 5": (put("Priority>0<", "Priority>5<"), "body.invalid", f"{HEADER}/OtherInfo/Priority"),
    "a priority of a million digits": (put("Priority>0<", f"Priority>{'9' * 1_000_000}<"), "body.invalid",
                                       f"{HEADER}/OtherInfo/Priority"),
    "a business type of 4": (lambda: java(Said(business_type=4)), "body.invalid", f"{TRACE}/Bussiness/BussinessDocType"),
    "a title of 1 MB": (lambda: java(Said(subject="a" * 1_000_000)), "body.invalid", f"{HEADER}/Subject"),
    "a status without document": (
        lambda: status().replace(SAID.document_id.encode(), b""), "body.invalid", f"{HEADER}/ResponseFor/DocumentId"),
    "an addressee that is no code": (
        lambda: java(Said(recipients=("xã Hòa Sơn",))), "agency.code_malformed", f"{HEADER}/To/OrganId"),
    "600 addressees": (
        lambda: java(Said(recipients=tuple(f"H{n}" for n in range(600)))), "body.invalid", f"{HEADER}/To"),
    # --- files ------------------------------------------------------------------------------------------------------------
    "65 files": (lambda: java(Said(files=tuple((f"{n}.pdf", PDF) for n in range(65)))), "edxml.too_many_files",
                 "/edXML/AttachmentEncoded/Attachment"),
    "a file that is no base64": (file("${__StringFromFile(test.txt,,,)}"), "edxml.file_encoding", FILE),
    "base64 with one letter too many": (file("QUJDR"), "edxml.file_encoding", FILE),
    "padding in the middle": (file("QUJD=QUJD"), "edxml.file_encoding", FILE),
    "an archive of zeros": (file(bomb(90_000_000)), "edxml.archive_expands", FILE),
    "ten archives of 9 MB of zeros": (
        lambda: java(Said(files=tuple((f"{n}.pdf", bytes(9_000_000)) for n in range(10)))), "attachment.too_large",
        "/edXML/AttachmentEncoded/Attachment[8]/ContentTransferEncoded"),
    "an archive that says it is larger than allowed": (file(lying(bomb(100))), "edxml.archive_expands", FILE),
}  # fmt: skip
