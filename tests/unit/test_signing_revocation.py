"""Whether a certificate was revoked, by what is known: how old evidence may be, and what a time-stamp saves."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing import crl, hints
from signing import ocsp as answers
from signing.report import Path, Revocation, RevocationCheck, Signer, TimeStamp, Trust
from signing.revocation import Grace, look_up
from signing.snapshot import CrlFacts, OcspFacts, RevocationSnapshot
from signing.trust import TrustBase
from tests import evidence
from tests.evidence import DAY, HOUR
from tests.signatures import AT, Holder, agency, authority, issue, rsa_key

_HOLD = x509.ReasonFlags.certificate_hold
_SUPERSEDED = x509.ReasonFlags.superseded
_COMPROMISED = x509.ReasonFlags.key_compromise
_GRACE = Grace()


@cache
def office() -> Holder:
    return issue("Tổ chức chứng thực cấp dưới", rsa_key(), authority(), ca=True)


@cache
def clerk() -> Holder:
    return issue("Văn thư", rsa_key(), office())


@cache
def at_point() -> Holder:
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://crl.example.vn/2.crl"), x509.DNSName("x")], None, None, None
    )
    access = [
        x509.AccessDescription(
            x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example.vn/")
        ),
        x509.AccessDescription(x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("file:///etc/passwd")),
        x509.AccessDescription(
            x509.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("https://ca.example.vn/a")
        ),
    ]
    extensions = [x509.CRLDistributionPoints([point, point]), x509.AuthorityInformationAccess(access)]
    return issue("Văn thư", rsa_key(), authority(), extensions=extensions)


def listed(reason: x509.ReasonFlags | None = None, holder: Holder | None = None) -> dict[int, x509.ReasonFlags | None]:
    return {(holder or agency()).certificate.serial_number: reason}


def facts(octets: bytes, issuer: Holder | None = None, at: datetime = AT + 1000 * DAY) -> CrlFacts:
    return crl.read(octets, (issuer or authority()).certificate, at)


def answered(octets: bytes, about: Holder | None = None) -> OcspFacts:
    return answers.read(octets, (about or agency()).certificate, authority().certificate, AT + 2 * DAY)


def check(
    *known: CrlFacts | OcspFacts,
    chain: tuple[Holder, ...] = (),
    at: datetime = AT,
    grace: Grace = _GRACE,
    existed_at: datetime | None = None,
    dates_itself: bool = False,
) -> RevocationCheck:
    snapshot = RevocationSnapshot(
        AT,
        tuple(one for one in known if isinstance(one, CrlFacts)),
        tuple(one for one in known if isinstance(one, OcspFacts)),
    )
    holders = chain or (agency(), authority())
    certificates = [one.certificate for one in holders]
    return look_up(certificates, snapshot, at, grace, existed_at, dates_itself=dates_itself).check


def code(found: RevocationCheck) -> str:
    return "" if found.refusal is None else found.refusal.rule.code


def test_who_is_not_listed_is_good_and_the_list_is_the_evidence() -> None:
    octets = evidence.crl(authority(), {1: None})
    found = check(facts(octets))
    assert (found.state, found.as_of, found.in_grace, code(found)) == (Revocation.GOOD, AT - HOUR, False, "")
    assert [(one.what, one.octets) for one in found.evidence] == [("crl", octets)]


def test_an_answer_is_as_good_as_a_list() -> None:
    octets = evidence.answer(agency(), authority())
    found = check(answered(octets))
    assert found.state is Revocation.GOOD
    assert [(one.what, one.octets) for one in found.evidence] == [("ocsp", octets)]


def test_who_is_listed_is_revoked_since_and_why() -> None:
    found = check(facts(evidence.crl(authority(), listed(_SUPERSEDED))))
    assert (found.state, found.revoked_at, found.reason) == (Revocation.REVOKED, AT - DAY, "superseded")
    assert code(found) == "revocation.revoked"


def test_of_whom_nothing_is_known_nothing_is_said() -> None:
    assert (check().state, code(check())) == (Revocation.UNKNOWN, "revocation.no_evidence")
    of_another = check(facts(evidence.crl(office()), office()))
    assert (of_another.state, code(of_another)) == (Revocation.UNKNOWN, "revocation.no_evidence")


def test_a_namesake_of_the_issuer_says_nothing() -> None:
    namesake = issue("Tổ chức chứng thực thử nghiệm", rsa_key(), ca=True)
    found = check(facts(evidence.crl(namesake, listed()), namesake))
    assert found.state is Revocation.UNKNOWN


def test_nobody_says_whether_a_certificate_trusted_as_such_was_revoked() -> None:
    assert code(check(chain=(agency(),))) == "revocation.no_issuer"


class TestAge:
    """Fresh by nextUpdate with the grace, and by our own maximum age."""

    def test_past_its_next_update_a_list_says_nothing_more(self) -> None:
        known = facts(evidence.crl(authority()))
        assert check(known, at=AT + DAY).state is Revocation.GOOD
        late = check(known, at=AT + DAY + timedelta(seconds=1))
        assert (late.state, code(late)) == (Revocation.UNKNOWN, "revocation.stale")

    def test_within_the_grace_it_does_and_the_report_says_so(self) -> None:
        known, grace = facts(evidence.crl(authority())), Grace(after_next_update_s=3600)
        found = check(known, at=AT + DAY + HOUR, grace=grace)
        assert (found.state, found.in_grace) == (Revocation.GOOD, True)
        assert check(known, at=AT + DAY + 2 * HOUR, grace=grace).state is Revocation.UNKNOWN

    def test_our_own_maximum_age_counts_whatever_the_issuer_promises(self) -> None:
        known = facts(evidence.crl(authority(), ends=AT + 300 * DAY))
        assert check(known, at=AT + 6 * DAY).state is Revocation.GOOD
        assert code(check(known, at=AT + 7 * DAY)) == "revocation.stale"

    def test_lists_of_authorities_may_be_older(self) -> None:
        known = facts(evidence.crl(authority(), ends=AT + 300 * DAY))
        of_office = facts(evidence.crl(office(), begins=AT + 30 * DAY, ends=AT + 33 * DAY), office())
        found = check(known, of_office, chain=(clerk(), office(), authority()), at=AT + 31 * DAY)
        assert (found.state, found.as_of) == (Revocation.GOOD, AT - HOUR)
        assert len(found.evidence) == 2

    def test_what_lies_in_the_future_says_nothing_yet(self) -> None:
        known = facts(evidence.crl(authority(), begins=AT + HOUR))
        assert check(known).state is Revocation.UNKNOWN
        assert check(known, at=AT + HOUR).state is Revocation.GOOD

    def test_an_answer_without_an_end_is_as_good_as_its_age_allows(self) -> None:
        known = answered(evidence.answer(agency(), authority(), ends=None))
        assert check(known, at=AT + 6 * DAY).state is Revocation.GOOD
        assert check(known, at=AT + 7 * DAY).state is Revocation.UNKNOWN

    def test_a_revocation_does_not_age(self) -> None:
        old = facts(evidence.crl(authority(), listed(), begins=AT - 20 * DAY, ends=AT - 19 * DAY))
        assert check(old, facts(evidence.crl(authority()))).state is Revocation.REVOKED

    def test_a_list_need_not_name_what_had_expired(self) -> None:
        """Its absence says nothing, unless the issuer says that it keeps the expired ones."""
        past = issue("Văn thư cũ", rsa_key(), authority(), ends=AT - 2 * HOUR)
        chain, stamped = (past, authority()), AT - DAY
        assert code(check(facts(evidence.crl(authority())), chain=chain, existed_at=stamped)) == "revocation.no_evidence"
        kept = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x18\x0f20200101000000Z")
        known = facts(evidence.crl(authority(), extensions=[kept]))
        assert check(known, chain=chain, existed_at=stamped).state is Revocation.GOOD
        known = answered(evidence.answer(past, authority()), past)
        assert check(known, chain=chain, existed_at=stamped).state is Revocation.UNKNOWN


class TestHold:
    """The one revocation that can be undone."""

    def test_on_hold_is_revoked_for_now(self) -> None:
        found = check(facts(evidence.crl(authority(), listed(_HOLD))))
        assert (found.state, code(found)) == (Revocation.REVOKED, "revocation.on_hold")

    def test_the_newest_evidence_says_whether_it_was_lifted(self) -> None:
        held = facts(evidence.crl(authority(), listed(_HOLD), begins=AT - 2 * HOUR))
        lifted = answered(evidence.answer(agency(), authority()))
        assert check(held, lifted).state is Revocation.GOOD
        newer = facts(evidence.crl(authority(), listed(_HOLD), begins=AT - HOUR / 2))
        assert check(newer, lifted).state is Revocation.REVOKED

    def test_what_was_signed_before_it_stays_good(self) -> None:
        known = facts(evidence.crl(authority(), listed(_HOLD)))
        assert check(known, existed_at=AT - 2 * DAY).state is Revocation.GOOD
        assert check(known, existed_at=AT - HOUR).state is Revocation.REVOKED


class TestStamped:
    """What was signed before the revocation, by evidence."""

    def test_an_older_signature_stays_good_and_the_revocation_is_told(self) -> None:
        found = check(facts(evidence.crl(authority(), listed(_SUPERSEDED))), existed_at=AT - 2 * DAY)
        assert (found.state, found.revoked_at, found.reason) == (Revocation.GOOD, AT - DAY, "superseded")

    def test_a_later_or_simultaneous_one_does_not(self) -> None:
        known = facts(evidence.crl(authority(), listed(_SUPERSEDED)))
        assert check(known, existed_at=AT - DAY).state is Revocation.REVOKED
        assert check(known, existed_at=AT).state is Revocation.REVOKED

    def test_no_reason_is_taken_for_unspecified(self) -> None:
        assert check(facts(evidence.crl(authority(), listed())), existed_at=AT - 2 * DAY).state is Revocation.GOOD

    def test_a_compromised_key_needs_a_date_of_compromise(self) -> None:
        when_noticed = facts(evidence.crl(authority(), listed(_COMPROMISED)))
        assert check(when_noticed, existed_at=AT - 2 * DAY).state is Revocation.REVOKED
        when_stolen = facts(evidence.crl(authority(), listed(_COMPROMISED), since=AT - 3 * DAY))
        assert check(when_stolen, existed_at=AT - 2 * DAY).state is Revocation.REVOKED
        assert check(when_stolen, existed_at=AT - 4 * DAY).state is Revocation.GOOD

    def test_one_revocation_that_leaves_it_good_does_not_hide_another(self) -> None:
        late = facts(evidence.crl(authority(), listed(_SUPERSEDED)))
        octets = evidence.answer(agency(), authority(), status=ocsp.OCSPCertStatus.REVOKED, reason=_COMPROMISED)
        assert check(late, answered(octets), existed_at=AT - 2 * DAY).state is Revocation.REVOKED

    @pytest.mark.parametrize(
        ("reason", "state"),
        [
            (x509.ReasonFlags.unspecified, Revocation.GOOD),
            (x509.ReasonFlags.affiliation_changed, Revocation.GOOD),
            (_SUPERSEDED, Revocation.GOOD),
            (x509.ReasonFlags.cessation_of_operation, Revocation.GOOD),
            (None, Revocation.REVOKED),
            (_COMPROMISED, Revocation.REVOKED),
            (_HOLD, Revocation.REVOKED),
            (x509.ReasonFlags.privilege_withdrawn, Revocation.REVOKED),
        ],
    )
    def test_who_dates_itself_stays_good_for_harmless_reasons_only(
        self, reason: x509.ReasonFlags | None, state: Revocation
    ) -> None:
        known = facts(evidence.crl(authority(), listed(reason)))
        assert check(known, existed_at=AT - 2 * DAY, dates_itself=True).state is state


class TestPath:
    """Every certificate below the anchor counts."""

    def test_one_unknown_leaves_the_path_unknown(self) -> None:
        chain = (clerk(), office(), authority())
        of_end = facts(evidence.crl(office()), office())
        assert check(of_end, chain=chain).state is Revocation.UNKNOWN
        assert check(of_end, facts(evidence.crl(authority())), chain=chain).state is Revocation.GOOD

    def test_a_revoked_authority_takes_its_certificates_with_it(self) -> None:
        found = check(facts(evidence.crl(authority(), listed(None, office()))), chain=(clerk(), office(), authority()))
        assert found.state is Revocation.REVOKED
        assert found.refusal is not None
        assert "cấp dưới" in found.refusal.place

    def test_a_list_for_authorities_says_nothing_of_others(self) -> None:
        for_ca = x509.IssuingDistributionPoint(None, None, False, True, None, False, False)
        for_ends = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
        assert check(facts(evidence.crl(authority(), extensions=[for_ca]))).state is Revocation.UNKNOWN
        assert check(facts(evidence.crl(authority(), extensions=[for_ends]))).state is Revocation.GOOD

    def test_half_a_list_can_revoke_but_not_clear(self) -> None:
        delta = [x509.DeltaCRLIndicator(1)]
        assert check(facts(evidence.crl(authority(), extensions=delta))).state is Revocation.UNKNOWN
        base = facts(evidence.crl(authority(), begins=AT - 2 * HOUR))
        assert check(base, facts(evidence.crl(authority(), extensions=delta))).state is Revocation.GOOD
        assert check(base, facts(evidence.crl(authority(), listed(), extensions=delta))).state is Revocation.REVOKED

    def test_a_list_of_one_distribution_point_is_for_its_certificates(self) -> None:
        def known(name: str) -> CrlFacts:
            names = [x509.UniformResourceIdentifier(f"http://crl.example.vn/{name}.crl")]
            point = x509.IssuingDistributionPoint(names, None, False, False, None, False, False)
            return facts(evidence.crl(authority(), extensions=[point]))

        chain = (at_point(), authority())
        assert check(known("2"), chain=chain).state is Revocation.GOOD
        assert check(known("1"), chain=chain).state is Revocation.UNKNOWN
        assert check(known("2")).state is Revocation.UNKNOWN  # a certificate that names no point

    def test_the_list_of_an_issuers_new_key_is_for_the_old_one_too(self) -> None:
        """The self-issued certificate that carries it over stands in the path."""
        new = issue("Tổ chức chứng thực thử nghiệm", rsa_key(), ca=True)
        carried = issue("Tổ chức chứng thực thử nghiệm", authority().key, new, ca=True)
        known = facts(evidence.crl(new, listed()), new)
        assert check(known, chain=(agency(), carried, new)).state is Revocation.REVOKED

    def test_a_revoked_responder_is_not_believed(self) -> None:
        responder = issue("Dịch vụ OCSP", rsa_key(), authority(), purposes=[ExtendedKeyUsageOID.OCSP_SIGNING])
        known = answered(evidence.answer(agency(), authority(), responder))
        assert check(known).state is Revocation.GOOD
        stale = {"begins": AT - 9 * DAY, "ends": AT - 8 * DAY}
        assert check(known, facts(evidence.crl(authority(), **stale))).state is Revocation.GOOD  # type: ignore[arg-type]
        listing = facts(evidence.crl(authority(), listed(None, responder), **stale))  # type: ignore[arg-type]
        assert check(known, listing).state is Revocation.UNKNOWN


def _signer() -> Signer:
    return Signer(agency().der, agency().certificate, agency().certificate.public_key())


def _trust(*known: CrlFacts) -> TrustBase:
    return TrustBase(documents=authority().anchors(), snapshot=RevocationSnapshot(AT, known))


class TestStanding:
    """What verifiers ask."""

    def test_what_is_remembered_ends_when_the_evidence_does(self) -> None:
        trust = _trust(facts(evidence.crl(authority())))
        for at, state in [(AT, "good"), (AT + HOUR, "good"), (AT + 2 * DAY, "unknown"), (AT, "good"), (AT - DAY, "unknown")]:
            found = trust.standing(_signer(), (), at)
            assert found.revocation is not None
            assert (found.path.trust, found.path.at, found.revocation.state) == (Trust.TRUSTED, at, state)

    def test_a_list_that_comes_into_force_is_seen(self) -> None:
        trust = _trust(facts(evidence.crl(authority())), facts(evidence.crl(authority(), listed(), begins=AT + HOUR)))
        states = [trust.standing(_signer(), (), at).revocation for at in (AT, AT + HOUR)]
        assert [one and one.state for one in states] == [Revocation.GOOD, Revocation.REVOKED]

    def test_another_snapshot_is_seen_at_once(self) -> None:
        trust = _trust(facts(evidence.crl(authority())))
        assert trust.standing(_signer(), (), AT).revocation is not None
        trust = replace(trust, snapshot=RevocationSnapshot(AT, (facts(evidence.crl(authority(), listed())),)))
        found = trust.standing(_signer(), (), AT).revocation
        assert found is not None
        assert found.state is Revocation.REVOKED

    def test_a_stamp_decides_at_which_time_the_path_has_to_hold(self) -> None:
        stamp = TimeStamp(AT - 2 * DAY, "1.2", 1, Path(Trust.TRUSTED, AT), b"", RevocationCheck(Revocation.GOOD))
        trust = _trust(facts(evidence.crl(authority(), listed(_SUPERSEDED))))
        found = trust.standing(_signer(), (), AT, stamp)
        assert found.path.at == stamp.at
        assert found.revocation is not None
        assert found.revocation.state is Revocation.GOOD
        plain = trust.standing(_signer(), (), AT).revocation
        assert plain is not None
        assert plain.state is Revocation.REVOKED

    def test_its_version_is_that_of_anchors_and_policy(self) -> None:
        trust = _trust()
        assert trust.version == _trust(facts(evidence.crl(authority()))).version
        assert trust.version != replace(trust, grace=Grace(after_next_update_s=1)).version
        assert trust.version != replace(trust, documents=office().anchors()).version
        assert trust.version != replace(trust, documents=trust.time_stamps, time_stamps=trust.documents).version


def test_the_addresses_in_a_certificate_are_hints() -> None:
    found = hints.hints([at_point().certificate, authority().certificate])
    assert [(one.certificate, one.issuer) for one in found] == [(at_point().certificate, authority().certificate)]
    assert found[0].crls == ("http://crl.example.vn/2.crl",)
    assert found[0].ocsp == ("http://ocsp.example.vn/",)
    assert found[0].issuers == ("https://ca.example.vn/a",)
    assert hints.hints([authority().certificate]) == ()
