"""The steps of a message through a journal in which many deliveries are parked, and what a process asks it all the time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import msgspec

from contracts import wire
from lgsp.core.admission import Limits, admit
from lgsp.core.hold import Cause, Hold
from lgsp.core.lifecycle import State
from lgsp.ports import Accepted, Ref, Reused, Settlement
from tests.bench.envelopes import RECIPIENTS, SENDER, templates
from tests.bench.parked import PULLER, Site, failing, parking
from tests.compliance.builders import LEASE_S, NOW

# What reads a whole table, or the whole directory, and how often: of no message.
BY_NATURE = {
    "directory changed: reload": "each process, once a change; in a thread",
    "directory changed: the event loop stands still": "so long, once a change",
    "change an agency": "beside the write lock",
    "count by state (balance)": "each process, at most 2 % of its time",
    "count holds": "with it",
    "list 50 holds": "a person asks",
}
_BATCH = 50
_CALLS = 20
_HOLDS_AT_ONCE = 50
_DUE_AT_ONCE = 500
_PROBES_S = (5.0, 10.0, 20.0, 40.0, 60.0)
_LIMITS = Limits(max_body_bytes=10 * 2**20, default_life=timedelta(days=30), shards=8)
_ENVELOPE = wire.parse(templates()[0].message(1))

T = TypeVar("T")


class Steps:
    """One round at one site; `number` gives it a time of its own."""

    def __init__(self, site: Site, number: int) -> None:
        self._site = site
        self._store = site.store
        self._now = NOW + timedelta(minutes=1 + number)
        self._costs: dict[str, float] = {}

    async def take(self) -> Mapping[str, float]:
        """CPU microseconds by step, a message or, where there is none, a call."""
        self._admit()
        await self._healthy_messages()
        await self._messages_to_dead_partners()
        await self._probe()
        await self._recover()
        await self._find_nothing_to_do()
        await self._look_up()
        await self._change_the_directory()
        await self._count()
        return self._costs

    def _admit(self) -> None:
        directory = self._site.directory.current
        sender, now = directory.agencies[SENDER], _ENVELOPE.created_at
        before = self._site.cpu_s()
        for _ in range(_BATCH):
            admit(_ENVELOPE, sender, directory, _LIMITS, now)
        self._costs["admit, route"] = (self._site.cpu_s() - before) / _BATCH * 1e6

    async def _healthy_messages(self) -> None:
        """Two for each lane: the end of the first lets the second go, which comes by the sweeper."""
        store, now, later = self._store, self._now, self._now + timedelta(seconds=LEASE_S)
        lanes = [(RECIPIENTS[place % 10], f"{self._now} {place}") for place in range(_BATCH)]
        batch = self._site.messages([*lanes, *lanes])
        refs = _ready(await self._timed("accept", 2 * _BATCH, lambda: store.accept(batch, now, LEASE_S)))
        works = await self._timed("hydrate", _BATCH, lambda: store.hydrate(refs))
        await self._timed("mark queued", _BATCH, lambda: store.mark_queued(refs, now + timedelta(hours=1)))
        ends = [_delivered(ref) for ref in refs]
        settled = await self._timed("settle, release the lane", _BATCH, lambda: store.settle(ends, now, LEASE_S))
        due = await self._timed("take due", _BATCH, lambda: store.take_due(later, _DUE_AT_ONCE, LEASE_S))
        await store.settle([_delivered(ref) for ref in due], later, LEASE_S)
        released = [ref for one in settled for ref in one.ready]
        assert len(refs) == len(works) == len(released) == len(due) == _BATCH

    async def _messages_to_dead_partners(self) -> None:
        """One more for each of many, parked as a worker does it."""
        store, now = self._store, self._now
        partners = self._site.dead[1:]
        batch = self._site.messages([(partners[place % len(partners)], f"{now} {place}") for place in range(_BATCH)])
        refs = _ready(await self._timed("to a dead partner: accept", _BATCH, lambda: store.accept(batch, now, LEASE_S)))
        works = await self._timed("to a dead partner: hydrate", _BATCH, lambda: store.hydrate(refs))
        parked = [parking(ref) for ref in refs]
        settled = await self._timed("to a dead partner: park", _BATCH, lambda: store.settle(parked, now, LEASE_S))
        assert all(work.hold is not None for work in works)
        assert all(one.state is State.PARKED for one in settled)

    async def _probe(self) -> None:
        """The time of the partner for which most is parked has come."""
        store, now, partner = self._store, self._now, self._site.dead[0]
        await self._change_hold(msgspec.structs.replace(failing(partner), due_at=now))
        (probe,), _ = await self._timed("let go: a probe", 1, lambda: store.let_go(now, _HOLDS_AT_ONCE, LEASE_S, _PROBES_S))
        await store.settle([parking(probe)], now, LEASE_S)

    async def _recover(self) -> None:
        store, now, partner = self._store, self._now, self._site.dead[0]
        await self._change_hold(Hold(recipient=partner, cause=Cause.RELEASING, since=now, due_at=now, step=_BATCH))
        name = "let go: of a recovering partner's"
        refs, _ = await self._timed(name, _BATCH, lambda: store.let_go(now, _HOLDS_AT_ONCE, LEASE_S, _PROBES_S))
        await store.settle([parking(ref) for ref in refs], now, LEASE_S)
        await self._change_hold(failing(partner))
        assert len(refs) == _BATCH

    async def _find_nothing_to_do(self) -> None:
        """What a sweeper asks in each of its rounds, and a process each second."""
        store, now = self._store, self._now
        await self._repeated("nothing due", lambda _: store.take_due(now, _DUE_AT_ONCE, LEASE_S))
        await self._repeated("nobody to be let go", lambda _: store.let_go(now, _HOLDS_AT_ONCE, LEASE_S, _PROBES_S))
        await self._repeated("nothing overdue", lambda _: store.overdue(now, 60.0, _DUE_AT_ONCE))
        await self._repeated("nothing to replay", lambda _: store.step_replays(now, _DUE_AT_ONCE, LEASE_S))
        await self._repeated("directory unchanged", lambda _: self._site.directory.refresh())

    async def _look_up(self) -> None:
        store, last = self._store, self._site.sent
        spread = [1 + last * place // _CALLS for place in range(_CALLS)]
        entries = await self._timed("list a mailbox, an entry", 100, lambda: store.mailbox(PULLER, 0, 100))
        await self._repeated("status", lambda place: store.envelope(SENDER, f"m{spread[place]}"))
        await self._repeated("timeline", lambda place: store.timeline(spread[place]))
        assert entries

    async def _change_the_directory(self) -> None:
        site = self._site
        agency = msgspec.structs.replace(site.directory.current.agencies[PULLER], name_en=f"{self._now}")
        await self._timed("change an agency", 1, lambda: site.store.change_agencies(lambda _: [agency]))
        await self._timed("directory changed: reload", 1, site.directory.refresh)
        await site.store.save_agencies([agency])
        self._costs["directory changed: the event loop stands still"] = await longest_turn_us(site.directory.refresh())

    async def _count(self) -> None:
        await self._timed("count by state (balance)", 1, self._store.balance)
        await self._timed("count holds", 1, self._store.count_holds)
        await self._timed("list 50 holds", 1, lambda: self._store.holds(50))

    async def _change_hold(self, hold: Hold) -> None:
        await self._timed("change a hold", 1, lambda: self._store.change_hold(hold.recipient, lambda _: hold, self._now))

    async def _repeated(self, name: str, call: Callable[[int], Awaitable[object]]) -> None:
        async def calls() -> None:
            for place in range(_CALLS):
                await call(place)

        await self._timed(name, _CALLS, calls)

    async def _timed(self, name: str, count: int, step: Callable[[], Awaitable[T]]) -> T:
        before = self._site.cpu_s()
        result = await step()
        self._costs[name] = (self._site.cpu_s() - before) / count * 1e6
        return result


async def longest_turn_us(step: Awaitable[object]) -> float:
    """The longest that the event loop worked at one thing while this went on: so long everything else had to wait."""
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    await step
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    return longest_s * 1e6


def _ready(answers: Sequence[Accepted | Reused]) -> list[Ref]:
    return [ref for answer in answers if isinstance(answer, Accepted) for ref in answer.ready]


def _delivered(ref: Ref) -> Settlement:
    return Settlement(delivery_id=ref.delivery_id, state=State.DELIVERED, attempt=ref.attempt, took_ms=4)
