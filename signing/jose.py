"""Public keys as JWK (RFC 7517, 7518, 8037), by joserfc."""

from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from signing.strict_json import read_object

JoseKey = RSAKey | ECKey | OKPKey


class Jwk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A public key for signatures. `kid`: its thumbprint (RFC 7638). `x5c`: DER in base64, where it has a certificate."""

    kty: str
    kid: str
    use: str
    alg: str
    crv: str = ""
    x: str = ""
    y: str = ""
    n: str = ""
    e: str = ""
    x5c: list[bytes] = []


class JwkSet(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 7517, section 5."""

    keys: list[Jwk]


def public_key(source: bytes | dict[str, Any]) -> JoseKey:
    """Of PEM or of a JWK's members. Raises ValueError."""
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key: JoseKey = kind.import_key(source)
        except (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
            continue
        if key.is_private:
            raise ValueError("this is a private key: only its holder may have it")
        return key
    raise ValueError("not a public RSA, EC or Ed25519 key, as PEM or JWK")


def jwk_of(public: bytes, alg: str, certificates: tuple[bytes, ...] = ()) -> Jwk:
    """`public`: DER of SubjectPublicKeyInfo. `alg`: its name in RFC 7518 or 9864."""
    key = _of_der(public)
    members = {name: str(value) for name, value in key.as_dict(private=False).items() if name in Jwk.__struct_fields__}
    return Jwk(**members | {"kid": key.thumbprint(), "use": "sig", "alg": alg, "x5c": list(certificates)})  # type: ignore[arg-type]


def thumbprint(public: bytes) -> str:
    """RFC 7638, SHA-256, base64url. `public`: DER of SubjectPublicKeyInfo."""
    return _of_der(public).thumbprint()


def _of_der(public: bytes) -> JoseKey:
    return public_key(load_der_public_key(public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def thumbprint_of_jwk(octets: bytes) -> str:
    """RFC 7638, of one public key as JWK, whatever kid it says it has. Raises ValueError."""
    return public_key(read_object(octets)).thumbprint()


def thumbprints(octets: bytes) -> frozenset[str]:
    """Of all keys of a JWK set. Raises ValueError."""
    keys = read_object(octets).get("keys")
    if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
        raise ValueError("not a JWK set (RFC 7517)")
    return frozenset(public_key(one).thumbprint() for one in keys)
