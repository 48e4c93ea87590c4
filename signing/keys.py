"""Keys that the hub signs with: a file, a PKCS#11 token and a test's key all look like this to who writes signatures."""

from enum import StrEnum
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


class Algorithm(StrEnum):
    """How a key signs: one way for each key, fixed when it is registered."""

    RSA_SHA256 = "rsa-sha256"  # PKCS #1 v1.5
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    ECDSA_P384_SHA384 = "ecdsa-p384-sha384"
    ED25519 = "ed25519"


class Signer(Protocol):
    """Who can sign, with what proves whose key it is. The private key stays where it is."""

    @property
    def algorithm(self) -> Algorithm: ...

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """DER: that of the key first, then those on the way to an anchor, without the anchor. Empty: a key known otherwise."""
        ...

    def sign(self, octets: bytes) -> bytes:
        """The signature over `octets`, which are hashed here. ECDSA: the DER of r and s (RFC 3279, 2.2.3), as keys give it;
        who writes XML or JWS turns it into theirs. May block: a token takes milliseconds."""
        ...


def side_by_side(signature: bytes, number_bytes: int) -> bytes:
    """r and s of an ECDSA signature in DER as two numbers of fixed length: XMLDSig 1.1, 6.4.3; RFC 7518, 3.4."""
    return b"".join(number.to_bytes(number_bytes) for number in decode_dss_signature(signature))
