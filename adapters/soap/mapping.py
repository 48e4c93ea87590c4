"""A parcel as a SOAP message, by the plan of its endpoint. Pure but for the nonce and the time of WS-Security, which come in."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lxml import etree
from zeep.exceptions import Error as ZeepError

from adapters.soap.fields import Leaf, Node
from adapters.soap.registration import ATTACHED, Plan
from adapters.soap.security import secured
from adapters.soap.templates import Value, as_text
from adapters.soap.wsdl import Operation
from contracts.adapter import Parcel
from contracts.edxml.attachments import File
from contracts.edxml.slim import restored
from contracts.errors import ContractError
from contracts.kinds import read_body
from contracts.soap.message import XOP_INCLUDE, Version
from contracts.soap.mime import XOP, Part, write_related

USER_AGENT = "lgsp-hub-soap/1"
DELIVERY_HEADER = "Lgsp-Delivery-Id"
_MTOM_FROM_BYTES = 768  # what is smaller stays where it is


class Request(NamedTuple):
    """What to POST."""

    headers: dict[str, str]
    body: bytes


def request_of(plan: Plan, parcel: Parcel, files: Mapping[str, bytes], secret: str, now: float, nonce: bytes) -> Request:
    """`files`: octets by digest, of those that the plan wants. `now`: Unix time in seconds, `nonce`: 16 random bytes.

    Raises ContractError: the body is no such kind, or lacks what the operation has to have.
    """
    values = dict(_values(parcel, plan, files, secret))
    if plan.hop:
        values["packet"] = _packet(parcel, plan.hop, files, now)
    binaries: list[bytes] = []
    fields, headers = _filled(plan.fields, values, binaries), _filled(plan.headers, values, binaries)
    envelope, http = _message(plan, fields, headers)
    http |= {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", DELIVERY_HEADER: str(parcel.delivery_id)}
    http |= {name: _header(one.value(values)) for name, one in plan.http.items()}
    secured(envelope, plan.security, secret, now, nonce)
    parts = _moved_out(envelope, binaries) if plan.binary == ATTACHED else ()
    octets = etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
    return _packaged(plan, http, octets, parts) if parts else Request(http, octets)


def _values(parcel: Parcel, plan: Plan, files: Mapping[str, bytes], secret: str) -> Mapping[str, Value]:
    sent = parcel.envelope
    return {
        "envelope": sent,
        "delivery": {
            "id": parcel.delivery_id,
            "attempt": parcel.attempt,
            "recipient": parcel.recipient,
            "addressed_as": parcel.addressed_as,
            "sequence": parcel.sequence,
            "number": parcel.number,
        },
        "identifier": {one.scheme: one.value for one in reversed(parcel.identifiers)},
        "body": read_body(plan.kind, sent.body, sent.media_type).model,
        "content": sent.body,
        "secret": secret,
        "files": [
            {
                "name": one.name,
                "media_type": one.media_type,
                "size_bytes": one.size_bytes,
                "digest": one.digest,
                "content": files.get(one.digest),
            }
            for one in sent.attachments
        ],
    }


def _packet(parcel: Parcel, hop: str, files: Mapping[str, bytes], now: float) -> bytes:
    """The document as recipients of packets get it: its files inside again; the very octets where it is signed."""
    found = [
        File(name=one.name, media_type=one.media_type, octets=files[one.digest])
        for one in parcel.envelope.attachments
        if one.digest in files
    ]
    return restored(parcel.envelope.body, found, (hop, datetime.fromtimestamp(now, UTC)))


def _filled(tree: Node | Leaf, values: Mapping[str, Value], binaries: list[bytes]) -> Value:
    """As zeep wants it; None where nothing is to be said."""
    if isinstance(tree, Leaf):
        return _leaf(tree, values, binaries)
    if not tree.each:
        return _once(tree, values, binaries)
    name = "file" if tree.each == "files" else "item"
    return [_once(tree, {**values, name: one}, binaries) for one in _entries(tree.each, values)] or None


def _once(tree: Node, values: Mapping[str, Value], binaries: list[bytes]) -> Value:
    if "" in tree.inner:
        return _filled(tree.inner[""], values, binaries)
    found = {name: _filled(one, values, binaries) for name, one in tree.inner.items()}
    said = {name: value for name, value in found.items() if value is not None}
    return said or None


def _entries(source: str, values: Mapping[str, Value]) -> Sequence[Value]:
    found: Value = values
    for name in source.split("."):
        found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
    return found if isinstance(found, (list, tuple)) else ()


def _leaf(leaf: Leaf, values: Mapping[str, Value], binaries: list[bytes]) -> Value:
    value = leaf.template.value(values)
    if value is None or isinstance(value, etree._Element):
        return value
    if not leaf.binary:
        return _sayable(as_text(value))
    octets = value if isinstance(value, bytes) else as_text(value).encode()
    binaries.append(octets)
    return octets


def _sayable(text: str) -> str:
    """Without what XML 1.0, production 2, cannot carry."""
    return text if text.isprintable() else "".join(char for char in text if char in "\t\n\r" or _is_char(ord(char)))


def _is_char(code: int) -> bool:
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def _message(plan: Plan, fields: Value, headers: Value) -> tuple[etree._Element, dict[str, str]]:
    operation = plan.operation
    given = {} if fields is None else fields
    arguments = () if isinstance(given, dict) else (given,)
    named: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    if headers:
        named["_soapheaders"] = headers
    try:
        said = operation.binding.get(operation.name)
        message = said.create(*arguments, **named)
    except (ZeepError, TypeError, ValueError, AttributeError) as error:
        raise ContractError("body.invalid", "/body", f"{operation.name} cannot be said of it: {str(error)[:200]}") from None
    return message.content, _http(operation, said.soapaction)


def _http(operation: Operation, action: str | None) -> dict[str, str]:
    """SOAP 1.1, 6.1.1: a header of its own, quoted, empty for none; SOAP 1.2, RFC 3902: a parameter of the media type, if any."""
    action = _header((action or "").replace('"', ""))
    if operation.version == "1.1":
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
    named = f'; action="{action}"' if action else ""
    return {"Content-Type": f"application/soap+xml; charset=utf-8{named}"}


def _moved_out(envelope: etree._Element, binaries: Sequence[bytes]) -> tuple[Part, ...]:
    """MTOM: elements whose whole text is the base64 of one of these point to a part instead (XOP 1.0, 3.1)."""
    large = {base64.b64encode(one).decode(): one for one in binaries if len(one) >= _MTOM_FROM_BYTES}
    parts: list[Part] = []
    for element in _texts(envelope):
        octets = large.get(element.text or "")
        if octets is not None:
            parts.append(Part(content_id=f"{len(parts) + 1}@lgsp", octets=octets))
            element.text = None
            etree.SubElement(element, XOP_INCLUDE, href=f"cid:{parts[-1].content_id}")
    return tuple(parts)


def _texts(envelope: etree._Element) -> Iterator[etree._Element]:
    return (one for one in list(envelope.iter("*")) if not len(one) and one.text and len(one.text) >= _MTOM_FROM_BYTES)


def _packaged(plan: Plan, http: dict[str, str], octets: bytes, parts: Sequence[Part]) -> Request:
    version = Version.SOAP_12 if plan.operation.version == "1.2" else Version.SOAP_11
    _, named, action = http["Content-Type"].partition("; action=")
    inner = f'{XOP}; charset=UTF-8; type="{version.media_type}"'
    content_type, body = write_related(octets, inner, parts, start_info=version.media_type)
    http["Content-Type"] = f"{content_type}{named}{action}"
    return Request(http, body)


def _header(value: Value) -> str:
    """Of HTTP: one line, Latin letters."""
    return "".join(char for char in as_text(value) if " " <= char <= "~")
