"""A certificate as enclosed in a signature: read once, whole, and remembered by its exact octets."""

from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from signing.report import Signer
from signing.rules import Refused

MAX_CERTIFICATE_BYTES = 16 * 1024  # a usual one takes 2,000; what is larger would only fill memory

# TypeError: of a name whose value is of a kind that its attribute cannot be.
_UNREADABLE = (TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@lru_cache(maxsize=1024)
def signer_of(der: bytes, place: str) -> Signer:
    """Facts of a certificate, not a verdict: what is remembered here is the same for everybody. Raises Refused `key.*`.

    All of it is read, since `cryptography` reads most parts only when they are asked for.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise Refused("key.certificate", place, f"{len(der)} octets")
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        _ = (certificate.subject, certificate.issuer, certificate.extensions, certificate.not_valid_before_utc)
        _ = (certificate.not_valid_after_utc, certificate.serial_number)
    except UnsupportedAlgorithm as error:
        raise Refused("key.type", place, type(error).__name__) from None
    except (ValueError, *_UNREADABLE) as error:
        raise Refused("key.certificate", place, type(error).__name__) from None
    return Signer(der, certificate, key)
