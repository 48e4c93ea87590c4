"""What CRLs and OCSP answers said, ready to be looked up: one frozen value, made where evidence is fetched, read everywhere.

The file form is for processes of one hub that trust each other: what stands in it was verified before (`crl.py`, `ocsp.py`).
A digest tells a whole file from a torn one; whoever may write the file may say anything.
"""

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated

import msgspec
from cryptography import x509
from msgspec import Meta

MAX_SNAPSHOT_BYTES = 512 * 1024 * 1024
_MAGIC = b"lgsp revocation snapshot 1\n"
_ENTRY = struct.Struct(">21sBqq")  # serial number, reason, revoked at, invalid since: s since 1970
_SERIAL_BYTES = 21  # 20 octets (RFC 5280, 4.1.2.2) and the sign that some authorities let slip in
_REASONS = ("", *[one.value for one in x509.ReasonFlags])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_STATED = -(2**63)

Time = Annotated[datetime, Meta(tz=True)]


class Scope(StrEnum):
    """Of which certificates of its issuer a CRL speaks."""

    ALL = "all"
    END = "end"  # onlyContainsUserCerts
    CA = "ca"  # onlyContainsCACerts


class Revoked(msgspec.Struct, frozen=True):
    """`at`: revocationDate; `reason`: as RFC 5280, 5.3.1, spells it, "" when not stated; `since`: invalidityDate (5.3.2), when
    stated: the key is known or suspected to be in other hands from then on."""

    at: Time
    reason: str = ""
    since: Time | None = None


class CrlFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A CRL that was verified. `issuer`: `names.issuer_id` of who signed it; `points`: `names.point_name` of the distribution
    points it is confined to, none: to no one; `complete`: whether not being listed means anything, not so with delta lists and
    lists for some reasons; `keeps_expired_since`: X.509 expiredCertsOnCRL; `entries`: from `pack`."""

    issuer: bytes
    this_update: Time
    next_update: Time
    scope: Scope
    points: tuple[bytes, ...]
    complete: bool
    keeps_expired_since: Time | None
    entries: bytes
    octets: bytes

    def __post_init__(self) -> None:
        if len(self.issuer) != hashlib.sha256().digest_size or len(self.entries) % _ENTRY.size:
            raise ValueError("not the facts of a CRL")

    def entry(self, serial_number: int) -> Revoked | None:
        """None: not listed."""
        key = _serial(serial_number)
        count = len(self.entries) // _ENTRY.size
        index = bisect_left(range(count), key, key=self._key)
        if index == count or self._key(index) != key:
            return None
        _, reason, at_s, since_s = _ENTRY.unpack_from(self.entries, index * _ENTRY.size)
        since = None if since_s == _NOT_STATED else _time(since_s)
        return Revoked(_time(at_s), _REASONS[reason], since)

    def __len__(self) -> int:
        return len(self.entries) // _ENTRY.size

    def _key(self, index: int) -> bytes:
        return self.entries[index * _ENTRY.size : index * _ENTRY.size + _SERIAL_BYTES]


class OcspFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An OCSP answer about one certificate that was verified. `serial_number`: its, in decimal; `revoked`: None when good;
    `responder`: serial number of the responder's own certificate if that may be revoked (no id-pkix-ocsp-nocheck), or ""."""

    issuer: bytes
    serial_number: str
    this_update: Time
    next_update: Time | None
    revoked: Revoked | None
    responder: str
    octets: bytes


class _File(msgspec.Struct, frozen=True):
    made_at: Time
    crls: tuple[CrlFacts, ...]
    ocsp: tuple[OcspFacts, ...]


@dataclass(frozen=True)
class RevocationSnapshot:
    """Everything known at one time. `made_at`: when it was put together. Replaced as a whole, never changed."""

    made_at: datetime
    crls: tuple[CrlFacts, ...] = ()
    ocsp: tuple[OcspFacts, ...] = ()

    @cached_property
    def version(self) -> str:
        """Of the evidence in it: the same for the same octets, in hexadecimal."""
        octets = (*[one.octets for one in self.crls], *[one.octets for one in self.ocsp])
        digests = sorted(hashlib.sha256(one).digest() for one in octets)
        return hashlib.sha256(b"".join(digests)).hexdigest()

    def crls_of(self, issuer: bytes) -> tuple[CrlFacts, ...]:
        return self._crls.get(issuer, ())

    def answers_about(self, issuer: bytes, serial_number: int) -> tuple[OcspFacts, ...]:
        return self._answers.get((issuer, str(serial_number)), ())

    @cached_property
    def _crls(self) -> Mapping[bytes, tuple[CrlFacts, ...]]:
        found: dict[bytes, tuple[CrlFacts, ...]] = {}
        for one in self.crls:
            found[one.issuer] = (*found.get(one.issuer, ()), one)
        return found

    @cached_property
    def _answers(self) -> Mapping[tuple[bytes, str], tuple[OcspFacts, ...]]:
        found: dict[tuple[bytes, str], tuple[OcspFacts, ...]] = {}
        for one in self.ocsp:
            key = one.issuer, one.serial_number
            found[key] = (*found.get(key, ()), one)
        return found


NO_SNAPSHOT = RevocationSnapshot(_EPOCH)


def encode(snapshot: RevocationSnapshot) -> bytes:
    """The form that `decode` reads."""
    body = msgspec.msgpack.encode(_File(snapshot.made_at, snapshot.crls, snapshot.ocsp))
    return _MAGIC + hashlib.sha256(body).digest() + body


def decode(octets: bytes | memoryview) -> RevocationSnapshot:
    """`octets`: a file, or a map of it; what is needed of it is copied. Raises ValueError for anything but a whole snapshot."""
    view = memoryview(octets)
    start = len(_MAGIC) + hashlib.sha256().digest_size
    if not start < len(view) <= MAX_SNAPSHOT_BYTES or view[: len(_MAGIC)] != _MAGIC:
        raise ValueError("not a revocation snapshot")
    body = view[start:]
    if hashlib.sha256(body).digest() != view[len(_MAGIC) : start]:
        raise ValueError("a revocation snapshot that was cut or changed")
    try:
        found = msgspec.msgpack.decode(body, type=_File)
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError("not a revocation snapshot of this version") from None
    return RevocationSnapshot(found.made_at, found.crls, found.ocsp)


def pack(entries: Iterable[tuple[int, Revoked]]) -> bytes:
    """Serial numbers with what became of them, sorted. Raises ValueError for a serial number that is too long or stands twice."""
    rows = sorted(_row(serial_number, revoked) for serial_number, revoked in entries)
    if any(one[:_SERIAL_BYTES] == other[:_SERIAL_BYTES] for one, other in pairwise(rows)):
        raise ValueError("a serial number stands twice")
    return b"".join(rows)


def _row(serial_number: int, revoked: Revoked) -> bytes:
    at_s = _seconds(revoked.at)
    since_s = _NOT_STATED if revoked.since is None else _seconds(revoked.since)
    return _ENTRY.pack(_serial(serial_number), _REASONS.index(revoked.reason), at_s, since_s)


def _serial(number: int) -> bytes:
    try:
        return (number + (1 << 8 * (_SERIAL_BYTES - 1))).to_bytes(_SERIAL_BYTES)  # negative ones sort first
    except OverflowError:
        raise ValueError("a serial number of more than 20 octets") from None


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
