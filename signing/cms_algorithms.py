"""Algorithm identifiers of CMS (RFC 5754, 4056, 5753) by their whole encodings, and the URIs they go by in reports.

A table of encodings leaves no parameters to be interpreted: what is not here letter by letter is refused.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from signing import profiles
from signing.algorithms import verify_value
from signing.der import INTEGER, NULL, SEQUENCE, Reader, context, identifier, natural, written
from signing.rules import Refused

_NULL = written(NULL)
_HASHES = {
    profiles.SHA256: "2.16.840.1.101.3.4.2.1",
    profiles.SHA384: "2.16.840.1.101.3.4.2.2",
    profiles.SHA512: "2.16.840.1.101.3.4.2.3",
    profiles.LEGACY_SHA1: "1.3.14.3.2.26",
}
_HASH_OCTETS = {profiles.SHA256: 32, profiles.SHA384: 48, profiles.SHA512: 64}
_MODULUS_OCTETS = (256, 384, 512)
_RSA = {
    profiles.SHA256: ("1.2.840.113549.1.1.11", profiles.RSA_SHA256),
    profiles.SHA384: ("1.2.840.113549.1.1.12", profiles.RSA_SHA384),
    profiles.SHA512: ("1.2.840.113549.1.1.13", profiles.RSA_SHA512),
    profiles.LEGACY_SHA1: ("1.2.840.113549.1.1.5", profiles.LEGACY_RSA_SHA1),
}
_PSS = {
    profiles.SHA256: profiles.PSS_SHA256,
    profiles.SHA384: profiles.PSS_SHA384,
    profiles.SHA512: profiles.PSS_SHA512,
}
_ECDSA = {
    profiles.SHA256: ("1.2.840.10045.4.3.2", profiles.ECDSA_SHA256),
    profiles.SHA384: ("1.2.840.10045.4.3.3", profiles.ECDSA_SHA384),
    profiles.SHA512: ("1.2.840.10045.4.3.4", profiles.ECDSA_SHA512),
}


def _with_and_without_null(name: str) -> tuple[bytes, bytes]:
    """Both are in use, and both are legal for hashes and for RSA (RFC 5754, 2; RFC 4055, 5)."""
    return written(SEQUENCE, identifier(name)), written(SEQUENCE, identifier(name), _NULL)


def _pss(digest: str) -> Iterator[tuple[bytes, int]]:
    """RFC 4055, 3.1: MGF1 by the same hash, trailer field by default; the salt as long as the hash, or as long as the usual sizes
    of keys allow, which some libraries do unasked. With the octets of the salt."""
    for salt in (_HASH_OCTETS[digest], *(size - _HASH_OCTETS[digest] - 2 for size in _MODULUS_OCTETS)):
        number = written(INTEGER, salt.to_bytes(salt.bit_length() // 8 + 1))
        for outer, inner in product(_with_and_without_null(_HASHES[digest]), repeat=2):
            mask = written(SEQUENCE, identifier("1.2.840.113549.1.1.8"), inner)
            parameters = (written(context(0), outer), written(context(1), mask), written(context(2), number))
            yield written(SEQUENCE, identifier("1.2.840.113549.1.1.10"), written(SEQUENCE, *parameters)), salt


def _methods() -> dict[bytes, dict[str, str]]:
    by_digest = {digest: method for digest, (_, method) in _RSA.items()}
    found = dict.fromkeys(_with_and_without_null("1.2.840.113549.1.1.1"), by_digest)
    for digest, (name, method) in _RSA.items():
        found.update((octets, {digest: method}) for octets in _with_and_without_null(name))
    for digest, method in _PSS.items():
        found.update((octets, {digest: method}) for octets, _ in _pss(digest))
    for digest, (name, method) in _ECDSA.items():
        found[written(SEQUENCE, identifier(name))] = {digest: method}
    return found


DIGEST_BY_IDENTIFIER: Mapping[bytes, str] = MappingProxyType(
    {octets: uri for uri, name in _HASHES.items() for octets in _with_and_without_null(name)}
)
_METHODS: Mapping[bytes, Mapping[str, str]] = MappingProxyType(_methods())
_SALTS: Mapping[bytes, int] = MappingProxyType({octets: salt for digest in _PSS for octets, salt in _pss(digest)})
_HASH_OF_PSS = {profiles.PSS_SHA256: hashes.SHA256(), profiles.PSS_SHA384: hashes.SHA384(), profiles.PSS_SHA512: hashes.SHA512()}


def digest_of(octets: bytes, allowed: frozenset[str], place: str) -> str:
    """The URI of a DigestAlgorithmIdentifier. Raises Refused `signature.digest_method`."""
    found = DIGEST_BY_IDENTIFIER.get(octets)
    if found is None or found not in allowed:
        raise Refused("signature.digest_method", place, found or _name(octets))
    return found


def method_of(octets: bytes, digest: str, allowed: frozenset[str]) -> str:
    """The URI of a SignatureAlgorithmIdentifier beside this digest. Raises Refused `signature.method` or `cms.algorithms`."""
    by_digest = _METHODS.get(octets)
    if by_digest is None:
        raise Refused("signature.method", "signatureAlgorithm", _name(octets))
    found = by_digest.get(digest)
    if found is None:
        raise Refused("cms.algorithms", "signatureAlgorithm", "not with this digestAlgorithm")
    if found not in allowed:
        raise Refused("signature.method", "signatureAlgorithm", found)
    return found


def verify(method: str, algorithm: bytes, key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> None:
    """As `algorithms.verify_value`, of a value as CMS writes it: ECDSA as SEQUENCE of r and s (RFC 3279, 2.2.3).

    `algorithm`: the identifier that `method` was found by. Raises Refused `key.type`, `signature.value` or `cms.*`.
    """
    if isinstance(key, ec.EllipticCurvePublicKey):
        verify_value(method, key, _side_by_side(value, key), octets)
    elif algorithm in _SALTS and isinstance(key, rsa.RSAPublicKey):
        how = _HASH_OF_PSS[method]
        try:
            key.verify(value, octets, padding.PSS(padding.MGF1(how), _SALTS[algorithm]), how)
        except InvalidSignature:
            raise Refused("signature.value", "signature") from None
    else:
        verify_value(method, key, value, octets)


def _side_by_side(value: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    size = (key.curve.key_size + 7) // 8
    outer = Reader(value)
    numbers = outer.enter(SEQUENCE)
    outer.close()
    r, s = natural(numbers.value(INTEGER)), natural(numbers.only(INTEGER))
    if max(r, s).bit_length() > 8 * size:
        raise Refused("signature.value", "signature", "a number too large for the curve")
    return r.to_bytes(size) + s.to_bytes(size)


def _name(octets: bytes) -> str:
    """For people: what was found, as far as that can be read."""
    return octets[:40].hex()
