"""Keys in a PKCS#11 token (an HSM, a USB token): they sign there and never leave it.

One session a process, opened when it is first needed and once more when it was lost. The PIN stands in the settings' secret file
and goes nowhere else: no message and no log line holds it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256, sha384
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lgsp.core.key_set import KeyRecord
from lgsp.errors import LgspError
from signing.keys import Algorithm
from signing.local_key import RSA_BITS

if TYPE_CHECKING:
    import pkcs11

TIMEOUT_S = 5.0
# DER of the curves' names (RFC 5480, 2.1.1.1; RFC 8410, 3).
_CURVES = {
    Algorithm.ECDSA_P256_SHA256: bytes.fromhex("06082a8648ce3d030107"),
    Algorithm.ECDSA_P384_SHA384: bytes.fromhex("06052b81040022"),
    Algorithm.ED25519: bytes.fromhex("06032b6570"),
}
_DIGESTS = {Algorithm.ECDSA_P256_SHA256: sha256, Algorithm.ECDSA_P384_SHA384: sha384}


class TokenError(LgspError):
    """The token cannot be used now, and why."""


class Token:
    """`module`: the maker's PKCS#11 library. `label`: of the token. Not for several threads at once."""

    def __init__(self, module: Path, label: str, pin: str, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._module, self._label, self._pin = module, label, pin
        self._session: pkcs11.Session | None = None
        self._keys: dict[str, Any] = {}

    def signer(self, record: KeyRecord) -> "TokenKey":
        """The token is asked when it has to sign."""
        return TokenKey(record.algorithm, record.certificates, self, record.token_label)

    def generate(self, algorithm: Algorithm, label: str) -> bytes:
        """A new key that cannot be taken out. Returns the DER of its SubjectPublicKeyInfo. Raises TokenError."""
        import pkcs11

        with self._open(rw=True) as session, _explained():
            if any(session.get_objects({pkcs11.Attribute.LABEL: label})):
                raise TokenError(f"the token has a key {label} already")
            if algorithm is Algorithm.RSA_SHA256:
                public, _ = session.generate_keypair(pkcs11.KeyType.RSA, RSA_BITS, store=True, label=label)
            else:
                edwards = algorithm is Algorithm.ED25519
                kind = pkcs11.KeyType.EC_EDWARDS if edwards else pkcs11.KeyType.EC
                how = pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN if edwards else pkcs11.Mechanism.EC_KEY_PAIR_GEN
                curve = session.create_domain_parameters(kind, {pkcs11.Attribute.EC_PARAMS: _CURVES[algorithm]}, local=True)
                public, _ = curve.generate_keypair(mechanism=how, store=True, label=label)
            return _public(public)

    def public(self, label: str) -> bytes:
        """DER of the SubjectPublicKeyInfo of a key that the token has. Raises TokenError."""
        import pkcs11

        with self._open(rw=False) as session, _explained():
            session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=label)
            return _public(session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=label))

    def sign(self, algorithm: Algorithm, label: str, octets: bytes) -> bytes:
        """Raises TokenError."""
        try:
            return self._sign(algorithm, label, octets)
        except TokenError:  # taken out, restarted, session ended: once more with a new one
            self.close()
            return self._sign(algorithm, label, octets)

    def close(self) -> None:
        session, self._session = self._session, None
        self._keys.clear()
        if session is not None:
            try:
                with _explained():
                    session.close()
            except TokenError:
                pass  # it is gone: that is what was wanted

    def _sign(self, algorithm: Algorithm, label: str, octets: bytes) -> bytes:
        import pkcs11

        with _explained():
            key = self._key(label)
            match algorithm:
                case Algorithm.RSA_SHA256:
                    return bytes(key.sign(octets, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS))
                case Algorithm.ED25519:
                    return bytes(key.sign(octets, mechanism=pkcs11.Mechanism.EDDSA))
                case _:  # tokens differ in which hashes they know, and all know this
                    value = key.sign(_DIGESTS[algorithm](octets).digest(), mechanism=pkcs11.Mechanism.ECDSA)
                    half = len(value) // 2
                    return encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))

    def _key(self, label: str) -> Any:
        import pkcs11

        if self._session is None:
            self._session = self._open(rw=False)
        if label not in self._keys:
            self._keys[label] = self._session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=label)
        return self._keys[label]

    def _open(self, *, rw: bool) -> "pkcs11.Session":
        """Raises TokenError."""
        try:
            import pkcs11
        except ImportError:
            raise TokenError("the package for tokens is missing: pip install 'lgsp-hub[pkcs11]'") from None
        with _explained():
            try:
                library = pkcs11.lib(str(self._module))
            except RuntimeError as error:
                raise TokenError(f"pkcs11_module: {self._module}: {error}") from None
            token = library.get_token(token_label=self._label)
            try:
                return token.open(user_pin=self._pin, rw=rw)
            except pkcs11.exceptions.UserAlreadyLoggedIn:  # a process logs in once (PKCS #11, 5.6.8): its sessions share that
                return token.open(rw=rw)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A `signing.keys.Signer`."""

    algorithm: Algorithm
    certificates: tuple[bytes, ...]
    token: Token
    label: str

    def sign(self, octets: bytes) -> bytes:
        """Raises TokenError."""
        return self.token.sign(self.algorithm, self.label, octets)


@contextmanager
def _explained() -> Iterator[None]:
    """What the library raises, in our words: its exceptions are named after the codes of the standard and say no more."""
    import pkcs11

    try:
        yield
    except pkcs11.exceptions.PKCS11Error as error:
        raise TokenError(f"the token says {type(error).__name__}") from None


def _public(key: Any) -> bytes:
    import pkcs11

    spki = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if key.key_type is pkcs11.KeyType.RSA:
        n, e = (int.from_bytes(key[one]) for one in (pkcs11.Attribute.MODULUS, pkcs11.Attribute.PUBLIC_EXPONENT))
        return rsa.RSAPublicNumbers(e, n).public_key().public_bytes(*spki)
    point = key[pkcs11.Attribute.EC_POINT]
    if key.key_type is pkcs11.KeyType.EC_EDWARDS:
        return ed25519.Ed25519PublicKey.from_public_bytes(point[-32:]).public_bytes(*spki)
    curve = ec.SECP384R1() if len(point) > 70 else ec.SECP256R1()
    octets = 1 + 2 * (curve.key_size // 8)  # in an OCTET STRING by the standard, without by some makers
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point[-octets:]).public_bytes(*spki)
