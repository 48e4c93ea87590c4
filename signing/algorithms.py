"""Digests and signature methods of XML Signature (RFC 9231) by their URIs, and what a key must be like.

HMAC does not exist here: a public key can never be taken for a secret.
"""

import hashlib
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from signing import profiles
from signing.rules import Refused

_STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
RSA_BITS = range(2048, 8193)
_RSA_EXPONENTS = range(2**16 + 1, 2**64, 2)  # odd; longer ones only cost time
_CURVE_OCTETS = {"secp256r1": 32, "secp384r1": 48}
_XML_SPACE, _RETURN = b" \t\r\n", b"&#xD;"

_DIGESTS: Mapping[str, Callable[[bytes], "hashlib._Hash"]] = MappingProxyType(
    {
        profiles.SHA256: hashlib.sha256,
        profiles.SHA384: hashlib.sha384,
        profiles.SHA512: hashlib.sha512,
        profiles.LEGACY_SHA1: lambda octets: hashlib.sha1(octets, usedforsecurity=False),
    }
)

DIGEST_OCTETS: Mapping[str, int] = MappingProxyType({uri: make(b"").digest_size for uri, make in _DIGESTS.items()})


class _Method(NamedTuple):
    """`keys`: the class of those it goes with. `verify`: of key, value and octets; raises InvalidSignature."""

    keys: type
    verify: Callable[[Any, bytes, bytes], None]


def _pkcs1(hash_: hashes.HashAlgorithm) -> _Method:
    pad = padding.PKCS1v15()
    return _Method(rsa.RSAPublicKey, lambda key, value, octets: key.verify(value, octets, pad, hash_))


def _pss(hash_: hashes.HashAlgorithm) -> _Method:
    pad = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
    return _Method(rsa.RSAPublicKey, lambda key, value, octets: key.verify(value, octets, pad, hash_))


def _ecdsa(hash_: hashes.HashAlgorithm) -> _Method:
    how = ec.ECDSA(hash_)
    return _Method(ec.EllipticCurvePublicKey, lambda key, value, octets: key.verify(_der(value, key.curve.name), octets, how))


_METHODS: Mapping[str, _Method] = MappingProxyType(
    {
        profiles.RSA_SHA256: _pkcs1(hashes.SHA256()),
        profiles.RSA_SHA384: _pkcs1(hashes.SHA384()),
        profiles.RSA_SHA512: _pkcs1(hashes.SHA512()),
        profiles.PSS_SHA256: _pss(hashes.SHA256()),
        profiles.PSS_SHA384: _pss(hashes.SHA384()),
        profiles.PSS_SHA512: _pss(hashes.SHA512()),
        profiles.ECDSA_SHA256: _ecdsa(hashes.SHA256()),
        profiles.ECDSA_SHA384: _ecdsa(hashes.SHA384()),
        profiles.ECDSA_SHA512: _ecdsa(hashes.SHA512()),
        profiles.ED25519: _Method(ed25519.Ed25519PublicKey, lambda key, value, octets: key.verify(value, octets)),
        profiles.LEGACY_RSA_SHA1: _pkcs1(hashes.SHA1()),  # noqa: S303 - only where a profile names it
    }
)


def digest(method: str, octets: bytes) -> bytes:
    """`method`: a digest URI that the profile allows."""
    return _DIGESTS[method](octets).digest()


def base64(text: str | bytes | None, place: str, code: str = "signature.base64") -> bytes:
    """Strictly, but for XML white space, of which canonical octets write the carriage return as a number.

    Raises Refused `code`.
    """
    try:
        found = text if isinstance(text, bytes) else (text or "").encode("ascii")
        if b"&" in found:
            found = found.replace(_RETURN, b"")
        octets = a2b_base64(found.translate(None, _XML_SPACE), strict_mode=True)
    except (UnicodeEncodeError, Base64Error):
        raise Refused(code, place, "not base64") from None
    if not octets:
        raise Refused(code, place, "empty")
    return octets


def check_key(key: CertificatePublicKeyTypes) -> None:
    """Raises Refused `key.type` or `key.strength`."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in RSA_BITS or key.public_numbers().e not in _RSA_EXPONENTS:
            raise Refused("key.strength", "KeyInfo", f"RSA {key.key_size} bits")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVE_OCTETS:
            raise Refused("key.strength", "KeyInfo", f"curve {key.curve.name}")
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        raise Refused("key.type", "KeyInfo", type(key).__name__)


def is_strong(one: hashes.HashAlgorithm | None) -> bool:
    """Whether what is signed with this hash can be relied on: SHA-1 and MD5 can be forged."""
    return isinstance(one, _STRONG)


_goes_with = cache(issubclass)  # of an abstract class, looking costs more than verifying the shape of a signature


def verify_value(method: str, key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> None:
    """That `value` is the signature of `octets` by the holder of `key`, which passed `check_key`.

    Raises Refused `key.type` or `signature.value`.
    """
    how = _METHODS[method]
    if not _goes_with(type(key), how.keys):
        raise Refused("key.type", "KeyInfo", f"the key does not go with {method}")
    try:
        how.verify(key, value, octets)
    except InvalidSignature:
        raise Refused("signature.value", "SignatureValue") from None


def _der(value: bytes, curve: str) -> bytes:
    """XMLDSig 1.1, 6.4.3: r and s side by side, each as long as the order of the curve."""
    octets = _CURVE_OCTETS[curve]
    if len(value) != 2 * octets:
        raise Refused("signature.value", "SignatureValue", f"{len(value)} octets instead of {2 * octets}")
    return encode_dss_signature(int.from_bytes(value[:octets]), int.from_bytes(value[octets:]))
