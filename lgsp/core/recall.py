"""Taking a document back (thu hồi), updating and replacing it: what has not arrived is cancelled at once, what has arrived goes
through request and answer.

Business types 1, 2 and 3 of QCVN 102 (2.2.1 BussinessDocType) and statuses 13, 15, 16. Clerks decide, so an arrived document is
never undone by the hub: the packet or status that asks travels to the recipient, and its answer is noted beside the delivery.
"""

from enum import IntEnum
from typing import Literal

from lgsp.core.lifecycle import State


class Recall(IntEnum):
    """Where a delivery's recall stands. The number is what the journal stores."""

    NONE = 0
    REQUESTED = 1
    AGREED = 2
    REFUSED = 3

    @property
    def label(self) -> Literal["none", "requested", "agreed", "refused"]:
        labels: tuple[Literal["none", "requested", "agreed", "refused"], ...] = ("none", "requested", "agreed", "refused")
        return labels[self]

    @property
    def ends_tries(self) -> bool:
        """Whether nobody tries any more to deliver it: it is asked back, and the recipient did not say that it keeps it."""
        return self in (Recall.REQUESTED, Recall.AGREED)


# Who published it may have read a clock that differs from ours, or have waited for the write lock after reading it.
DOUBT_S = 120.0


def is_out_of_reach(state: State, fetched: bool, due_in_s: float | None, lease_s: float) -> bool:
    """Whether an open delivery may be in somebody's hands already: being attempted, or fetched and not yet acknowledged.

    `due_in_s`: of a READY one, until its next attempt. What has been published is due within its lease; one that is due later
    than that, and than DOUBT_S more, waits for a retry, and nobody has it.
    """
    match state:
        case State.READY:
            return due_in_s is None or due_in_s <= lease_s + DOUBT_S
        case State.QUEUED:
            return True
        case State.AVAILABLE:
            return fetched
        case _:
            return False
