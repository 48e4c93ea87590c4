"""The life of a delivery. Every change of state lives in the table MOVES; code elsewhere asks, it never decides.

To edit: add the state with a number never used before (numbers are stored), add its row, and say in one line who makes the move.

    WAITING ──► READY ──► QUEUED ──► DELIVERED | REFUSED | DEAD | EXPIRED | CANCELLED
       │        ▲ ▲ └─────────┘│
       │        │ └────────────┴─► PARKED (its recipient takes nothing now) ──► READY
       │        └─ READY (retry)                          DEAD ──► READY | WAITING (somebody replays)
       └► AVAILABLE (mailbox)
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class State(IntEnum):
    """The number is what the journal stores. Below FINAL the delivery is open: somebody still owes it an attempt."""

    WAITING = 0  # behind an earlier delivery of its lane
    READY = 1  # to be published when due: new, or waiting for its next attempt
    QUEUED = 2  # the broker confirmed that it has it
    AVAILABLE = 3  # in the recipient's mailbox
    PARKED = 4  # its recipient is on hold (core.hold): costs no place in the broker, no timer, no attempt
    DELIVERED = 10
    REFUSED = 11
    DEAD = 12
    EXPIRED = 13
    CANCELLED = 14

    @property
    def label(self) -> str:
        return self.name.lower()

    @property
    def is_final(self) -> bool:
        return self >= FINAL


FINAL = 10

_ENDS = frozenset({State.REFUSED, State.DEAD, State.EXPIRED, State.CANCELLED})

MOVES: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.WAITING: frozenset({State.READY, State.AVAILABLE, State.EXPIRED, State.CANCELLED}),
        State.READY: _ENDS | {State.READY, State.QUEUED, State.AVAILABLE, State.PARKED, State.DELIVERED},
        State.QUEUED: _ENDS | {State.READY, State.AVAILABLE, State.PARKED, State.DELIVERED},
        State.AVAILABLE: frozenset({State.DELIVERED, State.REFUSED, State.EXPIRED, State.CANCELLED}),
        State.PARKED: frozenset({State.READY, State.DEAD, State.EXPIRED, State.CANCELLED}),
        State.DELIVERED: frozenset(),
        State.REFUSED: frozenset(),
        State.DEAD: frozenset({State.READY, State.WAITING}),
        State.EXPIRED: frozenset(),
        State.CANCELLED: frozenset(),
    }
)


def may_move(before: State, after: State) -> bool:
    return after in MOVES[before]
