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
from signing.snapshot import CrlFacts, RevocationSnapshot

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
    key: str

    @classmethod
    def of(cls, url: str, certificate: x509.Certificate, issuer: x509.Certificate) -> "AnswerSource":
        named = hashlib.sha256(issuer_id(issuer) + str(certificate.serial_number).encode()).hexdigest()
        return cls(url, certificate, issuer, f"ocsp {named[:32]} {url}")

    @property
    def about(self) -> str:
        return self.certificate.subject.rfc4514_string()


Source = ListSource | AnswerSource


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one chain needs. `is_unknown`: by these lists, up to this time of check."""

    lists: tuple[ListSource, ...]
    answers: tuple[AnswerSource, ...]
    by: tuple[CrlFacts, ...]
    until: datetime
    is_unknown: bool


class Planner:
    """Remembers what it found out of each chain, so that a minute later, or after one more, the plan costs next to nothing."""

    def __init__(self, urls: Iterable[str], grace: Grace) -> None:
        """`urls`: of lists that are fetched in any case."""
        self._urls = tuple(urls)
        self._grace = grace
        self._asked: dict[Chain, _Asked] = {}

    def plan(self, chains: Iterable[Chain], snapshot: RevocationSnapshot, at: datetime) -> dict[str, Source]:
        """By key. `chains`: those that are asked about, the most recent first.

        One list speaks of all certificates of its issuer, so single certificates are asked about only where lists leave them
        unknown.
        """
        only_lists = replace(snapshot, ocsp=())
        self._asked = {chain: self._look(chain, only_lists, at) for chain in chains}
        lists = {url: ListSource(url) for url in self._urls}
        for asked in self._asked.values():
            for one in asked.lists:
                known = lists.get(one.url)
                if known is not None or len(lists) < MOST_LISTS:
                    lists[one.url] = one if known is None else ListSource(one.url, _with(known.issuers, one.issuers))
        answers = {one.key: one for asked in self._asked.values() if asked.is_unknown for one in asked.answers}
        return {one.key: one for one in lists.values()} | answers

    def _look(self, chain: Chain, only_lists: RevocationSnapshot, at: datetime) -> _Asked:
        known = self._asked.get(chain)
        if known is not None and known.by is only_lists.crls and at <= known.until:
            return known
        found = look_up(chain, only_lists, at, self._grace)
        lists = tuple(list_sources(chain)) if known is None else known.lists
        answers = tuple(answer_sources(chain)) if known is None else known.answers
        return _Asked(lists, answers, only_lists.crls, found.until, found.check.state is Revocation.UNKNOWN)


def list_sources(chain: Sequence[x509.Certificate]) -> Iterator[ListSource]:
    for hint in hints(chain):
        for url in hint.crls:
            yield ListSource(url, (hint.issuer,))


def answer_sources(chain: Sequence[x509.Certificate]) -> Iterator[AnswerSource]:
    """The first address of each certificate: others are of the same service."""
    for hint in hints(chain):
        for url in hint.ocsp[:1]:
            yield AnswerSource.of(url, hint.certificate, hint.issuer)


def _with(known: tuple[x509.Certificate, ...], more: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
    return known + tuple(one for one in more if one not in known)
