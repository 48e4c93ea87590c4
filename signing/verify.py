"""The verifier of XML: octets, profile, trust and time in; what was checked and the very element that was verified out.

The order is that of cost and of trust: caps on octets, one parse, the place and shape of the signature, the key, the signature
over SignedInfo, and only then canonical forms of what SignedInfo names. So strangers never reach the dear steps by size alone.
The document is canonicalised once, from the same tree that is handed on.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from lxml import etree

from signing import xades, xmldsig
from signing.algorithms import base64, check_key, digest, verify_value
from signing.profiles import EXCLUSIVE_C14N, INCLUSIVE_C14N, Profile
from signing.report import Checked, Integrity, Properties, Refusal, SignatureReport, SignedPart, Signer
from signing.rules import RULES, Refused
from signing.trust import Standing, TrustBase
from signing.xml import canonical, detach, parse
from signing.xmldsig import Parts, Reference

_CANONICALIZATIONS = frozenset({EXCLUSIVE_C14N, INCLUSIVE_C14N})
_INTEGRITY = {
    "signature.absent": Integrity.ABSENT,
    "signature.value": Integrity.NOT_INTACT,
    "signature.digest": Integrity.NOT_INTACT,
}
_UNREADABLE = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_BY_ID = "//*[@Id = $id or @ID = $id or @id = $id or @xml:id = $id]"
_WITH_VALUE = etree.XPath("count(//@*[. = $id])")
_WITH_ID = etree.XPath(f"count({_BY_ID})")


@dataclass(slots=True)
class _Seen:
    """What is known so far; becomes the report, however it ends."""

    parts: Parts | None = None
    signers: tuple[Signer, ...] = ()
    covered: list[SignedPart] = field(default_factory=list)
    properties: Properties | None = None


def check(octets: bytes, profile: Profile, trust: TrustBase, at: datetime) -> Checked:
    """Never raises: whatever goes wrong, the signature is not verified. `at`: the time of the check, with a zone."""
    seen = _Seen()
    try:
        root = parse(octets, profile.caps)
        _verify(root, profile, at, seen)
        standing = trust.standing(seen.signers[0], seen.signers[1:], at)
        return Checked(_report(profile, Integrity.INTACT, seen, standing=standing), root)
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
        covered=tuple(seen.covered),
        canonicalization="" if parts is None else parts.canonicalization,
        method="" if parts is None else parts.method,
        signer=seen.signers[0] if seen.signers else None,
        properties=seen.properties,
        path=None if standing is None else standing.path,
        revocation_check=None if standing is None else standing.revocation,
        weak=xmldsig.weak_of(parts) if profile.legacy and parts is not None else (),
    )


def _verify(root: etree._Element, profile: Profile, at: datetime, seen: _Seen) -> None:
    """Fills `seen` and leaves `root` without its signature. Raises Refused."""
    signature = xmldsig.find(root, profile)
    parts = seen.parts = xmldsig.read(signature, profile)
    qualified = None if parts.object is None else xades.find(signature, parts.object)
    document, properties = _by_target(parts.references, root, profile, qualified)
    seen.signers = tuple([_signer(one) for one in parts.certificates])
    signer = seen.signers[0]
    verify_value(parts.method, signer.key, parts.value, canonical(parts.signed_info, parts.canonicalization))
    if qualified is not None and properties is not None:
        _check_digest(properties, qualified.signed, "signed_properties", seen)
        seen.properties = xades.read(qualified, signer, profile, at)
    detach(signature)
    _check_digest(document, root, "document", seen)


def _by_target(
    references: tuple[Reference, ...], root: etree._Element, profile: Profile, qualified: xades.Qualified | None
) -> tuple[Reference, Reference | None]:
    """The reference to the document and the one to the signed properties: what they name is known by its place already.

    Raises Refused `signature.reference*`, `signature.transforms` or `signature.duplicate_id`.
    """
    by_id = {} if qualified is None else {f"#{qualified.id}": qualified}
    ours = [one for one in references if one.uri not in by_id]
    theirs = [one for one in references if one.uri in by_id]
    if len(ours) != 1 or len(theirs) != len(by_id):
        raise Refused("signature.references", "SignedInfo", f"{len(ours)} to the document, {len(theirs)} to signed properties")
    _check_document_reference(ours[0], root, profile)
    if not theirs:
        return ours[0], None
    if theirs[0].type != xades.TYPE:
        raise Refused("signature.reference_type", "Reference", "not the Type of SignedProperties")
    if theirs[0].transforms not in profile.property_transforms:
        raise Refused("signature.transforms", "Reference", " ".join(theirs[0].transforms)[:200])
    _check_unique(root, theirs[0].uri[1:])
    return ours[0], theirs[0]


def _check_document_reference(reference: Reference, root: etree._Element, profile: Profile) -> None:
    if reference.type is not None:
        raise Refused("signature.reference_type", "Reference", reference.type[:100])
    if reference.uri:
        if not root.get(profile.root_id) or reference.uri != "#" + root.get(profile.root_id, ""):
            raise Refused("signature.reference_target", "Reference", "neither the document nor the Id of its root")
        _check_unique(root, reference.uri[1:])
    if reference.transforms not in profile.transforms:
        raise Refused("signature.transforms", "Reference", " ".join(reference.transforms)[:200])


def _check_unique(root: etree._Element, name: str) -> None:
    """Places decide here, but other readers of the document may go by Id."""
    if _WITH_VALUE(root, id=name) != 1 and _WITH_ID(root, id=name) != 1:
        raise Refused("signature.duplicate_id", "", "more than one element has the Id that is signed")


def _check_digest(reference: Reference, element: etree._Element, what: str, seen: _Seen) -> None:
    """Raises Refused `signature.digest`."""
    last = reference.transforms[-1]
    octets = canonical(element, last if last in _CANONICALIZATIONS else INCLUSIVE_C14N)
    if digest(reference.digest_method, octets) != reference.digest:
        raise Refused("signature.digest", what)
    seen.covered.append(SignedPart(reference.uri, what, reference.digest_method, reference.digest, len(octets)))


@lru_cache(maxsize=1024)
def _signer(text: str) -> Signer:
    """Facts of a certificate, not a verdict: what is remembered here is the same for everybody. Raises Refused `key.*`.

    All of it is read, since `cryptography` reads most parts only when they are asked for.
    """
    der = base64(text, "X509Certificate", "key.certificate")
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        _ = (certificate.subject, certificate.issuer, certificate.extensions, certificate.not_valid_before_utc)
        _ = (certificate.not_valid_after_utc, certificate.serial_number)
    except UnsupportedAlgorithm as error:
        raise Refused("key.type", "X509Certificate", type(error).__name__) from None
    except (ValueError, *_UNREADABLE) as error:
        raise Refused("key.certificate", "X509Certificate", type(error).__name__) from None
    check_key(key)
    return Signer(der, certificate, key)
