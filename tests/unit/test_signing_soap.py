"""Signed SOAP messages: what xmlsec signs is verified, and nothing can be put in the place of what was signed."""

from datetime import datetime, timedelta

import pytest
from lxml import etree

from signing.profiles import E_DOC_SOAP, INCLUSIVE_C14N, SOAP, SOAP_11, SOAP_12, SOAP_UNTIMED, Profile
from signing.report import Checked, Verdict
from signing.soap import WSSE
from signing.trust import TrustBase
from signing.verify import check
from tests.signatures import AT, EDOC_RECIPE, agency, authority, by_xmlsec, case_file, xmlsec_says
from tests.soap import BODY, USUAL, Message, by_xmlsec_soap, edoc_message, wrapped

SIGNED = by_xmlsec_soap(agency())
WRAPPED = wrapped(SIGNED)
TOKEN = "</wsse:BinarySecurityToken>"


def look(octets: bytes, profile: Profile = SOAP, at: datetime = AT) -> Checked:
    return check(octets, profile, TrustBase(documents=authority().anchors()), at)


def refused(octets: bytes, profile: Profile = SOAP, at: datetime = AT) -> str:
    checked = look(octets, profile, at)
    assert checked.report.verdict is Verdict.NOT_VERIFIED
    assert checked.content is None
    assert checked.report.refusal is not None
    return checked.report.refusal.rule.code


GOOD = {
    "SOAP 1.1": USUAL,
    "SOAP 1.2": Message(version=SOAP_12),
    "without Expires": Message(expires=None),
    "prefixes listed": Message(prefixes="xsd S u"),
    "a prefix nobody declares": Message(prefixes="xsd nobody"),
    "a listed prefix declared anew": Message(prefixes="u", body='<x xmlns:u="urn:other"><u:y xmlns:u="urn:unused"/></x>'),
    "listed prefixes declared further in, and not used": Message(prefixes="u v", body='<x><y xmlns:v="urn:v"><z/></y></x>'),
    "token and address too": Message(signed=("body-1", "ts-1", "X509-1", "to-1")),
    "the other order": Message(signed=("ts-1", "body-1")),
    "a signed document inside": Message(body=by_xmlsec(case_file(), agency()).decode().partition("?>")[2].strip()),
}


@pytest.mark.parametrize("name", GOOD)
def test_messages_that_xmlsec_signs_are_verified(name: str) -> None:
    """And the report names every part that was."""
    octets = by_xmlsec_soap(agency(), GOOD[name])
    report = look(octets).report
    assert xmlsec_says(octets, agency())
    assert report.refusal is None
    assert report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert [one.uri[1:] for one in report.covered] == list(GOOD[name].signed)
    assert {"soap_body", "soap_timestamp"} <= {one.what for one in report.covered}


@pytest.mark.parametrize("version", [SOAP_11, SOAP_12])
def test_old_buses_sign_the_whole_message_in_its_last_header_block(version: str) -> None:
    """The signature is then one of a document, at a place of its own."""
    octets = by_xmlsec(edoc_message(version), agency(), EDOC_RECIPE)
    assert look(octets, E_DOC_SOAP).report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    assert refused(octets) == "signature.misplaced"
    assert refused(octets.replace(b"</S:Header>", b"<x/></S:Header>"), E_DOC_SOAP) == "signature.misplaced"
    assert refused(octets.replace("Đào".encode(), b"Mai"), E_DOC_SOAP) == "signature.digest"


def test_what_is_handed_on_is_the_signed_body_and_nothing_around_it() -> None:
    """There is no way from it to what was not signed."""
    content = look(SIGNED).content
    assert content is not None
    assert content.tag == f"{{{SOAP_11}}}Body"
    assert content.getparent() is None and content.getnext() is None and content.getprevious() is None
    assert etree.tostring(content[0], method="c14n", exclusive=True) == BODY.encode()


@pytest.mark.parametrize("more", ["<ds:Object/>", "<ds:Object/><ds:KeyInfo></ds:KeyInfo>", "<ds:KeyInfo></ds:KeyInfo>"])
def test_nothing_stands_behind_key_info(more: str) -> None:
    """Also where the end of what stands there looks like the end of KeyInfo."""
    assert refused(SIGNED.replace(b"</ds:KeyInfo>", f"</ds:KeyInfo>{more}".encode())) == "key.info"


@pytest.mark.parametrize("name", WRAPPED)
def test_message_wrapping_is_refused(name: str) -> None:
    """Nothing is handed on, with a Timestamp or without."""
    for profile in (SOAP, SOAP_UNTIMED):
        checked = look(WRAPPED[name], profile)
        assert checked.report.verdict is Verdict.NOT_VERIFIED
        assert checked.content is None


def test_wrapped_messages_deceive_who_looks_for_ids() -> None:
    """So the attacks are real."""
    assert sum(xmlsec_says(one, agency()) for one in WRAPPED.values()) >= 8


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(-600, "soap.timestamp"), (-331, "soap.timestamp"), (-300, ""), (0, ""), (560, ""), (600, "soap.timestamp")],
)
def test_a_message_is_fresh_or_refused(seconds: int, code: str) -> None:
    """Its clock may differ by five minutes; Expires counts too."""
    at = AT + timedelta(seconds=seconds)
    assert (refused(SIGNED, at=at) if code else look(SIGNED, at=at).report.refusal or "") == code


@pytest.mark.parametrize(
    "message",
    [
        Message(created="2026-11-18T07:59:30"),
        Message(created="2026-11-18T07:49:00Z", expires=None),
        Message(created="soon"),
        Message(created="2026-11-18T08:04:00Z", expires="2026-11-18T08:03:00Z"),
    ],
)
def test_a_timestamp_says_when_in_a_zone_and_in_order(message: Message) -> None:
    """All of these are signed."""
    assert refused(by_xmlsec_soap(agency(), message)) == "soap.timestamp"


def test_a_message_without_timestamp_needs_a_profile_of_its_own() -> None:
    """But one that is there has to be signed under both."""
    without = by_xmlsec_soap(agency(), Message(created=None, signed=("body-1",)))
    assert refused(without) == "soap.timestamp"
    assert look(without, SOAP_UNTIMED).report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    beside = by_xmlsec_soap(agency(), Message(signed=("body-1",)))
    assert refused(beside) == refused(beside, SOAP_UNTIMED) == "signature.references"
    assert refused(by_xmlsec_soap(agency(), Message(signed=("ts-1",)))) == "signature.references"


SHAPES = {
    "another Body": ("</S:Body>", "</S:Body><S:Body/>", "soap.envelope"),
    "no Header": ("S:Header", "S:Head", "soap.envelope"),
    "another Envelope": (SOAP_11, "urn:soap", "soap.envelope"),
    "for another node": ("S:mustUnderstand", "S:actor", "soap.security"),
    "two tokens": (TOKEN, f'{TOKEN}<wsse:BinarySecurityToken wsu:Id="X509-2">MIIB{TOKEN}', "soap.security"),
    "a user name": (TOKEN, f"{TOKEN}<wsse:UsernameToken/>", "soap.security"),
    "a token of another kind": ("#X509v3", "#X509PKIPathv1", "key.info"),
    "a pointer to nothing": ('URI="#X509-1"', 'URI="#X509-2"', "key.info"),
    "a pointer elsewhere": ('URI="#X509-1"', 'URI="http://example.vn/x.cer"', "key.info"),
    "an embedded token": ("<wsse:Reference", "<wsse:Embedded/><wsse:Reference", "key.info"),
    "a broken certificate": (">MII", ">MIJ", "key.certificate"),
    "a changed body": ("Nguyễn Thị Hồng Đào", "Nguyễn Thị Hồng Mai", "signature.digest"),
    "a changed time": ("07:59:30Z", "07:59:31Z", "signature.digest"),
    "an Id twice": ("<a:code>", '<a:code xml:id="body-1">', "signature.duplicate_id"),
    "a signature elsewhere": ('<wsse:Security xmlns:wsse="' + WSSE, '<wsse:Security xmlns:wsse="urn:x', "signature.misplaced"),
    "a comment": ("<a:code>", "<a:code><!-- -->", "xml.comment_or_instruction"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_what_a_message_does_not_have_to_hold_is_refused_by_its_rule(name: str) -> None:
    """Refused, never ignored."""
    old, new, code = SHAPES[name]
    octets = SIGNED.decode().replace(f"S:{old[2:]}" if old.startswith("S:") else old, new).encode()
    assert octets != SIGNED
    assert refused(octets) == code


def test_references_name_parts_by_id_with_exclusive_c14n_alone() -> None:
    """Neither the whole message nor other transforms."""
    assert refused(by_xmlsec_soap(agency(), Message(transform=INCLUSIVE_C14N))) == "signature.transforms"
    whole = SIGNED.replace(b'URI="#body-1"', b'URI=""')
    assert refused(whole) == "signature.reference_target"
    assert refused(by_xmlsec_soap(agency(), Message(prefixes="#default"))) == "signature.canonicalization"
