"""What one attempt to hand a delivery over came to. A value, not a side effect: `lgsp.core.retry` judges it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The far side has it, now or since an earlier attempt ("already received" is success)."""

    remote_ref: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """It may work later. `reason` is a catalogue code, `not_before_s` the far side's Retry-After in seconds."""

    reason: str
    detail: str = ""
    not_before_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """The far side understood and said no; trying again would be answered the same."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """The endpoint does not exist any more (HTTP 410): it is to be disabled and an operator told."""

    reason: str = "delivery.endpoint_gone"
    detail: str = ""


Outcome = Delivered | Retry | Refused | Gone
