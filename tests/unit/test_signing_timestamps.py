"""What a time-stamp must be like to be evidence, and how one is asked for. rfc3161-client judges the same tokens."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import rfc3161_client
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from rfc3161_client._rust import parse_timestamp_request

from signing import crl, timestamps
from signing.report import Refusal, Revocation, Signer, TimeStamp, Trust
from signing.rules import Refused
from signing.snapshot import CrlFacts, RevocationSnapshot
from signing.timestamps import request, token_of, verify_stamp
from signing.trust import TrustBase
from tests import evidence
from tests.evidence import DAY, HOUR
from tests.signatures import AT, Holder, agency, authority, issue, rsa_key
from tests.stamps import POLICY, response, stamp, stamp_anchors, stamp_root, stamper

_OCTETS = b"SignatureValue"
_STAMPING = [Eku.TIME_STAMPING]


@cache
def on_p256() -> Holder:
    key = ec.generate_private_key(ec.SECP256R1())
    return issue("Dấu thời gian P-256", key, stamp_root(), purposes=_STAMPING, critical_purposes=True)


def made(name: str = "Dấu thời gian", issuer: Holder | None = None, **options: Any) -> Holder:
    given = {"purposes": _STAMPING, "critical_purposes": True} | options
    return issue(name, ec.generate_private_key(ec.SECP256R1()), issuer or stamp_root(), **given)


def trust(*known: CrlFacts, **changes: Any) -> TrustBase:
    base = TrustBase(documents=authority().anchors(), time_stamps=stamp_anchors(), snapshot=RevocationSnapshot(AT, known))
    return replace(base, **changes)


def verified(token: bytes, base: TrustBase | None = None, at: Any = AT, **options: Any) -> TimeStamp:
    found = verify_stamp(token, _OCTETS, base or trust(), at, **options)
    assert isinstance(found, TimeStamp), found
    return found


def refusal(token: bytes, base: TrustBase | None = None, at: Any = AT, **options: Any) -> str:
    found = verify_stamp(token, _OCTETS, base or trust(), at, **options)
    assert isinstance(found, Refusal)
    return found.rule.code


def another_accepts(token: bytes) -> bool:
    """What rfc3161-client says of it."""
    verifier = rfc3161_client.VerifierBuilder(roots=[stamp_root().certificate]).build()
    try:
        return verifier.verify_message(rfc3161_client.decode_timestamp_response(response(token)), _OCTETS)
    except (rfc3161_client.VerificationError, ValueError):
        return False


@pytest.mark.parametrize("by", [stamper, on_p256])
def test_a_token_over_our_octets_is_evidence(by: Any) -> None:
    token = stamp(_OCTETS, by(), nonce=7)
    found = verified(token, nonce=7)
    assert (found.at, found.policy, found.serial_number, found.token) == (AT, POLICY, 42, token)
    assert found.path.trust is Trust.TRUSTED
    assert [one.subject for one in found.path.chain] == [by().certificate.subject, stamp_root().certificate.subject]
    assert another_accepts(token)


def test_it_may_carry_more_than_it_needs() -> None:
    """Accuracy, ordering, the authority's name, extensions of no weight, fractions of a second."""
    at = AT + timedelta(milliseconds=250)
    name = x509.DirectoryName(stamper().certificate.subject)
    extra: Any = {
        "accuracy": {"seconds": 1, "millis": 500},
        "ordering": True,
        "tsa": _general_name(name),
        "extensions": [{"extn_id": "1.2.3", "critical": False, "extn_value": b"\5\0"}],
        "gen_time": at,
    }
    assert verified(stamp(_OCTETS, **extra), at=AT + HOUR).at == at


def _general_name(name: x509.DirectoryName) -> Any:
    return asn1_x509.GeneralName("directory_name", asn1_x509.Name.load(name.value.public_bytes()))


_SHA1 = {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": b"0" * 20}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (lambda: b"", "cms.shape"),
        (lambda: stamp(_OCTETS) + b"\0", "cms.shape"),
        (lambda: stamp(b"other octets"), "timestamp.imprint"),
        (lambda: stamp(_OCTETS, message_imprint=_SHA1), "signature.digest_method"),
        (lambda: stamp(_OCTETS, gen_time=AT + timedelta(minutes=6)), "timestamp.time"),
        (lambda: stamp(_OCTETS, extensions=[{"extn_id": "1.2.3", "critical": True, "extn_value": b"\5\0"}]), "timestamp.info"),
        (lambda: stamp(_OCTETS, content=b"\x30\x00"), "cms.shape"),
        (lambda: stamp(_OCTETS, content_type="data"), "timestamp.info"),
        (lambda: stamp(_OCTETS, key_of=stamp_root()), "signature.value"),
        (lambda: stamp(_OCTETS, commits_to=stamp_root()), "cms.certificate"),
        (lambda: stamp(_OCTETS, commits_by_sha1=True), "cms.not_bound"),
        (lambda: stamp(_OCTETS, encloses=[]), "cms.signer_certificate"),
        (lambda: stamp(_OCTETS, made(issuer=authority())), "path.not_found"),
        (lambda: stamp(_OCTETS, agency()), "timestamp.usage"),
        (lambda: stamp(_OCTETS, made(purposes=[])), "timestamp.usage"),
        (lambda: stamp(_OCTETS, made(critical_purposes=False)), "timestamp.usage"),
        (lambda: stamp(_OCTETS, made(purposes=[*_STAMPING, Eku.EMAIL_PROTECTION])), "timestamp.usage"),
        (lambda: stamp(_OCTETS, made(begins=AT + DAY)), "path.validity"),
        (lambda: stamp(_OCTETS, made(ends=AT - DAY)), "path.validity"),
        (lambda: stamp(_OCTETS, issue("Dấu", rsa_key(1024), stamp_root(), purposes=_STAMPING)), "key.strength"),
    ],
)
def test_what_does_not_prove_a_time_is_no_evidence(token: Any, code: str) -> None:
    assert refusal(token()) == code


def test_it_has_to_answer_our_own_question_when_there_was_one() -> None:
    assert refusal(stamp(_OCTETS), nonce=7) == "timestamp.nonce"
    assert refusal(stamp(_OCTETS, nonce=8), nonce=7) == "timestamp.nonce"


def test_policies_are_those_that_are_accepted() -> None:
    assert verified(stamp(_OCTETS), trust(stamp_policies=frozenset({POLICY}))).policy == POLICY
    assert refusal(stamp(_OCTETS), trust(stamp_policies=frozenset({"1.2.3"}))) == "timestamp.policy"


def test_authorities_of_documents_vouch_for_no_time() -> None:
    assert refusal(stamp(_OCTETS), TrustBase(documents=stamp_anchors())) == "path.no_anchors"
    assert refusal(stamp(_OCTETS), TrustBase(time_stamps=authority().anchors())) == "path.not_found"


def test_the_path_has_to_hold_when_the_stamp_was_made() -> None:
    """Not when it is looked at: that is what stamps are for."""
    past = made(begins=AT - 20 * DAY, ends=AT - 10 * DAY)
    assert verified(stamp(_OCTETS, past, gen_time=AT - 15 * DAY)).path.at == AT - 15 * DAY


def facts(**options: Any) -> CrlFacts:
    return crl.read(evidence.crl(stamp_root(), **options), stamp_root().certificate, AT)


def test_a_revoked_authority_proves_no_time_unless_the_issuer_says_so() -> None:
    """It dates its own signatures: whoever has its key can write any time."""
    number, token = stamper().certificate.serial_number, stamp(_OCTETS, gen_time=AT - 3 * DAY)
    for reason in (None, x509.ReasonFlags.key_compromise):
        assert refusal(token, trust(facts(revoked={number: reason}))) == "revocation.revoked"
    found = verified(token, trust(facts(revoked={number: x509.ReasonFlags.superseded})))
    assert found.revocation_check is not None
    assert found.revocation_check.state is Revocation.GOOD
    assert refusal(stamp(_OCTETS), trust(facts(revoked={number: x509.ReasonFlags.superseded}))) == "revocation.revoked"


class TestStanding:
    """What a stamp adds to a signature."""

    def standing(self, base: TrustBase, stamped_at: Any, at: Any = AT) -> Any:
        token = stamp(_OCTETS, gen_time=stamped_at)
        signer = Signer(agency().der, agency().certificate, agency().certificate.public_key())
        return base.standing(signer, (), at, verified(token, base, at))

    def of_signers(self, **options: Any) -> CrlFacts:
        return crl.read(evidence.crl(authority(), **options), authority().certificate, AT)

    def test_a_signature_older_than_the_revocation_stays_good(self) -> None:
        base = trust(facts(), self.of_signers(revoked={agency().certificate.serial_number: x509.ReasonFlags.superseded}))
        found = self.standing(base, AT - 2 * DAY)
        assert found.revocation.state is Revocation.GOOD
        assert len(found.revocation.evidence) == 2
        assert self.standing(base, AT - HOUR).revocation.state is Revocation.REVOKED

    def test_while_nobody_knows_about_the_authority_it_adds_nothing(self) -> None:
        """Nor does it take anything away."""
        revoked = self.of_signers(revoked={agency().certificate.serial_number: x509.ReasonFlags.superseded})
        assert self.standing(trust(revoked), AT - 2 * DAY).revocation.state is Revocation.UNKNOWN
        assert self.standing(trust(self.of_signers()), AT - 2 * DAY).revocation.state is Revocation.GOOD
        assert self.standing(trust(), AT - 2 * DAY).revocation.state is Revocation.UNKNOWN

    def test_a_stamp_from_before_the_certificate_leads_to_no_path(self) -> None:
        """Nobody can have signed with a certificate that was not there yet."""
        young = issue("Văn thư mới", ec.generate_private_key(ec.SECP256R1()), authority(), begins=AT - DAY)
        base = trust(facts(), self.of_signers())
        of_stamp = verified(stamp(_OCTETS, gen_time=AT - 2 * DAY), base)
        signer = Signer(young.der, young.certificate, young.certificate.public_key())
        assert base.standing(signer, (), AT, of_stamp).path.trust is Trust.NOT_TRUSTED


class TestAsking:
    """For our own use."""

    def test_the_request_is_what_others_read(self) -> None:
        asked = parse_timestamp_request(request(_OCTETS, 2**63 + 5, POLICY))
        assert (asked.version, asked.nonce, asked.cert_req) == (1, 2**63 + 5, True)
        assert asked.policy is not None
        assert asked.policy.dotted_string == POLICY
        assert asked.message_imprint.message == hashlib.sha256(_OCTETS).digest()
        assert parse_timestamp_request(request(_OCTETS, 1)).policy is None

    def test_the_token_of_an_answer_is_the_one_that_was_sent(self) -> None:
        token = stamp(_OCTETS)
        assert token_of(response(token)) == token
        assert token_of(response(token, "granted_with_mods")) == token

    @pytest.mark.parametrize(
        ("octets", "code"),
        [
            (b"", "cms.shape"),
            (b"0\x05\x30\x03\x02\x01\x02", "timestamp.rejected"),
            (b"0\x05\x30\x03\x02\x01\x00", "cms.shape"),
            (b"0" * (timestamps.MAX_RESPONSE_BYTES + 1), "timestamp.info"),
        ],
    )
    def test_what_is_no_answer_is_refused(self, octets: bytes, code: str) -> None:
        with pytest.raises(Refused) as caught:
            token_of(octets)
        assert caught.value.rule.code == code


def test_no_octet_of_a_token_can_be_changed_into_another_statement() -> None:
    """Whatever is still accepted says the same, and the other implementation accepts it too."""
    token = stamp(_OCTETS)
    expected = verified(token)
    for index in range(len(token)):
        changed = bytearray(token)
        changed[index] ^= 1
        found = verify_stamp(bytes(changed), _OCTETS, trust(), AT)
        if isinstance(found, TimeStamp):
            assert (found.at, found.policy, found.serial_number) == (expected.at, expected.policy, expected.serial_number)
            assert another_accepts(bytes(changed))


def test_a_failure_inside_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "_info", lambda _: 1 / 0)
    assert refusal(stamp(_OCTETS)) == "check.failed"
