"""A load in the dialect of the e-doc generation, as tests write it: header blocks, a manifest, files beside them."""

import re
from dataclasses import dataclass

from lxml import etree

from tests.bridging.comparing import files_of
from tests.bridging.loads import Load
from tests.fakes.edoc_bus import SCHEMA, Stored, document_of

_NAMES = {
    "SignerInfo": "Author",
    "Position": "Function",
    "Bussiness": "Business",
    "BussinessDocType": "BusinessDocType",
    "BussinessDocReason": "BusinessDocReason",
}
_DAY = re.compile(r"^(\d{4})/(\d\d)/(\d\d)(?=$| )")
_XLINK = "http://www.w3.org/1999/xlink"


@dataclass(frozen=True, slots=True)
class InEdoc:
    """Texts with the prefix edXML; files as (name, media type, octets), each at `cid:file-<place>`."""

    header: str
    trace: str
    manifest: str
    files: tuple[tuple[str, str, bytes], ...]

    def stored(self) -> Stored:
        """As such a bus keeps it."""
        parts = {f"file-{place}": (kind, octets) for place, (_, kind, octets) in enumerate(self.files)}
        return document_of(self.header, self.trace, self.manifest, parts)


def document_in_edoc(load: Load) -> InEdoc:
    root = etree.fromstring(load.body)
    files = tuple((name, "application/octet-stream", octets) for name, octets in files_of(root).items())
    references = "".join(
        f'<edXML:Reference xlink:href="cid:file-{place}"><edXML:AttachmentName>{name}</edXML:AttachmentName></edXML:Reference>'
        for place, (name, _, _) in enumerate(files)
    )
    manifest = f'<edXML:Manifest xmlns:edXML="{SCHEMA}" xmlns:xlink="{_XLINK}">{references}</edXML:Manifest>'
    blocks = (next(root.iter("{*}" + name)) for name in ("MessageHeader", "TraceHeaderList"))
    header, trace = (_text(_renamed(one, SCHEMA)) for one in blocks)
    return InEdoc(header, trace, manifest, files)


def status_in_edoc(load: Load) -> str:
    """The record, unqualified."""
    record = _renamed(next(etree.fromstring(load.body).iter("{*}MessageHeader")), None)
    record.tag = "Status"
    return _text(record)


def _renamed(element: etree._Element, namespace: str | None) -> etree._Element:
    name = etree.QName(element).localname
    named = _NAMES.get(name, name)
    made = etree.Element(f"{{{namespace}}}{named}" if namespace else named, nsmap={"edXML": namespace} if namespace else None)
    made.text = _DAY.sub(r"\3/\2/\1", (element.text or "").strip()) or None
    made.extend(_renamed(child, namespace) for child in element)
    return made


def _text(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode")
