"""Which elements a group has, in the order in which they are written: derived from the fields of the model."""

import types
import typing
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec

from contracts.edxml.model import Group, Rule
from contracts.edxml.when import When

Kind = Literal["text", "when", "number", "group"]


class Element(NamedTuple):
    """`field` of the model, `name` on the wire. `group`: what stands inside; `many`: it may repeat; `low`, `high`: of numbers."""

    field: str
    name: str
    kind: Kind
    rule: Rule
    many: bool = False
    group: type[Group] | None = None
    low: int = 0
    high: int = 0
    default: Any = None


@cache
def elements(group: type[Group]) -> tuple[Element, ...]:
    """Fields without a rule are no elements: whoever reads and writes the group sees to them."""
    hints = typing.get_type_hints(group, include_extras=True)
    fields = {field.name: field for field in msgspec.structs.fields(group)}
    return tuple(
        _element(name, hint.__metadata__, typing.get_args(hint)[0], fields[name].default)
        for name, hint in hints.items()
        if name in fields and typing.get_origin(hint) is typing.Annotated
    )


@cache
def by_name(group: type[Group]) -> dict[str, Element]:
    return {element.name: element for element in elements(group)}


def _element(field: str, metadata: tuple[Any, ...], hint: Any, default: Any) -> Element:
    rule = next(one for one in metadata if isinstance(one, Rule))
    bounds = next((one for one in metadata if isinstance(one, msgspec.Meta)), msgspec.Meta(ge=0, le=0))
    many = typing.get_origin(hint) is tuple
    inner = typing.get_args(hint)[0] if many else _without_none(hint)
    name = "".join(word.capitalize() for word in field.split("_"))
    kind, group = _kind(inner)
    return Element(field, name, kind, rule, many, group, int(bounds.ge or 0), int(bounds.le or 0), default)


def _kind(inner: Any) -> tuple[Kind, type[Group] | None]:
    if inner is str:
        return "text", None
    if inner is When:
        return "when", None
    return ("number", None) if inner is int else ("group", inner)


def _without_none(hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        return next(one for one in typing.get_args(hint) if one is not type(None))
    return hint
