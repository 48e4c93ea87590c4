"""Whose a certificate is: the agency that registered it, and whether it is an organisation's seal or a person's.

A path says that an authority vouches for a name. That this name is a certain agency of this hub, only the registration says: by
the certificate itself, or by what its subject must say. Names are compared as RFC 4518 prepares them, without regard to case,
white space or composition.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID, ObjectIdentifier

from signing.report import Refusal
from signing.rules import RULES

_QC_STATEMENTS = ObjectIdentifier("1.3.6.1.5.5.7.1.3")
_ESIGN, _ESEAL = bytes.fromhex("060704008e46010601"), bytes.fromhex("060704008e46010602")  # DER of 0.4.0.1862.1.6.1 and .2
_ATTRIBUTES = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
    "T": NameOID.TITLE,
    "UID": NameOID.USER_ID,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
}
ATTRIBUTES = frozenset(_ATTRIBUTES)
# What only people have (EN 319 412-2, 4.2.4).
_OF_PEOPLE = (NameOID.GIVEN_NAME, NameOID.SURNAME, NameOID.PSEUDONYM, NameOID.TITLE)


class Holder(StrEnum):
    """Whose signature it is by law: that of an organisation is a seal."""

    SEAL = "seal"
    PERSON = "person"
    UNCLEAR = "unclear"  # the certificate does not say


@dataclass(frozen=True, slots=True)
class Registered:
    """A signer that an agency registered. Either `certificate` (SHA-256 of its DER) or `subject` (attribute, value: all of them
    must stand in the subject) is given; `issuer`: SHA-256 of the DER of a certificate that must stand in the path above it.

    `capacity`: how a person signs: TM., KT., TL., TUQ. or Q. (Decree 30/2020/NĐ-CP, article 13 and appendix I), empty when not
    stated; `name`, `title`: of the person. `begins`, `ends`: days of the registration, both included.
    """

    holder: Holder
    certificate: bytes = b""
    subject: tuple[tuple[str, str], ...] = ()
    issuer: bytes = b""
    capacity: str = ""
    name: str = ""
    title: str = ""
    on_behalf_of: str = ""
    begins: date | None = None
    ends: date | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """`holder`: what the registration says, else the certificate. `registered` is None exactly when `refusal` says why."""

    holder: Holder
    registered: Registered | None = None
    refusal: Refusal | None = None


def bind(chain: tuple[x509.Certificate, ...], registered: Iterable[Registered], on: date) -> Binding:
    """`chain`: from the signer's certificate to the anchor, as the path found it. Never guesses: what is not registered is not
    bound."""
    stated = holder_of(chain[0])
    known = [one for one in registered if _fits(one, chain)]
    for one in known:
        if (one.begins or date.min) <= on <= (one.ends or date.max):
            return Binding(one.holder, one)
    code = "binding.not_in_force" if known else "binding.unknown"
    return Binding(stated, None, Refusal(RULES[code], "", chain[0].subject.rfc4514_string()[:200]))


@lru_cache(maxsize=4096)
def holder_of(certificate: x509.Certificate) -> Holder:
    """By the statement of its type (EN 319 412-5, 4.2.3), else by the names that people or organisations have (EN 319 412-2,
    -3)."""
    for extension in certificate.extensions:
        if extension.oid == _QC_STATEMENTS and isinstance(extension.value, x509.UnrecognizedExtension):
            seal, person = (one in extension.value.value for one in (_ESEAL, _ESIGN))
            if seal != person:
                return Holder.SEAL if seal else Holder.PERSON
    if any(certificate.subject.get_attributes_for_oid(oid) for oid in _OF_PEOPLE):
        return Holder.PERSON
    names = {_prepared(one) for one in _values(certificate, "O") | _values(certificate, "OU")}
    common = {_prepared(one) for one in _values(certificate, "CN")}
    if _values(certificate, "organizationIdentifier") or (common and common <= names):
        return Holder.SEAL
    return Holder.UNCLEAR


def _fits(one: Registered, chain: tuple[x509.Certificate, ...]) -> bool:
    if one.issuer and all(_fingerprint(above) != one.issuer for above in chain[1:]):
        return False
    if one.certificate:
        return _fingerprint(chain[0]) == one.certificate
    return bool(one.subject) and all(_says(chain[0], name, value) for name, value in one.subject)


@lru_cache(maxsize=4096)
def _fingerprint(certificate: x509.Certificate) -> bytes:
    return certificate.fingerprint(SHA256())


def _says(certificate: x509.Certificate, name: str, value: str) -> bool:
    return _prepared(value) in {_prepared(one) for one in _values(certificate, name)}


def _values(certificate: x509.Certificate, name: str) -> set[str]:
    return {str(one.value) for one in certificate.subject.get_attributes_for_oid(_ATTRIBUTES[name])}


def _prepared(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
