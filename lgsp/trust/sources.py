"""What has to be fetched, from where: worked out of the certificates that somebody asks about. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509

from signing.hints import hints
from signing.names import issuer_id
from signing.report import Revocation
from signing.revocation import Grace, look_up
from signing.snapshot import RevocationSnapshot

Chain = tuple[x509.Certificate, ...]
MOST_LISTS = 500


@dataclass(frozen=True, slots=True)
class ListSource:
    """A CRL. `issuers`: who may have signed it; none: whoever is known."""

    url: str
    issuers: tuple[x509.Certificate, ...] = field(default=(), compare=False)

    @property
    def key(self) -> str:
        return f"crl {self.url}"

    @property
    def about(self) -> str:
        return self.issuers[0].subject.rfc4514_string() if self.issuers else ""


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """OCSP about one certificate."""

    url: str
    certificate: x509.Certificate
    issuer: x509.Certificate

    @property
    def key(self) -> str:
        named = hashlib.sha256(issuer_id(self.issuer) + str(self.certificate.serial_number).encode()).hexdigest()
        return f"ocsp {named[:32]} {self.url}"

    @property
    def about(self) -> str:
        return self.certificate.subject.rfc4514_string()


Source = ListSource | AnswerSource


def plan(
    chains: Iterable[Chain], urls: Iterable[str], snapshot: RevocationSnapshot, grace: Grace, at: datetime
) -> dict[str, Source]:
    """By key. `chains`: those that are asked about, the most recent first; `urls`: of lists that are fetched in any case.

    One list speaks of all certificates of its issuer, so single certificates are asked about only where lists leave them unknown.
    """
    lists = {url: ListSource(url) for url in urls}
    answers: dict[str, Source] = {}
    only_lists = replace(snapshot, ocsp=())
    for chain in chains:
        needed = tuple(list_sources(chain))
        for one in needed:
            known = lists.get(one.url)
            if known is not None or len(lists) < MOST_LISTS:
                lists[one.url] = one if known is None else ListSource(one.url, _with(known.issuers, one.issuers))
        if look_up(chain, only_lists, at, grace).check.state is Revocation.UNKNOWN:
            answers |= {one.key: one for one in answer_sources(chain)}
    return {one.key: one for one in lists.values()} | answers


def list_sources(chain: Sequence[x509.Certificate]) -> Iterator[ListSource]:
    for hint in hints(chain):
        for url in hint.crls:
            yield ListSource(url, (hint.issuer,))


def answer_sources(chain: Sequence[x509.Certificate]) -> Iterator[AnswerSource]:
    """The first address of each certificate: others are of the same service."""
    for hint in hints(chain):
        for url in hint.ocsp[:1]:
            yield AnswerSource(url, hint.certificate, hint.issuer)


def _with(known: tuple[x509.Certificate, ...], more: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
    return known + tuple(one for one in more if one not in known)
