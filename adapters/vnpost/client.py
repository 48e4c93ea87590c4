"""Calling Vietnam Post: where its operations are, the token, and one exchange more where it had run out."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from adapters.answers import Answer
from adapters.calling import Caller, Unanswered

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MAX_REPLY_BYTES = 64 * 1024
_MAX_TOKEN_BYTES = 64 * 1024
_MAX_TOKENS = 1000
_SPARE_S = 60.0  # a token is not used in the last minute of its life
_LIFE_S = 600.0  # of a token that does not say
_MAX_LIFE_S = 24 * 3600.0

# What an operation is called below the address registered; an option of this name says it otherwise, also as a whole URL.
PATHS = {
    "ngsp": {
        "token": "token",
        "order": "postOrder",
        "document": "postDocument",
        "cancel": "cancelOrder",
        "tracking": "getOrderTracking",
    },
    "lgsp": {
        "token": "",
        "order": "order",
        "order_without_item": "orderWithoutItemCode",
        "document": "postDocument",
        "cancel": "cancelOrder",
        "tracking": "getOrderTracking",
    },
}


@dataclass(frozen=True, slots=True)
class Account:
    """How one contract is spoken for. `secret`: "key:secret" where a token is fetched, else what the header access_token says."""

    url: str
    secret: str = field(repr=False)
    shape: str = "ngsp"
    options: Mapping[str, str] = field(default_factory=dict)

    def address(self, operation: str) -> str:
        """ "" where there is no such operation."""
        path = self.options.get(operation, PATHS[self.shape].get(operation, ""))
        whole = not path or path.startswith(("http://", "https://"))
        return path if whole else f"{self.url.rstrip('/')}/{path.lstrip('/')}"


def account_of(url: str, secret: str, options: Mapping[str, str]) -> Account:
    """Raises ValueError, naming the option."""
    shape = options.get("shape", "ngsp")
    if shape not in PATHS:
        raise ValueError(f"option shape: {' or '.join(PATHS)}")
    return Account(url, secret, shape, options)


def check(url: str, secret: str, options: Mapping[str, str], *names: str) -> None:
    """Whatever can be said before an address is used. `names`: options beside the shape and where its operations are; one that
    ends in a full stop begins others. Raises ValueError, naming the option."""
    known = (*names, "shape", *PATHS[account_of(url, secret, options).shape])
    for option in options:
        if not any(option == one or (one.endswith(".") and option.startswith(one) and option != one) for one in known):
            raise ValueError(f"there is no option {option}; there are {', '.join(known)}")


class Client:
    """One shared session and the tokens fetched so far; a token is fetched once for all who wait for it."""

    def __init__(self) -> None:
        self._caller = Caller()
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}
        self._fetching: dict[tuple[str, str], asyncio.Lock] = {}

    async def close(self) -> None:
        await self._caller.close()

    async def post(self, account: Account, operation: str, message: msgspec.Struct, deadline: float) -> Answer:
        """Raises Unanswered."""
        body = msgspec.json.encode(message)
        return await self._ask(account, "POST", account.address(operation), body, deadline, MAX_REPLY_BYTES)

    async def get(self, account: Account, url: str, deadline: float, max_bytes: int) -> Answer:
        """Raises Unanswered."""
        return await self._ask(account, "GET", url, b"", deadline, max_bytes)

    async def _ask(self, account: Account, method: str, url: str, body: bytes, deadline: float, limit: int) -> Answer:
        headers, used = await self._headers(account, deadline)
        answer = await self._exchange(method, url, body, headers, deadline, limit)
        if answer.status == 401 and used and self._forget(account, used):
            headers, _ = await self._headers(account, deadline)
            answer = await self._exchange(method, url, body, headers, deadline, limit)
        return answer

    async def _exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], deadline: float, limit: int
    ) -> Answer:
        return await self._caller.ask(
            method, url, body, {"Content-Type": JSON, "Accept": JSON, **headers}, deadline=deadline, max_answer_bytes=limit
        )

    async def _headers(self, account: Account, deadline: float) -> tuple[Mapping[str, str], str]:
        """And the token that was used, if one was fetched."""
        if not account.secret:
            return {}, ""
        if not account.address("token"):
            return {"access_token": account.secret}, ""
        token = await self._token(account, deadline)
        return {"Authorization": f"Bearer {token}"}, token

    async def _token(self, account: Account, deadline: float) -> str:
        key, loop = (account.address("token"), account.secret), asyncio.get_running_loop()
        async with _by(deadline), self._fetching.setdefault(key, asyncio.Lock()):
            token, until = self._tokens.get(key, ("", 0.0))
            if until > loop.time():
                return token
            token, life_s = await self._fetch_token(account, deadline)
            if len(self._tokens) >= _MAX_TOKENS:
                self._tokens.clear()
            self._tokens[key] = token, loop.time() + max(life_s - _SPARE_S, life_s / 2)
            return token

    async def _fetch_token(self, account: Account, deadline: float) -> tuple[str, float]:
        """OAuth 2.0, client credentials (RFC 6749, 4.4), Basic. Raises Unanswered."""
        answer = await self._caller.ask(
            "POST",
            account.address("token"),
            b"grant_type=client_credentials",
            {
                "Content-Type": FORM,
                "Accept": JSON,
                "Authorization": f"Basic {base64.b64encode(account.secret.encode()).decode()}",
            },
            deadline=deadline,
            max_answer_bytes=_MAX_TOKEN_BYTES,
        )
        if answer.status in (400, 401, 403):
            raise Unanswered("delivery.server_error", f"the token was refused: HTTP {answer.status}")
        if not 200 <= answer.status < 300:
            raise Unanswered("delivery.server_error", f"no token: HTTP {answer.status}")
        found = _object(answer.body)
        token = found.get("access_token")
        if not answer.whole or not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise Unanswered("delivery.garbled_answer", "no token in the answer to the token request")
        return token, _life_s(found.get("expires_in"))

    def _forget(self, account: Account, token: str) -> bool:
        key = account.address("token"), account.secret
        if self._tokens.get(key, ("", 0.0))[0] == token:
            del self._tokens[key]
        return True


@asynccontextmanager
async def _by(deadline: float) -> AsyncIterator[None]:
    """Waiting for a token that another delivery fetches ends at one's own deadline."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise Unanswered("delivery.timeout", "no token in time") from None


def _object(octets: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(octets, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _life_s(value: object) -> float:
    """`expires_in` as a number or a text; what cannot be one says nothing."""
    try:
        life_s = float(value)  # type: ignore[arg-type] # whatever it is
    except (TypeError, ValueError, OverflowError):
        return _LIFE_S
    return min(life_s, _MAX_LIFE_S) if life_s > 0 else _LIFE_S
