"""How much the rules of retention cover, how much of it is due, and what comes due soon."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from lgsp.core.directory import Level
from lgsp.core.retention import Fate, Kept, Rule, fate

SOON = timedelta(days=30)


class Amount(msgspec.Struct):
    """Bodies, or sets of attachments, of so many envelopes. A file that several envelopes have is counted with each."""

    envelopes: int = 0
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        self.envelopes += 1
        self.size_bytes += size_bytes


class RuleTally(msgspec.Struct, kw_only=True):
    """`rule` None: what no rule covers. `kept`: whose body or attachments are there; due: now; soon: in the next 30 days;
    `barred`: due, but for dead letters that may be replayed; `to_archive`: due once they are archived."""

    rule: Rule | None
    kept: int = 0
    open: int = 0
    barred: int = 0
    to_archive: int = 0
    erased: int = 0
    bodies_due: Amount = msgspec.field(default_factory=Amount)
    files_due: Amount = msgspec.field(default_factory=Amount)
    bodies_soon: Amount = msgspec.field(default_factory=Amount)
    files_soon: Amount = msgspec.field(default_factory=Amount)


class Tally:
    """Fed with all that the journal keeps, a few at a time."""

    def __init__(self, rules: Sequence[Rule], levels: Mapping[str, Level], now: datetime) -> None:
        self._rules, self._levels, self._now = rules, levels, now
        self._uncovered = RuleTally(rule=None)
        self._by_name = {rule.name: RuleTally(rule=rule) for rule in rules}

    @property
    def tallies(self) -> list[RuleTally]:
        """Of each rule in its order, and of what none covers."""
        return [*self._by_name.values(), self._uncovered]

    def add(self, found: Iterable[Kept]) -> None:
        for one in found:
            its = fate(self._rules, one, self._levels)
            tally = self._uncovered if its.rule is None else self._by_name[its.rule.name]
            self._count(tally, one, its)

    def _count(self, tally: RuleTally, one: Kept, its: Fate) -> None:
        tally.erased += not one.has_body
        tally.kept += one.has_body or one.has_files
        tally.open += one.ended_at is None
        body, files = its.due(self._now)
        if body or files:
            tally.barred += its.barrier == "dead_letter"
            tally.to_archive += its.barrier == "archive"
        body_soon, files_soon = its.due(self._now + SOON)
        for amount, counted, size_bytes in (
            (tally.bodies_due, body, one.body_bytes),
            (tally.files_due, files, one.files_bytes),
            (tally.bodies_soon, body_soon and not body, one.body_bytes),
            (tally.files_soon, files_soon and not files, one.files_bytes),
        ):
            if counted:
                amount.add(size_bytes)
