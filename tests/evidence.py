"""What issuers say of their certificates in tests: CRLs and OCSP answers, right ones and those that must not be relied on."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.signatures import AT, Holder

_SHA256 = hashes.SHA256()
_RSA_SHA256 = bytes.fromhex("06092a864886f70d01010b")
_RSA_SHA1 = bytes.fromhex("06092a864886f70d010105")
Parts = Callable[[bytes], tuple[bytes, bytes]]  # what is signed, and the signature value
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def crl(
    issuer: Holder,
    revoked: Mapping[int, x509.ReasonFlags | None] | None = None,
    *,
    revoked_at: datetime = AT - DAY,
    since: datetime | None = None,
    begins: datetime = AT - HOUR,
    ends: datetime | None = AT + DAY,
    extensions: Sequence[x509.ExtensionType] = (),
    entry_extensions: Sequence[x509.ExtensionType] = (),
    by: Holder | None = None,
) -> bytes:
    """DER. `extensions`, `entry_extensions`: critical ones; `since`: invalidityDate; `by`: who signs it instead."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(begins).next_update(ends or begins)
    for one in extensions:
        builder = builder.add_extension(one, critical=True)
    for serial_number, reason in (revoked or {}).items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(revoked_at)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        if since is not None:
            entry = entry.add_extension(x509.InvalidityDate(since), critical=False)
        for one in entry_extensions:
            entry = entry.add_extension(one, critical=True)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign((by or issuer).key, _SHA256).public_bytes(Encoding.DER)


def answer(
    about: Holder,
    issuer: Holder,
    responder: Holder | None = None,
    *,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    reason: x509.ReasonFlags | None = None,
    revoked_at: datetime = AT - DAY,
    begins: datetime = AT - HOUR,
    ends: datetime | None = AT + DAY,
    naming: hashes.SHA1 | hashes.SHA256 = _SHA256,
    encloses: Sequence[Holder] | None = None,
    nonce: bytes | None = None,
    by_name: bool = False,
) -> bytes:
    """DER. `responder`: its certificate is enclosed; the issuer by default."""
    is_revoked = status is ocsp.OCSPCertStatus.REVOKED
    by = responder or issuer
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about.certificate,
        issuer=issuer.certificate,
        algorithm=naming,
        cert_status=status,
        this_update=begins,
        next_update=ends,
        revocation_time=revoked_at if is_revoked else None,
        revocation_reason=reason,
    )
    encoding = ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH
    builder = builder.responder_id(encoding, by.certificate)
    enclosed = ([] if responder is None else [responder]) if encloses is None else encloses
    if enclosed:
        builder = builder.certificates([one.certificate for one in enclosed])
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.sign(by.key, _SHA256).public_bytes(Encoding.DER)


def by_sha1(octets: bytes, signer: Holder, parts: Parts) -> bytes:
    """Signed anew with SHA-1, which the library does not do any more."""
    return _signed_anew(octets.replace(_RSA_SHA256, _RSA_SHA1), signer, parts, hashes.SHA1())  # noqa: S303


def by_another(octets: bytes, signer: Holder, parts: Parts) -> bytes:
    """With the signature of `signer` in place of that of whom it says."""
    return _signed_anew(octets, signer, parts, _SHA256)


def _signed_anew(octets: bytes, signer: Holder, parts: Parts, how: hashes.HashAlgorithm) -> bytes:
    signed, value = parts(octets)
    assert isinstance(signer.key, RSAPrivateKey)
    return octets.replace(value, signer.key.sign(signed, PKCS1v15(), how))


def parts_of_crl(octets: bytes) -> tuple[bytes, bytes]:
    found = x509.load_der_x509_crl(octets)
    return found.tbs_certlist_bytes, found.signature


def parts_of_answer(octets: bytes) -> tuple[bytes, bytes]:
    found = ocsp.load_der_ocsp_response(octets)
    return found.tbs_response_bytes, found.signature


def parts_of_certificate(octets: bytes) -> tuple[bytes, bytes]:
    found = x509.load_der_x509_certificate(octets)
    return found.tbs_certificate_bytes, found.signature
