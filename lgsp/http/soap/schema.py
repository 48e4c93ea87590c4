"""The XML Schema of the SOAP surface, from the types that read and write the messages.

Limits of numbers and texts are not in it: the operations enforce them, some depend on settings, and a client that was generated
from yesterday's limit would refuse what the hub takes today. /openapi.json tells them.
"""

from collections.abc import Iterable, Sequence

from lxml import etree
from msgspec import inspect

from contracts.kinds.xsd import plain
from lgsp.http.soap.operations import NAMESPACE, PROBLEM, Element, Operation, fields_of

XS = "http://www.w3.org/2001/XMLSchema"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_SIMPLE = {
    inspect.StrType: "xs:string",
    inspect.IntType: "xs:long",
    inspect.FloatType: "xs:double",
    inspect.BoolType: "xs:boolean",
    inspect.DateTimeType: "xs:dateTime",
    inspect.DateType: "xs:date",
    inspect.BytesType: "xs:base64Binary",
}


def schema_of(operations: Iterable[Operation]) -> etree._Element:
    """Raises TypeError for a type that no operation uses yet: teach it here and where messages are read and written."""
    schema = etree.Element(
        f"{{{XS}}}schema",
        {"targetNamespace": NAMESPACE, "elementFormDefault": "qualified"},
        nsmap={"xs": XS, "tns": NAMESPACE},
    )
    written: set[str] = set()
    for one in operations:
        _wrapper(schema, one.name, one.asked, written)
        _wrapper(schema, f"{one.name}Response", one.answered, written)
    _add(schema, "element", name="problem", type="tns:Problem")
    _complex_type(schema, PROBLEM, written)
    return schema


def _wrapper(schema: etree._Element, name: str, elements: Sequence[Element], written: set[str]) -> None:
    complex_type = _add(_add(schema, "element", name=name), "complexType")
    _sequence(schema, complex_type, elements, written)


def _sequence(schema: etree._Element, complex_type: etree._Element, elements: Sequence[Element], written: set[str]) -> None:
    sequence = _add(complex_type, "sequence")
    for one in elements:
        _element(schema, sequence, one, written)


def _element(schema: etree._Element, sequence: etree._Element, one: Element, written: set[str]) -> None:
    element = _add(sequence, "element", name=one.name)
    if not one.required:
        element.set("minOccurs", "0")
    if one.many:
        element.set("maxOccurs", "unbounded")
    _document(element, one.note)
    match one.type:
        case inspect.StructType(cls=cls):
            element.set("type", f"tns:{cls.__name__}")
            _complex_type(schema, one.type, written)
        case inspect.LiteralType(values=values):
            restriction = _add(_add(element, "simpleType"), "restriction", base="xs:string")
            for value in values:
                _add(restriction, "enumeration", value=str(value))
        case inspect.RawType():
            anything = _add(_add(element, "complexType"), "sequence")
            _add(anything, "any", namespace="##any", processContents="lax", minOccurs="0")
        case inspect.DictType(value_type=value_type):
            entries = _add(_add(element, "complexType"), "sequence")
            entry = _add(entries, "element", name="entry", minOccurs="0", maxOccurs="unbounded")
            pair = _add(_add(entry, "complexType"), "sequence")
            _add(pair, "element", name="key", type="xs:string")
            _add(pair, "element", name="value", type=_SIMPLE[type(plain(value_type))])
        case _ if type(one.type) in _SIMPLE:
            element.set("type", _SIMPLE[type(one.type)])
        case _:
            raise TypeError(f"no XML Schema type for {one.type!r} ({one.name})")


def _complex_type(schema: etree._Element, type_: inspect.Type, written: set[str]) -> None:
    assert isinstance(type_, inspect.StructType)
    name = type_.cls.__name__
    if name in written:
        return
    written.add(name)
    complex_type = _add(schema, "complexType", name=name)
    _document(complex_type, " ".join((type_.cls.__doc__ or "").split()))
    _sequence(schema, complex_type, tuple(fields_of(type_.cls).values()), written)


def _document(parent: etree._Element, text: str) -> None:
    if text:
        documentation = _add(_add(parent, "annotation"), "documentation")
        documentation.set(_XML_LANG, "en")
        documentation.text = text


def _add(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{XS}}}{tag}", attributes)
