"""An element of a message as the request that it stands for. Values are only put into JSON here; what they may be, the operation
says, by the same codes as for JSON."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
from lxml import etree
from msgspec import inspect

from contracts.errors import ContractError, what_and_where
from contracts.soap.message import octets_of
from contracts.soap.mime import Related
from lgsp.http.answers import encode
from lgsp.http.routes import JSON, XML
from lgsp.http.soap.inner import Asked
from lgsp.http.soap.operations import NAMESPACE, Element, Operation, Place, SentFile, fields_of

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_NAMESPACES = ("{" + NAMESPACE, "")  # without one: many clients forget it below the wrapper
_MAX_REPEATED, _MAX_ENVELOPES = 1_000, 10_000  # no list of the REST side may be longer, nor any batch
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{0,19})?(?:[eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

Given = Sequence[tuple[Element, Any]]  # elements with what was read of them
Verbatim = Callable[[etree._Element], bytes]  # the octets of an element as its sender wrote them


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """`files`: come with the envelope, to be kept before it is sent."""

    asked: Asked
    files: tuple[SentFile, ...] = ()
    envelope: dict[str, Any] | None = None  # where the request carries exactly one, so that files can be added to it


class Reader:
    """Reads elements of one message, whose files are `related`."""

    def __init__(self, related: Related, verbatim: Verbatim) -> None:
        self._related, self._verbatim = related, verbatim

    def request(self, element: etree._Element, operation: Operation) -> Request:
        """Raises ContractError "request.field_invalid", "soap.attachment_missing" or "body.malformed", naming the element."""
        values = self._fields(element, {one.name: one for one in operation.asked}, "")
        given = [(one, values[one.name]) for one in operation.asked if one.name in values]
        path = _texts(given, "path")
        missing = next((one.name for one in operation.asked if one.place == "path" and not path.get(one.source)), None)
        if missing is not None:
            raise ContractError("request.field_invalid", f"/{missing}", "the element is missing or empty")
        headers = {**operation.constants} | _texts(given, "header") | _texts(given, "form")
        if operation.body_type is not None:
            headers |= {"Content-Type": operation.body_type}
        return Request(
            asked=Asked(path=path, query=_texts(given, "query"), headers=headers, body=_body(operation, given)),
            files=_files(_only(given, "file", ())),
            envelope=_only(given, "envelope", None),
        )

    def _fields(self, element: etree._Element, known: Mapping[str, Element], path: str) -> dict[str, Any]:
        """Children in any order, since many clients write theirs; each once, unless it is a list."""
        found: dict[str, Any] = {}
        for child in element:
            namespace, _, name = child.tag.rpartition("}")
            slot = known.get(name)
            where = f"{path}/{name[:100]}"
            if slot is None or namespace not in _NAMESPACES:
                raise ContractError("request.field_invalid", where, "there is no such element here")
            if slot.name in found and not slot.many:
                raise ContractError("request.field_invalid", where, "stands twice")
            if child.get(_NIL, "").strip() in ("true", "1"):
                continue
            value = self._value(child, slot.type, where)
            if slot.many:
                several = found.setdefault(name, [])
                several.append(value)
                most = _MAX_ENVELOPES if slot.place == "envelopes" else _MAX_REPEATED
                if len(several) > most:
                    raise ContractError("request.field_invalid", where, f"stands more than {most} times")
            else:
                found[name] = value
        return found

    def _value(self, element: etree._Element, type_: inspect.Type, where: str) -> Any:
        match type_:
            case inspect.StructType(cls=cls):
                values = self._fields(element, _known(cls), where)
                return self._envelope(values) if cls.__name__ == "WireEnvelope" else values
            case inspect.RawType():
                return self._any(element, where)
            case inspect.BytesType():
                return base64.b64encode(octets_of(element, self._related)).decode()
        if len(element):
            raise ContractError("request.field_invalid", where, "a value is wanted, not elements")
        return _scalar(element.text or "", type_)

    def _any(self, element: etree._Element, where: str) -> str:
        """A document inside the message, octet for octet."""
        if len(element) != 1 or (element.text or "").strip() or (element[0].tail or "").strip():
            raise ContractError("request.field_invalid", where, "one element is wanted: the body, as XML")
        return base64.b64encode(self._verbatim(element[0])).decode()

    def _envelope(self, values: dict[str, Any]) -> dict[str, Any]:
        """XML in `body` is kept as octets; its media type need not be said."""
        if "body" in values and "body_base64" in values:
            raise ContractError("envelope.field_invalid", "/body", "exactly one of body and body_base64")
        if "body" in values:
            values["body_base64"] = values.pop("body")
            values.setdefault("media_type", XML)
        return values


@cache
def _known(model: type) -> Mapping[str, Element]:
    return MappingProxyType({one.name: one for one in fields_of(model).values()})


def _scalar(text: str, type_: inspect.Type) -> Any:
    """What is not written as its type stays a text: the operation refuses it and names the field."""
    trimmed = text.strip()
    match type_:
        case inspect.IntType() if _NUMBER.fullmatch(trimmed):
            return int(trimmed)
        case inspect.FloatType() if _DECIMAL.fullmatch(trimmed):
            return float(trimmed)
        case inspect.BoolType():
            return _BOOLEANS.get(trimmed, text)
        case inspect.StrType():
            return text
        case _:
            return trimmed


def _body(operation: Operation, given: Given) -> bytes:
    """What the route's handler reads, in its media type."""
    places = {one.place for one in operation.asked}
    if "octets" in places:
        return base64.b64decode(_only(given, "octets", ""))
    if "envelopes" in places:
        return b"".join(encode(one) + b"\n" for one in _only(given, "envelopes", ()))
    if "envelope" in places:
        return encode(_only(given, "envelope", {}))
    return encode({one.source: value for one, value in given if one.place == "body"}) if operation.body_type == JSON else b""


def _files(given: Sequence[Any]) -> tuple[SentFile, ...]:
    try:
        return msgspec.convert(given, tuple[SentFile, ...])
    except msgspec.ValidationError as error:
        detail, field = what_and_where(error)
        raise ContractError("request.field_invalid", f"/file{field}", detail) from None


def _only(given: Given, place: Place, default: Any) -> Any:
    """The value of the only element that goes there."""
    return next((value for one, value in given if one.place == place), default)


def _texts(given: Given, place: Place) -> dict[str, str]:
    """As they stand in a path, a query or a header. Raises ContractError "request.field_invalid" for what no header can carry."""
    found = {}
    for one, value in given:
        if one.place == place:
            text = found[one.source] = str(value).lower() if isinstance(value, bool) else str(value)
            if "\n" in text or "\r" in text or "\x00" in text:
                raise ContractError("request.field_invalid", f"/{one.name}", "one line is wanted")
    return found
