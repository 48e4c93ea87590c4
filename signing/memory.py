"""What was found once and is not found again: bounded, however strangers vary what they send."""

from typing import TypeVar

_Value = TypeVar("_Value")

# Certificates of a path take a few thousand octets; a key that strangers blew up is not worth its room.
_MAX_KEY_BYTES = 16 * 1024

Key = tuple[bytes | str, ...]  # a word and exact octets, or octets alone


def remember(memory: dict[Key, _Value], key: Key, value: _Value, limit: int) -> None:
    """At most `limit` values; when it is full all go, as what is in use comes back at once."""
    if sum(map(len, key)) > _MAX_KEY_BYTES:
        return
    if len(memory) >= limit:
        memory.clear()
    memory[key] = value
