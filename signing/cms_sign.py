"""CMS that the hub writes: detached CAdES-B (EN 319 122-1, 6; RFC 5652), in the form that `cms.check_cms` accepts under CADES."""

from datetime import UTC, datetime

from signing.algorithms import digest
from signing.cms_parts import Enclosed, enclosed
from signing.cms_profiles import DATA
from signing.der import INTEGER, NULL, OCTET_STRING, SEQUENCE, SET, UTC_TIME, context, identifier, written
from signing.keys import Algorithm, Signer
from signing.profiles import SHA256, SHA384
from signing.rules import Refused

_SIGNED_DATA = identifier("1.2.840.113549.1.7.2")
_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_TIME, _SIGNING_CERTIFICATE = (
    identifier(f"1.2.840.113549.1.9.{one}") for one in ("3", "4", "5", "16.2.47")
)
_VERSION = written(INTEGER, b"\x01")
_DIGESTS = {
    SHA256: written(SEQUENCE, identifier("2.16.840.1.101.3.4.2.1")),
    SHA384: written(SEQUENCE, identifier("2.16.840.1.101.3.4.2.2")),
}
_HOW = {  # digest, and the signature algorithm: RSA with NULL (RFC 5754, 3.2), ECDSA without parameters (3.3)
    Algorithm.RSA_SHA256: (SHA256, written(SEQUENCE, identifier("1.2.840.113549.1.1.11"), written(NULL))),
    Algorithm.ECDSA_P256_SHA256: (SHA256, written(SEQUENCE, identifier("1.2.840.10045.4.3.2"))),
    Algorithm.ECDSA_P384_SHA384: (SHA384, written(SEQUENCE, identifier("1.2.840.10045.4.3.3"))),
}


def sign_detached(content: bytes, signer: Signer, at: datetime) -> bytes:
    """ContentInfo in DER: a signature over `content`, which stands elsewhere.

    `at`: with a zone; stands in the signature as the time of signing, as UTCTime (until 2049). Blocks as long as the key does.
    Raises Refused `key.info` (no certificate), `signature.method` (a key that does not sign CMS) or `key.certificate`.
    """
    if not signer.certificates:
        raise Refused("key.info", "certificates", "the key has no certificate")
    if signer.algorithm not in _HOW:
        raise Refused("signature.method", "signatureAlgorithm", signer.algorithm)
    method, algorithm = _HOW[signer.algorithm]
    own = enclosed(signer.certificates[0])
    attributes = _attributes(digest(method, content), own, at)
    value = signer.sign(written(SET, *attributes))  # digested as SET OF, whatever tag it is sent under (RFC 5652, 5.4)
    info = written(
        SEQUENCE,
        _VERSION,
        own.name,
        _DIGESTS[method],
        written(context(0), *attributes),
        algorithm,
        written(OCTET_STRING, value),
    )
    data = written(
        SEQUENCE,
        _VERSION,
        written(SET, _DIGESTS[method]),
        written(SEQUENCE, identifier(DATA)),
        written(context(0), *sorted(signer.certificates)),
        written(SET, info),
    )
    return written(SEQUENCE, _SIGNED_DATA, written(context(0), data))


def _attributes(content_digest: bytes, own: Enclosed, at: datetime) -> list[bytes]:
    """Those of CAdES-B, in the order of DER (X.690, 11.6). ESSCertIDv2 names no hash: SHA-256 (RFC 5035, 4)."""
    certificate = written(SEQUENCE, written(OCTET_STRING, digest(SHA256, own.signer.der)), own.issuer_serial)
    stated = at.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode()
    values = {
        _CONTENT_TYPE: identifier(DATA),
        _MESSAGE_DIGEST: written(OCTET_STRING, content_digest),
        _SIGNING_TIME: written(UTC_TIME, stated),
        _SIGNING_CERTIFICATE: written(SEQUENCE, written(SEQUENCE, certificate)),
    }
    return sorted(written(SEQUENCE, kind, written(SET, value)) for kind, value in values.items())
