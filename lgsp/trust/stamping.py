"""Time-stamps for what the hub itself says (RFC 3161), of the authorities that the settings name: of the first that answers, or
of each by itself."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from lgsp.errors import Unavailable
from lgsp.log import get_logger
from lgsp.ports import GivenStamp, NotVouched
from lgsp.trust.fetching import Fetcher, FetchFailed
from lgsp.trust.wanted import Chain
from signing import timestamps
from signing.report import Refusal, Revocation, TimeStamp
from signing.rules import Refused
from signing.trust import TrustBase

log = get_logger()

_QUESTION = "application/timestamp-query"
_AVOIDED_S = 60.0


class NoStamp(Unavailable):
    """No authority gave a good time-stamp; the text says why of each. What was to be stamped can be stamped later."""


class Stamper:
    """`want`: told of the path of an authority whose revocation is not known, so that it is fetched."""

    def __init__(
        self,
        fetcher: Fetcher,
        urls: Sequence[str],
        trust: Callable[[], TrustBase],
        clock: Callable[[], datetime],
        want: Callable[[Chain], None],
    ) -> None:
        self._fetcher = fetcher
        self._urls = tuple(urls)
        self._trust = trust
        self._clock = clock
        self._want = want
        self._avoided_until_s = dict.fromkeys(self._urls, 0.0)

    async def stamp(self, octets: bytes) -> TimeStamp:
        """Verified, over the SHA-256 of `octets`, which does not leave this process. An authority that failed is asked last for a
        minute, so that it costs its time-out once. Raises NoStamp."""
        said = []
        for url in sorted(self._urls, key=self._is_avoided):
            try:
                return await self.stamp_by(url, octets)
            except NotVouched as error:
                said.append(f"{urlsplit(url).netloc}: {error.code} {error.detail}".strip())
        raise NoStamp("; ".join(said) or "time_stamp_urls names no authority")

    async def stamp_by(self, url: str, octets: bytes) -> TimeStamp:
        """As `stamp`, of this authority alone. Raises NotVouched."""
        started_s = _now_s()
        try:
            stamp = await self._ask(url, octets)
        except Refused as refused:
            failed = NotVouched(refused.rule.code, f"{refused.place} {refused.detail}".strip())
        except FetchFailed as error:
            failed = NotVouched(error.code, error.detail)
        else:
            self._avoided_until_s[url] = 0.0
            return stamp
        self._avoided_until_s[url] = _now_s() + _AVOIDED_S
        host, took_ms = urlsplit(url).netloc, round((_now_s() - started_s) * 1000)
        log.warning("timestamp.failed", host=host, code=failed.code, detail=failed.detail, took_ms=took_ms)
        raise failed

    @property
    def authorities(self) -> "list[Authority]":
        """Each by itself."""
        return [Authority(self, url) for url in self._urls]

    async def _ask(self, url: str, octets: bytes) -> TimeStamp:
        """Raises FetchFailed, Refused."""
        nonce = secrets.randbits(64)
        question = timestamps.request(octets, nonce)
        answer = await self._fetcher.post(url, question, _QUESTION, max_bytes=timestamps.MAX_RESPONSE_BYTES)
        token = timestamps.token_of(answer)
        found = await asyncio.to_thread(timestamps.verify_stamp, token, octets, self._trust(), self._clock(), nonce)
        if isinstance(found, Refusal):
            raise Refused(found.rule.code, found.place, found.detail)
        if found.revocation_check is None or found.revocation_check.state is Revocation.UNKNOWN:
            self._want(found.path.chain)
        return found

    def _is_avoided(self, url: str) -> bool:
        return _now_s() < self._avoided_until_s[url]


class Authority:
    """A `StampAuthority`."""

    def __init__(self, stamper: Stamper, url: str) -> None:
        self.name = authority_name(url)
        self._stamper, self._url = stamper, url

    async def stamp(self, octets: bytes) -> GivenStamp:
        """As `StampAuthority`. Raises NotVouched."""
        given = await self._stamper.stamp_by(self._url, octets)
        return GivenStamp(given.token, given.at)


def authority_name(url: str) -> str:
    """Host and path: what an address may carry beside them is nobody's business."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path


def _now_s() -> float:
    return asyncio.get_running_loop().time()
