"""What ends when: anchors, authorities below them, signers that were met, the hub's own certificates, lists. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from cryptography import x509

from lgsp.trust.store import Trusted, fingerprint
from lgsp.trust.timetable import Progress

What = Literal["documents", "time-stamps", "intermediates", "authority", "signer", "hub", "registration", "crl"]


class Ending(NamedTuple):
    """`what`: purpose of an anchor, or: authority or signer (met at intake), hub (its own), registration (of an agency's signer),
    crl. `sha256`: of the certificate, "" where it is not at hand."""

    what: What
    name: str
    ends: datetime
    sha256: str = ""


def endings(
    trusted: Trusted,
    met: Iterable[tuple[x509.Certificate, ...]],
    own: Iterable[x509.Certificate],
    sources: Iterable[Progress],
    at: datetime,
    within: timedelta,
) -> list[Ending]:
    """What has ended or will within this time, the first first; certificates once each. Of lists only those that are late:
    everyday ones end every day."""
    found: dict[str, Ending] = {}
    for one in _all(trusted, met, own):
        if one.ends <= at + within:
            found.setdefault(one.sha256, one)
    late = [
        Ending("crl", one.url, one.next_update)
        for one in sources
        if one.kind == "crl" and one.next_update is not None and one.next_update <= at
    ]
    return sorted([*found.values(), *late], key=lambda one: one.ends)


def _all(trusted: Trusted, met: Iterable[tuple[x509.Certificate, ...]], own: Iterable[x509.Certificate]) -> Iterator[Ending]:
    for one in trusted.kept:
        yield ending(one.purpose, one.certificate)
    for certificate in own:
        yield ending("hub", certificate)
    for leaf, *above in met:
        yield ending("signer", leaf)
        for certificate in above:
            yield ending("authority", certificate)


def ending(what: What, certificate: x509.Certificate) -> Ending:
    return Ending(what, certificate.subject.rfc4514_string(), certificate.not_valid_after_utc, fingerprint(certificate))
