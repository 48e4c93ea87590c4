"""Dead letters back on their way: which ones, how fast, how far it has got."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from contracts.agency import AgencyCode

ReplayState = Literal["running", "done", "cancelled"]

_CLOCKS_DIFFER_S = 60.0  # at most, between processes
_EPSILON = 1e-6  # 0.09 a second has saved up one letter after 1 / 0.09 seconds, whatever floating point makes of it


class DeadLetterFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every condition that is given must hold. `party` is the sender or the recipient, of a copy the recipient only; `case` any
    identifier of the case, `kind` with or without its version, `since` and `until` bound the moment of giving up (until
    excluded)."""

    party: AgencyCode | None = None
    sender: AgencyCode | None = None
    recipient: AgencyCode | None = None
    kind: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    case: str | None = None
    delivery_ids: tuple[int, ...] = ()
    resolved: bool = False  # also those that somebody has seen to


class Replay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job, kept in the journal so that it outlives every process. `total` was counted when it began; what is given up after
    `created_at` is no part of it. `moved` went on their way, `expired` were past their time and stay dead, `last_delivery_id` is
    how far it has got. `rate_per_s` None: as fast as the hub likes. `stepped_at`: up to when the rate is used up; None: no hub
    has begun with it."""

    replay_id: int = 0
    which: DeadLetterFilter
    created_at: datetime
    operator: str
    rate_per_s: float | None = None
    total: int = 0
    moved: int = 0
    expired: int = 0
    last_delivery_id: int = 0
    state: ReplayState = "running"
    stepped_at: datetime | None = None
    ended_at: datetime | None = None


def allowance(replay: Replay, now: datetime, limit: int) -> int:
    """How many may go now: what the rate allows since the last step, one second's worth and one more at the most."""
    if replay.rate_per_s is None:
        return limit
    if replay.stepped_at is None:
        return min(limit, max(1, int(replay.rate_per_s)))
    return min(limit, int(_saved_s(replay, replay.rate_per_s, now) * replay.rate_per_s + _EPSILON))


def stepped(replay: Replay, seen: list[int], expired: int, asked: int, now: datetime) -> Replay:
    """After a step that asked for `asked` letters and saw these ids, `expired` of them past their time."""
    done = len(seen) < asked
    return msgspec.structs.replace(
        replay,
        moved=replay.moved + len(seen) - expired,
        expired=replay.expired + expired,
        last_delivery_id=seen[-1] if seen else replay.last_delivery_id,
        state="done" if done else "running",
        stepped_at=_stepped_at(replay, asked, now),
        ended_at=now if done else None,
    )


def cancelled(replay: Replay, now: datetime) -> Replay:
    """What went stays gone; a job that has ended stays as it ended."""
    if replay.state != "running":
        return replay
    return msgspec.structs.replace(replay, state="cancelled", ended_at=now)


def begun(which: DeadLetterFilter, operator: str, rate_per_s: float | None, total: int, now: datetime) -> Replay:
    """A job over what is dead now: what dies again while it runs is not replayed by it again."""
    until = now if which.until is None else min(which.until, now)
    return Replay(
        which=msgspec.structs.replace(which, until=until, resolved=False),
        created_at=now,
        operator=operator,
        rate_per_s=rate_per_s,
        total=total,
    )


def _saved_s(replay: Replay, rate_per_s: float, now: datetime) -> float:
    """The time not used up since the last step: a second and what one letter takes at the most. A last step far ahead was taken
    by a clock that has been put right since."""
    most_s = 1.0 + 1.0 / rate_per_s
    waited_s = 0.0 if replay.stepped_at is None else (now - replay.stepped_at).total_seconds()
    return most_s if waited_s < -_CLOCKS_DIFFER_S else min(max(0.0, waited_s), most_s)


def _stepped_at(replay: Replay, asked: int, now: datetime) -> datetime:
    """What `asked` letters leave of the time saved counts for the next step: three a second are three, however one looks."""
    if replay.rate_per_s is None:
        return now
    left_s = _saved_s(replay, replay.rate_per_s, now) - asked / replay.rate_per_s
    return now - timedelta(seconds=max(0.0, left_s))
