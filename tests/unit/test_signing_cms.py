"""CMS and CAdES-B: what is accepted, and every rule by which anything else is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from signing import profiles
from signing.cms import CheckedCms, Content, Digest, check_cms, digest_method
from signing.cms_profiles import CADES, CMS, CMS_LEGACY, CmsCaps, CmsProfile
from signing.der import INTEGER, OCTET_STRING, SEQUENCE, SET, identifier, written
from signing.report import Integrity, TimeEvidence, Trust, Verdict
from signing.trust import NO_TRUST, TrustBase
from tests.cms_signers import CONTENT, SIGNED_AT, Attributes, CmsRecipe, Values, openssl_says, pyhanko_says, sign
from tests.signatures import AT, Holder, agency, authority, holder, intermediate, issue, rsa_key, stranger

TRUST = TrustBase(documents=authority().anchors())


def look(octets: bytes, content: Content | None = CONTENT, profile: CmsProfile = CADES, at: datetime = AT) -> CheckedCms:
    return check_cms(octets, content, profile, TRUST, at)


def refused(octets: bytes, content: Content | None = CONTENT, profile: CmsProfile = CADES) -> str:
    """The code; nothing may be handed on."""
    checked = look(octets, content, profile)
    assert checked.report.verdict is Verdict.NOT_VERIFIED
    assert checked.content is None and not checked.report.covered and checked.report.path is None
    assert checked.report.refusal is not None
    return checked.report.refusal.rule.code


# --- what is accepted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "recipe", "method"),
    [
        ("2048", CmsRecipe(), profiles.RSA_SHA256),
        ("2048", CmsRecipe(method="combined", digest="sha512"), profiles.RSA_SHA512),
        ("3072", CmsRecipe(digest="sha384"), profiles.RSA_SHA384),
        ("2048", CmsRecipe(method="rsassa_pss"), profiles.PSS_SHA256),
        ("2048", CmsRecipe(method="rsassa_pss", salt=222), profiles.PSS_SHA256),
        ("3072", CmsRecipe(method="rsassa_pss", digest="sha512"), profiles.PSS_SHA512),
        ("P-256", CmsRecipe(method="ecdsa"), profiles.ECDSA_SHA256),
        ("P-384", CmsRecipe(method="ecdsa", digest="sha384"), profiles.ECDSA_SHA384),
        ("2048", CmsRecipe(by_key_id=True), profiles.RSA_SHA256),
        ("2048", CmsRecipe(protect=True), profiles.RSA_SHA256),
        ("2048", CmsRecipe(bound="both"), profiles.RSA_SHA256),
        ("2048", CmsRecipe(signing_time=None), profiles.RSA_SHA256),
    ],
)
@pytest.mark.parametrize("attached", [False, True])
def test_a_signature_is_verified_and_its_content_handed_on(kind: str, recipe: CmsRecipe, method: str, attached: bool) -> None:
    """Detached and attached; pyHanko and OpenSSL find the same."""
    octets = sign(signer=holder(kind), recipe=replace(recipe, attached=attached))
    beside = None if attached else CONTENT
    checked = look(octets, beside)
    assert checked.report.refusal is None
    assert checked.report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert checked.content == CONTENT
    assert (checked.report.method, checked.report.covered[0].octets) == (method, len(CONTENT))
    assert checked.report.time_evidence is (TimeEvidence.CLAIMED if recipe.signing_time else TimeEvidence.NONE)
    assert pyhanko_says(octets, beside) and openssl_says(octets, beside, holder(kind))


def test_the_report_says_what_was_committed_to() -> None:
    """Time as claimed, the digest of the certificate, what was not looked at."""
    octets = sign(recipe=CmsRecipe(attributes=lambda found: [*found, ("1.2.3.4", core.Null())]))
    properties = look(octets).report.properties
    assert properties is not None
    assert (properties.signing_time, properties.certificate_digest_method) == (SIGNED_AT, profiles.SHA256)
    assert properties.not_evaluated == ("1.2.3.4",)


def test_certificates_that_came_along_lead_to_the_anchor() -> None:
    """The signer's was issued by an intermediate authority."""
    signer = issue("Xã Cần Đước", rsa_key(), intermediate())
    assert look(sign(signer=signer)).report.verdict is Verdict.INTACT_NOT_TRUSTED
    octets = sign(signer=signer, recipe=CmsRecipe(others=(intermediate(),)))
    report = look(octets).report
    assert report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert report.path is not None and len(report.path.chain) == 3


def test_intact_is_not_trusted() -> None:
    """A stranger of the same name signs well."""
    report = look(sign(signer=stranger())).report
    assert (report.integrity, report.trust) == (Integrity.INTACT, Trust.NOT_TRUSTED)


def test_a_digest_stands_for_large_content() -> None:
    """By the method that the signature names, which can be asked before."""
    octets = sign(recipe=CmsRecipe(digest="sha384"))
    assert digest_method(octets, CADES) == profiles.SHA384
    hashed = hashes.Hash(hashes.SHA384())
    hashed.update(CONTENT)
    value = hashed.finalize()
    checked = look(octets, Digest(profiles.SHA384, value, len(CONTENT)))
    assert checked.report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert checked.content is None
    assert refused(octets, Digest(profiles.SHA256, value[:32], len(CONTENT))) == "cms.digest_given"
    assert refused(octets, Digest(profiles.SHA384, bytes(48), len(CONTENT))) == "signature.digest"
    assert digest_method(b"0\x80", CADES) is None


def test_what_cryptography_signs_is_plain_cms() -> None:
    """It names the certificate by issuer and number alone, which the profile of CAdES does not take."""
    made = pkcs7.PKCS7SignatureBuilder().set_data(CONTENT)
    signed = made.add_signer(agency().certificate, rsa_of(agency()), hashes.SHA256())
    octets = signed.sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    by_the_clock = datetime.now(UTC) + timedelta(minutes=1)
    assert check_cms(octets, CONTENT, CMS, NO_TRUST, by_the_clock).report.integrity is Integrity.INTACT
    assert check_cms(octets, CONTENT, CADES, NO_TRUST, by_the_clock).report.integrity is Integrity.NOT_VERIFIABLE
    assert refused(sign(recipe=CmsRecipe(bound="none"))) == "cms.not_bound"


def rsa_of(one: Holder) -> rsa.RSAPrivateKey:
    assert isinstance(one.key, rsa.RSAPrivateKey)
    return one.key


# --- content --------------------------------------------------------------------------------------------------------------------


def test_other_content_is_not_intact() -> None:
    """One octet is enough."""
    assert look(sign(), CONTENT[:-1]).report.integrity is Integrity.NOT_INTACT
    assert refused(sign(), CONTENT + b" ") == "signature.digest"


def test_content_comes_from_one_place() -> None:
    """Never both from inside and from beside, and never from nowhere."""
    assert refused(sign(), None) == "cms.content_missing"
    assert refused(sign(recipe=CmsRecipe(attached=True)), CONTENT) == "cms.content_twice"
    assert refused(sign(recipe=CmsRecipe(attached=True)), b"") == "cms.content_twice"


# --- the message ----------------------------------------------------------------------------------------------------------------


def change(**parts: Any) -> CmsRecipe:
    """Fields of SignedData as they are to be."""

    def put(data: cms.SignedData) -> None:
        for name, value in parts.items():
            data[name] = value(data) if callable(value) else value

    return CmsRecipe(message=put)


def of_info(**parts: Any) -> CmsRecipe:
    """Fields of the only SignerInfo as they are to be."""

    def put(data: cms.SignedData) -> None:
        for name, value in parts.items():
            data["signer_infos"][0][name] = value

    return CmsRecipe(message=put)


def twice(name: str) -> Callable[[cms.SignedData], list[Any]]:
    return lambda data: [*data[name], *data[name]]


OTHER_KIND = cms.OtherCertificateFormat({"other_cert_format": "1.2.3", "other_cert": core.Null()})
OTHER_CERTIFICATE = cms.CertificateChoices("other", OTHER_KIND)

MESSAGES = {
    "no signer": (change(signer_infos=[]), "signature.absent"),
    "two signers": (change(signer_infos=twice("signer_infos")), "cms.signers"),
    "no certificate": (change(certificates=[]), "cms.signer_certificate"),
    "certificate twice": (change(certificates=twice("certificates")), "cms.certificates"),
    "other kind of certificate": (
        change(certificates=lambda data: [*data["certificates"], OTHER_CERTIFICATE]),
        "cms.certificates",
    ),
    "another's certificate": (change(certificates=[asn1_x509.Certificate.load(stranger().der)]), "cms.signer_certificate"),
    "unknown version": (change(version="v0"), "cms.shape"),
    "digest not announced": (change(digest_algorithms=[algos.DigestAlgorithm({"algorithm": "sha512"})]), "cms.algorithms"),
    "signer's version": (of_info(version="v3"), "cms.shape"),
    "MD5": (of_info(digest_algorithm={"algorithm": "md5"}), "signature.digest_method"),
    "another digest": (of_info(signature_algorithm={"algorithm": "sha512_rsa"}), "cms.algorithms"),
    "DSA": (of_info(signature_algorithm={"algorithm": "sha256_dsa"}), "signature.method"),
    "method of another key": (of_info(signature_algorithm={"algorithm": "sha256_ecdsa"}), "key.type"),
    "value of zeros": (of_info(signature=bytes(256)), "signature.value"),
    "no value": (of_info(signature=b""), "signature.value"),
    "no attributes": (CmsRecipe(without_attributes=True), "cms.attributes_absent"),
    "salt of another length": (CmsRecipe(method="rsassa_pss", salt=20), "signature.method"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_another_shape_is_refused(name: str) -> None:
    """Whatever the profile; nothing is passed over."""
    recipe, code = MESSAGES[name]
    for profile in (CADES, CMS):
        assert refused(sign(recipe=recipe), profile=profile) == code


def test_two_certificates_of_one_name_are_refused() -> None:
    """Same issuer and number, another key: nobody can say which one was meant."""
    twin = issue("Sở Nông nghiệp và Môi trường", rsa_key(), authority(), number=agency().certificate.serial_number)
    assert refused(sign(recipe=CmsRecipe(others=(twin,)))) == "cms.signer_certificate"


def test_a_certificate_has_one_encoding() -> None:
    """RFC 5280, 4.1.1.2: the algorithm stands there twice, once outside of what its issuer signed."""
    whole = asn1_x509.Certificate.load(agency().der)
    without_null = written(SEQUENCE, identifier("1.2.840.113549.1.1.11"))
    other = written(SEQUENCE, whole["tbs_certificate"].dump(), without_null, whole["signature_value"].dump())
    octets = sign(recipe=change(certificates=[asn1_x509.Certificate.load(other)]))
    assert refused(octets) == refused(octets, profile=CMS) == "key.certificate"


def test_content_of_another_type_is_refused() -> None:
    """A time-stamp token is no signature of a document."""
    data, other = bytes.fromhex("06092a864886f70d010701"), bytes.fromhex("06092a864886f70d010702")
    assert refused(sign(recipe=CmsRecipe(attached=True)).replace(data, other), None) == "cms.type"


def test_attributes_unsigned_by_anybody_are_no_content() -> None:
    """CVE class of 2022-2024: content that is itself a SET OF attributes, its signature claimed to be over attributes."""
    attributes = cms.ContentInfo.load(sign())["content"]["signer_infos"][0]["signed_attrs"]
    as_content = attributes.untag().dump()
    octets = sign(as_content, recipe=CmsRecipe(without_attributes=True))
    info = cms.ContentInfo.load(octets)
    info["content"]["signer_infos"][0]["signed_attrs"] = attributes.copy()
    forged = info.dump(force=True)
    assert refused(forged, as_content) == "signature.digest"
    assert refused(octets, as_content) == "cms.attributes_absent"


# --- attributes -----------------------------------------------------------------------------------------------------------------


def without(kind: str) -> CmsRecipe:
    return CmsRecipe(attributes=lambda found: [one for one in found if one[0] != kind])


def instead(kind: str, value: Any) -> CmsRecipe:
    return CmsRecipe(attributes=lambda found: [(name, value if name == kind else old) for name, old in found])


def again(kind: str, value: Any) -> CmsRecipe:
    return CmsRecipe(attributes=lambda found: [*found, (kind, value)])


ATTRIBUTES = {
    "no content type": (without("content_type"), "cms.attributes"),
    "another content type": (instead("content_type", "signed_data"), "cms.attributes"),
    "no digest": (without("message_digest"), "cms.attributes"),
    "two digests": (again("message_digest", bytes(32)), "cms.attributes"),
    "digest of another content": (instead("message_digest", bytes(32)), "signature.digest"),
    "short digest": (instead("message_digest", b""), "signature.digest"),
    "unknown one twice": (
        CmsRecipe(attributes=lambda found: [*found, ("1.2.3.4", core.Null()), ("1.2.3.4", core.Integer(1))]),
        "cms.attributes",
    ),
    "not bound": (CmsRecipe(bound="none"), "cms.not_bound"),
    "bound by SHA-1": (CmsRecipe(bound="v1"), "cms.not_bound"),
    "bound to another certificate": (CmsRecipe(committed_to=stranger().der), "cms.certificate"),
    "first version names another": (CmsRecipe(bound="v1", committed_to=stranger().der), "cms.certificate"),
    "time to come": (CmsRecipe(signing_time=AT + timedelta(minutes=6)), "cms.signing_time"),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_of_another_shape_are_refused(name: str) -> None:
    """They are signed well, and still refused."""
    recipe, code = ATTRIBUTES[name]
    assert refused(sign(recipe=recipe)) == code


def test_too_many_attributes_are_refused() -> None:
    """The profile says how many."""
    many: Callable[[Attributes], Attributes] = lambda found: [*found, *((f"1.2.3.{n}", core.Null()) for n in range(40))]  # noqa: E731
    assert refused(sign(recipe=CmsRecipe(attributes=many))) == "cms.attributes"


def resigned(octets: bytes, attributes: bytes, others: bytes) -> bytes:
    """The same message with other attributes, as octets and of the same length, signed well."""
    message = cms.ContentInfo.load(octets)
    assert octets.count(attributes) == 1 and len(attributes) == len(others)
    old = message["content"]["signer_infos"][0]["signature"].native
    value = rsa_of(agency()).sign(bytes((SET,)) + others[1:], PKCS1v15(), hashes.SHA256())
    return octets.replace(attributes, others).replace(old, value)


def attributes_of(octets: bytes) -> tuple[bytes, list[bytes]]:
    """The signed attributes as they stand in a message, and each of them."""
    found = cms.ContentInfo.load(octets)["content"]["signer_infos"][0]["signed_attrs"]
    return found.dump(), [one.dump() for one in found]


def test_attributes_stand_in_the_order_of_der() -> None:
    """Signed well in another order, they are still refused."""
    octets = sign()
    whole, parts = attributes_of(octets)
    header = whole[: len(whole) - sum(map(len, parts))]
    assert look(resigned(octets, whole, whole)).report.integrity is Integrity.INTACT
    assert refused(resigned(octets, whole, header + b"".join(parts[::-1]))) == "cms.not_der"


@pytest.mark.parametrize("kind", ["content_type", "message_digest", "signing_time", "signing_certificate_v2"])
@pytest.mark.parametrize("values", [0, 2])
def test_an_attribute_has_one_value(kind: str, values: int) -> None:
    """Two digests in one attribute are not one digest, and none is not one either."""

    def several(found: Attributes) -> Attributes:
        return [(name, Values([value] * values)) if name == kind else (name, value) for name, value in found]

    assert refused(sign(recipe=CmsRecipe(attributes=several))) in {"cms.attributes", "cms.shape", "cms.not_der"}


def test_protected_algorithms_must_be_those_in_use() -> None:
    """RFC 6211: the signer says which ones it meant."""
    named = {"digest_algorithm": {"algorithm": "sha512"}, "signature_algorithm": {"algorithm": "sha512_rsa"}}
    recipe = instead("cms_algorithm_protection", cms.CMSAlgorithmProtection(named))
    assert refused(sign(recipe=replace(recipe, protect=True))) == "cms.algorithms"


# --- legacy ---------------------------------------------------------------------------------------------------------------------


def test_sha1_is_for_the_legacy_profile_alone() -> None:
    """And is never a proof there."""
    octets = sign(recipe=CmsRecipe(digest="sha1", bound="v1"))
    assert refused(octets) == refused(octets, profile=CMS) == "signature.digest_method"
    report = look(octets, profile=CMS_LEGACY).report
    assert report.verdict is Verdict.VERIFIED_WEAKLY
    assert report.weak == (profiles.LEGACY_RSA_SHA1, profiles.LEGACY_SHA1)


def test_the_first_version_of_the_binding_must_fit_where_it_binds_nobody() -> None:
    """Plain CMS takes a signature without a binding, but not one that names another certificate."""
    assert look(sign(recipe=CmsRecipe(bound="v1")), profile=CMS).report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert refused(sign(recipe=CmsRecipe(bound="v1", committed_to=stranger().der)), profile=CMS) == "cms.certificate"


# --- keys -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "recipe", "code"),
    [
        (lambda: rsa_key(1024), CmsRecipe(), "key.strength"),
        (lambda: rsa.generate_private_key(3, 2048), CmsRecipe(), "key.strength"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), CmsRecipe(method="ecdsa", digest="sha512"), "key.strength"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), CmsRecipe(method="ecdsa"), "key.strength"),
    ],
)
def test_weak_keys_are_refused(key: Callable[[], Any], recipe: CmsRecipe, code: str) -> None:
    """Before they are used."""
    assert refused(sign(signer=issue("Khóa yếu", key(), authority()), recipe=recipe)) == code


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    "value",
    [
        written(SEQUENCE, written(INTEGER, b"\0"), written(INTEGER, b"\1")),
        written(SEQUENCE, written(INTEGER, b"\1"), written(INTEGER, b"\0")),
        written(SEQUENCE, *[written(INTEGER, b"\0" + ORDER.to_bytes(32))] * 2),
        written(SEQUENCE, *[written(INTEGER, b"\1" + bytes(32))] * 2),
        written(SEQUENCE, *[written(INTEGER, b"\xff")] * 2),
        written(SEQUENCE, *[written(INTEGER, b"\0\1")] * 2),
        written(SEQUENCE, *[written(INTEGER, b"")] * 2),
        written(SEQUENCE, *[written(INTEGER, b"\1")] * 3),
        written(SEQUENCE, *[written(INTEGER, b"\1")] * 2) + b"\0",
        bytes(64),
        b"",
    ],
)
def test_ecdsa_values_are_two_numbers_in_range_in_der(value: bytes) -> None:
    """Zero, out of range, negative, padded, one more, or no DER at all."""
    recipe = replace(of_info(signature=value), method="ecdsa")
    assert refused(sign(signer=holder("P-256"), recipe=recipe)) in {"signature.value", "cms.not_der", "cms.shape"}


def test_an_ecdsa_value_written_longer_is_refused() -> None:
    """The same numbers with a zero in front would be another encoding of one signature."""
    octets = sign(signer=holder("P-256"), recipe=CmsRecipe(method="ecdsa"))
    value = cms.ContentInfo.load(octets)["content"]["signer_infos"][0]["signature"].native
    r, s = (core.Integer.load(one) for one in _numbers(value))
    longer = written(SEQUENCE, written(INTEGER, b"\0\0" + r.contents), written(INTEGER, s.contents))
    assert refused(octets.replace(written(OCTET_STRING, value), written(OCTET_STRING, longer))) != ""
    recipe = replace(of_info(signature=longer), method="ecdsa")
    assert refused(sign(signer=holder("P-256"), recipe=recipe)) == "cms.not_der"


def _numbers(value: bytes) -> tuple[bytes, bytes]:
    first = 2 + 2 + value[3]
    return value[2:first], value[first:]


# --- encoding -------------------------------------------------------------------------------------------------------------------


def _indefinite(octets: bytes) -> bytes:
    return bytes((SEQUENCE, 0x80)) + octets[4:] + b"\0\0"


ENCODINGS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "indefinite length": (_indefinite, "cms.not_der"),
    "trailing octets": (lambda octets: octets + b"\0", "cms.shape"),
    "cut": (lambda octets: octets[:-1], "cms.not_der"),
    "longer length": (lambda octets: octets[:1] + b"\x83\0" + octets[2:], "cms.not_der"),
    "no octets": (lambda octets: b"", "cms.shape"),
    "PEM": (lambda octets: b"-----BEGIN CMS-----", "cms.shape"),
    "length of 2^32": (lambda octets: b"\x30\x85\x01\0\0\0\0" + octets, "cms.not_der"),
    "impossible length": (lambda octets: b"\x30\x84\xff\xff\xff\xff" + octets, "cms.not_der"),
    "nesting": (lambda octets: nested(20_000), "cms.shape"),
    "many nested indefinite": (lambda octets: b"\x30\x80" * 100_000, "cms.not_der"),
    "certificates by the thousand": (
        lambda octets: sign(recipe=change(certificates=[asn1_x509.Certificate.load(agency().der)] * 900)),
        "cms.certificates",
    ),
}


def nested(depth: int) -> bytes:
    octets = b""
    for _ in range(depth):
        octets = written(SEQUENCE, octets)
    return octets


@pytest.mark.parametrize("name", ENCODINGS)
def test_one_encoding_is_accepted(name: str) -> None:
    """DER, whole, and nothing behind it."""
    make, code = ENCODINGS[name]
    octets = make(sign())
    assert refused(octets) == code


def test_sizes_are_capped_before_anything_is_read() -> None:
    """All of it, and what is not content."""
    octets = sign(recipe=CmsRecipe(attached=True))
    assert refused(octets, None, replace(CADES, caps=CmsCaps(octets=len(octets) - 1))) == "cms.too_large"
    assert refused(octets, None, replace(CADES, caps=CmsCaps(around=1000))) == "cms.too_large"
    assert look(octets, None, replace(CADES, caps=CmsCaps(octets=len(octets)))).report.integrity is Integrity.INTACT


def test_what_is_remembered_is_small() -> None:
    """A stranger cannot fill the memory with attributes of megabytes."""
    assert refused(sign(), profile=replace(CADES, caps=CmsCaps(binding_octets=10))) == "cms.attributes"


def test_an_exception_is_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it comes from."""

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("signing.cms.cms_attributes.read", fail)
    assert refused(sign()) == "check.failed"


def test_set_is_what_is_signed() -> None:
    """RFC 5652, 5.4: the digest is of an explicit SET OF, not of the [0] that stands in the message."""
    tagged = cms.ContentInfo.load(sign())["content"]["signer_infos"][0]["signed_attrs"].dump()
    assert tagged[0] == 0xA0
    value = rsa_of(agency()).sign(tagged, PKCS1v15(), hashes.SHA256())
    assert refused(sign(recipe=of_info(signature=value))) == "signature.value"
    value = rsa_of(agency()).sign(bytes((SET,)) + tagged[1:], PKCS1v15(), hashes.SHA256())
    assert look(sign(recipe=of_info(signature=value))).report.integrity is Integrity.INTACT
