"""Following a log: what a checkpoint means after the one seen before, and what is missing among a party's messages. Pure."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from lgsp.core.log.checkpoint import Checkpoint, SignedCheckpoint
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.policy import Policy, satisfied
from lgsp.core.log.record import Accepted, Moved, Record, Refused, Routed

_MOST_FOLLOWED = 100_000  # envelopes of the party whose events are told


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor remembers. `note`: the last checkpoint as it was signed, of `tree`; `numbers`: by "sender recipient" the
    last number of the party that is followed."""

    format: Literal[1] = 1
    origin: str
    note: str
    size: int
    nodes: tuple[bytes, ...]
    numbers: dict[str, int] = {}

    @property
    def tree(self) -> Frontier:
        return Frontier(self.size, self.nodes)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What an overseer has to know. Codes are stable."""

    code: str
    vi: str
    en: str


FORKED = Problem(
    code="log.forked",
    vi="Nhật ký đã ký hai cây không nối tiếp nhau",
    en="The log signed two trees, and neither continues the other",
)
OLDER = Problem(
    code="checkpoint.older", vi="Điểm kiểm cũ hơn điểm đã thấy", en="An older checkpoint is served than was seen before"
)
UNWITNESSED = Problem(code="checkpoint.unwitnessed", vi="Chưa đủ nhân chứng xác nhận", en="Too few witnesses cosigned")
STALE = Problem(
    code="checkpoint.stale", vi="Điểm kiểm đã lâu không được xác nhận lại", en="The witnesses have not cosigned for too long"
)


def continues(seen: Frontier, new: Checkpoint) -> Literal["same", "grown", "older", "forked"]:
    """What can be said before any tile is read."""
    if new.size == seen.size:
        return "same" if new.root == seen.root else "forked"
    return "grown" if new.size > seen.size else "older"


def problems(signed: SignedCheckpoint, policy: Policy | None, now_s: float, max_age_s: float | None) -> Iterator[Problem]:
    """Of a checkpoint by itself: who cosigned it, and when last."""
    if policy is not None and not satisfied(policy, policy.witnessed_by(signed)):
        yield UNWITNESSED
    if max_age_s is None:
        return
    newest_s = max((one.time_s for one in signed.cosigned if one.time_s is not None), default=None)
    if newest_s is None or now_s - newest_s > max_age_s:
        yield STALE


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers `first` to `last` of this pair are not in the log where they should be."""

    sender: str
    recipient: str
    first: int
    last: int


class Party:
    """What the log tells of one agency. Numbers are dense in each pair, so what is missing shows; where following began in the
    middle, the first number of a pair is taken as it comes."""

    def __init__(self, code: str, numbers: dict[str, int], *, from_start: bool) -> None:
        self._code, self._from_start = code, from_start
        self.numbers = dict(numbers)
        self._sequences: dict[int, None] = {}  # in their order

    def read(self, one: Record) -> Iterator[Record | Gap]:
        """The record, if it is about the party, and behind it what it shows to be missing."""
        match one:
            case Accepted() | Refused() if one.sender == self._code:
                if isinstance(one, Accepted):
                    self._follow(one.sequence)
                yield one
            case Routed() if self._code in (one.sender, one.recipient):
                self._follow(one.sequence)
                yield one
                yield from self._gap(one)
            case Moved() if one.sequence in self._sequences:
                yield one

    def _gap(self, one: Routed) -> Iterator[Gap]:
        pair = f"{one.sender} {one.recipient}"
        last = self.numbers.get(pair, 0 if self._from_start else one.number - 1)
        if one.number != last + 1:
            yield Gap(sender=one.sender, recipient=one.recipient, first=last + 1, last=one.number - 1)
        self.numbers[pair] = one.number

    def _follow(self, sequence: int) -> None:
        self._sequences[sequence] = None
        if len(self._sequences) > _MOST_FOLLOWED:
            del self._sequences[next(iter(self._sequences))]
