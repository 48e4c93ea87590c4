"""What the facade answers, in the form of this bus: `{http://www.e-doc.vn/Schema/}<Action>Response`, in it a report, a list or a
number. Only a document stands in the body unwrapped.

The wrapper has the prefix edXML, what is inside the same namespace without a prefix: readers by namespace find it, and those that
look for bare names do. Put together as text: elements that are moved take over a prefix.
"""

from collections.abc import Iterable, Sequence

from lxml import etree

from adapters.edoc_soap.names import SCHEMA, edoc
from adapters.edoc_soap.report import Report, bare, written
from contracts.desk import Listed
from contracts.edxml.edoc import Message as Document
from contracts.facade import Answer
from contracts.receipt import Refusal
from contracts.safe_xml import local_name
from contracts.soap.faults import http_status, write_fault
from contracts.soap.message import Version, write_message
from contracts.soap.mime import write_related

SIGNED_REFUSAL = "{urn:lgsp:refusal:1}Refusal"  # header block: the refusal as a compact JWS
_UNWRAPPED = frozenset({"GetDocument", "GetMessage"})
_LATER_S = "30"


def reply(version: Version, asked_as: str, *content: etree._Element) -> Answer:
    return _answer(200, version, _envelope(version, _wrapped(asked_as, *content)))


def document(version: Version, found: Document) -> Answer:
    """Files as base64 lines that the part's header announces: readers that decode always and readers that look are both right."""
    root = write_message(version, [found.manifest], found.headers)
    content_type, body = write_related(root, _content_type(version), found.parts, encoding="base64")
    return Answer(status=200, headers={"Content-Type": content_type}, body=body)


def refused(version: Version, asked_as: str, report: Report, refusal: Refusal, signed: str | None) -> Answer:
    """HTTP 200, as this bus says no; 503 where the same call may succeed later, so that no client takes it for final."""
    content = _text(written(report)) if asked_as in _UNWRAPPED else _wrapped(asked_as, written(report))
    message = _envelope(version, content, *map(_text, _proof(signed)))
    if not refusal.retryable:
        return _answer(200, version, message)
    headers = {"Content-Type": _content_type(version), "Retry-After": _LATER_S}
    return Answer(status=503, headers=headers, body=message)


def fault(version: Version, refusal: Refusal, signed: str | None) -> Answer:
    """For what is no call of this bus at all: no SOAP message, no action that it knows."""
    return _answer(http_status(version, refusal), version, write_fault(version, refusal, _proof(signed)))


def document_ids(numbers: Iterable[int]) -> etree._Element:
    root = bare("DocumentIds")
    for number in numbers:
        etree.SubElement(root, edoc("DocumentId")).text = str(number)
    return root


def document_id(number: int) -> etree._Element:
    root = bare("DocumentId")
    root.text = str(number)
    return root


def traces(statuses: Iterable[etree._Element]) -> etree._Element:
    root = bare("Traces")
    for status in statuses:
        _copied(status, root)
    return root


def organizations(agencies: Sequence[Listed]) -> etree._Element:
    """All living ones under each of their codes: address books of this generation know the older ones."""
    root = bare("Organizations")
    names = {one.code: one.name_vi for one in agencies}
    for agency in agencies:
        for code in (agency.code, *agency.other_codes):
            over = "" if agency.parent is None else names.get(agency.parent, "")
            _organization(etree.SubElement(root, edoc("Organization")), code, over, agency.name_vi)
    return root


def _organization(element: etree._Element, code: str, in_charge: str, name: str) -> None:
    texts = {"OrganId": code, "OrganizationInCharge": in_charge, "OrganName": name}
    for one in ("OrganId", "OrganizationInCharge", "OrganName", "OrganAdd", "Email", "Telephone", "Fax", "Website"):
        etree.SubElement(element, edoc(one)).text = texts.get(one, "")


def _wrapped(asked_as: str, *content: etree._Element) -> str:
    name = f"edXML:{asked_as}Response"
    return f'<{name} xmlns:edXML="{SCHEMA}">{"".join(map(_text, content))}</{name}>'


def _envelope(version: Version, content: str, *headers: str) -> bytes:
    header = f"<soap:Header>{''.join(headers)}</soap:Header>"
    body = f"<soap:Body>{content}</soap:Body>"
    return f'<soap:Envelope xmlns:soap="{version.value}">{header}{body}</soap:Envelope>'.encode()


def _text(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode")


def _copied(element: etree._Element, parent: etree._Element) -> None:
    copy = etree.SubElement(parent, edoc(local_name(element)))
    copy.text = element.text
    for child in element:
        _copied(child, copy)


def _proof(signed: str | None) -> list[etree._Element]:
    if signed is None:
        return []
    block = etree.Element(SIGNED_REFUSAL, nsmap={"lgsp": "urn:lgsp:refusal:1"})
    block.text = signed
    return [block]


def _answer(status: int, version: Version, body: bytes) -> Answer:
    return Answer(status=status, headers={"Content-Type": _content_type(version)}, body=body)


def _content_type(version: Version) -> str:
    return f"{version.media_type}; charset=utf-8"
