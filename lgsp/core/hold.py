"""Why the deliveries to one recipient are parked, and how they get moving again: a circuit breaker, a valve, an operator's word.

    (none) ── failures in a row ──► FAILING ── a probe gets through ──► RELEASING ── nothing parked is left ──► (none)
       └───── its line is too long ─────────────────────────────────────►┘ ▲
    any ──── an operator says so ──► MAINTENANCE ── its end ───────────────┘

FAILING is the open circuit breaker, with a probe out the half-open one; no hold is the closed one. What is parked waits in the
journal alone, so a dead partner costs the same whether one delivery waits for it or a hundred thousand.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Literal, NamedTuple

import msgspec

EVERYBODY = "*"  # in the place of a recipient: nothing is pushed to anybody
THE_DOOR = "@intake"  # in the place of a recipient: nothing new is accepted

FIRST_RELEASE = 8
MOST_RELEASED = 500
RELEASE_EVERY_S = 0.5
MAX_WISH_S = 24 * 3600.0


class Cause(IntEnum):
    """The number is what the journal stores."""

    FAILING = 1
    RELEASING = 2
    MAINTENANCE = 3

    @property
    def label(self) -> Literal["failing", "releasing", "maintenance"]:
        labels: dict[Cause, Literal["failing", "releasing", "maintenance"]] = {
            Cause.FAILING: "failing",
            Cause.RELEASING: "releasing",
            Cause.MAINTENANCE: "maintenance",
        }
        return labels[self]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One row a recipient. `due_at`: the next probe, the next release, the end of the maintenance; None: until somebody says so.

    `step`: probes that failed (FAILING), or how many the next release lets go (RELEASING). `ageless`: the time it lasted does
    not count against the greatest age of what is parked. `reason` is a code of the catalogue, `detail` words of the far side
    or of the operator.
    """

    recipient: str
    cause: Cause
    since: datetime
    due_at: datetime | None
    step: int = 0
    probe: int | None = None
    ageless: bool = False
    reason: str = ""
    detail: str = ""


class Streak(NamedTuple):
    """Failures in a row at one recipient, of different deliveries: one message that always fails is no dead partner."""

    failures: int = 0
    last_delivery_id: int | None = None

    def failed(self, delivery_id: int) -> "Streak":
        return self if delivery_id == self.last_delivery_id else Streak(self.failures + 1, delivery_id)


def may_go(hold: Hold | None, delivery_id: int, attempt: int) -> bool:
    """Whether this delivery may be attempted now, or is to be parked.

    While others are being let go, who comes for the first time stands behind them.
    """
    if hold is None:
        return True
    match hold.cause:
        case Cause.FAILING:
            return hold.probe == delivery_id
        case Cause.RELEASING:
            return attempt > 1
        case Cause.MAINTENANCE:
            return False


def tripped(
    hold: Hold | None, recipient: str, reason: str, detail: str, wish_s: float, probes_s: Sequence[float], now: datetime
) -> Hold:
    """The circuit breaker opens. What an operator said stays, and so does a breaker that is open."""
    if hold is not None and hold.cause is not Cause.RELEASING:
        return hold
    due_at = now + _wait(0, wish_s, probes_s)
    ageless = hold is not None and hold.ageless  # what a maintenance parked and nobody has let go yet
    return Hold(recipient=recipient, cause=Cause.FAILING, since=now, due_at=due_at, ageless=ageless, reason=reason, detail=detail)


def probing(hold: Hold | None, probe: int, patience_s: float, now: datetime) -> Hold | None:
    """The probe is under way, and nobody looks for it for so long."""
    if hold is None or hold.cause is not Cause.FAILING or hold.probe != probe:
        return hold
    return msgspec.structs.replace(hold, due_at=now + timedelta(seconds=patience_s))


def probe_failed(
    hold: Hold | None, probe: int, reason: str, detail: str, wish_s: float, probes_s: Sequence[float], now: datetime
) -> Hold | None:
    """Still open, the next probe later. News of another probe than the one that is out changes nothing."""
    if hold is None or hold.cause is not Cause.FAILING or hold.probe != probe:
        return hold
    step = hold.step + 1
    due_at = now + _wait(step, wish_s, probes_s)
    return msgspec.structs.replace(hold, due_at=due_at, step=step, probe=None, reason=reason, detail=detail)


def recovered(hold: Hold | None, now: datetime) -> Hold | None:
    """The recipient gave an answer: the breaker closes, what is parked is let go little by little."""
    if hold is None or hold.cause is not Cause.FAILING:
        return hold
    return _releasing(hold, now)


def crowded(hold: Hold | None, recipient: str, now: datetime) -> Hold:
    """The recipient's line is too long: less at a time."""
    if hold is None:
        due_at = now + timedelta(seconds=RELEASE_EVERY_S)
        return Hold(recipient=recipient, cause=Cause.RELEASING, since=now, due_at=due_at, step=FIRST_RELEASE)
    if hold.cause is not Cause.RELEASING:
        return hold
    return msgspec.structs.replace(hold, step=max(1, hold.step // 2))


def begun(recipient: str, until: datetime | None, note: str, now: datetime) -> Hold:
    """An operator announces maintenance, of a recipient, of EVERYBODY or of THE_DOOR."""
    return Hold(
        recipient=recipient,
        cause=Cause.MAINTENANCE,
        since=now,
        due_at=until,
        ageless=True,
        reason="delivery.maintenance",
        detail=note,
    )


def ended(hold: Hold | None, now: datetime) -> Hold | None:
    """The maintenance is over."""
    if hold is None or hold.cause is not Cause.MAINTENANCE:
        return hold
    return None if hold.recipient in (EVERYBODY, THE_DOOR) else _releasing(hold, now)


def released(hold: Hold, moved: Sequence[int], probes_s: Sequence[float], patience_s: float, now: datetime) -> Hold | None:
    """The hold after `moved` of its parked deliveries were let go; None: there are none left and it is over.

    `patience_s`: when a probe of which nobody has heard is looked for. One that is still on its way counts as let go once more:
    with another one in its place it would be none any more when its turn comes.
    """
    if hold.cause is Cause.FAILING:
        wait = timedelta(seconds=patience_s) if moved else _wait(hold.step, 0.0, probes_s)
        return msgspec.structs.replace(hold, probe=moved[0] if moved else None, due_at=now + wait)
    if len(moved) < hold.step:
        return None
    due_at = now + timedelta(seconds=RELEASE_EVERY_S)
    return msgspec.structs.replace(hold, step=min(2 * hold.step, MOST_RELEASED), due_at=due_at)


def keeps(hold: Hold | None, max_age_s: float, now: datetime) -> bool:
    """Whether what it parked is kept though its time has come: neither a maintenance counts nor the letting go after it, and
    where the recipient fails as soon as it is over the greatest age begins then."""
    if hold is None or not hold.ageless:
        return False
    return hold.cause is not Cause.FAILING or now < hold.since + timedelta(seconds=max_age_s)


def rejuvenates(hold: Hold) -> bool:
    """Whether what it lets go is as old as if it had its turn now. A probe is not: it would never grow old."""
    return hold.ageless and hold.cause is not Cause.FAILING


def occurrence(before: Hold | None, after: Hold | None) -> str | None:
    """What the change is called in the journal and the log; None where it is not worth a word."""
    was = None if before is None else before.cause
    now = None if after is None else after.cause
    if was is not now:
        if now is Cause.MAINTENANCE:
            return "maintenance_begun"
        if was is Cause.MAINTENANCE:
            return "maintenance_ended"
        if now is Cause.FAILING:
            return "failing"
        if was is Cause.FAILING:
            return "recovered"
    return None


def said(before: Hold | None, after: Hold | None) -> tuple[str, str]:
    """Reason and detail of an occurrence. Words of the far side stay in the hold, while it lasts, and in the program's log: they
    may quote a body, and what is told here is told for ever."""
    told = after if after is not None and after.reason else before
    if told is None:
        return "", ""
    return told.reason, told.detail if told.cause is Cause.MAINTENANCE else ""


def _releasing(hold: Hold, now: datetime) -> Hold:
    return Hold(recipient=hold.recipient, cause=Cause.RELEASING, since=now, due_at=now, step=FIRST_RELEASE, ageless=hold.ageless)


def _wait(step: int, wish_s: float, probes_s: Sequence[float]) -> timedelta:
    """The recipient's Retry-After may lengthen the wait up to a day, never shorten it."""
    return timedelta(seconds=max(probes_s[min(step, len(probes_s) - 1)], min(wish_s, MAX_WISH_S)))
