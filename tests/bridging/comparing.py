"""Does what came out say what went in? Read by a reader of the tests' own, which shares nothing with the hub's."""

import base64
import io
import json
import re
import zipfile
from dataclasses import dataclass, replace

from lxml import etree

from tests.bridging.loads import Load
from tests.bridging.post import flat
from tests.signatures import agency, xmlsec_says

# The e-doc generation's names for what QCVN 102 calls otherwise, and its dates.
_NAMES = {
    "Author": "SignerInfo",
    "Function": "Position",
    "OrganInCharge": "OrganizationInCharge",
    "Business": "Bussiness",
    "BusinessDocType": "BussinessDocType",
    "BusinessDocReason": "BussinessDocReason",
    "Status": "MessageHeader",
}
_DAY = re.compile(r"^(\d\d)/(\d\d)/(\d{4})(?=$| )")
_SAYS_NOTHING = {"/MessageHeader/DocumentType/TypeDetail": "0"}  # what an element that is left out means


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What the recipient's system holds in the end: a body, or all blocks of one in a root. `files` by name, where they did not
    stay inside. `traces`: trace headers that the hub adds on this road to what is not signed. `another_text`: a road that says a
    packet in words of its own, and takes a signed one along. `told`: paths of a JSON body that the road can tell; None: all."""

    body: bytes
    files: tuple[tuple[str, bytes], ...] = ()
    traces: int = 0
    another_text: bool = False
    told: frozenset[str] | None = None


def differences(load: Load, received: Received) -> list[str]:
    """Empty where everything is as it should be."""
    if load.is_json:
        sent, came = (flat(json.loads(octets)) for octets in (load.body, received.body))
        paths = sent.keys() | came.keys()
        for can_tell in (one for one in (load.told, received.told) if one is not None):
            paths &= can_tell
        wrong = sorted(path for path in paths if sent.get(path) != came.get(path))
        return [f"{path}: {came.get(path)!r} instead of {sent.get(path)!r}" for path in wrong]
    if not load.is_signed:
        return _in_words(load, received)
    if received.another_text:
        beside = [name for name, octets in received.files if octets == load.body]
        rest = tuple((name, octets) for name, octets in received.files if name not in beside)
        words = _in_words(load, replace(received, files=rest))
        return words if beside else ["the signed octets did not come along", *words]
    if load.body != received.body:
        return [f"signed octets were touched: {received.body[:300]!r}"]
    return [] if xmlsec_says(load.body, agency()) else ["the signature did not hold in the first place"]


def _in_words(load: Load, received: Received) -> list[str]:
    sent, came = etree.fromstring(load.body), etree.fromstring(received.body)
    said, told = _said(sent), _said(came)
    kept = sorted((*files_of(came).items(), *received.files))
    traces = _traces(came) - _traces(sent)
    return [
        *([] if said == told else [f"lost {sorted(said - told)}, gained {sorted(told - said)}"]),
        *([] if sorted(files_of(sent).items()) == kept else [f"other files: {kept}"]),
        *([] if traces == received.traces or load.kind != "document.packet/1" else [f"{traces} trace headers more"]),
    ]


def files_of(root: etree._Element) -> dict[str, bytes]:
    """Inside a packet, by name, out of their archives."""
    inside = root.iterfind(".//{*}AttachmentEncoded/{*}Attachment")
    texts = {str(one.findtext("{*}AttachmentName")): one.findtext("{*}ContentTransferEncoded") or "" for one in inside}
    return {name: _unpacked(base64.b64decode(text)) for name, text in texts.items() if text.strip()}


def _unpacked(octets: bytes) -> bytes:
    if not octets.startswith(b"PK"):
        return octets
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        (only,) = archive.namelist()
        return archive.read(only)


def _traces(root: etree._Element) -> int:
    return sum(etree.QName(one).localname == "TraceHeader" for one in root.iter(etree.Element))


def _said(root: etree._Element) -> frozenset[tuple[str, str]]:
    """Every text of the message header and of what it asks, as (path, text), whatever the dialect."""
    parts = (one for one in root.iter(etree.Element) if _name(one) in ("MessageHeader", "Bussiness"))
    return frozenset(line for one in parts for line in _lines(one, "") if _SAYS_NOTHING.get(line[0]) != line[1])


def _lines(element: etree._Element, path: str) -> list[tuple[str, str]]:
    here = f"{path}/{_name(element)}"
    text = _DAY.sub(r"\3/\2/\1", (element.text or "").strip())
    own = [(here, text)] if text else []
    return [*own, *(line for child in element for line in _lines(child, here))]


def _name(element: etree._Element) -> str:
    name = etree.QName(element).localname
    return _NAMES.get(name, name)
