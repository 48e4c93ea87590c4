"""CMS in BER is judged by the same rules once it is DER; time-stamps on a signature say when it existed, if they are believed."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from hypothesis import given
from hypothesis import strategies as st

from signing.ber import MAX_DEPTH, to_der
from signing.cms import check_cms
from signing.cms_profiles import CADES
from signing.cms_slow import check_cms_slowly
from signing.der import NULL, OCTET_STRING, SEQUENCE, SET, context, identifier, written
from signing.report import Integrity, TimeEvidence, Trust, Verdict
from signing.rules import Refused
from signing.trust import NO_TRUST, TrustBase
from tests.cms_signers import CONTENT, CmsRecipe, openssl_says, sign
from tests.file_mutants import Value, of_message, taken_apart
from tests.signatures import AT, agency, authority
from tests.stamps import stamp, stamp_anchors

TRUST = TrustBase(documents=authority().anchors())


def streamed(value: Value, levels: int = 5) -> bytes:
    """The same in BER, as programs stream it: indefinite lengths around the content, and the content in pieces."""
    if value.tag == OCTET_STRING and len(value.content) > 300:
        pieces = [written(OCTET_STRING, value.content[at : at + 100]) for at in range(0, len(value.content), 100)]
        return b"\x24\x80" + b"".join(pieces) + b"\0\0"
    if not value.parts or not levels:
        return value.octets()
    return bytes((value.tag, 0x80)) + b"".join(streamed(one, levels - 1) for one in value.parts) + b"\0\0"


def in_ber(octets: bytes) -> bytes:
    return streamed(taken_apart(octets)[0])


@pytest.mark.parametrize("attached", [False, True])
def test_ber_is_judged_in_the_der_it_stands_for(attached: bool) -> None:
    """The strict lane refuses it; the slow one says how it looked."""
    octets = sign(recipe=CmsRecipe(attached=attached))
    content = None if attached else CONTENT
    refusal = check_cms(in_ber(octets), content, CADES, TRUST, AT).report.refusal
    assert refusal is not None and refusal.rule.code == "cms.not_der"
    checked = check_cms_slowly(in_ber(octets), content, CADES, TRUST, AT)
    assert (checked.report.verdict, checked.report.re_encoded) == (Verdict.VERIFIED_REVOCATION_UNKNOWN, True)
    assert checked.content == CONTENT
    assert openssl_says(in_ber(octets), content, agency())


def test_der_takes_the_strict_lane() -> None:
    """Nothing is re-encoded, and nothing that is refused there is looked at again."""
    assert check_cms_slowly(sign(), CONTENT, CADES, TRUST, AT).report.re_encoded is False
    report = check_cms_slowly(sign(), b"other", CADES, TRUST, AT).report
    assert (report.integrity, report.re_encoded) == (Integrity.NOT_INTACT, False)


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        (CmsRecipe(digest="sha1"), "signature.digest_method"),
        (CmsRecipe(bound="none"), "cms.not_bound"),
        (CmsRecipe(without_attributes=True), "cms.attributes_absent"),
    ],
)
def test_the_slow_lane_accepts_nothing_that_the_rules_refuse(recipe: CmsRecipe, code: str) -> None:
    """SHA-1, certificates that are not bound, attributes that are missing."""
    report = check_cms_slowly(in_ber(sign(recipe=recipe)), CONTENT, CADES, TRUST, AT).report
    assert report.refusal is not None and report.refusal.rule.code == code


def test_what_openssl_streams_is_verified(tmp_path: Path) -> None:
    """Its own BER, not ours."""
    for name, octets in (("key.pem", agency().key_pem), ("cert.pem", agency().pem), ("content", CONTENT)):
        (tmp_path / name).write_bytes(octets)
    command = "openssl cms -sign -binary -stream -nodetach -cades -md sha256 -signer cert.pem -inkey key.pem -in content"
    done = subprocess.run([*command.split(), "-outform", "DER"], cwd=tmp_path, capture_output=True, check=True, timeout=30)
    checked = check_cms_slowly(done.stdout, None, CADES, NO_TRUST, datetime.now(UTC) + timedelta(minutes=1))
    assert (checked.report.re_encoded, checked.content) == (True, CONTENT)


@pytest.mark.filterwarnings("ignore")
def test_mutants_in_ber_are_accepted_with_what_was_signed_alone() -> None:
    """As in the strict lane."""
    accepted = 0
    for mutant in of_message(sign(recipe=CmsRecipe(attached=True)), seed=3, count=1500):
        try:
            octets = in_ber(mutant)
        except ValueError:  # no values any more
            continue
        checked = check_cms_slowly(octets, None, CADES, TRUST, AT)
        if checked.report.integrity is Integrity.INTACT:
            accepted += 1
            assert checked.content == CONTENT
        else:
            assert checked.content is None
    assert accepted > 0


@given(st.binary(max_size=300))
def test_der_is_found_or_refused(octets: bytes) -> None:
    """Nothing else is raised, and what is found stays as it is."""
    try:
        der, size = to_der(octets)
    except Refused:
        return
    assert size <= len(octets) and to_der(der) == (der, len(der))


def test_der_stays_what_it_is() -> None:
    """To the octet."""
    for octets in (sign(), sign(recipe=CmsRecipe(attached=True)), agency().der, written(NULL)):
        assert to_der(octets) == (octets, len(octets))


@pytest.mark.parametrize(
    "octets",
    [
        b"\x30\x80" * (MAX_DEPTH + 2) + b"\0\0" * (MAX_DEPTH + 2),
        b"\x30\x80" * 100_000,
        b"\x30\x80" + b"\5\0" * 200_000 + b"\0\0",
        b"\x30\x80\5\0",
        b"\4\x80\0\0",
        b"\x24\x80\2\1\1\0\0",
        b"\x3f\x81\x01\0",
        b"\x30\x85\0\0\0\0\0",
        b"\x30\x82\xff\xff",
        b"\x30",
        b"",
    ],
)
def test_bombs_and_cut_values_are_refused(octets: bytes) -> None:
    """Before memory or time is spent on them."""
    with pytest.raises(Refused):
        to_der(octets)


# --- time-stamps ----------------------------------------------------------------------------------------------------------------


def with_unsigned(octets: bytes, attribute: bytes) -> bytes:
    root = taken_apart(octets)[0]
    data = root.parts[1].parts[0]
    data.parts[-1].parts[0].parts.append(Value(context(1), attribute, taken_apart(attribute)))
    return root.octets()


def test_what_is_not_signed_is_named_and_not_looked_at() -> None:
    """Anybody may have added it."""
    other = written(SEQUENCE, identifier("1.2.3.4"), written(SET, written(NULL)))
    report = check_cms(with_unsigned(sign(), other), CONTENT, CADES, TRUST, AT).report
    assert report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert report.properties is not None and report.properties.not_evaluated == ("1.2.3.4",)


def test_lists_that_the_signer_encloses_are_named_and_not_looked_at() -> None:
    """They are of its choice: what the hub knows by itself decides."""
    root = taken_apart(sign())[0]
    root.parts[1].parts[0].parts.insert(4, Value(context(1)))
    report = check_cms(root.octets(), CONTENT, CADES, TRUST, AT).report
    assert report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert report.properties is not None and report.properties.not_evaluated == ("SignedData/crls",)


def stamped(token: bytes) -> bytes:
    attribute = written(SEQUENCE, identifier("1.2.840.113549.1.9.16.2.14"), written(SET, token))
    return with_unsigned(sign(), attribute)


def value_of(octets: bytes) -> bytes:
    return bytes(asn1_cms.ContentInfo.load(octets)["content"]["signer_infos"][0]["signature"].native)


def test_a_time_stamp_on_the_signature_says_when_it_existed() -> None:
    """CAdES-T: later, when the certificate is no longer in force, it still stands."""
    trust = replace(TRUST, time_stamps=stamp_anchors())
    octets = stamped(stamp(value_of(sign())))
    report = check_cms(octets, CONTENT, CADES, trust, AT + timedelta(days=1)).report
    assert (report.verdict, report.time_evidence) == (Verdict.VERIFIED_REVOCATION_UNKNOWN, TimeEvidence.STAMPED)
    assert report.stamp is not None and report.stamp.at == AT
    late = agency().certificate.not_valid_after_utc + timedelta(days=1)
    assert check_cms(octets, CONTENT, CADES, trust, late).report.trust is Trust.TRUSTED
    assert check_cms(sign(), CONTENT, CADES, trust, late).report.trust is Trust.NOT_TRUSTED


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (sign(recipe=CmsRecipe(attached=True)), "timestamp.info"),
        (stamp(b"another value"), "timestamp.imprint"),
        (written(SEQUENCE, identifier("1.2.3.4")), "cms.type"),
    ],
)
def test_a_time_stamp_that_is_not_believed_is_none(token: bytes, code: str) -> None:
    """The signature stays what it is, and the report says why."""
    report = check_cms(stamped(token), CONTENT, CADES, replace(TRUST, time_stamps=stamp_anchors()), AT).report
    assert (report.verdict, report.time_evidence) == (Verdict.VERIFIED_REVOCATION_UNKNOWN, TimeEvidence.CLAIMED)
    assert report.stamp_refusal is not None and report.stamp_refusal.rule.code == code
