"""Whose a certificate is: by registration and never by guess."""

from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID, ObjectIdentifier

from lgsp.trust.demo_pki import DemoPki
from signing.binding import Holder, Registered, bind, holder_of

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)
TODAY = NOW.date()
PKI = DemoPki.make({"H01.101": "UBND xã Mỹ Hòa Hưng", "H01.102": "UBND xã Khác"}, NOW)
ROOT = PKI.document_anchor


def chain(name: str) -> tuple[x509.Certificate, ...]:
    one = PKI.holders[f"agencies/{name}"]
    return (one.certificate, *one.issuers, ROOT)


SEAL, HEAD = chain("H01.101/seal"), chain("H01.101/head")


def by_certificate(one: x509.Certificate, **more: object) -> Registered:
    return Registered(Holder.SEAL, certificate=one.fingerprint(SHA256()), **more)  # type: ignore[arg-type]


def named(*attributes: tuple[ObjectIdentifier, str], extensions: tuple[bytes, ...] = ()) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=1))
    for one in extensions:
        statements = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.5.5.7.1.3"), one)
        builder = builder.add_extension(statements, critical=False)
    return builder.sign(key, SHA256())


def code(chain: tuple[x509.Certificate, ...], *registered: Registered, on: date = TODAY) -> str:
    refusal = bind(chain, registered, on).refusal
    return "" if refusal is None else refusal.rule.code


def test_a_registered_certificate_is_bound_with_all_that_the_registration_says() -> None:
    """The capacity in which a person signs is recorded (KT. Chủ tịch)."""
    delegate = by_certificate(HEAD[0], name="Trần Thị Bình", title="Phó Chủ tịch", capacity="KT.", on_behalf_of="Chủ tịch")
    binding = bind(HEAD, [by_certificate(SEAL[0]), delegate], TODAY)
    assert binding.registered is delegate and binding.refusal is None


def test_what_nobody_registered_is_nobodys() -> None:
    """A good certificate of another agency, by the same authority and of the same name but for the agency."""
    assert code(chain("H01.102/seal"), by_certificate(SEAL[0]), by_certificate(HEAD[0])) == "binding.unknown"
    assert code(SEAL) == "binding.unknown"


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        (None, None, ""),
        (TODAY, TODAY, ""),
        (TODAY + timedelta(days=1), None, "binding.not_in_force"),
        (None, TODAY - timedelta(days=1), "binding.not_in_force"),
    ],
)
def test_a_registration_counts_from_its_first_day_to_its_last(begins: date | None, ends: date | None, expected: str) -> None:
    assert code(SEAL, by_certificate(SEAL[0], begins=begins, ends=ends)) == expected


def test_an_older_registration_does_not_stand_in_the_way_of_the_one_in_force() -> None:
    old = by_certificate(SEAL[0], ends=TODAY - timedelta(days=1))
    assert code(SEAL, old, by_certificate(SEAL[0], begins=TODAY)) == ""


def test_a_subject_rule_wants_every_attribute() -> None:
    """Without regard to case, white space and composition of letters (RFC 4518)."""
    organisation = SEAL[0].subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    assert isinstance(organisation, str)
    fits = Registered(Holder.SEAL, subject=(("O", f"  {organisation.upper()}  "), ("C", "vn")))
    assert code(SEAL, fits) == ""
    assert code(SEAL, Registered(Holder.SEAL, subject=(("O", organisation), ("C", "LA")))) == "binding.unknown"
    assert code(SEAL, Registered(Holder.SEAL, subject=(("organizationIdentifier", organisation),))) == "binding.unknown"
    assert code(chain("H01.102/seal"), fits) == "binding.unknown"


def test_an_issuer_rule_keeps_another_authority_from_issuing_the_same_names() -> None:
    """The authority must stand above the certificate; the certificate itself is none."""
    organisation = str(SEAL[0].subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)

    def by(issuer: x509.Certificate) -> Registered:
        return Registered(Holder.SEAL, subject=(("O", organisation),), issuer=issuer.fingerprint(SHA256()))

    assert code(SEAL, by(SEAL[1])) == code(SEAL, by(ROOT)) == ""
    assert code(SEAL, by(HEAD[1])) == code(SEAL, by(SEAL[0])) == "binding.unknown"


def test_a_registration_that_names_nothing_fits_nothing() -> None:
    assert code(SEAL, Registered(Holder.SEAL)) == "binding.unknown"


SEAL_TYPE = bytes.fromhex("3015 3013 0606 0400 8e46 0106 3009 0607 0400 8e46 0106 02".replace(" ", ""))
PERSON_TYPE = SEAL_TYPE[:-1] + b"\x01"


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (SEAL[0], Holder.SEAL),
        (HEAD[0], Holder.PERSON),
        (named((NameOID.COMMON_NAME, "Sở Tư pháp"), (NameOID.ORGANIZATION_NAME, "SỞ TƯ PHÁP")), Holder.SEAL),
        (named((NameOID.COMMON_NAME, "Sở"), (NameOID.ORGANIZATION_IDENTIFIER, "VATVN-1")), Holder.SEAL),
        (named((NameOID.COMMON_NAME, "An"), (NameOID.GIVEN_NAME, "An"), (NameOID.ORGANIZATION_NAME, "An")), Holder.PERSON),
        (named((NameOID.COMMON_NAME, "An"), (NameOID.ORGANIZATION_NAME, "Sở")), Holder.UNCLEAR),
        (named((NameOID.COUNTRY_NAME, "VN")), Holder.UNCLEAR),
        (named((NameOID.GIVEN_NAME, "An"), extensions=(SEAL_TYPE,)), Holder.SEAL),
        (named((NameOID.ORGANIZATION_IDENTIFIER, "x"), extensions=(PERSON_TYPE,)), Holder.PERSON),
    ],
)
def test_seal_or_person_is_read_from_the_certificate(certificate: x509.Certificate, expected: Holder) -> None:
    """Its stated type first (EN 319 412-5), then the names that only people or organisations have."""
    assert holder_of(certificate) is expected


def test_the_registration_says_more_than_the_certificate() -> None:
    """Small offices have one certificate for everything: whoever registers it says what it is used as."""
    assert bind(HEAD, [by_certificate(HEAD[0])], TODAY).holder is Holder.SEAL
