"""CMS messages and PDFs made wrong: octets changed by chance, values of DER moved about, numbers of a PDF altered.

Deterministic for a seed.
"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

from asn1crypto.parser import parse

from tests.mutants import OF_OCTETS

_HEADS = (0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x17, 0x18, 0x24, 0x30, 0x31, 0x80, 0xA0, 0xA1)
_NUMBER = re.compile(rb"\d+")
_TOKENS = (
    b"/Contents", b"/ByteRange", b"/ByteRange [0 1 2 3]", b"/Contents <00>", b"<", b">", b"<<", b">>", b"endobj\n", b"9 0 obj\n",
    b"%%EOF\n", b"%", b"startxref\n0\n", b"/XRefStm 9", b"/Prev 9", b"/Annots [9 0 R]", b"/Encrypt 9 0 R", b"/JS (x)", b"\0",
    b"\n", b"xref\n0 1\n0000000000 65535 f \n", b"trailer\n<< /Root 1 0 R /Size 9 >>\n", b"/V 9 0 R", b"()",
    b"/Con#74ents", b"null",
)  # fmt: skip


@dataclass(slots=True)
class Value:
    """A value of DER, taken apart as far as it can be."""

    tag: int
    content: bytes = b""
    parts: "list[Value]" = field(default_factory=list)

    def octets(self) -> bytes:
        content = b"".join(one.octets() for one in self.parts) if self.parts else self.content
        size = len(content)
        length = bytes((size,)) if size < 0x80 else b"\x84" + size.to_bytes(4)
        if size >= 0x80:
            shortest = size.to_bytes((size.bit_length() + 7) // 8)
            length = bytes((0x80 | len(shortest),)) + shortest
        return bytes((self.tag,)) + length + content

    def all(self) -> "Iterator[Value]":
        yield self
        for one in self.parts:
            yield from one.all()


def taken_apart(octets: bytes) -> list[Value]:
    """Raises ValueError."""
    found = []
    while octets:
        _, _, _, header, content, _ = parse(octets)
        value = Value(header[0], content)
        if header[0] & 0x20:
            value.parts = taken_apart(content)
        found.append(value)
        octets = octets[len(header) + len(content) :]
    return found


def of_message(octets: bytes, seed: int, count: int) -> Iterator[bytes]:
    """`count` messages that differ from `octets`; half of them are DER again."""
    chance, made = Random(seed), 0
    while made < count:
        if chance.random() < 0.5:
            mutant = _some_octets(octets, chance)
        else:
            root = taken_apart(octets)[0]
            for _ in range(chance.choice((1, 1, 1, 2, 4))):
                chance.choice(_OF_VALUES)(root, chance)
            mutant = root.octets()
        if mutant != octets:
            made += 1
            yield mutant


def of_pdf(octets: bytes, seed: int, count: int) -> Iterator[bytes]:
    """`count` files that differ from `octets`."""
    chance, made = Random(seed), 0
    while made < count:
        mutant = octets
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            mutant = chance.choice((_some_octets, _other_number, _token, _tail))(mutant, chance)
        if mutant != octets:
            made += 1
            yield mutant


def _some_octets(octets: bytes, chance: Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4))):
        octets = chance.choice(OF_OCTETS)(octets, chance) if octets else b"0"
    return octets


def _other_number(octets: bytes, chance: Random) -> bytes:
    found = chance.choice(list(_NUMBER.finditer(octets)) or [None])
    if found is None:
        return octets
    other = max(0, int(found[0][:12]) + chance.choice((-100, -9, -1, 1, 9, 100, 5000)))
    return octets[: found.start()] + str(other).encode().zfill(len(found[0])) + octets[found.end() :]


def _token(octets: bytes, chance: Random) -> bytes:
    at, token = chance.randrange(len(octets) + 1), chance.choice(_TOKENS)
    return octets[:at] + token + octets[at + chance.choice((0, len(token))) :]


def _tail(octets: bytes, chance: Random) -> bytes:
    """An update of some kind behind the end."""
    return octets + b"".join(chance.choices(_TOKENS, k=chance.choice((1, 2, 5))))


def _any(root: Value, chance: Random) -> Value:
    return chance.choice(list(root.all()))


def _holder(root: Value, chance: Random) -> Value:
    return chance.choice([one for one in root.all() if one.parts] or [root])


def _remove(root: Value, chance: Random) -> None:
    holder = _holder(root, chance)
    if len(holder.parts) > 1:
        del holder.parts[chance.randrange(len(holder.parts))]


def _double(root: Value, chance: Random) -> None:
    parts = _holder(root, chance).parts
    if parts:
        parts.insert(chance.randrange(len(parts) + 1), chance.choice(parts))


def _swap(root: Value, chance: Random) -> None:
    chance.shuffle(_holder(root, chance).parts)


def _copy(root: Value, chance: Random) -> None:
    copied = deepcopy(_any(root, chance))
    parts = _holder(root, chance).parts
    if parts:
        parts.insert(chance.randrange(len(parts) + 1), copied)


def _other_tag(root: Value, chance: Random) -> None:
    one = _any(root, chance)
    one.tag = chance.choice((*_HEADS, one.tag ^ 0x20))


def _other_content(root: Value, chance: Random) -> None:
    one, old = _any(root, chance), _any(root, chance).content
    if not one.parts:
        one.content = chance.choice((b"", b"\0", old, one.content[:-1], one.content + b"\0", b"\0" + one.content))


_OF_VALUES: tuple[Callable[[Value, Random], None], ...] = (_remove, _double, _swap, _copy, _other_tag, _other_content)
