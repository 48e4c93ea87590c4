"""Who has this client id and proves it: by its secret, or by a MAC under it. Guessing is slowed down."""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from contracts.text import is_plain_token
from lgsp.errors import Unavailable
from lgsp.http.client_secret import DUMMY_HASH, check_mac, check_secret
from lgsp.ports import Credential, DirectoryStore

MAX_ID_CHARS = 128
MAX_SECRET_CHARS = 512

_HASHES_AT_ONCE = 2  # each costs 16 MiB and a core for some 40 ms
_HASHES_WAITING = 200
_MAX_FAILURES = 10
_FAILURE_WINDOW = timedelta(seconds=60)
_MAX_REMEMBERED = 10_000
_REMEMBERED_FOR = timedelta(seconds=60)

Culprit = tuple[str, str]  # client id and address


class Throttled(Unavailable):
    """Too many failures of this client from this address; its secret is not even looked at."""

    code = "auth.throttled"

    def __init__(self, wait_s: int) -> None:
        self.retry_after_s = wait_s
        super().__init__(f"{_MAX_FAILURES} failed attempts within {_FAILURE_WINDOW.total_seconds():g} s")


class CheckerBusy(Unavailable):
    """As many secrets wait to be checked as one wants to hold."""

    code = "hub.overloaded"
    retry_after_s = 2


class Clients:
    """`token_key`: see `lgsp.http.client_secret`."""

    def __init__(self, store: DirectoryStore, token_key: bytes, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._token_key = token_key
        self._clock = clock
        self._failures = Failures()
        self._proved = Proved()
        self._slots = asyncio.Semaphore(_HASHES_AT_ONCE)
        self._waiting = 0

    async def by_secret(self, client_id: str, secret: str, address: str) -> Credential | None:
        """None: unknown client, wrong secret, or disabled; all take the same time. Raises Throttled, CheckerBusy or
        JournalUnavailable."""
        self._check_failures((client_id, address))
        credential = await self._credential(client_id)
        matches = await self._matches(credential, secret)
        return self._judged(credential, matches, (client_id, address))

    async def by_secret_again(self, client_id: str, secret: str, address: str) -> Credential | None:
        """The same, for protocols that send the secret with every call: what was right a minute ago is not hashed again, but a
        credential that was changed or disabled counts at once."""
        credential = await self._credential(client_id)
        if credential is not None and not credential.disabled:
            proof = _proof(secret, credential.secret_hash)
            if self._proved.knows(proof, self._clock()):
                return credential
            found = await self.by_secret(client_id, secret, address)
            if found is not None and found.secret_hash == credential.secret_hash:
                self._proved.add(proof, self._clock())
            return found
        return await self.by_secret(client_id, secret, address)

    async def by_mac(self, client_id: str, message: bytes, mac: bytes, address: str) -> Credential | None:
        """`mac`: HMAC-SHA256 of `message` under the secret. As `by_secret`."""
        self._check_failures((client_id, address))
        credential = await self._credential(client_id)
        hashed = DUMMY_HASH if credential is None else credential.secret_hash
        return self._judged(credential, check_mac(message, mac, hashed, self._token_key, client_id), (client_id, address))

    def _check_failures(self, culprit: Culprit) -> None:
        if (wait_s := self._failures.wait_s(culprit, self._clock())) > 0:
            raise Throttled(wait_s)

    async def _credential(self, client_id: str) -> Credential | None:
        return await self._store.credential(client_id) if is_plain_token(client_id, MAX_ID_CHARS) else None

    def _judged(self, credential: Credential | None, matches: bool, culprit: Culprit) -> Credential | None:
        if matches and credential is not None and not credential.disabled:
            self._failures.forget(culprit)
            return credential
        self._failures.count(culprit, self._clock())
        return None

    async def _matches(self, credential: Credential | None, secret: str) -> bool:
        usable = credential is not None and not credential.disabled
        hashed = credential.secret_hash if credential is not None and usable else DUMMY_HASH
        if self._waiting >= _HASHES_WAITING:
            raise CheckerBusy("too many secrets wait to be checked")
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(check_secret, secret[:MAX_SECRET_CHARS], hashed) and usable
        finally:
            self._waiting -= 1


class Failures:
    """Failed attempts per client and address: a stranger who guesses does not lock the real client out from elsewhere."""

    def __init__(self) -> None:
        self._counts: OrderedDict[Culprit, tuple[datetime, int]] = OrderedDict()

    def wait_s(self, culprit: Culprit, now: datetime) -> int:
        """Seconds until the next attempt is looked at; 0 for now."""
        since, count = self._counts.get(culprit, (now, 0))
        left_s = (since + _FAILURE_WINDOW - now).total_seconds()
        return max(1, round(left_s)) if count >= _MAX_FAILURES and left_s > 0 else 0

    def count(self, culprit: Culprit, now: datetime) -> None:
        since, count = self._counts.pop(culprit, (now, 0))
        self._counts[culprit] = (now, 1) if now - since > _FAILURE_WINDOW else (since, count + 1)
        while len(self._counts) > _MAX_REMEMBERED:
            self._counts.popitem(last=False)

    def forget(self, culprit: Culprit) -> None:
        self._counts.pop(culprit, None)


class Proved:
    """Secrets that were right a moment ago, as digests under a key of this process."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, datetime] = OrderedDict()

    def knows(self, proof: bytes, now: datetime) -> bool:
        return self._until.get(proof, now) > now

    def add(self, proof: bytes, now: datetime) -> None:
        self._until[proof] = now + _REMEMBERED_FOR
        while len(self._until) > _MAX_REMEMBERED:
            self._until.popitem(last=False)


_OWN_KEY = secrets.token_bytes(32)


def _proof(secret: str, hashed: str) -> bytes:
    said = f"{hashed} {secret[:MAX_SECRET_CHARS]}".encode("utf-8", "surrogatepass")  # headers hold whatever octets strangers send
    return hashlib.blake2b(said, key=_OWN_KEY, digest_size=32).digest()
