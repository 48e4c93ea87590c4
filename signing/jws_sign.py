"""Statements of whoever has a key and a certificate, as compact JWS (RFC 7515) with the certificates inside (`x5c`)."""

import json
from base64 import b64encode

from signing.compact import encode, write
from signing.keys import Algorithm, Signer, side_by_side

_NAMES = {
    Algorithm.RSA_SHA256: "RS256",
    Algorithm.ECDSA_P256_SHA256: "ES256",
    Algorithm.ECDSA_P384_SHA384: "ES384",
    Algorithm.ED25519: "Ed25519",
}
_NUMBER_BYTES = {Algorithm.ECDSA_P256_SHA256: 32, Algorithm.ECDSA_P384_SHA384: 48}


def sign_with_certificate(payload: bytes, signer: Signer, typ: str) -> str:
    """Header, payload and signature with dots between. `typ`: media type of the statement without "application/"."""
    header = {"alg": _NAMES[signer.algorithm], "typ": typ, "x5c": [b64encode(one).decode() for one in signer.certificates]}
    signed = write(json.dumps(header, separators=(",", ":")).encode(), payload)
    value, number_bytes = signer.sign(signed), _NUMBER_BYTES.get(signer.algorithm)
    return b".".join((signed, encode(value if number_bytes is None else side_by_side(value, number_bytes)))).decode()
