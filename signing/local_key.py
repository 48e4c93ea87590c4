"""A private key whose octets are here: in a file of the hub, or in a test."""

from dataclasses import dataclass, field, replace

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from signing.keys import Algorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
RSA_BITS = 3072  # of new keys: for papers that are kept for long
_CURVES = {"secp256r1": Algorithm.ECDSA_P256_SHA256, "secp384r1": Algorithm.ECDSA_P384_SHA384}


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A `signing.keys.Signer`. Never printed."""

    algorithm: Algorithm
    key: PrivateKey = field(repr=False)
    certificates: tuple[bytes, ...] = ()

    @classmethod
    def new(cls, algorithm: Algorithm) -> "LocalKey":
        match algorithm:
            case Algorithm.ED25519:
                return cls(algorithm, ed25519.Ed25519PrivateKey.generate())
            case Algorithm.RSA_SHA256:
                return cls(algorithm, rsa.generate_private_key(65537, RSA_BITS))
            case Algorithm.ECDSA_P256_SHA256:
                return cls(algorithm, ec.generate_private_key(ec.SECP256R1()))
            case Algorithm.ECDSA_P384_SHA384:
                return cls(algorithm, ec.generate_private_key(ec.SECP384R1()))

    @classmethod
    def of_pem(cls, pem: bytes) -> "LocalKey":
        """Raises ValueError, without anything of the key in it."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: a password is wanted
            raise ValueError("not an unencrypted private key in PEM (PKCS #8)") from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise ValueError("neither an Ed25519 key nor one of RSA or ECDSA")
        return cls(algorithm_of(key.public_key()), key)

    def pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def public(self) -> bytes:
        """DER of SubjectPublicKeyInfo."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def with_certificates(self, certificates: tuple[bytes, ...]) -> "LocalKey":
        return replace(self, certificates=certificates)

    def sign(self, octets: bytes) -> bytes:
        match self.key:
            case rsa.RSAPrivateKey():
                return self.key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
            case ec.EllipticCurvePrivateKey():
                digest = hashes.SHA256() if self.algorithm is Algorithm.ECDSA_P256_SHA256 else hashes.SHA384()
                return self.key.sign(octets, ec.ECDSA(digest, deterministic_signing=True))
            case _:
                return self.key.sign(octets)


def algorithm_of(key: PublicKeyTypes) -> Algorithm:
    """How a key of this type signs here. Raises ValueError for those that do not."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return Algorithm.ED25519
    if isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 8192:
        return Algorithm.RSA_SHA256
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    raise ValueError("neither Ed25519, nor RSA of 2048 to 8192 bits, nor ECDSA on P-256 or P-384")


def algorithm_of_public(der: bytes) -> Algorithm:
    """As `algorithm_of`, of a SubjectPublicKeyInfo. Raises ValueError."""
    try:
        return algorithm_of(load_der_public_key(der))
    except UnsupportedAlgorithm:
        raise ValueError("a key of unknown type") from None
