"""What a verdict rests on, as it stands in a bundle: certificates, lists and answers, made into what signatures are judged by."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from lgsp.evidence.given import Given
from signing import crl, ocsp
from signing.paths import NO_ANCHORS, Anchors
from signing.revocation import Grace
from signing.rules import Refused
from signing.snapshot import CrlFacts, OcspFacts, RevocationSnapshot
from signing.trust import TrustBase

_MAX_ISSUERS = 64


@dataclass(frozen=True, slots=True)
class Material:
    """What the verdicts on one message rest on. `certificates`, `lists`, `answers`: DER; `partners`: JWKs that the sender had
    registered; `octets` and `pieces`: content of an attachment by its index, None where it is not here."""

    certificates: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    answers: tuple[bytes, ...]
    partners: tuple[Mapping[str, str], ...]
    grace: Grace
    octets: Callable[[int], bytes | None]
    pieces: Callable[[int], Iterable[bytes] | None]


def trust_of(material: Material, given: Given, at: datetime) -> TrustBase:
    """By the anchors that were brought, or else by those at the upper ends of what is inside. Raises ValueError for what is no
    certificate."""
    certificates = tuple(x509.load_der_x509_certificate(one) for one in material.certificates)
    tops = tuple(one for one in certificates if _is_top(one, certificates))
    documents, time_stamps = given.documents, given.time_stamps
    if not documents.certificates:
        documents = Anchors(tops)
    if not time_stamps.certificates:
        time_stamps = Anchors(tops) if not given.documents.certificates else NO_ANCHORS
    known = tuple(dict.fromkeys((*certificates, *documents.certificates, *time_stamps.certificates)))
    return TrustBase(
        Anchors(documents.certificates, certificates),
        Anchors(time_stamps.certificates, certificates),
        snapshot=RevocationSnapshot(at, tuple(_lists(material, known, at)), tuple(_answers(material, known, at))),
        grace=material.grace,
    )


def _is_top(one: x509.Certificate, all_of_them: tuple[x509.Certificate, ...]) -> bool:
    try:
        authority = one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
    return authority and (one.issuer == one.subject or all(other.subject != one.issuer for other in all_of_them))


def _lists(material: Material, known: tuple[x509.Certificate, ...], at: datetime) -> Iterator[CrlFacts]:
    """What is signed by none of them is left out: nothing is good by it."""
    for octets in material.lists:
        for issuer in known[:_MAX_ISSUERS]:
            try:
                yield crl.read(octets, issuer, at)
            except Refused:
                continue
            break


def _answers(material: Material, known: tuple[x509.Certificate, ...], at: datetime) -> Iterator[OcspFacts]:
    by_name = {one.subject.public_bytes(): one for one in known}
    pairs = [(one, by_name[one.issuer.public_bytes()]) for one in known if one.issuer.public_bytes() in by_name]
    for octets in material.answers:
        for certificate, issuer in pairs[:_MAX_ISSUERS]:
            try:
                yield ocsp.read(octets, certificate, issuer, at)
            except Refused:
                continue
            break
