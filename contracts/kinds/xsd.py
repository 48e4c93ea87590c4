"""XML Schema 1.0 of a kind, written from its model, so that both stay one."""

import re
from enum import Enum
from typing import Any

from lxml import etree
from msgspec import inspect

from contracts.kinds.catalogue import Kind
from contracts.kinds.codes import Labelled
from contracts.kinds.document_xsd import EDXML_XSD

_XS = "http://www.w3.org/2001/XMLSchema"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_COMBINING = re.compile("[\u0300-\u036f]")  # in patterns; alone they would hang on the character before
# A zone is required, as in RFC 3339; years have four digits.
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+\-][0-9]{2}:[0-9]{2})"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

Facets = list[tuple[str, object]]


def namespace(kind: Kind) -> str:
    return f"urn:lgsp:{kind.name}:{kind.version}"


def plain(type_: inspect.Type) -> inspect.Type:
    """The type itself, without null and notes for publication."""
    if isinstance(type_, inspect.Metadata):
        return plain(type_.type)
    if isinstance(type_, inspect.UnionType):
        (one,) = (inner for inner in type_.types if not isinstance(inner, inspect.NoneType))
        return plain(one)
    return type_


def write_xsd(kind: Kind) -> bytes:
    """UTF-8. For documents, which have no twin but a dialect of their own, the lenient schema of its header."""
    if kind.read_xml is not None:
        return EDXML_XSD
    schema = etree.fromstring(
        f'<xs:schema xmlns:xs="{_XS}" xmlns="{namespace(kind)}" targetNamespace="{namespace(kind)}"'
        f' elementFormDefault="qualified" version="{kind.version}"/>'
    )
    _document(schema, kind.title_vi, f"{kind.title_en}. Source: {kind.source}.")
    _add(schema, "element", name=kind.name, type=kind.model.__name__)
    written: set[str] = set()
    _complex_type(schema, kind.model, written)
    octets = etree.tostring(schema, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return _COMBINING.sub(lambda mark: f"&#x{ord(mark[0]):x};", octets.decode()).encode()


def _complex_type(schema: etree._Element, model: type[Any], written: set[str]) -> None:
    written.add(model.__name__)
    complex_type = _add(schema, "complexType", name=model.__name__)
    _document(complex_type, "", (model.__doc__ or "").partition("\n")[0])
    sequence = _add(complex_type, "sequence")
    info = inspect.type_info(model)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        _element(schema, sequence, field, written)


def _element(schema: etree._Element, sequence: etree._Element, field: inspect.Field, written: set[str]) -> None:
    type_ = plain(field.type)
    element = _add(sequence, "element", name=field.encode_name)
    if isinstance(type_, inspect.VarTupleType):
        element.set("minOccurs", str(type_.min_length or 0))
        element.set("maxOccurs", "unbounded" if type_.max_length is None else str(type_.max_length))
    elif not field.required:
        element.set("minOccurs", "0")
    notes = _notes(field.type)
    _document(element, notes.get("title", ""), notes.get("description", ""))
    _set_type(schema, element, plain(type_.item_type) if isinstance(type_, inspect.VarTupleType) else type_, written)


def _set_type(schema: etree._Element, element: etree._Element, type_: inspect.Type, written: set[str]) -> None:
    if isinstance(type_, inspect.StructType):
        element.set("type", type_.cls.__name__)
        if type_.cls.__name__ not in written:
            _complex_type(schema, type_.cls, written)
    elif isinstance(type_, inspect.EnumType):
        element.set("type", type_.cls.__name__)
        if type_.cls.__name__ not in written:
            written.add(type_.cls.__name__)
            _enumeration(_add(schema, "simpleType", name=type_.cls.__name__), type_.cls)
    else:
        base, facets = _simple(type_)
        if not facets:
            element.set("type", base)
            return
        restriction = _add(_add(element, "simpleType"), "restriction", base=base)
        for name, value in facets:
            _add(restriction, name, value=str(value))


def _enumeration(simple_type: etree._Element, codes: type[Enum]) -> None:
    assert issubclass(codes, Labelled)
    _document(simple_type, "", codes.__doc__ or "")
    restriction = _add(simple_type, "restriction", base="xs:int")
    for code in codes:
        _document(_add(restriction, "enumeration", value=str(code.value)), code.label_vi, code.label_en)


def _simple(type_: inspect.Type) -> tuple[str, Facets]:
    """Raises TypeError for a type that no kind uses yet: teach it here and in the mapping."""
    match type_:
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            facets: Facets = [("minLength", least), ("maxLength", most), ("pattern", pattern and _xsd_pattern(pattern))]
            return "xs:string", [facet for facet in facets if facet[1] is not None]
        case inspect.IntType(ge=least_int, le=most_int):
            limits: Facets = [("minInclusive", least_int), ("maxInclusive", most_int)]
            return "xs:long", [limit for limit in limits if limit[1] is not None]
        case inspect.LiteralType(values=values):
            base = "xs:int" if isinstance(values[0], int) else "xs:string"
            return base, [("enumeration", value) for value in values]
        case inspect.BoolType():
            return "xs:boolean", []
        case inspect.DateTimeType():
            return "xs:dateTime", [("pattern", _MOMENT)]
        case inspect.DateType():
            return "xs:date", [("pattern", _DAY)]
    raise TypeError(f"no XML Schema type for {type_!r}")


def _xsd_pattern(pattern: str) -> str:
    r"""XSD matches the whole text and knows neither `(?:` nor `\u`."""
    inner = pattern.removeprefix(r"\A(?:").removesuffix(r")\Z").replace("(?:", "(")
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), inner)


def _notes(type_: inspect.Type) -> dict[str, Any]:
    """Title and description; for an optional field they stand one level further in."""
    if isinstance(type_, inspect.UnionType):
        return next((notes for inner in type_.types if (notes := _notes(inner))), {})
    return (type_.extra_json_schema or {}) if isinstance(type_, inspect.Metadata) else {}


def _document(parent: etree._Element, vi: str, en: str) -> None:
    if not (vi or en):
        return
    annotation = _add(parent, "annotation")
    for language, text in (("vi", vi), ("en", en)):
        if text:
            documentation = _add(annotation, "documentation")
            documentation.set(_XML_LANG, language)
            documentation.text = text


def _add(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_XS}}}{tag}", attributes)
