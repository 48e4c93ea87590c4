"""Asks authorities over HTTP: listed hosts only, no redirects, caps and time-outs. What comes back are octets of strangers."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from lgsp import __version__
from lgsp.errors import LgspError
from lgsp.trust.hosts import Hosts, NotListed, PrivateAddress

_CONNECT_S = 10.0
_PIECE_BYTES = 64 * 1024


class FetchFailed(LgspError):
    """`code`: a key of `lgsp.trust.reasons.REASONS`."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """`octets` None: nothing is new since the marks that were given. Marks are opaque text of the server, for the next time."""

    octets: bytes | None
    etag: str = ""
    last_modified: str = ""


class Fetcher:
    """Opened by `open`. `hosts` None: whoever is asked was named by the operator himself."""

    def __init__(self, session: aiohttp.ClientSession, hosts: Hosts | None) -> None:
        self._session = session
        self._hosts = hosts

    @classmethod
    @asynccontextmanager
    async def open(cls, hosts: Hosts | None, *, timeout_s: float, keep_alive: bool = False) -> AsyncIterator["Fetcher"]:
        """`timeout_s`: for one request as a whole, however slowly its octets come. `keep_alive`: of few who are asked often."""
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(hosts),
            limit=0 if keep_alive else 8,
            limit_per_host=2,
            use_dns_cache=False,
            force_close=not keep_alive,
        )
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(_CONNECT_S, timeout_s))
        headers = {"User-Agent": f"lgsp/{__version__}", "Accept-Encoding": "identity"}
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            headers=headers,
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            yield cls(session, hosts)

    async def get(self, url: str, *, max_bytes: int, etag: str = "", last_modified: str = "") -> Fetched:
        """Raises FetchFailed."""
        headers = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        return await self._ask("GET", url, max_bytes, {name: text for name, text in headers.items() if text})

    async def post(self, url: str, body: bytes, media_type: str, *, max_bytes: int) -> bytes:
        """Raises FetchFailed."""
        fetched = await self._ask("POST", url, max_bytes, {"Content-Type": media_type}, body)
        if fetched.octets is None:
            raise FetchFailed("fetch.status", "304")
        return fetched.octets

    async def exchange(self, method: str, url: str, body: bytes, media_type: str, *, max_bytes: int) -> tuple[int, str, bytes]:
        """Status, media type and octets of whatever was answered but a redirect. Raises FetchFailed."""
        async with self._answer(method, url, {"Content-Type": media_type}, body) as answer:
            _check_redirect(answer)
            return answer.status, answer.headers.get("Content-Type", ""), await _octets(answer, max_bytes)

    async def _ask(self, method: str, url: str, max_bytes: int, headers: Mapping[str, str], body: bytes | None = None) -> Fetched:
        async with self._answer(method, url, headers, body) as answer:
            return await _read(answer, max_bytes)

    @asynccontextmanager
    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            # Parsed once, by who connects: what two parsers read differently would be checked as one thing and asked as another.
            parsed = URL(url)
            if self._hosts is not None:
                self._hosts.check(parsed.scheme, parsed.host or "", parsed.port or 0, bool(parsed.user or parsed.password))
            async with self._session.request(method, parsed, data=body, headers=headers, allow_redirects=False) as answer:
                yield answer
        except NotListed as error:
            raise FetchFailed("fetch.private" if isinstance(error, PrivateAddress) else "fetch.not_listed", str(error)) from None
        except TimeoutError:
            raise FetchFailed("fetch.timeout", "") from None
        except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
            raise FetchFailed("fetch.unreachable", f"{type(error).__name__}: {error}"[:200]) from None


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> Fetched:
    marks = answer.headers.get("ETag", "")[:200], answer.headers.get("Last-Modified", "")[:100]
    if answer.status == 304:
        return Fetched(None, *marks)
    _check_redirect(answer)
    if answer.status != 200:
        raise FetchFailed("fetch.status", str(answer.status))
    return Fetched(await _octets(answer, max_bytes), *marks)


def _check_redirect(answer: aiohttp.ClientResponse) -> None:
    if 300 <= answer.status < 400:
        raise FetchFailed("fetch.redirect", answer.headers.get("Location", "")[:200])


async def _octets(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if (answer.content_length or 0) > max_bytes:
        raise FetchFailed("fetch.too_large", f"{answer.content_length} bytes")
    octets = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE_BYTES):
        octets += piece
        if len(octets) > max_bytes:
            raise FetchFailed("fetch.too_large", f"more than {max_bytes} bytes")
    return bytes(octets)


class _Resolver(AbstractResolver):
    """What is connected to is what was checked: a name cannot stand for something else a moment later."""

    def __init__(self, hosts: Hosts | None) -> None:
        self._hosts = hosts
        self._system = ThreadedResolver(asyncio.get_running_loop())

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        if self._hosts is not None:
            for one in found:
                self._hosts.check_address(one["host"], port)
        return found

    async def close(self) -> None:
        await self._system.close()
