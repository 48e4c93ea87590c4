"""Documents made to cost much: each is answered soon, whoever sends it, signed or not."""

import time
from base64 import b64encode
from collections.abc import Callable

import pytest

from signing.profiles import DSIG, E_DOC_SOAP, EDXML, ENVELOPE, ENVELOPE_XADES, EXCLUSIVE_C14N, SHA256, SOAP, Profile
from signing.report import Verdict
from signing.trust import TrustBase
from signing.verify import check
from tests.signatures import AT, EDOC_RECIPE, EDXML_RECIPE, WITH_XADES, agency, authority, by_xmlsec, case_file, packet
from tests.soap import Message, by_xmlsec_soap, edoc_message

LIMIT_S = 0.05
ROUNDS = 5
PLAIN = by_xmlsec(case_file(), agency())
XADES = by_xmlsec(case_file(), agency(), WITH_XADES)
PACKET = by_xmlsec(packet(), agency(), EDXML_RECIPE)
EDOC = by_xmlsec(edoc_message(), agency(), EDOC_RECIPE)
MESSAGE = by_xmlsec_soap(agency())
TRANSFORM = f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}"/>'.encode()
REFERENCE = (
    f'<ds:Reference URI=""><ds:Transforms>{TRANSFORM.decode()}</ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"/>'
    f"<ds:DigestValue>{b64encode(bytes(32)).decode()}</ds:DigestValue></ds:Reference>"
).encode()


def put(octets: bytes, before: bytes, what: bytes) -> bytes:
    assert before in octets
    return octets.replace(before, what + before, 1)


def names(count: int, make: Callable[[int], str]) -> bytes:
    return " ".join(make(number) for number in range(count)).encode()


def nested_namespaces(levels: int, each: int, leaves: int, used: bool) -> bytes:
    """As many as a small document may declare: `used` by attributes, or not."""
    made, number = [], 0
    for _ in range(levels):
        these = range(number, number + each)
        number += each
        declared = names(each, lambda one, first=these[0]: f'xmlns:a{first + one}="u:{first + one}"')  # type: ignore[misc]
        attributes = names(each, lambda one, first=these[0]: f'a{first + one}:x=""') if used else b""  # type: ignore[misc]
        made.append(b"<e " + declared + b" " + attributes + b">")
    return b"".join(made) + b"<a0:b/>" * leaves + b"</e>" * levels


INSIDE: dict[str, bytes] = {
    "a long name": b"<" + b"n" * 500_000 + b"/>",
    "a long attribute": b"<n " + b"a" * 500_000 + b'=""/>',
    "a long value": b'<n a="' + b"v" * 500_000 + b'"/>',
    "many instructions": b"<?a b?>" * 60_000,
    "many comments": b"<!-- -->" * 60_000,
    "one comment": b"<!--" + b"x" * 500_000 + b"-->",
    "many sections": b"<![CDATA[x]]>" * 30_000,
    "many numbers": b"&#x1EB1;" * 60_000,
    "many attributes of a small document": b"<n " + names(1_300, lambda one: f'a{one}=""') + b"/>",
    "many attributes": b"<n " + names(60_000, lambda one: f'a{one}=""') + b"/>",
    "attributes that begin alike": b"<n " + names(5_000, lambda one: f'{"a" * 100}{one}=""') + b"/>",
    "namespaces of a small document, used": nested_namespaces(8, 20, 200, used=True),
    "namespaces of a small document": nested_namespaces(16, 16, 150, used=False),
    "namespaces": nested_namespaces(60, 30, 2_000, used=True),
    "one Id many times": b'<n Id="doc-1"/>' * 15_000,
    "depth": b"<n>" * 250 + b"</n>" * 250,
    "more depth": b"<n>" * 100_000,
    "width": b"<n/>" * 30_000,
    "white space": b" \n" * 250_000,
    "signatures": f'<ds:Signature xmlns:ds="{DSIG}"/>'.encode() * 5_000,
    "entities nobody declared": b"&a;" * 10_000,
}
IN_SIGNATURE: dict[str, tuple[bytes, bytes]] = {
    "many references": (b"</ds:SignedInfo>", REFERENCE * 2_000),
    "references as many as may be": (b"</ds:SignedInfo>", REFERENCE * 14),
    "many transforms": (b"</ds:Transforms>", TRANSFORM * 5_000),
    "many certificates": (b"</ds:X509Data>", b"<ds:X509Certificate>MIIB</ds:X509Certificate>" * 10_000),
    "certificates as many as may be": (
        b"</ds:X509Data>", b"<ds:X509Certificate>%s</ds:X509Certificate>" % b64encode(agency().der) * 7,
    ),
    "a long certificate": (b"</ds:X509Certificate>", b"A" * 500_000),
    "a long value": (b"</ds:SignatureValue>", b"A" * 500_000),
    "a long value that is none": (b"</ds:SignatureValue>", b"*" * 500_000),
    "a long digest": (b"</ds:DigestValue>", b"A" * 500_000),
    "white space between the parts": (b"<ds:SignatureValue>", b" \n" * 250_000),
    "white space in the references": (b"<ds:Transforms>", b" \n" * 250_000),
    "white space in a value": (b"</ds:SignatureValue>", b" \n" * 250_000),
    "numbers in a value": (b"</ds:SignatureValue>", b"&#13;" * 50_000),
    "unknown parts": (b"</ds:SignedInfo>", b"<ds:x/>" * 20_000),
}  # fmt: skip


def best_s(octets: bytes, profile: Profile) -> float:
    """CPU time of the quickest of some rounds: what it costs, not what the machine does besides."""
    trust, found = TrustBase(documents=authority().anchors()), []
    for _ in range(ROUNDS):
        began = time.process_time()
        check(octets, profile, trust, AT)
        found.append(time.process_time() - began)
    return min(found)


CONTENTS = {
    "envelope": (PLAIN, ENVELOPE, b"<applicant>"),
    "XAdES": (XADES, ENVELOPE_XADES, b"<applicant>"),
    "edXML": (PACKET, EDXML, b"<edXML:MessageHeader>"),
    "e-doc": (EDOC, E_DOC_SOAP, b"<edXML:MessageHeader>"),
    "WS-Security": (MESSAGE, SOAP, b"<a:code>"),
}


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("name", INSIDE)
def test_a_bomb_in_the_content_is_answered_soon(kind: str, name: str) -> None:
    """Under every profile; nobody signed it."""
    octets, profile, before = CONTENTS[kind]
    bomb = put(octets, before, INSIDE[name])
    assert best_s(bomb, profile) < LIMIT_S
    assert check(bomb, profile, TrustBase(), AT).report.verdict is Verdict.NOT_VERIFIED


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("name", [name for name, (before, _) in IN_SIGNATURE.items()])
def test_a_bomb_in_the_signature_is_answered_soon(kind: str, name: str) -> None:
    """Under every profile whose signatures have such a part."""
    octets, profile, _ = CONTENTS[kind]
    before, what = IN_SIGNATURE[name]
    if before not in octets:
        assert profile is SOAP  # its certificate stands elsewhere
        before = b"</wsse:BinarySecurityToken>"
    assert best_s(put(octets, before, what), profile) < LIMIT_S


SIGNED_BODIES = {
    "prefixes that are declared and not used": nested_namespaces(16, 16, 100, used=False),
    "prefixes at many elements": b"<e " + names(20, lambda one: f'xmlns:a{one}="u:{one}"') + b">" + b"<n/>" * 20_000 + b"</e>",
    "prefixes at deep elements": b"<n>" * 40 + b"<n/>" * 1_000 + b"</n>" * 40,
    "deep elements": b"<n>" * 200 + b"<n/>" * 40_000 + b"</n>" * 200,
}


@pytest.mark.parametrize("name", SIGNED_BODIES)
def test_a_bomb_that_is_signed_is_answered_soon(name: str) -> None:
    """Anybody can make a certificate, so a value that fits opens no door to what costs much."""
    prefixes = " ".join(f"a{number}" for number in range(20))
    octets = by_xmlsec_soap(agency(), Message(body=SIGNED_BODIES[name].decode(), prefixes=prefixes))
    assert best_s(octets, SOAP) < LIMIT_S


def test_prefixes_by_the_thousand_are_answered_soon() -> None:
    """In PrefixList, which only messages may have."""
    listed = names(5_000, lambda one: f"p{one}").decode()
    one = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}" PrefixList="{listed}"/></ds:Transform>'
    transform = f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}"'
    octets = MESSAGE.replace(f"{transform}/>".encode(), f"{transform}>{one}".encode())
    assert octets != MESSAGE
    assert best_s(octets, SOAP) < LIMIT_S
