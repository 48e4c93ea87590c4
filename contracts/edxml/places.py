"""Where things stand in a packet: the header under the envelope, the root or a SOAP envelope, files beside or below it."""

from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from contracts.edxml.names import ROOTS, SPACES, XMLDSIG
from contracts.edxml.opening import ENVELOPES, open_tree
from contracts.edxml.tree import child, children, name_of, text
from contracts.errors import ContractError

HEADER = "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader"
TRACE = "/edXML/edXMLEnvelope/edXMLHeader/TraceHeaderList"
MANIFEST = "/edXML/edXMLEnvelope/edXMLBody/edXMLManifest/Reference"
FILES = "/edXML/AttachmentEncoded/Attachment"

_OURS = frozenset(
    {"edXMLHeader", "edXMLBody", "edXMLEnvelope", "MessageHeader", "TraceHeaderList", "edXMLManifest", "Manifest"}
    | {"AttachmentEncoded", "DigitalSignature", "Signature"}
)


class Places(NamedTuple):
    """`others`: elements around the header and the body that are none of ours."""

    header: etree._Element  # MessageHeader
    trace: etree._Element | None = None
    signature: etree._Element | None = None
    manifest: etree._Element | None = None
    files: tuple[etree._Element, ...] = ()  # Attachment
    others: tuple[etree._Element, ...] = ()

    @property
    def is_status(self) -> bool:
        return child(self.header, "StatusCode") is not None

    @property
    def is_signed(self) -> bool:
        """A signature that says something, in either namespace: the Java library writes it in that of QCVN 102, where nobody who
        verifies XML signatures looks for it; the .NET library leaves an empty DigitalSignature behind."""
        return self.signature is not None and _says_something(self.signature)


class Opened(NamedTuple):
    """The tree of a packet, where things stand in it, and what was put right."""

    root: etree._Element
    places: Places
    repairs: tuple[str, ...]


def opened(octets: bytes) -> Opened:
    """Raises ContractError "body.malformed" or "body.invalid"."""
    root, repairs = open_tree(octets)
    return Opened(root, locate(root), repairs)


def locate(root: etree._Element) -> Places:
    """Raises ContractError "body.invalid" where there is not just one header."""
    if root.tag in ENVELOPES:  # with a packet in its Body, or with header blocks of its own
        root = next((one for part in root for one in part if _is_root(one)), root)
    soap = root.tag in ENVELOPES
    if not soap and not _is_root(root):
        raise ContractError("body.invalid", "/", "the root must be edXML")
    tops = (root, *(one for one in root if soap or name_of(one) == "edXMLEnvelope"))
    holders = [holder for top in tops for holder in (top, *children(top, "edXMLHeader"))]
    bodies = [body for top in tops for body in (top, *children(top, "edXMLBody"))]
    header = _only(_all(holders, "MessageHeader"))
    lists = _all(bodies, "AttachmentEncoded")
    around = () if soap else dict.fromkeys((*holders, *bodies))
    return Places(
        header=header,
        trace=next(_all(holders, "TraceHeaderList"), None),
        signature=next((one for holder in holders for one in holder if _is_signature(one) and _says_something(one)), None),
        manifest=next(_all(bodies, "edXMLManifest", "Manifest"), None),
        files=tuple(file for one in lists for file in children(one, "Attachment")),
        others=tuple(one for place in around for one in place if name_of(one) not in _OURS and not _is_signature(one)),
    )


def _all(parents: list[etree._Element], *names: str) -> Iterator[etree._Element]:
    return (one for parent in parents for one in children(parent, *names))


def _only(headers: Iterator[etree._Element]) -> etree._Element:
    """Two headers would be read differently by different systems."""
    header = next(headers, None)
    if header is None:
        raise ContractError("body.invalid", HEADER, "missing")
    if next(headers, None) is not None:
        raise ContractError("body.invalid", HEADER, "stands twice")
    return header


def _is_root(one: etree._Element) -> bool:
    return etree.QName(one).localname in ROOTS and etree.QName(one).namespace in SPACES


def _is_signature(one: etree._Element) -> bool:
    return one.tag == f"{{{XMLDSIG}}}Signature" or name_of(one) in ("Signature", "DigitalSignature")


def _says_something(signature: etree._Element) -> bool:
    return len(signature) > 0 or text(signature) is not None
