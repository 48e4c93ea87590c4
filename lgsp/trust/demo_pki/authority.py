"""Issues certificates, revocation lists and OCSP answers (RFC 5280, RFC 6960). Keys are P-256: quick, and known everywhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ObjectIdentifier

from lgsp.trust.demo_pki.names import MARK

# X.667: below 2.25 anybody may make identifiers out of a UUID.
POLICY = ObjectIdentifier("2.25.211406839120532764861254771630487362215")
SIGNS_DOCUMENTS = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION)


@dataclass(frozen=True, slots=True)
class Holder:
    """A key and its certificate; `issuers`: from the one that issued it up to the root, which is left out."""

    key: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)
    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """The certificate, and those of its issuers behind it."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.issuers))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def of_pem(cls, chain: bytes, key: bytes) -> "Holder":
        """Raises ValueError."""
        certificate, *issuers = x509.load_pem_x509_certificates(chain)
        private = load_pem_private_key(key, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("not a key on an elliptic curve")
        return cls(private, certificate, tuple(issuers))


@dataclass(frozen=True, slots=True)
class Places:
    """Where relying parties find what an issuer publishes; "" is nowhere."""

    crl: str = ""
    ocsp: str = ""
    certificate: str = ""


NOWHERE = Places()


@dataclass(frozen=True, slots=True)
class Life:
    """From when to when a certificate is in force."""

    begins: datetime
    ends: datetime


def root(subject: x509.Name, life: Life) -> Holder:
    """Self-signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(subject, subject, key, key, life)
    return Holder(key, _authority(builder, path_length=1).sign(key, SHA256()))


def subordinate(subject: x509.Name, issuer: Holder, life: Life, places: Places) -> Holder:
    """An authority that issues to holders, and to no other authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _placed(_builder(subject, issuer.certificate.subject, key, issuer.key, life), places)
    return Holder(key, _authority(builder, path_length=0).sign(issuer.key, SHA256()))


def signer(subject: x509.Name, mail: str, issuer: Holder, life: Life, places: Places) -> Holder:
    """Who signs documents: non-repudiation, and the usages that public authorities put beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _placed(_builder(subject, issuer.certificate.subject, key, issuer.key, life), places)
    builder = _usage(builder, digital_signature=True, content_commitment=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(SIGNS_DOCUMENTS), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(mail)]), critical=False)
    return Holder(key, builder.sign(issuer.key, SHA256()), (issuer.certificate, *issuer.issuers))


def service(subject: x509.Name, purpose: ObjectIdentifier, issuer: Holder, life: Life, places: Places = NOWHERE) -> Holder:
    """Who stamps (RFC 3161, 2.3: the purpose critical and alone) or answers by OCSP (RFC 6960, 4.2.2.2)."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _placed(_builder(subject, issuer.certificate.subject, key, issuer.key, life), places)
    builder = _usage(builder, digital_signature=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=purpose == ExtendedKeyUsageOID.TIME_STAMPING)
    if purpose == ExtendedKeyUsageOID.OCSP_SIGNING:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    return Holder(key, builder.sign(issuer.key, SHA256()), (issuer.certificate, *issuer.issuers))


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """An entry of a revocation list (RFC 5280, 5.3.1)."""

    serial_number: int
    at: datetime
    reason: x509.ReasonFlags


def revocation_list(
    issuer: Holder, withdrawn: Iterable[Withdrawn], at: datetime, life: timedelta
) -> x509.CertificateRevocationList:
    """Complete, and by the issuer itself."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(at)
        .next_update(at + life)
        .add_extension(x509.CRLNumber(int(at.timestamp())), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    for one in withdrawn:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(one.at)
        builder = builder.add_revoked_certificate(entry.add_extension(x509.CRLReason(one.reason), critical=False).build())
    return builder.sign(issuer.key, SHA256())


def ocsp_answer(
    request: ocsp.OCSPRequest, issuer: Holder, responder: Holder, withdrawn: Iterable[Withdrawn], at: datetime, life: timedelta
) -> ocsp.OCSPResponse:
    """What this issuer's responder says of the certificate asked for; of another issuer's it says UNAUTHORIZED."""
    if not _asks_about(issuer, request):
        return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    found = next((one for one in withdrawn if one.serial_number == request.serial_number), None)
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        issuer_name_hash=request.issuer_name_hash,
        issuer_key_hash=request.issuer_key_hash,
        serial_number=request.serial_number,
        algorithm=request.hash_algorithm,
        cert_status=ocsp.OCSPCertStatus.GOOD if found is None else ocsp.OCSPCertStatus.REVOKED,
        this_update=at,
        next_update=at + life,
        revocation_time=None if found is None else found.at,
        revocation_reason=None if found is None else found.reason,
    )
    for extension in request.extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            builder = builder.add_extension(extension.value, critical=False)
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate).certificates([responder.certificate])
    return builder.sign(responder.key, SHA256())


def _asks_about(issuer: Holder, request: ocsp.OCSPRequest) -> bool:
    digest = Hash(request.hash_algorithm)
    digest.update(issuer.certificate.subject.public_bytes())
    return digest.finalize() == request.issuer_name_hash


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    life: Life,
) -> x509.CertificateBuilder:
    said = x509.UserNotice(notice_reference=None, explicit_text=MARK)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(life.begins)
        .not_valid_after(life.ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.CertificatePolicies([x509.PolicyInformation(POLICY, [said])]), critical=False)
    )


def _authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return builder.add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)


def _usage(builder: x509.CertificateBuilder, **usages: bool) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.add_extension(_key_usage(**usages), critical=True)


def _placed(builder: x509.CertificateBuilder, places: Places) -> x509.CertificateBuilder:
    if places.crl:
        point = x509.DistributionPoint([_uri(places.crl)], relative_name=None, reasons=None, crl_issuer=None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    answers, issuers = AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS
    said = ((answers, places.ocsp), (issuers, places.certificate))
    access = [x509.AccessDescription(kind, _uri(url)) for kind, url in said if url]
    return builder.add_extension(x509.AuthorityInformationAccess(access), critical=False) if access else builder


def _uri(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)


def _key_usage(
    *, digital_signature: bool = False, content_commitment: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
