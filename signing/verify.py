"""The verifier of XML: octets, profile, trust and time in; what was checked and the very element that was verified out.

The order is that of cost and of trust: caps on octets, one parse, the place and shape of the signature, the key, the signature
over SignedInfo, and only then canonical forms of what SignedInfo names. So strangers never reach the dear steps by size alone.
The document is canonicalised once, from the same tree that is handed on.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from lxml import etree
from msgspec.structs import replace

from signing import places, soap, xades, xades_stamps, xmldsig
from signing.algorithms import base64, check_key, digest, verify_value
from signing.certificates import signer_of
from signing.places import Located, Target
from signing.profiles import EXCLUSIVE_C14N, INCLUSIVE_C14N, SIGNED_PROPERTIES, Presence, Profile
from signing.report import Checked, Integrity, Properties, Refusal, SignatureReport, SignedPart, Signer, TimeStamp
from signing.rules import RULES, Refused
from signing.trust import Standing, TrustBase
from signing.xades import Qualified
from signing.xades_stamps import Stamped
from signing.xades_usual import Usual
from signing.xml import canonical, detach, parse, parse_part
from signing.xmldsig import Parts, Reference, weak_of

_CANONICALIZATIONS = frozenset({EXCLUSIVE_C14N, INCLUSIVE_C14N})
_INTEGRITY = {
    "signature.absent": Integrity.ABSENT,
    "signature.value": Integrity.NOT_INTACT,
    "signature.digest": Integrity.NOT_INTACT,
}
_WITH_VALUE = etree.XPath("count(//@*[. = $id])")
_WITH_ID = etree.XPath("count(//@*[. = $id and translate(local-name(), 'ID', 'id') = 'id'])")  # in any namespace: xml:id, wsu:Id


@dataclass(slots=True)
class _Seen:
    """What is known so far; becomes the report, however it ends."""

    parts: Parts | None = None
    signers: tuple[Signer, ...] = ()
    covered: tuple[SignedPart, ...] = ()
    properties: Properties | None = None
    stamps: tuple[Stamped, ...] = ()
    stamp: TimeStamp | Refusal | None = None


def check(octets: bytes, profile: Profile, trust: TrustBase, at: datetime) -> Checked:
    """Never raises: whatever goes wrong, the signature is not verified. `at`: the time of the check, with a zone."""
    seen = _Seen()
    try:
        root = parse(octets, profile.caps)
        content = _verify(octets, root, profile, at, seen)
        stamp = _stamp(profile, trust, at, seen) if seen.stamps or profile.stamp is Presence.REQUIRED else None
        standing = trust.standing(seen.signers[0], seen.signers[1:], at, stamp)
        return Checked(_report(profile, Integrity.INTACT, seen, standing=standing), content)
    except Refused as refused:
        refusal = Refusal(refused.rule, refused.place, refused.detail)
        return Checked(_report(profile, _INTEGRITY.get(refused.rule.code, Integrity.NOT_VERIFIABLE), seen, refusal))
    except Exception as error:  # noqa: BLE001 - the promise: an exception anywhere means "not verified"
        refusal = Refusal(RULES["check.failed"], "", type(error).__name__)
        return Checked(_report(profile, Integrity.NOT_VERIFIABLE, seen, refusal))


def _report(
    profile: Profile, integrity: Integrity, seen: _Seen, refusal: Refusal | None = None, standing: Standing | None = None
) -> SignatureReport:
    parts = seen.parts
    return SignatureReport(
        profile=profile.name,
        integrity=integrity,
        refusal=refusal,
        covered=seen.covered,
        canonicalization="" if parts is None else parts.canonicalization,
        method="" if parts is None else parts.method,
        signer=seen.signers[0] if seen.signers else None,
        properties=seen.properties,
        path=None if standing is None else standing.path,
        revocation_check=None if standing is None else standing.revocation,
        stamp=seen.stamp if isinstance(seen.stamp, TimeStamp) else None,
        stamp_refusal=seen.stamp if isinstance(seen.stamp, Refusal) else None,
        weak=weak_of(parts) if profile.legacy and parts is not None else (),
    )


def _stamp(profile: Profile, trust: TrustBase, at: datetime, seen: _Seen) -> TimeStamp | None:
    """Raises Refused `xades.stamp` where the profile demands one."""
    seen.stamp = xades_stamps.earliest(seen.stamps, trust, at)
    if isinstance(seen.stamp, TimeStamp):
        return seen.stamp
    if profile.stamp is Presence.REQUIRED:
        raise Refused("xades.stamp", "SignatureTimeStamp", "none" if seen.stamp is None else seen.stamp.rule.code)
    return None


def _verify(octets: bytes, root: etree._Element, profile: Profile, at: datetime, seen: _Seen) -> etree._Element:
    """Fills `seen`; the element that was verified: `root` without its signature, or the Body of a message. Raises Refused."""
    located = places.document(root, profile) if profile.soap is None else soap.locate(root, profile.soap, profile)
    parts = seen.parts = xmldsig.read(located.signature, profile)
    qualified = xades.find(located.signature, parts, profile)
    if qualified is not None:
        located = _with_properties(located, qualified, profile)
    named = _named(parts.references, located)
    for reference in parts.references:
        if reference.uri:
            _check_unique(octets, root, reference.uri[1:])
    seen.signers = tuple(map(_signer, parts.certificates or (located.token,)))
    signer = seen.signers[0]
    verify_value(parts.method, signer.key, parts.value, parts.signed)
    whole, content = None, root
    for reference, target in zip(parts.references, named, strict=True):
        if target.element is root:
            whole = reference, target  # last, since the signature leaves the document for it
        elif target.what == soap.BODY:
            content = parse_part(_check_digest(reference, target, seen), profile.caps)
        else:
            _check_digest(reference, target, seen)
    if qualified is not None:
        seen.properties = _read_properties(qualified, located, signer, profile, at, seen)
    if whole is not None:
        detach(located.signature)
        _check_digest(*whole, seen)
    if profile.soap is not None:
        soap.check_time(located, profile.soap, profile.clock_skew_s, at)
    return content


def _read_properties(
    qualified: Usual | Qualified, located: Located, signer: Signer, profile: Profile, at: datetime, seen: _Seen
) -> Properties:
    found = xades.read(qualified, signer, profile, at)
    if isinstance(qualified, Usual) or qualified.unsigned is None:
        return found
    unsigned = xades_stamps.read(qualified.unsigned, located.signature[1])
    seen.stamps = unsigned.stamps
    return replace(found, not_evaluated=(*found.not_evaluated, *unsigned.not_evaluated))


def _with_properties(located: Located, qualified: Usual | Qualified, profile: Profile) -> Located:
    element, octets = (located.signature, qualified.octets) if isinstance(qualified, Usual) else (qualified.signed, b"")
    target = Target(xades.SIGNED, element, profile.property_transforms, SIGNED_PROPERTIES, octets)
    return Located(located.signature, {**located.targets, f"#{qualified.id}": target}, (*located.required, target))


def _named(references: tuple[Reference, ...], located: Located) -> list[Target]:
    """What each reference names, which is known by its place already: all that has to be signed, and nothing twice.

    Raises Refused `signature.reference*` or `signature.transforms`.
    """
    named: list[Target] = []
    for one in references:
        target = located.targets.get(one.uri)
        if target is None:
            raise Refused("signature.reference_target", "Reference", one.uri[:100])
        if one.type != target.type:
            raise Refused("signature.reference_type", "Reference", target.what)
        if one.transforms not in target.transforms:
            raise Refused("signature.transforms", "Reference", " ".join(one.transforms)[:200])
        if target in named:
            raise Refused("signature.references", "SignedInfo", f"{target.what} twice")
        named.append(target)
    for target in located.required:
        if target not in named:
            raise Refused("signature.references", "SignedInfo", f"{target.what} is not signed")
    return named


def _check_unique(octets: bytes, root: etree._Element, name: str) -> None:
    """Places decide here, but other readers of the document may go by Id. Most documents bear the name no more than twice, at the
    element and in the reference; where it stands more often, or could stand there written in another way, the tree is asked."""
    if b"&" not in octets and octets.count(name.encode()) <= 2:
        return
    if _WITH_VALUE(root, id=name) != 1 and _WITH_ID(root, id=name) != 1:
        raise Refused("signature.duplicate_id", "", "more than one element has the Id that is signed")


def _check_digest(reference: Reference, target: Target, seen: _Seen) -> bytes:
    """The canonical octets of what is signed. Raises Refused `signature.digest`."""
    octets = target.octets
    if not octets:
        last = reference.transforms[-1]
        octets = canonical(target.element, last if last in _CANONICALIZATIONS else INCLUSIVE_C14N, reference.prefixes)
    if digest(reference.digest_method, octets) != reference.digest:
        raise Refused("signature.digest", target.what)
    seen.covered += (SignedPart(reference.uri, target.what, reference.digest_method, reference.digest, len(octets)),)
    return octets


@lru_cache(maxsize=1024)
def _signer(text: bytes) -> Signer:
    """By the base64 text as it stands there: reading that again would cost as much as reading the certificate."""
    signer = signer_of(base64(text, "X509Certificate", "key.certificate"), "X509Certificate")
    check_key(signer.key)
    return signer
