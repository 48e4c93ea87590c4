"""What a CRL must be like to be relied on."""

from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from signing import crl as reader
from signing.names import issuer_id
from signing.rules import Refused
from signing.snapshot import Revoked, Scope
from tests import evidence
from tests.evidence import DAY, HOUR
from tests.signatures import AT, Holder, agency, authority, issue, rsa_key

_URI = x509.UniformResourceIdentifier("http://crl.example.vn/one.crl")


def refusal(octets: bytes, issuer: Holder | None = None) -> str:
    with pytest.raises(Refused) as caught:
        reader.read(octets, (issuer or authority()).certificate, AT)
    return caught.value.rule.code


def idp(**changes: Any) -> x509.IssuingDistributionPoint:
    values: dict[str, Any] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**values | changes)


@cache
def namesake() -> Holder:
    return issue("Tổ chức chứng thực thử nghiệm", rsa_key(), ca=True)


@cache
def on_p256() -> Holder:
    return issue("Tổ chức chứng thực P-256", ec.generate_private_key(ec.SECP256R1()), ca=True)


def test_a_list_becomes_facts() -> None:
    octets = evidence.crl(authority(), {5: None, 7: x509.ReasonFlags.key_compromise}, since=AT - 2 * DAY)
    facts = reader.read(octets, authority().certificate, AT)
    assert (facts.issuer, facts.octets, len(facts)) == (issuer_id(authority().certificate), octets, 2)
    assert (facts.this_update, facts.next_update) == (AT - HOUR, AT + DAY)
    assert (facts.scope, facts.points) == (Scope.ALL, ())
    assert facts.entry(5) == Revoked(AT - DAY, "", AT - 2 * DAY)
    assert facts.entry(7) == Revoked(AT - DAY, "keyCompromise", AT - 2 * DAY)
    assert facts.entry(6) is None


def test_an_issuer_may_have_an_elliptic_key() -> None:
    assert len(reader.read(evidence.crl(on_p256()), on_p256().certificate, AT)) == 0


def test_the_point_and_the_scope_of_a_list_are_kept() -> None:
    octets = evidence.crl(authority(), extensions=[idp(full_name=[_URI], only_contains_user_certs=True)])
    facts = reader.read(octets, authority().certificate, AT)
    assert facts.scope is Scope.END
    assert len(facts.points) == 1
    octets = evidence.crl(authority(), extensions=[idp(only_contains_ca_certs=True)])
    assert reader.read(octets, authority().certificate, AT).scope is Scope.CA


@pytest.mark.parametrize(
    "half", [x509.DeltaCRLIndicator(1), idp(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}), full_name=[_URI])]
)
def test_half_a_list_is_known_as_one(half: x509.ExtensionType) -> None:
    octets = evidence.crl(authority(), {5: None, 6: x509.ReasonFlags.remove_from_crl}, extensions=[half])
    facts = reader.read(octets, authority().certificate, AT)
    assert not facts.complete
    assert (facts.entry(5), facts.entry(6)) == (Revoked(AT - DAY), None)


def test_that_expired_certificates_stay_listed_is_kept() -> None:
    kept = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x18\x0f20200101000000Z")
    facts = reader.read(evidence.crl(authority(), extensions=[kept]), authority().certificate, AT)
    assert facts.keeps_expired_since is not None
    assert facts.keeps_expired_since.isoformat() == "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (lambda: b"", "crl.malformed"),
        (lambda: evidence.crl(authority())[:-1], "crl.malformed"),
        (lambda: evidence.crl(authority()) + b"\0", "crl.malformed"),
        (lambda: evidence.crl(agency()), "crl.issuer"),
        (lambda: evidence.crl(namesake()), "crl.signature"),
        (lambda: evidence.crl(authority(), by=agency()), "crl.signature"),
        (lambda: evidence.by_sha1(evidence.crl(authority()), authority(), evidence.parts_of_crl), "crl.algorithm"),
        (lambda: evidence.crl(authority(), begins=AT + timedelta(minutes=6)), "crl.time"),
        (lambda: evidence.crl(authority(), extensions=[idp(indirect_crl=True)]), "crl.scope"),
        (lambda: evidence.crl(authority(), extensions=[idp(only_contains_attribute_certs=True)]), "crl.scope"),
        (
            lambda: evidence.crl(authority(), extensions=[x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0")]),
            "crl.scope",
        ),
        (
            lambda: evidence.crl(
                authority(),
                {5: None},
                entry_extensions=[x509.CertificateIssuer([x509.DirectoryName(agency().certificate.subject)])],
            ),
            "crl.scope",
        ),
    ],
)
def test_what_does_not_settle_it_is_refused(octets: Any, code: str) -> None:
    assert refusal(octets()) == code


def test_only_who_may_sign_lists_signs_them() -> None:
    """An agency's certificate has a keyUsage without cRLSign."""
    assert refusal(evidence.crl(agency()), agency()) == "crl.usage"


def test_a_key_too_weak_for_signatures_is_too_weak_for_lists() -> None:
    weak = issue("Tổ chức chứng thực RSA 1024", rsa_key(1024), ca=True)
    with pytest.raises(Refused) as caught:
        reader.read(evidence.crl(weak), weak.certificate, AT)
    assert caught.value.rule.code == "key.strength"


def test_size_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_CRL_BYTES", 10)
    assert refusal(evidence.crl(authority())) == "crl.too_large"


def test_no_octet_of_a_list_can_be_changed() -> None:
    octets = evidence.crl(authority(), {5: None})
    for index in range(len(octets)):
        changed = bytearray(octets)
        changed[index] ^= 1
        assert refusal(bytes(changed)).startswith("crl.")
