"""What a store does with lanes and settlements. Pure: stores look up what these ask for and write down what they answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from lgsp.core.lanes import Mode, entry_state
from lgsp.core.lifecycle import State, may_move
from lgsp.core.recall import Recall, is_out_of_reach
from lgsp.core.routing import Hop
from lgsp.errors import IllegalMove
from lgsp.journal.codec import span_us
from lgsp.ports import Balance, Mismatch, Settled, Settlement

T = TypeVar("T")

REPLAYED = "replayed"


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


def balanced(by_state: dict[State, int], events: Mapping[str, int]) -> Balance:
    """The balance from the count of deliveries by state and the count of events by name."""
    ended = {state: events[state.label] for state in State if state.is_final and state.label in events}
    replayed = events.get(REPLAYED, 0)
    if replayed:
        ended[State.DEAD] = ended.get(State.DEAD, 0) - replayed
    return Balance(by_state, events.get("accepted", 0), {state: count for state, count in ended.items() if count})


ACCOUNTED = ("accepted", REPLAYED, *(state.label for state in State if state.is_final))  # the events that the balance counts


def mismatches(states: Mapping[int, State], events: Iterable[tuple[int, str, int]]) -> list[Mismatch]:
    """Deliveries whose state does not follow from their events. `events`: (delivery, name, how often), of the names ACCOUNTED."""
    told: dict[int, dict[str, int]] = {}
    for delivery_id, name, count in events:
        told.setdefault(delivery_id, {})[name] = count
    return [
        Mismatch(delivery_id=one, state=states.get(one), events=told.get(one, {}))
        for one in sorted(states.keys() | told.keys())
        if not _agree(states.get(one), told.get(one, {}))
    ]


def _agree(state: State | None, events: Mapping[str, int]) -> bool:
    if state is None:
        return False
    return balanced({state: 1}, events).difference == 0


class Standing(NamedTuple):
    """A delivery as it stands while a batch of settlements goes over it. Times in microseconds."""

    delivery_id: int
    sequence: int
    recipient: str
    lane: int | None
    state: State
    attempt: int
    postponed: int
    due_at: int | None
    fetched_at: int | None
    recall: Recall

    @property
    def tries(self) -> int:
        return self.attempt - self.postponed


def standing(
    delivery_id: int,
    sequence: int,
    recipient: str,
    lane: int | None,
    state: int,
    attempt: int,
    postponed: int,
    due_at: int | None,
    fetched_at: int | None,
    recall: int,
) -> Standing:
    """From the columns that both stores select in this order."""
    place = (delivery_id, sequence, recipient, lane)
    return Standing(*place, State(state), attempt, postponed, due_at, fetched_at, Recall(recall))


class Change(NamedTuple):
    """A delivery's new values, and the name of the event; "" for what is none. `applied` False: only its recall was noted."""

    state: State
    attempt: int
    postponed: int
    due_at: int | None
    ended_at: int | None
    recall: Recall
    event: str
    applied: bool = True

    @property
    def ends(self) -> bool:
        return self.applied and self.state.is_final

    def over(self, one: Standing) -> Standing:
        """The delivery after the change."""
        return one._replace(
            state=self.state, attempt=self.attempt, postponed=self.postponed, due_at=self.due_at, recall=self.recall
        )


def decide(one: Standing | None, settlement: Settlement, held: bool, now_us: int, lease_us: int) -> Change | Settled:
    """What a settlement makes of the delivery it names; Settled: nothing, it is stale or not for this recipient to say.

    `held`: there is a hold on its recipient. Raises IllegalMove when the settlement is for the delivery as it stands but
    core.lifecycle forbids the move: a bug of ours.
    """
    if one is None or settlement.recipient not in (None, one.recipient):
        return Settled(applied=False, state=None)
    if settlement.withdraw:
        noted = _noted(one, now_us, lease_us)
        if noted is not None:
            return noted
    if not _applies(one, settlement):
        return Settled(applied=False, state=one.state)
    if settlement.state in (State.READY, State.PARKED):
        return _again(one, settlement, held, now_us)
    ended_us = now_us if settlement.state.is_final else None
    return Change(settlement.state, one.attempt, one.postponed, None, ended_us, one.recall, settlement.state.label)


def _noted(one: Standing, now_us: int, lease_us: int) -> Change | Settled | None:
    """A withdrawal of what may be in somebody's hands, has arrived, or could be replayed; None: it can be cancelled, or has ended
    otherwise."""
    if one.state not in (State.DELIVERED, State.DEAD) and not _is_out_of_reach(one, now_us, lease_us):
        return None
    if one.recall is not Recall.NONE:
        return Settled(applied=False, state=one.state)
    return Change(one.state, one.attempt, one.postponed, one.due_at, None, Recall.REQUESTED, "recall_requested", applied=False)


def _is_out_of_reach(one: Standing, now_us: int, lease_us: int) -> bool:
    due_in_s = None if one.due_at is None else (one.due_at - now_us) / 1e6
    return is_out_of_reach(one.state, one.fetched_at is not None, due_in_s, lease_us / 1e6)


def _applies(one: Standing, settlement: Settlement) -> bool:
    """Where a mailbox names its delivery itself (`settlement.recipient`), a forbidden move is its mistake and does not apply.
    What went into a mailbox did so without a new number: another process may still come back from an attempt at it."""
    if one.state.is_final or settlement.attempt not in (None, one.attempt):
        return False
    if settlement.only_parked and one.state is not State.PARKED:
        return False
    if _is_allowed(one.state, settlement.state):
        return True
    if settlement.recipient is not None or one.state is State.AVAILABLE:
        return False
    raise IllegalMove(f"delivery {settlement.delivery_id}: {one.state.label} to {settlement.state.label}")


def _again(one: Standing, settlement: Settlement, held: bool, now_us: int) -> Change:
    """Ready for the next attempt, or parked. What is being taken back comes at once, for the worker to end it; and nothing is
    parked where no hold would let it go again."""
    recalled = one.recall.ends_tries
    parked = settlement.state is State.PARKED and held and not recalled
    at_once = recalled or (settlement.state is State.PARKED and not held)
    due_us = now_us if at_once else now_us + span_us(settlement.delay_s)
    state = State.PARKED if parked else State.READY
    postponed = one.postponed + (1 if settlement.postpone else 0)
    return Change(state, one.attempt + 1, postponed, due_us, None, one.recall, _event_of_again(settlement, parked))


def _event_of_again(settlement: Settlement, parked: bool) -> str:
    if settlement.took_ms is not None or not settlement.postpone:
        return "attempted"
    return "parked" if parked and settlement.reason != "delivery.crowded" else ""


def _is_allowed(before: State, after: State) -> bool:
    # What waits moves on by its lane alone, what is parked by its hold, and QUEUED is the broker's word (mark_queued): none of
    # them comes from an attempt.
    if after is State.QUEUED or (before in (State.WAITING, State.PARKED) and not after.is_final):
        return False
    return may_move(before, after)
