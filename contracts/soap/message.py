"""SOAP messages: which version, which header blocks, which content, and the files that an element names.

Sources: SOAP 1.1 (W3C Note, 2000), section 4; SOAP 1.2 part 1 (2007), sections 2 and 5; XOP 1.0, section 3; SwA reference (WS-I
Attachments Profile 1.0, section 4.4).
"""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from enum import Enum
from types import MappingProxyType

import msgspec
from lxml import etree

from contracts.errors import ContractError
from contracts.safe_xml import local_name, parse
from contracts.soap.mime import XOP, Related, is_related, media_type_of, parameters_of, read_related

XOP_INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"
_12_ROLES = "http://www.w3.org/2003/05/soap-envelope/role"
_MINE = {
    "http://schemas.xmlsoap.org/soap/envelope/": ("actor", frozenset({"", "http://schemas.xmlsoap.org/soap/actor/next"})),
    "http://www.w3.org/2003/05/soap-envelope": (
        "role",
        frozenset({"", f"{_12_ROLES}/next", f"{_12_ROLES}/ultimateReceiver"}),
    ),
}


class Version(Enum):
    """The value is the namespace of the envelope."""

    SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
    SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"

    @property
    def media_type(self) -> str:
        return "text/xml" if self is Version.SOAP_11 else "application/soap+xml"

    @property
    def prefix(self) -> str:
        """Bound to the value in what `write_message` writes: texts may use it in qualified names."""
        return "soap" if self is Version.SOAP_11 else "env"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`octets`: the envelope as it came, without what stood around it; `root` is the tree of it, `related` its files."""

    version: Version
    octets: bytes
    root: etree._Element
    headers: tuple[etree._Element, ...]
    body: etree._Element
    related: Related

    def __repr__(self) -> str:
        return f"Message({self.version.name}, {len(self.octets)} bytes)"

    @property
    def content(self) -> etree._Element:
        """The only child of the Body (document/literal, WS-I BP 1.1, R2201). Raises ContractError "soap.malformed"."""
        return only_child(self.body)


def read_message(content_type: str, octets: bytes) -> Message:
    """A message alone, with MTOM or with attachments, by the Content-Type of the request.

    Raises ContractError "soap.malformed", "soap.version_mismatch" (an Envelope of another namespace) or
    "request.media_type_unsupported".
    """
    related = read_related(content_type, octets) if is_related(content_type) else Related(root=octets, root_type=content_type)
    inner = media_type_of(related.root_type)
    if inner == XOP:
        inner = media_type_of(parameters_of(related.root_type).get("type", ""))
    if inner not in {one.media_type for one in Version}:
        raise ContractError(
            "request.media_type_unsupported", "Content-Type", "send text/xml (SOAP 1.1) or application/soap+xml (SOAP 1.2)"
        )
    root = _parsed(related.root)
    version = version_of(root)
    headers, body = _parts(root, version)
    return Message(version=version, octets=related.root, root=root, headers=headers, body=body, related=related)


def version_of(root: etree._Element) -> Version:
    """Raises ContractError "soap.version_mismatch" or "soap.malformed"."""
    name = etree.QName(root)
    if name.localname != "Envelope":
        raise ContractError("soap.malformed", "/", "the root is not an Envelope")
    try:
        return Version(name.namespace or "")
    except ValueError:
        raise ContractError("soap.version_mismatch", "/Envelope", (name.namespace or "no namespace")[:100]) from None


def _parsed(octets: bytes) -> etree._Element:
    try:
        return parse(octets, huge_texts=True)
    except ContractError as error:
        raise ContractError("soap.malformed", error.field, error.detail) from None


def _parts(root: etree._Element, version: Version) -> tuple[tuple[etree._Element, ...], etree._Element]:
    """SOAP 1.1 allows elements behind the Body; nobody uses them, and they are refused (WS-I BP 1.1, R1011)."""
    shape = [one.tag for one in root]
    header, body = f"{{{version.value}}}Header", f"{{{version.value}}}Body"
    if shape not in ([body], [header, body]):
        raise ContractError("soap.malformed", "/Envelope", "not an Envelope of perhaps one Header and one Body")
    return (tuple(root[0]) if len(root) == 2 else ()), root[-1]


def only_child(element: etree._Element) -> etree._Element:
    """Raises ContractError "soap.malformed"."""
    if len(element) != 1:
        raise ContractError(
            "soap.malformed", f"/Envelope/{local_name(element)}", f"one element is wanted, {len(element)} are there"
        )
    return element[0]


def not_understood(message: Message, understood: Collection[str]) -> tuple[etree._Element, ...]:
    """Header blocks that are for us and must be understood, but whose names ("{namespace}local") are not among `understood`."""
    attribute, mine = _MINE[message.version.value]
    namespace = f"{{{message.version.value}}}"
    return tuple(
        block
        for block in message.headers
        if block.get(f"{namespace}mustUnderstand", "0").strip() in ("1", "true")
        and block.get(f"{namespace}{attribute}", "").strip() in mine
        and block.tag not in understood
    )


def octets_of(element: etree._Element, related: Related) -> bytes:
    """What a base64Binary or swaRef element stands for: a XOP Include, "cid:...", or base64 in place.

    Raises ContractError "soap.attachment_missing" or "body.malformed"; `field` names the element.
    """
    if len(element) == 1 and element[0].tag == XOP_INCLUDE and not (element.text or "").strip():
        return _named(element[0].get("href", ""), element, related)
    text = (element.text or "").strip()
    if text.startswith("cid:"):
        return _named(text, element, related)
    if len(element):
        raise ContractError("body.malformed", local_name(element), "base64 or one xop:Include is wanted")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ContractError("body.malformed", local_name(element), "not base64 (RFC 4648, section 4)") from None


def _named(reference: str, element: etree._Element, related: Related) -> bytes:
    part = related.part(reference) if reference.startswith("cid:") else None
    if part is None:
        raise ContractError("soap.attachment_missing", local_name(element), reference[:100])
    return part.octets


def inlined(message: Message) -> bytes:
    """The envelope with every XOP Include in base64 again: what a signature over a message with MTOM covers (XOP 1.0, 3.2; WS-I
    Attachments Profile). The octets as they came where there is none. Raises as `octets_of`."""
    if next(message.root.iter(XOP_INCLUDE), None) is None:
        return message.octets
    root = deepcopy(message.root)
    for include in list(root.iter(XOP_INCLUDE)):
        holder = include.getparent()
        assert holder is not None
        octets = octets_of(holder, message.related)
        holder.remove(include)
        holder.text = base64.b64encode(octets).decode()
    return etree.tostring(root)


def write_message(
    version: Version,
    content: Sequence[etree._Element],
    headers: Sequence[etree._Element] = (),
    prefixes: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """UTF-8. The elements move into the new tree; `prefixes`: bound at the Envelope, for qualified names in texts."""
    root = etree.Element(f"{{{version.value}}}Envelope", nsmap={version.prefix: version.value, **prefixes})
    if headers:
        etree.SubElement(root, f"{{{version.value}}}Header").extend(headers)
    etree.SubElement(root, f"{{{version.value}}}Body").extend(content)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
