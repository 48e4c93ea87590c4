"""Lanes under chance: a store is driven beside a model that holds whole lanes in memory and asks `core.lanes.entry_state`."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from lgsp.core.admission import Admitted
from lgsp.core.hold import Hold, begun, ended, released
from lgsp.core.lanes import Mode, entry_state
from lgsp.core.lifecycle import State
from lgsp.core.recall import DOUBT_S
from lgsp.core.replay import DeadLetterFilter
from lgsp.core.replay import begun as begin_replay
from lgsp.ports import Accepted, Ref, Settled, Settlement, Store
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, admitted, hop

LEASE = timedelta(seconds=LEASE_S)
DOUBT = timedelta(seconds=DOUBT_S)
STUCK_AT = NOW + timedelta(days=7)
STEPS = 200
SECOND = timedelta(seconds=1)
PROBES_S = (5.0, 20.0)
PUSH_OUTCOMES = [State.DELIVERED, State.DELIVERED, State.REFUSED, State.DEAD, State.READY, State.AVAILABLE, State.PARKED]
MAILBOX_OUTCOMES = [State.DELIVERED, State.REFUSED]


@dataclass
class Parcel:
    """A delivery as the model believes it to be."""

    delivery_id: int
    lane: int | None
    mode: Mode
    state: State
    expires_at: datetime
    due_at: datetime | None = None
    attempt: int = 1
    recipient: str = ALPHA
    recalled: bool = False

    def can_be_cancelled(self, now: datetime) -> bool:
        """Nobody can be handling it (nothing is fetched here)."""
        if self.state is State.READY:
            return self.due_at is not None and self.due_at > now + LEASE + DOUBT
        return self.state is not State.QUEUED


@dataclass
class Model:
    """What the promises say, without a database."""

    parcels: dict[int, Parcel] = field(default_factory=dict)
    pushed: list[Parcel] = field(default_factory=list)  # pushes in the order in which an attempt ended them
    replayed: set[int] = field(default_factory=set)
    hold: Hold | None = None  # on ALPHA

    @property
    def open(self) -> list[Parcel]:
        return [one for one in self.parcels.values() if not one.state.is_final]

    def lane(self, lane: int) -> list[Parcel]:
        return [one for one in self.open if one.lane == lane]

    def accept(self, admitted: Admitted, now: datetime) -> set[tuple[int, int]]:
        entered = []
        for one in admitted.hops:
            ahead = [] if one.lane is None else [other.state for other in self.lane(one.lane)]
            state = entry_state(one.mode, ahead)
            parcel = Parcel(len(self.parcels) + 1, one.lane, one.mode, state, admitted.expires_at, recipient=one.recipient)
            parcel.due_at = now + LEASE if parcel.state is State.READY else None
            self.parcels[parcel.delivery_id] = parcel
            entered.append(parcel)
        return {(one.delivery_id, one.attempt) for one in entered if one.state is State.READY}

    def settle(self, settlements: Iterable[Settlement], now: datetime) -> set[tuple[int, int]]:
        """The refs that are released."""
        ended = []
        for settlement in settlements:
            parcel = self.parcels[settlement.delivery_id]
            if parcel.state in (State.READY, State.QUEUED) and settlement.state in PUSH_OUTCOMES and settlement.state.is_final:
                self.pushed.append(parcel)
            if settlement.withdraw and not parcel.can_be_cancelled(now):
                parcel.recalled = True
                continue
            parcel.state, parcel.due_at = settlement.state, None
            if settlement.state in (State.READY, State.PARKED):
                self._again(parcel, settlement, now)
            if settlement.state.is_final and parcel.lane is not None:
                ended.append(parcel.lane)
        return {ref for lane in dict.fromkeys(ended) for ref in self._release(lane, now)}

    def _again(self, parcel: Parcel, settlement: Settlement, now: datetime) -> None:
        parks = parcel.state is State.PARKED and self.hold is not None and parcel.recipient == ALPHA
        at_once = parcel.recalled or (parcel.state is State.PARKED and not parks)
        parcel.state = State.PARKED if parks and not parcel.recalled else State.READY
        parcel.attempt += 1
        parcel.due_at = now if at_once else now + timedelta(seconds=settlement.delay_s)

    def let_go(self, now: datetime) -> set[tuple[int, int]]:
        """What the hold on ALPHA lets go at `now`."""
        if self.hold is None or self.hold.due_at is None or self.hold.due_at > now:
            return set()
        current = ended(self.hold, now)
        assert current is not None
        parked = [one for one in self.open if one.state is State.PARKED][: current.step]
        for one in parked:
            one.state, one.due_at = State.READY, now + LEASE
        self.hold = released(current, [one.delivery_id for one in parked], PROBES_S, 2 * LEASE_S, now)
        return {(one.delivery_id, one.attempt) for one in parked}

    def replay(self, now: datetime) -> set[tuple[int, int]]:
        """All dead letters come back, the oldest first."""
        ready = set()
        for one in [one for one in self.parcels.values() if one.state is State.DEAD and one.expires_at > now]:
            ahead = [] if one.lane is None else [other.state for other in self.lane(one.lane)]
            one.state, one.attempt = entry_state("push", ahead), one.attempt + 1
            self.replayed.add(one.delivery_id)
            if one.state is State.READY:
                one.due_at = now + LEASE
                ready.add((one.delivery_id, one.attempt))
        return ready

    def _release(self, lane: int, now: datetime) -> set[tuple[int, int]]:
        ahead = [one.state for one in self.lane(lane) if one.state is not State.WAITING]
        ready = set()
        for parcel in [one for one in self.lane(lane) if one.state is State.WAITING]:
            parcel.state = entry_state(parcel.mode, ahead)
            if parcel.state is State.WAITING:
                break
            if parcel.state is State.READY:
                parcel.due_at = now + LEASE
                ready.add((parcel.delivery_id, parcel.attempt))
            ahead.append(parcel.state)
        return ready


class Drive:
    """One run: chance chooses a step, both sides take it, then they are compared."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.model = Model()
        self.chance = random.Random(seed)
        self.now = NOW
        self.sent: list[Admitted] = []

    async def step(self) -> None:
        before = self.model.open
        steps = [self.accept, self.accept, *[self.settle] * 6, self.mark_queued, self.take_due, self.expire, self.requeue]
        steps += [self.hold, self.let_go, self.let_go, self.withdraw, self.replay]
        await self.chance.choice(steps)()
        self.now += timedelta(seconds=self.chance.choice([0, 1, 7, 20]))
        await self.compare({one.delivery_id for one in (*before, *self.model.open)})

    async def accept(self) -> None:
        batch = [self._new(f"m{len(self.sent)}-{n}") for n in range(self.chance.randint(1, 4))]
        expected = {ref for one in batch for ref in self.model.accept(one, self.now)}
        resent = [self.chance.choice(self.sent)] if self.sent else []
        answers = await self.store.accept([*resent, *batch], self.now, LEASE_S)
        self.sent += batch
        assert {ids(ref) for answer in answers if isinstance(answer, Accepted) for ref in answer.ready} == expected

    async def settle(self) -> None:
        moving = [one for one in self.model.open if one.state not in (State.WAITING, State.PARKED) or self.chance.random() < 0.05]
        settlements = [self._outcome(one) for one in self._some(moving)]
        late = self._some(self.model.open)
        stale = [Settlement(delivery_id=one.delivery_id, state=State.DEAD, attempt=one.attempt - 1) for one in late]
        expected = self.model.settle(settlements, self.now)
        answers = await self.store.settle([*stale, *settlements], self.now, LEASE_S)
        assert [answer.applied for answer in answers] == [False] * len(stale) + [True] * len(settlements)
        assert refs_of(answers) == expected

    async def mark_queued(self) -> None:
        chosen = self._some(self.model.open)
        late = [Ref(one.delivery_id, one.attempt - 1, 0, 0) for one in self.model.open]
        await self.store.mark_queued([*late, *(Ref(one.delivery_id, one.attempt, 0, 0) for one in chosen)], STUCK_AT)
        for one in chosen:
            if one.state is State.READY:
                one.state, one.due_at = State.QUEUED, None

    async def take_due(self) -> None:
        due = [one for one in self.model.open if one.state is State.READY and one.due_at is not None and one.due_at <= self.now]
        taken = await self.store.take_due(self.now, 1000, LEASE_S)
        assert {ids(ref) for ref in taken} == {(one.delivery_id, one.attempt) for one in due}
        moments = [self.model.parcels[ref.delivery_id].due_at or NOW for ref in taken]  # all are of one urgency
        assert moments == sorted(moments)
        for one in due:
            one.due_at = self.now + LEASE

    async def expire(self) -> None:
        overdue = [one for one in self.model.open if one.expires_at <= self.now]
        found = [one for one in await self.store.overdue(self.now, 0.0, 1000) if one.expires_at <= self.now]
        assert {(one.delivery_id, one.attempt) for one in found} == {(one.delivery_id, one.attempt) for one in overdue}
        endings = [Settlement(delivery_id=one.delivery_id, state=State.EXPIRED, attempt=one.attempt) for one in found]
        expected = self.model.settle(endings, self.now)
        assert refs_of(await self.store.settle(endings, self.now, LEASE_S)) == expected

    async def requeue(self) -> None:
        queued = [one for one in self.model.open if one.state is State.QUEUED]
        assert await self.store.requeue_all(self.now) == len(queued)
        for one in queued:
            one.state, one.due_at = State.READY, self.now

    async def hold(self) -> None:
        """An operator holds ALPHA, or says that the maintenance is over."""
        if self.model.hold is None:
            self.model.hold = begun(ALPHA, None, "", self.now)
        else:
            self.model.hold = ended(self.model.hold, self.now)
        await self.store.change_hold(ALPHA, lambda _: self.model.hold, self.now)

    async def let_go(self) -> None:
        expected = self.model.let_go(self.now)
        refs, _ = await self.store.let_go(self.now, 10, LEASE_S, PROBES_S)
        assert {ids(ref) for ref in refs} == expected

    async def withdraw(self) -> None:
        chosen = self._some(self.model.open)
        asked = [Settlement(delivery_id=one.delivery_id, state=State.CANCELLED, withdraw=True) for one in chosen]
        applied = [one.can_be_cancelled(self.now) for one in chosen]
        expected = self.model.settle(asked, self.now)
        answers = await self.store.settle(asked, self.now, LEASE_S)
        assert [answer.applied for answer in answers] == applied
        assert refs_of(answers) == expected

    async def replay(self) -> None:
        await self.store.start_replay(begin_replay(DeadLetterFilter(), "an operator", None, 0, self.now + SECOND))
        expected = self.model.replay(self.now)
        assert {ids(ref) for ref in await self.store.step_replays(self.now, 1000, LEASE_S)} == expected

    async def compare(self, touched: set[int]) -> None:
        for delivery_id in touched:
            parcel, work = self.model.parcels[delivery_id], await self.store.fetch(delivery_id)
            assert work is not None
            assert (work.delivery_id, work.state, work.attempt) == (delivery_id, parcel.state, parcel.attempt)
        lanes = [one.lane for one in self.model.open if one.lane is not None and one.state in (State.READY, State.QUEUED)]
        assert len(lanes) == len(set(lanes)), "two of one lane are on their way"

    def _new(self, message_id: str) -> Admitted:
        order_key = self.chance.choice([None, "a", "a", "b"])
        to = self.chance.sample([ALPHA, BETA], self.chance.randint(1, 2))
        hops = [hop(one, order_key, self.chance.choice(["push", "push", "mailbox"])) for one in to]
        life = self.now - NOW + timedelta(seconds=self.chance.choice([20, 3600, 3600, 3600]))
        return admitted(message_id, hops, order_key=order_key, life=life)

    def _some(self, parcels: list[Parcel]) -> list[Parcel]:
        return self.chance.sample(parcels, min(len(parcels), self.chance.randint(0, 4)))

    def _outcome(self, parcel: Parcel) -> Settlement:
        match parcel.state:
            case State.WAITING | State.PARKED:
                state, attempt = State.CANCELLED, None
            case State.AVAILABLE:
                state, attempt = self.chance.choice(MAILBOX_OUTCOMES), None
            case _:
                state, attempt = self.chance.choice(PUSH_OUTCOMES), parcel.attempt
        return Settlement(
            delivery_id=parcel.delivery_id, state=state, attempt=attempt, delay_s=self.chance.choice([0.0, 5.0, 40.0, 400.0])
        )


def ids(ref: Ref) -> tuple[int, int]:
    return ref.delivery_id, ref.attempt


def refs_of(answers: Iterable[Settled]) -> set[tuple[int, int]]:
    return {ids(ref) for answer in answers for ref in answer.ready}


@pytest.mark.parametrize("seed", range(6))
async def test_chance_breaks_no_lane(store: Store, seed: int) -> None:
    """Whatever happens in whatever order: the store does what whole lanes say, pushes end in order, the balance agrees."""
    drive = Drive(store, seed)
    for _ in range(STEPS):
        await drive.step()
    balance = await store.balance()
    parcels = drive.model.parcels.values()
    assert balance.by_state == {state: n for state in State if (n := sum(one.state is state for one in parcels))}
    assert balance.accepted_events == len(parcels)
    assert balance.ended_events == {state: n for state, n in balance.by_state.items() if state.is_final}
    for lane in {one.lane for one in parcels} - {None}:
        pushed = [one.delivery_id for one in drive.model.pushed if one.lane == lane]
        in_order = [one for one in pushed if one not in drive.model.replayed]
        assert in_order == sorted(in_order)
    assert len(drive.model.pushed) > 20, "the run tried too little"
