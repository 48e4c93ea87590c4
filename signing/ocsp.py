"""An OCSP answer (RFC 6960): read, verified, turned into facts to look up; and the question it answers.

The responder is the issuer itself, or has a certificate from that very issuer for this purpose. SHA-1 names certificates in
questions, because that is what responders understand (RFC 5019, 2.1.1); it proves nothing there and signs nothing.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import SignatureAlgorithmOID

from signing.algorithms import check_key, is_strong
from signing.extensions import extension
from signing.names import comparable, issuer_id
from signing.purposes import Purpose, check_end
from signing.rules import Refused
from signing.snapshot import OcspFacts, Revoked

MAX_ANSWER_BYTES = 64 * 1024
_MAX_CERTIFICATES = 4
_AHEAD = timedelta(minutes=5)
_NAMING = (hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512)
_PKCS1 = frozenset(
    {SignatureAlgorithmOID.RSA_WITH_SHA256, SignatureAlgorithmOID.RSA_WITH_SHA384, SignatureAlgorithmOID.RSA_WITH_SHA512}
)
_ECDSA = frozenset(
    {SignatureAlgorithmOID.ECDSA_WITH_SHA256, SignatureAlgorithmOID.ECDSA_WITH_SHA384, SignatureAlgorithmOID.ECDSA_WITH_SHA512}
)
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def question(certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes | None = None) -> bytes:
    """The request to be sent, DER. `nonce`: 16 to 32 octets of chance (RFC 9654), where the responder knows nonces."""
    return _request(certificate, issuer, hashes.SHA1(), nonce).public_bytes(Encoding.DER)  # noqa: S303 - a name, no proof


def read(
    octets: bytes, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime, nonce: bytes | None = None
) -> OcspFacts:
    """`octets`: DER, of strangers; `issuer`: of `certificate`, by name and key; `nonce`: of the question. An answer may lack the
    nonce, since most are made in advance, but not have another. Raises Refused `ocsp.*`."""
    if len(octets) > MAX_ANSWER_BYTES:
        raise Refused("ocsp.malformed", "", f"{len(octets)} octets")
    try:
        return _facts(ocsp.load_der_ocsp_response(octets), certificate, issuer, at, nonce, octets)
    except Refused:
        raise
    except _UNREADABLE as error:
        raise Refused("ocsp.malformed", "", f"{type(error).__name__}: {error}"[:200]) from None


def _facts(
    found: ocsp.OCSPResponse,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    at: datetime,
    nonce: bytes | None,
    octets: bytes,
) -> OcspFacts:
    if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise Refused("ocsp.status", "responseStatus", found.response_status.name.lower())
    answers = list(found.responses)
    if len(answers) != 1:
        raise Refused("ocsp.certificate", "responses", f"about {len(answers)} certificates")
    _check_certificate(answers[0], certificate, issuer)
    responder = _responder(found, issuer, at)
    _check_signature(found, issuer if responder is None else responder)
    _check_extensions(found, nonce)
    _check_times(found, at)
    return OcspFacts(
        issuer=issuer_id(issuer),
        serial_number=str(certificate.serial_number),
        this_update=found.this_update_utc,
        next_update=found.next_update_utc,
        revoked=_revoked(found),
        responder=_revocable(responder),
        octets=octets,
    )


def _check_certificate(answer: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    if not isinstance(answer.hash_algorithm, _NAMING):
        raise Refused("ocsp.certificate", "certID", "an unknown hash")
    asked = _request(certificate, issuer, answer.hash_algorithm)
    named = answer.issuer_name_hash, answer.issuer_key_hash, answer.serial_number
    if named != (asked.issuer_name_hash, asked.issuer_key_hash, asked.serial_number):
        raise Refused("ocsp.certificate", "certID", f"about number {answer.serial_number:x}")


def _responder(found: ocsp.OCSPResponse, issuer: x509.Certificate, at: datetime) -> x509.Certificate | None:
    """The certificate of an authorised responder; None when it is the issuer itself (RFC 6960, 4.2.2.2)."""
    if _is_named(issuer, found):
        return None
    certificates = found.certificates
    if len(certificates) > _MAX_CERTIFICATES:
        raise Refused("ocsp.malformed", "certs", f"{len(certificates)} certificates")
    for one in certificates:
        if _is_named(one, found):
            _check_authorised(one, issuer, at)
            return one
    raise Refused("ocsp.responder", "responderID", "neither the issuer nor a certificate that came along")


def _is_named(certificate: x509.Certificate, found: ocsp.OCSPResponse) -> bool:
    if found.responder_key_hash is not None:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest == found.responder_key_hash
    name = found.responder_name
    return name is not None and comparable(name) == comparable(certificate.subject)


def _check_authorised(responder: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
    """Raises Refused `ocsp.responder`."""
    check_end(responder, Purpose.RESPONDERS)
    if not responder.not_valid_before_utc <= at <= responder.not_valid_after_utc:
        raise Refused("ocsp.responder", "validity", "not in force")
    if not is_strong(responder.signature_hash_algorithm):
        raise Refused("ocsp.algorithm", "certs", responder.signature_algorithm_oid.dotted_string)
    try:
        responder.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        raise Refused("ocsp.responder", "certs", "not issued by the certificate's issuer") from None


def _check_signature(found: ocsp.OCSPResponse, by: x509.Certificate) -> None:
    key, how = by.public_key(), found.signature_hash_algorithm
    check_key(key)
    if how is None or not is_strong(how):
        raise Refused("ocsp.algorithm", "signatureAlgorithm", found.signature_algorithm_oid.dotted_string)
    try:
        if isinstance(key, rsa.RSAPublicKey) and found.signature_algorithm_oid in _PKCS1:
            key.verify(found.signature, found.tbs_response_bytes, padding.PKCS1v15(), how)
        elif isinstance(key, ec.EllipticCurvePublicKey) and found.signature_algorithm_oid in _ECDSA:
            key.verify(found.signature, found.tbs_response_bytes, ec.ECDSA(how))
        else:
            raise Refused("ocsp.algorithm", "signatureAlgorithm", found.signature_algorithm_oid.dotted_string)
    except InvalidSignature:
        raise Refused("ocsp.signature", "signature") from None


def _check_extensions(found: ocsp.OCSPResponse, nonce: bytes | None) -> None:
    for one in (*found.extensions, *found.single_extensions):
        if isinstance(one.value, x509.OCSPNonce):
            if nonce is not None and one.value.nonce != nonce:
                raise Refused("ocsp.nonce", "nonce")
        elif one.critical:
            raise Refused("ocsp.malformed", one.oid.dotted_string, "an unknown critical extension")


def _check_times(found: ocsp.OCSPResponse, at: datetime) -> None:
    begins, ends = found.this_update_utc, found.next_update_utc
    if begins > at + _AHEAD or (ends is not None and ends < begins):
        raise Refused("ocsp.time", "thisUpdate", f"{begins.isoformat()}, checked at {at.isoformat()}")


def _revoked(found: ocsp.OCSPResponse) -> Revoked | None:
    if found.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise Refused("ocsp.unknown", "certStatus")
    if found.certificate_status is ocsp.OCSPCertStatus.GOOD:
        return None
    revoked_at, reason = found.revocation_time_utc, found.revocation_reason
    assert revoked_at is not None
    return Revoked(revoked_at, "" if reason is None else reason.value)


def _revocable(responder: x509.Certificate | None) -> str:
    """Its serial number if its own revocation matters (RFC 6960, 4.2.2.2.1)."""
    if responder is None or extension(responder, x509.OCSPNoCheck) is not None:
        return ""
    return str(responder.serial_number)


def _request(
    certificate: x509.Certificate, issuer: x509.Certificate, naming: hashes.HashAlgorithm, nonce: bytes | None = None
) -> ocsp.OCSPRequest:
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, naming)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build()
