"""What programs read in two ways: encodings, text in pieces, namespaces, Ids. Refused, or read as it was signed; and C14N by its
standards' own examples."""

import json
from pathlib import Path

import pytest
from lxml import etree

from signing import xml
from signing.profiles import DSIG, ENVELOPE, ENVELOPE_XADES, EXCLUSIVE_C14N, INCLUSIVE_C14N, XADES, Caps, Profile
from signing.report import Checked, Integrity, Verdict
from signing.trust import TrustBase
from signing.verify import check
from tests.mutants import rearranged
from tests.signatures import AT, WITH_XADES, Recipe, agency, authority, by_xmlsec, case_file
from tests.soak.signatures import BASES, Base

PLAIN = by_xmlsec(case_file(), agency())
BY_ID = by_xmlsec(case_file(), agency(), Recipe(uri="#doc-1"))
WITH_PROPERTIES = by_xmlsec(case_file(), agency(), WITH_XADES)
NAME = "Nguyễn Thị Hồng Đào"


def look(octets: bytes, profile: Profile = ENVELOPE) -> Checked:
    return check(octets, profile, TrustBase(documents=authority().anchors()), AT)


def code_of(octets: bytes, profile: Profile = ENVELOPE) -> str:
    checked = look(octets, profile)
    assert (checked.content is None) == (checked.report.refusal is not None)
    return "" if checked.report.refusal is None else checked.report.refusal.rule.code


def changed(octets: bytes, old: str, new: str) -> bytes:
    assert old.encode() in octets
    return octets.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize("base", BASES, ids=lambda one: one.name)
def test_the_original_in_another_place_lends_its_signature_to_nothing_else(base: Base) -> None:
    """Ten arrangements of each kind of document."""
    for name, octets in rearranged(base.octets).items():
        assert base.wrongly_accepted(octets) is None, name
        assert look(octets, base.profile).report.integrity is not Integrity.INTACT, name


# Other octets for the same characters: the canonical form, and so what is signed, is the same.
SAME = {
    "a section": (NAME, f"<![CDATA[{NAME}]]>"),
    "sections": (NAME, "Nguyễn <![CDATA[Thị]]> <![CDATA[Hồng Đào]]>"),
    "numbers": (NAME, "Nguy&#x1EC5;n Th&#7883; Hồng Đ&#224;o"),
    "a section in the digest": ("<ds:DigestValue>", "<ds:DigestValue><![CDATA[]]>"),
    "white space in the value": ("<ds:SignatureValue>", "<ds:SignatureValue>\n \t"),
    "returns in the value, as Java writes them": ("<ds:SignatureValue>", "<ds:SignatureValue>&#13;\n"),
    "returns in the certificate": ("<ds:X509Certificate>", "<ds:X509Certificate>&#xD;\n"),
    "a mark of UTF-8": ("<?xml", "\ufeff<?xml"),
    "empty elements written out": (f'{EXCLUSIVE_C14N}"/>', f'{EXCLUSIVE_C14N}"></ds:CanonicalizationMethod>'),
    "an unused namespace": ("<case.file", '<case.file xmlns:unused="urn:x"'),
    "other quotes": ('URI=""', "URI=''"),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_characters_may_be_written_in_other_octets(name: str) -> None:
    """What is handed on says what was signed."""
    content = look(changed(PLAIN, *SAME[name])).content
    assert content is not None
    assert content.findtext(".//{*}applicant/{*}name") == NAME or NAME in etree.tostring(content, encoding="unicode")
    signed = look(PLAIN).content
    assert signed is not None
    assert xml.canonical(content, EXCLUSIVE_C14N) == xml.canonical(signed, EXCLUSIVE_C14N)


OTHER = {
    "a comment in the digest": ("<ds:DigestValue>", "<ds:DigestValue><!-- x -->", "xml.comment_or_instruction"),
    "a comment in the value": ("</ds:SignatureValue>", "<!-- x --></ds:SignatureValue>", "xml.comment_or_instruction"),
    "an instruction in a text": (NAME, f"{NAME}<?x?>", "xml.comment_or_instruction"),
    "a comment in a text": (NAME, f"{NAME}<!---->", "xml.comment_or_instruction"),
    "an instruction in front": ("<case.file", "<?x?><case.file", "xml.comment_or_instruction"),
    "an element in the digest": ("<ds:DigestValue>", "<ds:DigestValue><x/>", "signature.shape"),
    "a section that changes the digest": ("<ds:DigestValue>", "<ds:DigestValue><![CDATA[A]]>", "signature.base64"),
    "an entity": (NAME, "&name;", "xml.not_well_formed"),
    "a DTD behind the root": ("</case.file>", "</case.file><!DOCTYPE a>", "xml.not_well_formed"),
    "a lower-case DTD": ("<case.file", "<!doctype a><case.file", "xml.comment_or_instruction"),
    "XML 1.1": ("version='1.0'", "version='1.1'", "xml.not_utf8"),
    "an encoding that is not": ("encoding='UTF-8'", "encoding='UTF-7'", "xml.not_utf8"),
    "UTF-16 by name": ("encoding='UTF-8'", "encoding='UTF-16'", "xml.not_utf8"),
    "two declarations": ("<case.file", "<?xml version='1.0'?><case.file", "xml.comment_or_instruction"),
    "a character XML does not have": (NAME, f"{NAME}\x01", "xml.not_well_formed"),
    "a number XML does not have": (NAME, f"{NAME}&#0;", "xml.not_well_formed"),
    "an xml:base": ("<applicant>", '<applicant xml:base="http://x/">', "signature.digest"),
    "another prefix for the same": ("<ds:SignedInfo>", f'<d:SignedInfo xmlns:d="{DSIG}">', "xml.not_well_formed"),
    "another namespace for the same prefix": ("<ds:SignedInfo>", '<ds:SignedInfo xmlns:ds="urn:x">', "signature.shape"),
    "a Signature of another namespace beside": ("<ds:Signature ", '<Signature xmlns="urn:x"/><ds:Signature ', "signature.digest"),
    "a Signature of another namespace instead": (DSIG, "http://www.w3.org/2000/09/xmldsig", "signature.absent"),
    "a signature within the signature": (
        "</ds:KeyInfo>", f'</ds:KeyInfo><ds:Object><ds:Signature xmlns:ds="{DSIG}"/></ds:Object>', "signature.several"
    ),
    "an attribute of XSI": ("<ds:SignedInfo>", '<ds:SignedInfo xmlns:i="urn:i" i:type="x">', "signature.shape"),
    "an Id of xml:id": ("<ds:SignedInfo>", '<ds:SignedInfo xml:id="x">', "signature.shape"),
    "a second algorithm": ("<ds:SignatureMethod ", '<ds:SignatureMethod Algorithm="x"/><ds:SignatureMethod ', "signature.shape"),
    "parts in another order": ("<ds:SignedInfo>", "<ds:SignatureValue/><ds:SignedInfo>", "signature.references"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_what_could_be_read_in_two_ways_is_refused_by_its_rule(name: str) -> None:
    """Never by chance alone."""
    old, new, code = OTHER[name]
    assert code_of(changed(PLAIN, old, new)) == code


@pytest.mark.parametrize(
    "uri",
    [
        " ", "#", "?", "#doc-1 ", " #doc-1", "#DOC-1", "#doc%2D1", "doc-1", "##doc-1", "#xpointer(/)", "#xpointer(id('doc-1'))",
        "#xpointer(id(&quot;doc-1&quot;))", "#element(/1)", "http://example.vn/#doc-1", "cid:1", "data:,x", "#doc-2", "file:///",
    ],
)  # fmt: skip
def test_a_reference_names_the_document_or_its_root_to_the_letter(uri: str) -> None:
    """Nothing that another program might resolve to the same."""
    assert code_of(changed(BY_ID, 'URI="#doc-1"', f'URI="{uri}"')) == "signature.reference_target"


@pytest.mark.parametrize("name", ["Id", "ID", "id", "iD", "xml:id", "x:Id"])
def test_an_id_that_is_signed_stands_once_whatever_it_is_called(name: str) -> None:
    """Also written with numbers, which octets do not show."""
    for written in ("doc-1", "doc&#45;1", "&#100;oc-1"):
        octets = changed(BY_ID, "<applicant>", f'<applicant xmlns:x="urn:x" {name}="{written}">')
        assert code_of(octets) == "signature.duplicate_id"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037", "gb18030"])
def test_other_encodings_are_refused(encoding: str) -> None:
    """With a declaration of their own or without."""
    text = PLAIN.decode()
    for said in (text, text.replace("encoding='UTF-8'", f"encoding='{encoding}'"), text.partition("?>")[2].strip()):
        if encoding in ("utf-7", "gb18030") and said.encode(encoding) == said.encode():
            continue
        assert look(said.encode(encoding, "replace"), ENVELOPE).report.verdict is Verdict.NOT_VERIFIED


def test_properties_of_another_signature_are_refused() -> None:
    """Target, Id and Type are those of this one."""
    for old, new in (
        ('Target="#sig-1"', 'Target=""'),
        (' Id="sp-1"', ""),
        (XADES, "http://uri.etsi.org/01903/v1.4.1#"),
        ("</ds:Object>", "</ds:Object><ds:Object/>"),
        ("</ds:Object>", "<x/></ds:Object>"),
        ("<ds:Object", "<ds:Object MimeType='x'"),
    ):
        assert code_of(changed(WITH_PROPERTIES, old, new), ENVELOPE_XADES) in ("xades.shape", "xades.absent", "signature.shape")


C14N = json.loads((Path(__file__).parents[1] / "vectors/c14n.json").read_bytes())
METHODS = {"inclusive": INCLUSIVE_C14N, "exclusive": EXCLUSIVE_C14N}


@pytest.mark.parametrize("name", C14N)
def test_canonical_forms_are_those_of_the_standards_examples(name: str) -> None:
    """Canonical XML 1.0, section 3; Exclusive XML Canonicalization 1.0, section 2."""
    example = C14N[name]
    root = xml.parse(example["written"].encode(), Caps())
    element = root if example["child"] is None else root[example["child"]]
    assert xml.canonical(element, METHODS[example["method"]]).decode() == example["expected"]
