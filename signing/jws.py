"""What the hub says under its own key: compact JWS (RFC 7515) with Ed25519 (RFC 8037), named "Ed25519" as RFC 9864 wants it.

The algorithm belongs to the key and is never taken from the message. The protected header holds exactly `alg`, `kid` (the key's
RFC 7638 thumbprint) and `typ`, which says what kind of statement it is: no statement can be passed off as one of another kind.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from signing.compact import encode, read
from signing.jose import Jwk, jwk_of
from signing.keys import Algorithm, Signer
from signing.rules import Refused

ALGORITHM = "Ed25519"
JOSE_NAMES = {
    Algorithm.ED25519: ALGORITHM,
    Algorithm.RSA_SHA256: "RS256",
    Algorithm.ECDSA_P256_SHA256: "ES256",
    Algorithm.ECDSA_P384_SHA384: "ES384",
}
MAX_PAYLOAD_BYTES = 1024 * 1024
_MAX_HEADER_CHARS = 512


class NotVerified(ValueError):
    """Not a statement of any of these keys, and why. What it says must not be used."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`kid`: SHA-256 thumbprint (RFC 7638), base64url."""

    kid: str
    key: OKPKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """Octets that the holder of the key `kid` signed."""

    payload: bytes
    kid: str


def sign(payload: bytes, signer: Signer, kid: str, typ: str) -> str:
    """Header, payload and signature with dots between. `typ`: media type of the statement without "application/".

    Raises ValueError for a key that is not one of Ed25519.
    """
    if signer.algorithm is not Algorithm.ED25519:
        raise ValueError(f"statements are signed by Ed25519, not by {signer.algorithm}")
    signed = _header(kid, typ) + b"." + encode(payload)
    return (signed + b"." + encode(signer.sign(signed))).decode("ascii")


def verify(token: str, keys: Iterable[PublicKey], typ: str) -> Verified:
    """Raises NotVerified, also for what other verifiers would overlook: further or repeated header members, padding, spaces."""
    try:
        found = read(token, max_header_chars=_MAX_HEADER_CHARS, max_payload_bytes=MAX_PAYLOAD_BYTES)
        payload = found.payload()
    except Refused as refused:
        raise NotVerified(f"not a compact JWS: {refused.rule.title_en}") from None
    key = next((one for one in keys if one.kid == found.header.get("kid")), None)
    if key is None:
        raise NotVerified("signed by an unknown key, or not at all")
    if dict(found.header) != {"alg": ALGORITHM, "kid": key.kid, "typ": typ}:
        raise NotVerified(f"the header is not that of a statement of type {typ}")
    if not jws.JWSRegistry.algorithms[ALGORITHM].verify(found.signed, found.signature, key.key):
        raise NotVerified("the signature does not fit")
    return Verified(payload, key.kid)


def published(public: bytes, algorithm: Algorithm, certificates: tuple[bytes, ...] = ()) -> Jwk:
    """`public`: DER of SubjectPublicKeyInfo."""
    return jwk_of(public, JOSE_NAMES[algorithm], certificates)


def keys_of(octets: bytes) -> tuple[PublicKey, ...]:
    """The Ed25519 keys of a JWK set; those of other kinds sign no statements. Raises ValueError."""
    try:
        found = msgspec.json.decode(octets, type=_AnyJwkSet).keys
        return tuple(_public(one.x) for one in found if (one.kty, one.crv) == ("OKP", ALGORITHM))
    except (msgspec.MsgspecError, JoseError, ValueError):
        raise ValueError("not a JWK set (RFC 7517)") from None


class _AnyJwk(msgspec.Struct):
    kty: str
    crv: str = ""
    x: str = ""


class _AnyJwkSet(msgspec.Struct):
    keys: list[_AnyJwk]


def _public(x: str) -> PublicKey:
    """The kid is computed, whatever a set says: it names the key and nothing else."""
    key = OKPKey.import_key({"kty": "OKP", "crv": ALGORITHM, "x": x})
    return PublicKey(key.thumbprint(), key)


@lru_cache(maxsize=64)
def _header(kid: str, typ: str) -> bytes:
    return encode(json.dumps({"alg": ALGORITHM, "kid": kid, "typ": typ}, separators=(",", ":")).encode())
