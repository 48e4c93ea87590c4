"""A certificate revocation list (RFC 5280, section 5): read, verified with its issuer's key, turned into facts to look up.

Lists of one issuer about its own certificates; indirect ones are refused. A delta list or one for some reasons is half a list: it
can revoke, but not clear. A long list takes a second: not for the road of a message.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from signing.algorithms import check_key, is_strong
from signing.extensions import extension
from signing.names import comparable, issuer_id, point_name
from signing.rules import Refused
from signing.snapshot import CrlFacts, Revoked, Scope, pack

MAX_CRL_BYTES = 32 * 1024 * 1024
_AHEAD = timedelta(minutes=5)
_EXPIRED_CERTS_ON_CRL = x509.ObjectIdentifier("2.5.29.60")
_REMOVED = "removeFromCRL"
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class _Confines:
    """See `CrlFacts`."""

    scope: Scope = Scope.ALL
    points: tuple[bytes, ...] = ()
    complete: bool = True
    keeps_expired_since: datetime | None = None


def read(octets: bytes, issuer: x509.Certificate, at: datetime) -> CrlFacts:
    """`octets`: DER, of strangers; `issuer`: the certificate in whose name and with whose key it has to be signed. Whose that is
    is not checked here: facts are found again only through a path with this name and key. Raises Refused `crl.*`."""
    if len(octets) > MAX_CRL_BYTES:
        raise Refused("crl.too_large", "", f"{len(octets)} octets")
    try:
        found = x509.load_der_x509_crl(octets)
        _check_issuer(found, issuer)
        _check_times(found, at)
        confines = _confines(found)
        entries = pack(_entries(found))
        assert found.next_update_utc is not None
        return CrlFacts(
            issuer=issuer_id(issuer),
            this_update=found.last_update_utc,
            next_update=found.next_update_utc,
            scope=confines.scope,
            points=confines.points,
            complete=confines.complete,
            keeps_expired_since=confines.keeps_expired_since,
            entries=entries,
            octets=octets,
        )
    except Refused:
        raise
    except _UNREADABLE as error:
        raise Refused("crl.malformed", "", f"{type(error).__name__}: {error}"[:200]) from None


def _check_issuer(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    if comparable(found.issuer) != comparable(issuer.subject):
        raise Refused("crl.issuer", "issuer", found.issuer.rfc4514_string()[:200])
    usage = extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        raise Refused("crl.usage", "keyUsage")
    key = issuer.public_key()
    check_key(key)
    if not is_strong(found.signature_hash_algorithm):
        raise Refused("crl.algorithm", "signatureAlgorithm", found.signature_algorithm_oid.dotted_string)
    if not found.is_signature_valid(key):  # type: ignore[arg-type]  # check_key leaves RSA and EC only
        raise Refused("crl.signature", "signature")


def _check_times(found: x509.CertificateRevocationList, at: datetime) -> None:
    begins, ends = found.last_update_utc, found.next_update_utc
    if ends is None or ends < begins or begins > at + _AHEAD:
        raise Refused("crl.time", "thisUpdate", f"{begins.isoformat()} to {'nothing' if ends is None else ends.isoformat()}")


def _confines(found: x509.CertificateRevocationList) -> _Confines:
    """Of what it speaks. Raises Refused `crl.scope`."""
    confines = _Confines()
    for one in found.extensions:
        value = one.value
        if isinstance(value, x509.DeltaCRLIndicator):
            confines = replace(confines, complete=False)
        elif isinstance(value, x509.IssuingDistributionPoint):
            confines = _at_point(confines, value)
        elif one.oid == _EXPIRED_CERTS_ON_CRL and isinstance(value, x509.UnrecognizedExtension):
            confines = replace(confines, keeps_expired_since=_time(value.value))
        elif one.critical:
            raise Refused("crl.scope", one.oid.dotted_string, "an unknown critical extension")
    return confines


def _time(octets: bytes) -> datetime:
    """GeneralizedTime as RFC 5280, 4.1.2.5.2, writes it. Raises ValueError."""
    if octets[:2] != b"\x18\x0f":
        raise ValueError("not a GeneralizedTime")
    return datetime.strptime(octets[2:].decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _at_point(confines: _Confines, value: x509.IssuingDistributionPoint) -> _Confines:
    if value.indirect_crl or value.only_contains_attribute_certs or value.relative_name:
        raise Refused("crl.scope", "issuingDistributionPoint", "indirect, for attributes or by relative name")
    if value.only_contains_ca_certs and value.only_contains_user_certs:
        raise Refused("crl.scope", "issuingDistributionPoint", "for nobody")
    scope = Scope.CA if value.only_contains_ca_certs else Scope.END if value.only_contains_user_certs else Scope.ALL
    return replace(
        confines,
        scope=scope,
        points=tuple(point_name(one) for one in value.full_name or ()),
        complete=confines.complete and not value.only_some_reasons,
    )


def _entries(found: x509.CertificateRevocationList) -> Iterator[tuple[int, Revoked]]:
    for one in found:
        reason, since = "", None
        for part in one.extensions:
            value = part.value
            if isinstance(value, x509.CRLReason):
                reason = value.reason.value
            elif isinstance(value, x509.InvalidityDate):
                since = value.invalidity_date_utc
            elif part.critical:  # RFC 5280, 5.3: then the list must not be used at all
                raise Refused("crl.scope", part.oid.dotted_string, "an unknown critical extension of an entry")
        if reason != _REMOVED:  # of a delta list: not revoked any more, which half a list cannot say
            yield one.serial_number, Revoked(one.revocation_date_utc, reason, since)
