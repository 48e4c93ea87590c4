"""Erasing and archiving. Inside a transaction."""

from collections.abc import Iterable, Sequence

import msgspec

from contracts.agency import AgencyCode
from lgsp.core.lifecycle import State
from lgsp.core.retention import Kept as Found
from lgsp.errors import ArchiveUnderWay, JournalUnavailable
from lgsp.journal.codec import encode_examination, moment_of, span_us
from lgsp.journal.keeping import (
    BEING_DELETED,
    OWN_WORDS,
    EndRow,
    FileRow,
    KeptRow,
    Stage,
    archive_action,
    kept_of,
    plans,
    request_actions,
)
from lgsp.ports import Archive, Erased, Erasure, Keepsake
from tests.sim.memory import reading
from tests.sim.memory.tables import Kept, Tables


def kept(tables: Tables, these: Iterable[Kept], now_us: int) -> list[Found]:
    rows, ends, files = [], [], []
    for one in these:
        row = one.row
        gone = tables.gone.get(row.sequence, (None, None))
        number = tables.archived.get(row.sequence)
        done = number is not None and tables.archives[number - 1].sha256 is not None
        told = (row.sequence, row.sender, row.message_id, row.kind, row.accepted_at, row.body_bytes)
        rows.append(KeptRow(*told, number if done else None, *gone))
        for delivery_id in range(row.first_delivery_id, row.first_delivery_id + row.delivery_count):
            delivery = tables.deliveries[delivery_id]
            dead = delivery.state is State.DEAD and delivery.resolved_at is None and delivery.row.expires_at > now_us
            ends.append(EndRow(row.sequence, delivery.row.recipient, delivery.ended_at, dead))
        files += sorted({FileRow(row.sequence, file.digest, file.size_bytes) for file in one.envelope.attachments})
    return kept_of(rows, ends, files)


def erase(tables: Tables, batch: Sequence[Erasure], now_us: int) -> list[Erased]:
    asked = [tables.envelopes[one.sequence - 1] for one in batch if 1 <= one.sequence <= len(tables.envelopes)]
    made = plans(kept(tables, asked, now_us), batch, now_us)
    for one in made:
        if one.kept is not None and one.body:
            _erase_body(tables, one.kept.sequence, now_us)
        if one.kept is not None and one.files:
            body_at, _ = tables.gone.get(one.kept.sequence, (None, None))
            tables.gone[one.kept.sequence] = (body_at, now_us)
    for event in (event for one in made for event in one.events):
        tables.tell(event)
    tables.grow(request_actions(batch, made, now_us))
    return [
        msgspec.structs.replace(one.answer, files=_close(tables, one.kept, now_us))
        if one.kept is not None and one.files
        else one.answer
        for one in made
    ]


def open_anew(tables: Tables, digest: str) -> None:
    stage, _ = tables.closed.get(digest, (None, 0))
    if stage is Stage.DELETING:
        raise JournalUnavailable(BEING_DELETED)
    tables.closed.pop(digest, None)


def files_to_delete(tables: Tables, now_us: int, grace_s: float, limit: int) -> list[str]:
    before_us = now_us - span_us(grace_s)
    waiting = sorted((-stage, at, digest) for digest, (stage, at) in tables.closed.items() if stage is not Stage.DELETED)
    digests = [digest for stage, at, digest in waiting if -stage == Stage.DELETING or at <= before_us][:limit]
    for digest in digests:
        if tables.closed[digest][0] is Stage.CLOSED:
            tables.closed[digest] = (Stage.DELETING, now_us)
    return digests


def files_deleted(tables: Tables, digests: Sequence[str], now_us: int, grace_s: float) -> int:
    before_us = now_us - span_us(grace_s)
    known = {digest: tables.closed[digest] for digest in digests if digest in tables.closed}
    done = [digest for digest, (stage, at) in known.items() if stage is Stage.DELETING and at <= before_us]
    tables.closed |= dict.fromkeys(done, (Stage.DELETED, now_us))
    return len(done)


def begin_archive(tables: Tables, sequences: Sequence[int], folder: str, now_us: int) -> Archive:
    last = tables.archives[-1] if tables.archives else None
    if last is not None and last.sha256 is None:
        raise ArchiveUnderWay(last.number, last.folder)
    number = len(tables.archives) + 1
    reserved = [sequence for sequence in sequences if sequence not in tables.archived]
    tables.archived |= dict.fromkeys(reserved, number)
    previous = None if last is None else last.sha256
    tables.archives.append(
        Archive(number=number, folder=folder, envelopes=len(reserved), begun_at=moment_of(now_us), previous=previous)
    )
    return tables.archives[-1]


def archive_under_way(tables: Tables) -> tuple[Archive, list[int]] | None:
    if not tables.archives or tables.archives[-1].sha256 is not None:
        return None
    last = tables.archives[-1]
    return last, sorted(sequence for sequence, number in tables.archived.items() if number == last.number)


def end_archive(tables: Tables, number: int, sha256: str, now_us: int) -> Archive:
    one = tables.archives[number - 1]
    if one.sha256 is None:
        tables.grow([archive_action(number, sha256, now_us)])
        tables.archives[number - 1] = msgspec.structs.replace(one, sha256=sha256, done_at=moment_of(now_us))
    return tables.archives[number - 1]


def keepsake(tables: Tables, sequence: int) -> Keepsake | None:
    if not 1 <= sequence <= len(tables.envelopes):
        return None
    one = tables.envelopes[sequence - 1]
    events = tuple(reading.timeline(tables, (sequence,)))
    indices = {one.row.leaf_index, *(event.leaf_index for event in events if event.leaf_index is not None)}
    examination = tables.examinations.get(sequence)
    return Keepsake(
        record=reading.record_of(tables, one),
        header=one.row.header,
        salt=one.row.salt,
        body=None if tables.gone.get(sequence, (None, None))[0] is not None else one.envelope.body,
        examination=None if examination is None else encode_examination(examination),
        events=events,
        leaves={index: tables.leaves[index] for index in sorted(indices)},
    )


def _erase_body(tables: Tables, sequence: int, now_us: int) -> None:
    one = tables.envelopes[sequence - 1]
    emptied = msgspec.structs.replace(one, envelope=msgspec.structs.replace(one.envelope, body=b""))
    tables.envelopes[sequence - 1] = tables.known[one.row.sender, one.row.message_id] = emptied
    for delivery_id in range(one.row.first_delivery_id, one.row.first_delivery_id + one.row.delivery_count):
        tables.change(tables.deliveries[delivery_id], detail="")
    tables.events = [
        row._replace(detail="", salt=None) if row.sequence == sequence and row.name not in OWN_WORDS else row
        for row in tables.events
    ]
    _, files_at = tables.gone.get(sequence, (None, None))
    tables.gone[sequence] = (now_us, files_at)


def _close(tables: Tables, one: Found, now_us: int) -> int:
    """Files to which no envelope refers any more are open to nobody."""
    kept_files = {
        file.digest
        for other in tables.envelopes
        if tables.gone.get(other.row.sequence, (None, None))[1] is None
        for file in other.envelope.attachments
    }
    free = [file.digest for file in one.files if file.digest not in kept_files]
    for digest in free:
        tables.closed[digest] = (Stage.CLOSED, now_us)
        tables.shut |= {key for key in tables.files if key[0] == digest}
    return len(free)


def accessible(tables: Tables, digest: str, agency: AgencyCode) -> bool:
    return (digest, agency) in tables.files and (digest, agency) not in tables.shut
