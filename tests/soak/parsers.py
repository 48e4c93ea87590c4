"""`python -m tests.soak.parsers [--examples N] [--seed S]`: Hypothesis writes what strangers might send to each reader of
signatures and of evidence: any octets, and octets with the structure that is wanted. Every one is refused by a rule, or says what
was signed: no exception comes out, none is caught on the way (`check.failed`). Exit status 1 otherwise; Hypothesis prints the
smallest example that it finds."""

import argparse
import base64
import json
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from lxml import etree

from signing import ber
from signing.cms_profiles import CADES, CMS, PADES
from signing.cms_slow import check_cms_slowly
from signing.profiles import DSIG, PROFILES, XADES
from signing.report import Integrity, SignatureReport
from signing.rules import Refused
from signing.soap import WSSE, WSU
from signing.trust import TrustBase
from signing.verify import check
from signing.xml import local_name
from tests.cms_signers import CONTENT
from tests.cms_signers import sign as sign_cms
from tests.file_mutants import Value, taken_apart
from tests.signatures import AT, agency, authority
from tests.soak import evidence, jws
from tests.soak import signatures as xml

_TRUST = TrustBase(documents=authority().anchors())
_SIGNED = frozenset(base.content for base in xml.BASES)
_DECLARED = f'xmlns:ds="{DSIG}" xmlns:xades="{XADES}" xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}"'
_NAMES = sorted(
    {
        f"{one.prefix}:{local_name(one)}"
        for base in xml.BASES
        for one in etree.fromstring(base.octets).iter("{*}*")
        if one.prefix in ("ds", "xades", "wsse", "wsu")
    }
)
_INDEFINITE, _END = b"\x80", b"\0\0"
_MEMBERS = ("alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "cty", "aud")
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["RS256", "ES256", jws.TYP, "none"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_MEMBERS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


class Reader(NamedTuple):
    """`made`: what it is given; `wrong`: what is wrong with what it says of it, None when it refuses by a rule."""

    made: st.SearchStrategy[bytes]
    wrong: Callable[[bytes], str | None]


def _of_report(report: SignatureReport) -> str | None:
    if report.integrity is Integrity.INTACT:
        return "intact"
    assert report.refusal is not None
    return f"failed inside: {report.refusal.detail}" if report.refusal.rule.code == "check.failed" else None


def _wrong_xml(octets: bytes) -> str | None:
    """Under every profile."""
    for profile in PROFILES.values():
        checked = check(octets, profile, _TRUST, AT)
        report, content = checked.report, checked.content
        handed_on = b"" if content is None else etree.tostring(content.getroottree(), method="c14n", exclusive=True)
        if handed_on not in _SIGNED and (wrong := _of_report(report)) is not None:
            return f"{profile.name}: {wrong}"
    return None


def _wrong_cms(octets: bytes) -> str | None:
    """Under each profile, in the strict lane and beside it; and as BER alone."""
    for profile in (CADES, CMS, PADES):
        checked = check_cms_slowly(octets, CONTENT, profile, _TRUST, AT)
        if checked.report.integrity is Integrity.INTACT and checked.content == CONTENT and checked.report.signer is not None:
            continue  # what is not signed was changed, or nothing
        if (wrong := _of_report(checked.report)) is not None:
            return f"{profile.name}: {wrong}"
    try:
        der, size = ber.to_der(octets)
    except Refused:
        return None
    return None if size <= len(octets) and ber.to_der(der) == (der, len(der)) else "DER that is none"


def _wrong_jws(octets: bytes) -> str | None:
    token = octets.decode(errors="replace")
    return None if token in jws.TOKENS else _of_report(jws.checked(token).report)


def _markup() -> st.SearchStrategy[bytes]:
    """Elements of the wanted names nested in any way: by themselves, and in the place of a part of a signature that was right."""
    texts = st.sampled_from(["", " ", "\n", "AAAA", "2026-11-18T07:59:00Z", "&#13;", "&amp;", "<![CDATA[a]]>"])
    said = st.sampled_from(["", ' Id="sp-1"', ' URI=""', ' URI="#sp-1"', ' Algorithm="a"', ' xmlns=""', ' xmlns:ds="urn:x"'])

    def element(name: str, attribute: str, held: list[str]) -> str:
        return f"<{name}{attribute}>{''.join(held)}</{name}>"

    nested = st.recursive(
        texts, lambda inner: st.builds(element, st.sampled_from(_NAMES), said, st.lists(inner, max_size=5)), max_leaves=15
    )

    def grafted(base: xml.Base, number: int, keeps: bool, put: str) -> bytes:
        root = etree.fromstring(base.octets)
        (signature,) = root.iter(f"{{{DSIG}}}Signature")
        every = list(signature.iter("*"))
        found = every[number % len(every)]
        found.extend(etree.fromstring(f"<new {_DECLARED}>{put}</new>"))
        if not keeps and found is not signature:
            found.getparent().replace(found, found[-1] if len(found) else etree.Element("none"))
        return etree.tostring(root)

    alone = nested.map(lambda held: f"<case.file {_DECLARED}>{held}</case.file>".encode())
    return alone | st.builds(grafted, st.sampled_from(xml.BASES), st.integers(0, 100), st.booleans(), nested)


def _der(*bases: bytes) -> st.SearchStrategy[bytes]:
    """Values nested in any way, of definite and indefinite length; and those of `bases` with one put in the place of another."""
    trees = [taken_apart(base) for base in bases]
    leaves = sorted({(one.tag, one.content) for tree in trees for top in tree for one in top.all() if len(one.content) < 300})
    leaf = st.sampled_from(leaves) | st.tuples(st.integers(0, 255), st.binary(max_size=8))
    primitive = leaf.map(lambda one: Value(*one).octets())

    def constructed(tag: int, definite: bool, held: list[bytes]) -> bytes:
        content = b"".join(held)
        return Value(tag, content).octets() if definite else bytes((tag,)) + _INDEFINITE + content + _END

    tags = st.sampled_from([0x30, 0x31, 0xA0, 0xA1, 0x24, 0x30])
    nested = st.recursive(
        primitive, lambda inner: st.builds(constructed, tags, st.booleans(), st.lists(inner, max_size=5)), max_leaves=20
    )

    def grafted(base: bytes, number: int, put: bytes) -> bytes:
        tree = taken_apart(base)
        every = [one for top in tree for one in top.all()]
        found = every[number % len(every)]
        found.tag, found.content, found.parts = put[0], b"", [_Written(0, put)]
        return b"".join(one.parts[0].octets() if one is found else one.octets() for one in tree)

    return nested | st.builds(grafted, st.sampled_from(bases), st.integers(0, 500), nested)


class _Written(Value):
    """Octets as they are."""

    def octets(self) -> bytes:
        return self.content


def _token() -> st.SearchStrategy[bytes]:
    """Any header and payload in JSON, under any signature or one of another token."""
    values = [part for token in jws.TOKENS for part in token.split(".")]

    def written(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode(errors="replace")).decode().rstrip("=")

    header = st.dictionaries(st.sampled_from(_MEMBERS), _JSON, max_size=4).map(written)
    part = st.sampled_from(values) | _JSON.map(written) | st.text(max_size=9)
    return st.builds(lambda *parts: ".".join(parts).encode(errors="replace"), header | st.sampled_from(values), part, part)


def readers() -> Mapping[str, Reader]:
    """By name; each is given any octets as well."""
    found = {
        "XML": Reader(_markup(), _wrong_xml),
        "CMS": Reader(_der(sign_cms(), sign_cms(signer=agency())), _wrong_cms),
        "JWS": Reader(_token(), _wrong_jws),
    }
    for base in evidence.bases():
        if base.refusals is Refused:
            found[base.name] = Reader(_der(base.octets), base.wrong)
    return MappingProxyType({name: Reader(one.made | st.binary(max_size=200), one.wrong) for name, one in found.items()})


def fuzz(reader: Reader, seed: int, examples: int) -> None:
    """Raises AssertionError, with the smallest example, where something is wrong."""

    @seeded(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(reader.made)
    def refused(octets: bytes) -> None:
        assert reader.wrong(octets) is None

    refused()


def main() -> int:
    """As many examples for each reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    failed = 0
    for name, reader in readers().items():
        try:
            fuzz(reader, chosen.seed, chosen.examples)
        except (AssertionError, HypothesisException, ExceptionGroup) as error:
            failed += 1
            print(f"{name}: {error}", *getattr(error, "__notes__", ()), sep="\n", flush=True)
        else:
            print(f"{name}: {chosen.examples} examples, all refused by a rule", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
