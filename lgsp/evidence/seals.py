"""The hub's seal over a container: CAdES by the key with a certificate, else a statement (JWS) by the key of its receipts."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lgsp.evidence.asic import CADES_SEAL, Opened
from lgsp.evidence.findings import Finding, ShownKey, State
from lgsp.evidence.given import Given
from signing.cms import check_cms
from signing.cms_profiles import CADES
from signing.jose import thumbprint
from signing.jws import NotVerified, PublicKey, verify
from signing.paths import Anchors
from signing.report import Integrity, Signer, Trust
from signing.trust import TrustBase

TYPE = "lgsp-evidence+jws"  # `typ` of the JWS: cannot be passed off as a statement of another kind
_CHECK = "seal"
Shown = Finding | ShownKey


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the JWS. `manifest`: "sha256:" + hex of META-INF/ASiCManifest.xml."""

    manifest: str
    sealed_at: datetime


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Statement)


def statement(manifest: bytes, at: datetime) -> bytes:
    """The payload that seals a container with this manifest."""
    return _encode(Statement(manifest=_digest(manifest), sealed_at=at))


def check_seal(opened: Opened, hub: str, keys: tuple[PublicKey, ...], given: Given, now: datetime) -> Iterator[Shown]:
    """`hub`: its code; `keys`: those that the bundle says are its own."""
    if opened.seal == CADES_SEAL:
        yield from _check_cades(opened, given, now)
    else:
        yield from _check_statement(opened, hub, keys, given)


def _check_cades(opened: Opened, given: Given, now: datetime) -> Iterator[Shown]:
    trust = TrustBase(documents=Anchors(given.documents.certificates, given.documents.intermediates))
    report = check_cms(opened.seal_octets, opened.manifest, CADES, trust, now).report
    if report.integrity is not Integrity.INTACT or report.signer is None:
        code = "" if report.refusal is None else report.refusal.rule.code
        yield Finding(what=_CHECK, state=State.WRONG, place=opened.seal, detail=f"{report.integrity} {code}".rstrip())
        return
    if report.properties is not None and report.properties.not_evaluated:
        yield Finding(what=_CHECK, state=State.WRONG, place=opened.seal, detail=", ".join(report.properties.not_evaluated))
        return
    confirmed = report.trust is Trust.TRUSTED or thumbprint_of(report.signer) in (given.hub_keys or ())
    yield _sealed(opened, given, confirmed)
    certificate = report.signer.certificate
    fingerprint = certificate.fingerprint(SHA256()).hex()
    yield ShownKey(role="seal", name=certificate.subject.rfc4514_string(), text=fingerprint, confirmed=confirmed)


def _check_statement(opened: Opened, hub: str, keys: tuple[PublicKey, ...], given: Given) -> Iterator[Shown]:
    try:
        verified = verify(opened.seal_octets.decode("ascii"), keys, TYPE)
        if _decoder.decode(verified.payload).manifest != _digest(opened.manifest):
            raise NotVerified("it is over another manifest")
    except (NotVerified, UnicodeDecodeError, msgspec.MsgspecError) as error:
        yield Finding(what=_CHECK, state=State.WRONG, place=opened.seal, detail=str(error))
        return
    confirmed = verified.kid in (given.hub_keys or ())
    yield _sealed(opened, given, confirmed)
    yield ShownKey(role="hub", name=hub, text=verified.kid, confirmed=confirmed)


def _sealed(opened: Opened, given: Given, confirmed: bool) -> Finding:
    if not confirmed and given.hub_keys is not None:
        return Finding(what=_CHECK, state=State.WRONG, place=opened.seal, detail="sealed by none of the keys that were given")
    return Finding(what=_CHECK, state=State.FITS if confirmed else State.UNCONFIRMED, place=opened.seal)


def thumbprint_of(signer: Signer) -> str:
    """RFC 7638, of the key in the certificate."""
    return thumbprint(signer.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _digest(manifest: bytes) -> str:
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"
