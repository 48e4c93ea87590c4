"""How long bodies and attachments are kept, and what of an envelope may be erased now. Whatever is erased, its proof stays.

The first rule of the list that covers an envelope is the one that applies. Where none does, everything is kept for ever: nothing
is erased because somebody forgot to write a rule. Days count from when the last delivery of the envelope ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contracts.agency import AgencyCode
from lgsp.core.directory import Grant, Level

Days = Annotated[int, Meta(ge=1, le=36_525)]
Texts = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(min_length=1, max_length=200)]
Delivering = Literal["open", "dead_letter"]
Barrier = Literal["open", "dead_letter", "archive"]

# Words of the far side, or of an adapter about it, may quote the body; what operators did, and why, they wrote themselves.
KEEP_THEIR_DETAIL = frozenset({"replayed", "resolved", "body_erased", "files_erased"})


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`kinds` are names, names with a version, "case.*" or "*". Senders, recipients (codes of the directory) and their levels
    narrow it: every recipient of the envelope has to be covered. No number of days means for ever. `archive_first`: nothing is
    erased before it was archived and taken over."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    kinds: Texts = ("*",)
    senders: Texts | None = None
    recipients: Texts | None = None
    sender_levels: tuple[Level, ...] | None = None
    recipient_levels: tuple[Level, ...] | None = None
    bodies_days: Days | None = None
    attachments_days: Days | None = None
    archive_first: bool = False

    @property
    def is_general(self) -> bool:
        """Covers whatever its kinds cover."""
        return (self.senders, self.recipients, self.sender_levels, self.recipient_levels) == (None,) * 4

    def covers_kind(self, kind: str) -> bool:
        return kind in self.kinds or Grant(kinds=self.kinds).covers_kind(kind)

    def covers(self, one: "Kept", levels: Mapping[str, Level]) -> bool:
        """`levels` by code; an agency without one is "other"."""
        return (
            self.covers_kind(one.kind)
            and _all_in((one.sender,), self.senders)
            and _all_in(one.recipients, self.recipients)
            and _all_in([levels.get(one.sender, "other")], self.sender_levels)
            and _all_in([levels.get(code, "other") for code in one.recipients], self.recipient_levels)
        )


class KeptFile(msgspec.Struct, frozen=True):
    """An attachment of an envelope."""

    digest: str
    size_bytes: int


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal keeps of an envelope. `ended_at`: when the last of its deliveries ended; None while one is open.
    `replayable`: one is a dead letter that somebody could still replay. `archive`: number of the archive that was taken over with
    it. `body_erased_at`, `files_erased_at`: None while they are kept."""

    sequence: int
    sender: AgencyCode
    message_id: str
    kind: str
    recipients: tuple[AgencyCode, ...]
    accepted_at: datetime
    ended_at: datetime | None
    replayable: bool
    body_bytes: int
    files: tuple[KeptFile, ...] = ()
    archive: int | None = None
    body_erased_at: datetime | None = None
    files_erased_at: datetime | None = None

    @property
    def barrier(self) -> Delivering | None:
        """Why nothing of it may be erased, by whatever right: somebody may still have to deliver it."""
        if self.ended_at is None:
            return "open"
        return "dead_letter" if self.replayable else None

    @property
    def has_body(self) -> bool:
        return self.body_erased_at is None

    @property
    def has_files(self) -> bool:
        return bool(self.files) and self.files_erased_at is None

    @property
    def files_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of an envelope. `body_at`, `files_at`: when they come due, None: they are kept for ever, are erased, or
    nobody can say yet because a delivery is open. `barrier`: why nothing happens although the time has come."""

    rule: Rule | None = None
    body_at: datetime | None = None
    files_at: datetime | None = None
    barrier: Barrier | None = None

    def due(self, at: datetime) -> tuple[bool, bool]:
        """Whether body and files are due at a moment."""
        return self.body_at is not None and self.body_at <= at, self.files_at is not None and self.files_at <= at


def rule_for(rules: Iterable[Rule], one: Kept, levels: Mapping[str, Level]) -> Rule | None:
    """The first that covers it."""
    return next((rule for rule in rules if rule.covers(one, levels)), None)


def fate(rules: Iterable[Rule], one: Kept, levels: Mapping[str, Level]) -> Fate:
    """By which rule, when, and what stands in the way."""
    rule = rule_for(rules, one, levels)
    if rule is None:
        return Fate()
    if one.ended_at is None:
        return Fate(rule=rule, barrier="open")
    return Fate(
        rule=rule,
        body_at=_after(one.ended_at, rule.bodies_days) if one.has_body else None,
        files_at=_after(one.ended_at, rule.attachments_days) if one.has_files else None,
        barrier=one.barrier or ("archive" if rule.archive_first and one.archive is None else None),
    )


def horizon(rules: Sequence[Rule], now: datetime) -> datetime | None:
    """Only what was accepted before this can be due; None: nothing ever is."""
    days = [days for rule in rules for days in (rule.bodies_days, rule.attachments_days) if days is not None]
    return now - timedelta(days=min(days)) if days else None


def _after(ended_at: datetime, days: int | None) -> datetime | None:
    return None if days is None else ended_at + timedelta(days=days)


def _all_in(found: Iterable[str], wanted: Sequence[str] | None) -> bool:
    return wanted is None or all(one in wanted for one in found)
