"""What a store does with lanes and settlements. Pure: stores look up what these ask for and write down what they answer."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from lgsp.core.lanes import Mode, entry_state
from lgsp.core.lifecycle import State, may_move
from lgsp.core.routing import Hop
from lgsp.errors import IllegalMove
from lgsp.journal.codec import span_us
from lgsp.ports import Settlement

T = TypeVar("T")

_RETRIED = "attempted"


def enter(hops: Sequence[Hop], ahead: dict[int, list[State]]) -> list[State]:
    """Where each hop starts. `ahead` has, for every lane of the batch, which states its open deliveries are in: each state
    once is enough for `entry_state`, so a long lane costs no more than a short one. It is brought up to date."""
    states = []
    for hop in hops:
        in_lane = [] if hop.lane is None else ahead.setdefault(hop.lane, [])
        state = entry_state(hop.mode, in_lane)
        if state not in in_lane:
            in_lane.append(state)
        states.append(state)
    return states


def let_go(ahead: Sequence[State], waiting: Iterable[tuple[Mode, T]]) -> Iterator[tuple[T, State]]:
    """What need wait no longer after one of its lane ended, with the states in which it goes on: the next push, or the next run
    of mailbox deliveries.

    `ahead` are the states of those of the lane that are open and do not wait, each once is enough. `waiting` is read in order,
    and no further than the first that has to go on waiting.
    """
    for mode, delivery in waiting:
        state = entry_state(mode, ahead)
        if state is State.WAITING:
            return
        ahead = (state,)
        yield delivery, state


class Change(NamedTuple):
    """New values of a delivery, and the name of the event; "" for a postponement, which is none."""

    state: State
    attempt: int
    postponed: int
    due_at: int | None
    ended_at: int | None
    event: str


def applies(state: State, attempt: int, recipient: str, settlement: Settlement) -> bool:
    """Whether the settlement is for the delivery as it stands; False: stale, or not for this recipient to say.

    Raises IllegalMove when it is but core.lifecycle forbids the move: a bug of ours. Where a mailbox names its delivery itself
    (`settlement.recipient`), a forbidden move is its mistake and simply does not apply.
    """
    if state.is_final or settlement.attempt not in (None, attempt) or settlement.recipient not in (None, recipient):
        return False
    if _is_allowed(state, settlement.state):
        return True
    if settlement.recipient is not None:
        return False
    raise IllegalMove(f"delivery {settlement.delivery_id}: {state.label} to {settlement.state.label}")


def change(attempt: int, postponed: int, settlement: Settlement, now_us: int) -> Change:
    """What a settlement that applies makes of its delivery."""
    if settlement.state is State.READY:
        due_us = now_us + span_us(settlement.delay_s)
        if settlement.postpone:
            return Change(State.READY, attempt + 1, postponed + 1, due_us, None, "")
        return Change(State.READY, attempt + 1, postponed, due_us, None, _RETRIED)
    ended_us = now_us if settlement.state.is_final else None
    return Change(settlement.state, attempt, postponed, None, ended_us, settlement.state.label)


def _is_allowed(before: State, after: State) -> bool:
    # What waits moves on by its lane alone, and QUEUED is the broker's word (mark_queued): neither comes from an attempt.
    if after is State.QUEUED or (before is State.WAITING and not after.is_final):
        return False
    return may_move(before, after)
