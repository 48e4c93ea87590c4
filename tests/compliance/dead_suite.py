"""The promises about dead letters and replays; test_journal.py brings the fixtures."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import pytest

from contracts.envelope import Identifier
from lgsp.core.lifecycle import State
from lgsp.core.replay import DeadLetterFilter, begun
from lgsp.ports import Ref, Settlement, Store
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, SENDER, Opener, admitted, hop

SECOND = timedelta(seconds=1)
ALL = DeadLetterFilter()


async def die(store: Store, *delivery_ids: int, reason: str = "delivery.timeout", now: datetime = NOW) -> None:
    endings = [Settlement(delivery_id=one, state=State.DEAD, reason=reason, detail="last words") for one in delivery_ids]
    assert all(one.applied for one in await store.settle(endings, now, LEASE_S))


async def start(
    store: Store, which: DeadLetterFilter = ALL, rate_per_s: float | None = None, now: datetime = NOW + SECOND
) -> int:
    total = (await store.count_dead_letters(which, now)).letters
    return await store.start_replay(begun(which, "an operator", rate_per_s, total, now))


async def step(store: Store, now: datetime = NOW + SECOND, limit: int = 100) -> list[int]:
    return [ref.delivery_id for ref in await store.step_replays(now, limit, LEASE_S)]


async def names(store: Store, sequence: int) -> list[str]:
    return [event.name for event in await store.timeline(sequence)]


# looking them up


async def test_a_dead_letter_says_what_an_operator_needs(store: Store) -> None:
    """Whose, to whom, what, when, why, after how many attempts, and how it is found elsewhere."""
    case = Identifier("case", "H01-1")
    sent = admitted("m1", order_key="k", priority=2, identifiers=[case], found=[Identifier("receipt", "BN-7")])
    await store.accept([sent, admitted("m2")], NOW, LEASE_S)
    await store.settle([Settlement(delivery_id=1, state=State.READY, attempt=1)], NOW, LEASE_S)
    await die(store, 1, now=NOW + SECOND)
    (letter,) = await store.dead_letters(ALL, 0, 10)
    assert msgspec.structs.asdict(letter) == {
        "delivery_id": 1,
        "sequence": 1,
        "sender": SENDER,
        "message_id": "m1",
        "recipient": ALPHA,
        "kind": "case.file/1",
        "priority": 2,
        "order_key": "k",
        "accepted_at": NOW,
        "expires_at": sent.expires_at,
        "ended_at": NOW + SECOND,
        "attempts": 2,
        "reason": "delivery.timeout",
        "detail": "last words",
        "identifiers": (case, Identifier("receipt", "BN-7")),
        "resolved_at": None,
        "copy": False,
    }


@dataclass(frozen=True)
class Asked:
    which: DeadLetterFilter
    found: list[int]


@pytest.mark.parametrize(
    "asked",
    [
        Asked(ALL, [1, 2, 3, 4]),
        Asked(DeadLetterFilter(party=ALPHA), [1, 2, 4]),
        Asked(DeadLetterFilter(sender=ALPHA), [4]),
        Asked(DeadLetterFilter(recipient=BETA), [3, 4]),
        Asked(DeadLetterFilter(reason="delivery.expired"), []),
        Asked(DeadLetterFilter(reason="delivery.unreachable"), [2]),
        Asked(DeadLetterFilter(kind="case.file"), [1, 2, 3, 4]),
        Asked(DeadLetterFilter(kind="case.file/1", recipient=ALPHA), [1, 2]),
        Asked(DeadLetterFilter(kind="case"), []),
        Asked(DeadLetterFilter(case=" CASE 1 "), [1, 3]),
        Asked(DeadLetterFilter(since=NOW + SECOND), [2, 4]),
        Asked(DeadLetterFilter(until=NOW + SECOND), [1, 3]),
        Asked(DeadLetterFilter(delivery_ids=(4, 2, 99)), [2, 4]),
        Asked(DeadLetterFilter(party=BETA, since=NOW + SECOND, delivery_ids=(1, 4)), [4]),
    ],
    ids=lambda asked: str(asked.which).removeprefix("DeadLetterFilter"),
)
async def test_dead_letters_are_found_by_any_combination(store: Store, asked: Asked) -> None:
    """Every condition given must hold; in the order of acceptance; counted alike."""
    case = [Identifier("case", "case 1")]
    await store.accept(
        [
            admitted("m1", identifiers=case),
            admitted("m2"),
            admitted("m3", BETA, identifiers=case),
            admitted("m4", BETA, sender=ALPHA),
            admitted("alive", identifiers=case),
        ],
        NOW,
        LEASE_S,
    )
    await die(store, 1, 3)
    await die(store, 2, reason="delivery.unreachable", now=NOW + SECOND)
    await die(store, 4, now=NOW + SECOND)
    assert [one.delivery_id for one in await store.dead_letters(asked.which, 0, 10)] == asked.found
    count = await store.count_dead_letters(asked.which, NOW)
    assert (count.letters, count.expired) == (len(asked.found), 0)


async def test_dead_letters_are_read_page_by_page(store: Store) -> None:
    """`after` is the last id seen."""
    await store.accept([admitted(f"m{n}") for n in range(5)], NOW, LEASE_S)
    await die(store, 1, 2, 4, 5)
    assert [one.delivery_id for one in await store.dead_letters(ALL, 1, 2)] == [2, 4]
    assert [one.delivery_id for one in await store.dead_letters(ALL, 4, 2)] == [5]


async def test_a_count_says_since_when_and_for_whom(store: Store) -> None:
    """What an operator wants to know before a replay: the moment of the first, and how many each recipient would get."""
    await store.accept(
        [admitted("m1", BETA), *(admitted(f"m{n}") for n in (2, 3)), admitted("m4", BETA, sender=ALPHA)], NOW, LEASE_S
    )
    await die(store, 2, now=NOW + SECOND)
    await die(store, 1, 3, 4, now=NOW + 2 * SECOND)
    count = await store.count_dead_letters(ALL, NOW)
    assert (count.letters, count.oldest) == (4, NOW + SECOND)
    assert list(count.by_recipient.items()) == [(BETA, 2), (ALPHA, 2)]
    nothing = await store.count_dead_letters(DeadLetterFilter(reason="delivery.expired"), NOW)
    assert (nothing.letters, nothing.expired, nothing.oldest, nothing.by_recipient) == (0, 0, None, {})


async def test_a_copy_that_could_not_be_delivered_is_its_subscriber_s_alone(store: Store) -> None:
    """The sender finds its own letters, and among them no copy; whoever asks for everybody's finds all."""
    hops = (hop(ALPHA), msgspec.structs.replace(hop(BETA), copy=True))
    await store.accept([admitted("m1", hops)], NOW, LEASE_S)
    await die(store, 1, 2)
    seen = {
        party: [one.delivery_id for one in await store.dead_letters(DeadLetterFilter(party=party), 0, 10)]
        for party in (SENDER, ALPHA, BETA, None)
    }
    assert seen == {SENDER: [1], ALPHA: [1], BETA: [2], None: [1, 2]}
    assert (await store.count_dead_letters(DeadLetterFilter(party=SENDER), NOW)).by_recipient == {ALPHA: 1}
    assert [one.copy for one in await store.dead_letters(ALL, 0, 10)] == [False, True]


async def test_a_resolved_letter_leaves_the_list_with_a_note(store: Store) -> None:
    """It stays dead and counted; it is shown when asked for, and no replay takes it."""
    await store.accept([admitted("m1"), admitted("m2")], NOW, LEASE_S)
    await die(store, 1, 2)
    only = DeadLetterFilter(delivery_ids=(1,))
    assert await store.resolve_dead_letters(only, "lan", "đã gửi bằng giấy", NOW + SECOND) == 1
    assert await store.resolve_dead_letters(only, "lan", "again", NOW + SECOND) == 0
    assert [one.delivery_id for one in await store.dead_letters(ALL, 0, 10)] == [2]
    shown = await store.dead_letters(DeadLetterFilter(resolved=True), 0, 10)
    assert [(one.delivery_id, one.resolved_at) for one in shown] == [(1, NOW + SECOND), (2, None)]
    event = (await store.timeline(1))[-1]
    assert (event.name, event.detail) == ("resolved", "lan: đã gửi bằng giấy")
    await start(store, DeadLetterFilter(resolved=True))
    assert await step(store) == [2]
    assert (await store.balance()).difference == 0


# replay


async def test_a_replay_puts_dead_letters_back_in_their_order(store: Store) -> None:
    """The oldest first; ready with a new schedule, number and age; the second count of their end is taken back."""
    await store.accept([admitted(f"m{n}") for n in range(3)], NOW, LEASE_S)
    await store.settle([Settlement(delivery_id=2, state=State.READY, attempt=1)], NOW, LEASE_S)
    await die(store, 2, 1, 3)
    number = await start(store)
    refs = await store.step_replays(NOW + SECOND, 100, LEASE_S)
    assert [(ref.delivery_id, ref.attempt) for ref in refs] == [(1, 2), (2, 3), (3, 2)]
    works = sorted(await store.hydrate(refs), key=lambda work: work.delivery_id)
    assert [(work.tries, work.ready_at, work.replays) for work in works] == [(1, NOW + SECOND, 1)] * 3
    assert await names(store, 1) == ["accepted", "dead", "replayed"]
    balance = await store.balance()
    assert (balance.difference, balance.by_state, balance.ended_events) == (0, {State.READY: 3}, {})
    job = await store.replay(number)
    assert job is not None and (job.state, job.moved, job.expired, job.total) == ("done", 3, 0, 3)
    await die(store, 1)
    assert (await store.balance()).difference == 0
    record = await store.envelope(SENDER, "m1")
    assert record is not None and record.deliveries[0].attempt == 1


async def test_a_replay_keeps_lanes(store: Store) -> None:
    """One at a time, in the order of acceptance, behind whoever of the lane is on its way."""
    await store.accept([admitted(f"m{n}", order_key="k") for n in range(4)], NOW, LEASE_S)
    await die(store, 1)
    await die(store, 2)
    await start(store)
    assert await step(store) == []  # 3 is on its way
    works = [await store.fetch(n) for n in (1, 2, 3, 4)]
    assert [work.state for work in works if work] == [State.WAITING, State.WAITING, State.READY, State.WAITING]
    for ended, released in ((3, 1), (1, 2), (2, 4)):
        (settled,) = await store.settle([Settlement(delivery_id=ended, state=State.DELIVERED)], NOW, LEASE_S)
        assert [ref.delivery_id for ref in settled.ready] == [released]


async def test_a_replay_leaves_what_is_past_its_time(store: Store) -> None:
    """The sender set that time; the preview says how many there are."""
    await store.accept([admitted("m1", life=timedelta(minutes=1)), admitted("m2")], NOW, LEASE_S)
    await die(store, 1, 2)
    later = NOW + timedelta(minutes=1)
    count = await store.count_dead_letters(ALL, later)
    assert (count.letters, count.expired) == (2, 1)
    number = await start(store, now=later)
    assert await step(store, later) == [2]
    job = await store.replay(number)
    assert job is not None and (job.moved, job.expired, job.state) == (1, 1, "done")


async def test_a_replay_goes_no_faster_than_its_rate(store: Store, reopen: Opener) -> None:
    """So many a second, also over a restart; progress is kept."""
    await store.accept([admitted(f"m{n}") for n in range(10)], NOW, LEASE_S)
    await die(store, *range(1, 11))
    number = await start(store, rate_per_s=4)
    assert await step(store) == [1, 2, 3, 4]
    assert await step(store) == []
    again = await reopen()
    assert await step(again, NOW + 1.5 * SECOND) == [5, 6]
    job = await again.replay(number)
    assert job is not None and (job.moved, job.state, job.last_delivery_id) == (6, "running", 6)
    assert await step(again, NOW + timedelta(hours=1)) == [7, 8, 9, 10], "time in which nothing ran is not made up for"
    assert await step(again, NOW + timedelta(hours=2)) == []
    assert [one.state for one in await again.replays(10)] == ["done"]


async def test_a_replay_can_be_stopped(store: Store) -> None:
    """What went is gone, what is left stays dead; stopping twice, or what is done, changes nothing."""
    await store.accept([admitted(f"m{n}") for n in range(4)], NOW, LEASE_S)
    await die(store, 1, 2, 3, 4)
    number = await start(store)
    assert await step(store, limit=2) == [1, 2]
    job = await store.cancel_replay(number, NOW + 2 * SECOND)
    assert job is not None and (job.state, job.moved, job.ended_at) == ("cancelled", 2, NOW + 2 * SECOND)
    assert await store.cancel_replay(number, NOW + 3 * SECOND) == job
    assert await store.cancel_replay(99, NOW) is None
    assert await step(store) == []
    assert (await store.count_dead_letters(ALL, NOW)).letters == 2


async def test_what_dies_again_is_not_replayed_again_by_the_same_job(store: Store) -> None:
    """A partner that is still away would keep it running for ever."""
    await store.accept([admitted("m1"), admitted("m2")], NOW, LEASE_S)
    await die(store, 1, 2)
    await start(store)
    assert await step(store, limit=1) == [1]
    await die(store, 1, now=NOW + 2 * SECOND)
    assert await step(store, limit=1) == [2]
    assert await step(store, limit=1) == []
    assert (await store.replays(1))[0].state == "done"


async def test_jobs_are_listed_newest_first(store: Store) -> None:
    """With what they are about."""
    which = DeadLetterFilter(recipient=ALPHA, kind="case.file")
    first, second = await start(store), await start(store, which, 2.5)
    jobs = await store.replays(10)
    assert [one.replay_id for one in jobs] == [second, first]
    assert (jobs[0].which.recipient, jobs[0].which.kind) == (ALPHA, "case.file")
    assert (jobs[0].rate_per_s, jobs[0].operator) == (2.5, "an operator")
    assert await store.replay(99) is None
    assert [one.replay_id for one in await store.replays(1)] == [second]


async def test_an_earlier_confirmation_is_not_taken_for_the_replay(store: Store) -> None:
    """The number is a new one: what was published before the death is stale."""
    await store.accept([admitted("m1")], NOW, LEASE_S)
    await die(store, 1)
    await start(store)
    await step(store)
    await store.mark_queued([Ref(1, 1, 0, 0)], NOW + timedelta(days=1))
    assert await store.hydrate([Ref(1, 1, 0, 0)]) == []
    assert len(await store.take_due(NOW + SECOND + timedelta(seconds=LEASE_S), 10, LEASE_S)) == 1
