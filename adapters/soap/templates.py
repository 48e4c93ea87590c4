"""Texts with places to be filled: `HS-{body.case_number}`, `{body.received_at|date:%d/%m/%Y}`. Pure.

A place names a value by a path and may pass it through filters. A template that is one place and nothing else keeps what the
value is (octets, an element, nothing at all); any other is text.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec
from lxml import etree

from contracts.safe_xml import parse

MAX_TEMPLATE_CHARS = 2000
Value = Any  # what JSON has, structs, moments, octets, elements

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_PATH = re.compile(r"[a-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_ICT = timezone(timedelta(hours=7))  # people read dates in Vietnam's time


@dataclass(frozen=True, slots=True)
class Place:
    """`path`: "body.case_number"; `filters`: names with their arguments."""

    path: str
    filters: tuple[tuple[str, str], ...] = ()

    def value(self, values: Mapping[str, Value]) -> Value:
        found: Value = values
        for name in self.path.split("."):
            found = _member(found, name)
        for name, argument in self.filters:
            found = _FILTERS[name](found, argument)
        return found


@dataclass(frozen=True, slots=True)
class Template:
    """Constants and places, in turn."""

    parts: tuple[str | Place, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(part for part in self.parts if isinstance(part, Place))

    def value(self, values: Mapping[str, Value]) -> Value:
        """Raises ContractError "body.malformed" where XML was to be inserted and is none."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Place):
            return self.parts[0].value(values)
        return "".join(part if isinstance(part, str) else as_text(part.value(values)) for part in self.parts)


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """Raises ValueError, saying what is wrong, for a text that cannot be filled."""
    if len(text) > MAX_TEMPLATE_CHARS:
        raise ValueError(f"longer than {MAX_TEMPLATE_CHARS} characters")
    parts: list[str | Place] = []
    end = 0
    for found in _PLACE.finditer(text):
        _constant(parts, text[end : found.start()])
        end = found.end()
        if found[1] is None:
            _constant(parts, found[0][0], doubled=True)
        else:
            parts.append(_place(found[1]))
    _constant(parts, text[end:])
    return Template(tuple(parts) or ("",))


def as_text(value: Value) -> str:
    """As it stands in a message; "" for nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case bytes():
            return value.decode("utf-8", "replace")
        case datetime():
            return value.isoformat()
        case etree._Element():
            return etree.tostring(value, encoding="unicode")
        case _:
            return str(value)


def _constant(parts: list[str | Place], text: str, *, doubled: bool = False) -> None:
    if not doubled and ("{" in text or "}" in text):
        raise ValueError("a single brace; a brace that is meant is written twice")
    if text and parts and isinstance(parts[-1], str):
        parts[-1] += text
    elif text:
        parts.append(text)


def _place(text: str) -> Place:
    path, *filters = (part.strip() for part in text.split("|"))
    if not _PATH.fullmatch(path):
        raise ValueError(f"{{{text}}} names no value")
    named = []
    for one in filters:
        name, _, argument = one.partition(":")
        if name not in _FILTERS:
            raise ValueError(f"there is no filter {name}; there are {', '.join(sorted(_FILTERS))}")
        named.append((name, argument))
    return Place(path, tuple(named))


def _member(value: Value, name: str) -> Value:
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, msgspec.Struct):
        return getattr(value, name) if name in value.__struct_fields__ else None
    if isinstance(value, (list, tuple)) and name.isdigit():
        return value[int(name)] if int(name) < len(value) else None
    return None


def _octets(value: Value) -> bytes:
    return value if isinstance(value, bytes) else as_text(value).encode()


def _date(value: Value, form: str) -> Value:
    """A moment in the form that strftime knows; what is no moment stays as it is."""
    try:
        moment = datetime.fromisoformat(as_text(value))
    except ValueError:
        return value
    return (moment if moment.tzinfo is None else moment.astimezone(_ICT)).strftime(form or "%d/%m/%Y")


def _codes(value: Value, table: str) -> Value:
    """`1=MOI,2=DANG_XU_LY,*=KHAC`: their code for ours; `*` for any other; without it, nothing."""
    rows = dict(row.strip().split("=", 1) for row in table.split(",") if "=" in row)
    return rows.get(as_text(value), rows.get("*"))


_FILTERS: Mapping[str, Callable[[Value, str], Value]] = MappingProxyType(
    {
        "base64": lambda value, _: None if value is None else base64.b64encode(_octets(value)).decode(),
        "codes": _codes,
        "cut": lambda value, length: None if value is None else as_text(value)[: int(length)],
        "date": _date,
        "or": lambda value, other: other if value in (None, "") else value,
        "text": lambda value, _: None if value is None else as_text(value),
        "xml": lambda value, _: None if value is None else parse(_octets(value), huge_texts=True),
    }
)
