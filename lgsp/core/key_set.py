"""The hub's own keys: which one signs, which are published for those who verify, and what may be done with them.

A key is made (next: published, so that partners know it before they meet it), signs from a stated moment (current), and stays
published after another one of its purpose has taken over (retired), until a date. Everything is a function of the set and the
time: all processes that read the same set change over at the same moment, without being told.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

import msgspec

from lgsp.errors import LgspError
from signing.keys import Algorithm

KEPT = timedelta(days=3660)  # how long a retired key stays published, unless somebody says otherwise: ten years
NOTICE = timedelta(minutes=15)  # between making a key and signing with it: partners keep the key set for five minutes


class KeyMisuse(LgspError):
    """What was asked for would leave the hub without a key, or sign with one that nobody could verify."""


class Purpose(StrEnum):
    """No key has two: what one signs can never be passed off as what another does."""

    STATEMENTS = "statements"  # JWS: receipts, refusals, statuses
    RECEIPTS = "receipts"  # XAdES, with a certificate
    LOG = "log"  # heads of the evidence log (C2SP signed-note)


class KeyState(StrEnum):
    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"  # no longer published: what it signed is no longer to be believed, or no longer asked about


ALGORITHMS: dict[Purpose, tuple[Algorithm, ...]] = {  # the first is the default
    Purpose.STATEMENTS: (Algorithm.ED25519,),
    Purpose.RECEIPTS: (Algorithm.ECDSA_P256_SHA256, Algorithm.RSA_SHA256, Algorithm.ECDSA_P384_SHA384),
    Purpose.LOG: (Algorithm.ED25519,),
}


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key without its private half. `public`: DER of SubjectPublicKeyInfo. `token_label`: of a key in a PKCS#11 token;
    empty: `<name>.pem` beside the set. `certificates`: DER, that of the key first. Times are aware."""

    name: str
    purpose: Purpose
    algorithm: Algorithm
    public: bytes
    made_at: datetime
    token_label: str = ""
    certificates: tuple[bytes, ...] = ()
    signs_from: datetime | None = None
    retired_at: datetime | None = None  # by hand: the private half is gone
    published_until: datetime | None = None


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """All keys there ever were, in the order in which they were made."""

    format: Literal[1] = 1
    keys: tuple[KeyRecord, ...] = ()

    def named(self, name: str) -> KeyRecord:
        """Raises KeyMisuse."""
        for one in self.keys:
            if one.name == name:
                return one
        raise KeyMisuse(f"there is no key {name}; there are: {', '.join(one.name for one in self.keys) or 'none'}")

    def current(self, purpose: Purpose, now: datetime) -> KeyRecord | None:
        """The one that signs: of those whose time has come the one whose time came last; at the same time, the newest."""
        due = [one for one in reversed(self.keys) if one.purpose == purpose and one.retired_at is None and _begun(one, now)]
        return max(due, key=_begin, default=None)

    def state(self, record: KeyRecord, now: datetime) -> KeyState:
        if record == self.current(record.purpose, now):
            return KeyState.CURRENT
        until = self.published_until(record, now)
        if until is not None and until <= now:
            return KeyState.WITHDRAWN
        return KeyState.RETIRED if record.retired_at is not None or _begun(record, now) else KeyState.NEXT

    def published_until(self, record: KeyRecord, now: datetime) -> datetime | None:
        """None: no end is in sight."""
        if record.published_until is not None or not _begun(record, now):
            return record.published_until
        heirs = [_begin(one) for one in self.keys if one.purpose == record.purpose and one is not record and _begun(one, now)]
        heirs = [begin for begin in heirs if begin >= _begin(record)] if record != self.current(record.purpose, now) else []
        return min(heirs) + KEPT if heirs else None

    def published(self, now: datetime) -> tuple[KeyRecord, ...]:
        """What those who verify need, and will need."""
        return tuple(one for one in self.keys if self.state(one, now) is not KeyState.WITHDRAWN)

    def signing(self, now: datetime) -> tuple[KeyRecord, ...]:
        """Those whose private half may be asked for, now or later."""
        return tuple(one for one in self.keys if one.retired_at is None and self.state(one, now) is not KeyState.WITHDRAWN)


def added(
    keys: KeySet, purpose: Purpose, algorithm: Algorithm, public: bytes, now: datetime, token_label: str = ""
) -> tuple[KeySet, KeyRecord]:
    """A new key does not sign yet. Raises KeyMisuse."""
    if algorithm not in ALGORITHMS[purpose]:
        raise KeyMisuse(f"a key for {purpose} is of {' or '.join(ALGORITHMS[purpose])}, not {algorithm}")
    if any(one.public == public for one in keys.keys):
        raise KeyMisuse("this key is in the set already")
    name = f"{purpose}-{1 + sum(one.purpose == purpose for one in keys.keys)}"
    record = KeyRecord(
        name=name,
        purpose=purpose,
        algorithm=algorithm,
        public=public,
        made_at=now,
        token_label=token_label,
    )
    return msgspec.structs.replace(keys, keys=(*keys.keys, record)), record


def activated(keys: KeySet, name: str, at: datetime | None, now: datetime) -> KeySet:
    """Signs from `at`; by default as soon as everybody can know it. Raises KeyMisuse."""
    record = keys.named(name)
    if record.retired_at is not None or keys.state(record, now) is KeyState.WITHDRAWN:
        raise KeyMisuse(f"{name} is retired and cannot sign any more; make a new one: lgsp key new {record.purpose}")
    if record.purpose is Purpose.RECEIPTS and not record.certificates:
        raise KeyMisuse(f"{name} has no certificate yet: lgsp key request {name}, then lgsp key certificate {name} FILE")
    known = record.made_at if keys.current(record.purpose, now) is None else record.made_at + NOTICE
    return _replaced(keys, record, signs_from=max(now, known if at is None else at))


def retired(keys: KeySet, name: str, until: datetime | None, now: datetime) -> KeySet:
    """Never signs again; published until `until`, by default ten years from now. Raises KeyMisuse."""
    record = keys.named(name)
    if keys.state(record, now) is KeyState.CURRENT:
        raise KeyMisuse(f"{name} signs now; let another key take over: lgsp key new {record.purpose}, lgsp key activate NAME")
    return _replaced(keys, record, retired_at=record.retired_at or now, published_until=now + KEPT if until is None else until)


def certified(keys: KeySet, name: str, certificates: tuple[bytes, ...]) -> KeySet:
    """With its chain, which was checked to be of this key. Raises KeyMisuse."""
    record = keys.named(name)
    if record.purpose is not Purpose.RECEIPTS:
        raise KeyMisuse(f"{name} signs statements, which carry the name of a key and no certificate")
    return _replaced(keys, record, certificates=certificates)


def _begin(record: KeyRecord) -> datetime:
    assert record.signs_from is not None
    return record.signs_from


def _begun(record: KeyRecord, now: datetime) -> bool:
    return record.signs_from is not None and record.signs_from <= now


def _replaced(keys: KeySet, record: KeyRecord, **changes: object) -> KeySet:
    changed = msgspec.structs.replace(record, **changes)
    return msgspec.structs.replace(keys, keys=tuple(changed if one is record else one for one in keys.keys))
