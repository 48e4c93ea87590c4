"""Calling a far side over HTTP: what every adapter that does needs, whatever it speaks above it.

Nobody is asked but the address given: no redirects, no proxies of the machine, no cookies. Everything the far side can do on the
way is `Unanswered`; an answer is read as far as was asked for, and never unpacked.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping
from functools import lru_cache
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from adapters.answers import Answer, detail_of
from contracts.feed import FeedTrouble
from contracts.outcome import Retry

Model = TypeVar("Model")
Body = bytes | Callable[[], AsyncIterator[bytes]]  # whole, or a new stream of it each time it is sent

MAX_ANSWER_BYTES = 1 << 20
_WARNED_ABOUT_BYTES = 1 << 20  # aiohttp warns when larger bodies are given as bytes
_KEEP_ALIVE_S = 30.0
_DNS_CACHE_S = 300  # partners whose name server is away must not hold up look-ups for the others
_MAX_DETAIL_CHARS = 200


class Unanswered(FeedTrouble):
    """No answer was had. A collector lets it pass."""

    @property
    def outcome(self) -> Retry:
        """What a delivery makes of it."""
        return Retry(self.reason, self.detail)


def deadline_in(timeout_s: float) -> float:
    """The time of the running loop, so many seconds from now: one for all exchanges of a delivery."""
    return asyncio.get_running_loop().time() + timeout_s


def json_of(answer: Answer, model: type[Model]) -> Model:
    """Of a 2xx. Raises Unanswered "delivery.server_error" for any other status, "delivery.garbled_answer" for other JSON."""
    if not 200 <= answer.status < 300:
        raise Unanswered("delivery.server_error", detail_of(answer))
    try:
        return msgspec.json.decode(answer.body, type=model)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unanswered("delivery.garbled_answer", f"HTTP {answer.status}: {str(error)[:_MAX_DETAIL_CHARS]}") from None


class Caller:
    """One shared session. How many requests run at once is the caller's business; every one of them may have a connection."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        url: str,
        body: Body = b"",
        headers: Mapping[str, str] | None = None,
        *,
        deadline: float,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        body_patience_s: float | None = None,
    ) -> Answer:
        """The answer, with at most `max_answer_bytes` of its body; a longer one costs its connection.

        `body_patience_s`: wait for the answer's body no longer than this, where the status decides; None: until the deadline.
        Raises Unanswered, with "delivery.internal" for an address that cannot be right.
        """
        target, loop = _address_of(url), asyncio.get_running_loop()
        began = loop.time()
        try:
            response = await self._send(method, target, body, headers or {}, deadline)
            patience = deadline if body_patience_s is None else min(deadline, loop.time() + body_patience_s)
            try:
                beginning, whole = await _beginning_of(response, patience, max_answer_bytes)
            finally:
                response.release()
        except TimeoutError:
            raise Unanswered("delivery.timeout", f"no answer within {deadline - began:.3g} s") from None
        except aiohttp.ClientResponseError as error:
            raise Unanswered("delivery.garbled_answer", error.message[:_MAX_DETAIL_CHARS]) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unanswered("delivery.unreachable", str(error)[:_MAX_DETAIL_CHARS] or type(error).__name__) from None
        return Answer(response.status, response.headers, beginning, whole)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(
        self, method: str, url: URL, body: Body, headers: Mapping[str, str], deadline: float
    ) -> aiohttp.ClientResponse:
        try:
            return await self._send_once(method, url, body, headers, deadline)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            # Most likely an idle connection that the far side was just closing. Twice is harmless: the delivery's id is the same.
            return await self._send_once(method, url, body, headers, deadline)

    async def _send_once(
        self, method: str, url: URL, body: Body, headers: Mapping[str, str], deadline: float
    ) -> aiohttp.ClientResponse:
        session = self._session or self._open_session()
        async with asyncio.timeout_at(deadline):
            return await session.request(method, url, data=_data(body), headers=headers, allow_redirects=False)

    def _open_session(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, ttl_dns_cache=_DNS_CACHE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            auto_decompress=False,
            trust_env=False,  # no proxy of the machine stands between the hub and an agency
            timeout=aiohttp.ClientTimeout(total=None),  # ours covers the whole attempt
        )
        return self._session


def _data(body: Body) -> bytes | io.BytesIO | AsyncIterator[bytes] | None:
    if not isinstance(body, bytes):
        return body()
    return io.BytesIO(body) if len(body) > _WARNED_ABOUT_BYTES else body or None


@lru_cache(maxsize=4096)
def _address_of(url: str) -> URL:
    try:
        address = URL(url)
    except ValueError as error:
        raise Unanswered("delivery.internal", f"the endpoint is registered wrongly: {error}") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise Unanswered("delivery.internal", "the endpoint is registered wrongly: its address is not an http or https URL")
    return address


async def _beginning_of(response: aiohttp.ClientResponse, deadline: float, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes of the body, or what came in time, and whether that is all of it."""
    content = response.content
    if content.is_eof():  # all of it came with the status, as short answers do
        return content.read_nowait(limit), True
    found = bytearray()
    try:
        async with asyncio.timeout_at(deadline):
            while len(found) < limit and not content.at_eof():
                found += await content.read(limit - len(found))
    except (aiohttp.ClientError, OSError, TimeoutError):
        return bytes(found), False
    return bytes(found), True
