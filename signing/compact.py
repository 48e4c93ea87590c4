"""The compact form of RFC 7515, to the letter: three parts, strict base64url (section 2 and appendix C), a header without doubt.

The payload is decoded last, by who asks for it: after the signature was verified over the octets as they came.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from signing.rules import Refused
from signing.strict_json import read_object

MAX_SIGNATURE_CHARS = 1366  # RSA of 8192 bits
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")  # what does not belong into base64url becomes what does not belong into base64
_TO_URL = bytes.maketrans(b"+/", b"-_")
# Two or three characters at the end carry 12 or 18 bits for 8 or 16: the rest must be zero, else a value had many spellings.
_LAST = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}


@dataclass(frozen=True, slots=True)
class Compact:
    """A JWS taken apart. `signed`: the octets that the signature is over. `encoded`: the payload as it stands there."""

    header: Mapping[str, Any]
    signed: bytes
    encoded: bytes
    signature: bytes

    def payload(self) -> bytes:
        """Raises Refused `jws.form`."""
        return decode(self.encoded, "payload")


def read(token: str, *, max_header_chars: int, max_payload_bytes: int) -> Compact:
    """Raises Refused `jws.form`, `jws.too_large` or `jws.header`."""
    if len(token) > max_header_chars + MAX_SIGNATURE_CHARS + 2 + (max_payload_bytes + 2) // 3 * 4:
        raise Refused("jws.too_large", "", f"{len(token)} characters")
    try:
        header, payload, signature = token.encode("ascii").split(b".")
    except ValueError:
        raise Refused("jws.form", "", "not three parts in ASCII") from None
    if len(header) > max_header_chars or len(signature) > MAX_SIGNATURE_CHARS or len(payload) > (max_payload_bytes + 2) // 3 * 4:
        raise Refused("jws.too_large", "", "header, payload or signature")
    if not payload or not signature:
        raise Refused("jws.form", "", "the payload or the signature is missing")
    signed = token.encode("ascii")[: len(header) + 1 + len(payload)]
    return Compact(_header(header), signed, payload, decode(signature, "signature"))


def write(header: bytes, payload: bytes) -> bytes:
    """The octets to be signed."""
    return encode(header) + b"." + encode(payload)


def encode(octets: bytes) -> bytes:
    """base64url without padding."""
    return b2a_base64(octets, newline=False).rstrip(b"=").translate(_TO_URL)


def decode(part: bytes, place: str) -> bytes:
    """Raises Refused `jws.form`."""
    rest = len(part) % 4
    if rest == 1 or (rest and part[-1] not in _LAST[rest]):
        raise Refused("jws.form", place, "not base64url")
    try:
        return a2b_base64(part.translate(_FROM_URL) + b"==="[: -rest % 4], strict_mode=True)
    except Base64Error:
        raise Refused("jws.form", place, "not base64url") from None


@lru_cache(maxsize=256)
def _header(part: bytes) -> Mapping[str, Any]:
    """What stands there, whoever wrote it: a partner's header is the same on every statement."""
    octets = decode(part, "header")
    try:
        return MappingProxyType(read_object(octets))
    except ValueError as error:
        raise Refused("jws.header", "header", type(error).__name__) from None
