"""Group commit: many callers, one transaction, and each learns what became of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from lgsp.errors import JournalUnavailable, Overloaded
from lgsp.flow.group import Group


class Store:
    """Commits when it is let; remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None

    async def commit(self, items: Sequence[int]) -> list[str]:
        self.batches.append(list(items))
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if 13 in items:
            raise ValueError("13 breaks every batch it is in")
        return [f"done {item}" for item in items]


async def test_an_idle_group_commits_at_once_and_a_busy_one_collects() -> None:
    """The first caller is not kept waiting; those who come during its commit share the next one."""
    store = Store()
    store.gate.clear()
    group = Group(store.commit, max_batch=100, capacity=1000)
    first = asyncio.create_task(group.submit((1,)))
    while not store.batches:  # noqa: ASYNC110 - the loop itself is what is waited for
        await asyncio.sleep(0)
    others = [asyncio.create_task(group.submit((n,))) for n in range(2, 12)]
    await asyncio.sleep(0)
    store.gate.set()
    assert await first == ["done 1"]
    assert [(await one)[0] for one in others] == [f"done {n}" for n in range(2, 12)]
    assert [len(batch) for batch in store.batches] == [1, 10]
    assert group.held == 0


async def test_no_batch_is_larger_than_allowed_and_order_is_kept() -> None:
    """Items reach the store in the order of arrival."""
    store = Store()
    group = Group(store.commit, max_batch=7, capacity=1000)
    answers = await asyncio.gather(*(group.submit((n, n + 1000)) for n in range(14, 34)))
    assert answers == [[f"done {n}", f"done {n + 1000}"] for n in range(14, 34)]
    assert max(len(batch) for batch in store.batches) <= 7
    assert [item for batch in store.batches for item in batch if item < 1000] == list(range(14, 34))


async def test_what_does_not_fit_is_turned_away_at_once() -> None:
    """Memory is bounded: beyond the capacity the caller is told to come back, and nothing was taken."""
    store = Store()
    store.gate.clear()
    group = Group(store.commit, max_batch=10, capacity=3)
    kept = [asyncio.create_task(group.submit((n,))) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await group.submit((4,))
    store.gate.set()
    await asyncio.gather(*kept)
    assert await group.submit((4,)) == ["done 4"]


async def test_one_item_that_breaks_the_store_harms_only_its_own_caller() -> None:
    """A bug met by one envelope is no reason to refuse its neighbours."""
    store = Store()
    group = Group(store.commit, max_batch=10, capacity=100)
    answers = await asyncio.gather(*(group.submit((n,)) for n in (11, 12, 13, 14)), return_exceptions=True)
    assert [answers[0], answers[1], answers[3]] == [["done 11"], ["done 12"], ["done 14"]]
    assert isinstance(answers[2], ValueError)
    assert group.held == 0


async def test_a_store_that_is_away_is_everybody_s_answer_and_the_group_goes_on() -> None:
    """Nobody is told "accepted", and the next commit works again."""
    store = Store()
    store.failure = JournalUnavailable("away")
    group = Group(store.commit, max_batch=10, capacity=100)
    answers = await asyncio.gather(group.submit((1,)), group.submit((2,)), return_exceptions=True)
    assert all(isinstance(one, JournalUnavailable) for one in answers)
    store.failure = None
    assert await group.submit((3,)) == ["done 3"]


async def test_a_caller_that_gives_up_does_not_disturb_the_others() -> None:
    """Its items are committed all the same: it may resend and gets the same receipt."""
    store = Store()
    store.gate.clear()
    group = Group(store.commit, max_batch=10, capacity=100)
    impatient = asyncio.create_task(group.submit((1,)))
    patient = asyncio.create_task(group.submit((2,)))
    await asyncio.sleep(0)
    impatient.cancel()
    store.gate.set()
    assert await patient == ["done 2"]
    assert sorted(item for batch in store.batches for item in batch) == [1, 2]
    await group.idle()
    assert group.held == 0


async def test_a_busy_group_lingers_and_a_lone_caller_is_served_at_once() -> None:
    """After a commit for several callers the next one waits for company; a commit for one caller makes nobody wait."""
    store = Store()
    group = Group(store.commit, max_batch=100, capacity=1000, linger_s=0.05)
    for n in (14, 15, 16):
        await group.submit((n,))
    assert [len(batch) for batch in store.batches] == [1, 1, 1]

    async def arrive(ticks: int, n: int) -> None:
        for _ in range(ticks):
            await asyncio.sleep(0)
        await group.submit((n,))

    await asyncio.gather(*(arrive(n % 7, n) for n in range(20, 60)))
    assert sum(len(batch) for batch in store.batches) == 43
    assert len(store.batches) <= 6


async def test_one_who_brings_much_does_not_keep_others_waiting() -> None:
    """Ten batches of one owner wait; another owner's single item is in the very next commit, and both keep their order."""
    store = Store()
    store.gate.clear()
    group = Group(store.commit, max_batch=100, capacity=2000)
    flood = [asyncio.create_task(group.submit(tuple(range(100 * n, 100 * n + 100)), "flood")) for n in range(1, 11)]
    await asyncio.sleep(0)
    small = [asyncio.create_task(group.submit((5000 + n,), "small")) for n in range(3)]
    await asyncio.sleep(0)
    store.gate.set()
    await asyncio.gather(*flood, *small)
    places = [place for place, batch in enumerate(store.batches) if set(batch) & {5000, 5001, 5002}]
    assert places == [1]
    committed = [item for batch in store.batches for item in batch]
    assert [item for item in committed if item < 5000] == list(range(100, 1100))
    assert [item for item in committed if item >= 5000] == [5000, 5001, 5002]


async def test_what_is_large_fills_a_batch_sooner() -> None:
    """Items that count as half of a batch go one at a time beside another owner, whose small ones pass in between."""
    store = Store()
    store.gate.clear()
    group = Group(store.commit, max_batch=100, capacity=1000, cost_of=lambda item: 50 if item < 100 else 1)
    first = asyncio.create_task(group.submit((101,), "large"))
    await asyncio.sleep(0)
    large = [asyncio.create_task(group.submit((n,), "large")) for n in range(4)]
    small = [asyncio.create_task(group.submit((200 + n,), "small")) for n in range(2)]
    await asyncio.sleep(0)
    store.gate.set()
    await asyncio.gather(first, *large, *small)
    assert store.batches == [[101], [200], [0, 201], [1], [2], [3]]
    assert group.held == 0
