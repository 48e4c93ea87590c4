"""The answer of an operation as an element of a message, with its octets in place (base64) or beside the message (MTOM)."""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from lxml import etree
from msgspec import inspect

from contracts.soap.message import XOP_INCLUDE
from contracts.soap.mime import Part
from lgsp.http.routes import Answer, Lines
from lgsp.http.soap.inner import Answered
from lgsp.http.soap.operations import NAMESPACE, Element, Operation, fields_of

_XOP = XOP_INCLUDE[1:].partition("}")[0]
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_PLACE_BYTES = 1024  # what is smaller stays in place also with MTOM


class Writer:
    """Writes one answer. With `mtom`, `parts` holds afterwards what goes beside the message."""

    def __init__(self, *, mtom: bool) -> None:
        self._mtom = mtom
        self.parts: list[Part] = []

    def response(self, operation: Operation, answered: Answered) -> etree._Element:
        root = etree.Element(f"{{{NAMESPACE}}}{operation.name}Response", nsmap={"lgsp": NAMESPACE})
        media_type = answered.headers.get("Content-Type", "").partition(";")[0]
        type_ = _type(operation.route.answers, answered.status, media_type)
        for one in operation.answered:
            if one.name == "content":
                if type_ is None:
                    self._octets(root, "content", answered.body)
            elif one.name == "content_type":
                if type_ is None:
                    _text(root, "content_type", answered.headers.get("Content-Type", ""))
            elif one.name == "text":
                _text(root, "text", answered.body.decode())
            elif one.name == "line" and isinstance(type_, Lines):
                for line in answered.body.splitlines():
                    self._struct(_add(root, "line"), msgspec.json.decode(line, type=type_.of), one.type)
            elif one.name == "result" and type_ is not None:
                self._struct(_add(root, "result"), msgspec.json.decode(answered.body, type=type_), one.type)
            elif one.place == "header" and one.source in answered.headers:
                _text(root, one.name, answered.headers[one.source])
        return root

    def problem(self, problem: msgspec.Struct, type_: inspect.Type) -> etree._Element:
        root = etree.Element(f"{{{NAMESPACE}}}problem", nsmap={"lgsp": NAMESPACE})
        self._struct(root, problem, type_)
        return root

    def _struct(self, parent: etree._Element, value: Any, type_: inspect.Type) -> None:
        assert isinstance(type_, inspect.StructType)
        for attribute, one in fields_of(type_.cls).items():
            found = getattr(value, attribute)
            for each in found if one.many else (found,):
                if each is not None and each is not msgspec.UNSET:
                    self._value(parent, one, each)

    def _value(self, parent: etree._Element, one: Element, value: Any) -> None:
        match one.type:
            case inspect.StructType():
                self._struct(_add(parent, one.name), value, one.type)
            case inspect.RawType():  # the body as JSON: octets, as every other body
                self._octets(parent, "body_base64", bytes(value))
            case inspect.BytesType():
                self._octets(parent, one.name, value if isinstance(value, bytes) else base64.b64decode(value))
            case inspect.DictType():
                entries = _add(parent, one.name)
                for key, number in value.items():
                    entry = _add(entries, "entry")
                    _text(entry, "key", key)
                    _text(entry, "value", str(number))
            case _:
                _text(parent, one.name, _written(value))

    def _octets(self, parent: etree._Element, name: str, octets: bytes) -> None:
        element = _add(parent, name)
        if not self._mtom or len(octets) < _IN_PLACE_BYTES:
            element.text = base64.b64encode(octets).decode()
            return
        part = Part(content_id=f"{len(self.parts) + 1}@lgsp", octets=octets)
        self.parts.append(part)
        etree.SubElement(element, XOP_INCLUDE, {"href": f"cid:{part.content_id}"}, nsmap={"xop": _XOP})


def _type(answers: Mapping[int, Answer], status: int, media_type: str) -> Any:
    """Of an answer in this media type; None: octets."""
    media: Iterable[tuple[str, Any]] = answers[status].media.items() if status in answers else ()
    return next((type_ for name, type_ in media if name == media_type), None)


def _written(value: Any) -> str:
    plain = msgspec.to_builtins(value)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _text(parent: etree._Element, name: str, text: str) -> None:
    """XML cannot carry control characters: they are shown as U+FFFD."""
    _add(parent, name).text = _NOT_XML.sub("\ufffd", text)


def _add(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
