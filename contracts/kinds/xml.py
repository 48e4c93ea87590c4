"""The XML twin of the models: namespace `urn:lgsp:<kind>:<version>`, elements named as the fields, lists as repeated elements.

Nothing is lost either way: an absent element is null or the default, an empty one is the empty text. The schema (`xsd`) is
checked first, so a document is refused for the same reasons as JSON, and the mapping below may trust its shape.

A signature as the last child of the root (XML Signature, enveloped) is none of the body: it is set aside before the schema is
asked, as it is when the signature is verified.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from lxml import etree

from contracts.errors import ContractError
from contracts.kinds.catalogue import Kind
from contracts.kinds.xsd import namespace, plain, write_xsd
from contracts.safe_xml import local_name, parse

# What the validator found, by its name for the rule. Its own messages quote values; ours must not.
_REASONS = MappingProxyType(
    {
        "SCHEMAV_CVC_ENUMERATION_VALID": "not one of the values allowed",
        "SCHEMAV_CVC_PATTERN_VALID": "does not match its pattern",
        "SCHEMAV_CVC_MAXLENGTH_VALID": "too long",
        "SCHEMAV_CVC_MINLENGTH_VALID": "too short",
        "SCHEMAV_CVC_MININCLUSIVE_VALID": "too small",
        "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "too large",
        "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "not of its type",
        "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "an attribute is not allowed here",
        "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text is not allowed here",
        "SCHEMAV_CVC_ELT_1": "not the root element of this kind",
    }
)
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_NAMESPACE_IN_MESSAGE = re.compile(r"\{[^}]*\}")


def to_xml(kind: Kind, model: msgspec.Struct) -> bytes:
    """The twin of a body of this kind, UTF-8 with a declaration.

    Raises ContractError "body.invalid" for a text with characters that XML 1.0 cannot carry.
    """
    root = etree.fromstring(f'<{kind.name} xmlns="{namespace(kind)}"/>')
    try:
        _write(root, msgspec.to_builtins(model), f"{{{namespace(kind)}}}")
    except ValueError:
        raise ContractError(
            "body.invalid", "/", "a character that XML 1.0 cannot carry (control characters, U+FFFE, U+FFFF)"
        ) from None
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def from_xml(kind: Kind, octets: bytes) -> msgspec.Struct:
    """Raises ContractError "body.malformed" or "body.invalid", whose field is a path such as "/case.file/papers[2]/name"."""
    root = _without_signature(parse(octets))
    try:
        _schema(kind).assertValid(root)
    except etree.DocumentInvalid as error:
        raise _explained(root, error) from None
    try:
        return msgspec.convert(_read(root, kind.model), kind.model, strict=False)
    except msgspec.ValidationError as error:
        raise _refused(kind, error) from None


def _without_signature(root: etree._Element) -> etree._Element:
    last = root[-1] if len(root) else None
    if last is not None and last.tag == _SIGNATURE and not (last.tail or "").strip():
        root.remove(last)
    return root


@cache
def _schema(kind: Kind) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(write_xsd(kind)))


def _write(parent: etree._Element, fields: dict[str, Any], prefix: str) -> None:
    for name, value in fields.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is None:
                continue
            element = etree.SubElement(parent, f"{prefix}{name}")
            if isinstance(one, dict):
                _write(element, one, prefix)
            else:
                element.text = str(one).lower() if isinstance(one, bool) else str(one)


class _Slot(NamedTuple):
    """How the elements of one field are read: `model` for a group, else a text, trimmed unless white space belongs to it."""

    many: bool
    required: bool
    model: type[msgspec.Struct] | None
    trimmed: bool


@cache
def _slots(model: type[msgspec.Struct]) -> Mapping[str, _Slot]:
    info = msgspec.inspect.type_info(model)
    assert isinstance(info, msgspec.inspect.StructType)
    return MappingProxyType({field.encode_name: _slot(field) for field in info.fields})


def _slot(field: msgspec.inspect.Field) -> _Slot:
    type_ = plain(field.type)
    one = plain(type_.item_type) if isinstance(type_, msgspec.inspect.VarTupleType) else type_
    return _Slot(
        many=one is not type_,
        required=field.required,
        model=one.cls if isinstance(one, msgspec.inspect.StructType) else None,
        trimmed=not isinstance(one, msgspec.inspect.StrType),
    )


def _read(element: etree._Element, model: type[msgspec.Struct]) -> dict[str, Any]:
    slots = _slots(model)
    # No element at all is the empty list, also where a list is required.
    found: dict[str, Any] = {name: [] for name, slot in slots.items() if slot.many and slot.required}
    for child in element:
        name = local_name(child)
        slot = slots[name]
        value = _read(child, slot.model) if slot.model else (child.text or "").strip() if slot.trimmed else child.text or ""
        if slot.many:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def _explained(root: etree._Element, invalid: etree.DocumentInvalid) -> ContractError:
    log: Any = invalid.error_log  # published without types
    first = log[0]
    if first.type_name == "SCHEMAV_ELEMENT_CONTENT":  # names of elements only, and those expected: worth keeping
        detail = _NAMESPACE_IN_MESSAGE.sub("", first.message)[:300]
    else:
        detail = _REASONS.get(first.type_name, "does not match the schema")
    return ContractError("body.invalid", _named_path(root, first.path or "/*"), detail)


def _named_path(root: etree._Element, path: str) -> str:
    """The validator's "/*/*[3]" with the names of the elements, counted among those of the same name where there are several."""
    named, siblings = "", [root]
    for step in path.strip("/").split("/"):
        name, _, place = step.partition("[")
        local = name.rpartition(":")[2]
        candidates = [one for one in siblings if local in ("*", local_name(one))]
        position = int(place.rstrip("]") or 1) - 1 if place else 0
        if position >= len(candidates):
            break
        element = candidates[position]
        same = [one for one in siblings if one.tag == element.tag]
        named += f"/{local_name(element)}" + (f"[{same.index(element) + 1}]" if len(same) > 1 else "")
        siblings = list(element)
    return named or "/"


def _refused(kind: Kind, error: msgspec.ValidationError) -> ContractError:
    """What the schema cannot say, e.g. a date that does not exist in the calendar the model uses."""
    detail, _, path = str(error).partition(" - at `$")
    steps = re.sub(r"\[(\d+)\]", lambda found: f"[{int(found[1]) + 1}]", path.rstrip("`")).replace(".", "/")
    if detail.startswith("Invalid enum value"):
        detail = "not one of the values allowed"
    return ContractError("body.invalid", f"/{kind.name}{steps}", detail)
