"""XAdES-B signed properties (EN 319 132-1, clause 5): which certificate the signer committed to, and when it says it signed."""

from datetime import datetime, timedelta
from functools import lru_cache

import msgspec
from lxml import etree

from signing import xades_usual
from signing.algorithms import base64, digest
from signing.profiles import DSIG, XADES, Presence, Profile
from signing.report import Properties, Signer
from signing.rules import Refused
from signing.times import date_time, date_time_of
from signing.xades_usual import Usual
from signing.xml import local_name
from signing.xmldsig import Parts

SIGNED = "signed_properties"
_PARTS = 3  # SignedInfo, SignatureValue, KeyInfo
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


class Qualified(msgspec.Struct, frozen=True):
    """Where the parts stand; their content is read once their digest is verified. `id`: of SignedProperties."""

    id: str
    signed: etree._Element
    unsigned: etree._Element | None


def find(signature: etree._Element, parts: Parts, profile: Profile) -> Usual | Qualified | None:
    """In the only ds:Object of `signature`, which is its fourth child. Raises Refused `xades.*` or `signature.shape`."""
    if len(signature) == _PARTS:
        if profile.properties is Presence.REQUIRED:
            raise Refused("xades.absent", "Signature")
        return None
    if profile.properties is Presence.FORBIDDEN:
        raise Refused("signature.shape", "Signature/Object", "this profile has no Object")
    usual = None if parts.enclosed is None else xades_usual.find(parts.enclosed, profile)
    return usual or _in_tree(signature)


def _in_tree(signature: etree._Element) -> Qualified:
    if len(signature) > _PARTS + 1:
        raise Refused("signature.shape", "Signature/Object", "more than one")
    holder = signature[_PARTS]
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
    return Qualified(signed.get("Id", ""), signed, qualifying[1] if len(tags) == 2 else None)


def read(found: Usual | Qualified, signer: Signer, profile: Profile, at: datetime) -> Properties:
    """Raises Refused `xades.*` or `signature.digest_method`."""
    if isinstance(found, Usual):
        signing_time = _not_later(date_time_of(found.time, "xades.signing_time", "SigningTime"), profile, at)
        _check_commitment(found.method, found.digest, signer, profile)
        return Properties(signing_time, found.method, found.not_evaluated)
    of_signature, *of_data = found.signed
    if of_signature.tag != _OF_SIGNATURE or [one.tag for one in of_data] not in ([], [_OF_DATA]):
        raise Refused("xades.shape", "SignedProperties")
    time, certificate, *others = of_signature if len(of_signature) >= 2 else (of_signature, of_signature)
    if time.tag != _TIME or certificate.tag not in _SERIAL:
        raise Refused("xades.shape", "SignedSignatureProperties", "SigningTime and SigningCertificate(V2) come first")
    tags = [one.tag for one in others]
    if tags and (len(set(tags)) < len(tags) or not _NOT_EVALUATED.issuperset(tags)):
        raise Refused("xades.shape", "SignedSignatureProperties")
    return Properties(
        signing_time=_not_later(date_time(time, "xades.signing_time"), profile, at),
        certificate_digest_method=_check_certificate(certificate, signer, profile),
        not_evaluated=tuple(map(local_name, (*others, *of_data))),
    )


def _check_certificate(element: etree._Element, signer: Signer, profile: Profile) -> str:
    """The first Cert is the signer's (5.2.2); the digest method."""
    first = element[0] if len(element) else element
    digested, *serial = first if first.tag == _CERT and len(first) else (element,)
    if digested.tag != _CERT_DIGEST or [one.tag for one in serial] not in ([], [_SERIAL[element.tag]]):
        raise Refused("xades.shape", local_name(element))
    method, value = digested if len(digested) == 2 else (element, element)
    if method.tag != _DIGEST_METHOD or value.tag != _DIGEST_VALUE:
        raise Refused("xades.shape", "CertDigest")
    uri = method.get("Algorithm", "")
    _check_commitment(uri, value.text, signer, profile)
    number = serial[0].findtext(_SERIAL_NUMBER) if serial else None  # V2 is one DER value
    if number is not None and number.strip() != str(signer.certificate.serial_number):
        raise Refused("xades.certificate", "IssuerSerial", "another serial number")
    return uri


def _check_commitment(method: str, value: str | bytes | None, signer: Signer, profile: Profile) -> None:
    if method not in profile.digests:
        raise Refused("signature.digest_method", "CertDigest", method[:100])
    if base64(value, "CertDigest") != _digest_of(signer.der, method):
        raise Refused("xades.certificate", "CertDigest")


@lru_cache(maxsize=1024)
def _digest_of(der: bytes, method: str) -> bytes:
    return digest(method, der)


def _not_later(claimed: datetime, profile: Profile, at: datetime) -> datetime:
    """As claimed; without a zone when none is given, which is legal and then not compared with anything."""
    if claimed.tzinfo is not None and claimed > at + timedelta(seconds=profile.clock_skew_s):
        raise Refused("xades.signing_time", "SigningTime", f"{claimed.isoformat()} is after {at.isoformat()}")
    return claimed
