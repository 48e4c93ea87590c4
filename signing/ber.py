"""The distinguished encoding of what was written in the basic one (X.690): for messages of programs that stream what they sign.

Lengths become definite and as short as can be, and strings in pieces become whole. Nothing else changes: values are not looked
at, and the order of sets stays, so what was signed in another order is refused later.
"""

from signing.der import OCTET_STRING, written
from signing.rules import Refused

MAX_DEPTH, MAX_VALUES = 32, 100_000
_CONSTRUCTED, _HIGH_TAG = 0x20, 0x1F
_IN_PIECES = OCTET_STRING | _CONSTRUCTED
_INDEFINITE = 0x80
_END = b"\0\0"
_LENGTH_OCTETS = 4


def to_der(octets: bytes) -> tuple[bytes, int]:
    """The first value in DER, and how many octets it took. Raises Refused `cms.not_der`."""
    writer = _Writer(octets)
    found = writer.value(0, len(octets), 0)
    return found, writer.at


class _Writer:
    """Walks once over the octets; `at` is behind what was read."""

    __slots__ = ("at", "left", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0
        self.left = MAX_VALUES

    def value(self, at: int, end: int, depth: int) -> bytes:
        """The value that begins at `at`, and ends at `end` at the latest."""
        self.left -= 1
        if depth > MAX_DEPTH or self.left < 0:
            raise Refused("cms.not_der", f"octet {at}", "nested too deeply, or too many values")
        if at + 2 > end or self.octets[at] & _HIGH_TAG == _HIGH_TAG:
            raise Refused("cms.not_der", f"octet {at}", "cut, or a tag of more than one octet")
        tag, begin = self.octets[at], at + 2
        if self.octets[at + 1] == _INDEFINITE:
            if not tag & _CONSTRUCTED:
                raise Refused("cms.not_der", f"octet {at}", "indefinite length of what has no parts")
            return self._made(tag, self._parts(begin, end, depth, ended=True))
        begin, stop = self._definite(at, end)
        if tag & _CONSTRUCTED:
            return self._made(tag, self._parts(begin, stop, depth, ended=False))
        self.at = stop
        return written(tag, self.octets[begin:stop])

    def _definite(self, at: int, end: int) -> tuple[int, int]:
        """Where its content begins and ends."""
        length, begin = self.octets[at + 1], at + 2
        if length > _INDEFINITE:
            size = length & 0x7F
            begin += size
            length = int.from_bytes(self.octets[at + 2 : begin])
            if size > _LENGTH_OCTETS:
                raise Refused("cms.not_der", f"octet {at}", "impossible length")
        if begin + length > end:
            raise Refused("cms.not_der", f"octet {at}", "longer than what is there")
        return begin, begin + length

    def _parts(self, at: int, end: int, depth: int, *, ended: bool) -> list[bytes]:
        """`ended`: by two zeros, not by a length."""
        found = []
        while ended or at < end:
            if ended and self.octets[at : at + 2] == _END and at + 2 <= end:
                at += 2
                break
            found.append(self.value(at, end, depth + 1))
            at = self.at
        self.at = at
        return found

    def _made(self, tag: int, parts: list[bytes]) -> bytes:
        if tag != _IN_PIECES:
            return written(tag, *parts)
        if any(one[0] != OCTET_STRING for one in parts):
            raise Refused("cms.not_der", "OCTET STRING", "pieces that are no octets")
        return written(OCTET_STRING, *[_content(one) for one in parts])


def _content(piece: bytes) -> bytes:
    length = piece[1]
    return piece[2 + (length & 0x7F if length > _INDEFINITE else 0) :]
