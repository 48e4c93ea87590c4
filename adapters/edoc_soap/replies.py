"""What the facade answers, in the form of this bus: `{http://www.e-doc.vn/Schema/}<Action>Response`, and in it a report, a list
or a number. Only a document stands in the body unwrapped. What is inside is unqualified, as the vendor's classes write it.
"""

from collections.abc import Iterable, Sequence

from lxml import etree

from adapters.edoc_soap.names import SCHEMA, edoc
from adapters.edoc_soap.report import Report, written
from contracts.desk import Listed
from contracts.edxml.edoc import Message as Document
from contracts.facade import Answer
from contracts.receipt import Refusal
from contracts.soap.faults import http_status, write_fault
from contracts.soap.message import Version, write_message
from contracts.soap.mime import write_related

SIGNED_REFUSAL = "{urn:lgsp:refusal:1}Refusal"  # header block: the refusal as a compact JWS
_UNWRAPPED = frozenset({"GetDocument", "GetMessage"})
_LATER_S = "30"


def reply(version: Version, asked_as: str, *content: etree._Element) -> Answer:
    wrapper = etree.Element(edoc(f"{asked_as}Response"), nsmap={"edXML": SCHEMA})
    wrapper.extend(content)
    return _answer(200, version, write_message(version, [wrapper]))


def document(version: Version, found: Document) -> Answer:
    """Files as base64 lines that the part's header announces: readers that decode always and readers that look are both right."""
    root = write_message(version, [found.manifest], found.headers)
    content_type, body = write_related(root, _content_type(version), found.parts, encoding="base64")
    return Answer(status=200, headers={"Content-Type": content_type}, body=body)


def refused(version: Version, asked_as: str, report: Report, refusal: Refusal, signed: str | None) -> Answer:
    """HTTP 200, as this bus says no; 503 where the same call may succeed later, so that no client takes it for final."""
    content = written(report)
    if asked_as not in _UNWRAPPED:
        wrapper = etree.Element(edoc(f"{asked_as}Response"), nsmap={"edXML": SCHEMA})
        wrapper.append(content)
        content = wrapper
    answer = _answer(503 if refusal.retryable else 200, version, write_message(version, [content], _proof(signed)))
    return answer if not refusal.retryable else Answer(
        status=answer.status, headers={**answer.headers, "Retry-After": _LATER_S}, body=answer.body
    )  # fmt: skip


def fault(version: Version, refusal: Refusal, signed: str | None) -> Answer:
    """For what is no call of this bus at all: no SOAP message, no action that it knows."""
    return _answer(http_status(version, refusal), version, write_fault(version, refusal, _proof(signed)))


def document_ids(numbers: Iterable[int]) -> etree._Element:
    root = etree.Element(edoc("DocumentIds"), nsmap={"edXML": SCHEMA})
    for number in numbers:
        etree.SubElement(root, "DocumentId").text = str(number)
    return root


def document_id(number: int) -> etree._Element:
    root = etree.Element(edoc("DocumentId"), nsmap={"edXML": SCHEMA})
    root.text = str(number)
    return root


def traces(statuses: Iterable[etree._Element]) -> etree._Element:
    root = etree.Element(edoc("Traces"), nsmap={"edXML": SCHEMA})
    root.extend(statuses)
    return root


def organizations(agencies: Sequence[Listed]) -> etree._Element:
    """All living ones under each of their codes: address books of this generation know the older ones."""
    root = etree.Element(edoc("Organizations"), nsmap={"edXML": SCHEMA})
    names = {one.code: one.name_vi for one in agencies}
    for agency in agencies:
        for code in (agency.code, *agency.other_codes):
            over = "" if agency.parent is None else names.get(agency.parent, "")
            _organization(etree.SubElement(root, "Organization"), code, over, agency.name_vi)
    return root


def _organization(element: etree._Element, code: str, in_charge: str, name: str) -> None:
    texts = {"OrganId": code, "OrganizationInCharge": in_charge, "OrganName": name}
    for one in ("OrganId", "OrganizationInCharge", "OrganName", "OrganAdd", "Email", "Telephone", "Fax", "Website"):
        etree.SubElement(element, one).text = texts.get(one, "")


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
