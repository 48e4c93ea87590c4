"""Distinguished names as RFC 5280, section 7.1, compares them, and who an issuer is: a name together with a key."""

import hashlib
import unicodedata

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Comparable = tuple[tuple[tuple[str, str], ...], ...]


def comparable(name: x509.Name) -> Comparable:
    """Equal for names that differ in case, white space or the type of their strings only. To find candidates and evidence by:
    whether a path holds is what the engines say."""
    return tuple(
        tuple(sorted((one.oid.dotted_string, _text(one.value)) for one in relative)) for relative in name.rdns if len(relative)
    )


def issuer_id(certificate: x509.Certificate) -> bytes:
    """32 octets: SHA-256 over subject and public key. Evidence of one issuer is never taken for that of a namesake."""
    digest = hashlib.sha256(repr(comparable(certificate.subject)).encode())
    digest.update(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.digest()


def point_name(name: x509.GeneralName) -> bytes:
    """To compare names of distribution points by."""
    if isinstance(name, x509.DirectoryName):
        return b"dir:" + repr(comparable(name.value)).encode()
    return x509.SubjectAlternativeName([name]).public_bytes()


def _text(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
