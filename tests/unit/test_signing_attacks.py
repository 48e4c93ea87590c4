"""Attacks on XML signatures: wrapping, mutants, bombs; and where other verifiers disagree, and why."""

from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from signing import verify, xmldsig
from signing.profiles import EDXML, ENVELOPE, ENVELOPE_XADES, Profile
from signing.report import Checked, Integrity, Verdict
from signing.trust import TrustBase
from signing.verify import check
from tests.mutants import mutants, wrapped
from tests.signatures import (
    AT,
    EDXML_RECIPE,
    WITH_XADES,
    Recipe,
    agency,
    authority,
    by_xmlsec,
    case_file,
    packet,
    signxml_says,
    xmlsec_says,
)
from tests.soak.signatures import BASES, Base, judge

PLAIN_DOCUMENT = by_xmlsec(case_file(), agency())
BY_ID = by_xmlsec(case_file(), agency(), Recipe(uri="#doc-1"))
WRAPPED = wrapped(BY_ID)


def look(octets: bytes, profile: Profile = ENVELOPE) -> Checked:
    return check(octets, profile, TrustBase(documents=authority().anchors()), AT)


@pytest.mark.parametrize("name", WRAPPED)
def test_signature_wrapping_is_refused(name: str) -> None:
    """Nothing is handed on, whatever the profile."""
    for profile in (ENVELOPE, ENVELOPE_XADES, EDXML):
        checked = look(WRAPPED[name], profile)
        assert checked.report.verdict is Verdict.NOT_VERIFIED
        assert checked.content is None


def test_the_wrapped_documents_deceive_who_looks_for_ids() -> None:
    """So the attacks are real: xmlsec, asked without a profile, finds signatures that fit."""
    assert xmlsec_says(BY_ID, agency())
    assert sum(xmlsec_says(one, agency()) for one in WRAPPED.values()) >= 3


@pytest.mark.parametrize("base", BASES, ids=lambda one: one.name)
def test_no_mutant_is_accepted_with_other_content(base: Base) -> None:
    """Mutants that still verify say exactly what was signed, by whom it was signed."""
    assert judge(base, seed=2026, count=700) == []


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_edit_is_accepted_with_other_content(data: st.DataObject) -> None:
    """Hypothesis chooses where octets are replaced, and by what."""
    base = data.draw(st.sampled_from(BASES))
    at = data.draw(st.integers(0, len(base.octets)))
    cut, put = data.draw(st.integers(0, 40)), data.draw(st.binary(max_size=40))
    assert base.wrongly_accepted(base.octets[:at] + put + base.octets[at + cut :]) is None


@given(st.binary(max_size=300))
def test_whatever_arrives_a_report_comes_back(octets: bytes) -> None:
    """No octets raise an exception."""
    assert look(octets).report.verdict is Verdict.NOT_VERIFIED


# Where we refuse and others do not: our rule, and why it is right to be stricter.
STRICTER = {
    "xml.comment_or_instruction": "C14N drops comments, and programs read the text around them differently",
    "xml.not_utf8": "octets that declare another encoding are other characters for another reader",
    "signature.shape": "others read past what they do not know",
    "signature.base64": "others skip characters that are not of the alphabet",
    "signature.several": "others take the first one they meet",
    "signature.duplicate_id": "others take the first one they meet",
    "key.info": "others are given the certificate from outside and read no KeyInfo",
    "key.certificate": "as above",
    "key.type": "as above",
    "key.strength": "as above",
    "signature.value": "as above: the enclosed certificate is another one",
    "signature.misplaced": "others take a signature wherever it stands",
    "xades.absent": "others do not read XAdES properties",
    "xades.shape": "as above",
    "xades.certificate": "as above",
    "soap.envelope": "others take what has the Id, wherever it stands",
    "soap.security": "as above",
    "soap.timestamp": "others do not look at the time",
    "signature.references": "others do not ask which parts are signed",
}


@pytest.mark.parametrize("base", BASES, ids=lambda one: one.name)
def test_xmlsec_and_signxml_disagree_for_reasons_known(base: Base) -> None:
    """They refuse nothing that we accept; where they accept what we refuse, the rule and its reason stand above."""
    intact, references = 0, base.octets.count(b"<ds:Reference ")
    able = b"PrefixList" not in base.octets  # signxml forgets prefixes that are listed and declared further out
    assert signxml_says(base.octets, agency(), references)
    for mutant in mutants(base.octets, seed=7, count=400):
        report = look(mutant, base.profile).report
        others = (xmlsec_says(mutant, agency()), signxml_says(mutant, agency(), references))
        if report.integrity is Integrity.INTACT:
            intact += 1
            assert others[0] and (others[1] or not able), mutant
        elif any(others):
            assert report.refusal is not None
            assert report.refusal.rule.code in STRICTER, (report.refusal, mutant)
    assert intact > 0


def _counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the dear steps that were taken."""
    taken: list[str] = []
    for module, name in ((xmldsig, "canonical"), (verify, "verify_value"), (verify, "canonical")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, _real=real, _name=name: (taken.append(_name), _real(*args))[1])
    return taken


def _within(octets: bytes, inside: bytes) -> bytes:
    return octets.replace(b"<applicant>", inside + b"<applicant>", 1)


def _attributes(count: int) -> bytes:
    written = [f'a{number}=""' for number in range(count)]
    Random(1).shuffle(written)
    return f"<x {' '.join(written)}/>".encode()


BOMBS = {
    "billion laughs": (b'<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><a>&b;</a>', "xml.document_type"),
    "external entity": (b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>', "xml.document_type"),
    "entity behind a comment": (b"<!-- --><!DOCTYPE a [<!ENTITY a 'x'>]><a>&a;</a>", "xml.document_type"),
    "depth": (_within(PLAIN_DOCUMENT, b"<x>" * 5000 + b"</x>" * 5000), "xml.not_well_formed"),
    "attributes": (_within(PLAIN_DOCUMENT, _attributes(32_000)), "xml.too_many_attributes"),
    "many elements of many attributes": (_within(PLAIN_DOCUMENT, _attributes(300) * 200), "xml.too_many_attributes"),
    "namespaces on one element": (
        _within(PLAIN_DOCUMENT, b"<x " + b" ".join(b'xmlns:n%d="urn:%d"' % (n, n) for n in range(8000)) + b"/>"),
        "xml.too_many_namespaces",
    ),
    "namespaces on many levels": (
        _within(PLAIN_DOCUMENT, b"".join(b'<n%d:x xmlns:n%d="urn:%d">' % (n, n, n) for n in range(200)) + b" " * 16_384),
        "xml.too_many_namespaces",
    ),
    "elements": (_within(PLAIN_DOCUMENT, b"<x/>" * 250_000), "xml.too_many_elements"),
    "octets": (_within(PLAIN_DOCUMENT, b" " * ENVELOPE.caps.octets), "xml.too_large"),
    "UTF-16": (PLAIN_DOCUMENT.decode().encode("utf-16"), "xml.not_well_formed"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_anything_dear_is_done(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a canonical form nor a public key's work."""
    taken = _counting(monkeypatch)
    octets, code = BOMBS[name]
    report = look(octets).report
    assert report.refusal is not None
    assert (report.refusal.rule.code, taken) == (code, [])


def test_octets_are_capped_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the octets alone show is refused without a tree."""
    monkeypatch.setattr("signing.xml.etree.fromstring", partial(pytest.fail, "parsed"))
    for name in ("billion laughs", "namespaces on one element", "elements", "octets"):
        octets, code = BOMBS[name]
        refusal = look(octets).report.refusal
        assert refusal is not None and refusal.rule.code == code


def test_an_unsigned_stranger_costs_no_canonical_form_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature alone is canonicalised before the signature over it is known to fit."""
    taken = _counting(monkeypatch)
    forged = PLAIN_DOCUMENT.replace(b"<ds:DigestValue>", b"<ds:DigestValue> ", 1)
    assert look(forged).report.integrity is Integrity.NOT_INTACT
    assert taken == ["canonical", "verify_value"]


def test_edxml_texts_may_be_long_but_not_deep() -> None:
    """The library's limits are lifted for attachments, so the depth is counted."""
    signed = by_xmlsec(packet(), agency(), EDXML_RECIPE)
    deep = signed.replace(b"<edXML:MessageHeader>", b"<x>" * 300 + b"</x>" * 300 + b"<edXML:MessageHeader>", 1)
    refusal = look(deep, EDXML).report.refusal
    assert refusal is not None and refusal.rule.code == "xml.too_deep"
    long = packet().replace(b"<edXML:Content/>", b"<edXML:Content>" + b"QUJD" * 2_700_000 + b"</edXML:Content>", 1)
    huge = etree.fromstring(long, etree.XMLParser(huge_tree=True))
    assert len(etree.tostring(huge)) > 10_000_000


def test_xades_documents_are_judged_by_signxml_too() -> None:
    """Both other implementations agree with us on an unchanged document."""
    octets = by_xmlsec(case_file(), agency(), WITH_XADES)
    assert xmlsec_says(octets, agency()) and signxml_says(octets, agency(), references=2)
