"""Signed attributes of CMS and CAdES-B (RFC 5652, 11; EN 319 122-1, 5): what the signer committed to, and when it says it signed.

They are read once the signature over them is verified. Each stands there once, with one value, in the order of DER.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from signing.algorithms import digest
from signing.cms_algorithms import digest_of
from signing.cms_parts import Enclosed, Parts, name_of
from signing.cms_profiles import CmsProfile
from signing.der import (
    GENERALIZED_TIME,
    NOTHING,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    UTC_TIME,
    Reader,
    context,
    identifier,
    written,
)
from signing.profiles import LEGACY_SHA1, SHA256
from signing.report import Properties
from signing.rules import Refused

_PKCS9 = "1.2.840.113549.1.9"
_CONTENT_TYPE, _DIGEST, _TIME = (identifier(f"{_PKCS9}.{number}") for number in (3, 4, 5))
_CERTIFICATE_V1, _CERTIFICATE_V2 = identifier(f"{_PKCS9}.16.2.12"), identifier(f"{_PKCS9}.16.2.47")
_PROTECTION = identifier(f"{_PKCS9}.52")  # RFC 6211
_EVALUATED = frozenset({_CONTENT_TYPE, _DIGEST, _TIME, _CERTIFICATE_V1, _CERTIFICATE_V2, _PROTECTION})
_TIMES = {UTC_TIME: re.compile(rb"\d{12}Z"), GENERALIZED_TIME: re.compile(rb"\d{14}Z")}  # RFC 5652, 11.3

Attributes = dict[bytes, bytes]  # the only value by the encoding of its type


def read(parts: Parts, profile: CmsProfile, at: datetime) -> tuple[bytes, Properties]:
    """The digest of the content, and what else was committed to. Raises Refused `cms.*` or `signature.digest_method`."""
    found, skipped = _by_type(parts.signed, profile)
    if _of(found, _CONTENT_TYPE, "contentType") != parts.content_type:
        raise Refused("cms.attributes", "contentType", "not that of the content")
    message_digest = Reader(_of(found, _DIGEST, "messageDigest")).only(OCTET_STRING)
    if _PROTECTION in found:
        _check_protection(found[_PROTECTION], parts)
    return message_digest, Properties(
        signing_time=_signing_time(found[_TIME], profile, at) if _TIME in found else None,
        certificate_digest_method=_check_certificate(*_bindings(found, profile), parts.signer, profile),
        not_evaluated=skipped,
    )


def _of(found: Attributes, kind: bytes, name: str) -> bytes:
    if kind not in found:
        raise Refused("cms.attributes", name, "missing")
    return found[kind]


def _bindings(found: Attributes, profile: CmsProfile) -> tuple[bytes | None, bytes | None]:
    """Both versions of the attribute, short enough to be remembered."""
    first, second = found.get(_CERTIFICATE_V1), found.get(_CERTIFICATE_V2)
    if max(len(first or b""), len(second or b"")) > profile.caps.binding_octets:
        raise Refused("cms.attributes", "signing-certificate", f"more than {profile.caps.binding_octets} octets")
    return first, second


def _by_type(signed: bytes, profile: CmsProfile) -> tuple[Attributes, tuple[str, ...]]:
    """What is evaluated, and the names of what is not."""
    found: Attributes = {}
    skipped: list[str] = []
    attributes, last = Reader(signed).enter(SET), b""
    while (start := attributes.at) < attributes.end:
        attribute = attributes.enter(SEQUENCE)
        octets = signed[start : attributes.at]
        if octets <= last:
            raise Refused("cms.not_der", "signedAttrs", "not in the order of DER, or one of them twice")
        last = octets
        kind = attribute.whole(OID)
        values = attribute.enter(SET)
        attribute.close()
        name = "" if kind in _EVALUATED else name_of(kind)
        if kind in found or (name and name in skipped) or len(found) + len(skipped) >= profile.caps.attributes:
            raise Refused("cms.attributes", "signedAttrs", f"{name_of(kind)} once more, or too many of them")
        if name:
            skipped.append(name)
        else:
            found[kind] = values.whole(values.next_tag)
            values.close()
    return found, tuple(skipped)


def _check_protection(value: bytes, parts: Parts) -> None:
    """RFC 6211: the algorithms that the signer meant."""
    protected = Reader(value).enter(SEQUENCE)
    digest_algorithm, signature_algorithm = protected.whole(SEQUENCE), protected.value(context(1))
    protected.close()
    if (digest_algorithm, written(SEQUENCE, signature_algorithm)) != parts.algorithms:
        raise Refused("cms.algorithms", "CMSAlgorithmProtection", "other algorithms than were protected")


@lru_cache(maxsize=256)
def _check_certificate(first: bytes | None, second: bytes | None, signer: Enclosed, profile: CmsProfile) -> str:
    """The first certificate that either version of the attribute names is the signer's (RFC 5035, 4 and 5); the digest method, or
    nothing where no attribute binds. What fits is remembered: an agency signs with the same certificate each time.

    The first version knows SHA-1 alone. It must fit too, but it binds nobody outside the legacy profile.
    """
    methods = []
    if second is not None:
        named = _first_named(second)
        algorithm = named.whole(SEQUENCE) if named.next_tag == SEQUENCE else None
        method = SHA256 if algorithm is None else digest_of(algorithm, profile.digests, "signing-certificate-v2")
        methods.append(_check_named(named, method, signer))
    if first is not None:
        _check_named(_first_named(first), LEGACY_SHA1, signer)
        methods += [LEGACY_SHA1] if profile.legacy else []
    if profile.bound and not methods:
        raise Refused("cms.not_bound", "signedAttrs", "" if first is None else "signing-certificate alone, by SHA-1")
    return methods[0] if methods else ""


def _first_named(value: bytes) -> Reader:
    """A reader of the first ESSCertID(v2)."""
    outer = Reader(value).enter(SEQUENCE)
    named = outer.enter(SEQUENCE).enter(SEQUENCE)
    if outer.next_tag != NOTHING:
        outer.whole(SEQUENCE)  # policies
    outer.close()
    return named


def _check_named(named: Reader, method: str, signer: Enclosed) -> str:
    """The rest of an ESSCertID(v2): the digest, and issuer and number if they are given. The method again."""
    if named.value(OCTET_STRING) != digest(method, signer.signer.der):
        raise Refused("cms.certificate", "certHash")
    if named.next_tag != NOTHING and named.whole(SEQUENCE) != signer.issuer_serial:
        raise Refused("cms.certificate", "issuerSerial", "another issuer or number")
    named.close()
    return method


def _signing_time(value: bytes, profile: CmsProfile, at: datetime) -> datetime:
    """As claimed (RFC 5652, 11.3): UTCTime from 1950 to 2049."""
    reader = Reader(value)
    tag = reader.next_tag
    if tag not in _TIMES:
        raise Refused("cms.signing_time", "signingTime", "neither UTCTime nor GeneralizedTime")
    text = reader.only(tag)
    if not _TIMES[tag].fullmatch(text):
        raise Refused("cms.signing_time", "signingTime", "not in UTC with seconds")
    written_out = text if tag == GENERALIZED_TIME else (b"19" if text >= b"50" else b"20") + text
    try:
        claimed = datetime.fromisoformat(f"{written_out[:8].decode()}T{written_out[8:].decode()}")
    except ValueError:
        raise Refused("cms.signing_time", "signingTime", "no such time") from None
    if claimed > at + timedelta(seconds=profile.clock_skew_s):
        raise Refused("cms.signing_time", "signingTime", f"{claimed.isoformat()} is after {at.isoformat()}")
    return claimed
