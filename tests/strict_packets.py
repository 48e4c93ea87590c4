"""What readers in service rely on in a packet, checked on its text and by local names, without any of our own code.

The rules are those for writing strictly: prefix and order of the national bus's Java library, the trace with its Bussiness, files
at the end, ids and types that are true.
"""

import base64
import binascii
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence

QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
_ORGAN = "OrganId OrganizationInCharge OrganName OrganAdd Email Telephone Fax Website"
_ORDER = {
    "edXML": "edXMLEnvelope AttachmentEncoded",
    "edXMLEnvelope": "edXMLHeader edXMLBody",
    "From": _ORGAN,
    "To": _ORGAN,
    "Code": "CodeNumber CodeNotation",
    "PromulgationInfo": "Place PromulgationDate",
    "DocumentType": "Type TypeDetail TypeName",
    "SignerInfo": "Competence Position FullName",
    "ResponseFor": "OrganId Code DocumentId PromulgationDate",
    "TraceHeaderList": "TraceHeader Bussiness",
    "TraceHeader": "OrganId Timestamp",
    "Attachment": "ContentId AttachmentName Description ContentType ContentTransferEncoded",
}
_DOCUMENT = (
    "From To DocumentId Code PromulgationInfo DocumentType Subject Content SignerInfo DueDate OtherInfo ResponseFor SteeringType "
    "ResponseForTask ApplicationType ToPlaces"
)
_STATUS = "From ResponseFor StaffInfo StatusCode Description Timestamp"
_DAY, _TIME = re.compile(r"\d{4}/\d\d/\d\d( \d\d:\d\d:\d\d)?"), re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")
_MAGIC = {b"%PDF": "application/pdf", b"PK\x03\x04": "application/"}


def faults(octets: bytes) -> list[str]:
    """Empty: none."""
    return list(_found(octets))


def _found(octets: bytes) -> Iterator[str]:
    if not octets.startswith(b'<?xml version="1.0" encoding="UTF-8"?>'):
        yield "no declaration of UTF-8 at the very beginning"
    text = octets.decode("utf-8")
    envelope = text[text.index("<edXML:edXMLEnvelope") : text.index("</edXML:edXMLEnvelope>")]
    around = text.replace(envelope, "")
    ours = re.sub(r"<(?!/?edXML:)(\w+)[^>]* xmlns=.*?</\1>", "", envelope)  # elements of others bring their own namespace
    if unprefixed := re.findall(r"</?(?!edXML:)(?![\w.-]+:)[A-Za-z]\w*", ours):
        yield f"without the prefix inside the envelope: {unprefixed[:5]}"
    if prefixed := set(re.findall(r"<edXML:\w+", around)) - {"<edXML:ContentTransferEncoded", "<edXML:edXMLEnvelope"}:
        yield f"with the prefix outside of the envelope: {prefixed}"
    root = ET.fromstring(octets)  # noqa: S314 - our own output
    if strange := {one.tag for one in root.iter() if not one.tag.startswith(f"{{{QCVN}}}")} - {"{urn:x}x"}:
        yield f"in another namespace: {strange}"
    yield from _in_order(root)
    yield from _status(root) if root.find(".//{*}StatusCode") is not None else _document(root)


def _in_order(root: ET.Element) -> Iterator[str]:
    is_status = root.find(".//{*}StatusCode") is not None
    order = _ORDER | {"MessageHeader": _STATUS if is_status else _DOCUMENT}
    for one in root.iter():
        wanted = order.get(_name(one), "").split()
        places = [wanted.index(_name(child)) for child in one if _name(child) in wanted]
        if places != sorted(places):
            yield f"{_name(one)}: {[_name(child) for child in one]}"
        if len(one) == 0 and not (one.text or "").strip() and _name(one) not in _MAY_BE_EMPTY:
            yield f"{_name(one)} is empty"


_MAY_BE_EMPTY = {"Department", "Staff", "Mobile", "Email", "edXMLManifest", "ContentTransferEncoded"}


def _status(root: ET.Element) -> Iterator[str]:
    for path in ("edXMLBody", "TraceHeaderList", "AttachmentEncoded", "Signature", "DigitalSignature"):
        if root.find(f".//{{*}}{path}") is not None:
            yield f"a status with {path}"
    if not re.fullmatch(r"\d\d", root.findtext(".//{*}StatusCode", "")):
        yield "StatusCode"


def _document(root: ET.Element) -> Iterator[str]:
    header, trace = root.find(".//{*}MessageHeader"), root.find(".//{*}TraceHeaderList")
    if header is None or trace is None:
        yield "no MessageHeader or no TraceHeaderList"
        return
    codes = [to.findtext("{*}OrganId", "") for to in header.findall("{*}To")]
    if not codes or len(set(codes)) != len(codes) or not all(codes):
        yield f"To: {codes}"
    if header.findtext("{*}OtherInfo/{*}Priority", "") not in tuple("01234"):
        yield "Priority"
    hops = trace.findall("{*}TraceHeader")
    if not hops or not _TIME.fullmatch(hops[-1].findtext("{*}Timestamp", "")):
        yield "no hop of the hub with its time"
    bussiness = trace.find("{*}Bussiness")
    for name in ("BussinessDocType", "BussinessDocReason", "Paper", "StaffInfo"):
        if bussiness is None or bussiness.find(f"{{*}}{name}") is None:
            yield f"Bussiness without {name}"
    yield from _files(root)


def _files(root: ET.Element) -> Iterator[str]:
    references, attachments = root.findall(".//{*}Reference"), root.findall(".//{*}Attachment")
    listed, inside = ([one.findtext("{*}ContentId", "") for one in each] for each in (references, attachments))
    if not all(one.startswith("cid:") and len(one) > 4 for one in (*listed, *inside)):
        yield f"ids without cid: {listed} {inside}"
    if len(set(inside)) != len(inside) or not set(inside) <= set(listed):
        yield f"ids that differ or stand twice: {listed} {inside}"
    if attachments and _name(root[-1]) != "AttachmentEncoded":
        yield "AttachmentEncoded is not the last child of the root"
    for one in (*references, *attachments):
        name = one.findtext("{*}AttachmentName", "")
        if len(name) > 200 or re.search(r"[/\\\x00-\x1f]", name):
            yield f"AttachmentName {name[:60]!r}"
    for one in attachments:
        yield from _type(one, [each for each in references if each.findtext("{*}ContentId") == one.findtext("{*}ContentId")])


def _type(attachment: ET.Element, references: Sequence[ET.Element]) -> Iterator[str]:
    encoded = attachment.findtext("{*}ContentTransferEncoded", "")
    stated = {one.findtext("{*}ContentType", "") for one in (attachment, *references)}
    try:
        octets = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        yield "ContentTransferEncoded"
        return
    true = next((kind for magic, kind in _MAGIC.items() if octets.startswith(magic)), "")
    if encoded and (len(stated) != 1 or not next(iter(stated)).startswith(true)):
        yield f"types {stated} of {octets[:8]!r}"


def _name(one: ET.Element) -> str:
    return one.tag.rpartition("}")[2]
