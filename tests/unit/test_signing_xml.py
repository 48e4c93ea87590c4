"""XML signatures: what other implementations sign verifies, and everything the profile does not name is refused by its rule."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree

from signing import profiles
from signing.paths import NO_ANCHORS, Anchors
from signing.profiles import (
    DSIG,
    EDXML,
    EDXML_LEGACY,
    ENVELOPE,
    ENVELOPE_XADES,
    INCLUSIVE_C14N,
    PROFILES,
    QCVN_102,
    Profile,
)
from signing.report import Checked, Integrity, Revocation, TimeEvidence, Trust, Verdict
from signing.rules import RULES
from signing.trust import TrustBase
from signing.verify import check
from signing.words import STATES
from tests.signatures import (
    AT,
    EDXML_RECIPE,
    PLAIN,
    SIGNED_AT,
    WITH_XADES,
    Holder,
    Recipe,
    agency,
    authority,
    by_signxml,
    by_xmlsec,
    case_file,
    holder,
    intermediate,
    issue,
    packet,
    rsa_key,
    stranger,
)

SHA1 = Recipe(header=True, method=profiles.LEGACY_RSA_SHA1, digest=profiles.LEGACY_SHA1)
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"


def look(octets: bytes, profile: Profile = ENVELOPE, anchors: Anchors | None = None, at: datetime = AT) -> Checked:
    return check(octets, profile, TrustBase(documents=authority().anchors() if anchors is None else anchors), at)


def refused(octets: bytes, profile: Profile = ENVELOPE) -> str:
    """The code of the rule by which it is refused."""
    checked = look(octets, profile)
    assert checked.report.verdict is Verdict.NOT_VERIFIED
    assert checked.content is None
    assert checked.report.refusal is not None
    return checked.report.refusal.rule.code


def changed(octets: bytes, old: str, new: str) -> bytes:
    assert octets.count(old.encode()) >= 1
    return octets.replace(old.encode(), new.encode(), 1)


GOOD = {
    "xmlsec, prefix ds": (by_xmlsec(case_file(), agency()), ENVELOPE),
    "xmlsec, no prefix": (by_xmlsec(case_file(), agency(), Recipe(prefix=None)), ENVELOPE),
    "xmlsec, the root by its Id": (by_xmlsec(case_file(), agency(), Recipe(uri="#doc-1")), ENVELOPE),
    "xmlsec, RSA-SHA-512": (
        by_xmlsec(case_file(), agency(), Recipe(method=profiles.RSA_SHA512, digest=profiles.SHA512)),
        ENVELOPE,
    ),
    "xmlsec, ECDSA P-256": (by_xmlsec(case_file(), holder("P-256"), Recipe(method=profiles.ECDSA_SHA256)), ENVELOPE),
    "xmlsec, ECDSA P-384": (by_xmlsec(case_file(), holder("P-384"), Recipe(method=profiles.ECDSA_SHA384)), ENVELOPE),
    "xmlsec, XAdES-B": (by_xmlsec(case_file(), agency(), WITH_XADES), ENVELOPE_XADES),
    "xmlsec, edXML, C14N 2001": (by_xmlsec(packet(), agency(), EDXML_RECIPE), EDXML),
    "xmlsec, edXML, both C14N": (by_xmlsec(packet(), agency(), Recipe(header=True, canonicalization=INCLUSIVE_C14N)), EDXML),
    "xmlsec, edXML, XAdES-B": (
        by_xmlsec(
            packet(),
            agency(),
            Recipe(header=True, xades=True, canonicalization=INCLUSIVE_C14N, property_transforms=(INCLUSIVE_C14N,)),
        ),
        EDXML,
    ),
    "signxml, RSA-SHA-256": (by_signxml(case_file(), agency()), ENVELOPE),
    "signxml, RSA-PSS": (by_signxml(case_file(), agency(), "sha256-rsa-MGF1"), ENVELOPE),
    "signxml, RSA-PSS SHA-512": (by_signxml(case_file(), agency(), "sha512-rsa-MGF1"), ENVELOPE),
    "signxml, ECDSA P-256": (by_signxml(case_file(), holder("P-256"), "ecdsa-sha256"), ENVELOPE),
    "signxml, RSA-3072": (by_signxml(case_file(), holder("3072"), "rsa-sha384"), ENVELOPE),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_others_sign_is_verified(name: str) -> None:
    """And the report says so without claiming that revocation was looked at."""
    report = look(*GOOD[name]).report
    assert report.refusal is None
    assert report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert (report.integrity, report.trust, report.revocation) == (Integrity.INTACT, Trust.TRUSTED, Revocation.UNKNOWN)
    assert report.weak == ()
    assert report.covered[-1].what == "document"


@pytest.mark.parametrize("name", GOOD)
def test_what_is_handed_on_is_the_signed_content_without_the_signature(name: str) -> None:
    """The very octets that were hashed, white space behind the signature included."""
    octets, profile = GOOD[name]
    content = look(octets, profile).content
    assert content is not None
    assert next(content.iter(f"{{{DSIG}}}Signature"), None) is None
    unsigned = packet() if profile is EDXML else case_file()
    expected, found = etree.fromstring(unsigned), content
    found.attrib.pop("Id", None)
    assert etree.tostring(found, method="c14n") == etree.tostring(expected, method="c14n")


CONTEXTS = {
    "unused namespaces": ('<edXML xmlns:u="urn:unused" xmlns:a="urn:a" ', "<edXML:edXMLHeader>"),
    "xml:lang and xml:space": ('<edXML xml:lang="vi" ', '<edXML:edXMLHeader xml:space="preserve" xml:lang="en">'),
    "a prefix declared anew": ('<edXML xmlns:u="urn:one" ', '<edXML:edXMLHeader xmlns:u="urn:two">'),
    "no default namespace": ("<edXML ", '<edXML:edXMLHeader xmlns="">'),
    "another default namespace": ("<edXML ", '<edXML:edXMLHeader xmlns="urn:other">'),
    "characters to escape": ('<edXML xmlns:u="urn:a?b&amp;c" ', '<edXML:edXMLHeader xml:base="a&quot;b&gt;">'),
}


@pytest.mark.parametrize("prefix", ["ds", None])
@pytest.mark.parametrize("name", CONTEXTS)
def test_inclusive_canonical_forms_of_parts_bear_their_context(name: str, prefix: str | None) -> None:
    """SignedInfo and SignedProperties inherit namespaces and xml: attributes (Canonical XML 1.0, 2.4), as xmlsec has it."""
    root, header = CONTEXTS[name]
    octets = changed(changed(packet(), "<edXML ", root), "<edXML:edXMLHeader>", header)
    for xades in (False, True):
        recipe = Recipe(
            header=True,
            xades=xades,
            prefix=prefix,
            canonicalization=INCLUSIVE_C14N,
            transforms=(profiles.ENVELOPED, INCLUSIVE_C14N),
            property_transforms=(INCLUSIVE_C14N,),
        )
        report = look(by_xmlsec(octets, agency(), recipe), EDXML).report
        assert (report.refusal, report.integrity) == (None, Integrity.INTACT)


def test_a_changed_content_is_not_intact() -> None:
    """Whoever the certificate belongs to."""
    octets = changed(by_xmlsec(case_file(), agency()), "Nguyễn Thị Hồng Đào", "Nguyễn Thị Hồng Mai")
    assert refused(octets) == "signature.digest"
    assert look(octets).report.integrity is Integrity.NOT_INTACT


def test_a_changed_digest_does_not_help() -> None:
    """SignedInfo is verified before anything it says is believed."""
    octets = by_xmlsec(case_file(), agency())
    other = by_xmlsec(changed(case_file(), "Đào", "Mai"), agency())
    digest, forged = (etree.fromstring(one).findtext(f".//{{{DSIG}}}DigestValue") or "" for one in (octets, other))
    assert refused(changed(changed(octets, "Đào", "Mai"), digest, forged)) == "signature.value"


def test_another_certificate_does_not_fit() -> None:
    """A certificate of the same name included."""
    one, other = (etree.fromstring(by_xmlsec(case_file(), who)) for who in (agency(), stranger()))
    path = f".//{{{DSIG}}}X509Certificate"
    mine, theirs = one.find(path), other.find(path)
    assert mine is not None and theirs is not None
    mine.text = theirs.text
    assert refused(etree.tostring(one)) == "signature.value"


def test_no_signature_is_its_own_state() -> None:
    """Not to be taken for a broken one."""
    assert look(case_file()).report.integrity is Integrity.ABSENT


C14N = profiles.EXCLUSIVE_C14N
OF_INFO = "<ds:CanonicalizationMethod Algorithm="
METHOD = f'{profiles.RSA_SHA256}"/>'
HMAC_LENGTH = "<ds:HMACOutputLength>8</ds:HMACOutputLength>"
SECOND = f'<ds:Transform Algorithm="{C14N}"/>'
PREFIXES = f'<e:InclusiveNamespaces xmlns:e="{C14N}" PrefixList="x"/>'
DIGEST = 'DigestMethod Algorithm="'
MORE = "</ds:Transforms>"
SHAPES: dict[str, tuple[str, str, str]] = {
    "an unknown child": ("</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>", "signature.shape"),
    "two KeyInfo": ("</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>", "signature.shape"),
    "an empty KeyInfo before it": ("<ds:KeyInfo>", "<ds:KeyInfo/><ds:KeyInfo>", "key.info"),
    "a declaration inside": ("<ds:SignatureMethod", '<ds:SignatureMethod xmlns:x="urn:x" x:y=""', "signature.shape"),
    "text between the parts": ("</ds:SignedInfo>", "</ds:SignedInfo>x", "signature.shape"),
    "text in SignedInfo": ("<ds:SignedInfo>", "<ds:SignedInfo>x", "signature.shape"),
    "two SignedInfo": ("</ds:SignedInfo>", "</ds:SignedInfo><ds:SignedInfo/>", "signature.shape"),
    "two SignatureValues": ("</ds:SignatureValue>", "</ds:SignatureValue><ds:SignatureValue/>", "key.info"),
    "an attribute of its own": ("<ds:SignedInfo>", '<ds:SignedInfo class="x">', "signature.shape"),
    "C14N with comments": (f'{OF_INFO}"{C14N}', f'{OF_INFO}"{C14N}WithComments', "signature.canonicalization"),
    "inclusive C14N in an envelope": (f'{OF_INFO}"{C14N}', f'{OF_INFO}"{INCLUSIVE_C14N}', "signature.canonicalization"),
    "HMAC": (profiles.RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "signature.method"),
    "RSA-SHA-1": (profiles.RSA_SHA256, profiles.LEGACY_RSA_SHA1, "signature.method"),
    "RSA-MD5": (profiles.RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#rsa-md5", "signature.method"),
    "ECDSA with an RSA key": (profiles.RSA_SHA256, profiles.ECDSA_SHA256, "key.type"),
    "HMACOutputLength": (METHOD, f"{METHOD[:-2]}>{HMAC_LENGTH}</ds:SignatureMethod>", "signature.method"),
    "SHA-1 digest": (DIGEST + profiles.SHA256, DIGEST + profiles.LEGACY_SHA1, "signature.digest_method"),
    "no URI": ('<ds:Reference URI="">', "<ds:Reference>", "signature.reference_target"),
    "a file": ('URI=""', 'URI="file:///etc/passwd"', "signature.reference_target"),
    "an address": ('URI=""', 'URI="http://example.vn/x.xml"', "signature.reference_target"),
    "an XPointer": ('URI=""', 'URI="#xpointer(/)"', "signature.reference_target"),
    "an Id nobody has": ('URI=""', 'URI="#x"', "signature.reference_target"),
    "a Manifest": ('URI=""', f'URI="" Type="{DSIG}Manifest"', "signature.reference_type"),
    "XSLT": (f'{profiles.ENVELOPED}"/>', f'{XSLT}"/>', "signature.transforms"),
    "enveloped alone": (SECOND, "", "signature.transforms"),
    "one transform too many": (MORE, f'<ds:Transform Algorithm="{DSIG}base64"/>{MORE}', "signature.transforms"),
    "InclusiveNamespaces": (SECOND, f"{SECOND[:-2]}>{PREFIXES}</ds:Transform>", "signature.transforms"),
    "a second reference that is empty": ("</ds:SignedInfo>", '<ds:Reference URI=""/></ds:SignedInfo>', "signature.shape"),
    "KeyValue": ("<ds:X509Data>", "<ds:KeyValue/><ds:X509Data>", "key.info"),
    "KeyName": ("<ds:X509Data>", "<ds:KeyName>x</ds:KeyName><ds:X509Data>", "key.info"),
    "RetrievalMethod": ("<ds:X509Data>", '<ds:RetrievalMethod URI="http://x"/><ds:X509Data>', "key.info"),
    "X509SubjectName in an envelope": ("<ds:X509Data>", "<ds:X509Data><ds:X509SubjectName>CN=x</ds:X509SubjectName>", "key.info"),
    "a cut certificate": ("<ds:X509Certificate>MII", "<ds:X509Certificate>", "key.certificate"),
    "no base64 in the value": ("<ds:SignatureValue>", "<ds:SignatureValue>*", "signature.base64"),
    "an element in the value": ("<ds:SignatureValue>", "<ds:SignatureValue><x/>", "signature.shape"),
    "text in a method": (METHOD, f"{METHOD[:-2]}>x</ds:SignatureMethod>", "signature.method"),
    "a comment": ("<applicant>", "<applicant><!-- x -->", "xml.comment_or_instruction"),
    "an instruction": ("<applicant>", "<applicant><?x y?>", "xml.comment_or_instruction"),
    "a comment behind the root": ("</case.file>", "</case.file><!-- x -->", "xml.comment_or_instruction"),
    "another encoding": ("encoding='UTF-8'", "encoding='ISO-8859-1'", "xml.not_utf8"),
    "XML 1.1": ("version='1.0'", "version='1.1'", "xml.not_utf8"),
    "a DTD": ("<case.file", "<!DOCTYPE case.file []><case.file", "xml.document_type"),
    "a signature that is not the last child": ("</ds:Signature>", "</ds:Signature><x/>", "signature.misplaced"),
    "two signatures": ("</ds:Signature>", f'</ds:Signature><ds:Signature xmlns:ds="{DSIG}"/>', "signature.several"),
    "not well-formed": ("</case.file>", "", "xml.not_well_formed"),
    "a relative namespace": ("<applicant>", '<applicant xmlns:r="a/b">', "xml.not_canonical"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_what_the_profile_does_not_name_is_refused_by_its_rule(name: str) -> None:
    """Refused, never ignored."""
    old, new, code = SHAPES[name]
    octets = by_xmlsec(case_file(), agency())
    assert refused(changed(octets, old, new)) == code


def test_a_document_is_not_signed_twice_by_one_signature() -> None:
    """A second reference to the same content, or too many of them, is not what the profile names."""
    octets = by_xmlsec(case_file(), agency())
    reference = octets[octets.index(b"<ds:Reference") : octets.index(b"</ds:SignedInfo>")].decode()
    assert refused(changed(octets, "</ds:SignedInfo>", f"{reference}</ds:SignedInfo>")) == "signature.references"
    assert refused(changed(octets, "</ds:SignedInfo>", f"{reference * 1000}</ds:SignedInfo>")) == "signature.references"


def test_a_signature_under_the_root_of_another_document_is_misplaced() -> None:
    """The place is counted from the root."""
    inner = by_xmlsec(case_file(), agency()).partition(b"?>")[2]
    assert refused(b"<outer>" + inner + b"</outer>") == "signature.misplaced"


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        (Recipe(xades=True, committed_to=stranger().der), "xades.certificate"),
        (Recipe(xades=True, property_type=None), "signature.reference_type"),
        (Recipe(xades=True, property_type=DSIG + "Object"), "signature.reference_type"),
        (Recipe(xades=True, property_transforms=(INCLUSIVE_C14N,)), "signature.transforms"),
        (Recipe(xades=True, signing_time="yesterday"), "xades.signing_time"),
        (Recipe(xades=True, signing_time="2026-11-18T08:05:01Z"), "xades.signing_time"),
        (Recipe(xades=True, signing_time="2026-13-18T08:05:01Z"), "xades.signing_time"),
        (Recipe(), "xades.absent"),
    ],
)
def test_xades_properties_bind_certificate_and_time(recipe: Recipe, code: str) -> None:
    """All of these carry a signature value that fits."""
    assert refused(by_xmlsec(case_file(), agency(), recipe), ENVELOPE_XADES) == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('Target="#sig-1"', 'Target="#sig-2"', "xades.shape"),
        ('<xades:SignedProperties Id="sp-1">', '<xades:SignedProperties Id="sp-2">', "signature.reference_target"),
        (SIGNED_AT, "2026-11-18T06:00:00Z", "signature.digest"),
        ("<applicant>", '<applicant Id="sp-1">', "signature.duplicate_id"),
        ("</xades:QualifyingProperties>", "<x/></xades:QualifyingProperties>", "xades.shape"),
    ],
)
def test_changed_xades_properties_are_refused(old: str, new: str, code: str) -> None:
    """Also where the reference itself could be found."""
    octets = changed(by_xmlsec(case_file(), agency(), WITH_XADES), old, new)
    assert refused(octets, ENVELOPE_XADES) == code


def test_the_signing_time_is_a_claim() -> None:
    """Recorded, and said to be no evidence."""
    report = look(by_xmlsec(case_file(), agency(), WITH_XADES), ENVELOPE_XADES).report
    assert report.time_evidence is TimeEvidence.CLAIMED
    assert report.properties is not None
    assert report.properties.signing_time == datetime(2026, 11, 18, 7, 59, tzinfo=UTC)
    assert look(by_xmlsec(case_file(), agency())).report.time_evidence is TimeEvidence.NONE


def test_unsigned_properties_are_named_as_not_evaluated() -> None:
    """Anybody may have put them there, so they are never trusted, and the report does not hide them."""
    octets = by_xmlsec(case_file(), agency(), WITH_XADES)
    held = b"<xades:UnsignedSignatureProperties><xades:CertificateValues/></xades:UnsignedSignatureProperties><x/>"
    unsigned = b"<xades:UnsignedProperties>" + held + b"</xades:UnsignedProperties></xades:QualifyingProperties>"
    report = look(octets.replace(b"</xades:QualifyingProperties>", unsigned), ENVELOPE_XADES).report
    assert report.properties is not None
    assert report.properties.not_evaluated == ("x", "CertificateValues")


def test_sha1_is_accepted_under_the_legacy_profile_alone() -> None:
    """And the verdict is another word than that of a sound signature."""
    octets = by_xmlsec(packet(), agency(), SHA1)
    assert refused(octets, EDXML) == "signature.method"
    report = look(octets, EDXML_LEGACY).report
    assert report.verdict is Verdict.VERIFIED_WEAKLY
    assert report.weak == (profiles.LEGACY_RSA_SHA1, profiles.LEGACY_SHA1)


def test_a_signature_in_the_namespace_of_qcvn_102_is_verified() -> None:
    """A vendor's kit writes it without a declaration of its own; its value is then computed over those names."""
    octets = by_xmlsec(packet(), agency(), Recipe(header=True)).replace(DSIG.encode() + b'">', QCVN_102.encode() + b'">')
    assert refused(octets, EDXML) == "signature.value"
    root = etree.fromstring(octets)
    info, value = (next(root.iter(f"{{{QCVN_102}}}{name}")) for name in ("SignedInfo", "SignatureValue"))
    key = agency().key
    assert isinstance(key, rsa.RSAPrivateKey)
    value.text = b64encode(key.sign(etree.tostring(info, method="c14n", exclusive=True), PKCS1v15(), SHA256())).decode()
    assert look(etree.tostring(root), EDXML).report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert look(etree.tostring(root), ENVELOPE).report.integrity is Integrity.ABSENT


@pytest.mark.parametrize("holds", ["<edXML:DigitalSignature/>", ""])
def test_an_empty_place_for_a_signature_is_no_signature(holds: str) -> None:
    """.NET systems send an empty element."""
    octets = changed(packet(), "</edXML:edXMLHeader>", holds + "</edXML:edXMLHeader>")
    assert look(octets, EDXML).report.integrity is Integrity.ABSENT


@pytest.mark.parametrize("kind", ["1024", "P-256"])
def test_the_key_must_be_strong_and_of_the_right_kind(kind: str) -> None:
    """RSA of 1024 bits, and RSA where the certificate has an elliptic curve."""
    if kind == "1024":
        weak = issue("weak", rsa_key(1024), authority())
        assert refused(by_xmlsec(case_file(), weak)) == "key.strength"
    else:
        signed = etree.fromstring(by_xmlsec(case_file(), agency()))
        other = etree.fromstring(by_xmlsec(case_file(), holder("P-256"), Recipe(method=profiles.ECDSA_SHA256)))
        for one, by in zip(signed.iter(f"{{{DSIG}}}X509Certificate"), other.iter(f"{{{DSIG}}}X509Certificate"), strict=True):
            one.text = by.text
        assert refused(etree.tostring(signed)) == "key.type"


@pytest.mark.parametrize("value", [bytes(64), bytes(63) + b"\1", bytes(65), b"\0" * 32 + b"\1" * 32, b"\xff" * 64])
def test_elliptic_signatures_are_two_numbers_of_the_right_length(value: bytes) -> None:
    """Zero and what is out of range are refused."""
    signed = etree.fromstring(by_xmlsec(case_file(), holder("P-256"), Recipe(method=profiles.ECDSA_SHA256)))
    place = signed.find(f".//{{{DSIG}}}SignatureValue")
    assert place is not None
    place.text = b64encode(value).decode()
    assert refused(etree.tostring(signed)) == "signature.value"


def test_intact_is_not_trusted() -> None:
    """Anybody can make a certificate of this name."""
    report = look(by_xmlsec(case_file(), stranger())).report
    assert (report.integrity, report.trust) == (Integrity.INTACT, Trust.NOT_TRUSTED)
    assert report.verdict is Verdict.INTACT_NOT_TRUSTED
    assert report.path is not None and report.path.refusal is not None
    assert report.path.refusal.rule.code == "path.not_found"


def test_without_anchors_nothing_is_trusted() -> None:
    """And the report says why."""
    report = look(by_xmlsec(case_file(), agency()), anchors=NO_ANCHORS).report
    assert (report.trust, report.verdict) == (Trust.NOT_CHECKED, Verdict.INTACT_NOT_TRUSTED)


def path_code(signer: Holder, at: datetime = AT, anchors: Anchors | None = None, *others: Holder) -> str:
    """The rule by which the path is refused; empty when there is one."""
    report = look(by_xmlsec(case_file(), signer, PLAIN, others), anchors=anchors, at=at).report
    assert report.integrity is Integrity.INTACT and report.path is not None
    return "" if report.path.refusal is None else report.path.refusal.rule.code


def test_a_path_may_lead_over_certificates_that_came_along() -> None:
    """They are hints: without them there is no path."""
    signer = issue("Ủy ban nhân dân xã", rsa_key(), intermediate())
    assert path_code(signer, AT, None, intermediate()) == ""
    assert path_code(signer) == "path.not_found"


def test_a_registered_certificate_needs_no_path() -> None:
    """It is an anchor itself."""
    assert path_code(stranger(), AT, stranger().anchors()) == ""


@pytest.mark.parametrize("at", [AT - timedelta(days=31), AT + timedelta(days=366)])
def test_a_path_holds_while_the_certificates_are_in_force(at: datetime) -> None:
    """A path found once is not used outside its time."""
    anchors = authority().anchors()
    assert path_code(agency(), AT, anchors) == ""
    assert path_code(agency(), at, anchors) == "path.validity"
    assert path_code(agency(), AT, anchors) == ""


def test_a_certificate_for_other_purposes_signs_no_documents() -> None:
    """A time-stamp authority, a web server, a key that only encrypts."""
    for purpose in (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH):
        assert path_code(issue("x", rsa_key(), authority(), purposes=[purpose])) == "path.usage"
    assert path_code(issue("x", rsa_key(), authority(), signs=False)) == "path.usage"
    assert path_code(issue("x", rsa_key(), authority(), purposes=[ExtendedKeyUsageOID.EMAIL_PROTECTION])) == ""


def test_who_is_no_authority_issues_nothing() -> None:
    """An agency's certificate is not one of an authority."""
    assert path_code(issue("x", rsa_key(), agency()), AT, None, agency()) == "path.not_found"


def test_an_exception_anywhere_means_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a pass, and never an error of the program that asked."""

    def broken(*_: object) -> object:
        raise KeyError("x")

    monkeypatch.setattr("signing.verify.places.document", broken)
    assert refused(by_xmlsec(case_file(), agency())) == "check.failed"
    monkeypatch.undo()
    monkeypatch.setattr(x509, "load_der_x509_certificate", broken)
    assert refused(by_xmlsec(case_file(), issue("new", rsa_key(), authority()))) == "check.failed"


def test_a_broken_path_engine_trusts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is then not handed on either."""
    anchors = authority().anchors()
    monkeypatch.setattr("signing.paths._judged", lambda *_: 1 / 0)
    checked = look(by_xmlsec(case_file(), agency()), anchors=anchors)
    assert checked.report.verdict is Verdict.NOT_VERIFIED and checked.content is None


def test_every_rule_is_explained_in_both_languages() -> None:
    """And every state has its words."""
    assert all(text for one in RULES.values() for text in (one.title_vi, one.title_en, one.remedy_vi, one.remedy_en))
    assert {*Verdict, *Integrity, *Trust, *Revocation, *TimeEvidence} == set(STATES)


def test_profiles_have_names_of_their_own() -> None:
    """The name is part of the evidence."""
    assert len({one.name for one in PROFILES.values()}) == len(PROFILES)
    assert [one.name for one in PROFILES.values() if one.legacy] == [EDXML_LEGACY.name]
