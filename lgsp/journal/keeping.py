"""What a store does about keeping, archiving and erasing. Pure: rows in, values and decisions out; in the order of the columns
that every store selects."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Literal, NamedTuple

from msgspec.structs import replace

from contracts.agency import AgencyCode
from lgsp.core.retention import KEEP_THEIR_DETAIL, Kept, KeptFile
from lgsp.journal.acceptance import Written
from lgsp.journal.codec import EventRow, maybe_moment, moment_of
from lgsp.journal.leaves import action
from lgsp.ports import Archive, Erased, Erasure

BEING_DELETED = "this file is being deleted just now; upload it again in some minutes"
OWN_WORDS = tuple(sorted(KEEP_THEIR_DETAIL))


class Stage(IntEnum):
    """Of a file to which no envelope refers; the number is stored."""

    CLOSED = 0
    DELETING = 1
    DELETED = 2


class KeptRow(NamedTuple):
    """Of an envelope, with what was erased of it; `archive` only when that was taken over."""

    sequence: int
    sender: str
    message_id: str
    kind: str
    accepted_at: int
    body_bytes: int
    archive: int | None
    body_erased_at: int | None
    files_erased_at: int | None


class EndRow(NamedTuple):
    """Of a delivery."""

    sequence: int
    recipient: str
    ended_at: int | None
    replayable: bool


class FileRow(NamedTuple):
    """Of an attachment of an envelope."""

    sequence: int
    digest: str
    size_bytes: int


class Plan(NamedTuple):
    """What one erasure does, and the answer."""

    kept: Kept | None
    body: bool
    files: bool
    events: tuple[EventRow, ...]
    answer: Erased


def kept_of(rows: Iterable[KeptRow], ends: Iterable[EndRow], files: Iterable[FileRow]) -> list[Kept]:
    """Deliveries and files of these envelopes may come in any order."""
    ends_of: dict[int, list[EndRow]] = {}
    for end in ends:
        ends_of.setdefault(end.sequence, []).append(end)
    files_of: dict[int, list[KeptFile]] = {}
    for file in files:
        files_of.setdefault(file.sequence, []).append(KeptFile(file.digest, file.size_bytes))
    return [_kept(row, ends_of.get(row.sequence, ()), files_of.get(row.sequence, ())) for row in rows]


def plans(found: Iterable[Kept], batch: Sequence[Erasure], now_us: int) -> list[Plan]:
    """One after the other, so that what is asked twice is done once."""
    known = {one.sequence: one for one in found}
    made = []
    for wanted in batch:
        one = _plan(known.get(wanted.sequence), wanted, now_us)
        if one.kept is not None:
            known[wanted.sequence] = replace(
                one.kept,
                body_erased_at=moment_of(now_us) if one.body else one.kept.body_erased_at,
                files_erased_at=moment_of(now_us) if one.files else one.kept.files_erased_at,
            )
        made.append(one)
    return made


def attached(rows: Iterable[Written]) -> list[FileRow]:
    """Which envelopes refer to which files."""
    return sorted({FileRow(one.envelope.sequence, file.digest, file.size_bytes) for one in rows for file in one.access})


def request_actions(batch: Sequence[Erasure], made: Sequence[Plan], now_us: int) -> list[bytes]:
    """What somebody did by hand stands in the log under its name: the leaves."""
    return [
        action("erased", moment_of(now_us), subject=str(wanted.sequence), by=wanted.operator)
        for wanted, one in zip(batch, made, strict=True)
        if wanted.operator and one.events
    ]


def archive_action(number: int, sha256: str, now_us: int) -> bytes:
    """The leaf that names a file which was taken over."""
    return action("archived", moment_of(now_us), subject=str(number), digest=sha256)


def archive_of(
    number: int, folder: str, envelopes: int, begun_at: int, previous: str | None, sha256: str | None, done_at: int | None
) -> Archive:
    """From the columns of `archives`."""
    return Archive(
        number=number,
        folder=folder,
        envelopes=envelopes,
        begun_at=moment_of(begun_at),
        previous=previous,
        sha256=sha256,
        done_at=maybe_moment(done_at),
    )


def _kept(row: KeptRow, ends: Sequence[EndRow], files: Sequence[KeptFile]) -> Kept:
    return Kept(
        sequence=row.sequence,
        sender=AgencyCode(row.sender),
        message_id=row.message_id,
        kind=row.kind,
        recipients=tuple(dict.fromkeys(AgencyCode(one.recipient) for one in ends)),
        accepted_at=moment_of(row.accepted_at),
        ended_at=_ended_at(row, ends),
        replayable=any(one.replayable for one in ends),
        body_bytes=row.body_bytes,
        files=tuple(files),
        archive=row.archive,
        body_erased_at=maybe_moment(row.body_erased_at),
        files_erased_at=maybe_moment(row.files_erased_at),
    )


def _ended_at(row: KeptRow, ends: Sequence[EndRow]) -> datetime | None:
    """Of an envelope without deliveries, when it was accepted."""
    moments = [one.ended_at for one in ends]
    closed = [one for one in moments if one is not None]
    return None if len(closed) < len(moments) else moment_of(max(closed, default=row.accepted_at))


def _plan(kept: Kept | None, wanted: Erasure, now_us: int) -> Plan:
    """Nothing where a delivery is open or may be replayed, or where it was erased before."""
    if kept is None:
        return Plan(None, False, False, (), Erased(sequence=wanted.sequence, outcome="unknown"))
    if kept.barrier is not None:
        return Plan(kept, False, False, (), Erased(sequence=kept.sequence, outcome=kept.barrier))
    body, files = wanted.body and kept.has_body, wanted.files and kept.has_files
    names = [name for name, gone in (("body_erased", body), ("files_erased", files)) if gone]
    told = tuple(EventRow(now_us, name, kept.sequence, None, reason=wanted.reason, detail=wanted.detail) for name in names)
    outcome: Literal["erased", "nothing"] = "erased" if names else "nothing"
    return Plan(
        kept, body, files, told, Erased(sequence=kept.sequence, outcome=outcome, body_bytes=kept.body_bytes if body else 0)
    )
