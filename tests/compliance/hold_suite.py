"""The promises about recipients on hold, recalls and mailbox fetches; test_journal.py brings the fixtures."""

from datetime import timedelta

import msgspec
import pytest

from lgsp.core.hold import Cause, Hold, begun, crowded, ended, recovered, tripped
from lgsp.core.lifecycle import State
from lgsp.core.recall import DOUBT_S, Recall
from lgsp.core.replay import DeadLetterFilter
from lgsp.core.replay import begun as begin_replay
from lgsp.ports import HoldChange, Ref, Settled, Settlement, Store
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, SENDER, Opener, admitted, hop

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
PROBES_S = (5.0, 20.0)
WAIT = timedelta(seconds=PROBES_S[0])
HELD = "delivery.held"


async def break_down(store: Store, recipient: str = ALPHA) -> Hold:
    """The recipient's circuit breaker opens at NOW."""
    _, hold = await store.change_hold(
        recipient, lambda before: tripped(before, recipient, "delivery.timeout", "30 s", 0.0, PROBES_S, NOW), NOW
    )
    assert hold is not None
    return hold


async def park(store: Store, *delivery_ids: int, attempt: int = 1, age: timedelta = DAY) -> list[Settled]:
    parking = [
        Settlement(
            delivery_id=one,
            state=State.PARKED,
            attempt=attempt,
            delay_s=age.total_seconds(),
            postpone=True,
            reason="delivery.held",
        )
        for one in delivery_ids
    ]
    return await store.settle(parking, NOW, LEASE_S)


async def accept(store: Store, count: int, recipient: str = ALPHA, **options: object) -> None:
    await store.accept([admitted(f"{recipient}-{n}", recipient, **options) for n in range(count)], NOW, LEASE_S)  # type: ignore[arg-type]


async def states(store: Store, *delivery_ids: int) -> list[State]:
    works = [await store.fetch(one) for one in delivery_ids]
    return [work.state for work in works if work is not None]


async def names(store: Store, sequence: int) -> list[str]:
    return [event.name for event in await store.timeline(sequence)]


def numbers(refs: list[Ref]) -> list[int]:
    return [ref.delivery_id for ref in refs]


# holds


async def test_a_hold_is_kept_and_told_with_its_occurrence(store: Store, reopen: Opener) -> None:
    """As it was written, over a restart; what began and ended is a line of the recipient's history, newest first. Words of the
    recipient are none of it: they may quote a body, which is erased one day."""
    hold = await break_down(store)
    assert (hold.cause, hold.since, hold.due_at) == (Cause.FAILING, NOW, NOW + WAIT)
    again = await reopen()
    assert await again.hold(ALPHA) == hold
    assert await again.hold(BETA) is None
    change = await again.change_hold(ALPHA, lambda before: recovered(before, NOW + SECOND), NOW + SECOND)
    assert change.before == hold and change.after is not None and change.after.cause is Cause.RELEASING
    await again.change_hold(BETA, lambda _: begun(BETA, None, "thay máy chủ", NOW + SECOND), NOW + SECOND)
    assert hold.detail
    assert [(one.name, one.recipient, one.reason, one.detail) for one in await again.occurrences(None, 10)] == [
        ("maintenance_begun", BETA, "delivery.maintenance", "thay máy chủ"),
        ("recovered", ALPHA, "delivery.timeout", ""),
        ("failing", ALPHA, "delivery.timeout", ""),
    ]
    assert [one.name for one in await again.occurrences(ALPHA, 1)] == ["recovered"]
    assert await again.count_holds() == {Cause.RELEASING: 1, Cause.MAINTENANCE: 1}


async def test_a_change_that_raises_changes_nothing(store: Store) -> None:
    """What the caller's function raises comes out, and the hold stands as it was."""
    hold = await break_down(store)

    def refuse(_: Hold | None) -> Hold | None:
        raise LookupError

    with pytest.raises(LookupError):
        await store.change_hold(ALPHA, refuse, NOW)
    assert await store.hold(ALPHA) == hold


async def test_work_comes_with_its_recipients_hold(store: Store) -> None:
    """The worker decides by it; others have none."""
    await accept(store, 1)
    await accept(store, 1, BETA)
    hold = await break_down(store)
    works = {work.recipient: work.hold for work in await store.hydrate([Ref(1, 1, 0, 0), Ref(2, 1, 0, 0)])}
    assert works == {ALPHA: hold, BETA: None}


async def test_what_is_parked_is_neither_due_nor_work(store: Store) -> None:
    """It costs nothing until its hold lets it go, and holds back its own lane only."""
    await store.accept([admitted("m1", order_key="k"), admitted("m2", order_key="k"), admitted("m3")], NOW, LEASE_S)
    await break_down(store)
    assert await park(store, 1) == [Settled(applied=True, state=State.PARKED)]
    assert await store.hydrate([Ref(1, 1, 0, 0), Ref(1, 2, 0, 0)]) == []
    assert numbers(await store.take_due(NOW + DAY / 2, 10, LEASE_S)) == [3]
    assert await store.requeue_all(NOW + DAY / 2) == 0
    assert await states(store, 1, 2) == [State.PARKED, State.WAITING]
    record = await store.envelope(SENDER, "m1")
    assert record is not None
    assert (record.deliveries[0].reason, record.deliveries[0].attempt, record.deliveries[0].due_at) == (
        "delivery.held",
        1,
        NOW + DAY,
    )
    assert await names(store, 1) == ["accepted", "parked"]
    assert [(one.hold.recipient, one.parked) for one in await store.holds(10)] == [(ALPHA, 1)]


async def test_nothing_is_parked_without_a_hold(store: Store) -> None:
    """The hold ended meanwhile: nobody would let it go again, so it is ready at once, under the next number."""
    await accept(store, 1)
    assert await park(store, 1) == [Settled(applied=True, state=State.READY)]
    assert [(ref.delivery_id, ref.attempt) for ref in await store.take_due(NOW, 10, LEASE_S)] == [(1, 2)]
    assert await names(store, 1) == ["accepted"]


async def test_a_failing_recipient_is_probed_with_one_delivery_at_a_time(store: Store) -> None:
    """When its time has come, the one tried least often; another one only when the first is not on its way any more."""
    await accept(store, 4)
    await break_down(store)
    await store.settle([Settlement(delivery_id=1, state=State.READY, attempt=1)], NOW, LEASE_S)
    await park(store, 1, attempt=2)
    await park(store, 2, 3, 4)
    assert await store.let_go(NOW + WAIT - SECOND, 10, LEASE_S, PROBES_S) == ([], [])
    (refs, changes) = await store.let_go(NOW + WAIT, 10, LEASE_S, PROBES_S)
    assert [(ref.delivery_id, ref.attempt) for ref in refs] == [(2, 2)]
    (hold,) = [change.after for change in changes if change.after is not None]
    assert (hold.probe, hold.due_at) == (2, NOW + WAIT + timedelta(seconds=2 * LEASE_S))
    assert await store.let_go(NOW + WAIT + SECOND, 10, LEASE_S, PROBES_S) == ([], [])
    for rounds in range(1, 4):  # it is looked for, and found waiting for its turn in the broker
        later = NOW + WAIT + rounds * timedelta(seconds=2 * LEASE_S)
        await store.mark_queued(refs, NOW + DAY)
        found, ((_, kept),) = await store.let_go(later, 10, LEASE_S, PROBES_S)
        assert found == [] and kept is not None and kept.probe == 2
    await store.settle([Settlement(delivery_id=2, state=State.EXPIRED, attempt=2)], NOW, LEASE_S)
    later += timedelta(seconds=2 * LEASE_S)
    assert numbers((await store.let_go(later, 10, LEASE_S, PROBES_S))[0]) == [3]
    assert await store.occurrences(ALPHA, 10) == [one for one in await store.occurrences(ALPHA, 10) if one.name == "failing"]


async def test_a_probe_without_anything_parked_comes_again_later(store: Store) -> None:
    """The breaker stays open; it is looked at again after the next wait."""
    await break_down(store)
    refs, ((before, after),) = await store.let_go(NOW + WAIT, 10, LEASE_S, PROBES_S)
    assert refs == [] and before is not None and after is not None
    assert (after.cause, after.probe, after.due_at) == (Cause.FAILING, None, NOW + 2 * WAIT)


async def test_recovery_lets_go_little_by_little_the_urgent_first(store: Store) -> None:
    """More each time, in the order of urgency, then of acceptance; when nothing is left the hold is gone."""
    await accept(store, 20)
    await accept(store, 2, priority=3, sender=BETA)
    await break_down(store)
    await park(store, *range(1, 23))
    await store.change_hold(ALPHA, lambda hold: recovered(hold, NOW), NOW)
    first, _ = await store.let_go(NOW, 10, LEASE_S, PROBES_S)
    assert numbers(first) == [21, 22, 1, 2, 3, 4, 5, 6]
    assert {ref.attempt for ref in first} == {2}
    assert await store.let_go(NOW, 10, LEASE_S, PROBES_S) == ([], [])
    second, ((_, after),) = await store.let_go(NOW + SECOND, 10, LEASE_S, PROBES_S)
    assert numbers(second) == list(range(7, 21)) and after is None
    assert await store.hold(ALPHA) is None
    assert numbers(await store.take_due(NOW + SECOND + timedelta(seconds=LEASE_S), 100, LEASE_S)) == [
        *[21, 22],
        *range(1, 21),
    ], "what was let go is leased and not lost when nobody publishes it"


async def test_maintenance_ends_by_word_or_by_its_time_and_age_does_not_count(store: Store) -> None:
    """What was parked in it goes on as if it had just had its turn."""
    await accept(store, 1)
    until = NOW + DAY
    await store.change_hold(ALPHA, lambda _: begun(ALPHA, until, "", NOW), NOW)
    await park(store, 1)
    assert await store.let_go(until - SECOND, 10, LEASE_S, PROBES_S) == ([], [])
    refs, ((before, after),) = await store.let_go(until, 10, LEASE_S, PROBES_S)
    assert (numbers(refs), after) == ([1], None)
    assert before is not None and before.cause is Cause.MAINTENANCE
    (work,) = await store.hydrate(refs)
    assert (work.ready_at, work.tries) == (until, 1)
    assert [one.name for one in await store.occurrences(ALPHA, 10)] == ["maintenance_ended", "maintenance_begun"]


async def test_a_recipient_that_fails_after_its_maintenance_is_probed_with_what_grows_old(store: Store) -> None:
    """What is let go after a maintenance begins anew; a probe does not, or it would be tried for ever."""
    await accept(store, 2)
    over = ended(begun(ALPHA, None, "", NOW), NOW)
    await store.change_hold(ALPHA, lambda _: tripped(over, ALPHA, "delivery.timeout", "", 0.0, PROBES_S, NOW), NOW)
    await park(store, 1, 2)
    probe, _ = await store.let_go(NOW + WAIT, 10, LEASE_S, PROBES_S)
    await store.change_hold(ALPHA, lambda hold: recovered(hold, NOW + WAIT), NOW + WAIT)
    released, _ = await store.let_go(NOW + WAIT, 10, LEASE_S, PROBES_S)
    ready = {work.delivery_id: work.ready_at for work in await store.hydrate([*probe, *released])}
    assert ready == {1: NOW, 2: NOW + WAIT}


async def test_a_crowded_recipient_is_let_go_as_it_keeps_up(store: Store) -> None:
    """The valve: no occurrence, and parking for it is no event, however often it happens."""
    await accept(store, 12)
    change = await store.change_hold(ALPHA, lambda hold: crowded(hold, ALPHA, NOW), NOW)
    assert change == HoldChange(None, await store.hold(ALPHA))
    crowd = [
        Settlement(delivery_id=n, state=State.PARKED, attempt=1, delay_s=1e5, postpone=True, reason="delivery.crowded")
        for n in range(1, 13)
    ]
    await store.settle(crowd, NOW, LEASE_S)
    assert numbers((await store.let_go(NOW + SECOND, 10, LEASE_S, PROBES_S))[0]) == list(range(1, 9))
    assert await store.occurrences(ALPHA, 10) == []
    assert await names(store, 1) == ["accepted"]


async def test_of_many_holds_a_bounded_number_is_seen_to(store: Store) -> None:
    """The longest due first; the others next time."""
    for n in range(3):
        await break_down(store, f"H01.2{n}")
    _, changes = await store.let_go(NOW + WAIT, 2, LEASE_S, PROBES_S)
    assert len(changes) == 2
    _, changes = await store.let_go(NOW + WAIT, 2, LEASE_S, PROBES_S)
    assert len(changes) == 1


async def test_what_is_parked_too_long_is_given_up_unless_it_is_kept(store: Store) -> None:
    """It comes with its hold, behind what expired; keeping moves its time."""
    await accept(store, 2)
    await accept(store, 1, BETA, life=DAY)
    hold = await break_down(store)
    await park(store, 1, 2, age=DAY)
    assert [work.delivery_id for work in await store.overdue(NOW + DAY - SECOND, 0.0, 10)] == []
    works = await store.overdue(NOW + DAY, 0.0, 10)
    assert [(work.delivery_id, work.hold) for work in works] == [(3, None), (1, hold), (2, hold)]
    assert [work.delivery_id for work in await store.overdue(NOW + DAY, 0.0, 2)] == [3, 1]
    await store.keep_parked([1, 3], NOW + 2 * DAY)
    assert [work.delivery_id for work in await store.overdue(NOW + DAY, 0.0, 10)] == [3, 2]
    (settled,) = await store.settle(
        [Settlement(delivery_id=2, state=State.DEAD, attempt=2, reason="delivery.too_old")], NOW, LEASE_S
    )
    assert settled.applied


async def test_what_was_let_go_meanwhile_is_not_given_up(store: Store) -> None:
    """One process finds that its time has come, another one lets it go before the first has said so: it may be at its recipient's
    by then."""
    await accept(store, 1)
    await break_down(store)
    await park(store, 1, age=DAY)
    (work,) = await store.overdue(NOW + DAY, 0.0, 10)
    await store.let_go(NOW + DAY, 10, LEASE_S, PROBES_S)
    giving_up = Settlement(delivery_id=1, state=State.DEAD, attempt=work.attempt, only_parked=True, reason="delivery.too_old")
    assert await store.settle([giving_up], NOW + DAY, LEASE_S) == [Settled(applied=False, state=State.READY)]
    assert await park(store, 1, attempt=2) == [Settled(applied=True, state=State.PARKED)]
    (settled,) = await store.settle([msgspec.structs.replace(giving_up, attempt=3)], NOW + DAY, LEASE_S)
    assert (settled.applied, settled.state) == (True, State.DEAD)


async def test_whatever_happens_parked_deliveries_are_found_by_what_lets_them_go(store: Store) -> None:
    """Also those parked while others were already being let go."""
    await accept(store, 9)
    await break_down(store)
    await park(store, *range(1, 9))
    await store.change_hold(ALPHA, lambda hold: recovered(hold, NOW), NOW)
    await store.let_go(NOW, 10, LEASE_S, PROBES_S)
    assert await park(store, 9) == [Settled(applied=True, state=State.PARKED)]
    assert numbers((await store.let_go(NOW + SECOND, 10, LEASE_S, PROBES_S))[0]) == [9]
    assert await store.hold(ALPHA) is None


async def test_everybody_and_the_door_are_held_like_recipients(store: Store) -> None:
    """Two names that no agency bears; their maintenance ends without anything to let go."""
    for name in ("*", "@intake"):
        await store.change_hold(name, lambda _, name=name: begun(name, None, "", NOW), NOW)  # type: ignore[misc]
        assert (await store.hold(name)) is not None
        await store.change_hold(name, lambda hold: ended(hold, NOW), NOW)
        assert await store.hold(name) is None


# urgency, stuck references


async def test_the_urgent_is_due_before_the_older(store: Store) -> None:
    """Of what is due the most urgent comes first, among equals the longest due."""
    for n, priority in enumerate([0, 3, 0, 1, 4]):
        await store.accept([admitted(f"m{n}", priority=priority)], NOW + n * SECOND, LEASE_S)
    due = NOW + timedelta(seconds=LEASE_S) + 5 * SECOND
    assert numbers(await store.take_due(due, 3, LEASE_S)) == [5, 2, 4]
    assert numbers(await store.take_due(due, 3, LEASE_S)) == [1, 3]


async def test_what_the_broker_lost_is_published_again(store: Store) -> None:
    """Queued, and nothing heard of it until it was called stuck: it is leased and due like any other, in the same attempt."""
    await accept(store, 2)
    await store.mark_queued([Ref(1, 1, 0, 0), Ref(2, 1, 0, 0)], NOW + DAY)
    await store.settle([Settlement(delivery_id=2, state=State.DELIVERED)], NOW, LEASE_S)
    assert await store.take_due(NOW + DAY - SECOND, 10, LEASE_S) == []
    (ref,) = await store.take_due(NOW + DAY, 10, LEASE_S)
    assert (ref.delivery_id, ref.attempt) == (1, 1)
    assert await states(store, 1) == [State.READY]
    assert await store.take_due(NOW + DAY, 10, LEASE_S) == []


async def test_what_is_under_way_can_be_counted(store: Store) -> None:
    """For whoever waits until a recipient, or the hub, has run empty."""
    await accept(store, 3)
    await accept(store, 1, BETA)
    await store.mark_queued([Ref(1, 1, 0, 0), Ref(2, 1, 0, 0), Ref(4, 1, 0, 0)], NOW + DAY)
    assert [await store.count_queued(one) for one in (ALPHA, BETA, SENDER, None)] == [2, 1, 0, 3]


# recall


def withdrawal(delivery_id: int) -> Settlement:
    return Settlement(delivery_id=delivery_id, state=State.CANCELLED, withdraw=True, reason="delivery.recalled")


async def test_what_nobody_has_in_hands_is_cancelled_at_once(store: Store) -> None:
    """Waiting, parked, unfetched in the mailbox, or waiting for a retry: it ends, and its lane goes on."""
    await store.accept(
        [
            admitted("m1", order_key="k"),
            admitted("m2", order_key="k"),
            admitted("m3", order_key="k"),
            admitted("parked", BETA),
            admitted("box", mode="mailbox"),
        ],
        NOW,
        LEASE_S,
    )
    await break_down(store, BETA)
    await park(store, 4)
    await store.settle([Settlement(delivery_id=1, state=State.READY, attempt=1, delay_s=LEASE_S + DOUBT_S + 1)], NOW, LEASE_S)
    answers = await store.settle([withdrawal(n) for n in (1, 2, 4, 5)], NOW, LEASE_S)
    assert [(one.applied, one.state) for one in answers] == [(True, State.CANCELLED)] * 4
    assert [numbers(list(one.ready)) for one in answers] == [[], [3], [], []]
    assert (await names(store, 4))[-1] == "cancelled"


async def test_what_may_be_in_somebodys_hands_is_asked_back(store: Store) -> None:
    """Published, queued or fetched: the recall is noted once, with an event; the delivery goes on as it stands."""
    await store.accept([admitted("m1"), admitted("m2"), admitted("m3", mode="mailbox"), admitted("m4")], NOW, LEASE_S)
    await store.mark_queued([Ref(2, 1, 0, 0)], NOW + DAY)
    assert await store.mark_fetched([3], NOW) == [True]
    await store.settle([Settlement(delivery_id=4, state=State.DELIVERED)], NOW, LEASE_S)
    for _ in range(2):
        answers = await store.settle([withdrawal(n) for n in (1, 2, 3, 4)], NOW, LEASE_S)
        assert [(one.applied, one.state, one.ready) for one in answers] == [
            (False, state, ()) for state in (State.READY, State.QUEUED, State.AVAILABLE, State.DELIVERED)
        ]
    for n in range(1, 5):
        record = await store.envelope(SENDER, f"m{n}")
        assert record is not None and record.deliveries[0].recall is Recall.REQUESTED
        assert (await names(store, n)).count("recall_requested") == 1
    assert [work.recall for work in await store.hydrate([Ref(1, 1, 0, 0)])] == [Recall.REQUESTED]
    (fetched,) = await store.settle([Settlement(delivery_id=3, state=State.DELIVERED, recipient=ALPHA)], NOW, LEASE_S)
    assert fetched.applied


async def test_a_retry_of_what_is_asked_back_comes_at_once(store: Store) -> None:
    """It is not tried again, nor parked: the worker that gets it ends it."""
    await accept(store, 2)
    await break_down(store)
    await store.settle([withdrawal(1), withdrawal(2)], NOW, LEASE_S)
    answers = await store.settle(
        [
            Settlement(delivery_id=1, state=State.READY, attempt=1, delay_s=600, reason="delivery.timeout", took_ms=1),
            Settlement(delivery_id=2, state=State.PARKED, attempt=1, delay_s=600, postpone=True, reason="delivery.held"),
        ],
        NOW,
        LEASE_S,
    )
    assert [one.state for one in answers] == [State.READY, State.READY]
    refs = await store.take_due(NOW, 10, LEASE_S)
    assert [work.recall for work in await store.hydrate(refs)] == [Recall.REQUESTED] * 2
    (ended_,) = await store.settle([Settlement(delivery_id=1, state=State.CANCELLED, attempt=2)], NOW, LEASE_S)
    assert ended_.applied


async def test_clocks_that_differ_cancel_nothing_that_is_under_way(store: Store) -> None:
    """Published by a process whose clock is ahead, or that reads it later than the one that takes it back."""
    await store.accept([admitted("m1")], NOW + timedelta(seconds=60), LEASE_S)
    (answer,) = await store.settle([withdrawal(1)], NOW, LEASE_S)
    assert (answer.applied, answer.state) == (False, State.READY)


async def test_a_dead_letter_is_asked_back_for_the_case_of_a_replay(store: Store) -> None:
    """Noted once; it stays dead, and when it is replayed the worker that gets it knows."""
    await accept(store, 1)
    await store.settle([Settlement(delivery_id=1, state=State.DEAD, attempt=1, reason="delivery.timeout")], NOW, LEASE_S)
    for _ in range(2):
        assert await store.settle([withdrawal(1)], NOW, LEASE_S) == [Settled(applied=False, state=State.DEAD)]
    assert await names(store, 1) == ["accepted", "dead", "recall_requested"]
    assert (await store.balance()).difference == 0
    await store.start_replay(begin_replay(DeadLetterFilter(), "lan", None, 1, NOW + SECOND))
    (work,) = await store.hydrate(await store.step_replays(NOW + SECOND, 10, LEASE_S))
    assert work.recall is Recall.REQUESTED


async def test_what_its_recipient_agreed_to_give_back_is_not_tried_again(store: Store) -> None:
    """As little as while the answer is awaited; what the recipient wants to keep is."""
    await accept(store, 2)
    await break_down(store)
    await store.settle([withdrawal(1), withdrawal(2)], NOW, LEASE_S)
    await store.answer_recall([1], True, NOW)
    await store.answer_recall([2], False, NOW)
    assert [one.state for one in await park(store, 1, 2)] == [State.READY, State.PARKED]


async def test_a_notice_of_a_withdrawal_is_accepted_only_if_it_ended(store: Store) -> None:
    """A noted one is no ending."""
    await accept(store, 1)
    notice = admitted("status-1", SENDER, sender="HUB")
    asked = Settlement(delivery_id=1, state=State.CANCELLED, withdraw=True, notice=notice)
    await store.settle([asked], NOW, LEASE_S)
    assert await store.envelope(notice.envelope.sender, "status-1") is None


async def test_the_recipients_answer_to_a_recall_is_noted(store: Store) -> None:
    """Once, of those that were asked back; with an event."""
    await accept(store, 3)
    await store.settle([Settlement(delivery_id=n, state=State.DELIVERED) for n in (1, 2, 3)], NOW, LEASE_S)
    await store.settle([withdrawal(1), withdrawal(2)], NOW, LEASE_S)
    assert await store.answer_recall([1, 3], True, NOW) == 1
    assert await store.answer_recall([1, 2], False, NOW) == 1
    record = [await store.envelope(SENDER, f"{ALPHA}-{n}") for n in range(3)]
    assert [one.deliveries[0].recall for one in record if one] == [Recall.AGREED, Recall.REFUSED, Recall.NONE]
    assert [(await names(store, n))[-1] for n in (1, 2, 3)] == ["recall_agreed", "recall_refused", "delivered"]


async def test_a_fetch_is_noted_once(store: Store) -> None:
    """The first time, with an event; what is not in a mailbox cannot be fetched from it."""
    await store.accept([admitted("m1", mode="mailbox"), admitted("m2")], NOW, LEASE_S)
    assert await store.mark_fetched([2, 1, 1, 99], NOW + SECOND) == [False, True, True, False]
    assert await store.mark_fetched([1], NOW + DAY) == [True]
    record = await store.envelope(SENDER, "m1")
    assert record is not None and record.deliveries[0].fetched_at == NOW + SECOND
    assert await names(store, 1) == ["accepted", "available", "fetched"]


# copies


async def test_a_copy_is_a_delivery_of_its_own_that_the_receipt_does_not_name(store: Store) -> None:
    """With its own state and lane; a resend gets the same receipt."""
    to = [hop(ALPHA, "k"), msgspec.structs.replace(hop(BETA, "k", "mailbox"), copy=True)]
    (first,) = await store.accept([admitted("m1", to, order_key="k")], NOW, LEASE_S)
    (again,) = await store.accept([admitted("m1", to, order_key="k")], NOW, LEASE_S)
    for answer in (first, again):
        assert [one.recipient for one in answer.deliveries] == [ALPHA]  # type: ignore[union-attr]
    record = await store.envelope(SENDER, "m1")
    assert record is not None
    assert [(one.recipient, one.copy, one.state) for one in record.deliveries] == [
        (ALPHA, False, State.READY),
        (BETA, True, State.AVAILABLE),
    ]
    work = await store.fetch(2)
    assert work is not None and work.copy
    assert (await store.balance()).accepted_events == 2
