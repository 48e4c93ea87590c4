"""Signature (XMLDSig 1.1, section 4), read from its canonical octets.

Canonical octets spell everything in one way, so the only Signature that is accepted can be written down as a grammar: its parts
in order, each with the attributes it may have, white space between them and nothing else. A prefix stands for the namespace
declared at the Signature, since no part may declare another. What is read of SignedInfo is, octet for octet, what is signed.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec
from lxml import etree

from signing.algorithms import DIGEST_OCTETS, base64
from signing.profiles import EXCLUSIVE_C14N, LEGACY_SHA1, SIGNED_PROPERTIES, Profile
from signing.rules import Refused
from signing.xml import canonical


class Reference(msgspec.Struct, frozen=True):
    """`uri`: as canonical octets have it, that is, escaped. `prefixes`: of the exclusive C14N among the transforms. `digest`: as
    claimed, of the right length."""

    uri: str
    type: str | None
    transforms: tuple[str, ...]
    prefixes: tuple[str, ...]
    digest_method: str
    digest: bytes


class Enclosed(msgspec.Struct, frozen=True):
    """The octets of an Object (perhaps of several), which inherit what is `declared` at the Signature; the Id of that."""

    octets: bytes
    declared: bytes
    signature_id: bytes | None


class Parts(msgspec.Struct, frozen=True):
    """What a signature is made of; each algorithm is one the profile allows. `signed`: the octets that `value` is of.
    `certificates`: base64, the signer's first; none where KeyInfo points to a token."""

    signed: bytes
    canonicalization: str
    method: str
    references: tuple[Reference, ...]
    value: bytes
    certificates: tuple[bytes, ...]
    enclosed: Enclosed | None


class _Row(NamedTuple):
    """A piece of the grammar, and the rule that is broken where it does not fit."""

    piece: bytes
    code: str
    place: str
    detail: str = "unexpected, missing or out of order"


_Rows = tuple[_Row, ...]
_PARAMETERS = "has parameters"
_LONG = 4096  # octets; longer ones say nothing that could be allowed, and would fill what is remembered
_PREFIX_LIST = (  # Exclusive C14N, 4: those of other namespaces than their own were declared anew and would not fit
    rb'(?:<(?:[^\s:<>"=/]+:)?InclusiveNamespaces xmlns(?::[^\s="]+)?="http://www\.w3\.org/2001/10/xml-exc-c14n#" PrefixList="%s">'
    rb"</(?:[^\s:<>]+:)?InclusiveNamespaces>[ \t\n]*)?"
)

_BEGINNING: _Rows = (
    _Row(rb'<(?P<prefix>(?:([^\s:<>"=/]+):)?)Signature( xmlns(?(2):\2)="[^"]*")(?: Id="([^"]*)")?>[ \t\n]*',
         "signature.shape", "Signature"),
    _Row(rb'<~SignedInfo(?P<named>)(?: Id="[^"]*")?>[ \t\n]*', "signature.shape", "SignedInfo"),
    _Row(rb'<~CanonicalizationMethod Algorithm="([^"]*)">', "signature.shape", "CanonicalizationMethod"),
    _Row(rb"[ \t\n]*" + _PREFIX_LIST % b'([^"]*)' + rb"</~CanonicalizationMethod>", "signature.canonicalization",
         "CanonicalizationMethod", _PARAMETERS),
    _Row(rb'[ \t\n]*<~SignatureMethod Algorithm="([^"]*)">', "signature.shape", "SignatureMethod"),
    _Row(rb"[ \t\n]*</~SignatureMethod>[ \t\n]*", "signature.method", "SignatureMethod", _PARAMETERS),
)  # fmt: skip
_REFERENCE: _Rows = (
    _Row(rb'<~Reference(?: Id="[^"]*")?(?: Type="([^"]*)")?', "signature.shape", "Reference"),
    _Row(rb' URI="([^"]*)"', "signature.reference_target", "Reference", "no URI"),
    _Row(rb">[ \t\n]*<~Transforms>[ \t\n]*", "signature.shape", "Transforms"),
    _Row(rb'((?:<~Transform Algorithm="[^"]*">[ \t\n]*' + _PREFIX_LIST % b'[^"]*' + rb"</~Transform>[ \t\n]*)*)</~Transforms>",
         "signature.transforms", "Transform", _PARAMETERS),
    _Row(rb'[ \t\n]*<~DigestMethod Algorithm="([^"]*)">', "signature.shape", "DigestMethod"),
    _Row(rb"[ \t\n]*</~DigestMethod>", "signature.digest_method", "DigestMethod", _PARAMETERS),
    _Row(rb"[ \t\n]*<~DigestValue>([^<]*)</~DigestValue>", "signature.shape", "DigestValue"),
    _Row(rb"[ \t\n]*</~Reference>[ \t\n]*", "signature.shape", "Reference"),
)  # fmt: skip
_GROUPS = 5  # of one reference
_HINT = (
    rb"<~X509SubjectName>[^<]*</~X509SubjectName>[ \t\n]*"
    rb"|<~X509IssuerSerial>[ \t\n]*<~X509IssuerName>[^<]*</~X509IssuerName>[ \t\n]*"
    rb"<~X509SerialNumber>[^<]*</~X509SerialNumber>[ \t\n]*</~X509IssuerSerial>[ \t\n]*"
)
_VALUE: _Rows = (
    _Row(rb"</~SignedInfo>(?P<end>)[ \t\n]*", "signature.shape", "SignedInfo"),
    _Row(rb'<~SignatureValue(?: Id="[^"]*")?>([^<]*)</~SignatureValue>[ \t\n]*', "signature.shape", "SignatureValue"),
)
_X509_DATA: _Rows = (
    _Row(rb'<~KeyInfo(?: Id="[^"]*")?>[ \t\n]*<~X509Data>[ \t\n]*', "key.info", "KeyInfo", "not one X509Data"),
    _Row(rb"((?:" + _HINT + rb")*)<~X509Certificate>([^<]*)</~X509Certificate>[ \t\n]*",
         "key.info", "X509Data", "no certificate"),
    _Row(rb"((?:" + _HINT + rb"|<~X509Certificate>[^<]*</~X509Certificate>[ \t\n]*)*)</~X509Data>", "key.info", "X509Data"),
    _Row(rb"[ \t\n]*</~KeyInfo>[ \t\n]*", "key.info", "KeyInfo", "not one X509Data"),
)  # fmt: skip
_TOKEN: _Rows = (_Row(rb'<~KeyInfo(?: Id="[^"]*")?>()()().*</~KeyInfo>[ \t\n]*', "key.info", "KeyInfo"),)  # read in the tree
_END: _Rows = (_Row(rb'(<~Object(?: Id="[^"]*")?>.*</~Object>[ \t\n]*)?</~Signature>\Z', "signature.shape", "Signature"),)


def read(signature: etree._Element, profile: Profile) -> Parts:
    """Raises Refused `signature.*` or `key.info`. An Object is read elsewhere; how many there are is seen there."""
    octets = canonical(signature, EXCLUSIVE_C14N)
    count = len(signature[0]) - 2 if len(signature) else 0
    if not 1 <= count <= profile.caps.references:
        raise Refused("signature.references", "SignedInfo", f"{count} references")
    token = profile.soap is not None
    found = _grammar(count, token).fullmatch(octets)
    if found is None:
        raise _refused(octets, _rows(count, token))
    prefix, _, declared, name, _, canonicalization, listed, method, *each, _, value, hints, certificate, others, rest = (
        found.groups()
    )
    how, prefixes, by = _methods(declared, canonicalization, listed, method, profile)
    if how == EXCLUSIVE_C14N and not prefixes:  # the same octets, but for the declaration that the part inherits
        signed = b"".join((b"<", prefix, b"SignedInfo", declared, octets[found.end("named") : found.start("end")]))
    else:
        signed = canonical(signature[0], how, prefixes)
    references = []
    for at in range(0, len(each), _GROUPS):
        references.append(_reference(profile, *each[at : at + _GROUPS]))
    certificates = () if token else _certificates(certificate, hints, others, profile)
    enclosed = None if rest is None else Enclosed(rest, declared, name)
    return Parts(signed, how, by, tuple(references), base64(value, "SignatureValue"), certificates, enclosed)


@lru_cache(maxsize=32)
def _grammar(references: int, token: bool) -> re.Pattern[bytes]:
    return _pattern(_rows(references, token=token))


def _rows(references: int, token: bool) -> _Rows:
    return (*_BEGINNING, *_REFERENCE * references, *_VALUE, *(_TOKEN if token else _X509_DATA), *_END)


def _pattern(rows: _Rows) -> re.Pattern[bytes]:
    """ "~" stands for the prefix."""
    return re.compile(b"".join(row.piece for row in rows).replace(b"~", b"(?P=prefix)"), re.DOTALL)


def _refused(octets: bytes, rows: _Rows) -> Refused:
    """By the rule of the first piece that does not fit."""
    row = next(row for end, row in enumerate(rows, 1) if _pattern(rows[:end]).match(octets) is None)
    return Refused(row.code, row.place, row.detail)


@lru_cache(maxsize=256)
def _methods(
    declared: bytes, canonicalization: bytes, listed: bytes | None, method: bytes, profile: Profile
) -> tuple[str, tuple[str, ...], str]:
    """Canonicalization, with prefixes, and signature method, which the profile allows."""
    if declared.split(b'"')[1].decode() not in profile.signature_namespaces or len(declared) > _LONG:
        raise Refused("signature.shape", "Signature", "another namespace")
    how = _allowed(canonicalization, profile.canonicalizations, "signature.canonicalization", "CanonicalizationMethod")
    lists = [] if listed is None else [listed]
    if lists and (how != EXCLUSIVE_C14N or len(lists[0]) > _LONG):
        raise Refused("signature.canonicalization", "CanonicalizationMethod", _PARAMETERS)
    prefixes = _prefixes(lists, profile, "signature.canonicalization")
    return how, prefixes, _allowed(method, profile.methods, "signature.method", "SignatureMethod")


def _prefixes(lists: list[bytes], profile: Profile, code: str) -> tuple[str, ...]:
    """Of InclusiveNamespaces. The default namespace cannot be named: lxml would pass over it."""
    prefixes = tuple(b" ".join(lists).decode().split())
    if lists and (not profile.prefix_lists or len(prefixes) > profile.caps.namespaces or "#default" in prefixes):
        raise Refused(code, "InclusiveNamespaces", " ".join(prefixes)[:100])
    return prefixes


def _reference(
    profile: Profile, type_: bytes | None, uri: bytes, transforms: bytes, digest_method: bytes, digest: bytes
) -> Reference:
    kind, names, prefixes, method, size = _kind(type_, transforms, digest_method, profile)
    octets = base64(digest, "DigestValue")
    if len(octets) != size:
        raise Refused("signature.base64", "DigestValue", f"{len(octets)} octets")
    return Reference(uri.decode(), kind, names, prefixes, method, octets)


@lru_cache(maxsize=256)
def _kind(
    type_: bytes | None, transforms: bytes, digest_method: bytes, profile: Profile
) -> tuple[str | None, tuple[str, ...], tuple[str, ...], str, int]:
    """Type, transforms, prefixes and digest method of a reference, each of which the profile allows for one target or another,
    and how many octets its digest has."""
    kind = None if type_ is None else type_.decode()
    if kind not in (None, SIGNED_PROPERTIES):
        raise Refused("signature.reference_type", "Reference", str(kind)[:100])
    names = tuple([one.decode() for one in re.findall(rb'Transform Algorithm="([^"]*)"', transforms)])
    lists = re.findall(rb' PrefixList="([^"]*)"', transforms)
    last = transforms.rpartition(b"Transform Algorithm=")[2]
    strange = lists and (names[-1] != EXCLUSIVE_C14N or last.count(b" PrefixList=") != len(lists))
    if names not in profile.transforms | profile.property_transforms or strange or len(transforms) > _LONG:
        raise Refused("signature.transforms", "Reference", " ".join(names)[:200])
    prefixes = _prefixes(lists, profile, "signature.transforms")
    method = _allowed(digest_method, profile.digests, "signature.digest_method", "DigestMethod")
    return kind, names, prefixes, method, DIGEST_OCTETS[method]


def _certificates(first: bytes, hints: bytes, others: bytes, profile: Profile) -> tuple[bytes, ...]:
    """XMLDSig does not say which certificate is the signer's; here it is the first."""
    if not hints and not others and len(first) <= profile.caps.certificate_chars:
        return (first,)
    found = (first, *[one.partition(b"<")[0] for one in re.split(rb"<[^/:>]*:?X509Certificate>", others)[1:]])
    for hint in re.findall(rb"<(?:[^/:>]+:)?(X509SubjectName|X509IssuerSerial)>", hints + others):
        if hint.decode() not in profile.key_hints:
            raise Refused("key.info", "X509Data", hint.decode())
    if len(found) > profile.caps.certificates or max(map(len, found)) > profile.caps.certificate_chars:
        raise Refused("key.info", "X509Data", f"{len(found)} certificates, or one too long")
    return found


def _allowed(found: bytes, allowed: frozenset[str], code: str, place: str) -> str:
    name = found.decode()
    if name not in allowed:
        raise Refused(code, place, name[:100])
    return name


def weak_of(parts: Parts) -> tuple[str, ...]:
    """URIs of its algorithms that only a legacy profile accepts."""
    digests = {one.digest_method for one in parts.references} & {LEGACY_SHA1}
    return (*((parts.method,) if parts.method.endswith("sha1") else ()), *digests)
