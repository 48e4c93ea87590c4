"""Keys that the hub signs with: a file, a PKCS#11 token and a test's key all look like this to who writes signatures."""

from enum import StrEnum
from typing import Protocol


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
