"""An agency's system as a client of the hub: it asks with the same octets until it is answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import aiohttp
import msgspec

from contracts.receipt import Receipt, Refusal
from tests.crash.agencies import SECRET

_PAUSE_S = 0.05
_PATIENCE_S = 20.0  # for one answer; a hub that is silent for longer is asked again
_DONE, _TAKEN = 200, 202
_LATER = (429, 503)  # this client does not wait for Retry-After: the hub has to bear that too
_SIGN_IN = 401  # the token has run out
_REFUSED = {"result": "refused", "reason": "không thuộc thẩm quyền"}
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


class _Problem(msgspec.Struct):
    code: str = ""


class _Page(msgspec.Struct):
    entries: list[_Entry]


_token = msgspec.json.Decoder(_Token)
_receipt = msgspec.json.Decoder(Receipt)
_line = msgspec.json.Decoder(_Line)
_page = msgspec.json.Decoder(_Page)
_problem = msgspec.json.Decoder(_Problem)


class Client:
    """Never gives up; raises WrongAnswer. `turned_away` counts the codes with which it is told to come back later."""

    def __init__(self, session: aiohttp.ClientSession, url: str, code: str, turned_away: Counter[str]) -> None:
        self._session = session
        self._url = url
        self._code = code
        self._turned_away = turned_away
        self._headers: dict[str, str] = {}

    async def sign_in(self) -> None:
        """Before anything else, and again when told so."""
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

    async def acknowledge(self, wanted: Mapping[int, bool]) -> None:
        """By delivery id; what is not wanted is refused."""
        items = [{"delivery_id": one, **({} if wants else _REFUSED)} for one, wants in wanted.items()]
        octets = msgspec.json.encode({"items": items})
        await self._ask("POST", "/v1/mailbox/acknowledge", octets=octets, media_type="application/json")

    async def _send_lines(self, lines: Sequence[bytes], took: Callable[[Receipt], None]) -> list[bytes]:
        """What of it has no receipt."""
        left: list[bytes] = []
        answered = 0
        try:
            async with self._request("POST", "/v1/envelopes:batch", b"\n".join(lines), "application/x-ndjson") as response:
                if response.status != _DONE:
                    await self._later(response.status, await response.read())
                    return list(lines)
                while (octets := await response.content.readline()).endswith(b"\n"):
                    line = _line.decode(octets)
                    if line.receipt is not None:
                        took(line.receipt)
                    elif line.refusal is not None and line.refusal.status in _LATER:
                        self._turned_away[line.refusal.code] += 1
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
                if response.status in (_DONE, _TAKEN):
                    return answer
                await self._later(response.status, answer)
            except _AWAY:
                pass  # not there: as if it had said 503
            await asyncio.sleep(_PAUSE_S)

    def _request(
        self, method: str, path: str, data: bytes | dict[str, str] | None, media_type: str
    ) -> "aiohttp.client._RequestContextManager":
        known = {} if isinstance(data, dict) else self._headers  # a form brings its own credentials
        headers = known | ({"Content-Type": media_type} if media_type else {})
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        return self._session.request(method, self._url + path, data=data, headers=headers, timeout=timeout)

    async def _later(self, status: int, answer: bytes) -> None:
        """Returns when asking again makes sense. Raises WrongAnswer when it does not."""
        if status == _SIGN_IN and self._headers:
            await self.sign_in()
        elif status in _LATER:
            self._turned_away[_problem.decode(answer).code] += 1
        else:
            raise WrongAnswer(f"HTTP {status}: {answer[:500]!r}")
