"""What one agency's system asks of the hub, over HTTP. Whatever may be tried again is tried again, with the same bytes."""

import asyncio
import base64
import random
import time
from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

import aiohttp
import msgspec
from yarl import URL

from contracts import wire
from contracts.envelope import Envelope
from contracts.receipt import Receipt
from lgsp.demo.evidence import Account, Difference, Road
from lgsp.demo.sandbox import Member

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 2.0
_ANSWER_S = 30.0
_TUS = {"Tus-Resumable": "1.0.0"}
_CHUNK_BYTES = 16 * 1024  # small, so that a few tens of kilobytes show how an upload goes on
_JSON, _NDJSON = "application/json", "application/x-ndjson"


class HubUnreachable(Exception):
    """The hub did not answer for as long as the system was willing to try."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as a caller sees it (RFC 9457), as much of it as the demo shows."""

    code: str
    status: int
    title_vi: str
    title: str = ""
    title_en: str = ""
    detail: str = ""
    field: str = ""
    remedy_vi: str = ""
    remedy: str = ""
    remedy_en: str = ""
    signed: str = ""
    retryable: bool = False

    @property
    def english(self) -> str:
        """A refusal inside a batch calls it `title_en`."""
        return self.title or self.title_en

    @property
    def english_remedy(self) -> str:
        return self.remedy or self.remedy_en


Reply = Receipt | Problem


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a mailbox, as much of it as a recipient needs to fetch it."""

    delivery_id: int


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    entries: list[Entry]


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str


class _Answer(NamedTuple):
    status: int
    octets: bytes
    headers: Mapping[str, str]


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    receipt: Receipt | None = None
    refusal: Problem | None = None
    retry_after_s: float = 0.0


class _Account(msgspec.Struct, frozen=True, kw_only=True):
    total: Account
    differences: tuple[Difference, ...]


_encode = msgspec.json.Encoder().encode
_account = msgspec.json.Decoder(_Account)
_token = msgspec.json.Decoder(_Token)
_receipt = msgspec.json.Decoder(Receipt)
_problem = msgspec.json.Decoder(Problem)
_page = msgspec.json.Decoder(_Page)
_line = msgspec.json.Decoder(_Line)


class HubClient:
    """One agency's. `patience_s` bounds how long one request is tried again while the hub is away or full.

    Every method raises HubUnreachable.
    """

    road: Road = "mailbox"  # by which its deliveries come

    def __init__(self, session: aiohttp.ClientSession, hub_url: str, member: Member, patience_s: float) -> None:
        self._session = session
        self._hub_url = hub_url.rstrip("/")
        self._member = member
        self._patience_s = patience_s
        self._authorization = ""
        self._signing_in = asyncio.Lock()

    async def sign_in(self) -> None:
        """Client credentials for an access token (RFC 6749, section 4.4)."""
        async with self._signing_in:
            if not self._authorization:
                form = {
                    "grant_type": "client_credentials",
                    "client_id": self._member.client_id,
                    "client_secret": self._member.client_secret,
                }
                status, octets, _ = await self._patiently("POST", "/oauth/token", data=form)
                if status != 200:
                    raise HubUnreachable(f"{self._member.client_id} may not sign in: {octets[:200]!r}")
                self._authorization = f"Bearer {_token.decode(octets).access_token}"

    async def send(self, octets: bytes) -> Reply:
        """One envelope."""
        status, answer, _ = await self._signed_in("POST", "/v1/envelopes", octets, _JSON)
        return _receipt.decode(answer) if status in (200, 202) else _problem.decode(answer)

    async def submit(self, envelope: Envelope) -> Reply:
        """The same, for who has not written it down."""
        return await self.send(wire.render(envelope))

    async def send_batch(self, envelopes: Sequence[bytes]) -> list[Reply]:
        """Many in one request; one reply for each. Lines that may come again later are sent again."""
        replies: dict[int, Reply] = {}
        end = time.monotonic() + self._patience_s
        while True:
            left = [place for place in range(len(envelopes)) if place not in replies]
            answers = await self._send_lines([envelopes[place] for place in left])
            for place, answer in zip(left, answers, strict=False):
                reply = answer.receipt or answer.refusal
                if reply is not None and (isinstance(reply, Receipt) or not reply.retryable):
                    replies[place] = reply
            if len(replies) == len(envelopes):
                return [replies[place] for place in range(len(envelopes))]
            wait_s = max(_LONGEST_PAUSE_S, *(answer.retry_after_s for answer in answers))
            if time.monotonic() + wait_s > end:
                raise HubUnreachable("the hub did not take the whole batch")
            await asyncio.sleep(wait_s)

    async def mailbox(self, limit: int, wait_s: float) -> list[Entry]:
        """What waits, oldest first; waits for the first when there is nothing."""
        path = f"/v1/mailbox?limit={limit}&wait_s={wait_s:g}"
        status, answer, _ = await self._signed_in("GET", path, answer_s=wait_s + _ANSWER_S)
        return _page.decode(_expected(status, 200, answer)).entries

    async def fetch(self, delivery_id: int) -> bytes:
        """The document of one delivery."""
        status, answer, _ = await self._signed_in("GET", f"/v1/mailbox/{delivery_id}")
        return _expected(status, 200, answer)

    async def acknowledge(self, delivery_ids: Sequence[int]) -> None:
        """They are safe here; the hub may forget them."""
        items = [{"delivery_id": delivery_id} for delivery_id in delivery_ids]
        status, answer, _ = await self._signed_in("POST", "/v1/mailbox/acknowledge", _encode({"items": items}), _JSON)
        _expected(status, 200, answer)

    async def upload(self, octets: bytes, digest: str) -> None:
        """By tus 1.0, in chunks; what the hub has already is not sent again after a broken connection."""
        metadata = f"digest {base64.b64encode(digest.encode()).decode()}"
        announced = {"Upload-Length": f"{len(octets)}", "Upload-Metadata": metadata}
        created = await self._signed_in("POST", "/v1/attachments", more=_TUS | announced)
        _expected(created.status, 201, created.octets)
        path, offset = URL(created.headers["Location"]).path, 0
        while offset < len(octets):
            chunk, at = octets[offset : offset + _CHUNK_BYTES], {"Upload-Offset": f"{offset}"}
            answer = await self._signed_in("PATCH", path, chunk, "application/offset+octet-stream", more=_TUS | at)
            if answer.status in (409, 423):  # what was sent before the connection broke has arrived, or is still being written
                await asyncio.sleep(_FIRST_PAUSE_S)
                answer = await self._signed_in("HEAD", path, more=_TUS)
            if answer.status not in (200, 204):
                raise HubUnreachable(f"HTTP {answer.status}: {answer.octets[:200]!r}")
            offset = int(answer.headers["Upload-Offset"])

    async def attachment(self, digest: str) -> bytes:
        """A file that this agency was sent."""
        answer = await self._signed_in("GET", f"/v1/attachments/{digest}")
        return _expected(answer.status, 200, answer.octets)

    async def postal_account(self, day: date) -> Account:
        """What the hub made of a day with the post."""
        status, answer, _ = await self._signed_in("GET", f"/v1/postal/reconciliation?day={day.isoformat()}")
        found = _account.decode(_expected(status, 200, answer))
        differences = tuple(one for one in found.differences if one.severity != "warning")
        return msgspec.structs.replace(found.total, differences=differences)

    async def metrics(self) -> str | None:
        """Prometheus text; None when the hub offers none here."""
        status, answer, _ = await self._patiently("GET", "/metrics")
        return answer.decode() if status == 200 else None

    async def log_keys(self) -> list[str]:
        """Of the hub's log, the one that signs first; empty where it has none."""
        status, answer, _ = await self._patiently("GET", "/log/vkey")
        return answer.decode().splitlines() if status == 200 else []

    async def _send_lines(self, lines: Sequence[bytes]) -> list[_Line]:
        """May be shorter than `lines` when the answer broke off: what is missing is sent again."""
        status, answer, _ = await self._signed_in("POST", "/v1/envelopes:batch", b"\n".join(lines), _NDJSON)
        return [_line.decode(line) for line in _expected(status, 200, answer).splitlines()]

    async def _signed_in(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        media_type: str | None = None,
        answer_s: float = _ANSWER_S,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> "_Answer":
        """A token that ran out is renewed once. `more`: further headers."""
        await self.sign_in()
        used = self._authorization
        headers = self._headers(media_type) | dict(more)
        answer = await self._patiently(method, path, data=body, headers=headers, answer_s=answer_s)
        if answer.status != 401:
            return answer
        if self._authorization == used:
            self._authorization = ""
        await self.sign_in()
        headers = self._headers(media_type) | dict(more)
        return await self._patiently(method, path, data=body, headers=headers, answer_s=answer_s)

    def _headers(self, media_type: str | None) -> dict[str, str]:
        return {"Authorization": self._authorization} | ({"Content-Type": media_type} if media_type else {})

    async def _patiently(
        self,
        method: str,
        path: str,
        *,
        data: bytes | dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        answer_s: float = _ANSWER_S,
    ) -> "_Answer":
        """Tries until there is an answer that another attempt would not change: 429 and 5xx mean later (RFC 9110, 15.6), not
        before Retry-After where that is said."""
        end, pause_s = time.monotonic() + self._patience_s, _FIRST_PAUSE_S
        while True:
            timeout, told_s = aiohttp.ClientTimeout(total=answer_s), 0.0
            try:
                async with self._session.request(
                    method, self._hub_url + path, data=data, headers=headers, timeout=timeout
                ) as response:
                    answer = await response.read()
                if response.status < 500 and response.status != 429:
                    return _Answer(response.status, answer, response.headers)
                why = f"HTTP {response.status}"
                told_s = _seconds_in(response.headers.get("Retry-After", ""))
            except (aiohttp.ClientError, TimeoutError) as error:
                why = f"{type(error).__name__}: {error}"
            if time.monotonic() + max(told_s, pause_s) > end:
                raise HubUnreachable(f"{method} {path}: {why}")
            await asyncio.sleep(told_s + pause_s * random.uniform(0.5, 1))  # noqa: S311  (spreads callers, keeps no secret)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _seconds_in(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else 0.0


def _expected(status: int, wanted: int, answer: bytes) -> bytes:
    if status != wanted:
        raise HubUnreachable(f"HTTP {status}: {answer[:200]!r}")
    return answer
