"""Whether a statement names *all* messages from one agency to another in a period, with nothing but the key of the log.

Every delivery of a pair of sender and recipient has a number, dense from 1, in a record of the log. So a message that was left
out is a gap between two numbers, at the edges too: the statement also shows the records just before and just after the period.
Where there is none before, the first number is 1. Where there is none after, nothing but the whole log can show that: who made
the statement read it up to the checkpoint, and `Verdict.open_end` says that this is its word (`PairReader` does the same again).

Times are the hub's, in the order of its commits; the numbers decide, times only say where the period begins and ends.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lgsp.core.log.checkpoint import Checkpoint, open_by_any
from lgsp.core.log.merkle import ProofInvalid, check_inclusion, leaf_hash
from lgsp.core.log.note import NoteInvalid, NoteVerifier
from lgsp.core.log.record import RecordInvalid, Routed, decode

MAX_RECORDS = 1_000_000
MAX_STATEMENT_BYTES = 2 * 1024 * 1024 * 1024

_ROUTED = b'"routed/1"'

Code = Literal["checkpoint", "record", "proof", "order", "gap", "begin", "end", "not_over", "whole_log"]
Moment = Annotated[datetime, Meta(tz=True)]


class Shown(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A leaf of the log: its number, its text, and the hashes (base64) that lead from it to the root of the checkpoint."""

    index: Annotated[int, Meta(ge=0)]
    leaf: str
    hashes: Annotated[tuple[bytes, ...], Meta(max_length=64)]


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`since` to `until` (excluded). `checkpoint`: the signed note; `last`: the last leaf of that tree, whose time says how far
    the log had got. `before`, `after`: the records of the pair just outside the period."""

    v: Literal[1] = 1
    sender: str
    recipient: str
    since: Moment
    until: Moment
    checkpoint: str
    records: Annotated[tuple[Shown, ...], Meta(max_length=MAX_RECORDS)]
    before: Shown | None
    after: Shown | None
    last: Shown | None

    @property
    def octets(self) -> bytes:
        return _encode(self)


class StatementInvalid(ValueError):
    """These octets are no statement."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wrong. `first`, `last`: numbers of the pair that are missing, or concerned."""

    code: Code
    detail: str
    first: int | None = None
    last: int | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`routed`: the records of the period that were shown and proven. It is complete without findings; with `open_end` as far as
    the maker's reading of the log goes. `log_until`: how far in time the log had got."""

    routed: tuple[Routed, ...]
    findings: tuple[Finding, ...]
    open_end: bool
    log_until: datetime | None

    @property
    def is_complete(self) -> bool:
        return not self.findings


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Statement)


def read_statement(octets: bytes) -> Statement:
    """Raises StatementInvalid."""
    try:
        return _decoder.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StatementInvalid(str(error)) from None


def check(statement: Statement, keys: Sequence[NoteVerifier | str]) -> Verdict:
    """`keys`: of the log (C2SP signed-note), one of which signed."""
    try:
        signed = open_by_any(statement.checkpoint, keys)
    except NoteInvalid as error:
        finding = Finding(code="checkpoint", detail=str(error))
        return Verdict(routed=(), findings=(finding,), open_end=True, log_until=None)
    return check_against(statement, signed.checkpoint)


def check_against(statement: Statement, checkpoint: Checkpoint) -> Verdict:
    """As `check`, with a checkpoint that is believed already."""
    findings: list[Finding] = []
    before, *inside, after = (
        None if one is None else _proven(one, statement, checkpoint, findings)
        for one in (statement.before, *statement.records, statement.after)
    )
    known = [one for one in (before, *inside, after) if one is not None]
    findings.extend(_gaps(known))
    findings.extend(_begin(statement, known))
    findings.extend(_edges(statement, before, after))
    log_until = _log_until(statement, checkpoint, findings)
    return Verdict(
        routed=tuple(one for one in inside if one is not None),
        findings=tuple(findings),
        open_end=statement.after is None,
        log_until=log_until,
    )


def against_log(statement: Statement, verdict: Verdict, reader: "PairReader") -> Verdict:
    """The verdict once somebody has read the whole log up to the checkpoint, its root compared: then nothing rests on the maker's
    word."""
    shown = (statement.before, statement.after)
    before, after = (None if one is None else one.index for one in shown)
    if (reader.before, reader.inside, reader.after) == (before, [one.index for one in statement.records], after):
        return msgspec.structs.replace(verdict, open_end=False)
    missing = sorted({*reader.inside} - {one.index for one in statement.records})
    detail = f"the log has other records of this pair in the period, entries {', '.join(map(str, missing[:20]))}"
    finding = Finding(code="whole_log", detail=detail if missing else "the log has other neighbours of the period")
    return msgspec.structs.replace(verdict, findings=(*verdict.findings, finding), open_end=False)


class PairReader:
    """Looks through the whole log for one pair: feed it every leaf, in order. What lies between two records of the period belongs
    to it, wherever the hub's clocks stood. `before`, `inside` and `after` are numbers of leaves."""

    def __init__(self, sender: str, recipient: str, since: datetime, until: datetime) -> None:
        self._pair = (sender, recipient)
        self._since, self._until = since, until
        self._held: list[int] = []  # behind the last of the period; the first of them is after it
        self.before: int | None = None
        self.inside: list[int] = []

    @property
    def after(self) -> int | None:
        return self._held[0] if self._held else None

    def feed(self, index: int, leaf: bytes) -> None:
        """Raises RecordInvalid."""
        if _ROUTED not in leaf:  # most are none, and this costs nearly nothing
            return
        record = decode(leaf)
        if not isinstance(record, Routed) or (record.sender, record.recipient) != self._pair:
            return
        if record.at < self._since and not self.inside:
            self.before = index
            self._held.clear()
        elif record.at < self._since and not self._held:
            self.inside.append(index)
        elif self._since <= record.at < self._until:
            self.inside += [*self._held, index]
            self._held.clear()
        else:
            self._held.append(index)


def _proven(one: Shown, statement: Statement, checkpoint: Checkpoint, findings: list[Finding]) -> Routed | None:
    """The record, if it is one of the pair and stands where it is said to stand."""
    try:
        record = decode(one.leaf.encode())
        if not isinstance(record, Routed):
            raise RecordInvalid("no record of a delivery")
        if (record.sender, record.recipient) != (statement.sender, statement.recipient):
            raise RecordInvalid(f"from {record.sender} to {record.recipient}")
    except RecordInvalid as error:
        findings.append(Finding(code="record", detail=f"leaf {one.index}: {error}"))
        return None
    try:
        _check_place(one, checkpoint)
    except ProofInvalid as error:
        findings.append(Finding(code="proof", detail=f"leaf {one.index}: {error}", first=record.number, last=record.number))
        return None
    return record


def _check_place(one: Shown, checkpoint: Checkpoint) -> None:
    """Raises ProofInvalid."""
    check_inclusion(one.index, checkpoint.size, checkpoint.root, leaf_hash(one.leaf.encode()), one.hashes)


def _gaps(known: Sequence[Routed]) -> Iterator[Finding]:
    for one, following in pairwise(known):
        missing = following.number - one.number - 1
        if missing < 0:
            yield Finding(code="order", detail=f"number {following.number} stands behind {one.number}", first=following.number)
        elif missing:
            first, last = one.number + 1, following.number - 1
            yield Finding(code="gap", detail=f"{missing} missing", first=first, last=last)


def _begin(statement: Statement, known: Sequence[Routed]) -> Iterator[Finding]:
    """Without a neighbour before, the numbering begins here."""
    if statement.before is None and known and known[0].number != 1:
        yield Finding(code="gap", detail="nothing is shown before the period", first=1, last=known[0].number - 1)


def _edges(statement: Statement, before: Routed | None, after: Routed | None) -> Iterator[Finding]:
    """The neighbours lie outside the period."""
    if before is not None and before.at >= statement.since:
        yield Finding(code="begin", detail=f"number {before.number} is of {before.at}", first=before.number)
    if after is not None and after.at < statement.until:
        yield Finding(code="end", detail=f"number {after.number} is of {after.at}", first=after.number)


def _log_until(statement: Statement, checkpoint: Checkpoint, findings: list[Finding]) -> datetime | None:
    """The time of the last leaf. Where the period was not over by then, more may have come."""
    if statement.last is None or statement.last.index != checkpoint.size - 1:
        findings.append(Finding(code="not_over", detail="the last leaf of the checkpoint's tree is not shown"))
        return None
    try:
        _check_place(statement.last, checkpoint)
        at = decode(statement.last.leaf.encode()).at
    except (RecordInvalid, ProofInvalid) as error:
        findings.append(Finding(code="proof", detail=f"leaf {statement.last.index}: {error}"))
        return None
    if at < statement.until and statement.after is None:
        findings.append(Finding(code="not_over", detail=f"the log had got to {at}, the period ends at {statement.until}"))
    return at
