"""CAdES that the hub writes, as its own verifier, OpenSSL and pyHanko judge it."""

from datetime import timedelta

import pytest

from signing.cms import check_cms
from signing.cms_profiles import CADES
from signing.cms_sign import sign_detached
from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.report import Integrity, Trust
from signing.rules import Refused
from signing.trust import TrustBase
from tests.cms_signers import CONTENT, openssl_says, pyhanko_says
from tests.signatures import AT, authority, intermediate, issue

KEYS = [Algorithm.RSA_SHA256, Algorithm.ECDSA_P256_SHA256, Algorithm.ECDSA_P384_SHA384]


def signer(algorithm: Algorithm) -> LocalKey:
    key, between = LocalKey.new(algorithm), intermediate()
    own = issue("Trục liên thông", key.key, between)
    return key.with_certificates((own.der, between.der))


@pytest.mark.parametrize("algorithm", KEYS)
def test_what_is_written_is_cades_for_everybody(algorithm: Algorithm) -> None:
    octets = sign_detached(CONTENT, signer(algorithm), AT)
    checked = check_cms(octets, CONTENT, CADES, TrustBase(documents=authority().anchors()), AT + timedelta(minutes=1))
    assert (checked.report.integrity, checked.report.trust) == (Integrity.INTACT, Trust.TRUSTED)
    assert checked.report.properties is not None and checked.report.properties.signing_time == AT
    assert not checked.report.properties.not_evaluated
    assert openssl_says(octets, CONTENT, authority())
    assert pyhanko_says(octets, CONTENT)


def test_of_other_content_it_says_nothing() -> None:
    octets = sign_detached(CONTENT, signer(Algorithm.ECDSA_P256_SHA256), AT)
    assert not openssl_says(octets, CONTENT + b" ", authority())


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ECDSA_P256_SHA256])
def test_a_key_without_certificate_or_of_another_kind_writes_none(algorithm: Algorithm) -> None:
    key = LocalKey.new(algorithm)
    with_one = key.with_certificates((issue("Trục liên thông", LocalKey.new(Algorithm.ECDSA_P256_SHA256).key).der,))
    with pytest.raises(Refused, match=r"key\.info"):
        sign_detached(CONTENT, key, AT)
    if algorithm is Algorithm.ED25519:
        with pytest.raises(Refused, match=r"signature\.method"):
            sign_detached(CONTENT, with_one, AT)
