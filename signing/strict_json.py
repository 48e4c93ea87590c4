"""JSON objects of strangers (RFC 8259), read so that no two readers can differ about them."""

import json
from typing import Any


def read_object(octets: bytes) -> dict[str, Any]:
    """UTF-8 without a byte order mark, no member twice at any depth, no NaN. Raises ValueError, also for what nests too deep."""
    try:
        found = json.loads(octets.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 7515, section 4, lets readers differ about the second of two members with one name."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
