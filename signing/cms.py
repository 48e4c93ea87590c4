"""The verifier of CMS signatures and CAdES-B: octets, content, profile, trust and time in; what was checked and the content out.

The order is that of cost and of trust: caps, the shape, the key, the signature over the signed attributes, and only then the
digest of the content, however large it is.
"""

from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from signing import cms_attributes, cms_parts, cms_unsigned
from signing.algorithms import check_key, digest
from signing.cms_algorithms import verify
from signing.cms_parts import Parts
from signing.cms_profiles import DATA, CmsProfile
from signing.der import identifier
from signing.profiles import LEGACY_RSA_SHA1, LEGACY_SHA1
from signing.report import Integrity, Properties, Refusal, SignatureReport, SignedPart, TimeStamp
from signing.rules import RULES, Refused
from signing.trust import Standing, TrustBase

_INTEGRITY = {
    "signature.absent": Integrity.ABSENT,
    "signature.value": Integrity.NOT_INTACT,
    "signature.digest": Integrity.NOT_INTACT,
}
_DATA = identifier(DATA)
_WEAK = frozenset({LEGACY_SHA1, LEGACY_RSA_SHA1})


@dataclass(frozen=True, slots=True)
class Digest:
    """Stands for content that is too large to be held: its digest by `method` (a URI), over `octets` octets."""

    method: str
    value: bytes
    octets: int


Content = bytes | Digest


@dataclass(frozen=True, slots=True)
class CheckedCms:
    """`content`: the octets that were verified, attached or detached; None unless intact, and where a digest stood for them."""

    report: SignatureReport
    content: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Seen:
    """What is known so far; becomes the report, however it ends."""

    parts: Parts | None = None
    covered: tuple[SignedPart, ...] = ()
    properties: Properties | None = None
    stamp: TimeStamp | None = None
    stamp_refusal: Refusal | None = None


def check_cms(
    octets: bytes,
    content: Content | None,
    profile: CmsProfile,
    trust: TrustBase,
    at: datetime,
    existed: TimeStamp | None = None,
) -> CheckedCms:
    """Never raises: whatever goes wrong, the signature is not verified.

    `content`: of a detached signature; None when it is attached. `at`: the time of the check, with a zone. `existed`: a verified
    time-stamp that shows the message to have existed, beside those on the signature itself.
    """
    seen = _Seen()
    try:
        verified = _verify(octets, content, profile, at, seen)
        _look_at_stamps(seen, profile, trust, at, existed)
        standing = _standing(seen, trust, at)
        return CheckedCms(_report(profile, Integrity.INTACT, seen, standing=standing), verified)
    except Refused as refused:
        refusal = Refusal(refused.rule, refused.place, refused.detail)
        return CheckedCms(_report(profile, _INTEGRITY.get(refused.rule.code, Integrity.NOT_VERIFIABLE), seen, refusal))
    except Exception as error:  # noqa: BLE001 - the promise: an exception anywhere means "not verified"
        refusal = Refusal(RULES["check.failed"], "", type(error).__name__)
        return CheckedCms(_report(profile, Integrity.NOT_VERIFIABLE, seen, refusal))


def digest_method(octets: bytes, profile: CmsProfile) -> str | None:
    """By which method (a URI) content is to be digested where a Digest shall stand for it; None: it will be refused anyway."""
    try:
        return cms_parts.read(octets, profile).digest
    except Refused:
        return None


def _verify(octets: bytes, content: Content | None, profile: CmsProfile, at: datetime, seen: _Seen) -> bytes | None:
    """Fills `seen`; the content that was verified. Raises Refused."""
    parts = seen.parts = cms_parts.read(octets, profile)
    if parts.content_type != _DATA:
        raise Refused("cms.type", "eContentType", cms_parts.name_of(parts.content_type))
    found = _content(parts, content)
    signer = parts.signer.signer
    if not parts.signer.sound:
        check_key(signer.key)  # says why not
    verify(parts.method, parts.algorithms[1], signer.key, parts.value, parts.signed)
    expected, properties = cms_attributes.read(parts, profile, at)
    value, size = (found.value, found.octets) if isinstance(found, Digest) else (digest(parts.digest, found), len(found))
    if value != expected:
        raise Refused("signature.digest", "messageDigest")
    seen.properties = properties
    seen.covered = (SignedPart("", "content", parts.digest, value, size),)
    return None if isinstance(found, Digest) else found


def _content(parts: Parts, content: Content | None) -> Content:
    """What the signature is held against: never both what is inside and what stands beside it."""
    if content is None:
        if parts.content is None:
            raise Refused("cms.content_missing", "eContent")
        return parts.content
    if parts.content is not None:
        raise Refused("cms.content_twice", "eContent")
    if isinstance(content, Digest) and content.method != parts.digest:
        raise Refused("cms.digest_given", "digestAlgorithm", parts.digest)
    return content


def _look_at_stamps(seen: _Seen, profile: CmsProfile, trust: TrustBase, at: datetime, existed: TimeStamp | None) -> None:
    """The earliest one counts."""
    assert seen.parts is not None and seen.properties is not None
    seen.stamp = existed
    if seen.parts.revocation:  # chosen by the signer: perhaps yesterday's list. What the hub knows by itself decides.
        seen.properties = replace(seen.properties, not_evaluated=(*seen.properties.not_evaluated, "SignedData/crls"))
    if not seen.parts.unsigned:
        return
    found = cms_unsigned.read(seen.parts.unsigned, profile.caps.attributes)
    stamp, seen.stamp_refusal = cms_unsigned.first_stamp(found.stamps[: profile.caps.stamps], seen.parts.value, trust, at)
    seen.properties = replace(seen.properties, not_evaluated=(*seen.properties.not_evaluated, *found.others))
    seen.stamp = min(filter(None, (stamp, existed)), key=lambda one: one.at, default=None)


def _standing(seen: _Seen, trust: TrustBase, at: datetime) -> Standing | None:
    if seen.parts is None:
        return None
    signer = seen.parts.signer.signer
    others = tuple([one.signer for one in seen.parts.certificates if one.signer is not signer])
    return trust.standing(signer, others, at, seen.stamp)


def _report(
    profile: CmsProfile, integrity: Integrity, seen: _Seen, refusal: Refusal | None = None, standing: Standing | None = None
) -> SignatureReport:
    parts = seen.parts
    return SignatureReport(
        profile=profile.name,
        integrity=integrity,
        refusal=refusal,
        covered=seen.covered,
        method="" if parts is None else parts.method,
        signer=None if parts is None else parts.signer.signer,
        properties=seen.properties,
        path=None if standing is None else standing.path,
        revocation_check=None if standing is None else standing.revocation,
        stamp=None if standing is None else seen.stamp,
        stamp_refusal=seen.stamp_refusal,
        weak=_weak(parts, seen.properties) if profile.legacy and parts is not None else (),
    )


def _weak(parts: Parts, properties: Properties | None) -> tuple[str, ...]:
    """URIs of algorithms that a legacy profile alone accepts."""
    used = {parts.method, parts.digest, "" if properties is None else properties.certificate_digest_method}
    return tuple(sorted(used & _WEAK))
