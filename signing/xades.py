"""XAdES-B signed properties (EN 319 132-1, clause 5): which certificate the signer committed to, and when it says it signed."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from signing.algorithms import base64, digest
from signing.profiles import DSIG, XADES, Profile
from signing.report import Properties, Signer
from signing.rules import Refused
from signing.xml import local_name

TYPE = "http://uri.etsi.org/01903#SignedProperties"

_QUALIFYING, _SIGNED, _UNSIGNED = (
    f"{{{XADES}}}QualifyingProperties",
    f"{{{XADES}}}SignedProperties",
    f"{{{XADES}}}UnsignedProperties",
)
_OF_SIGNATURE, _OF_DATA = f"{{{XADES}}}SignedSignatureProperties", f"{{{XADES}}}SignedDataObjectProperties"
_CERTIFICATE_V1, _CERTIFICATE_V2 = f"{{{XADES}}}SigningCertificate", f"{{{XADES}}}SigningCertificateV2"
_TIME = f"{{{XADES}}}SigningTime"
_NOT_EVALUATED = frozenset(
    f"{{{XADES}}}{name}"
    for name in (
        "SignaturePolicyIdentifier",
        "SignatureProductionPlace",
        "SignatureProductionPlaceV2",
        "SignerRole",
        "SignerRoleV2",
    )
)
_CERT, _CERT_DIGEST = f"{{{XADES}}}Cert", f"{{{XADES}}}CertDigest"
_SERIAL = {_CERTIFICATE_V1: f"{{{XADES}}}IssuerSerial", _CERTIFICATE_V2: f"{{{XADES}}}IssuerSerialV2"}
_DIGEST_METHOD, _DIGEST_VALUE = f"{{{DSIG}}}DigestMethod", f"{{{DSIG}}}DigestValue"
_SERIAL_NUMBER = f"{{{DSIG}}}X509SerialNumber"
# XML Schema 2, 3.2.7; Python drops what is finer than a microsecond.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Qualified:
    """Where the parts stand; their content is read once their digest is verified. `id`: of SignedProperties."""

    id: str
    signed: etree._Element
    unsigned: bool


def find(signature: etree._Element, holder: etree._Element) -> Qualified:
    """`holder`: the only ds:Object of `signature`. Raises Refused `xades.*`."""
    if len(holder) != 1 or holder[0].tag != _QUALIFYING:
        raise Refused("xades.absent", "Object")
    qualifying = holder[0]
    tags = [one.tag for one in qualifying]
    if tags not in ([_SIGNED], [_SIGNED, _UNSIGNED]):
        raise Refused("xades.shape", "QualifyingProperties")
    if not signature.get("Id") or qualifying.get("Target") != "#" + signature.get("Id", ""):
        raise Refused("xades.shape", "QualifyingProperties/@Target", "is not the Id of the signature")
    signed = qualifying[0]
    if not signed.get("Id"):
        raise Refused("xades.shape", "SignedProperties/@Id", "missing")
    return Qualified(signed.get("Id", ""), signed, len(tags) == 2)


def read(found: Qualified, signer: Signer, profile: Profile, at: datetime) -> Properties:
    """Raises Refused `xades.*` or `signature.digest_method`."""
    tags = [one.tag for one in found.signed]
    if tags not in ([_OF_SIGNATURE], [_OF_SIGNATURE, _OF_DATA]):
        raise Refused("xades.shape", "SignedProperties")
    by_tag = {one.tag: one for one in found.signed[0]}
    certificates = by_tag.keys() & {_CERTIFICATE_V1, _CERTIFICATE_V2}
    if len(by_tag) != len(found.signed[0]) or not by_tag.keys() <= {_TIME, *certificates, *_NOT_EVALUATED}:
        raise Refused("xades.shape", "SignedSignatureProperties")
    if len(certificates) != 1 or _TIME not in by_tag:
        raise Refused("xades.shape", "SignedSignatureProperties", "SigningTime and one SigningCertificate(V2) are mandatory")
    method = _check_certificate(by_tag[certificates.pop()], signer, profile)
    skipped = [local_name(one) for one in (*found.signed[0], *found.signed) if one.tag in _NOT_EVALUATED or one.tag == _OF_DATA]
    return Properties(
        signing_time=_signing_time(by_tag[_TIME], profile, at),
        certificate_digest_method=method,
        not_evaluated=(*skipped, *(("UnsignedProperties",) if found.unsigned else ())),
    )


def _check_certificate(element: etree._Element, signer: Signer, profile: Profile) -> str:
    """The first Cert is the signer's (5.2.2); the digest method."""
    first = element[0] if len(element) else element
    parts = list(first)
    if first.tag != _CERT or [one.tag for one in parts] not in ([_CERT_DIGEST], [_CERT_DIGEST, _SERIAL[element.tag]]):
        raise Refused("xades.shape", local_name(element))
    if [one.tag for one in parts[0]] != [_DIGEST_METHOD, _DIGEST_VALUE]:
        raise Refused("xades.shape", "CertDigest")
    method = parts[0][0].get("Algorithm", "")
    if method not in profile.digests:
        raise Refused("signature.digest_method", "CertDigest", method[:100])
    if base64(parts[0][1].text, "CertDigest") != digest(method, signer.der):
        raise Refused("xades.certificate", "CertDigest")
    number = parts[1].findtext(_SERIAL_NUMBER) if len(parts) == 2 else None  # V2 is one DER value
    if number is not None and number.strip() != str(signer.certificate.serial_number):
        raise Refused("xades.certificate", "IssuerSerial", "another serial number")
    return method


def _signing_time(element: etree._Element, profile: Profile, at: datetime) -> datetime:
    """As claimed; without a zone when none is given, which is legal and then not compared with anything."""
    written = _DATE_TIME.fullmatch((element.text or "").strip())
    if written is None or len(element):
        raise Refused("xades.signing_time", "SigningTime", "not an xsd:dateTime")
    try:
        claimed = datetime.fromisoformat(written[0])
    except ValueError:
        raise Refused("xades.signing_time", "SigningTime", "no such time") from None
    if claimed.tzinfo is not None and claimed > at + timedelta(seconds=profile.clock_skew_s):
        raise Refused("xades.signing_time", "SigningTime", f"{claimed.isoformat()} is after {at.isoformat()}")
    return claimed
