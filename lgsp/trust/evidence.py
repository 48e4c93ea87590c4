"""From octets of strangers to what is known of revocation: verified, and never older than what was known before. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lgsp.trust.fetching import FetchFailed
from signing import crl
from signing.names import comparable
from signing.rules import Refused
from signing.snapshot import CrlFacts, OcspFacts, RevocationSnapshot

_PEM = b"-----BEGIN X509 CRL-----"
_FORGOTTEN_AFTER = timedelta(days=30)


def read_list(octets: bytes, candidates: Sequence[x509.Certificate], at: datetime) -> CrlFacts:
    """The list, in DER or PEM, of whichever of the candidates signed it. Raises Refused `crl.*`, or FetchFailed where none of
    them bears its issuer's name."""
    try:
        if octets.lstrip().startswith(_PEM):
            octets = x509.load_pem_x509_crl(octets).public_bytes(Encoding.DER)
        issuer = x509.load_der_x509_crl(octets).issuer
    except ValueError as error:
        raise Refused("crl.malformed", "", str(error)[:200]) from None
    problem: Refused | None = None
    for one in candidates:
        if comparable(one.subject) == comparable(issuer):
            try:
                return crl.read(octets, one, at)
            except Refused as refused:  # a namesake with another key, perhaps
                problem = refused
    if problem is not None:
        raise problem
    raise FetchFailed("fetch.unknown_issuer", issuer.rfc4514_string()[:200])


def with_list(known: RevocationSnapshot, new: CrlFacts, at: datetime) -> tuple[RevocationSnapshot, CrlFacts]:
    """And the one of its kind that is in it: who serves an older list than before, or is made to, changes nothing."""
    same = [one for one in known.crls if _kind(one) == _kind(new)]
    for one in same:
        if one.this_update > new.this_update or one.octets == new.octets:
            return known, one
    return replace(known, made_at=at, crls=(*[one for one in known.crls if one not in same], new)), new


def _kind(one: CrlFacts) -> tuple[object, ...]:
    return one.issuer, one.scope, one.points, one.complete


def with_answer(known: RevocationSnapshot, new: OcspFacts, at: datetime) -> tuple[RevocationSnapshot, OcspFacts]:
    """As `with_list`; answers that said nothing bad and ended long ago are forgotten."""
    same = known.answers_about(new.issuer, int(new.serial_number))
    for one in same:
        if one.this_update > new.this_update or one.octets == new.octets:
            return known, one
    kept = (one for one in known.ocsp if one not in same and (one.revoked is not None or not _is_past(one, at)))
    return replace(known, made_at=at, ocsp=(*kept, new)), new


def _is_past(one: OcspFacts, at: datetime) -> bool:
    return (one.next_update or one.this_update) + _FORGOTTEN_AFTER < at
