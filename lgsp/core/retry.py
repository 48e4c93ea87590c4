"""What becomes of a delivery after an attempt. Pure: the random draw for the jitter comes in."""

from dataclasses import dataclass

from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from lgsp.core.lifecycle import State

MAX_RETRY_AFTER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """`schedule_s`: the wait after the first failed attempt, the second, ...; `max_age_s`: how long it is tried in all, counted
    from when it was its turn. Whichever ends first makes it a dead letter."""

    schedule_s: tuple[float, ...]
    max_age_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` with READY meaning "again in `delay_s`"; `reason` is a catalogue code, empty for a success."""

    state: State
    delay_s: float = 0.0
    reason: str = ""
    detail: str = ""
    disable_endpoint: bool = False


def judge(outcome: Outcome, attempt: int, age_s: float, policy: Policy, draw: float) -> Verdict:
    """The verdict on attempt number `attempt` (the first is 1) at the age of `age_s`; `draw` in [0, 1) spreads retries over
    +-10 %.

    The recipient's Retry-After may lengthen a wait up to a day, never shorten it.
    """
    match outcome:
        case Delivered():
            return Verdict(State.DELIVERED)
        case Refused(reason, detail):
            return Verdict(State.REFUSED, reason=reason, detail=detail)
        case Gone(reason, detail):
            return Verdict(State.DEAD, reason=reason, detail=detail, disable_endpoint=True)
        case Retry(reason, detail) if attempt > len(policy.schedule_s):
            return _dead("delivery.retries_exhausted", reason, detail)
        case Retry(reason, detail, wish_s):
            spread_s = policy.schedule_s[attempt - 1] * (0.9 + 0.2 * draw)
            delay_s = max(spread_s, min(wish_s, MAX_RETRY_AFTER_S))
            if age_s + delay_s > policy.max_age_s:
                return _dead("delivery.too_old", reason, detail)
            return Verdict(State.READY, delay_s, reason, detail)


def _dead(code: str, reason: str, detail: str) -> Verdict:
    """With the last reason, because that is what has to be mended."""
    return Verdict(State.DEAD, reason=code, detail=f"{reason}: {detail}" if detail else reason)
