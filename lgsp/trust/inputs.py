"""What the keeper goes by: anchors, certificates that are asked about, lists brought by hand. Files, read in a thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from lgsp.log import get_logger
from lgsp.trust.evidence import read_list
from lgsp.trust.fetching import FetchFailed
from lgsp.trust.places import ALL, INBOX, WANTED
from lgsp.trust.store import Trusted, TrustStore
from lgsp.trust.wanted import MOST, Chain, WantedFolder
from signing.rules import Refused
from signing.snapshot import CrlFacts

log = get_logger()


@dataclass(frozen=True, slots=True)
class News:
    """Since the last look. `asked`: paths, from a certificate to its anchor; `wish`: an operator wants everything asked now."""

    trusted: Trusted | None
    asked: tuple[Chain, ...]
    brought: tuple[CrlFacts, ...]
    wish: bool

    @property
    def change_the_plan(self) -> bool:
        return bool(self.trusted is not None or self.asked or self.brought)


class Inputs:
    """`trusted`, and `chains` by what is signed in their first certificate, those asked about last at the end."""

    def __init__(self, folder: Path, store: TrustStore) -> None:
        self.trusted = Trusted()
        self.chains: dict[bytes, Chain] = {}
        self._folder = folder
        self._store = store
        self._wanted = WantedFolder(folder / WANTED)
        self._is_read = False

    def look(self, at: datetime) -> News:
        """Blocking; changes nothing but files. Raises TrustUnreadable, OSError."""
        trusted = None if self._is_read and self._store.stamp() == self.trusted.stamp else self._store.load()
        asked = tuple(self._wanted.news())
        over = [one for one in asked if one[0].not_valid_after_utc < at]
        for one in over:
            self._wanted.forget(one[0])
        candidates = _authorities(trusted or self.trusted, (*self.chains.values(), *asked))
        brought = (_brought(path, candidates, at) for path in sorted((self._folder / INBOX).glob("[!.]*")))
        return News(
            trusted,
            tuple(one for one in asked if one not in over),
            tuple(one for one in brought if one is not None),
            self._wish(),
        )

    def take(self, news: News) -> None:
        """From now on."""
        self._is_read = True
        if news.trusted is not None:
            self.trusted = news.trusted
        for chain in news.asked:
            self.chains.pop(chain[0].tbs_certificate_bytes, None)
            self.chains[chain[0].tbs_certificate_bytes] = chain
        while len(self.chains) > MOST:
            del self.chains[next(iter(self.chains))]

    def in_use(self, at: datetime) -> list[Chain]:
        """Chains in force whose anchor is still trusted, those asked about last first."""
        anchors = {*self.trusted.of("documents"), *self.trusted.of("time-stamps")}
        return [one for one in reversed(self.chains.values()) if one[-1] in anchors and at <= one[0].not_valid_after_utc]

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """Everybody known here who may sign a list."""
        return _authorities(self.trusted, tuple(self.chains.values()))

    def _wish(self) -> bool:
        path = self._folder / ALL
        is_there = path.exists()
        path.unlink(missing_ok=True)
        return is_there


def met(folder: Path) -> list[Chain]:
    """Paths of all certificates that were asked about. Raises OSError."""
    return WantedFolder(folder / WANTED).news()


def known_authorities(folder: Path, store: TrustStore) -> tuple[x509.Certificate, ...]:
    """Everybody who may sign a list. Raises TrustUnreadable, OSError."""
    return _authorities(store.load(), met(folder))


def _authorities(trusted: Trusted, chains: Sequence[Chain]) -> tuple[x509.Certificate, ...]:
    return tuple(dict.fromkeys((*trusted.authorities, *(one for chain in chains for one in chain[1:]))))


def _brought(path: Path, candidates: Sequence[x509.Certificate], at: datetime) -> CrlFacts | None:
    """What is no list is dropped: the command that brings lists checked it before."""
    try:
        return read_list(path.read_bytes(), candidates, at)
    except Refused as refused:
        log.warning("revocation.failed", kind="crl", host="", code=refused.rule.code, wait_s=0, detail=refused.detail)
    except FetchFailed as error:
        log.warning("revocation.failed", kind="crl", host="", code=error.code, wait_s=0, detail=error.detail)
    finally:
        path.unlink(missing_ok=True)
    return None
