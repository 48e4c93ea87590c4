"""SOAP messages signed by xmlsec as WS-Security has it, and what may go wrong with them."""

import base64
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import xmlsec
from lxml import etree

from signing.profiles import DSIG, E_DOC, EXCLUSIVE_C14N, RSA_SHA256, SHA256, SOAP_11
from signing.soap import BASE64_BINARY, ID, WSSE, WSU, X509_V3
from tests.signatures import Holder

WSA = "http://www.w3.org/2005/08/addressing"
BODY = '<a:transfer xmlns:a="urn:lgsp:case:1"><a:code>H01.2026.000123</a:code><a:name>Nguyễn Thị Hồng Đào</a:name></a:transfer>'


@dataclass(frozen=True, slots=True)
class Message:
    """How it shall be made. `signed`: wsu:Ids, in this order. `prefixes`: a PrefixList for every exclusive C14N."""

    version: str = SOAP_11
    body: str = BODY
    created: str | None = "2026-11-18T07:59:30Z"
    expires: str | None = "2026-11-18T08:04:30Z"
    signed: tuple[str, ...] = ("body-1", "ts-1")
    prefixes: str = ""
    transform: str = EXCLUSIVE_C14N


USUAL = Message()


def by_xmlsec_soap(signer: Holder, message: Message = USUAL) -> bytes:
    """The whole message, signed with `signer`'s key."""
    root = etree.fromstring(_unsigned(signer, message))
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(signer.key_pem, xmlsec.KeyFormat.PEM)
    context.sign(next(root.iter(f"{{{DSIG}}}Signature")))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def edoc_message(version: str = SOAP_11) -> bytes:
    """As buses of the e-doc generation send it: header blocks, a manifest, and attachments that are elsewhere."""
    return (
        f'<S:Envelope xmlns:S="{version}" xmlns:edXML="{E_DOC}" xmlns:xlink="http://www.w3.org/1999/xlink"><S:Header>'
        "<edXML:MessageHeader><edXML:From><edXML:OrganId>000.00.00.H01</edXML:OrganId></edXML:From>"
        "<edXML:Subject>V/v gửi hồ sơ của bà Nguyễn Thị Hồng Đào</edXML:Subject></edXML:MessageHeader>"
        "<edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>000.00.00.H01</edXML:OrganId></edXML:TraceHeader>"
        '</edXML:TraceHeaderList></S:Header><S:Body><edXML:Manifest><edXML:Reference xlink:href="cid:1"/></edXML:Manifest>'
        "</S:Body></S:Envelope>"
    ).encode()


def _unsigned(signer: Holder, message: Message) -> str:
    times = "".join(
        f"<wsu:{name}>{value}</wsu:{name}>"
        for name, value in (("Created", message.created), ("Expires", message.expires))
        if value
    )
    timestamp = f'<wsu:Timestamp wsu:Id="ts-1">{times}</wsu:Timestamp>' if message.created else ""
    listed = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}" PrefixList="{message.prefixes}"/>' if message.prefixes else ""
    references = "".join(
        f'<ds:Reference URI="#{one}"><ds:Transforms><ds:Transform Algorithm="{message.transform}">{listed}</ds:Transform>'
        "</ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue/></ds:Reference>'
        for one in message.signed
    )
    return (
        f'<S:Envelope xmlns:S="{message.version}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:u="urn:unused"><S:Header>'
        f'<wsa:To xmlns:wsa="{WSA}" xmlns:wsu="{WSU}" wsu:Id="to-1">urn:h01</wsa:To>'
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" S:mustUnderstand="1">'
        f'<wsse:BinarySecurityToken wsu:Id="X509-1" EncodingType="{BASE64_BINARY}" ValueType="{X509_V3}">'
        f"{base64.b64encode(signer.der).decode()}</wsse:BinarySecurityToken>{timestamp}"
        f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}">{listed}'
        f'</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{RSA_SHA256}"/>{references}</ds:SignedInfo>'
        "<ds:SignatureValue/>"
        f'<ds:KeyInfo><wsse:SecurityTokenReference><wsse:Reference URI="#X509-1" ValueType="{X509_V3}"/>'
        f"</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature></wsse:Security></S:Header>"
        f'<S:Body xmlns:wsu="{WSU}" wsu:Id="body-1">{message.body}</S:Body></S:Envelope>'
    )


def wrapped(octets: bytes) -> dict[str, bytes]:
    """Wrapping of a signed message (McIntosh and Austel, 2005): what was signed lives on, another says something else."""
    made = {}
    for how in (_body_in_header, _body_in_body, _body_beside, _body_behind, _timestamp_in_header, _timestamp_in_timestamp):
        for name in ("same Id", "another Id", "no Id"):
            made[f"{how.__name__[1:]}, {name}"] = _made(octets, how, name)
    for how in (_two_headers, _security_in_header, _two_securities, _envelope_in_body, _signature_in_header, _token_beside):
        made[how.__name__[1:]] = _made(octets, how, "")
    return made


def _made(octets: bytes, how: Callable[..., None], name: str) -> bytes:
    root = etree.fromstring(octets)
    security = root[0][1]
    how(root, security, name)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _evil(element: etree._Element, name: str) -> etree._Element:
    """A copy that says something else."""
    copy = deepcopy(element)
    for one in copy.iter("*"):
        if one.tag == f"{{{WSU}}}Expires":
            one.text = "2036-11-18T08:00:00Z"
        elif (one.text or "").startswith("Nguyễn"):
            one.text = "Kẻ mạo danh"
    if name == "another Id":
        copy.set(ID, "evil-1")
    elif name == "no Id":
        del copy.attrib[ID]
    return copy


def _body_in_header(root: etree._Element, _: etree._Element, name: str) -> None:
    body = root[1]
    root.append(_evil(body, name))
    etree.SubElement(root[0], "wrapper").append(body)


def _body_in_body(root: etree._Element, _: etree._Element, name: str) -> None:
    body = root[1]
    evil = _evil(body, name)
    root.append(evil)
    evil.append(body)


def _body_beside(root: etree._Element, _: etree._Element, name: str) -> None:
    root.insert(1, _evil(root[1], name))


def _body_behind(root: etree._Element, _: etree._Element, name: str) -> None:
    root.append(_evil(root[1], name))


def _timestamp_in_header(root: etree._Element, security: etree._Element, name: str) -> None:
    signed = security[1]
    security.insert(1, _evil(signed, name))
    etree.SubElement(root[0], "wrapper").append(signed)


def _timestamp_in_timestamp(_: etree._Element, security: etree._Element, name: str) -> None:
    signed = security[1]
    evil = _evil(signed, name)
    security.insert(1, evil)
    evil.append(signed)


def _two_headers(root: etree._Element, *_: object) -> None:
    root.insert(0, deepcopy(root[0]))


def _security_in_header(root: etree._Element, security: etree._Element, _: str) -> None:
    etree.SubElement(root[0], "wrapper").append(security)


def _two_securities(root: etree._Element, security: etree._Element, _: str) -> None:
    etree.SubElement(root[0], security.tag).append(deepcopy(security[1]))


def _envelope_in_body(root: etree._Element, *_: object) -> None:
    inner = deepcopy(root)
    root[1].append(inner)


def _signature_in_header(root: etree._Element, security: etree._Element, _: str) -> None:
    root[0].append(security[2])


def _token_beside(_: etree._Element, security: etree._Element, name: str) -> None:
    security.insert(0, _evil(security[0], name))
