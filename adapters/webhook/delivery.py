"""Pushing parcels over HTTP. One shared session; everything the far side can do comes back as an outcome."""

import asyncio
import io
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import aiohttp
from yarl import URL

from adapters.webhook import mapping
from contracts.adapter import Endpoint, Parcel
from contracts.outcome import Outcome, Retry

_BODY_PATIENCE_S = 2.0
_WARNED_ABOUT_BYTES = 1 << 20  # aiohttp warns when larger bodies are given as bytes
_KEEP_ALIVE_S = 30.0
_DNS_CACHE_S = 300  # partners whose name server is away must not hold up look-ups for the others


class WebhookDelivery:
    """How many requests run at once is the caller's business (`Endpoint.max_in_flight`); every one of them may have a connection.

    `clock`: Unix time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        try:
            target = _target_of(endpoint.url, endpoint.secret)
        except ValueError as error:
            return Retry("delivery.internal", f"the endpoint is registered wrongly: {error}")
        request = mapping.request_of(parcel, target.keys, self._clock())
        deadline = asyncio.get_running_loop().time() + endpoint.timeout_s
        try:
            answer = await self._ask(target.url, request, deadline)
        except TimeoutError:
            return Retry("delivery.timeout", f"no answer within {endpoint.timeout_s:g} s")
        except aiohttp.ClientResponseError as error:
            return Retry("delivery.garbled_answer", error.message[:200])
        except (aiohttp.ClientError, OSError) as error:
            return Retry("delivery.unreachable", str(error)[:200] or type(error).__name__)
        return mapping.outcome_of(answer, self._clock(), endpoint.replies)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, url: URL, request: mapping.Request, deadline: float) -> mapping.Answer:
        try:
            response = await self._post(url, request, deadline)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            # Most likely an idle connection that the far side was just closing. Twice is harmless: webhook-id is the same.
            response = await self._post(url, request, deadline)
        try:
            beginning, whole = await _beginning_of(response, deadline)
        finally:
            response.release()
        return mapping.Answer(response.status, response.headers, beginning, whole)

    async def _post(self, url: URL, request: mapping.Request, deadline: float) -> aiohttp.ClientResponse:
        body = request.body if len(request.body) <= _WARNED_ABOUT_BYTES else io.BytesIO(request.body)
        session = self._session or self._open_session()
        async with asyncio.timeout_at(deadline):
            return await session.post(url, data=body, headers=request.headers, allow_redirects=False)

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


class _Target(NamedTuple):
    url: URL
    keys: tuple[bytes, ...]


@lru_cache(maxsize=4096)
def _target_of(url: str, secret: str) -> _Target:
    """Raises ValueError."""
    address = URL(url)
    if address.scheme not in ("http", "https") or not address.host:
        raise ValueError("its address is not an http or https URL")
    return _Target(address, mapping.keys_of(secret))


async def _beginning_of(response: aiohttp.ClientResponse, deadline: float) -> tuple[bytes, bool]:
    """At most MAX_ANSWER_BYTES of the body, or what came in time: mostly the status has decided. And whether that is all of it.

    A longer body costs its connection, a shorter one leaves it for the next delivery.
    """
    content, limit = response.content, mapping.MAX_ANSWER_BYTES
    if content.is_eof():  # all of it came with the status, as short answers do
        return content.read_nowait(limit), True
    found = bytearray()
    try:
        async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + _BODY_PATIENCE_S)):
            while len(found) < limit and not content.at_eof():
                found += await content.read(limit - len(found))
    except (aiohttp.ClientError, OSError, TimeoutError):
        return bytes(found), False
    return bytes(found), True
