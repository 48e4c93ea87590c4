"""Distinguished encoding of ASN.1 (X.690, clause 10): a reader that accepts one encoding of a value and no other.

It goes only where it is asked to go, so nesting costs nothing, and a length is compared with what is there before it is used.
"""

from signing.rules import Refused

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
NOTHING = 0  # the tag that stands where nothing follows
_LENGTH_OCTETS = 4


def context(number: int, *, primitive: bool = False) -> int:
    """The tag [number] of a structure; constructed unless said otherwise."""
    return (0x80 if primitive else 0xA0) | number


class Reader:
    """Takes one value after the other from `octets[at:end]`. All methods raise Refused `cms.not_der` or `cms.shape`."""

    __slots__ = ("at", "end", "octets")

    def __init__(self, octets: bytes, at: int = 0, end: int = -1) -> None:
        self.octets = octets
        self.at = at
        self.end = len(octets) if end < 0 else end

    @property
    def next_tag(self) -> int:
        """The tag of what follows; NOTHING at the end."""
        return self.octets[self.at] if self.at < self.end else NOTHING

    def enter(self, tag: int) -> "Reader":
        """A reader of the content of what follows."""
        begin = self._pass(tag)
        return Reader(self.octets, begin, self.at)

    def value(self, tag: int) -> bytes:
        """The content of what follows."""
        begin = self._pass(tag)
        return self.octets[begin : self.at]

    def whole(self, tag: int) -> bytes:
        """What follows, with its tag and length."""
        start = self.at
        self._pass(tag)
        return self.octets[start : self.at]

    def optional(self, tag: int) -> bytes | None:
        """The content of what follows if it has this tag."""
        return self.value(tag) if self.next_tag == tag else None

    def close(self) -> None:
        """Nothing may be left."""
        if self.at != self.end:
            raise Refused("cms.shape", f"octet {self.at}", f"{self.end - self.at} octets more than expected")

    def only(self, tag: int) -> bytes:
        """The content of what follows, behind which nothing is left."""
        found = self.value(tag)
        self.close()
        return found

    def _pass(self, tag: int) -> int:
        """Moves behind what follows; where its content begins."""
        octets, start, end = self.octets, self.at, self.end
        begin = start + 2
        if begin > end or octets[start] != tag:
            raise Refused("cms.shape", f"octet {start}", f"tag {self.next_tag:#04x} instead of {tag:#04x}")
        length = octets[start + 1]
        if length > 0x7F:
            begin += length & 0x7F
            if not start + 2 < begin <= start + 2 + _LENGTH_OCTETS or begin > end:
                raise Refused("cms.not_der", f"octet {start}", "indefinite or impossible length")
            length = int.from_bytes(octets[start + 2 : begin])
            if length < 0x80 or not octets[start + 2]:
                raise Refused("cms.not_der", f"octet {start}", "length not as short as can be")
        self.at = at = begin + length
        if at > end:
            raise Refused("cms.not_der", f"octet {start}", "longer than what is there")
        return begin


def natural(content: bytes) -> int:
    """The content of an INTEGER that is not negative. Raises Refused `cms.not_der`."""
    if not content or content[0] > 0x7F or (len(content) > 1 and content[0] == 0 and content[1] < 0x80):
        raise Refused("cms.not_der", "INTEGER", "negative, or not as short as can be")
    return int.from_bytes(content)


def dotted(content: bytes) -> str:
    """The content of an OBJECT IDENTIFIER, for people."""
    arcs, arc = [], 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2) if arcs else 0
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:]))) if arcs else ""


def written(tag: int, *parts: bytes) -> bytes:
    """The encoding of a value whose content is `parts`."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + content


def identifier(name: str) -> bytes:
    """The encoding of an OBJECT IDENTIFIER written with dots."""
    first, second, *others = map(int, name.split("."))
    return written(OID, *(_base_128(arc) for arc in (40 * first + second, *others)))


def _base_128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(arc & 0x7F | 0x80)
    return bytes(reversed(digits))
