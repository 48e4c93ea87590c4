"""The promises of `lgsp.ports.Journal`, one test each; test_journal.py brings the fixtures `store`, `open_store` and `reopen`.

Beside it: records_suite.py (Records and DirectoryStore) and lanes_suite.py (lanes against a model).
"""

import asyncio
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from contracts.envelope import Envelope, Identifier
from lgsp.core.admission import Admitted
from lgsp.core.lifecycle import State
from lgsp.errors import IllegalMove
from lgsp.ports import Accepted, Ref, Reused, Settled, Settlement, Store
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, SENDER, Opener, admitted, hop

LEASE = timedelta(seconds=LEASE_S)
SECOND = timedelta(seconds=1)
STUCK_AT = NOW + timedelta(days=7)


async def accept(store: Store, *batch: Admitted, now: datetime = NOW) -> list[Accepted]:
    """Accepts what nobody used before."""
    answers = await store.accept(batch, now, LEASE_S)
    assert all(isinstance(answer, Accepted) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Accepted)]


async def settle(store: Store, *batch: Settlement, now: datetime = NOW) -> list[Settled]:
    return await store.settle(batch, now, LEASE_S)


async def end(store: Store, delivery_id: int, state: State = State.DELIVERED, now: datetime = NOW) -> Settled:
    (settled,) = await settle(store, Settlement(delivery_id=delivery_id, state=state), now=now)
    assert settled.applied
    return settled


async def state_of(store: Store, delivery_id: int) -> State | None:
    work = await store.fetch(delivery_id)
    return None if work is None else work.state


def first_attempt(delivery_id: int) -> Ref:
    """What was published for a delivery first; the journal looks at the id and the attempt only."""
    return Ref(delivery_id, 1, 0, 0)


async def states(store: Store, *delivery_ids: int) -> list[State | None]:
    return [await state_of(store, delivery_id) for delivery_id in delivery_ids]


async def event_names(store: Store, sequence: int) -> list[str]:
    return [event.name for event in await store.timeline(sequence)]


def refs(*delivery_ids: int, attempt: int = 1) -> list[Ref]:
    return [Ref(delivery_id, attempt, 0, 0) for delivery_id in delivery_ids]


# accept


async def test_acceptance_gives_numbers_from_one_and_refs_to_publish(store: Store) -> None:
    """The first envelope is number 1; each hop that is ready comes back as a ref with shard, priority and trace context."""
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    to = [hop(ALPHA), hop(BETA, addressed_as="H01.99")]
    (answer,) = await accept(store, admitted("m1", to, priority=3, traceparent=trace))
    assert (answer.sequence, answer.accepted_at, answer.fresh) == (1, NOW, True)
    assert [(one.delivery_id, one.recipient, one.addressed_as) for one in answer.deliveries] == [
        (1, ALPHA, None),
        (2, BETA, "H01.99"),
    ]
    assert answer.ready == (Ref(1, 1, to[0].shard, 3, trace), Ref(2, 1, to[1].shard, 3, trace))


async def test_accepting_nothing_is_nothing(store: Store) -> None:
    """Empty batches of any kind answer empty."""
    assert await store.accept([], NOW, LEASE_S) == []
    assert await store.settle([], NOW, LEASE_S) == []
    assert await store.hydrate([]) == []
    await store.mark_queued([], STUCK_AT)


async def test_resend_gets_the_first_answer(store: Store) -> None:
    """A sender that lost our answer gets the same values later, and nothing is published again."""
    first, _ = await accept(store, admitted("m1", [hop(ALPHA), hop(BETA)]), admitted("m2"))
    (again,) = await accept(store, admitted("m1", [hop(ALPHA), hop(BETA)]), now=NOW + timedelta(days=1))
    assert again == msgspec.structs.replace(first, fresh=False, ready=(), logged=None)
    assert await event_names(store, 1) == ["accepted", "accepted"]


async def test_acceptance_time_is_told_in_utc_both_times(store: Store) -> None:
    """First answer and resend are equal as bytes, whatever zone the clock of the process has."""
    vietnam = timezone(timedelta(hours=7))
    (first,) = await accept(store, admitted("m1"), now=NOW.astimezone(vietnam))
    (again,) = await accept(store, admitted("m1"))
    assert msgspec.json.encode(first.accepted_at) == msgspec.json.encode(again.accepted_at)
    assert first.accepted_at.tzinfo is UTC


async def test_same_id_twice_in_one_batch_is_a_resend(store: Store) -> None:
    """A repeated id inside one batch is stored once, whichever comes first."""
    first, again, other = await accept(store, admitted("m1"), admitted("m1"), admitted("m2"))
    assert again == msgspec.structs.replace(first, fresh=False, ready=(), logged=None)
    assert (other.sequence, other.deliveries[0].delivery_id) == (2, 2)


@pytest.mark.parametrize("in_one_batch", [False, True])
async def test_same_id_with_other_bytes_is_reused(store: Store, in_one_batch: bool) -> None:
    """The id belongs to the first bytes; the others are told whose it is and leave no trace."""
    mine, other, next_one = admitted("m1"), admitted("m1", body=b"{}"), admitted("m2")
    if in_one_batch:
        answers = await store.accept([mine, other, next_one], NOW, LEASE_S)
    else:
        answers = [*await store.accept([mine], NOW, LEASE_S), *await store.accept([other, next_one], NOW, LEASE_S)]
    assert answers[1] == Reused(sequence=1, digest=mine.digest)
    assert isinstance(answers[2], Accepted)
    assert (answers[2].sequence, answers[2].deliveries[0].delivery_id) == (2, 2)
    assert (await store.balance()).accepted_events == 2


async def test_ids_belong_to_their_sender(store: Store) -> None:
    """Two senders may choose the same message id."""
    mine, theirs = await accept(store, admitted("m1"), admitted("m1", sender=BETA))
    assert (mine.sequence, theirs.sequence, theirs.fresh) == (1, 2, True)


async def test_numbers_are_dense_in_commit_order_over_processes(store: Store, open_store: Opener) -> None:
    """Several writers leave no gap; inside a batch numbers follow the order given; what is accepted later has later ones."""
    other = await open_store()
    try:
        batches = [[admitted(f"m{batch}-{n}", [hop(ALPHA), hop(BETA)]) for n in range(5)] for batch in range(12)]
        answers = await asyncio.gather(*(accept((store, other)[n % 2], *batch) for n, batch in enumerate(batches)))
        (last,) = await accept(other, admitted("last"))
    finally:
        await other.close()
    sequences = [[one.sequence for one in answer] for answer in answers]
    assert all(numbers == list(range(numbers[0], numbers[0] + 5)) for numbers in sequences)
    assert sorted(number for numbers in sequences for number in numbers) == list(range(1, 61))
    ordered = sorted((one for answer in answers for one in answer), key=lambda one: one.sequence)
    assert [ref.delivery_id for one in ordered for ref in one.deliveries] == list(range(1, 121))
    assert (last.sequence, last.deliveries[0].delivery_id) == (61, 121)


async def test_one_envelope_sent_by_many_at_once_is_stored_once(store: Store, open_store: Opener) -> None:
    """Only one of many simultaneous resends is fresh."""
    other = await open_store()
    try:
        answers = await asyncio.gather(*(accept((store, other)[n % 2], admitted("m1")) for n in range(10)))
    finally:
        await other.close()
    assert sum(answer[0].fresh for answer in answers) == 1
    assert {answer[0].deliveries for answer in answers} == {answers[0][0].deliveries}


async def test_what_was_accepted_is_there_after_reopening(store: Store, reopen: Opener) -> None:
    """What the store returned is on disk: envelope, deliveries, events and numbers."""
    (first,) = await accept(store, admitted("m1"))
    again = await reopen()
    assert [work.envelope for work in await again.hydrate(first.ready)] == [admitted("m1").envelope]
    assert await event_names(again, 1) == ["accepted"]
    (second,) = await accept(again, admitted("m2"))
    assert second.sequence == 2


async def test_a_cancelled_caller_breaks_nothing(store: Store) -> None:
    """A caller that gives up leaves the store working; its envelope was accepted or not, never half."""
    callers = [asyncio.create_task(store.accept([admitted(f"m{n}", [hop(ALPHA), hop(BETA)])], NOW, LEASE_S)) for n in range(6)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(result, list) for result in results[1::2])
    balance = await store.balance()
    assert balance.accepted_events == sum(balance.by_state.values())
    assert balance.accepted_events >= 6 and balance.accepted_events % 2 == 0
    await store.ping()


# hydrate


async def test_work_carries_the_envelope_as_it_came(store: Store) -> None:
    """Octets, offsets of times and trace context survive: the digest of what comes out is the digest of what went in."""
    vietnam = timezone(timedelta(hours=7))
    body = '{"tên": "Hồ Đắc"}\n '.encode()
    sent = admitted("m1", BETA, order_key="H01-1", body=body, created_at=NOW.astimezone(vietnam), priority=2)
    (answer,) = await accept(store, sent)
    (work,) = await store.hydrate(answer.ready)
    assert work.envelope == sent.envelope
    assert work.envelope.digest() == sent.digest
    assert (work.delivery_id, work.attempt, work.recipient, work.addressed_as) == (1, 1, BETA, BETA)
    assert (work.state, work.sequence, work.accepted_at, work.expires_at) == (State.READY, 1, NOW, sent.expires_at)


async def test_stale_refs_are_not_hydrated(store: Store) -> None:
    """Only refs of deliveries that await exactly this attempt are work: not ended, not waiting, not in a mailbox, not unknown."""
    answers = await accept(
        store,
        admitted("ended"),
        admitted("head", order_key="k"),
        admitted("waits", order_key="k"),
        admitted("box", mode="mailbox"),
    )
    await end(store, 1)
    await store.mark_queued(refs(2), STUCK_AT)
    asked = [Ref(one.deliveries[0].delivery_id, 1, 0, 0) for one in answers]
    assert [work.delivery_id for work in await store.hydrate([*asked, Ref(2, 2, 0, 0), Ref(99, 1, 0, 0)])] == [2]


async def test_a_ref_given_twice_is_harmless(store: Store) -> None:
    """Republishing repeats refs: every delivery comes back, none that was not asked for."""
    (answer,) = await accept(store, admitted("m1"))
    assert {work.delivery_id for work in await store.hydrate([*answer.ready, *answer.ready])} == {1}


# settle


@pytest.mark.parametrize("state", [State.DELIVERED, State.REFUSED, State.DEAD, State.EXPIRED, State.CANCELLED])
@pytest.mark.parametrize("queued", [False, True])
async def test_an_end_is_recorded_once(store: Store, state: State, queued: bool) -> None:
    """A delivery ends once, with its event; what comes later is stale and told the state that counts."""
    (answer,) = await accept(store, admitted("m1"))
    if queued:
        await store.mark_queued(refs(1), STUCK_AT)
    ending = Settlement(delivery_id=1, state=state, attempt=1, reason="delivery.timeout", detail="x", took_ms=12)
    assert await settle(store, ending, now=NOW + SECOND) == [Settled(applied=True, state=state)]
    assert (
        await settle(store, ending, Settlement(delivery_id=1, state=State.CANCELLED)) == [Settled(applied=False, state=state)] * 2
    )
    event = (await store.timeline(answer.sequence))[-1]
    assert (event.name, event.at, event.delivery_id, event.recipient) == (state.label, NOW + SECOND, 1, ALPHA)
    assert (event.attempt, event.reason, event.detail, event.took_ms) == (1, "delivery.timeout", "x", 12)
    assert await event_names(store, 1) == ["accepted", state.label]
    record = await store.envelope(SENDER, "m1")
    assert record is not None
    (delivery,) = record.deliveries
    assert (delivery.state, delivery.ended_at, delivery.due_at) == (state, NOW + SECOND, None)
    assert (delivery.reason, delivery.detail) == ("delivery.timeout", "x")


async def test_a_retry_comes_again_with_the_next_attempt(store: Store) -> None:
    """READY means again in delay_s as attempt + 1: due then, not before; the old ref is stale; the attempt is an event."""
    (answer,) = await accept(store, admitted("m1"))
    again = Settlement(delivery_id=1, state=State.READY, attempt=1, delay_s=30, reason="delivery.timeout", took_ms=5)
    assert await settle(store, again) == [Settled(applied=True, state=State.READY)]
    assert await store.hydrate(answer.ready) == []
    assert await store.take_due(NOW + timedelta(seconds=29), 10, LEASE_S) == []
    (ref,) = await store.take_due(NOW + timedelta(seconds=30), 10, LEASE_S)
    assert (ref.delivery_id, ref.attempt) == (1, 2)
    assert [work.attempt for work in await store.hydrate([ref])] == [2]
    assert [(event.name, event.attempt) for event in await store.timeline(1)] == [("accepted", None), ("attempted", 1)]


async def test_a_settlement_of_another_attempt_is_stale(store: Store) -> None:
    """Late news of an earlier attempt changes nothing."""
    await accept(store, admitted("m1"))
    await settle(store, Settlement(delivery_id=1, state=State.READY, attempt=1))
    late = Settlement(delivery_id=1, state=State.DEAD, attempt=1)
    assert await settle(store, late) == [Settled(applied=False, state=State.READY)]


async def test_unknown_and_foreign_deliveries_are_not_told_apart(store: Store) -> None:
    """A mailbox acknowledges only its own, and learns nothing about others'."""
    await accept(store, admitted("m1", ALPHA, mode="mailbox"))
    foreign = Settlement(delivery_id=1, state=State.DELIVERED, recipient=BETA)
    unknown = Settlement(delivery_id=99, state=State.DELIVERED, recipient=BETA)
    own = Settlement(delivery_id=1, state=State.DELIVERED, recipient=ALPHA)
    nobody = Settled(applied=False, state=None)
    assert await settle(store, foreign, unknown, own, foreign) == [
        nobody,
        nobody,
        Settled(applied=True, state=State.DELIVERED),
        nobody,
    ]


async def test_settlements_apply_in_the_order_given(store: Store) -> None:
    """Of two outcomes for one delivery in one batch the first counts."""
    await accept(store, admitted("m1"))
    answers = await settle(
        store, Settlement(delivery_id=1, state=State.REFUSED), Settlement(delivery_id=1, state=State.DELIVERED)
    )
    assert answers == [Settled(applied=True, state=State.REFUSED), Settled(applied=False, state=State.REFUSED)]


async def test_an_illegal_move_is_loud_and_undoes_its_batch(store: Store) -> None:
    """What core.lifecycle forbids is a bug of ours: IllegalMove, and nothing of that transaction happened."""
    await accept(store, admitted("m1"), admitted("m2", order_key="k"), admitted("m3", order_key="k"))
    for forbidden in (State.DELIVERED, State.READY):  # only the lane releases what waits
        with pytest.raises(IllegalMove):
            bug = Settlement(delivery_id=3, state=forbidden)
            await settle(store, Settlement(delivery_id=1, state=State.DELIVERED), bug)
    assert await states(store, 1, 2, 3) == [State.READY, State.READY, State.WAITING]
    await end(store, 1)


async def test_an_attempt_does_not_take_a_delivery_out_of_a_mailbox(store: Store) -> None:
    """Into the mailbox it went without a new number: who comes back late from an attempt at it changes nothing."""
    await accept(store, admitted("m1", mode="mailbox"))
    for late in (State.READY, State.PARKED, State.DEAD):
        assert await settle(store, Settlement(delivery_id=1, state=late, attempt=1)) == [
            Settled(applied=False, state=State.AVAILABLE)
        ]
    assert await states(store, 1) == [State.AVAILABLE]


async def test_a_mailbox_that_names_a_waiting_delivery_gets_no_for_an_answer(store: Store) -> None:
    """Ids in an acknowledgement come from outside: a forbidden move does not apply, and others in the batch are not harmed."""
    await accept(store, admitted("m1", order_key="k"), admitted("m2", order_key="k", mode="mailbox"), admitted("m3"))
    answers = await settle(
        store, Settlement(delivery_id=2, state=State.DELIVERED, recipient=ALPHA), Settlement(delivery_id=3, state=State.DELIVERED)
    )
    assert answers == [Settled(applied=False, state=State.WAITING), Settled(applied=True, state=State.DELIVERED)]


async def test_a_notice_is_accepted_with_its_settlement(store: Store) -> None:
    """The status envelope enters in the same transaction: its refs come back, it has the next number and may be hydrated."""
    await accept(store, admitted("m1"))
    notice = admitted("status-1", SENDER, sender="HUB")
    (settled,) = await settle(store, Settlement(delivery_id=1, state=State.REFUSED, attempt=1, notice=notice))
    assert [(ref.delivery_id, ref.attempt) for ref in settled.ready] == [(2, 1)]
    (work,) = await store.hydrate(settled.ready)
    assert (work.envelope, work.sequence) == (notice.envelope, 2)


async def test_a_notice_of_a_stale_settlement_is_not_accepted(store: Store) -> None:
    """No settlement, no notice."""
    await accept(store, admitted("m1"))
    await end(store, 1)
    notice = admitted("status-1", SENDER, sender="HUB")
    (settled,) = await settle(store, Settlement(delivery_id=1, state=State.REFUSED, notice=notice))
    assert settled == Settled(applied=False, state=State.DELIVERED)
    assert await store.envelope(notice.envelope.sender, "status-1") is None


async def test_notices_of_one_batch_belong_to_their_settlements(store: Store) -> None:
    """Each Settled has the refs of its own notice; a notice that the journal has already is not stored twice."""
    await accept(store, admitted("m1"), admitted("m2"), admitted("m3"))
    notices = [admitted(name, SENDER, sender="HUB") for name in ("s1", "s2", "s1")]
    batch = [Settlement(delivery_id=n + 1, state=State.DELIVERED, notice=notice) for n, notice in enumerate(notices)]
    answers = await settle(store, *batch)
    assert [[ref.delivery_id for ref in one.ready] for one in answers] == [[4], [5], []]


# lanes


async def test_a_push_lane_gives_one_at_a_time_in_order(store: Store) -> None:
    """Only the head of (recipient, order key) is ready; each end releases the next, over batches and inside one."""
    first, second = await accept(store, admitted("m1", order_key="k"), admitted("m2", order_key="k"))
    (third,) = await accept(store, admitted("m3", order_key="k"))
    assert [len(one.ready) for one in (first, second, third)] == [1, 0, 0]
    for ended, released in ((1, 2), (2, 3)):
        settled = await end(store, ended, now=NOW + SECOND)
        assert [(ref.delivery_id, ref.attempt) for ref in settled.ready] == [(released, 1)]
        record = await store.envelope(SENDER, f"m{released}")
        assert record is not None and record.deliveries[0].due_at == NOW + SECOND + LEASE
    assert (await end(store, 3)).ready == ()


async def test_lanes_do_not_hold_each_other_back(store: Store) -> None:
    """Another recipient, another key or no key at all is another lane."""
    answers = await accept(
        store,
        admitted("m1", order_key="k"),
        admitted("m2", [hop(ALPHA, "k"), hop(BETA, "k")], order_key="k"),
        admitted("m3", order_key="other"),
        admitted("m4"),
        admitted("m5"),
    )
    assert [[ref.delivery_id for ref in one.ready] for one in answers] == [[1], [3], [4], [5], [6]]


async def test_one_key_written_differently_is_one_lane(store: Store) -> None:
    """Composed, decomposed and upper-case keys name the same case."""
    keys = ["hồ sơ 1", unicodedata.normalize("NFD", "hồ sơ 1"), "HỒ SƠ 1"]
    answers = await accept(store, *(admitted(f"m{n}", order_key=key) for n, key in enumerate(keys)))
    assert [len(one.ready) for one in answers] == [1, 0, 0]


@pytest.mark.parametrize(
    "settlement", [Settlement(delivery_id=1, state=State.READY), Settlement(delivery_id=1, state=State.AVAILABLE)]
)
async def test_a_retry_or_a_mailbox_keeps_the_lane(store: Store, settlement: Settlement) -> None:
    """A failing message holds back the later ones of its case until it ends."""
    await accept(store, admitted("m1", order_key="k"), admitted("m2", order_key="k"))
    (settled,) = await settle(store, settlement)
    assert settled.ready == ()
    assert await states(store, 1, 2) == [settlement.state, State.WAITING]
    assert [ref.delivery_id for ref in (await end(store, 1)).ready] == [2]


async def test_mailbox_deliveries_of_one_lane_lie_there_together(store: Store) -> None:
    """The recipient lists them in order, so they do not wait for each other; they are not refs to publish."""
    answers = await accept(store, admitted("m1", order_key="k", mode="mailbox"), admitted("m2", order_key="k", mode="mailbox"))
    assert [one.ready for one in answers] == [(), ()]
    assert await states(store, 1, 2) == [State.AVAILABLE] * 2
    assert await event_names(store, 1) == ["accepted", "available"]


async def test_a_lane_of_pushes_and_mailbox_keeps_its_order(store: Store) -> None:
    """When the push ends the whole run of mailbox deliveries behind it appears; the push behind them waits for all of them."""
    await accept(
        store,
        admitted("m1", order_key="k"),
        admitted("m2", order_key="k", mode="mailbox"),
        admitted("m3", order_key="k", mode="mailbox"),
        admitted("m4", order_key="k"),
        admitted("m5", order_key="k", mode="mailbox"),
    )
    assert await states(store, 1, 2, 3, 4, 5) == [State.READY, *[State.WAITING] * 4]
    assert (await end(store, 1)).ready == ()
    assert await states(store, 2, 3, 4, 5) == [State.AVAILABLE, State.AVAILABLE, State.WAITING, State.WAITING]
    assert await event_names(store, 3) == ["accepted", "available"]
    assert (await end(store, 3)).ready == ()
    assert [ref.delivery_id for ref in (await end(store, 2)).ready] == [4]
    await end(store, 4)
    assert await state_of(store, 5) is State.AVAILABLE


async def test_a_cancelled_one_in_the_middle_opens_the_way_behind_it(store: Store) -> None:
    """When the push between two mailbox deliveries ends, the later one joins the earlier."""
    await accept(
        store,
        admitted("m1", order_key="k", mode="mailbox"),
        admitted("m2", order_key="k"),
        admitted("m3", order_key="k", mode="mailbox"),
    )
    await end(store, 2, State.CANCELLED)
    assert await states(store, 1, 2, 3) == [State.AVAILABLE, State.CANCELLED, State.AVAILABLE]


async def test_released_refs_carry_shard_priority_and_trace(store: Store) -> None:
    """A ref that was released, or taken when due, is the same as one that was ready at once."""
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    await accept(store, admitted("m1", order_key="k"), admitted("m2", order_key="k", priority=4, traceparent=trace))
    expected = Ref(2, 1, hop(ALPHA).shard, 4, trace)
    assert (await end(store, 1)).ready == (expected,)
    assert await store.take_due(NOW + LEASE, 10, LEASE_S) == [expected]


# due, queued, expired


async def test_accepted_deliveries_fall_due_after_the_lease(store: Store) -> None:
    """If the process dies before publishing, the sweeper takes them: not before the lease, and nobody else meanwhile."""
    await accept(store, admitted("m1"))
    assert await store.take_due(NOW + LEASE - SECOND, 10, LEASE_S) == []
    assert [ref.delivery_id for ref in await store.take_due(NOW + LEASE, 10, 60)] == [1]
    assert await store.take_due(NOW + LEASE, 10, 60) == []


async def test_due_ones_come_oldest_first_and_within_the_limit(store: Store) -> None:
    """The sweeper takes a bounded number, the longest overdue first."""
    await accept(store, *(admitted(f"m{n}") for n in range(3)))
    delays = {1: 30.0, 2: 10.0, 3: 20.0}
    await settle(store, *(Settlement(delivery_id=n, state=State.READY, delay_s=delay) for n, delay in delays.items()))
    later = NOW + timedelta(minutes=1)
    assert [ref.delivery_id for ref in await store.take_due(later, 2, LEASE_S)] == [2, 3]
    assert [ref.delivery_id for ref in await store.take_due(later, 2, LEASE_S)] == [1]


async def test_two_takers_never_get_the_same(store: Store, open_store: Opener) -> None:
    """Sweepers of several processes share the work."""
    await accept(store, *(admitted(f"m{n}") for n in range(60)))
    other = await open_store()
    try:
        takes = await asyncio.gather(*((store, other)[n % 2].take_due(NOW + LEASE, 7, LEASE_S) for n in range(10)))
    finally:
        await other.close()
    assert sorted(ref.delivery_id for take in takes for ref in take) == list(range(1, 61))


async def test_queued_ones_are_not_due_any_more(store: Store) -> None:
    """The broker has them: the sweeper forgets them, hydrate does not, and it is no event."""
    (answer,) = await accept(store, admitted("m1"))
    await store.mark_queued(refs(1), STUCK_AT)
    assert await store.take_due(NOW + timedelta(days=1), 10, LEASE_S) == []
    assert [work.state for work in await store.hydrate(answer.ready)] == [State.QUEUED]
    assert await event_names(store, 1) == ["accepted"]


async def test_only_ready_ones_become_queued(store: Store) -> None:
    """Ended, waiting, mailbox and unknown deliveries stay what they are."""
    await accept(
        store, admitted("m1"), admitted("m2", order_key="k"), admitted("m3", order_key="k"), admitted("m4", mode="mailbox")
    )
    await end(store, 1)
    await store.mark_queued(refs(1, 2, 3, 4, 99), STUCK_AT)
    assert await states(store, 1, 2, 3, 4) == [State.DELIVERED, State.QUEUED, State.WAITING, State.AVAILABLE]


async def test_a_late_confirm_does_not_hide_the_retry(store: Store) -> None:
    """The attempt that the broker confirmed has failed meanwhile: the delivery waits for its next one and stays READY."""
    await accept(store, admitted("m1"))
    await settle(store, Settlement(delivery_id=1, state=State.READY, attempt=1, delay_s=5.0, reason="delivery.timeout"))
    await store.mark_queued(refs(1, attempt=1), STUCK_AT)
    assert await state_of(store, 1) is State.READY
    assert [(ref.delivery_id, ref.attempt) for ref in await store.take_due(NOW + 6 * SECOND, 10, LEASE_S)] == [(1, 2)]
    await store.mark_queued(refs(1, attempt=2), STUCK_AT)
    assert await state_of(store, 1) is State.QUEUED


async def test_a_retry_that_waits_is_not_taken_for_queued(store: Store) -> None:
    """The broker's late word on the first attempt does not make the second forgotten."""
    await accept(store, admitted("m1"))
    await settle(store, Settlement(delivery_id=1, state=State.READY, attempt=1, delay_s=30))
    await store.mark_queued([first_attempt(1)], STUCK_AT)
    assert [ref.attempt for ref in await store.take_due(NOW + timedelta(seconds=30), 10, LEASE_S)] == [2]


async def test_a_broker_without_memory_gets_everything_again(store: Store) -> None:
    """After a restart all queued deliveries are ready and due now, the others stay; the number is told."""
    await accept(store, *(admitted(f"m{n}") for n in range(4)))
    await store.mark_queued(refs(1, 2), STUCK_AT)
    await end(store, 3)
    assert await store.requeue_all(NOW) == 2
    assert [ref.delivery_id for ref in await store.take_due(NOW, 10, LEASE_S)] == [1, 2]
    assert await state_of(store, 4) is State.READY
    assert await store.requeue_all(NOW) == 0


async def test_leases_of_a_process_that_died_are_void(store: Store) -> None:
    """What was about to be published is due at once when nobody is left who held the lease; retries keep their time."""
    await accept(store, *(admitted(f"m{n}") for n in range(3)))
    for delivery_id, delay_s in ((2, 600.0), (3, LEASE_S / 3)):
        await settle(
            store, Settlement(delivery_id=delivery_id, state=State.READY, attempt=1, delay_s=delay_s, reason="delivery.timeout")
        )
    assert await store.requeue_all(NOW, LEASE_S) == 1
    assert [ref.delivery_id for ref in await store.take_due(NOW, 10, LEASE_S)] == [1]


async def overdue(store: Store, now: datetime, grace_s: float = 0.0, limit: int = 10) -> list[int]:
    return [work.delivery_id for work in await store.overdue(now, grace_s, limit)]


async def expire(store: Store, now: datetime, limit: int = 10) -> list[Settled]:
    """As the sweeper does."""
    works = await store.overdue(now, 0.0, limit)
    endings = [Settlement(delivery_id=one.delivery_id, state=State.EXPIRED, attempt=one.attempt) for one in works]
    return await settle(store, *endings, now=now)


async def test_open_deliveries_become_overdue(store: Store) -> None:
    """Past its life a delivery is overdue wherever it is: ready, queued, waiting or in the mailbox; ended ones are not."""
    short = timedelta(minutes=1)
    await accept(
        store,
        admitted("m1", life=short),
        admitted("m2", life=short),
        admitted("m3", life=short, mode="mailbox"),
        admitted("m4", order_key="k"),
        admitted("m5", order_key="k", life=short),
        admitted("m6", life=short),
    )
    await store.mark_queued(refs(2), STUCK_AT)
    await end(store, 6)
    assert await overdue(store, NOW + short - SECOND) == []
    assert await overdue(store, NOW + short) == [1, 2, 3, 5]
    assert await expire(store, NOW + short) == [Settled(applied=True, state=State.EXPIRED)] * 4
    assert await states(store, 4, 6) == [State.READY, State.DELIVERED]
    assert (await store.timeline(1))[-1].name == "expired"
    assert await overdue(store, NOW + short) == []


async def test_what_may_be_attempted_just_now_has_a_grace(store: Store) -> None:
    """Ready and queued deliveries are overdue only when the grace is over; mailbox and waiting ones at once."""
    short, grace = timedelta(minutes=1), timedelta(seconds=30)
    await accept(
        store,
        admitted("m1", order_key="k", life=short),
        admitted("m2", order_key="k", life=short),
        admitted("m3", life=short),
        admitted("m4", life=short, mode="mailbox"),
    )
    await store.mark_queued(refs(3), STUCK_AT)
    assert await overdue(store, NOW + short, 30.0) == [2, 4]
    assert await overdue(store, NOW + short + grace - SECOND, 30.0) == [2, 4]
    assert await overdue(store, NOW + short + grace, 30.0) == [1, 2, 3, 4]


async def test_the_overdue_come_with_what_their_notices_need(store: Store) -> None:
    """Delivery and envelope, but not the body: a round over many large ones must not fill the memory."""
    sent = admitted("m1", [hop(ALPHA, addressed_as="H01.99")], identifiers=[Identifier("case", "1")], life=timedelta(minutes=1))
    await accept(store, sent)
    await settle(store, Settlement(delivery_id=1, state=State.READY, attempt=1))
    (work,) = await store.overdue(NOW + timedelta(minutes=1), 0.0, 10)
    whole = await store.fetch(1)
    assert whole is not None and whole.envelope == sent.envelope
    assert work == msgspec.structs.replace(whole, envelope=msgspec.structs.replace(sent.envelope, body=b""))
    assert work.attempt == 2


async def test_an_outline_is_everything_but_the_body(store: Store) -> None:
    """Of those asked for, in whatever state; unknown ids are left out and one asked for twice comes once."""
    sent = [admitted("m1", order_key="k"), admitted("m2", order_key="k", mode="mailbox"), admitted("m3")]
    await accept(store, *sent)
    await end(store, 1)
    works = sorted(await store.outline([1, 2, 2, 99]), key=lambda one: one.delivery_id)
    assert [(one.delivery_id, one.state) for one in works] == [(1, State.DELIVERED), (2, State.AVAILABLE)]
    assert [one.envelope for one in works] == [msgspec.structs.replace(one.envelope, body=b"") for one in sent[:2]]
    assert await store.outline([]) == []


async def test_expiry_is_bounded_and_releases_the_lane(store: Store) -> None:
    """At most `limit` at once, the longest expired first; what waited behind them is released, if it still lives."""
    lives = [timedelta(minutes=1), timedelta(minutes=2), timedelta(days=1)]
    await accept(store, *(admitted(f"m{n}", order_key="k", life=life) for n, life in enumerate(lives)))
    later = NOW + timedelta(minutes=5)
    assert await overdue(store, later, limit=1) == [1]
    (released,) = await expire(store, later, 1)
    assert [ref.delivery_id for ref in released.ready] == [2]
    (released,) = await expire(store, later)
    assert [ref.delivery_id for ref in released.ready] == [3]


async def test_a_whole_lane_expires_without_refs_to_the_dead(store: Store) -> None:
    """Only what still lives is released: nobody publishes a delivery that ended in the same transaction."""
    lives = [timedelta(minutes=1)] * 5 + [timedelta(days=1)]
    await accept(store, *(admitted(f"m{n}", order_key="k", life=life) for n, life in enumerate(lives)))
    expired = await expire(store, NOW + timedelta(minutes=1))
    assert [ref.delivery_id for settled in expired for ref in settled.ready] == [6]


async def test_an_expired_envelope_is_unknown_to_nobody(store: Store) -> None:
    """Ended deliveries and their envelopes stay: they can be fetched and their id stays used."""
    (answer,) = await accept(store, admitted("m1"))
    await end(store, 1)
    work = await store.fetch(answer.deliveries[0].delivery_id)
    assert work is not None and isinstance(work.envelope, Envelope)
    assert (work.state, work.envelope.body) == (State.DELIVERED, b'{"a": 1}')
    (again,) = await accept(store, admitted("m1"))
    assert again.fresh is False


async def test_a_ping_leaves_nothing_behind(store: Store) -> None:
    """It writes, or a full disk would go unnoticed, but no number is used up and no delivery appears. (That it fails when the
    journal cannot be written is shown per store: test_bootstrap.py, test_postgres_store.py.)"""
    before = await store.balance()
    await store.ping()
    await store.ping()
    assert await store.balance() == before
    (answer,) = await accept(store, admitted("m1"))
    assert (answer.sequence, answer.deliveries[0].delivery_id) == (1, 1)
