"""XAdES-T: a time-stamp over SignatureValue is evidence of when, whoever put it there; anything else there is not."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta

import pytest
from lxml import etree

from signing.profiles import DSIG, ENVELOPE_XADES, ENVELOPE_XADES_T, EXCLUSIVE_C14N, INCLUSIVE_C14N, Profile
from signing.report import Checked, Integrity, TimeEvidence, Verdict
from signing.trust import TrustBase
from signing.verify import check
from tests.signatures import AT, WITH_XADES, Holder, agency, authority, by_xmlsec, case_file, issue, rsa_key
from tests.stamps import stamp, stamp_anchors

SIGNED = by_xmlsec(case_file(), agency(), WITH_XADES)
BOTH = TrustBase(documents=authority().anchors(), time_stamps=stamp_anchors())


def value_of(octets: bytes, *, exclusive: bool = True) -> bytes:
    """The canonical SignatureValue. lxml forgets the namespaces that inclusive C14N adds; these documents have one."""
    value = next(etree.fromstring(octets).iter(f"{{{DSIG}}}SignatureValue"))
    found = etree.tostring(value, method="c14n", exclusive=True)
    default = b'<ds:SignatureValue xmlns="urn:lgsp:case.file:1" xmlns:ds='
    return found if exclusive else found.replace(b"<ds:SignatureValue xmlns:ds=", default)


def with_stamps(octets: bytes, *stamps: str) -> bytes:
    held = "".join(f"<xades:SignatureTimeStamp>{one}</xades:SignatureTimeStamp>" for one in stamps)
    unsigned = f"<xades:UnsignedSignatureProperties>{held}</xades:UnsignedSignatureProperties>"
    end = b"</xades:QualifyingProperties>"
    return octets.replace(end, f"<xades:UnsignedProperties>{unsigned}</xades:UnsignedProperties>".encode() + end)


def holding(token: bytes, method: str = EXCLUSIVE_C14N) -> str:
    named = f'<ds:CanonicalizationMethod Algorithm="{method}"/>' if method else ""
    return f"{named}<xades:EncapsulatedTimeStamp>{b64encode(token).decode()}</xades:EncapsulatedTimeStamp>"


def look(octets: bytes, profile: Profile = ENVELOPE_XADES, trust: TrustBase = BOTH) -> Checked:
    return check(octets, profile, trust, AT)


@pytest.mark.parametrize("method", [EXCLUSIVE_C14N, INCLUSIVE_C14N, ""])
def test_a_stamp_over_the_value_is_evidence_of_when(method: str) -> None:
    """By the method that it names; by Canonical XML 1.0 where it names none."""
    token = stamp(value_of(SIGNED, exclusive=method == EXCLUSIVE_C14N))
    for profile in (ENVELOPE_XADES, ENVELOPE_XADES_T):
        report = look(with_stamps(SIGNED, holding(token, method)), profile).report
        assert (report.refusal, report.stamp_refusal) == (None, None)
        assert report.time_evidence is TimeEvidence.STAMPED
        assert report.stamp is not None and report.stamp.at == AT
        assert report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN


def test_the_earliest_of_several_stamps_counts() -> None:
    """Bad ones among them change nothing."""
    early, late = (stamp(value_of(SIGNED), gen_time=AT - timedelta(hours=hours)) for hours in (2, 1))
    report = look(with_stamps(SIGNED, holding(late), holding(b"x"), holding(early), holding(stamp(b"other")))).report
    assert report.stamp is not None and report.stamp.at == AT - timedelta(hours=2)
    assert report.stamp_refusal is None


BAD: dict[str, tuple[Callable[[], str], str]] = {
    "over something else": (lambda: holding(stamp(b"something else")), "timestamp.imprint"),
    "in the future": (lambda: holding(stamp(value_of(SIGNED), gen_time=AT + timedelta(hours=1))), "timestamp.time"),
    "by nobody who may": (lambda: holding(stamp(value_of(SIGNED), agency())), "timestamp.usage"),
    "by another method": (lambda: holding(stamp(value_of(SIGNED)), f"{EXCLUSIVE_C14N}WithComments"), "xades.stamp"),
    "with a prefix list": (
        lambda: holding(stamp(value_of(SIGNED))).replace("/><xades:Enc", "><x/></ds:CanonicalizationMethod><xades:Enc"),
        "xades.stamp",
    ),
    "no base64": (lambda: "<xades:EncapsulatedTimeStamp>*</xades:EncapsulatedTimeStamp>", "xades.stamp"),
    "two tokens in one": (lambda: holding(stamp(value_of(SIGNED))) + holding(stamp(value_of(SIGNED)), ""), "xades.stamp"),
    "an XML stamp": (lambda: "<xades:XMLTimeStamp/>", "xades.stamp"),
    "nothing": (lambda: "", "xades.stamp"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_stamp_that_proves_nothing_counts_as_none(name: str) -> None:
    """The report says why; a profile that demands one refuses."""
    make, code = BAD[name]
    octets = with_stamps(SIGNED, make())
    report = look(octets).report
    assert (report.integrity, report.stamp, report.time_evidence) == (Integrity.INTACT, None, TimeEvidence.CLAIMED)
    assert report.stamp_refusal is not None and report.stamp_refusal.rule.code.startswith(code)
    demanded = look(octets, ENVELOPE_XADES_T)
    assert demanded.report.refusal is not None and demanded.report.refusal.rule.code == "xades.stamp"
    assert demanded.content is None


def test_without_a_stamp_the_profile_that_demands_one_refuses() -> None:
    """And so it does where no time-stamp authority is trusted."""
    found = [look(SIGNED, ENVELOPE_XADES_T)]
    stamped = with_stamps(SIGNED, holding(stamp(value_of(SIGNED))))
    found.append(look(stamped, ENVELOPE_XADES_T, TrustBase(documents=authority().anchors())))
    assert [one.report.refusal and one.report.refusal.rule.code for one in found] == ["xades.stamp"] * 2


def test_a_stamp_of_another_signature_does_not_help() -> None:
    """It is over another value."""
    other = by_xmlsec(case_file().replace("Đào".encode(), b"Mai"), agency(), WITH_XADES)
    report = look(with_stamps(SIGNED, holding(stamp(value_of(other))))).report
    assert report.stamp is None


def test_a_certificate_that_expired_since_is_judged_at_the_time_of_the_stamp() -> None:
    """Without the stamp it is out of force."""
    who: Holder = issue("Ủy ban nhân dân xã", rsa_key(), authority(), ends=AT - timedelta(hours=1))
    signed = by_xmlsec(case_file(), who, WITH_XADES)
    refused = look(signed).report.path
    assert refused is not None and refused.refusal is not None and refused.refusal.rule.code == "path.validity"
    token = stamp(value_of(signed), gen_time=AT - timedelta(hours=2))
    report = look(with_stamps(signed, holding(token))).report
    assert report.stamp is not None and report.path is not None and report.path.at == AT - timedelta(hours=2)
