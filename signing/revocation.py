"""Whether a certificate of a path was revoked, by a snapshot of what issuers said. Nothing is fetched, nothing is verified again.

- A revocation counts however old the evidence is: it cannot be undone. A hold can, so of it the newest fresh evidence speaks.
  Half a list (a delta, or one for some reasons) can revoke, never clear.
- Not being listed counts while the evidence is fresh, by its own nextUpdate (and the stated grace) and by a maximum age of ours;
  and only up to the certificate's end: issuers may forget what has expired (RFC 5280, section 5; X.509 expiredCertsOnCRL).
- A signature that a trusted time-stamp shows to be older than the revocation stays good (EN 319 102-1, 5.5.4). Where the key was
  compromised this needs an invalidityDate later than the stamp: revocationDate says when the issuer knew, not when it happened.
- A time-stamp authority dates its own signatures. So its revocation takes all of them away unless the issuer states a reason that
  leaves them good: unspecified, affiliationChanged, superseded or cessationOfOperation (RFC 3161, section 4, 1).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from signing.extensions import extension
from signing.names import comparable, issuer_id, point_name
from signing.report import Evidence, Refusal, Revocation, RevocationCheck
from signing.rules import RULES
from signing.snapshot import CrlFacts, OcspFacts, RevocationSnapshot, Revoked, Scope

_DAY_S = 24 * 3600
_EVER = datetime.max.replace(tzinfo=UTC)
_HOLD = "certificateHold"
_COMPROMISED = frozenset({"keyCompromise", "cACompromise", "aACompromise"})
_HARMLESS = frozenset({"unspecified", "affiliationChanged", "superseded", "cessationOfOperation"})


@dataclass(frozen=True, slots=True)
class Grace:
    """How old evidence may be, by policy. `end_max_age_s`: since thisUpdate, about end certificates; `ca_max_age_s`: about those
    of authorities, whose issuers are offline and publish once or twice a year; `after_next_update_s`: how long evidence is still
    relied on when nothing newer came, and the report says so; `ahead_s`: how much issuers' clocks may be ahead of ours."""

    end_max_age_s: int = 7 * _DAY_S
    ca_max_age_s: int = 400 * _DAY_S
    after_next_update_s: int = 0
    ahead_s: int = 300


DEFAULT_GRACE = Grace()


@dataclass(frozen=True, slots=True)
class Lookup:
    """`until`: up to which time of check the same look-up, or a later one, says the same."""

    check: RevocationCheck
    until: datetime


@dataclass(frozen=True, slots=True)
class _Word:
    """What one CRL or answer says of one certificate. `trusted_until`: by nextUpdate and age; `usable_until`: with the grace."""

    this_update: datetime
    trusted_until: datetime
    usable_until: datetime
    revoked: Revoked | None
    evidence: Evidence


def look_up(
    chain: Sequence[x509.Certificate],
    snapshot: RevocationSnapshot,
    at: datetime,
    grace: Grace,
    existed_at: datetime | None = None,
    *,
    dates_itself: bool = False,
) -> Lookup:
    """`chain`: a path that holds, the anchor last; `at`: time of the check; `existed_at`: by when the signature is known to have
    existed, from a trusted time-stamp; `dates_itself`: or from the signature itself, which is a time-stamp."""
    if len(chain) < 2:
        return Lookup(_unknown("revocation.no_issuer", chain[0]), _EVER)
    found, until, latest = [], _EVER, at + timedelta(seconds=grace.ahead_s)
    for index in range(len(chain) - 1):
        words = list(_words(chain, index, snapshot, grace))
        usable = [one for one in words if one.this_update <= latest]
        one = _judge(chain[index], usable, at, existed_at, dates_itself)
        found.append(one.check)
        until = min(until, one.until if len(usable) == len(words) else at)
    return Lookup(_together(found), until)


def _together(checks: Sequence[RevocationCheck]) -> RevocationCheck:
    """The worst of the path, with all the evidence of a good one."""
    for state in (Revocation.REVOKED, Revocation.UNKNOWN):
        for one in checks:
            if one.state is state:
                return one
    later = next((one for one in checks if one.revoked_at is not None), checks[0])
    return RevocationCheck(
        Revocation.GOOD,
        as_of=min(one.as_of for one in checks if one.as_of is not None),
        in_grace=any(one.in_grace for one in checks),
        revoked_at=later.revoked_at,
        reason=later.reason,
        evidence=tuple(dict.fromkeys(evidence for one in checks for evidence in one.evidence)),
    )


def _judge(
    certificate: x509.Certificate, words: Sequence[_Word], at: datetime, existed_at: datetime | None, dates_itself: bool
) -> Lookup:
    for one in words:
        if one.revoked is not None and one.revoked.reason != _HOLD and not _is_older(one.revoked, existed_at, dates_itself):
            return Lookup(_revoked("revocation.revoked", certificate, one.revoked, one), _EVER)
    usable = [one for one in words if at <= one.usable_until]
    if not usable:
        code = "revocation.stale" if words else "revocation.no_evidence"
        return Lookup(_unknown(code, certificate), _EVER)
    newest = max(usable, key=lambda one: one.this_update)
    if newest.revoked is not None and not _is_older(newest.revoked, existed_at, dates_itself):
        return Lookup(_revoked("revocation.on_hold", certificate, newest.revoked, newest), newest.usable_until)
    return Lookup(_good(newest, at), newest.trusted_until if at <= newest.trusted_until else newest.usable_until)


def _is_older(revoked: Revoked, existed_at: datetime | None, dates_itself: bool) -> bool:
    """Whether what was signed is known to be older than the revocation, and the reason leaves it good."""
    if existed_at is None or (dates_itself and revoked.reason not in _HARMLESS):
        return False
    if revoked.since is None:
        return revoked.reason not in _COMPROMISED and existed_at < revoked.at
    return existed_at < min(revoked.since, revoked.at)


def _words(chain: Sequence[x509.Certificate], index: int, snapshot: RevocationSnapshot, grace: Grace) -> Iterator[_Word]:
    """Of the issuer, under any of its keys in this path (self-issued certificates carry an issuer over from key to key)."""
    certificate, name = chain[index], comparable(chain[index + 1].subject)
    for issuer in chain[index + 1 :]:
        if comparable(issuer.subject) != name:
            return
        crls = snapshot.crls_of(issuer_id(issuer))
        yield from _of_lists(certificate, crls, grace)
        answers = snapshot.answers_about(issuer_id(issuer), certificate.serial_number)
        believed = [one for one in answers if not (one.responder and any(crl.entry(int(one.responder)) for crl in crls))]
        yield from _of_answers(certificate, believed, grace)


def _of_lists(certificate: x509.Certificate, crls: Sequence[CrlFacts], grace: Grace) -> Iterator[_Word]:
    is_ca = _is_ca(certificate)
    for crl in crls:
        if crl.scope is not Scope.ALL and (crl.scope is Scope.CA) is not is_ca:
            continue
        if crl.points and not _point_names(certificate).intersection(crl.points):
            continue
        revoked = crl.entry(certificate.serial_number)
        if revoked is not None or (crl.complete and _still_lists(crl, certificate)):
            yield _word(crl.this_update, crl.next_update, is_ca, grace, revoked, Evidence("crl", crl.octets))


def _of_answers(certificate: x509.Certificate, answers: Sequence[OcspFacts], grace: Grace) -> Iterator[_Word]:
    is_ca = _is_ca(certificate)
    for one in answers:
        if one.revoked is not None or one.this_update <= certificate.not_valid_after_utc:
            yield _word(one.this_update, one.next_update, is_ca, grace, one.revoked, Evidence("ocsp", one.octets))


def _word(
    this_update: datetime, next_update: datetime | None, is_ca: bool, grace: Grace, revoked: Revoked | None, evidence: Evidence
) -> _Word:
    oldest = this_update + timedelta(seconds=grace.ca_max_age_s if is_ca else grace.end_max_age_s)
    promised = oldest if next_update is None else min(next_update, oldest)
    usable = min(promised + timedelta(seconds=grace.after_next_update_s), oldest)
    return _Word(this_update, promised, usable, revoked, evidence)


def _still_lists(crl: CrlFacts, certificate: x509.Certificate) -> bool:
    """Whether the certificate, had it been revoked, would still be listed."""
    ends = certificate.not_valid_after_utc
    return crl.this_update <= ends or (crl.keeps_expired_since is not None and crl.keeps_expired_since <= ends)


def _is_ca(certificate: x509.Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _point_names(certificate: x509.Certificate) -> frozenset[bytes]:
    """Of its distribution points, each in DER (RFC 5280, 6.3.3, b, 2, i)."""
    points = extension(certificate, x509.CRLDistributionPoints) or ()
    return frozenset(point_name(name) for point in points for name in point.full_name or point.crl_issuer or ())


def _good(word: _Word, at: datetime) -> RevocationCheck:
    revoked = word.revoked
    return RevocationCheck(
        Revocation.GOOD,
        as_of=word.this_update,
        in_grace=at > word.trusted_until,
        revoked_at=None if revoked is None else revoked.at,
        reason="" if revoked is None else revoked.reason,
        evidence=(word.evidence,),
    )


def _revoked(code: str, certificate: x509.Certificate, revoked: Revoked, word: _Word) -> RevocationCheck:
    detail = f"{revoked.at.isoformat()} {revoked.reason}".rstrip()
    return RevocationCheck(
        Revocation.REVOKED,
        as_of=word.this_update,
        revoked_at=revoked.at,
        reason=revoked.reason,
        evidence=(word.evidence,),
        refusal=_refusal(code, certificate, detail),
    )


def _unknown(code: str, certificate: x509.Certificate) -> RevocationCheck:
    return RevocationCheck(Revocation.UNKNOWN, refusal=_refusal(code, certificate))


def _refusal(code: str, certificate: x509.Certificate, detail: str = "") -> Refusal:
    return Refusal(RULES[code], certificate.subject.rfc4514_string()[:200], detail)
