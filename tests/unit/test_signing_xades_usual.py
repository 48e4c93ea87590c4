"""Signed properties of the usual form are read from octets: what is read there is what the tree says, and what the tree signs."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from signing import places, xades, xades_usual, xmldsig
from signing.certificates import signer_of
from signing.profiles import DSIG, EDXML, ENVELOPE_XADES, EXCLUSIVE_C14N, LEGACY_SHA1, SHA256, XADES
from signing.report import Properties, Signer
from signing.rules import Refused
from signing.xml import canonical, parse
from signing.xml_sign import sign_enveloped
from tests.mutants import mutants
from tests.signatures import AT, SIGNED_AT, WITH_XADES, Recipe, agency, by_xmlsec
from tests.unit.test_signing_xml_sign import key_of

SIGNED = by_xmlsec(b"<case.file/>", agency(), WITH_XADES)
OWN = sign_enveloped(b"<case.file/>", key_of(agency()), datetime(2026, 11, 18, 7, 59, tzinfo=UTC), ENVELOPE_XADES)

WEAK = [f'<xades:CertDigest><ds:DigestMethod Algorithm="{one}"'.encode() for one in (SHA256, LEGACY_SHA1)]


def with_other(old: str, new: str) -> bytes:
    assert old.encode() in SIGNED
    return SIGNED.replace(old.encode(), new.encode())


USUAL = {
    "xmlsec's": SIGNED,
    "the hub's own": OWN,
    "other prefixes": SIGNED.replace(b"ds:", b"d-s:").replace(b":ds=", b":d-s=").replace(b"xades", b"x"),
    "white space": with_other("><", ">\n <"),
    "an issuer and number": with_other("</xades:Cert>", "<xades:IssuerSerialV2>MA==</xades:IssuerSerialV2></xades:Cert>"),
    "declared further up": SIGNED.replace(b"<case.file>", f'<case.file xmlns:xades="{XADES}" xmlns:y="urn:y">'.encode()),
    "a declaration that nobody needs": with_other("<xades:Cert>", '<xades:Cert xmlns:y="urn:y">'),
    "a later time": with_other(SIGNED_AT, "2027-01-01T00:00:00Z"),
    "no time": with_other(SIGNED_AT, "yesterday"),
    "another certificate": by_xmlsec(b"<case.file/>", agency(), Recipe(xades=True, committed_to=b"another")),
    "a weak digest": SIGNED.replace(*WEAK),
}
UNUSUAL = {
    "no prefix for XMLDSig": by_xmlsec(b"<case.file/>", agency(), Recipe(xades=True, prefix=None)),
    "a prefix declared anew": with_other("<xades:CertDigest>", '<xades:CertDigest xmlns:ds="urn:x">'),
    "of another signature": with_other('Target="#sig-1"', 'Target="#sig-2"'),
    "of a signature without a name": with_other(
        '<ds:Signature xmlns:ds="' + DSIG + '" Id="sig-1"', f'<ds:Signature xmlns:ds="{DSIG}"'
    ),
    "the prefix of XMLDSig for XAdES": with_other("xmlns:xades", "xmlns:ds").replace(b"xades:", b"ds:"),
    "another namespace": with_other(XADES, "http://uri.etsi.org/01903/v1.3.3#"),
    "a dot is a dot": with_other(XADES, XADES.replace(".org", "-org")),
    "unsigned properties": with_other(
        "</xades:QualifyingProperties>", "<xades:UnsignedProperties/></xades:QualifyingProperties>"
    ),
    "two objects": with_other("</ds:Object>", "</ds:Object><ds:Object></ds:Object>"),
    "a name that is escaped": with_other("sp-1", "sp-&amp;"),
    "text between": with_other("<xades:Cert>", "x<xades:Cert>"),
    "an attribute": with_other("<xades:Cert>", '<xades:Cert URI="x">'),
    "two certificates": with_other("</xades:Cert>", "</xades:Cert><xades:Cert/>"),
    "the first version": with_other("SigningCertificateV2", "SigningCertificate"),
}


def read_twice(octets: bytes) -> tuple[xades_usual.Usual | None, xades.Qualified | None, etree._Element]:
    """From octets and in the tree."""
    signature = places.document(parse(octets, ENVELOPE_XADES.caps), ENVELOPE_XADES).signature
    parts = xmldsig.read(signature, ENVELOPE_XADES)
    if parts.enclosed is None:
        return None, None, signature
    usual = xades_usual.find(parts.enclosed, ENVELOPE_XADES)
    try:
        return usual, xades._in_tree(signature), signature
    except Refused:
        return usual, None, signature


def says(found: xades_usual.Usual | xades.Qualified, signer: Signer) -> Properties | str:
    try:
        return xades.read(found, signer, ENVELOPE_XADES, AT)
    except Refused as refused:
        return refused.rule.code


def agree(octets: bytes) -> bool:
    """Whether the properties were of the usual form; then both readers say the same, of the same octets."""
    usual, in_tree, _ = read_twice(octets)
    if usual is None:
        return False
    assert in_tree is not None and in_tree.unsigned is None
    assert (usual.id, usual.octets) == (in_tree.id, canonical(in_tree.signed, EXCLUSIVE_C14N))
    of = signer_of(agency().der, "X509Certificate")
    assert says(usual, of) == says(in_tree, of)
    return True


@pytest.mark.parametrize("name", USUAL)
def test_what_is_read_from_octets_is_what_the_tree_says(name: str) -> None:
    """Name, canonical form, what is claimed, and the rule that is broken."""
    assert agree(USUAL[name])


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_the_tree(name: str) -> None:
    """Whatever that says of it."""
    assert not agree(UNUSUAL[name])


def test_where_other_canonical_forms_are_allowed_the_tree_is_read() -> None:
    """The octets are the exclusive form alone."""
    usual, _, signature = read_twice(SIGNED)
    enclosed = xmldsig.read(signature, ENVELOPE_XADES).enclosed
    assert usual is not None and enclosed is not None
    assert xades_usual.find(enclosed, EDXML) is None


@pytest.mark.parametrize("base", [SIGNED, OWN], ids=["xmlsec's", "the hub's own"])
def test_of_no_mutant_the_readers_say_two_things(base: bytes) -> None:
    """Most of what is changed here is changed in the properties."""
    usual = 0
    for mutant in mutants(base, 2026, 3000):
        try:
            usual += agree(mutant)
        except Refused:  # before anybody asks for properties
            continue
    assert usual > 100
