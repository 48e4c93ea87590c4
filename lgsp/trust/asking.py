"""One question to one source: fetched, verified, and not yet believed to be the newest."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from lgsp.trust.evidence import read_list
from lgsp.trust.fetching import Fetcher
from lgsp.trust.sources import AnswerSource, ListSource
from signing import ocsp
from signing.snapshot import CrlFacts, OcspFacts

_QUESTION = "application/ocsp-request"


@dataclass(frozen=True, slots=True)
class Came:
    """`facts` None: nothing is new since the marks that were given."""

    facts: CrlFacts | OcspFacts | None
    size_bytes: int = 0
    etag: str = ""
    last_modified: str = ""


class Asker:
    """Verifies in a thread: a long list takes a second."""

    def __init__(self, fetcher: Fetcher, max_bytes: int, clock: Callable[[], datetime]) -> None:
        self._fetcher = fetcher
        self._max_bytes = max_bytes
        self._clock = clock

    async def ask_list(self, source: ListSource, known: Sequence[x509.Certificate], etag: str, last_modified: str) -> Came:
        """`known`: who may have signed it where the source does not say; the marks are those of what is known already. Raises
        FetchFailed, Refused."""
        got = await self._fetcher.get(source.url, max_bytes=self._max_bytes, etag=etag, last_modified=last_modified)
        if got.octets is None:
            return Came(None, 0, got.etag or etag, got.last_modified or last_modified)
        facts = await asyncio.to_thread(read_list, got.octets, source.issuers or known, self._clock())
        return Came(facts, len(got.octets), got.etag, got.last_modified)

    async def ask_answer(self, source: AnswerSource) -> Came:
        """Raises FetchFailed, Refused."""
        nonce = secrets.token_bytes(16)
        question = ocsp.question(source.certificate, source.issuer, nonce)
        octets = await self._fetcher.post(source.url, question, _QUESTION, max_bytes=ocsp.MAX_ANSWER_BYTES)
        facts = await asyncio.to_thread(ocsp.read, octets, source.certificate, source.issuer, self._clock(), nonce)
        return Came(facts, len(octets))
