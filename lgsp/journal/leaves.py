"""Which leaves of the log tell what the journal writes. Pure: rows in, records and leaves out."""

import getpass
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from lgsp.core.directory import Agency
from lgsp.core.log.frontier import Appended, Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.placed import Logged, Place
from lgsp.core.log.record import MAX_SUBJECT_BYTES, SALT_BYTES, Action, Held, Moved, digest_of, encode, salted, short
from lgsp.core.replay import Replay
from lgsp.journal.codec import EventRow, OccurrenceRow, encode_agency, encode_replay, moment_of
from lgsp.ports import Credential

Row = TypeVar("Row", EventRow, OccurrenceRow)

_encode = msgspec.json.Encoder().encode


class Grown(NamedTuple):
    """Leaves as they are to be written, in their order, and the tree with them."""

    leaves: Sequence[bytes]
    appended: Appended

    @property
    def first(self) -> int:
        """The number of the first of them."""
        return self.appended.before.size

    @property
    def rows(self) -> list[tuple[int, bytes]]:
        return list(enumerate(self.leaves, self.first))

    def logged(self, place: int, salt: bytes = b"") -> Logged:
        """Of the leaf at `place` among them, with its proof."""
        index = self.first + place
        after = self.appended.after
        return Logged(
            place=Place(index, after.size, salt),
            leaf=self.leaves[place],
            hashes=self.appended.proof(index),
            before=self.appended.before,
            after=after,
        )


def grow(before: Frontier, leaves: Sequence[bytes]) -> Grown:
    return Grown(leaves, append(before, [leaf_hash(leaf) for leaf in leaves]))


def draw_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def told(before: Frontier, rows: Sequence[Row], leaf_of: Callable[[Row], bytes]) -> tuple[list[Row], Grown]:
    """Rows with the numbers of their leaves and a salt for each detail, and what tells of them. `leaf_of`: `moved` or `held`."""
    numbered = [
        one._replace(leaf_index=number, salt=draw_salt() if one.detail else None) for number, one in enumerate(rows, before.size)
    ]
    return numbered, grow(before, [leaf_of(one) for one in numbered])


def moved(one: EventRow) -> bytes:
    """The leaf of an event."""
    return encode(
        Moved(
            at=moment_of(one.at),
            name=one.name,
            sequence=one.sequence,
            delivery=one.delivery_id,
            attempt=one.attempt,
            reason=short(one.reason),
            took_ms=one.took_ms,
            detail=_of_detail(one.detail, one.salt),
        )
    )


def held(one: OccurrenceRow) -> bytes:
    """The leaf of an occurrence."""
    told, reason = _of_detail(one.detail, one.salt), short(one.reason)
    return encode(Held(at=moment_of(one.at), name=one.name, recipient=one.recipient, reason=reason, detail=told))


def _of_detail(detail: str, salt: bytes | None) -> str:
    return salted(salt, detail.encode()) if salt else ""


def action(name: str, at: datetime, *, subject: str = "", digest: str = "", version: int | None = None, by: str = "") -> bytes:
    """The leaf of what somebody did. `by`: who, where that is known better than as the user of this process."""
    by, subject = short(by or _who()), short(subject, MAX_SUBJECT_BYTES)
    return encode(Action(at=at, name=name, by=by, subject=subject, digest=digest, version=version))


def replay_action(name: str, replay: Replay, number: int, at: datetime) -> bytes:
    """The leaf of a job over dead letters."""
    return action(name, at, subject=str(number), digest=replay_digest(replay), by=replay.operator)


def replay_digest(replay: Replay) -> str:
    """Covers what was asked for, not how far it has got."""
    asked = replace(replay, replay_id=0, moved=0, expired=0, last_delivery_id=0, state="running", stepped_at=None, ended_at=None)
    return digest_of(encode_replay(asked))


def agency_action(agency: Agency, at: datetime, version: int) -> bytes:
    return action("agency_saved", at, subject=agency.code, digest=digest_of(encode_agency(agency)), version=version)


def credential_action(one: Credential, at: datetime, version: int) -> bytes:
    return action("credential_saved", at, subject=one.client_id, digest=credential_digest(one), version=version)


def credential_digest(one: Credential) -> str:
    """Covers the hash of the secret, which is salted itself."""
    return digest_of(_encode([one.client_id, one.agency, one.secret_hash, one.disabled]))


def certificate_action(name: str, fingerprint: str, agency: str, at: datetime, version: int) -> bytes:
    """`name`: certificate_saved or certificate_removed."""
    return action(name, at, subject=f"{agency} {fingerprint}", version=version)


def upload_action(digest: str, size_bytes: int, agency: str, salt: bytes, at: datetime) -> bytes:
    """Who may attach a file from now on; which file it is nobody can guess at."""
    return action("file_uploaded", at, subject=agency, digest=salted(salt, f"{digest} {size_bytes}".encode()), by=agency)


@cache
def _who() -> str:
    """The person at the keyboard, or the service."""
    with suppress(OSError, KeyError):
        return os.environ.get("SUDO_USER") or getpass.getuser()
    return "unknown"
