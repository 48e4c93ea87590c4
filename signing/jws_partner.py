"""Statements of partners as compact JWS (RFC 7515): token, registered keys, trust and time in; report and payload out.

Whose key it is decides by which algorithm it is verified, never the header alone. A key is either registered, with its one
algorithm, or that of a certificate in `x5c`, which counts for as much as the path from it. `none` and HMAC do not exist here.
"""

from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws

from signing.algorithms import check_key
from signing.certificates import signer_of
from signing.compact import Compact, encode, read
from signing.jose import JoseKey, public_key
from signing.profiles import SHA256
from signing.report import Integrity, Path, Refusal, Revocation, RevocationCheck, SignatureReport, SignedPart, Signer, Trust
from signing.rules import RULES, Refused
from signing.strict_json import read_object
from signing.trust import Standing, TrustBase

PROFILE = "jws"
MAX_PAYLOAD_BYTES = 1024 * 1024
_MAX_HEADER_CHARS = 32 * 1024
_MAX_CERTIFICATES = 6
_KEY_SOURCES = ("jwk", "jku", "x5u")
_RSA_PKCS1, _RSA_PSS = frozenset({"RS256", "RS384", "RS512"}), frozenset({"PS256", "PS384", "PS512"})
_CURVES = {"secp256r1": frozenset({"ES256"}), "secp384r1": frozenset({"ES384"})}
_EDWARDS = frozenset({"Ed25519", "EdDSA"})  # RFC 9864 and, before it, RFC 8037
_PSS_ONLY = x509.ObjectIdentifier("1.2.840.113549.1.1.10")


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A partner's public key as the operator registered it. `algorithm`: its one name of RFC 7518, 8037 or 9864."""

    kid: str
    algorithm: str
    key: JoseKey = field(repr=False)

    @classmethod
    def of(cls, octets: bytes, algorithm: str, kid: str = "") -> "RegisteredKey":
        """`octets`: PEM (SubjectPublicKeyInfo) or a JWK. `kid`: default is the thumbprint (RFC 7638).

        Raises Refused `key.type`, `key.strength` or `jws.algorithm`; ValueError for what is no public key.
        """
        members = read_object(octets) if octets.lstrip().startswith(b"{") else None
        key = public_key(octets if members is None else members)
        public: Any = key.public_key
        _check(public)
        said = members or {}
        if algorithm not in algorithms_of(public) or said.get("alg", algorithm) != algorithm:
            raise Refused("jws.algorithm", "alg", f"{algorithm[:20]} does not go with the key")
        if said.get("use", "sig") != "sig" or "verify" not in said.get("key_ops", ["verify"]):
            raise Refused("key.type", "use", "the JWK says that it is not for signatures")
        return cls(kid or key.thumbprint(), algorithm, key)


class CheckedJws(NamedTuple):
    """`payload`: the octets that were signed; None unless intact. Whether they may be relied on says the report's verdict."""

    report: SignatureReport
    payload: bytes | None


@dataclass(slots=True)
class _Seen:
    """What is known so far; becomes the report, however it ends."""

    method: str = ""
    signers: tuple[Signer, ...] = ()
    kid: str = ""
    covered: tuple[SignedPart, ...] = ()


def check_jws(
    token: str,
    *,
    typ: str | None,
    keys: Collection[RegisteredKey],
    trust: TrustBase,
    at: datetime,
    audience: str | None = None,
) -> CheckedJws:
    """Never raises: whatever goes wrong, the statement is not verified.

    `typ`: the kind of statement that is wanted (None: the header has none). `keys`: those in force of the partner that is said
    to have signed. `audience`: if given, the payload must be a JSON object whose `aud` names it. `at`: with a zone.
    """
    seen = _Seen()
    try:
        payload = _verified(token, typ, keys, audience, seen)
        standing = trust.standing(seen.signers[0], seen.signers[1:], at) if seen.signers else _registered(at)
        return CheckedJws(_report(Integrity.INTACT, seen, standing=standing), payload)
    except Refused as refused:
        integrity = Integrity.NOT_INTACT if refused.rule.code == "signature.value" else Integrity.NOT_VERIFIABLE
        return CheckedJws(_report(integrity, seen, Refusal(refused.rule, refused.place, refused.detail)), None)
    except Exception as error:  # noqa: BLE001 - the promise: an exception anywhere means "not verified"
        refusal = Refusal(RULES["check.failed"], "", type(error).__name__)
        return CheckedJws(_report(Integrity.NOT_VERIFIABLE, seen, refusal), None)


def algorithms_of(key: CertificatePublicKeyTypes, *, pss_only: bool = False) -> frozenset[str]:
    """The names in RFC 7518, 8037 and 9864 of what such a key signs by."""
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA_PSS if pss_only else _RSA_PKCS1 | _RSA_PSS
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, frozenset())
    return _EDWARDS if isinstance(key, ed25519.Ed25519PublicKey) else frozenset()


def _report(
    integrity: Integrity, seen: _Seen, refusal: Refusal | None = None, standing: Standing | None = None
) -> SignatureReport:
    return SignatureReport(
        profile=PROFILE,
        integrity=integrity,
        refusal=refusal,
        covered=seen.covered,
        method=seen.method,
        signer=seen.signers[0] if seen.signers else None,
        registered_key=seen.kid,
        path=None if standing is None else standing.path,
        revocation_check=None if standing is None else standing.revocation,
    )


def _registered(at: datetime) -> Standing:
    """The register is the anchor, and it is how such a key is withdrawn: a key that is not in force is not among those given."""
    return Standing(Path(Trust.TRUSTED, at), RevocationCheck(Revocation.GOOD, as_of=at))


def _verified(token: str, typ: str | None, keys: Collection[RegisteredKey], audience: str | None, seen: _Seen) -> bytes:
    """The payload. Raises Refused."""
    compact = read(token, max_header_chars=_MAX_HEADER_CHARS, max_payload_bytes=MAX_PAYLOAD_BYTES)
    _check_header(compact, typ)
    key, allowed = _key(compact, keys, seen)
    algorithm = compact.header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in allowed:
        raise Refused("jws.algorithm", "alg", " or ".join(sorted(allowed)))
    seen.method = algorithm
    if not jws.JWSRegistry.algorithms[algorithm].verify(compact.signed, compact.signature, key):
        raise Refused("signature.value", "signature")
    payload = compact.payload()
    if audience is not None:
        _check_audience(payload, audience)
    seen.covered = (SignedPart("", "payload", SHA256, sha256(payload).digest(), len(payload)),)
    return payload


def _check_header(compact: Compact, typ: str | None) -> None:
    """Further members that nobody here understands say nothing (RFC 7515, 4)."""
    header = compact.header
    if "crit" in header or "b64" in header:
        raise Refused("jws.critical", "crit" if "crit" in header else "b64")
    for name in _KEY_SOURCES:
        if name in header:
            raise Refused("jws.key_source", name)
    found = header.get("typ")
    if isinstance(found, str):
        found = found.removeprefix("application/")  # RFC 7515, 4.1.9
    if found != typ:
        raise Refused("jws.type", "typ", f"{typ or 'none'} is wanted")


def _key(compact: Compact, keys: Collection[RegisteredKey], seen: _Seen) -> tuple[JoseKey, frozenset[str]]:
    """The key, and by which algorithms it signs."""
    header = compact.header
    if "x5c" in header:
        seen.signers, key, allowed = _certified(header["x5c"])
        _check_thumbprint(header.get("x5t#S256"), seen.signers[0])
        return key, allowed
    kid = header.get("kid")
    found = [one for one in keys if one.kid == kid] if "kid" in header else list(keys)
    if len(found) != 1:
        raise Refused("jws.key_unknown", "kid", "none of these" if "kid" in header else "which of them is not said")
    seen.kid = found[0].kid
    return found[0].key, frozenset({found[0].algorithm})


def _certified(x5c: Any) -> tuple[tuple[Signer, ...], JoseKey, frozenset[str]]:
    """RFC 7515, 4.1.6. Raises Refused `jws.certificates` or `key.*`."""
    if not isinstance(x5c, list) or not 1 <= len(x5c) <= _MAX_CERTIFICATES or not all(isinstance(one, str) for one in x5c):
        raise Refused("jws.certificates", "x5c")
    signers = tuple([_signer(one) for one in x5c])
    leaf = signers[0]
    allowed = algorithms_of(leaf.key, pss_only=leaf.certificate.public_key_algorithm_oid == _PSS_ONLY)
    return signers, _key_of(leaf.der), allowed


def _check_thumbprint(given: Any, signer: Signer) -> None:
    """RFC 7515, 4.1.8: where it stands beside `x5c` it must be of the same certificate."""
    if given is not None and given != encode(sha256(signer.der).digest()).decode():
        raise Refused("jws.certificates", "x5t#S256")


@lru_cache(maxsize=1024)
def _signer(text: str) -> Signer:
    """Raises Refused `key.*`."""
    try:
        der = b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Refused("key.certificate", "x5c", "not base64") from None
    signer = signer_of(der, "x5c")
    _check(signer.key)
    return signer


@lru_cache(maxsize=1024)
def _key_of(der: bytes) -> JoseKey:
    public = x509.load_der_x509_certificate(der).public_key()
    return public_key(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _check(key: CertificatePublicKeyTypes) -> None:
    """Raises Refused `key.type` or `key.strength`."""
    if not isinstance(key, ed25519.Ed25519PublicKey):
        check_key(key)


def _check_audience(payload: bytes, audience: str) -> None:
    """RFC 7519, 4.1.3: one name or a list of them."""
    try:
        named = read_object(payload).get("aud")
    except ValueError:
        raise Refused("jws.audience", "aud", "the payload is no JSON object, or one that can be read in two ways") from None
    if audience not in (named if isinstance(named, list) else [named]):
        raise Refused("jws.audience", "aud")
