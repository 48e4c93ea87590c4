"""The keys in service: read once, looked after while running, and changed over at the stated moment.

A process notices a changed set within a second, whoever changed it. What it cannot read it says in the log and goes on with the
keys it has: a rotation that went wrong half-way never leaves it without one.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

import msgspec

from lgsp.core.key_set import KeyRecord, KeySet, Purpose
from lgsp.core.log.checkpoint import Checkpoint
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.note import NoteVerifier, sign_line
from lgsp.errors import LgspError, Unavailable
from lgsp.log import get_logger
from lgsp.trust.key_files import KeyFiles, KeysUnusable
from lgsp.trust.tokens import Token, TokenError
from signing.jose import JwkSet, thumbprint
from signing.jws import published, sign
from signing.keys import Signer
from signing.local_key import LocalKey

log = get_logger()

T = TypeVar("T")

_ED25519_BYTES = 32  # of the key itself, at the end of its SubjectPublicKeyInfo (RFC 8410)
_LOOK_EVERY_S = 1.0
_LEAVE_TOKEN_ALONE_S = 10.0  # after it failed: one refusal waits for its time-out, not every one


class SigningUnavailable(Unavailable):
    """The token that holds the key does not answer; what was accepted stays accepted."""

    code = "hub.signing_unavailable"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A set as it was read, and the private halves that could be had."""

    stamp: tuple[int, int] | None
    keys: KeySet
    usable: KeySet
    signers: Mapping[str, Signer]
    kids: Mapping[str, str]


class HubKeys:
    """What signs now, and what others verify by. Belongs to one process; no method waits but those that sign."""

    def __init__(self, files: KeyFiles, token: Token | None, clock: Callable[[], datetime]) -> None:
        """Raises KeysUnusable when no key for statements can be used."""
        self._files, self._token, self._clock = files, token, clock
        self._threads: ThreadPoolExecutor | None = None
        self._token_back_at = 0.0
        self._loaded = self._load()
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        if self._current(Purpose.STATEMENTS) is None:
            raise KeysUnusable(f"{files.folder}: no key for statements can be used: lgsp key list")

    def jwks(self) -> JwkSet:
        """All that is needed to verify what was signed, is signed and will be signed."""
        records = [one for one in self._fresh().keys.published(self._clock()) if one.purpose is not Purpose.LOG]
        return JwkSet(keys=[published(one.public, one.algorithm, one.certificates) for one in records])

    @property
    def kid(self) -> str:
        """The name of the key that signs statements now."""
        return self._fresh().kids[self._statements().name]

    def log_verifiers(self, origin: str) -> tuple[NoteVerifier, ...]:
        """Of heads signed under this name: the key that signs now first, then those that did before."""
        now = self._clock()
        records = [one for one in self._fresh().keys.published(now) if one.purpose is Purpose.LOG]
        current = self._loaded.keys.current(Purpose.LOG, now)
        return tuple(log_verifier(origin, one) for one in sorted(records, key=lambda one: one != current))

    @property
    def can_sign_xml(self) -> bool:
        """Whether there is a key with a certificate."""
        self._fresh()
        return self._current(Purpose.RECEIPTS) is not None

    async def statement(self, payload: bytes, typ: str) -> str:
        """A compact JWS. Raises SigningUnavailable."""
        loaded = self._fresh()
        record = self._statements()
        return await self._with(record, lambda signer: sign(payload, signer, loaded.kids[record.name], typ))

    async def checkpoint(self, origin: str, tree: Frontier) -> str:
        """The signed head of the log: C2SP tlog-checkpoint. Raises SigningUnavailable, also when there is no key for it."""
        self._fresh()
        record = self._current(Purpose.LOG)
        if record is None:
            raise SigningUnavailable("there is no key for the log: lgsp key new log")
        text = Checkpoint(origin, tree.size, tree.root).text
        signature = await self._with(record, lambda signer: signer.sign(text.encode()))
        return f"{text}\n{sign_line(origin, log_verifier(origin, record).key_id, signature)}"

    async def with_certificate(self, act: Callable[[Signer], T]) -> T:
        """What `act` makes with the key that has a certificate. Raises SigningUnavailable, also when there is none."""
        self._fresh()
        record = self._current(Purpose.RECEIPTS)
        if record is None:
            raise SigningUnavailable("there is no key with a certificate: lgsp key new receipts")
        return await self._with(record, act)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._token is not None:
            self._token.close()

    async def _with(self, record: KeyRecord, act: Callable[[Signer], T]) -> T:
        """A key of ours takes microseconds; a token milliseconds, or for ever: in a thread of its own, with a time-out."""
        signer = self._loaded.signers[record.name]
        if isinstance(signer, LocalKey):
            return act(signer)
        assert self._token is not None
        if time.monotonic() < self._token_back_at:
            raise SigningUnavailable("the token did not answer a moment ago")
        self._threads = self._threads or ThreadPoolExecutor(1, "token")
        try:
            async with asyncio.timeout(self._token.timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, act, signer)
        except (TokenError, TimeoutError) as error:
            self._token_back_at = time.monotonic() + _LEAVE_TOKEN_ALONE_S
            log.error("token.lost", key=record.name, detail=str(error) or type(error).__name__)
            raise SigningUnavailable(str(error)) from None

    def _statements(self) -> KeyRecord:
        record = self._current(Purpose.STATEMENTS)
        assert record is not None  # there was one at the start, and a set without one is not taken over
        return record

    def _current(self, purpose: Purpose) -> KeyRecord | None:
        return self._loaded.usable.current(purpose, self._clock())

    def _fresh(self) -> _Loaded:
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            self._look()
        return self._loaded

    def _look(self) -> None:
        try:
            if self._files.stamp() == self._loaded.stamp:
                return
            found = self._load()
        except (LgspError, OSError) as error:
            log.error("keys.unusable", detail=str(error))
            return
        if found.usable.current(Purpose.STATEMENTS, self._clock()) is None:
            log.error("keys.unusable", detail="no key for statements can be used")
            return
        self._loaded = found
        log.info("keys.loaded", keys=len(found.keys.keys), kid=found.kids[self._statements().name])

    def _load(self) -> _Loaded:
        """Raises KeysUnusable, OSError."""
        stamp = self._files.stamp()  # before the set: what is changed meanwhile is read once more
        keys = self._files.read()
        signers: dict[str, Signer] = {}
        for record in keys.signing(self._clock()):
            try:
                signers[record.name] = self._signer(record)
            except (LgspError, OSError) as error:
                log.error("key.unusable", key=record.name, detail=str(error))
        usable = msgspec.structs.replace(keys, keys=tuple(one for one in keys.keys if one.name in signers))
        return _Loaded(stamp, keys, usable, signers, {one.name: thumbprint(one.public) for one in keys.keys})

    def _signer(self, record: KeyRecord) -> Signer:
        """Raises KeysUnusable, TokenError, OSError."""
        if not record.token_label:
            return self._files.private(record)
        if self._token is None:
            raise KeysUnusable("it is in a token, and pkcs11_module names none")
        return self._token.signer(record)


@lru_cache(maxsize=64)
def log_verifier(origin: str, record: KeyRecord) -> NoteVerifier:
    return NoteVerifier(origin, record.public[-_ED25519_BYTES:])
