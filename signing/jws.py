"""What the hub says under its own key: compact JWS (RFC 7515) with Ed25519 (RFC 8037), named "Ed25519" as RFC 9864 wants it.

The algorithm belongs to the key and is never taken from the message. The protected header holds exactly `alg`, `kid` (the key's
RFC 7638 thumbprint) and `typ`, which says what kind of statement it is: no statement can be passed off as one of another kind.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64decode

ALGORITHM = "Ed25519"
MAX_PAYLOAD_BYTES = 1024 * 1024
_MAX_HEADER_CHARS = 512
_NOT_A_KEY = "not an unencrypted Ed25519 private key in PEM (PKCS #8)"


class NotVerified(ValueError):
    """Not a statement of any of these keys, and why. What it says must not be used."""


class Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """A public key (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str = "sig"
    alg: str = ALGORITHM


class JwkSet(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 7517, section 5."""

    keys: list[Jwk]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`kid`: SHA-256 thumbprint (RFC 7638), base64url."""

    kid: str
    key: OKPKey = field(repr=False)

    def jwk(self) -> Jwk:
        return Jwk(kty="OKP", crv=ALGORITHM, x=str(self.key.as_dict(private=False)["x"]), kid=self.kid)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its public half. Never printed."""

    public: PublicKey
    key: OKPKey = field(repr=False)

    @classmethod
    def of_pem(cls, pem: bytes) -> "SigningKey":
        """Raises ValueError, without anything of the key in it."""
        try:
            key = OKPKey.import_key(pem)
            curve, private = key.curve_name, key.is_private
        except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: a password is wanted
            raise ValueError(_NOT_A_KEY) from None
        if curve != ALGORITHM or not private:
            raise ValueError(_NOT_A_KEY)
        return cls(_public(str(key.as_dict(private=False)["x"])), key)


@dataclass(frozen=True, slots=True)
class Verified:
    """Octets that the holder of the key `kid` signed."""

    payload: bytes
    kid: str


class _Registry(jws.JWSRegistry):
    max_payload_length = (MAX_PAYLOAD_BYTES + 2) // 3 * 4  # as base64url


_REGISTRY = _Registry(algorithms=[ALGORITHM])


def sign(payload: bytes, key: SigningKey, typ: str) -> str:
    """Header, payload and signature with dots between. `typ`: media type of the statement without "application/"."""
    return jws.serialize_compact({"alg": ALGORITHM, "kid": key.public.kid, "typ": typ}, payload, key.key, registry=_REGISTRY)


def verify(token: str, keys: Iterable[PublicKey], typ: str) -> Verified:
    """Raises NotVerified, also for what other verifiers would overlook: further or repeated header members, padding, spaces."""
    header = _header(token)
    key = next((one for one in keys if one.kid == header.get("kid")), None)
    if key is None:
        raise NotVerified("signed by an unknown key, or not at all")
    if header != {"alg": ALGORITHM, "kid": key.kid, "typ": typ}:
        raise NotVerified(f"the header is not that of a statement of type {typ}")
    try:
        found = jws.deserialize_compact(token, key.key, registry=_REGISTRY)
    except (JoseError, ValueError):
        raise NotVerified("the signature does not fit") from None
    return Verified(found.payload, key.kid)


def key_set(keys: Iterable[PublicKey]) -> JwkSet:
    return JwkSet(keys=[one.jwk() for one in keys])


def keys_of(octets: bytes) -> tuple[PublicKey, ...]:
    """The Ed25519 keys of a JWK set; those of other kinds are none of ours. Raises ValueError."""
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


def _header(token: str) -> dict[str, Any]:
    try:
        segment, _, _ = token.encode("ascii").split(b".")
        header = json.loads(urlsafe_b64decode(segment[: _MAX_HEADER_CHARS + 1]), object_pairs_hook=_each_once)
    except ValueError:
        raise NotVerified("not a compact JWS") from None
    if len(segment) > _MAX_HEADER_CHARS or not isinstance(header, dict):
        raise NotVerified("not a compact JWS")
    return header


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 7515, section 4, lets readers differ about the second of two members with one name."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members
