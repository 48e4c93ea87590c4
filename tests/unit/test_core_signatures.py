"""Which signatures a kind demands, and what is said when they are not as demanded."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from contracts.kinds import KINDS
from contracts.kinds.xml import from_xml
from contracts.problems import CATALOGUE
from contracts.signed import PARTS, Rules, SigningRule
from lgsp.core.signatures.finding import Finding, Rule
from lgsp.core.signatures.judge import PENDING, judge
from lgsp.core.signatures.places import body_profile
from lgsp.core.signatures.policy import policy, read_overrides
from lgsp.core.signatures.sealing import key_of_pem, sealed
from lgsp.core.signatures.whose import binding_of
from lgsp.core.signers import Signer
from lgsp.trust.demo_pki import DemoPki
from signing.profiles import DSIG, ENVELOPE
from signing.report import Integrity, Path, Refusal, SignatureReport, Trust
from signing.rules import RULES
from tests.compliance.builders import admitted
from tests.signatures import agency, by_xmlsec, case_file

NOW = datetime(2026, 11, 28, tzinfo=UTC)
GOOD = Finding(
    part="envelope",
    place="/signature",
    profile="jws",
    verdict="verified",
    integrity="intact",
    trust="trusted",
    revocation="good",
    time_evidence="none",
    holder="seal",
    bound=True,
)
REQUIRED: Rules = (SigningRule(parts=("envelope", "body"), need="required"),)


def finding(**changes: Any) -> Finding:
    return msgspec.structs.replace(GOOD, **changes)


def code(rules: Rules, *findings: Finding) -> str:
    objection = judge(rules, findings)
    return "" if objection is None else objection.code


def test_what_must_be_signed_and_is_comes_in() -> None:
    assert code(REQUIRED, GOOD) == code(REQUIRED, finding(part="body", place="/body")) == ""


def test_what_must_be_signed_and_is_not_is_refused() -> None:
    """Also where another part is signed; the refusal says where and by whom."""
    assert code(REQUIRED) == code(REQUIRED, finding(part="attachments")) == "signature.missing"
    objection = judge(REQUIRED, ())
    assert objection is not None and objection.field == "/signature"
    assert "/signature or /body" in objection.detail and "seal" in objection.detail


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"integrity": "not_intact", "verdict": "not_verified"}, "signature.not_verified"),
        ({"integrity": "not_verifiable", "verdict": "not_verified"}, "signature.not_verified"),
        ({"trust": "not_trusted", "verdict": "intact_not_trusted"}, "signature.not_trusted"),
        ({"trust": "not_checked", "verdict": "intact_not_trusted"}, "signature.not_trusted"),
        ({"revocation": "revoked", "verdict": "revoked"}, "signature.revoked"),
        ({"verdict": "verified_weakly", "weak": ("sha1",)}, "signature.too_weak"),
        ({"revocation": "unknown", "verdict": "verified_revocation_unknown"}, PENDING),
        ({"bound": False}, "signature.wrong_signer"),
        ({"holder": "person"}, "signature.wrong_signer"),
        ({"holder": "unclear"}, "signature.wrong_signer"),
    ],
)
@pytest.mark.parametrize("need", ["required", "checked"])
def test_every_way_of_being_out_of_order_is_refused_by_its_code(changes: dict[str, Any], expected: str, need: Any) -> None:
    rules = (SigningRule(parts=("envelope",), need=need),)
    assert code(rules, finding(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"integrity": "not_intact", "verdict": "not_verified"}, "signature.not_verified"),
        ({"integrity": "not_verifiable", "verdict": "not_verified"}, ""),
        ({"trust": "not_trusted", "verdict": "intact_not_trusted"}, ""),
        ({"revocation": "revoked", "verdict": "revoked"}, ""),
        ({"revocation": "unknown", "verdict": "verified_revocation_unknown"}, ""),
        ({"bound": False}, ""),
    ],
)
def test_what_need_only_be_intact_is_refused_where_it_was_changed(changes: dict[str, Any], expected: str) -> None:
    """And nowhere else: what cannot be verified is no proof of a change."""
    rules = (SigningRule(parts=("body",), need="intact", who="anyone"),)
    assert code(rules, finding(part="body", place="/body", **changes)) == expected
    assert code(rules) == ""


def test_the_refusal_names_the_rule_that_was_broken() -> None:
    """By its code in the verifier's catalogue, so that the signer finds it."""
    broken = Rule(code="signature.digest", title_vi="Nội dung", title_en="The content was changed", detail="document")
    objection = judge(REQUIRED, [finding(integrity="not_intact", rules=(broken,))])
    assert objection is not None and objection.detail.startswith("signature.digest: The content was changed")


def test_a_statement_of_another_envelope_is_told_as_such() -> None:
    other = Rule(code="signature.other_envelope", title_vi="", title_en="", detail="/body is not that of the envelope")
    objection = judge(REQUIRED, [finding(integrity="not_intact", rules=(other,))])
    assert objection is not None and (objection.code, objection.detail) == (other.code, other.detail)


@pytest.mark.parametrize(("wish", "expected"), [("refuse", "signature.revocation_unknown"), ("hold", PENDING), ("pass", "")])
def test_a_kind_says_what_an_unknown_revocation_means(wish: Any, expected: str) -> None:
    rules = (SigningRule(parts=("envelope",), revocation_unknown=wish),)
    assert code(rules, finding(revocation="unknown")) == expected


def test_nobody_is_held_who_would_be_refused_anyhow() -> None:
    """Neither does the hub wait for an authority because of a signature that is not by who has to sign."""
    assert code(REQUIRED, finding(revocation="unknown", bound=False)) == "signature.wrong_signer"
    assert code(REQUIRED, finding(revocation="unknown"), finding(part="body", integrity="not_intact")) == "signature.not_verified"


@pytest.mark.parametrize(
    ("who", "holder", "bound", "expected"),
    [
        ("seal", "seal", True, True),
        ("seal", "person", True, False),
        ("person", "person", True, True),
        ("person", "seal", True, False),
        ("either", "seal", True, True),
        ("either", "person", True, True),
        ("either", "person", False, False),
        ("anyone", "unclear", False, True),
    ],
)
def test_who_has_to_sign(who: Any, holder: str, bound: bool, expected: bool) -> None:
    rules = (SigningRule(parts=("envelope",), need="required", who=who),)
    assert (code(rules, finding(holder=holder, bound=bound)) == "") is expected


def test_one_of_several_signatures_by_who_has_to_is_enough() -> None:
    """An official signs the document, the seal the envelope: neither harms the other."""
    person = finding(part="body", place="/body", holder="person")
    assert code(REQUIRED, GOOD, person) == code(REQUIRED, person, GOOD) == ""


def test_a_broken_signature_is_not_made_good_by_another() -> None:
    broken = finding(part="body", place="/body", integrity="not_intact")
    assert code(REQUIRED, GOOD, broken) == "signature.not_verified"


def test_what_is_recorded_is_never_a_reason_to_refuse() -> None:
    rules = (SigningRule(parts=PARTS, need="recorded"),)
    states = product(("intact", "not_intact"), ("trusted", "not_trusted"), ("good", "revoked", "unknown"), (True, False))
    for integrity, trust, revocation, bound in states:
        assert code(rules, finding(integrity=integrity, trust=trust, revocation=revocation, bound=bound)) == ""


@given(
    st.lists(
        st.builds(
            finding,
            part=st.sampled_from(PARTS),
            integrity=st.sampled_from(["intact", "not_intact", "not_verifiable"]),
            trust=st.sampled_from(["trusted", "not_trusted", "not_checked"]),
            revocation=st.sampled_from(["good", "revoked", "unknown"]),
            bound=st.booleans(),
            holder=st.sampled_from(["seal", "person", "unclear"]),
        ),
        max_size=4,
    ),
    st.sampled_from(sorted(KINDS)),
)
def test_nothing_gets_in_by_a_signature_that_is_not_intact_and_trusted(findings: list[Finding], kind: str) -> None:
    """Whatever the kind demands: each part it looks at is in order, or at least was not changed, and each required part is
    there."""
    rules = KINDS[kind].signed
    objection = judge(rules, findings)
    if objection is not None:
        assert objection.code in CATALOGUE
        return
    for rule in (one for one in rules if one.need != "recorded"):
        mine = [one for one in findings if one.part in rule.parts]
        assert rule.need != "required" or mine
        if rule.need == "intact":
            assert all(one.integrity != "not_intact" for one in mine)
            continue
        assert all(one.integrity == "intact" and one.trust == "trusted" and one.revocation != "revoked" for one in mine)


def test_what_has_legal_effect_must_be_signed() -> None:
    """Results and settlements; a case file or a document may, and what the hub says is signed by the hub."""
    required = {key for key, kind in KINDS.items() if any(rule.need == "required" for rule in kind.signed)}
    assert required == {"case.result/1", "postal.settlement/1"}
    assert all(kind.signed for key, kind in KINDS.items() if kind.sender_roles != {"hub"})


def test_a_province_sets_rules_of_its_own() -> None:
    """For single kinds, in the file's form; the version tells the policies apart."""
    octets = b'{"case.file/1": [{"parts": ["envelope"], "need": "required", "who": "either", "revocation_unknown": "refuse"}]}'
    own = policy(read_overrides(octets))
    assert own.of("case.file/1")[0].need == "required" and own.of("case.result/1") == policy().of("case.result/1")
    assert len({own.version, policy().version, policy(enforced=False).version}) == 3
    assert policy().version == policy().version


@pytest.mark.parametrize(
    "octets", [b"", b"[]", b'{"case.file/1": [{"parts": []}]}', b'{"case.file/1": [{"parts": ["x"]}]}', b"\xff"]
)
def test_a_policy_that_cannot_be_read_is_told(octets: bytes) -> None:
    with pytest.raises(ValueError):
        read_overrides(octets)


def test_a_rule_for_an_unknown_kind_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"case\.fiel/1"):
        policy({"case.fiel/1": REQUIRED})


def test_signing_the_same_envelope_again_gives_the_same_octets() -> None:
    """Else a resend after a lost answer would be another message under a used id (RFC 6979 for ECDSA)."""
    seal = DemoPki.make({"H01.101": "UBND xã"}, NOW).seal("H01.101")
    key, envelope = key_of_pem(seal.key_pem, seal.pem), admitted("m-1").envelope
    assert sealed(envelope, key) == sealed(envelope, key)


def test_a_certificate_of_another_key_is_a_mistake_noticed_before_anything_is_sent() -> None:
    pki = DemoPki.make({"H01.101": "UBND xã"}, NOW)
    with pytest.raises(ValueError, match="not that of the key"):
        key_of_pem(pki.seal("H01.101").key_pem, pki.person("H01.101").pem)


def test_a_signature_whose_namespace_is_written_in_another_way_is_looked_at() -> None:
    """The body is read as if it were not there, so nobody else would look."""
    kind = KINDS["case.file/1"]
    body = by_xmlsec(case_file(), agency()).replace(DSIG.encode(), DSIG.encode().replace(b"#", b"&#35;"))
    assert from_xml(kind, body) == from_xml(kind, case_file())
    envelope = msgspec.structs.replace(admitted("m").envelope, kind=kind.key, body=body, media_type="application/xml")
    assert body_profile(kind, envelope) == ENVELOPE


def registered(kid: str, **changes: Any) -> Signer:
    key = ECKey.generate_key("P-256", private=False).as_dict(private=False)
    return Signer(holder="seal", jwk={name: str(value) for name, value in key.items()} | {"alg": "ES256", "kid": kid}, **changes)


def test_a_key_is_of_whom_it_is_registered_for_now() -> None:
    """Who had one of the same name before is not named."""
    before = registered("1", name="Nguyễn Văn An", valid_to=NOW.date() - timedelta(days=1))
    report = SignatureReport("jws/1", Integrity.INTACT, path=Path(Trust.TRUSTED, NOW), registered_key="1")
    found = binding_of((before, registered("1", name="Trần Thị Bình")), report, NOW.date())
    assert found is not None and found.registered is not None and found.registered.name == "Trần Thị Bình"


def test_what_is_not_intact_is_nobodys() -> None:
    """Whoever names the registered key of another has not signed with it."""
    report = SignatureReport("jws/1", Integrity.NOT_INTACT, Refusal(RULES["signature.value"], "", ""), registered_key="1")
    assert binding_of((registered("1"),), report, NOW.date()) is None
