"""The shape of a CMS message with one signature (RFC 5652, 3 and 5): octets in, its parts out. Nothing is computed here."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509

from signing.algorithms import check_key
from signing.certificates import signer_of
from signing.cms_algorithms import DIGEST_BY_IDENTIFIER, digest_of, method_of
from signing.cms_profiles import CmsProfile
from signing.der import (
    BIT_STRING,
    INTEGER,
    NOTHING,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    Reader,
    context,
    dotted,
    identifier,
    written,
)
from signing.report import Signer
from signing.rules import Refused

_SIGNED_DATA = identifier("1.2.840.113549.1.7.2")
_VERSIONS = frozenset(written(INTEGER, bytes((number,))) for number in (1, 3, 4, 5))
_BY_ISSUER, _BY_KEY_ID = (
    written(INTEGER, b"\x01"),
    written(INTEGER, b"\x03"),
)  # 5.3: goes with how the signer is named
_CERTIFICATES, _REVOCATION = context(0), context(1)
_SIGNED, _UNSIGNED = context(0), context(1)
_KEY_ID = context(0, primitive=True)


@dataclass(frozen=True, slots=True, eq=False)
class Enclosed:
    """A certificate of the message. `name`, `issuer_serial`: issuer and number, as SignerInfo and as the signed attributes would
    name them (RFC 5652, 10.2.4; RFC 5035, 5), in the very encoding of the certificate. `sound`: its key passes `check_key`."""

    signer: Signer
    name: bytes
    issuer_serial: bytes
    key_id: bytes | None
    sound: bool


class Parts(NamedTuple):
    """`content`: where it is attached; None when detached. `signed`: the attributes as they are digested, a SET OF (5.4).
    `algorithms`: the encodings of digest and signature algorithm. `unsigned`: content of the unsigned attributes.
    `revocation`: whether the message brings CRLs or OCSP answers."""

    content_type: bytes
    content: bytes | None
    certificates: tuple[Enclosed, ...]
    signer: Enclosed
    digest: str
    method: str
    algorithms: tuple[bytes, bytes]
    signed: bytes
    value: bytes
    unsigned: bytes
    revocation: bool


def read(octets: bytes, profile: CmsProfile) -> Parts:
    """Raises Refused `cms.*`, `signature.*` or `key.*`."""
    if len(octets) > profile.caps.octets:
        raise Refused("cms.too_large", "", f"{len(octets)} octets")
    data = _signed_data(octets)
    if data.whole(INTEGER) not in _VERSIONS:
        raise Refused("cms.shape", "version")
    digests = data.enter(SET)
    inner = data.enter(SEQUENCE)
    content_type = inner.whole(OID)
    content = inner.enter(context(0)).only(OCTET_STRING) if inner.next_tag != NOTHING else None
    inner.close()
    if len(octets) - len(content or b"") > profile.caps.around:
        raise Refused("cms.too_large", "", f"{len(octets)} octets")
    certificates = _enclosed(data.optional(_CERTIFICATES) or b"", profile.caps.certificates)
    revocation = data.optional(_REVOCATION) is not None
    infos = data.enter(SET)
    data.close()
    info = _only_signer(infos)
    signer = _signer(info, certificates)
    digest_algorithm = info.whole(SEQUENCE)
    digest = digest_of(digest_algorithm, profile.digests, "digestAlgorithm")
    _check_announced(digests, digest_algorithm, profile)
    if info.next_tag != _SIGNED:
        raise Refused("cms.attributes_absent", "signedAttrs")
    signed = bytes((SET,)) + info.whole(_SIGNED)[1:]
    method_algorithm = info.whole(SEQUENCE)
    method = method_of(method_algorithm, digest, profile.methods)
    value = info.value(OCTET_STRING)
    unsigned = info.optional(_UNSIGNED) or b""
    info.close()
    return Parts(
        content_type=content_type,
        content=content,
        certificates=certificates,
        signer=signer,
        digest=digest,
        method=method,
        algorithms=(digest_algorithm, method_algorithm),
        signed=signed,
        value=value,
        unsigned=unsigned,
        revocation=revocation,
    )


def _signed_data(octets: bytes) -> Reader:
    """ContentInfo: its only content is a SignedData, and nothing follows."""
    message = Reader(octets)
    outer = message.enter(SEQUENCE)
    message.close()
    if outer.whole(OID) != _SIGNED_DATA:
        raise Refused("cms.type", "contentType")
    explicit = outer.enter(context(0))
    outer.close()
    data = explicit.enter(SEQUENCE)
    explicit.close()
    return data


def _only_signer(infos: Reader) -> Reader:
    if infos.next_tag == NOTHING:
        raise Refused("signature.absent", "signerInfos")
    info = infos.enter(SEQUENCE)
    if infos.next_tag != NOTHING:
        raise Refused("cms.signers", "signerInfos")
    return info


def _signer(info: Reader, certificates: tuple[Enclosed, ...]) -> Enclosed:
    """The only certificate that SignerInfo names (5.3). Raises Refused `cms.signer_certificate`."""
    version = info.whole(INTEGER)
    if version == _BY_ISSUER:
        name = info.whole(SEQUENCE)
        found = [one for one in certificates if one.name == name]
    elif version == _BY_KEY_ID:
        key_id = info.value(_KEY_ID)
        found = [one for one in certificates if one.key_id == key_id]
    else:
        raise Refused("cms.shape", "SignerInfo/version")
    if len(found) != 1:
        raise Refused("cms.signer_certificate", "sid", f"{len(found)} of {len(certificates)} certificates")
    return found[0]


def _check_announced(digests: Reader, algorithm: bytes, profile: CmsProfile) -> None:
    """The signer's digest stands among `digestAlgorithms` (5.1), by whichever of its encodings, and beside it nothing unknown."""
    announced = []
    while digests.next_tag != NOTHING:
        announced.append(DIGEST_BY_IDENTIFIER.get(digests.whole(SEQUENCE)))
        if announced[-1] is None or len(announced) > profile.caps.certificates:
            raise Refused("cms.algorithms", "digestAlgorithms", "unknown, or too many")
    if DIGEST_BY_IDENTIFIER[algorithm] not in announced:
        raise Refused("cms.algorithms", "digestAlgorithms", "without that of the signer")


@lru_cache(maxsize=256)
def _enclosed(octets: bytes, cap: int) -> tuple[Enclosed, ...]:
    """The certificates of a message. Remembered: an agency encloses the same ones each time."""
    certificates, found = Reader(octets), []
    while certificates.next_tag != NOTHING:
        if certificates.next_tag != SEQUENCE:
            raise Refused("cms.certificates", "certificates", "not X.509")
        found.append(enclosed(certificates.whole(SEQUENCE)))
        if len(found) > cap:
            raise Refused("cms.certificates", "certificates", f"more than {cap}")
    if len({one.signer.der for one in found}) != len(found):
        raise Refused("cms.certificates", "certificates", "one of them twice")
    return tuple(found)


def enclosed(der: bytes) -> Enclosed:
    """RFC 5280, 4.1. What stands outside of the part that is signed must say the same, or a certificate had many encodings."""
    signer = signer_of(der, "certificates")
    outer = Reader(der).enter(SEQUENCE)
    body = outer.enter(SEQUENCE)
    body.optional(context(0))  # version
    number, algorithm, issuer = body.whole(INTEGER), body.whole(SEQUENCE), body.whole(SEQUENCE)
    if outer.whole(SEQUENCE) != algorithm or outer.only(BIT_STRING)[:1] != b"\0":
        raise Refused("key.certificate", "certificates", "signatureAlgorithm twice, and not the same")
    name, general = written(SEQUENCE, issuer, number), written(SEQUENCE, written(context(4), issuer))
    return Enclosed(signer, name, written(SEQUENCE, general, number), _key_id(signer.certificate), _sound(signer))


def _sound(signer: Signer) -> bool:
    try:
        check_key(signer.key)
    except Refused:
        return False
    return True


def _key_id(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None


def name_of(content_type: bytes) -> str:
    """An OBJECT IDENTIFIER as encoded, with dots."""
    return dotted(Reader(content_type).only(OID))
