"""Where the signatures of a PDF stand, by its octets alone (ISO 32000-2, 12.8): cheap, and before any reader of PDF is let loose.

A signature leaves out one gap, which holds its own value and nothing else. What a signature covers ends where a revision ends.
"""

import mmap
import re
from dataclasses import dataclass, field
from itertools import pairwise

from signing.rules import Refused

Octets = bytes | mmap.mmap  # what files are read as: large ones are mapped, not held

_RANGE = re.compile(rb"/ByteRange\s{0,64}\[\s{0,64}(\d{1,10})\s{1,64}(\d{1,10})\s{1,64}(\d{1,10})\s{1,64}(\d{1,10})\s{0,64}\]")
_BEFORE_GAP = re.compile(rb"/Contents[\0\t\n\f\r ]*\Z")
_END_OF_REVISION = re.compile(rb"%%EOF[\0\t\n\f\r ]{0,16}\Z")
_WITH_CODES = re.compile(rb"/[^\0\t\n\f\r ()<>\[\]{}/%]*#[^\0\t\n\f\r ()<>\[\]{}/%]*")  # 7.3.5: names with codes of characters
_CODE = re.compile(rb"#([0-9A-Fa-f]{2})")
_DICTIONARY_OCTETS = 65_536
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
_OBJECT = re.compile(rb"\d{1,10}[\0\t\n\f\r ]+\d{1,5}[\0\t\n\f\r ]+obj(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class PdfCaps:
    """What is refused before any work is done on it. `contents`: octets of one signature value, as hex."""

    octets: int = 256 * 2**20
    signatures: int = 32
    contents: int = 2**22


@dataclass(frozen=True, slots=True)
class Place:
    """A signature by its octets. `start`, `end` of the gap; `covers`: octets from the beginning of the file; `value`: what stands
    in the gap, padding and all."""

    start: int
    end: int
    covers: int
    value: bytes = field(repr=False)

    @property
    def byte_range(self) -> tuple[int, int, int, int]:
        return (0, self.start, self.end, self.covers - self.end)


def find(octets: Octets, caps: PdfCaps) -> tuple[Place, ...]:
    """In the order of the file. Raises Refused `pdf.*`, or `signature.absent`."""
    if len(octets) > caps.octets:
        raise Refused("pdf.too_large", "", f"{len(octets)} octets")
    if octets[:5] != b"%PDF-":
        raise Refused("pdf.type", "octet 0", "not %PDF-")
    named = _count(octets, b"/ByteRange", caps.signatures)
    if not named:
        raise Refused("signature.absent", "/ByteRange")
    found = sorted((_place(octets, match, caps) for match in _RANGE.finditer(octets)), key=lambda one: one.start)
    if len(found) != named:
        raise Refused("pdf.byte_range", "/ByteRange", f"{named} of them, {len(found)} of four plain numbers")
    for before, after in pairwise(found):
        if before.covers > after.start:
            raise Refused("pdf.byte_range", "/ByteRange", "two signatures that overlap")
    return tuple(found)


def check_holder(octets: Octets, place: Place, at: int) -> None:
    """That the object at `at`, which a reader found to be the signature, is the one around the gap, and says each thing once.

    Raises Refused `pdf.contents`.
    """
    header = _OBJECT.match(octets, at)
    before = octets[at : place.start] if header is not None and place.start - at < _DICTIONARY_OCTETS else b""
    after = octets[place.end : place.end + _DICTIONARY_OCTETS]
    rest, ended, _ = after.partition(b"endobj")
    text = before + rest
    if not before or not ended or b"endobj" in before:
        raise Refused("pdf.contents", "/Contents", "the gap does not stand in the object of the signature")
    if text.count(b"/Contents") != 1 or text.count(b"/ByteRange") != 1 or _disguised(text):
        raise Refused("pdf.contents", "/Contents", "named more than once, or in disguise")


def _disguised(text: bytes) -> bool:
    plain = (_CODE.sub(lambda code: bytes.fromhex(code[1].decode()), one) for one in _WITH_CODES.findall(text))
    return any(one in (b"/Contents", b"/ByteRange") for one in plain)


def _count(octets: Octets, word: bytes, cap: int) -> int:
    at, found = octets.find(word), 0
    while at >= 0:
        found += 1
        if found > cap:
            raise Refused("pdf.too_many", "/ByteRange", f"more than {cap} signatures")
        at = octets.find(word, at + len(word))
    return found


def _place(octets: Octets, match: "re.Match[bytes]", caps: PdfCaps) -> Place:
    """Raises Refused `pdf.byte_range` or `pdf.contents`."""
    first, start, end, rest = map(int, match.groups())
    where = f"octet {match.start()}"
    if first != 0 or not 0 < start < end or end + rest > len(octets):
        raise Refused("pdf.byte_range", where, f"{first} {start} {end} {rest}")
    if not start - _DICTIONARY_OCTETS < match.start() < end + _DICTIONARY_OCTETS:
        raise Refused("pdf.byte_range", where, "not beside its gap")
    if end - start > caps.contents:
        raise Refused("pdf.contents", where, f"{end - start} octets")
    if octets[start : start + 1] != b"<" or octets[end - 1 : end] != b">" or not _HEX.fullmatch(octets, start + 1, end - 1):
        raise Refused("pdf.contents", where, "the gap is not one hexadecimal string")
    if not _BEFORE_GAP.search(octets[max(0, start - 32) : start]):
        raise Refused("pdf.contents", where, "the gap is not /Contents")
    if not _END_OF_REVISION.search(octets[max(0, end + rest - 32) : end + rest]):
        raise Refused("pdf.byte_range", where, "does not end with a revision")
    return Place(start, end, end + rest, bytes.fromhex(octets[start + 1 : end - 1].decode()))
