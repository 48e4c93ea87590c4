"""What verifying a compact JWS costs, beside its floor (base64url, SHA-256, one RSA verification) and beside joserfc alone; and
what making one does."""

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc import jws
from joserfc.jwk import RSAKey

from contracts.kinds import find
from lgsp.http.signed import RECEIPT_TYPE
from signing.jose import thumbprint
from signing.jws import sign
from signing.jws_partner import RegisteredKey, check_jws
from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.report import Verdict
from signing.trust import NO_TRUST
from tests import signatures
from tests.signatures import AT

OWN_NAME, OWN_FLOOR = "receipt as JWS", "one Ed25519 signature"
NAME, FLOOR, GOAL = "8 KB JWS RS256", "base64url, SHA-256, RSA", 1.8
_TYP = "bench+jws"


def candidates(size: int = 8_000) -> Mapping[str, Callable[[], object]]:
    signer = signatures.agency()
    pem = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = jws.serialize_compact(
        {"alg": "RS256", "kid": "k", "typ": _TYP}, b"x" * size, RSAKey.import_key(signer.key_pem), algorithms=["RS256"]
    )
    ours = partial(check_jws, token, typ=_TYP, keys=[RegisteredKey.of(pem, "RS256", "k")], trust=NO_TRUST, at=AT)
    assert ours().report.verdict is Verdict.VERIFIED
    theirs = partial(jws.deserialize_compact, token, RSAKey.import_key(pem), algorithms=["RS256"])
    return {"floor": _floor(token, pem), "ours": ours, "joserfc": theirs}


def own_candidates() -> Mapping[str, Callable[[], object]]:
    """What a signed receipt or refusal costs the hub."""
    receipt = find("receipt/1").examples[0].body
    key = LocalKey.new(Algorithm.ED25519)
    kid, octets = thumbprint(key.public()), msgspec.json.encode(receipt)
    return {
        "floor": partial(key.key.sign, octets),
        "ours": lambda: sign(msgspec.json.encode(receipt), key, kid, RECEIPT_TYPE),
    }


def _floor(token: str, pem: bytes) -> Callable[[], object]:
    key = load_pem_public_key(pem)
    assert isinstance(key, rsa.RSAPublicKey)

    def act() -> object:
        header, payload, signature = token.encode().split(b".")
        key.verify(base64.urlsafe_b64decode(signature + b"=="), header + b"." + payload, PKCS1v15(), SHA256())
        return json.loads(base64.urlsafe_b64decode(header + b"==")), base64.urlsafe_b64decode(payload + b"==")

    return act
