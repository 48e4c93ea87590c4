"""What we ask of a bus of the e-doc generation, framed as its own clients frame it, and what it answers. Pure."""

from collections.abc import Mapping, Sequence

import msgspec
from lxml import etree

from adapters.edoc_soap.lenient import ANSWER, read_leniently
from adapters.edoc_soap.names import ACTIONS, REQUEST_ROOTS, SCHEMA, TOKEN_SCHEMA, edoc
from adapters.edoc_soap.report import Report, found_in
from contracts.edxml.edoc import Message as Document
from contracts.safe_xml import local_name
from contracts.soap.message import Message, Version, write_message
from contracts.soap.mime import Encoding, Part, write_related

USER_AGENT = "lgsp-hub-edoc/1"


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """How the hub is known to such a bus."""

    organ_id: str
    token: str
    version: Version = Version.SOAP_11

    def __repr__(self) -> str:
        return f"Partner({self.organ_id!r})"


class Call(msgspec.Struct, frozen=True):
    """What to POST."""

    headers: Mapping[str, str]
    body: bytes


def partner_of(options: Mapping[str, str], secret: str) -> Partner:
    """`organ_id` is wanted, `soap` is "1.1" or "1.2". Raises ValueError, without the secret in it."""
    (first, *others) = partners_of(options, secret)
    if others:
        raise ValueError("the option organ_id names one body")
    return first


def partners_of(options: Mapping[str, str], secret: str) -> tuple[Partner, ...]:
    """`organ_id` may name several bodies, by commas; their tokens stand in the secret in the same order, by spaces, or it is one
    for all of them. Raises ValueError, without the secret in it."""
    organs = [one.strip() for one in options.get("organ_id", "").split(",") if one.strip()]
    tokens, version = secret.split(), options.get("soap", "1.1")
    if not organs:
        raise ValueError("the option organ_id is missing: the OrganId under which that bus knows the hub")
    if len(tokens) not in (1, len(organs)):
        raise ValueError(f"the secret is the token that belongs to organ_id: one, or {len(organs)} by spaces")
    if version not in ("1.1", "1.2"):
        raise ValueError(f"the option soap is 1.1 or 1.2, not {version[:20]!r}")
    soap = Version.SOAP_11 if version == "1.1" else Version.SOAP_12
    every = tokens if len(tokens) == len(organs) else tokens * len(organs)
    return tuple(Partner(organ_id=organ, token=token, version=soap) for organ, token in zip(organs, every, strict=True))


def asking(action: str, partner: Partner, document_id: int | None = None) -> Call:
    """For what has only token, OrganId and perhaps a document's number."""
    root = etree.Element(REQUEST_ROOTS[action])
    etree.SubElement(root, "Token").text = partner.token
    etree.SubElement(root, "OrganId").text = partner.organ_id
    if document_id is not None:
        etree.SubElement(root, "DocumentId").text = str(document_id)
    return _framed(action, partner, root, ())


def sending(action: str, partner: Partner, document: Document, encoding: Encoding = "base64") -> Call:
    """A document, whose elements move into the call."""
    return _framed(action, partner, document.manifest, (*document.headers, _signature(partner)), document.parts, encoding)


def reporting(partner: Partner, status: etree._Element) -> Call:
    """What became of a document: the element Status, which moves into the call."""
    return _framed("UpdateTraces", partner, status, (_signature(partner),))


def read_answer(content_type: str, octets: bytes) -> Message:
    """Raises ContractError for what is no SOAP message."""
    return read_leniently(content_type, octets, ANSWER)


def report_of(message: Message) -> Report | None:
    return found_in(message.body)


def fault_of(message: Message) -> tuple[bool, str] | None:
    """Whose fault it is (True: ours) and what it says; None: it is none."""
    fault = message.body.find(f"{{{message.version.value}}}Fault")
    if fault is None:
        return None
    codes = [(one.text or "").rpartition(":")[2] for one in fault.iter("*") if local_name(one) in ("faultcode", "Value")]
    texts = [(one.text or "").strip() for one in fault.iter("*") if local_name(one) in ("faultstring", "Text")]
    return codes[:1] in (["Client"], ["Sender"]), " ".join(texts)


def document_ids(message: Message) -> tuple[int, ...]:
    """Those of a list of numbers that are numbers, each once, in the order given."""
    texts = ((one.text or "").strip() for one in message.body.iter("*") if local_name(one) == "DocumentId")
    return tuple(dict.fromkeys(int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= 18))


def document_id_of(message: Message) -> str:
    """What the bus calls the document that it took; "" where it does not say."""
    return next(((one.text or "").strip() for one in message.body.iter("*") if local_name(one) == "DocumentId"), "")


def statuses(message: Message) -> tuple[etree._Element, ...]:
    return tuple(one for one in message.body.iter("*") if local_name(one) == "Status")


def _framed(
    action: str,
    partner: Partner,
    content: etree._Element,
    headers: Sequence[etree._Element],
    files: Sequence[Part] = (),
    encoding: Encoding = "binary",
) -> Call:
    assert action in ACTIONS
    token = etree.Element(f"{{{TOKEN_SCHEMA}}}Token", nsmap={"token": TOKEN_SCHEMA})
    token.text = partner.token
    root = write_message(partner.version, [content], [token, *headers])
    media_type = f"{partner.version.media_type}; charset=utf-8"
    content_type, body = write_related(root, media_type, files, encoding=encoding)
    named = {"SOAPAction": f'"{action}"'}
    if partner.version is Version.SOAP_12:
        named, content_type = {}, f'{content_type}; action="{action}"'
    return Call({"Content-Type": content_type, "Accept": "text/xml", "User-Agent": USER_AGENT, **named}, body)


def _signature(partner: Partner) -> etree._Element:
    """No signature in spite of its name: OrganId and token once more, for what has no place for them in its body."""
    root = etree.Element(edoc("Signature"), nsmap={"edXML": SCHEMA})
    key = etree.SubElement(root, edoc("KeyInfo"))
    etree.SubElement(key, edoc("OrganId")).text = partner.organ_id
    etree.SubElement(key, edoc("Token")).text = partner.token
    return root
