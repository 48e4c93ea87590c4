"""Whether a run kept every promise. Here everything is known: the true moment of every commit, and of every knock at a door."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import msgspec

from contracts.receipt import Receipt
from lgsp.core.hold import EVERYBODY, THE_DOOR
from lgsp.core.lifecycle import State
from lgsp.core.notices import KIND
from lgsp.core.recall import Recall
from lgsp.core.receipts import delivery_ref, receipt_of
from lgsp.ports import EnvelopeRecord
from tests.crash.ledger import Ledger, contradictions
from tests.sim.memory.reading import record_of
from tests.sim.outside import EPOCH
from tests.sim.partners import Knock, Taken
from tests.sim.plan import HUB
from tests.sim.server import at_once
from tests.sim.world import REST_WITHIN_S, World

_FLOOD = 10  # messages of one case
_TICK_S = 0.01
_NOTICED_S = 2.0  # until every process goes by what one of them learned
_UNDER_WAY_S = 9.0  # longest from reading a delivery to its knock: patience in line, then a place among the attempts
_AT_LEISURE_S = 30.0  # where nothing went wrong, nothing has to wait for a lease, a grace or a sweep
_NEVER = 1e9
_ACTIVE = frozenset({State.READY, State.QUEUED, State.AVAILABLE, State.PARKED})
_ENDED_OTHERWISE = frozenset({State.REFUSED, State.DEAD, State.EXPIRED})
_FINALS = frozenset(state.label for state in State if state.is_final)
_ENDS_OF_ATTEMPTS = frozenset({"attempted", "delivered", "refused", "dead"})
_UNTRIED = ("delivery.too_old", "endpoint_disabled")  # reasons to give up that need no attempt


def broken_promises(world: World) -> list[str]:
    """In words; empty when all were kept."""
    return [*world.outside.trouble, *_Judge(world).verdict()]


@dataclass(slots=True)
class _Turn:
    """The time in which a delivery is the one of its lane that somebody may attempt, from when its turn came to its end."""

    number: int
    began_s: float
    ended_s: float = _NEVER


class _Judge:
    def __init__(self, world: World) -> None:
        self.world = world
        self.store = world.server.store
        self.tables = self.store.tables
        self.rows = {number: one.row for number, one in self.tables.deliveries.items()}
        self.states = {number: one.state for number, one in self.tables.deliveries.items()}
        self.timed = list(zip(self.tables.events, world.server.event_times, strict=True))
        self.records = {key: record_of(self.tables, kept) for key, kept in self.tables.known.items()}
        self.troubles = {fault.trouble for fault in world.plan.faults}

    def verdict(self) -> Iterator[str]:
        yield from self._receipts()
        yield from self._order_of_acceptance()
        yield from self._not_at_rest()
        yield from self._story()
        yield from self._arrivals()
        yield from self._lanes()
        yield from self._knocks()
        yield from self._attempts()
        yield from self._by_the_clock()
        yield from self._age()
        yield from self._leases()
        yield from self._gone()
        yield from self._left_alone()
        yield from self._withdrawals()
        yield from self._recalls()
        yield from self._maintenance()
        yield from self._notices()
        yield from self._when_all_went_well()

    # what happened

    @cached_property
    def turns(self) -> dict[int, list[_Turn]]:
        """Of each delivery, in order: one, or one more for each replay; none for what ended while it waited."""
        found: defaultdict[int, list[_Turn]] = defaultdict(list)
        for (number, state), at_s in zip(self.tables.history, self.world.server.history_times, strict=True):
            under_way = found[number] and found[number][-1].ended_s == _NEVER
            if state in _ACTIVE and not under_way:
                found[number].append(_Turn(number, at_s))
            elif state.is_final and under_way:
                found[number][-1].ended_s = at_s
        return found

    @cached_property
    def ended_s(self) -> dict[int, float]:
        """When each delivery got the state that it has, if that is final."""
        times = zip(self.tables.history, self.world.server.history_times, strict=True)
        return {number: at_s for (number, state), at_s in times if state.is_final}

    @cached_property
    def taken(self) -> dict[int, list[Taken]]:
        """Copies of each delivery in the hands of its recipient, in order of arrival."""
        found: defaultdict[int, list[Taken]] = defaultdict(list)
        for partner in self.world.partners.values():
            for one in partner.taken:
                found[one.delivery_id].append(one)
        return found

    def paused_s(self, machine: str, until_s: float) -> float:
        return sum(min(end, until_s) - start for name, start, end in self.world.pauses if name == machine and start < until_s)

    # promises

    def _receipts(self) -> Iterator[str]:
        """Whoever keeps asking is answered, for ever alike, and with what the journal has."""
        for sender in self.world.senders:
            got: dict[str, Receipt] = {}
            for receipt in sender.receipts:
                if got.setdefault(receipt.message_id, receipt) != receipt:
                    yield f"{receipt.message_id}: another receipt for the same message"
                record = self.records.get((receipt.sender, receipt.message_id))
                if record is None:
                    yield f"{receipt.message_id}: a receipt for what the journal does not have"
                elif msgspec.structs.replace(receipt, log=None) != _receipt(record):
                    yield f"{receipt.message_id}: the receipt says {receipt}, the journal {record}"
            for envelope in sender.sent:
                if envelope.message_id in got:
                    recipients = tuple(one.recipient for one in got[envelope.message_id].deliveries)
                    if recipients != envelope.recipients:
                        yield f"{envelope.message_id}: the receipt names {recipients}"
                elif envelope.message_id not in self.world.given_up:
                    yield f"{envelope.message_id}: no receipt"

    def _order_of_acceptance(self) -> Iterator[str]:
        for sender in self.world.senders:
            lasting = [one for one in sender.sent if one.expires_at is None or "clock" not in self.troubles]
            keys = [(one.sender, one.message_id) for one in lasting]
            sequences = [self.records[key].sequence for key in keys if key in self.records]
            if sequences != sorted(sequences):
                yield f"{keys[0]} and those after it were accepted as {sequences}"

    def _not_at_rest(self) -> Iterator[str]:
        if self.world.rested_s is None:
            yield f"not at rest {REST_WITHIN_S:.0f} s after everything was well"

    def _story(self) -> Iterator[str]:
        """Exactly one final state each, with its events; and the two sources of the balance agree."""
        events = at_once(self.store.timeline(*range(1, len(self.records) + 1)))
        ledger = Ledger({number: state.label for number, state in self.states.items()}, events)
        yield from contradictions(ledger, dict.fromkeys(self.rows))
        difference = at_once(self.store.balance()).difference
        if difference:
            yield f"the balance is out by {difference}"

    def _arrivals(self) -> Iterator[str]:
        """What arrives is what was sent, to whom it was sent; delivered means arrived, refused means that it did not."""
        for number, copies in self.taken.items():
            row = self.rows[number]
            envelope = at_once(self.store.fetch(number)).envelope
            for one in copies:
                if (one.recipient, one.message_id, one.content) != (row.recipient, envelope.message_id, envelope.body):
                    yield f"delivery {number}: {one} is not what was sent"
        for number, state in self.states.items():
            arrived = number in self.taken
            if state is State.DELIVERED and not arrived:
                yield f"delivery {number}: delivered, and never arrived"
            if state is State.REFUSED and (arrived or not self.world.partners[self.rows[number].recipient].refuses(number)):
                yield f"delivery {number}: refused, says the journal, but not its recipient"

    def _lanes(self) -> Iterator[str]:
        """One at a time, or a run of mailbox deliveries; and of those that wait the one that was accepted first comes next."""
        state_of: dict[int, State] = {}
        lanes: defaultdict[int, set[int]] = defaultdict(set)  # of each lane the open ones
        for number, state in self.tables.history:
            lane, before = self.rows[number].lane, state_of.get(number)
            state_of[number] = state
            if lane is None:
                continue
            (lanes[lane].discard if state.is_final else lanes[lane].add)(number)
            if state not in _ACTIVE or before in _ACTIVE:
                continue
            for other in lanes[lane] - {number}:
                beside = state_of[other] in _ACTIVE and not (state is state_of[other] is State.AVAILABLE)
                if beside or (state_of[other] is State.WAITING and other < number):
                    yield f"delivery {number}: {state.label} while {other} of its lane is {state_of[other].label}"

    def _knocks(self) -> Iterator[str]:
        """Nobody is asked to take a delivery before its turn, or when it has ended."""
        for knock in self.world.knocks:
            turns = [turn for turn in self.turns[knock.delivery_id] if turn.began_s <= knock.at_s]
            if not turns:
                yield f"delivery {knock.delivery_id}: knocked at {knock.at_s:.3f} s, before its turn"
                continue
            late_s = knock.at_s - turns[-1].ended_s - self.paused_s(knock.machine, knock.at_s)
            if late_s > _UNDER_WAY_S:
                yield f"delivery {knock.delivery_id}: knocked at {knock.at_s:.3f} s, {late_s:.3f} s after its end"

    def _attempts(self) -> Iterator[str]:
        """Each was made, numbered from 1 without a gap, and given up only when the schedule is used up."""
        knocked = {(knock.delivery_id, knock.attempt) for knock in self.world.knocks}
        last: defaultdict[int, int] = defaultdict(int)
        for event in self.tables.events:
            number, attempt = event.delivery_id, event.attempt
            if event.name == "replayed":
                last[number] = 0
            if attempt is None or event.name not in _ENDS_OF_ATTEMPTS or number in self.available:
                continue
            if any(reason in event.reason + event.detail for reason in _UNTRIED):
                continue
            if (number, attempt) not in knocked:
                yield f"delivery {number}: attempt {attempt} {event.name}, and was never made"
            if attempt not in (max(1, last[number]), last[number] + 1):  # one that was not charged bears its number again
                yield f"delivery {number}: attempt {attempt} follows {last[number]}"
            last[number] = attempt
            if event.reason == "delivery.retries_exhausted" and attempt != 1 + len(self._schedule_s(number)):
                yield f"delivery {number}: given up after attempt {attempt}"

    def _schedule_s(self, number: int) -> tuple[float, ...]:
        (agency,) = [one for one in self.world.plan.agencies if one.code == self.rows[number].recipient]
        own = agency.endpoint.retry_schedule_s if agency.endpoint is not None else None
        return self.world.plan.settings.retry_schedule_s if own is None else own

    def _by_the_clock(self) -> Iterator[str]:
        """Where all clocks are right: nothing expires early, is attempted after its end or before its time."""
        if "clock" in self.troubles:
            return
        for number, state in self.states.items():
            early_s = self._expires_s(number) - self.ended_s.get(number, 0.0)
            if state is State.EXPIRED and early_s > _TICK_S:
                yield f"delivery {number}: expired {early_s:.3f} s too early"
        due_s = self._due_s()
        for knock in self.world.knocks:
            late_s = knock.at_s - self._expires_s(knock.delivery_id) - self.paused_s(knock.machine, knock.at_s)
            if late_s > _UNDER_WAY_S:
                yield f"delivery {knock.delivery_id}: attempted {late_s:.3f} s after its end"
            early_s = due_s.get((knock.delivery_id, knock.attempt), 0.0) - knock.at_s
            if early_s > _TICK_S:
                yield f"delivery {knock.delivery_id}: attempt {knock.attempt} came {early_s:.3f} s too early"

    def _expires_s(self, number: int) -> float:
        return self.rows[number].expires_at / 1e6 - EPOCH.timestamp()

    def _due_s(self) -> dict[tuple[int, int], float]:
        """(delivery, number of the attempt) -> not before: the schedule after the attempt before, less the jitter."""
        due_s: dict[tuple[int, int], float] = {}
        uncharged: Counter[int] = Counter()
        for _, _, what, *details in self.world.outside.notes:
            if what != "settle" or len(details) != 3:
                continue
            (batch, now, _), answers, _ = details
            for settlement, settled in zip(batch, answers, strict=True):
                number = settlement.delivery_id
                if not settled.applied or settlement.attempt is None or len(self.turns[number]) > 1:
                    continue  # a replay begins to count anew
                tries = settlement.attempt - uncharged[number]
                uncharged[number] += settlement.postpone
                if settlement.state is State.READY and settled.state is State.READY:
                    recalled = self.tables.deliveries[number].recall
                    wait_s = 0.0 if recalled else 0.9 * self._schedule_s(number)[tries - 1]
                    due_s[number, tries + 1] = (now - EPOCH).total_seconds() + wait_s
        return due_s

    def _age(self) -> Iterator[str]:
        """Where only partners are at fault, and no flood waits in the broker, nothing is tried, or kept for a recipient that
        fails, beyond its greatest age."""
        flooded = any(len(case.messages) > _FLOOD for case in self.world.plan.cases)
        if flooded or self.troubles - {"partner bad", "partner moves"}:
            return
        oldest_s = self.world.plan.settings.retry_max_age_s + _UNDER_WAY_S
        for turn in (turn for number in self.turns.keys() - self.available for turn in self.turns[number]):
            if turn.ended_s - turn.began_s > oldest_s:
                yield f"delivery {turn.number}: it was its turn for {turn.ended_s - turn.began_s:.3f} s"

    @cached_property
    def available(self) -> set[int]:
        """Deliveries that were in a mailbox."""
        return {number for number, state in self.tables.history if state is State.AVAILABLE}

    def _leases(self) -> Iterator[str]:
        """What one sweeper has taken no other takes before its lease runs out; unless it was put back meanwhile."""
        if self.world.plan.embedded or self.troubles & {"clock", "broker wiped"}:
            return
        lease_s = self.world.plan.settings.ready_lease_s
        until_s: dict[tuple[int, int], float] = {}
        for _, who, what, *details in self.world.outside.notes:
            if what != "take_due" or len(details) != 3:
                continue
            (now, _, _), refs, _ = details
            now_s = (now - EPOCH).total_seconds()
            for ref in refs:
                early_s = until_s.get((ref.delivery_id, ref.attempt), 0.0) - now_s
                until_s[ref.delivery_id, ref.attempt] = now_s + lease_s
                if early_s > _TICK_S:
                    yield f"delivery {ref.delivery_id}: taken by {who} {early_s:.3f} s before a lease on it had run out"

    def _gone(self) -> Iterator[str]:
        """Whoever says 410 is not asked again there."""
        if self.troubles & {"kill", "kill in call", "stop", "pause", "journal away", "journal shaky"}:
            return  # the address is switched off behind the settlement: what interrupts it leaves that to the next 410
        for knock in self.world.knocks:
            since_s = self.world.partners[knock.recipient].gone.get(knock.url, _NEVER)
            if knock.at_s > since_s + _NOTICED_S:
                yield f"delivery {knock.delivery_id}: sent to {knock.url}, which said 410 {knock.at_s - since_s:.3f} s before"

    def _left_alone(self) -> Iterator[str]:
        """A recipient that fails is asked by one probe at a time, and not before the wait that is set for it is over."""
        if "clock" in self.troubles:
            return
        wait_s = self.world.plan.settings.breaker_probes_s[0]
        for recipient, start_s, end_s in self._failing():
            theirs = [knock for knock in self.world.knocks if knock.recipient == recipient]
            probes = [knock for knock in theirs if start_s < self._read_s(knock) < end_s]
            for before, probe in pairwise(probes):
                if probe.delivery_id != before.delivery_id and probe.at_s < before.at_s + wait_s - _TICK_S:
                    after_s = probe.at_s - before.at_s
                    yield f"delivery {probe.delivery_id}: knocked {after_s:.3f} s after another, at one that fails"

    def _failing(self) -> Iterator[tuple[str, float, float]]:
        """Recipients that failed, from when until when."""
        since_s: dict[str, float] = {}
        for one in self.tables.occurrences:
            at_s = (one.at - EPOCH).total_seconds()
            if one.name == "failing":
                since_s[one.recipient] = at_s
            elif one.recipient in since_s:
                yield one.recipient, since_s.pop(one.recipient), at_s

    def _withdrawals(self) -> Iterator[str]:
        """The hub's word to a sender that takes something back holds, and what it has cancelled nobody gets any more."""
        true_of = {"cancelled": {State.CANCELLED}, "delivered": {State.DELIVERED}, "ended": _ENDED_OTHERWISE}
        for at_s, number, outcome in self.world.withdrawn:
            state, replayed = self.states[number], len(self.turns[number]) > 1
            if outcome != "requested" and state not in true_of[outcome] and not (outcome == "ended" and replayed):
                yield f"delivery {number}: its sender was told {outcome}, and it is {state.label}"
            for knock in self._knocks_at(number) if outcome == "requested" else ():
                if knock.at_s > at_s + _UNDER_WAY_S + self.paused_s(knock.machine, knock.at_s):
                    yield f"delivery {number}: tried again {knock.at_s - at_s:.3f} s after it was asked back"
        if "clock" in self.troubles:
            return
        for number, state in self.states.items():
            if state is State.CANCELLED:
                ended_s = self.ended_s[number]
                late = [knock.at_s for knock in self._knocks_at(number) if knock.at_s > ended_s]
                late += [one.at_s for one in self.taken.get(number, ()) if one.knock_s > ended_s]
                yield from (f"delivery {number}: reached out {at_s - ended_s:.3f} s after it was cancelled" for at_s in late)

    def _recalls(self) -> Iterator[str]:
        """A document that was taken back by another one is cancelled, or its recipient was asked to give it back."""
        for sender in self.world.senders:
            received = {receipt.message_id for receipt in sender.receipts}
            said = {message.message_id: message.says for message in sender.case.messages}
            if not any(said[one] == "recall" for one in received):
                continue
            for message_id in received:
                record = self.records[sender.case.messages[0].sender, message_id]
                for one in record.deliveries if said[message_id] == "document" else ():
                    if one.state in (State.DELIVERED, State.DEAD) and one.recall is Recall.NONE and not one.copy:
                        yield f"delivery {one.delivery_id}: {one.state.label}, and nobody was asked to give it back"

    def _knocks_at(self, number: int) -> list[Knock]:
        return [knock for knock in self.world.knocks if knock.delivery_id == number]

    def _maintenance(self) -> Iterator[str]:
        """Who is in maintenance is left in peace; nothing is published, or let in, while an operator has switched that off."""
        if "clock" in self.troubles:
            return  # somebody may think that it is over
        informed = not self.troubles & {"pause", "journal away", "journal shaky"}
        for name, start_s, end_s in self.world.quiet:
            if name not in (EVERYBODY, THE_DOOR):
                for knock in self.world.knocks:
                    if knock.recipient == name and start_s < self._read_s(knock) < end_s:
                        yield f"delivery {knock.delivery_id}: knocked at {knock.at_s:.3f} s, in the maintenance of {name}"
            elif informed and name == EVERYBODY:
                yield from self._happened("publish", start_s + _NOTICED_S, end_s)
            elif informed:
                yield from self._let_in(start_s + _NOTICED_S, end_s)

    def _read_s(self, knock: Knock) -> float:
        """When the process that knocked had read the delivery, and with it its recipient's hold."""
        return [at_s for at_s in self.read_s[knock.machine, knock.delivery_id] if at_s <= knock.at_s][-1]

    @cached_property
    def read_s(self) -> dict[tuple[str, int], list[float]]:
        """(process, delivery) -> when it was hydrated."""
        found: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        for at_s, who, what, *details in self.world.outside.notes:
            for work in details[1] if what == "hydrate" and len(details) == 3 else ():
                found[who, work.delivery_id].append(at_s)
        return found

    def _happened(self, what: str, start_s: float, end_s: float) -> Iterator[str]:
        for at_s, who, said, *details in self.world.outside.notes:
            if said == what and start_s < at_s < end_s:
                yield f"{who}: {what} {details} at {at_s:.3f} s, while nothing was to be published"

    def _let_in(self, start_s: float, end_s: float) -> Iterator[str]:
        for event, at_s in self.timed:
            sender = self.tables.envelopes[event.sequence - 1].row.sender
            if event.name == "accepted" and start_s < at_s < end_s and sender != HUB:
                yield f"delivery {event.delivery_id}: accepted at {at_s:.3f} s, while the door was closed"

    def _notices(self) -> Iterator[str]:
        """A sender hears of every end that it wants to hear of, once."""
        wants = {agency.code: agency.wants_status for agency in self.world.plan.agencies}
        told = Counter(int(one.envelope.message_id.split(".")[1]) for one in self.records.values() if one.envelope.kind == KIND)
        due: Counter[int] = Counter()
        replayed: set[int] = set()
        for event in self.tables.events:
            kept = self.tables.envelopes[event.sequence - 1]
            if event.name == "replayed":
                replayed.add(event.delivery_id)
            elif event.reason == "delivery.nothing_to_recall":
                continue  # a question that need not be put: what the sender wants to know it hears of the document
            elif event.name in _FINALS and kept.envelope.kind != KIND and not self.rows[event.delivery_id].copy:
                wish, failed = wants[kept.envelope.sender], event.name != "delivered" or event.delivery_id in replayed
                due[event.delivery_id] += wish == "all" or (wish == "failures" and failed)
        for number in sorted(told.keys() | due.keys()):
            if told[number] != due[number]:
                yield f"delivery {number}: its sender should hear of {due[number]} endings, and hears of {told[number]}"

    def _when_all_went_well(self) -> Iterator[str]:
        """Nor by processes that stop and start in good order."""
        if self.troubles - {"stop"}:
            return
        knocks: defaultdict[int, list[float]] = defaultdict(list)
        for knock in self.world.knocks:
            knocks[knock.delivery_id].append(knock.at_s)
        yield from (f"delivery {number}: {len(times)} knocks, for nothing" for number, times in knocks.items() if len(times) > 1)
        if (self.world.rested_s or 0.0) > _AT_LEISURE_S:
            yield f"took {self.world.rested_s} s, and nothing had gone wrong"
        if self.world.plan.thinks_s == 0:
            yield from self._delayed({number: times[0] for number, times in knocks.items()})

    def _delayed(self, first_s: dict[int, float]) -> Iterator[str]:
        """What nothing holds back is on its way at once, and not only when a lease runs out."""
        for number, at_s in first_s.items():
            turn_s = self.turns[number][0].began_s
            if at_s > turn_s + _NOTICED_S:
                yield f"delivery {number}: its turn came at {turn_s:.3f} s, its first knock at {at_s:.3f} s"


def _receipt(record: EnvelopeRecord) -> Receipt:
    own = [one for one in record.deliveries if not one.copy]
    refs = tuple(delivery_ref(one.delivery_id, one.recipient, one.addressed_as, one.number) for one in own)
    sender, message_id = record.envelope.sender, record.envelope.message_id
    return receipt_of(HUB, sender, message_id, record.digest, record.sequence, record.accepted_at, refs)
