"""Finding one's way in an edXML packet (QCVN 102:2016/BTTTT).

Practice is looser than the regulation, so the reading is too: any order, with or without prefix, two namespaces, unknown
elements, empty elements as absent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from contracts.errors import ContractError
from contracts.kinds.safe_xml import local_name, parse

QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
E_DOC = "http://www.e-doc.vn/Schema/"
_NAMESPACES = frozenset({QCVN, E_DOC, None})
_ROOTS = frozenset({"edXML", "EdXML", "edXMLEnvelope"})
_STRAY_BYTES = 64  # a vendor's sample starts with "1212<?xml"
_ROOT_NAME = re.compile(rb"<[A-Za-z_][^\s/>]*")
_XLINK = b' xmlns:xlink="http://www.w3.org/1999/xlink"'


@dataclass(frozen=True, slots=True)
class Packet:
    """The places of a packet that are looked into."""

    root: etree._Element
    header: etree._Element  # MessageHeader
    trace: etree._Element | None  # TraceHeaderList; status packets have none

    @property
    def business(self) -> etree._Element | None:
        """`Bussiness`, spelt as the regulation spells it; a packet without it is a new document."""
        return child(self.trace, "Bussiness")


def open_packet(octets: bytes) -> Packet:
    """The header stands under the envelope or directly under the root.

    Raises ContractError "body.malformed" or "body.invalid".
    """
    root = parse(_repaired(octets), huge_texts=True)
    if local_name(root) not in _ROOTS or etree.QName(root).namespace not in _NAMESPACES:
        raise ContractError("body.invalid", "/", f"the root must be edXML in {QCVN}")
    for parent in _envelopes(root):
        for holder in (parent, *children(parent, "edXMLHeader")):
            header = child(holder, "MessageHeader")
            if header is not None:
                return Packet(root, header, child(holder, "TraceHeaderList"))
    raise ContractError("body.invalid", "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader", "missing")


def references(packet: Packet) -> int:
    """How many files the packet names in its manifest."""
    bodies = (body for parent in _envelopes(packet.root) for body in (parent, *children(parent, "edXMLBody")))
    manifests = (one for body in bodies for name in ("edXMLManifest", "Manifest") for one in children(body, name))
    return sum(1 for manifest in manifests for _ in children(manifest, "Reference"))


def files_inside(packet: Packet) -> int:
    """How many files the packet itself carries, as base64."""
    lists = (one for parent in _envelopes(packet.root) for one in children(parent, "AttachmentEncoded"))
    files = (file for one in lists for file in children(one, "Attachment"))
    return sum(1 for file in files if text(file, "ContentTransferEncoded"))


def children(parent: etree._Element | None, name: str) -> Iterator[etree._Element]:
    for one in () if parent is None else parent:
        qualified = etree.QName(one)
        if qualified.localname == name and qualified.namespace in _NAMESPACES:
            yield one


def child(parent: etree._Element | None, name: str) -> etree._Element | None:
    return next(children(parent, name), None)


def text(parent: etree._Element | None, *path: str) -> str | None:
    """Trimmed; an empty element is an absent one."""
    for name in path:
        parent = child(parent, name)
    return None if parent is None else (parent.text or "").strip() or None


def _envelopes(root: etree._Element) -> tuple[etree._Element, ...]:
    return (root, *children(root, "edXMLEnvelope"))


def _repaired(octets: bytes) -> bytes:
    """For reading only: stray bytes before the markup skipped, the prefix xlink declared where it is used undeclared."""
    start = octets.find(b"<", 0, _STRAY_BYTES)
    if start > 0:
        octets = octets[start:]
    if b"xlink:" in octets and b"xmlns:xlink" not in octets:
        return _ROOT_NAME.sub(lambda name: name[0] + _XLINK, octets, count=1)
    return octets
