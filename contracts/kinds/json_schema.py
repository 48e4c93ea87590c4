"""JSON Schema (2020-12) of a kind, from its model."""

from typing import Any

import msgspec

from contracts.kinds.catalogue import Kind
from contracts.kinds.codes import Labelled

_CODE_LISTS = {codes.__name__: codes for codes in Labelled.__subclasses__()}


def write_json_schema(kind: Kind) -> bytes:
    """UTF-8, indented. For documents it describes the summary that the hub makes of the packet."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:lgsp:schema:{kind.name}:{kind.version}",
        "title": kind.title_vi,
        "description": f"{kind.title_en}. Source: {kind.source}.",
        **msgspec.json.schema(kind.model),
    }
    for name, definition in schema["$defs"].items():
        if name in _CODE_LISTS:
            definition["oneOf"] = [
                {"const": int(code), "title": code.label_vi, "description": code.label_en} for code in _CODE_LISTS[name]
            ]
    return msgspec.json.format(msgspec.json.encode(_anchored(schema)), indent=2) + b"\n"


def _anchored(node: Any) -> Any:
    r"""Python's `\A...\Z` as `^...$`, which in ECMA 262 mean the same."""
    if isinstance(node, dict):
        return {
            name: _ecma(inner) if name == "pattern" and isinstance(inner, str) else _anchored(inner)
            for name, inner in node.items()
        }
    return [_anchored(inner) for inner in node] if isinstance(node, list) else node


def _ecma(pattern: str) -> str:
    return pattern.replace(r"\A", "^", 1).replace(r"\Z", "$", 1)
