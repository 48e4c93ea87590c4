"""Statements signed with a certificate: each algorithm, verified by our own verifier and by joserfc alone."""

import base64
import json
from typing import Any

import pytest
from cryptography import x509
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from signing.jws_partner import check_jws
from signing.jws_sign import sign_with_certificate
from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.report import Integrity, Trust
from signing.trust import TrustBase
from tests.signatures import AT, authority, issue

TYPE = "lgsp-test+jws"
PAYLOAD = "Quyết định số 12/QĐ-UBND".encode()
NAMES = {
    Algorithm.RSA_SHA256: ("RS256", RSAKey),
    Algorithm.ECDSA_P256_SHA256: ("ES256", ECKey),
    Algorithm.ECDSA_P384_SHA384: ("ES384", ECKey),
    Algorithm.ED25519: ("Ed25519", OKPKey),
}


def signed(algorithm: Algorithm) -> tuple[str, Any]:
    """A token, and the public key of its signer."""
    key = LocalKey.new(algorithm)
    holder = issue("Sở Tư pháp", key.key, authority())  # type: ignore[arg-type]
    return sign_with_certificate(PAYLOAD, key.with_certificates((holder.der,)), TYPE), key.key.public_key()


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_kind_of_key_signs_what_others_verify(algorithm: Algorithm) -> None:
    token, public = signed(algorithm)
    name, kind = NAMES[algorithm]
    checked = check_jws(token, typ=TYPE, keys=(), trust=TrustBase(documents=authority().anchors()), at=AT)
    assert (checked.report.integrity, checked.report.trust, checked.payload) == (Integrity.INTACT, Trust.TRUSTED, PAYLOAD)
    registry = jws.JWSRegistry(algorithms=[name], strict_check_header=False)
    registry.max_header_length = 8192  # certificates are longer than what it expects of a header
    assert jws.deserialize_compact(token, kind.import_key(public), registry=registry).payload == PAYLOAD


def test_the_certificates_stand_in_the_header_as_they_are() -> None:
    """RFC 7515, 4.1.6: base64, not base64url, that of the key first."""
    token, _ = signed(Algorithm.ECDSA_P256_SHA256)
    header = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    assert header["typ"] == TYPE
    (certificate,) = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in header["x5c"]]
    assert certificate.subject.rfc4514_string().startswith("CN=Sở Tư pháp")
