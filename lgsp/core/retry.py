"""What becomes of a delivery after an attempt. Pure: the random draw for the jitter comes in."""

from dataclasses import dataclass

from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from lgsp.core.lifecycle import State

MAX_RETRY_AFTER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` with READY meaning "again in `delay_s`"; `reason` is a catalogue code, empty for a success."""

    state: State
    delay_s: float = 0.0
    reason: str = ""
    detail: str = ""
    disable_endpoint: bool = False


def judge(outcome: Outcome, attempt: int, schedule_s: tuple[float, ...], draw: float) -> Verdict:
    """The verdict on attempt number `attempt` (the first is 1); `draw` in [0, 1) spreads retries over +-10 %.

    The recipient's Retry-After may lengthen a wait up to a day, never shorten it.
    """
    match outcome:
        case Delivered():
            return Verdict(State.DELIVERED)
        case Refused(reason, detail):
            return Verdict(State.REFUSED, reason=reason, detail=detail)
        case Gone(reason, detail):
            return Verdict(State.DEAD, reason=reason, detail=detail, disable_endpoint=True)
        case Retry(reason, detail) if attempt > len(schedule_s):
            last = f"{reason}: {detail}" if detail else reason
            return Verdict(State.DEAD, reason="delivery.retries_exhausted", detail=last)
        case Retry(reason, detail, wish_s):
            spread_s = schedule_s[attempt - 1] * (0.9 + 0.2 * draw)
            return Verdict(State.READY, max(spread_s, min(wish_s, MAX_RETRY_AFTER_S)), reason, detail)
