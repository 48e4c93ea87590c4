"""What an OCSP answer must be like to be relied on, and the question that is asked."""

from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing import ocsp as reader
from signing.names import issuer_id
from signing.rules import Refused
from signing.snapshot import OcspFacts, Revoked
from tests import evidence
from tests.evidence import DAY, HOUR
from tests.signatures import AT, Holder, agency, authority, issue, rsa_key, stranger

_OCSP = [ExtendedKeyUsageOID.OCSP_SIGNING]
_REVOKED = ocsp.OCSPCertStatus.REVOKED


@cache
def responder() -> Holder:
    return issue("Dịch vụ OCSP", rsa_key(), authority(), purposes=_OCSP, extensions=[x509.OCSPNoCheck()])


@cache
def revocable_responder() -> Holder:
    return issue("Dịch vụ OCSP", ec.generate_private_key(ec.SECP256R1()), authority(), purposes=_OCSP)


@cache
def namesake() -> Holder:
    return issue("Tổ chức chứng thực thử nghiệm", rsa_key(), ca=True)


@cache
def other_issuers_responder() -> Holder:
    return issue("Dịch vụ OCSP", rsa_key(), namesake(), purposes=_OCSP)


@cache
def expired_responder() -> Holder:
    return issue("Dịch vụ OCSP", rsa_key(), authority(), purposes=_OCSP, ends=AT - HOUR)


@cache
def responder_by_sha1() -> Holder:
    der = evidence.by_sha1(responder().der, authority(), evidence.parts_of_certificate)
    return Holder(responder().key, x509.load_der_x509_certificate(der))


def read(octets: bytes, nonce: bytes | None = None) -> OcspFacts:
    return reader.read(octets, agency().certificate, authority().certificate, AT, nonce)


def refusal(octets: bytes, nonce: bytes | None = None) -> str:
    with pytest.raises(Refused) as caught:
        read(octets, nonce)
    return caught.value.rule.code


def answer(**options: Any) -> bytes:
    return evidence.answer(agency(), authority(), options.pop("by", None), **options)


@pytest.mark.parametrize("naming", [hashes.SHA1(), hashes.SHA256()])  # noqa: S303 - as a name
@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("by", [None, responder, revocable_responder])
def test_an_answer_of_the_issuer_or_of_whom_it_authorised_becomes_facts(naming: Any, by_name: bool, by: Any) -> None:
    octets = answer(by=by and by(), naming=naming, by_name=by_name)
    facts = read(octets)
    assert (facts.issuer, facts.octets) == (issuer_id(authority().certificate), octets)
    assert (facts.serial_number, facts.revoked) == (str(agency().certificate.serial_number), None)
    assert (facts.this_update, facts.next_update) == (AT - HOUR, AT + DAY)
    assert facts.responder == (str(revocable_responder().certificate.serial_number) if by is revocable_responder else "")


def test_a_revocation_is_kept_with_its_reason() -> None:
    assert read(answer(status=_REVOKED)).revoked == Revoked(AT - DAY)
    held = answer(status=_REVOKED, reason=x509.ReasonFlags.certificate_hold)
    assert read(held).revoked == Revoked(AT - DAY, "certificateHold")


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (lambda: b"", "ocsp.malformed"),
        (lambda: answer()[:-1], "ocsp.malformed"),
        (lambda: ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER), "ocsp.status"),
        (lambda: answer(status=ocsp.OCSPCertStatus.UNKNOWN), "ocsp.unknown"),
        (lambda: evidence.answer(responder(), authority()), "ocsp.certificate"),
        (lambda: evidence.answer(agency(), namesake()), "ocsp.certificate"),
        (lambda: evidence.by_another(answer(), namesake(), evidence.parts_of_answer), "ocsp.signature"),
        (lambda: answer(by=stranger()), "ocsp.responder"),
        (lambda: answer(by=agency()), "ocsp.responder"),
        (lambda: evidence.by_another(answer(by=responder()), agency(), evidence.parts_of_answer), "ocsp.signature"),
        (lambda: answer(by=responder(), encloses=[]), "ocsp.responder"),
        (lambda: answer(by=responder(), encloses=[responder()] * 5), "ocsp.malformed"),
        (lambda: answer(by=other_issuers_responder()), "ocsp.responder"),
        (lambda: answer(by=expired_responder()), "ocsp.responder"),
        (lambda: answer(by=responder_by_sha1()), "ocsp.algorithm"),
        (lambda: evidence.by_sha1(answer(), authority(), evidence.parts_of_answer), "ocsp.algorithm"),
        (lambda: answer(begins=AT + timedelta(minutes=6)), "ocsp.time"),
    ],
)
def test_what_does_not_settle_it_is_refused(octets: Any, code: str) -> None:
    made = octets()
    assert refusal(made if isinstance(made, bytes) else made.public_bytes(reader.Encoding.DER)) == code


def test_an_answer_to_another_question_is_refused() -> None:
    """One without a nonce was made in advance: how old it may be is looked at when it is relied on."""
    assert read(answer(nonce=b"1" * 16), b"1" * 16).revoked is None
    assert read(answer(), b"1" * 16).revoked is None
    assert refusal(answer(nonce=b"1" * 16), b"2" * 16) == "ocsp.nonce"


def test_a_responder_without_the_purpose_is_not_one() -> None:
    """Its certificate is of the same issuer and may sign, but nobody authorised it to answer."""
    assert refusal(answer(by=agency(), by_name=True)) == "ocsp.responder"


def test_size_is_looked_at_first() -> None:
    assert refusal(b"0" * (reader.MAX_ANSWER_BYTES + 1)) == "ocsp.malformed"


def test_the_question_names_the_certificate_and_carries_the_nonce() -> None:
    asked = ocsp.load_der_ocsp_request(reader.question(agency().certificate, authority().certificate, b"n" * 16))
    assert asked.serial_number == agency().certificate.serial_number
    assert asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16
    assert not ocsp.load_der_ocsp_request(reader.question(agency().certificate, authority().certificate)).extensions


def test_no_octet_of_an_answer_can_be_changed_into_another_statement() -> None:
    """What is refused is refused by a rule; what is not says the same: the id of the responder may be given in two ways."""
    octets = answer(status=_REVOKED)
    expected = read(octets)
    for index in range(len(octets)):
        for bit in (1, 128):
            changed = bytearray(octets)
            changed[index] ^= bit
            try:
                found = read(bytes(changed))
            except Refused as refused:
                assert refused.rule.code.startswith("ocsp.")
            else:
                assert found.revoked == expected.revoked
