"""Refusals as SOAP faults: the right class of fault in each version, and what is wrong in Vietnamese and English.

Sources: SOAP 1.1, 4.4 and 6.2; SOAP 1.2 part 1, 5.4, part 2, 7.5.2.2 (status); WS-I BP 1.1, R1004 (no dotted codes), R1126.
"""

from collections.abc import Sequence

from lxml import etree

from contracts.receipt import Refusal
from contracts.soap.message import Version, write_message

PROBLEMS = "urn:lgsp:problem"  # namespace of subcodes: the catalogue's codes
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_SPECIAL = {"soap.version_mismatch": "VersionMismatch", "soap.must_understand": "MustUnderstand"}
_THEIRS = {Version.SOAP_11: "Client", Version.SOAP_12: "Sender"}
_OURS = {Version.SOAP_11: "Server", Version.SOAP_12: "Receiver"}


def fault_code(version: Version, refusal: Refusal) -> str:
    """Local name. What may succeed unchanged is never the caller's fault (SOAP 1.1, 4.4.1: Client means "not without change")."""
    if refusal.code in _SPECIAL:
        return _SPECIAL[refusal.code]
    return (_OURS if refusal.retryable or refusal.status >= 500 else _THEIRS)[version]


def http_status(version: Version, refusal: Refusal) -> int:
    """500, and 400 where a SOAP 1.2 sender is to blame: clients look for a fault under no other."""
    return 400 if fault_code(version, refusal) == "Sender" else 500


def write_fault(
    version: Version, refusal: Refusal, details: Sequence[etree._Element] = (), not_understood: Sequence[str] = ()
) -> bytes:
    """The whole message. `details`: entries of the fault's detail; `not_understood`: "{namespace}local" of header blocks."""
    fault = etree.Element(f"{{{version.value}}}Fault")
    write = _write_11 if version is Version.SOAP_11 else _write_12
    write(fault, refusal, details)
    blocks = {name: f"block{place}" for place, name in enumerate(not_understood)} if version is Version.SOAP_12 else {}
    prefixes = {one.prefix: one.value for one in Version} | {"problem": PROBLEMS}
    prefixes |= {prefix: etree.QName(name).namespace or "" for name, prefix in blocks.items()}
    headers = [_upgrade()] if refusal.code == "soap.version_mismatch" else [_unknown(name, blocks[name]) for name in blocks]
    return write_message(version, [fault], headers, {prefix: uri for prefix, uri in prefixes.items() if uri})


def _write_11(fault: etree._Element, refusal: Refusal, details: Sequence[etree._Element]) -> None:
    _text(fault, "faultcode", f"{Version.SOAP_11.prefix}:{fault_code(Version.SOAP_11, refusal)}")
    _text(fault, "faultstring", f"{refusal.title_vi} / {refusal.title_en} ({refusal.code})")
    if details:
        etree.SubElement(fault, "detail").extend(details)


def _write_12(fault: etree._Element, refusal: Refusal, details: Sequence[etree._Element]) -> None:
    namespace = f"{{{Version.SOAP_12.value}}}"
    code = etree.SubElement(fault, f"{namespace}Code")
    _text(code, f"{namespace}Value", f"{Version.SOAP_12.prefix}:{fault_code(Version.SOAP_12, refusal)}")
    _text(etree.SubElement(code, f"{namespace}Subcode"), f"{namespace}Value", f"problem:{refusal.code}")
    reason = etree.SubElement(fault, f"{namespace}Reason")
    for language, title in (("vi", refusal.title_vi), ("en", refusal.title_en)):
        _text(reason, f"{namespace}Text", title).set(_XML_LANG, language)
    if details:
        etree.SubElement(fault, f"{namespace}Detail").extend(details)


def _upgrade() -> etree._Element:
    """SOAP 1.2 part 1, 5.4.7: which versions would do, the better one first."""
    upgrade = etree.Element(f"{{{Version.SOAP_12.value}}}Upgrade")
    for one in (Version.SOAP_12, Version.SOAP_11):
        etree.SubElement(upgrade, f"{{{Version.SOAP_12.value}}}SupportedEnvelope", qname=f"{one.prefix}:Envelope")
    return upgrade


def _unknown(name: str, prefix: str) -> etree._Element:
    """SOAP 1.2 part 1, 5.4.8."""
    qname = etree.QName(name)
    local = f"{prefix}:{qname.localname}" if qname.namespace else qname.localname
    return etree.Element(f"{{{Version.SOAP_12.value}}}NotUnderstood", qname=local)


def _text(parent: etree._Element, tag: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, tag)
    element.text = text
    return element
