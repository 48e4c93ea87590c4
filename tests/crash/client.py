"""An agency's system as a client of the hub: it asks with the same octets until it is answered."""

import asyncio
from collections.abc import Callable, Sequence

import aiohttp
import msgspec

from contracts.receipt import Receipt, Refusal
from tests.crash.agencies import SECRET

_PAUSE_S = 0.05
_PATIENCE_S = 20.0  # for one answer; a hub that is silent for longer is asked again
_LATER = 503
_AWAY = (aiohttp.ClientError, OSError, TimeoutError)


class WrongAnswer(Exception):
    """The hub said something that no crash excuses: a refusal of good input, HTTP 500."""


class _Token(msgspec.Struct):
    access_token: str


class _Line(msgspec.Struct):
    receipt: Receipt | None = None
    refusal: Refusal | None = None


class _Entry(msgspec.Struct):
    delivery_id: int


class _Page(msgspec.Struct):
    entries: list[_Entry]


_token = msgspec.json.Decoder(_Token)
_receipt = msgspec.json.Decoder(Receipt)
_line = msgspec.json.Decoder(_Line)
_page = msgspec.json.Decoder(_Page)


class Client:
    """Never gives up; raises WrongAnswer."""

    def __init__(self, session: aiohttp.ClientSession, url: str, code: str) -> None:
        self._session = session
        self._url = url
        self._code = code
        self._headers: dict[str, str] = {}

    async def sign_in(self) -> None:
        """Before anything else."""
        form = {"grant_type": "client_credentials", "client_id": self._code, "client_secret": SECRET}
        token = _token.decode(await self._ask("POST", "/oauth/token", form=form)).access_token
        self._headers = {"Authorization": f"Bearer {token}"}

    async def send(self, octets: bytes) -> Receipt:
        return _receipt.decode(await self._ask("POST", "/v1/envelopes", octets=octets, media_type="application/json"))

    async def send_batch(self, lines: Sequence[bytes], took: Callable[[Receipt], None]) -> None:
        """Every line that has no receipt yet is sent again. `took` learns of each receipt as soon as it is there."""
        left = list(lines)
        while left:
            left = await self._send_lines(left, took)
            if left:
                await asyncio.sleep(_PAUSE_S)

    async def mailbox(self, limit: int, wait_s: float) -> list[int]:
        """Delivery ids, oldest first."""
        return [entry.delivery_id for entry in _page.decode(await self._ask("GET", f"/v1/mailbox?{limit=}&{wait_s=}")).entries]

    async def fetch(self, delivery_id: int) -> bytes:
        return await self._ask("GET", f"/v1/mailbox/{delivery_id}")

    async def acknowledge(self, delivery_ids: Sequence[int]) -> None:
        octets = msgspec.json.encode({"items": [{"delivery_id": one} for one in delivery_ids]})
        await self._ask("POST", "/v1/mailbox/acknowledge", octets=octets, media_type="application/json")

    async def _send_lines(self, lines: Sequence[bytes], took: Callable[[Receipt], None]) -> list[bytes]:
        """What of it has no receipt."""
        left: list[bytes] = []
        answered = 0
        try:
            async with self._request("POST", "/v1/envelopes:batch", b"\n".join(lines), "application/x-ndjson") as response:
                if response.status == _LATER:
                    return list(lines)
                _check(response.status, b"")
                while (octets := await response.content.readline()).endswith(b"\n"):
                    line = _line.decode(octets)
                    if line.receipt is not None:
                        took(line.receipt)
                    elif line.refusal is not None and line.refusal.status == _LATER:
                        left.append(lines[answered])
                    else:
                        raise WrongAnswer(octets.decode())
                    answered += 1
        except _AWAY:
            pass  # what was not answered goes again
        return [*left, *lines[answered:]]

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        octets: bytes | None = None,
        media_type: str = "",
        form: dict[str, str] | None = None,
    ) -> bytes:
        while True:
            try:
                async with self._request(method, path, octets or form, media_type) as response:
                    answer = await response.read()
                if response.status != _LATER:
                    _check(response.status, answer)
                    return answer
            except _AWAY:
                pass  # not there: as if it had said 503
            await asyncio.sleep(_PAUSE_S)

    def _request(
        self, method: str, path: str, data: bytes | dict[str, str] | None, media_type: str
    ) -> "aiohttp.client._RequestContextManager":
        headers = self._headers | ({"Content-Type": media_type} if media_type else {})
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        return self._session.request(method, self._url + path, data=data, headers=headers, timeout=timeout)


def _check(status: int, answer: bytes) -> None:
    if status not in (200, 202):
        raise WrongAnswer(f"HTTP {status}: {answer[:500]!r}")
