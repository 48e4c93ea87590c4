"""XML that the hub signs: xmlsec, signxml and our own verifier find it valid, and it is what EN 319 132-1 wants of baseline B."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from lxml import etree
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.profiles import DSIG, EDXML, ENVELOPE, ENVELOPE_XADES, SOAP, SOAP_11, SOAP_12, XADES, Profile
from signing.report import SignatureReport, TimeEvidence, Verdict
from signing.rules import Refused
from signing.soap import WSSE
from signing.trust import TrustBase
from signing.verify import check
from signing.xml_sign import sign_enveloped, sign_message
from tests.signatures import AT, Holder, agency, authority, case_file, holder, packet, signxml_says, xmlsec_says
from tests.soap import BODY

KINDS = {"RSA": agency, "P-256": lambda: holder("P-256"), "P-384": lambda: holder("P-384")}
DOCUMENTS = {"XMLDSig": (ENVELOPE, case_file()), "XAdES-B": (ENVELOPE_XADES, case_file()), "edXML": (EDXML, packet())}


def key_of(who: Holder) -> LocalKey:
    return LocalKey.of_pem(who.key_pem).with_certificates((who.der,))


def report_on(octets: bytes, profile: Profile, at: datetime = AT) -> SignatureReport:
    return check(octets, profile, TrustBase(documents=authority().anchors()), at).report


def message(version: str = SOAP_11, header: str = "<S:Header/>") -> bytes:
    return f'<S:Envelope xmlns:S="{version}">{header}<S:Body>{BODY}</S:Body></S:Envelope>'.encode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_the_hub_signs_others_find_valid(kind: str, name: str) -> None:
    """Two independent implementations, and ourselves."""
    who, (profile, octets) = KINDS[kind](), DOCUMENTS[name]
    signed = sign_enveloped(octets, key_of(who), AT, profile)
    assert report_on(signed, profile).verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert xmlsec_says(signed, who)
    assert signxml_says(signed, who, signed.count(b"<ds:Reference "))
    assert not xmlsec_says(signed.replace("Nguyễn".encode(), "Trần".encode()).replace(b"000.00", b"000.01"), who)


@pytest.mark.parametrize("kind", KINDS)
def test_xades_is_found_valid_by_signxml_with_its_properties(kind: str) -> None:
    """The binding of the certificate included."""
    who = KINDS[kind]()
    signed = sign_enveloped(case_file(), key_of(who), AT, ENVELOPE_XADES)
    config = XAdESSignatureConfiguration(expect_references=2)
    assert len(XAdESVerifier().verify(signed, x509_cert=who.certificate, expect_config=config)) == 2


def test_baseline_b_says_when_with_which_certificate_and_in_what_format() -> None:
    """EN 319 132-1, 6.3; the time is written in UTC wherever the clock stands."""
    hanoi = datetime(2026, 11, 18, 15, 0, 0, 999, tzinfo=timezone(timedelta(hours=7)))
    signed = sign_enveloped(case_file(), key_of(agency()), hanoi, ENVELOPE_XADES)
    root = etree.fromstring(signed)
    assert root.findtext(f".//{{{XADES}}}SigningTime") == "2026-11-18T08:00:00Z"
    form = root.find(f".//{{{XADES}}}DataObjectFormat")
    assert form is not None and form.findtext(f"{{{XADES}}}MimeType") == "text/xml"
    reference = root.find(f".//{{{DSIG}}}Reference[@Id='{form.get('ObjectReference', '')[1:]}']")
    assert reference is not None and reference.get("URI") == ""
    report = report_on(signed, ENVELOPE_XADES)
    assert report.time_evidence is TimeEvidence.CLAIMED
    assert report.properties is not None and report.properties.signing_time == datetime(2026, 11, 18, 8, tzinfo=UTC)


def test_the_content_stays_as_it_was() -> None:
    """Nothing but the signature is added."""
    content = check(sign_enveloped(case_file(), key_of(agency()), AT, ENVELOPE), ENVELOPE, TrustBase(), AT).content
    assert content is not None
    assert etree.tostring(content, method="c14n") == etree.tostring(etree.fromstring(case_file()), method="c14n")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [SOAP_11, SOAP_12])
@pytest.mark.parametrize("header", ["", "<S:Header/>", '<S:Header><a xmlns="urn:a"/></S:Header>'])
def test_messages_that_the_hub_signs_are_found_valid(kind: str, version: str, header: str) -> None:
    """By others, and by ourselves while they are fresh."""
    who = KINDS[kind]()
    signed = sign_message(message(version, header), key_of(who), AT)
    report = report_on(signed, SOAP)
    assert report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert [one.what for one in report.covered] == ["soap_timestamp", "soap_body"]
    assert xmlsec_says(signed, who) and signxml_says(signed, who, references=2)
    late = report_on(signed, SOAP, AT + timedelta(minutes=11)).refusal
    assert late is not None and late.rule.code == "soap.timestamp"


def test_ed25519_signs_envelopes() -> None:
    """RFC 9231, 2.3.12; neither xmlsec nor signxml knows it, so the key itself judges SignedInfo as C14N has it."""
    key, who = ed25519.Ed25519PrivateKey.generate(), holder("Ed25519")
    signed = sign_enveloped(case_file(), key_of(who), AT, ENVELOPE_XADES)
    info, value = (etree.fromstring(signed).find(f".//{{{DSIG}}}{name}") for name in ("SignedInfo", "SignatureValue"))
    public = who.key.public_key()
    assert info is not None and value is not None and isinstance(public, ed25519.Ed25519PublicKey)
    public.verify(b64decode(value.text or ""), etree.tostring(info, method="c14n", exclusive=True))
    assert report_on(signed, ENVELOPE_XADES).verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    other = sign_enveloped(case_file(), LocalKey(Algorithm.ED25519, key, (who.der,)), AT, ENVELOPE_XADES)
    refusal = report_on(other, ENVELOPE_XADES).refusal
    assert refusal is not None and refusal.rule.code == "signature.value"


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (sign_enveloped(case_file(), key_of(agency()), AT, ENVELOPE), "signature.several"),
        (b"<a><!-- x --></a>", "xml.comment_or_instruction"),
        (b"<!DOCTYPE a><a/>", "xml.document_type"),
        (b"<a", "xml.not_well_formed"),
        (b'<a xmlns:b="relative"/>', "xml.not_canonical"),
    ],
)
def test_what_a_verifier_would_refuse_is_not_signed(octets: bytes, code: str) -> None:
    """The mistake is ours, and is found before the key is used."""
    with pytest.raises(Refused) as refused:
        sign_enveloped(octets, key_of(agency()), AT, ENVELOPE)
    assert refused.value.rule.code == code


def test_a_place_and_a_certificate_are_needed() -> None:
    """And a message needs to be one, without a Security block."""
    found = []
    for octets, key, profile in (
        (case_file(), key_of(agency()), EDXML),
        (case_file(), LocalKey.of_pem(agency().key_pem), ENVELOPE),
    ):
        with pytest.raises(Refused) as refused:
            sign_enveloped(octets, key, AT, profile)
        found.append(refused.value.rule.code)
    for octets in (case_file(), message(header=f'<S:Header><s:Security xmlns:s="{WSSE}"/></S:Header>')):
        with pytest.raises(Refused) as refused:
            sign_message(octets, key_of(agency()), AT)
        found.append(refused.value.rule.code)
    assert found == ["signature.misplaced", "key.info", "soap.envelope", "soap.security"]
