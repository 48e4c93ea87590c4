"""Operations of the SOAP surface, made from the route table: the same names, parameters and types as in the OpenAPI document.

Every element bears the name that the field has in JSON; headers are written with `_` for `-`, in lower case. What belongs to HTTP
alone has no operation: tokens, overriding methods, the OpenAPI document.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from msgspec import inspect

from contracts.kinds.xsd import plain
from contracts.wire import WireEnvelope
from lgsp.http.problems import Problem
from lgsp.http.routes import Header, Lines, Route

NAMESPACE = "urn:lgsp:soap:1"

_HTTP_ONLY = frozenset({"issueToken", "overrideMethod", "getUploadOptions", "getOpenApi"})
_VARIABLE = re.compile(r"{(\w+)(?::[^{}/]+)?}")
_JSON_TYPES = re.compile(r"application/(?:[a-z-]+\+)?json")

Place = Literal["path", "query", "header", "body", "envelope", "envelopes", "octets", "file", "form", "answer"]


class SentFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that comes with the envelope and is attached to it: base64 in place, or beside the message (MTOM, SwA)."""

    content: bytes
    name: str = ""
    media_type: str = "application/octet-stream"


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """One element below the wrapper. `source`: the name of the variable, parameter, header or field that it stands for."""

    name: str
    type: inspect.Type
    place: Place
    source: str
    many: bool = False
    required: bool = False
    note: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`asked` and `answered` stand below the wrappers `<name>` and `<name>Response`. `body_type`: of what the request carries."""

    name: str
    route: Route
    summary: str
    asked: tuple[Element, ...]
    answered: tuple[Element, ...]
    constants: Mapping[str, str]  # headers that have one value only
    body_type: str | None

    @property
    def tag(self) -> str:
        return f"{{{NAMESPACE}}}{self.name}"


_WITH_FILES = "sendEnvelope"
_FILES = Element(name="file", type=inspect.type_info(SentFile), place="file", source="", many=True)
TEXT, OCTETS = inspect.StrType(), inspect.BytesType()
PROBLEM = inspect.type_info(Problem)


def operations_of(routes: Iterable[Route]) -> tuple[Operation, ...]:
    """In the order of the route table. Raises TypeError for two elements of one name: give one of them another."""
    return tuple(_operation(route) for route in routes if route.name not in _HTTP_ONLY)


def _operation(route: Route) -> Operation:
    body = _body(route)
    asked = [
        *(
            Element(name=name, type=TEXT, place="path", source=name, required=True, note=route.paths[name])
            for name in _named(route)
        ),
        *(_element(one.name, one.schema, "query", one.description) for one in route.query),
        *(_header(one) for one in _headers(route) if _constant(one) is None),
        *body,
        *_form(route),
    ]
    answered = _answered(route)
    for elements in (asked, answered):
        names = [one.name for one in elements]
        if len(set(names)) < len(names):
            raise TypeError(f"{route.name}: two elements have one name: {', '.join(sorted(names))}")
    return Operation(
        name=route.name,
        route=route,
        summary=route.summary,
        asked=tuple(asked),
        answered=tuple(answered),
        constants=MappingProxyType({one.name: value for one in _headers(route) if (value := _constant(one)) is not None}),
        body_type=next(iter(route.body.media)) if route.body is not None else None,
    )


def _named(route: Route) -> list[str]:
    return _VARIABLE.findall(route.path)


def _headers(route: Route) -> tuple[Header, ...]:
    """Of a raw envelope, whose addressing stands in headers, there is no need here: the envelope is an element."""
    return () if route.body is not None and WireEnvelope in route.body.media.values() else route.headers


def _header(header: Header) -> Element:
    element = _element(header.name, header.schema, "header", header.description)
    return msgspec.structs.replace(element, required=header.required, name=header.name.lower().replace("-", "_"))


def _constant(header: Header) -> str | None:
    type_ = plain(inspect.type_info(header.schema))
    return str(type_.values[0]) if isinstance(type_, inspect.LiteralType) and len(type_.values) == 1 else None


def _element(name: str, schema: Any, place: Place, note: str = "") -> Element:
    return Element(name=name, type=plain(inspect.type_info(schema)), place=place, source=name, note=note)


def _body(route: Route) -> list[Element]:
    if route.body is None:
        return []
    type_ = next(iter(route.body.media.values()))
    if type_ is None:
        return [Element(name="content", type=OCTETS, place="octets", source="content", required=route.body.required)]
    if type_ is WireEnvelope:
        envelope = Element(name="envelope", type=inspect.type_info(WireEnvelope), place="envelope", source="", required=True)
        return [envelope, _FILES] if route.name == _WITH_FILES else [envelope]
    if isinstance(type_, Lines):
        return [
            Element(name="envelope", type=inspect.type_info(type_.of), place="envelopes", source="", many=True, required=True)
        ]
    return list(fields_of(type_).values())


@cache
def fields_of(model: Any) -> Mapping[str, Element]:
    """The elements that the fields of a struct are written as, by the names of its attributes."""
    info = inspect.type_info(model)
    assert isinstance(info, inspect.StructType)
    return MappingProxyType({field.name: _of_field(field) for field in info.fields})


def _of_field(field: inspect.Field) -> Element:
    """Lists are repeated elements."""
    type_ = plain(field.type)
    many = isinstance(type_, inspect.VarTupleType | inspect.ListType)
    if isinstance(type_, inspect.VarTupleType | inspect.ListType):
        type_ = plain(type_.item_type)
    if field.encode_name.endswith("_base64"):
        type_ = OCTETS  # octets whatever they are in JSON: what a client makes of them is its own affair
    return Element(
        name=field.encode_name,
        type=type_,
        place="body",
        source=field.encode_name,
        many=many,
        required=field.required and not _nullable(field.type) and not many,
        note=_note(field.type),
    )


def _form(route: Route) -> list[Element]:
    """Where the answer has several forms: the caller may name one."""
    media = [name for status, answer in route.answers.items() if status < 300 for name in answer.media]
    forms = tuple(dict.fromkeys(media))
    if len(forms) < 2 or not any(map(_JSON_TYPES.fullmatch, forms)):
        return []
    note = "The form of the answer; left out: as elements"
    return [Element(name="form", type=inspect.LiteralType(values=forms), place="form", source="Accept", note=note)]


def _answered(route: Route) -> list[Element]:
    elements: dict[str, Element] = {}
    for answer in (one for status, one in route.answers.items() if status < 300 or status == 503):
        for media, type_ in answer.media.items():
            for one in _of_answer(media, type_):
                elements[one.name] = one
        for name, meaning in answer.headers.items():
            written = name.lower().replace("-", "_")
            elements[written] = Element(name=written, type=TEXT, place="header", source=name, note=meaning)
    return list(elements.values())


def _of_answer(media: str, type_: Any) -> list[Element]:
    if type_ is None:
        return [
            Element(name="content", type=OCTETS, place="octets", source="content"),
            Element(name="content_type", type=TEXT, place="header", source="Content-Type", note="media type of the content"),
        ]
    if isinstance(type_, Lines):
        return [Element(name="line", type=inspect.type_info(type_.of), place="answer", source="", many=True)]
    if _JSON_TYPES.fullmatch(media):
        return [Element(name="result", type=inspect.type_info(type_), place="answer", source="")]
    return [Element(name="text", type=TEXT, place="octets", source="text")]


def _nullable(type_: inspect.Type) -> bool:
    if isinstance(type_, inspect.Metadata):
        return _nullable(type_.type)
    return isinstance(type_, inspect.UnionType) and any(isinstance(one, inspect.NoneType) for one in type_.types)


def _note(type_: inspect.Type) -> str:
    if isinstance(type_, inspect.UnionType):
        return next((note for inner in type_.types if (note := _note(inner))), "")
    return str((type_.extra_json_schema or {}).get("description", "")) if isinstance(type_, inspect.Metadata) else ""
