"""Unsigned attributes (RFC 5652, 11.4; EN 319 122-1, 5.3 to 5.5): anybody may have added them, so each proves itself."""

from dataclasses import dataclass
from datetime import datetime

from signing.cms_parts import name_of
from signing.der import NOTHING, OID, SEQUENCE, SET, Reader, identifier
from signing.report import Refusal, TimeStamp
from signing.timestamps import verify_stamp
from signing.trust import TrustBase

_SIGNATURE_STAMP = identifier("1.2.840.113549.1.9.16.2.14")


@dataclass(frozen=True, slots=True)
class Unsigned:
    """`stamps`: tokens that claim to be over the signature value. `others`: names of what is not evaluated."""

    stamps: tuple[bytes, ...] = ()
    others: tuple[str, ...] = ()


def read(octets: bytes, most: int) -> Unsigned:
    """`octets`: content of the SET OF attributes; `most`: attributes, and values of one. Raises Refused `cms.*`."""
    attributes, stamps, others = Reader(octets), list[bytes](), list[str]()
    while attributes.next_tag != NOTHING and len(stamps) + len(others) < most:
        attribute = attributes.enter(SEQUENCE)
        kind, values = attribute.whole(OID), attribute.enter(SET)
        attribute.close()
        if kind != _SIGNATURE_STAMP:
            others.append(name_of(kind))
            continue
        while values.next_tag != NOTHING and len(stamps) < most:
            stamps.append(values.whole(SEQUENCE))
    return Unsigned(tuple(stamps), tuple(others))


def first_stamp(
    tokens: tuple[bytes, ...], value: bytes, trust: TrustBase, at: datetime
) -> tuple[TimeStamp | None, Refusal | None]:
    """The earliest time-stamp over the signature `value` that is verified, or why the first one is not.

    A signature whose time-stamp is refused is a signature without one.
    """
    found = [verify_stamp(token, value, trust, at) for token in tokens]
    verified = [one for one in found if isinstance(one, TimeStamp)]
    if verified:
        return min(verified, key=lambda one: one.at), None
    return None, next((one for one in found if isinstance(one, Refusal)), None)
