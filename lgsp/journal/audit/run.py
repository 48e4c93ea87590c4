"""The whole audit of a journal: the log against what was signed of it, then every table against the log."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import NamedTuple, TypeVar

from lgsp.core.audit.finding import Finding, finding
from lgsp.core.audit.tree import Check, Recomputed, compared, hashed, numbered, unexpected
from lgsp.core.log.checkpoint import parse_checkpoint
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.note import NoteInvalid, NoteVerifier, open_note, parse_note
from lgsp.core.log.record import Accepted, Action, Held, Moved, Record, RecordInvalid, Routed, decode
from lgsp.journal.audit import directory, telling
from lgsp.journal.audit.ahead import Ahead
from lgsp.journal.audit.derived import Derived
from lgsp.journal.audit.envelopes import Tables, envelopes
from lgsp.journal.audit.rows import Source
from lgsp.journal.codec import micros
from signing.report import Refusal
from signing.timestamps import imprint_of, verify_stamp
from signing.trust import TrustBase

T = TypeVar("T")
_OTHER_NOTE = "timestamp.imprint"
ERASED = "body_erased"
Progress = Callable[[str, int], None]  # what is being looked at; how many more were
STAGES = ("log_leaves", "envelopes", "events", "occurrences", "identifiers", "file_access", "evidence")


class Signed(NamedTuple):
    """A head that was signed, remembered outside the journal; `place`: where."""

    origin: str
    tree: Frontier
    place: str


class Told:
    """What the log tells as its leaves go by, as far as it has to be remembered: memory grows with directory and pairs."""

    def __init__(self) -> None:
        self.directory = directory.Told()
        self.pairs: dict[tuple[str, str], int] = {}
        self.erased: set[int] = set()
        self.first_sequence: int | None = None
        self.last_sequence = self.last_delivery = 0

    def read(self, index: int, one: Record) -> Iterator[Finding]:
        match one:
            case Accepted():
                self.first_sequence = one.sequence if self.first_sequence is None else self.first_sequence
                yield from self._dense(index, one)
            case Routed():
                pair = one.sender, one.recipient
                if one.number != (expected := self.pairs.get(pair, 0) + 1):
                    yield finding("number.gap", "log_leaves", f"leaf_index {index}", "number", expected, one.number)
                self.pairs[pair] = one.number
            case Moved() if one.name == ERASED:
                self.erased.add(one.sequence)
            case Action():
                self.directory.action(one)
            case Held():
                self.directory.held(one)

    def _dense(self, index: int, one: Accepted) -> Iterator[Finding]:
        if self.last_sequence and (one.sequence, one.first_delivery) != (self.last_sequence + 1, self.last_delivery + 1):
            expected, found = self.last_sequence + 1, one.sequence
            yield finding("number.gap", "log_leaves", f"leaf_index {index}", "sequence", expected, found)
        self.last_sequence, self.last_delivery = one.sequence, one.first_delivery + one.deliveries - 1

    def logged_from(self, source: Source) -> int:
        """The first sequence that the log tells of; before it, the journal is older than its log."""
        if self.first_sequence is not None:
            return self.first_sequence
        return max((row.sequence for row in source.envelopes()), default=0) + 1


StampTime = Callable[[bytes, bytes], datetime | str]  # of a token over a note: the time that it states, or why it is none


def audit(
    source: Source, signed: Sequence[Signed], keys: Sequence[NoteVerifier], stamp_time: StampTime, progress: Progress
) -> Iterator[Finding]:
    """`keys`: under which the log signs; without any, checkpoints in the journal are taken at their word. Raises
    JournalUnavailable."""
    told = Told()
    yield from _log(source, signed, keys, told, progress)
    logged_from = told.logged_from(source)
    has_older = logged_from > 1
    yield from _rows(source, told, logged_from, progress)
    yield from directory.directory(told.directory, source, has_older)
    yield from directory.replays(told.directory, source.replays(), has_older)
    yield from directory.archives(told.directory, source.archives(), source.keeping())
    yield from directory.holds(told.directory, source.holds(), has_older)
    yield from _numbers(source, told)
    yield from _stamps(source, stamp_time)


def stamp_time(trust: TrustBase, at: datetime) -> StampTime:
    """As the hub judges time-stamps itself, at the time of the audit. One over an earlier publication of the same head (with
    fewer cosignatures) is a good one: it is judged by the digest that it states."""

    def judged(token: bytes, note: bytes) -> datetime | str:
        found = verify_stamp(token, note, trust, at)
        if isinstance(found, Refusal) and found.rule.code == _OTHER_NOTE:
            found = verify_stamp(token, lambda _: imprint_of(token), trust, at)
        return f"{found.rule.code} {found.detail}".strip() if isinstance(found, Refusal) else found.at

    return judged


def _stamps(source: Source, stamp_time: StampTime) -> Iterator[Finding]:
    """Every time-stamp stands beside a checkpoint, and holds."""
    checkpoints = Ahead(source.checkpoints(), lambda one: one.size)
    for size, group in groupby(source.stamps(), key=lambda one: one.size):
        note = next((one.note for one in checkpoints.below(size + 1) if one.size == size), None)
        for stamp in group:
            row = f"size {size}, authority {stamp.authority}"
            found = "no such checkpoint" if note is None else stamp_time(stamp.token, note)
            if isinstance(found, str):
                yield finding("stamp.differs", "log_stamps", row, "token", found=found)
            elif micros(found) != stamp.stamped_at:
                yield finding("row.inconsistent", "log_stamps", row, "stamped_at", micros(found), stamp.stamped_at)


def _log(
    source: Source, signed: Sequence[Signed], keys: Sequence[NoteVerifier], told: Told, progress: Progress
) -> Iterator[Finding]:
    found: list[Finding] = []
    kept = {(level, index): octets for level, index, octets in source.hashes()}
    outside = sorted(Check(one.tree.size, one.tree.root, "log_dir", one.place) for one in signed)
    recomputed = Recomputed(merge(outside, _checkpoints(source, keys, found)))

    def leaves() -> Iterator[bytes]:
        for index, octets in enumerate(numbered(source.leaves(), 0, found)):
            progress("log_leaves", 1)
            try:
                found.extend(told.read(index, decode(octets)))
            except RecordInvalid as error:
                found.append(finding("record.invalid", "log_leaves", f"leaf_index {index}", found=error))
            yield octets

    for one in compared(recomputed.grow(hashed(leaves()), found), kept, "log_hashes"):
        yield one
        yield from _drained(found)
    yield from _drained(found)
    yield from recomputed.ended()
    yield from unexpected(kept, "log_hashes")
    yield from _head(source, signed, recomputed.tree)


def _checkpoints(source: Source, keys: Sequence[NoteVerifier], found: list[Finding]) -> Iterator[Check]:
    """Those that can be believed, by size."""
    for size, note in source.checkpoints():
        row = f"size {size}"
        try:
            text = open_note(note, keys).text if keys else parse_note(note)[0]
            checkpoint = parse_checkpoint(text)
        except NoteInvalid as error:
            found.append(finding("checkpoint.invalid", "log_checkpoints", row, "note", found=error))
            continue
        if checkpoint.size != size:
            found.append(finding("row.inconsistent", "log_checkpoints", row, "size", checkpoint.size, size))
            continue
        yield Check(size, checkpoint.root, "log_checkpoints", row)


def _head(source: Source, signed: Sequence[Signed], tree: Frontier) -> Iterator[Finding]:
    head, table = source.head(), source.names.head
    if head is None:
        yield finding("row.missing", table, "the only one", expected=tree.size)
        return
    if head.size > tree.size:
        yield finding("leaf.missing", "log_leaves", f"leaf_index {tree.size}", expected=f"{head.size} leaves", found=tree.size)
    if head.size < tree.size:
        yield finding("leaf.unexpected", "log_leaves", f"leaf_index {head.size}", expected=f"{head.size} leaves", found=tree.size)
    if head.size != tree.size:
        yield finding("head.differs", table, "the only one", "size", tree.size, head.size)
    if head.frontier != tree.encoded:
        yield finding("head.differs", table, "the only one", "frontier", tree.encoded, head.frontier)
    for one in signed:
        if one.origin != head.origin:
            yield finding("head.differs", table, "the only one", "origin", one.origin, head.origin)


def _rows(source: Source, told: Told, logged_from: int, progress: Progress) -> Iterator[Finding]:
    events = _counted("events", source.events(), progress)
    yield from telling.events(_told(source, _ROUTED, _MOVED), events, logged_from, told.erased)
    occurrences = _counted("occurrences", source.occurrences(), progress)
    yield from telling.occurrences(_told(source, _HELD), occurrences, logged_from > 1)
    derived = Derived()
    try:
        tables = Tables(
            _told(source, _ACCEPTED, _ROUTED),
            _counted("envelopes", source.envelopes(), progress),
            source.deliveries(),
            source.events_by_sequence(),
            source.examinations(),
            source.keeping(),
            source.names.bodies,
        )
        yield from envelopes(tables, logged_from, derived)
        yield from (finding("row.unexpected", table, row) for table, row in source.strays())
        yield from derived.identifiers(_counted("identifiers", source.identifiers(), progress))
        yield from derived.attached(source.attached())
        yield from derived.erased_files(source.erased_files())
        access = _counted("file_access", source.file_access(), progress)
        yield from derived.file_access(access, told.directory.uploads, logged_from > 1)
        yield from derived.evidence(_counted("evidence", source.evidence(), progress))
    finally:
        derived.close()


def _numbers(source: Source, told: Told) -> Iterator[Finding]:
    missing = dict(told.pairs)
    for sender, recipient, number in source.pairs():
        expected, row = missing.pop((sender, recipient), None), f"sender {sender}, recipient {recipient}"
        if expected is None:
            yield finding("row.unexpected", "pairs", row, "last_number", found=number)
        elif expected != number:
            yield finding("row.differs", "pairs", row, "last_number", expected, number)
    for (sender, recipient), number in missing.items():
        yield finding("row.missing", "pairs", f"sender {sender}, recipient {recipient}", "last_number", number)
    given, table = source.numbers(), source.names.numbers
    if given is not None and told.last_sequence:
        for column, expected, does in zip(
            ("last_sequence", "last_delivery_id"), (told.last_sequence, told.last_delivery), given, strict=True
        ):
            if expected != does:
                yield finding("row.differs", table, "the only one", column, expected, does)


# How leaves of each class begin: what is not asked for need not be decoded.
_ACCEPTED, _ROUTED, _MOVED, _HELD = (f'{{"record":"{name}/1"'.encode() for name in ("accepted", "routed", "moved", "held"))


def _told(source: Source, *beginnings: bytes) -> Iterator[tuple[int, Record]]:
    """Those leaves of these classes that can be read; of the others the walk through the log speaks."""
    for index, octets in source.leaves():
        if octets.startswith(beginnings):
            try:
                yield index, decode(octets)
            except RecordInvalid:
                continue


def _counted(name: str, rows: Iterator[T], progress: Progress) -> Iterator[T]:
    for row in rows:
        progress(name, 1)
        yield row


def _drained(found: list[Finding]) -> Iterator[Finding]:
    yield from found
    found.clear()
