"""From octets to the tree of a packet: caps before work, and what senders in service get wrong about XML is put right.

For reading only. Where a packet is signed its octets stay what they are.
"""

import codecs
import re

from lxml import etree

from contracts.edxml.names import QCVN, SOAP_11, SOAP_12, XLINK, XMLDSIG
from contracts.errors import ContractError
from contracts.safe_xml import NotWellFormed, parse

# Of a packet to 500 bodies with 64 files and a signature: "<" 12,000 times, "=" 500, 6,000 where every element declares its
# namespace anew. What costs more than it can be worth is refused before it is parsed.
MAX_MARKUP = 16_000
MAX_COUNTS = ((b"=", 16_000, "attributes"), (b"xmlns", 8_000, "namespace declarations"))
MAX_REFERENCES = 50_000  # "&", line ends not counted: Java writes "&#13;" at the end of each line of base64
MAX_TAG_BYTES = 64 * 1024
MAX_UNBOUND = 16  # prefixes that are mended
_LINE_ENDS = (b"&#13;", b"&#xD;", b"&#xd;", b"&#10;", b"&#xA;", b"&#xa;")
_STRAY_BYTES = 64  # a vendor's sample starts with "1212<?xml"
_UTF_16 = (
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0?\0", "utf-16-le"),
    (b"\0<\0?", "utf-16-be"),
)
_ROOT_NAME = re.compile(rb"<[A-Za-z_][^\s/>]*")
_TAG = re.compile(rb"<[^!?][^<>]*")
_PREFIX = re.compile(rb"[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_]")
_DECLARED = re.compile(rb"""xmlns:([A-Za-z_][\w.-]*)\s*=\s*["']([^"'<]*)["']""")
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bcef]|1[0-9a-f])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));", re.I)
_ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([^"']{1,40})["']""")
_KNOWN = {
    b"edXML": QCVN,
    b"xlink": XLINK,
    b"ds": XMLDSIG,
    b"xsi": "http://www.w3.org/2001/XMLSchema-instance",
    b"xsd": "http://www.w3.org/2001/XMLSchema",
}
ENVELOPES = frozenset({f"{{{SOAP_11}}}Envelope", f"{{{SOAP_12}}}Envelope"})


def open_tree(octets: bytes) -> tuple[etree._Element, tuple[str, ...]]:
    """The root, and what was put right (names as in `Packet.repairs`).

    Raises ContractError "body.malformed".
    """
    repairs: list[str] = []
    octets = _without_strays(_as_utf8(octets, repairs), repairs)
    _check_counts(octets)
    root = _parsed(octets, repairs, mends=2)
    return root, tuple(repairs)


def _parsed(octets: bytes, repairs: list[str], mends: int) -> etree._Element:
    """As it is, else with its prefixes declared and without control characters."""
    try:
        return parse(octets, huge_texts=True, max_markup=MAX_MARKUP)
    except NotWellFormed as error:
        if not mends or not (error.unbound or error.unprintable):
            raise
        mended = _declared(octets, repairs) if error.unbound else _printable(octets, repairs)
    return _parsed(mended, repairs, mends - 1)


def _check_counts(octets: bytes) -> None:
    """Raises ContractError "body.malformed" for what would take long to parse."""
    for sign, most, things in ((b"<", MAX_MARKUP, "tags"), *MAX_COUNTS):
        if octets.count(sign) > most:
            raise ContractError("body.malformed", "/", f"more than {most} {things}")
    ends = sum(map(octets.count, _LINE_ENDS)) if b"&#" in octets else 0
    if octets.count(b"&") - ends > MAX_REFERENCES:
        raise ContractError("body.malformed", "/", f"more than {MAX_REFERENCES} references to characters")
    start = octets.find(b"<")
    while start >= 0:
        if octets.find(b">", start, start + MAX_TAG_BYTES) < 0 and not octets.startswith(b"<![CDATA[", start):
            raise ContractError("body.malformed", "/", f"a tag or comment of more than {MAX_TAG_BYTES} bytes, or one without end")
        start = octets.find(b"<", start + 1)


def _as_utf8(octets: bytes, repairs: list[str]) -> bytes:
    for mark, encoding in _UTF_16:
        if octets.startswith(mark):
            repairs.append("utf_16")
            try:
                return octets.decode(encoding).removeprefix("\ufeff").encode()
            except UnicodeError:
                raise ContractError("body.malformed", "/", "begins as UTF-16 and does not go on so") from None
    return octets


def _without_strays(octets: bytes, repairs: list[str]) -> bytes:
    """A byte order mark, stray bytes before the markup and after it. Raises ContractError "body.malformed" for more than a few
    after it: a large packet that was cut off is refused before anything is counted."""
    start = octets.find(b"<", 0, _STRAY_BYTES)
    if start > 0:
        before, octets = octets[:start].strip(), octets[start:]
        if before:
            repairs.append("byte_order_mark" if before == codecs.BOM_UTF8 else "stray_bytes")
    encoding = _ENCODING.match(octets[:200])
    if encoding and encoding[1].lower() not in {b"utf-8", b"utf8"}:
        repairs.append("encoding_declared")
    after = octets[octets.rfind(b">") + 1 :].strip(b"\0\x1a \t\r\n") if octets else b""
    if len(after) > _STRAY_BYTES:
        raise ContractError("body.malformed", "/", "cut off, or followed by something that is no markup")
    if after or octets.endswith((b"\0", b"\x1a")):
        repairs.append("stray_bytes_after")
        octets = octets[: octets.rfind(b">") + 1]
    return octets


def _printable(octets: bytes, repairs: list[str]) -> bytes:
    """Without the control characters that some word processors leave in titles and some writers let through."""
    repairs.append("control_characters")
    return _CONTROL.sub(b"", octets)


def _declared(octets: bytes, repairs: list[str]) -> bytes:
    """Every prefix that the root does not declare is declared there: as elsewhere in the packet, else as everybody does."""
    used = {prefix for tag in _TAG.findall(octets) for prefix in _PREFIX.findall(tag)} - {b"xmlns", b"xml"}
    root = _ROOT_NAME.search(octets)
    if root is None:
        return octets
    at_root = {name for name, _ in _DECLARED.findall(octets[root.start() : octets.find(b">", root.start())])}
    elsewhere = dict(_DECLARED.findall(octets))
    missing = sorted(used - at_root)
    if len(missing) > MAX_UNBOUND:
        raise ContractError("body.malformed", "/", f"more than {MAX_UNBOUND} prefixes that are not declared")
    repairs.extend(f"unbound_prefix:{prefix.decode(errors='replace')[:32]}" for prefix in missing if prefix not in elsewhere)
    if not any(prefix not in elsewhere for prefix in missing):
        repairs.append("unbound_prefix")
    declarations = b"".join(
        b' xmlns:%b="%b"' % (prefix, elsewhere.get(prefix) or _KNOWN.get(prefix, f"urn:unbound:{prefix.decode()}").encode())
        for prefix in missing
    )
    return octets[: root.end()] + declarations + octets[root.end() :]
