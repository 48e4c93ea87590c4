"""From the octets of a body to its typed model, with everything the hub needs to know about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from contracts.envelope import Identifier
from contracts.errors import ContractError, what_and_where
from contracts.intents import Intent
from contracts.kinds.catalogue import JSON, Kind
from contracts.kinds.xml import from_xml

# What JSON can say and XML 1.0 cannot: control characters, U+FFFE and U+FFFF. A suspicion only; `_unprintable` decides.
_SUSPECT_ESCAPE = re.compile(rb"\\(?:[bf]|u(?:00[01]|[fF]{3}))")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Reading:
    """A body that obeys its schema, the names found in it, the lane for senders that name none, what it asks of earlier ones."""

    model: msgspec.Struct
    identifiers: tuple[Identifier, ...]
    order_key: str | None
    intent: Intent | None = None


def read_body(kind: Kind, octets: bytes, media_type: str) -> Reading:
    """`field` of errors is a path below /body for JSON, of elements for XML; `detail` names types and limits, never a value.

    Raises ContractError "request.media_type_unsupported", "body.malformed" or "body.invalid".
    """
    essence = media_type.partition(";")[0].strip().lower()
    if essence not in kind.media_types:
        raise ContractError(
            "request.media_type_unsupported", "/media_type", f"{kind.key} takes {', '.join(sorted(kind.media_types))}"
        )
    model = _from_json(kind, octets) if essence == JSON else _from_xml(kind, octets)
    return Reading(model, kind.identifiers(model), kind.default_order_key(model), kind.intent(model, octets))


@cache  # versions may share a model
def _decoder(model: type[msgspec.Struct]) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(model)


def _from_json(kind: Kind, octets: bytes) -> msgspec.Struct:
    try:
        model: msgspec.Struct = _decoder(kind.model).decode(octets)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError("body.malformed", "/body", _why_malformed(error)) from None
    if (b"\\" in octets and _SUSPECT_ESCAPE.search(octets)) or b"\xef" in octets:
        for path in _unprintable(msgspec.to_builtins(model), "/body"):
            raise ContractError(
                "body.invalid", path, "a character that XML 1.0 cannot carry (control characters, U+FFFE, U+FFFF)"
            )
    return model


def _from_xml(kind: Kind, octets: bytes) -> msgspec.Struct:
    return from_xml(kind, octets) if kind.read_xml is None else kind.read_xml(octets)


def _invalid(error: msgspec.ValidationError) -> ContractError:
    """The library's message without the values it quotes, its path as a JSON pointer."""
    detail, pointer = what_and_where(error)
    if detail.startswith("Invalid enum value"):
        detail = "not one of the values allowed"
    elif detail.startswith("Object contains unknown field"):
        detail = detail[:100]
    return ContractError("body.invalid", f"/body{pointer}", detail)


def _why_malformed(error: Exception) -> str:
    return f"not UTF-8 at byte {error.start}" if isinstance(error, UnicodeDecodeError) else str(error)[:200]


def _unprintable(value: object, path: str) -> Iterator[str]:
    """Paths of texts with a character outside XML 1.0, production 2."""
    if isinstance(value, str):
        if _UNPRINTABLE.search(value):
            yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _unprintable(inner, f"{path}/{name}")
    elif isinstance(value, (list, tuple)):
        for place, inner in enumerate(value):
            yield from _unprintable(inner, f"{path}/{place}")
