"""The real flow over the real SQLite journal and the in-process broker; clock, partner and faults are in the test's hands."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from contracts.adapter import Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.kinds.examples import CASE_PROGRESS
from contracts.outcome import Delivered, Outcome
from lgsp.broker.embedded import EmbeddedBroker
from lgsp.core.admission import Limits
from lgsp.core.directory import Agency, Grant
from lgsp.core.notices import NoticeRules
from lgsp.core.retry import Policy
from lgsp.errors import BrokerUnavailable, JournalUnavailable
from lgsp.flow.attempt import Attempts
from lgsp.flow.bell import Bell
from lgsp.flow.directory import DirectoryCache
from lgsp.flow.dispatch import Dispatcher
from lgsp.flow.examination import Examiner
from lgsp.flow.holds import Holds
from lgsp.flow.intake import Intake
from lgsp.flow.log_keeper import LogKeeper
from lgsp.flow.mailbox import Mailbox
from lgsp.flow.maintenance import Maintenance
from lgsp.flow.notices import Notices
from lgsp.flow.outbox import Outbox
from lgsp.flow.reach import Reach
from lgsp.flow.recalls import Recalls
from lgsp.flow.settler import Settler
from lgsp.flow.sweeper import Sweeper
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Ref
from tests.fakes.examiners import indifferent
from tests.fakes.log_signer import SIGNER, RememberedHeads

HUB = AgencyCode("HUB")
COMMUNE, PUSHED, PULLED = AgencyCode("H01.101"), AgencyCode("H01.15"), AgencyCode("H01.102")
BODY = msgspec.json.encode(CASE_PROGRESS[0].body)
LEASE_S = 15.0
SCHEDULE_S = (5.0, 30.0)
MAX_AGE_S = 5 * 24 * 3600.0
FAILURES = 3
PROBES_S = (5.0, 20.0)
EVERYTHING = (Grant(kinds=("*",)),)

AGENCIES = (
    Agency(code=COMMUNE, name_vi="Phường Rạch Giá", grants=EVERYTHING),
    Agency(
        code=PUSHED,
        name_vi="Sở Tư pháp",
        grants=EVERYTHING,
        endpoint=Endpoint(adapter="fake", url="http://127.0.0.1:9/", max_in_flight=4),
    ),
    Agency(code=PULLED, name_vi="Xã Vĩnh Gia", grants=EVERYTHING),
)


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: datetime = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Partner:
    """The far side: answers what the test says, and remembers every knock."""

    answer: Callable[[Parcel], Outcome] = lambda parcel: Delivered()
    knocks: list[tuple[str, int]] = field(default_factory=list)  # (message id, attempt)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        self.knocks.append((parcel.envelope.message_id, parcel.attempt))
        await self.open.wait()
        return self.answer(parcel)

    async def close(self) -> None:
        return None

    @property
    def got(self) -> list[str]:
        return [message_id for message_id, _ in self.knocks]


class FaultyJournal:
    """The real store; calls named in `away` answer JournalUnavailable, and who asked is in `turned_away`."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.away: set[str] = set()
        self.turned_away: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if name in self.away:
                self.turned_away.append(name)
                raise JournalUnavailable(f"{name}: the test says so")
            return await method(*args, **kwargs)

        return call


class FaultyBroker(EmbeddedBroker):
    """The in-process broker, which the test can take away, and whose publishes it can hold back or let vanish."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.published: list[Ref] = []

    async def publish(self, refs: Sequence[Ref]) -> None:
        if self.away:
            raise BrokerUnavailable("the test says so")
        await super().publish(refs)
        self.published.extend(refs)

    def is_up(self) -> bool:
        return not self.away and super().is_up()


@dataclass
class Rig:
    """Everything of one process of the hub."""

    clock: Clock
    partner: Partner
    journal: FaultyJournal
    broker: FaultyBroker
    directory: DirectoryCache
    outbox: Outbox
    settler: Settler
    intake: Intake
    mailbox: Mailbox
    recalls: Recalls
    maintenance: Maintenance
    sweeper: Sweeper
    dispatcher: Dispatcher
    stop: asyncio.Event

    def agency(self, code: str) -> Agency:
        return self.directory.current.agencies[code]

    async def send(self, message_id: str, *, to: AgencyCode = PUSHED, order_key: str | None = "case 1", **changes: Any) -> Any:
        """Submits a valid case.progress of the commune."""
        return await self.intake.submit(
            envelope(message_id, to=to, order_key=order_key, clock=self.clock, **changes), self.agency(COMMUNE)
        )

    async def states(self, message_id: str, sender: AgencyCode = COMMUNE) -> list[str]:
        record = await self.journal.envelope(sender, message_id)
        return [one.state.label for one in record.deliveries] if record else []

    async def until(self, condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
        """Waits until the condition (plain or async) holds; fails after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            while True:
                result = condition()
                if asyncio.iscoroutine(result):
                    result = await result
                if result:
                    return
                await asyncio.sleep(0.005)

    async def until_state(self, message_id: str, state: str) -> None:
        async def reached() -> bool:
            return await self.states(message_id) == [state]

        await self.until(reached)

    async def until_failed(self, message_id: str, attempts: int = 1) -> None:
        """Waits until so many attempts have failed and the next one is on the timetable: only then may the clock go on to it."""

        async def next_one() -> bool:
            record = await self.journal.envelope(COMMUNE, message_id)
            return bool(record.deliveries[0].attempt == attempts + 1)

        await self.until(next_one)


def envelope(
    message_id: str, *, to: AgencyCode = PUSHED, order_key: str | None = "case 1", clock: Clock, **changes: Any
) -> Envelope:
    base = Envelope(
        message_id=message_id,
        sender=COMMUNE,
        recipients=(to,),
        kind="case.progress/1",
        created_at=datetime(2026, 11, 22, 0, 59, tzinfo=UTC),
        body=BODY,
        order_key=order_key,
    )
    return msgspec.structs.replace(base, **changes)


@contextlib.asynccontextmanager
async def rig(
    path: Path,
    *,
    clock: Clock | None = None,
    partner: Partner | None = None,
    broker: Any = None,
    capacity: int = 1000,
    run: bool = True,
    examiner: Examiner | None = None,
) -> AsyncIterator[Rig]:
    """One process over the journal at `path`; leaving the block is a crash of everything but the journal's file.

    `broker`: another than the faulty one in process; closed at the end.
    """
    clock, partner = clock or Clock(), partner or Partner()
    store = SqliteStore.open(path, timeout_s=20)
    journal: Any = FaultyJournal(store)
    broker = broker or FaultyBroker()
    directory = DirectoryCache(journal)
    if await store.directory_version() == 0:
        await store.save_agencies(AGENCIES)
    await store.requeue_all(clock())
    await directory.refresh()
    limits = Limits(max_body_bytes=100_000, default_life=timedelta(days=30), shards=4)
    maintenance = Maintenance(journal, clock, poll_s=0.01)
    outbox = Outbox(
        journal, broker, clock, window=50, capacity=10_000, stuck_after_s=3600.0, is_shut=lambda: maintenance.pushes_nothing
    )
    settler = Settler(journal, outbox, clock, max_batch=50, capacity=10_000, ready_lease_s=LEASE_S)
    bell = Bell()
    notices = Notices(directory, NoticeRules(hub=HUB, limits=limits), clock)
    recalls = Recalls(journal, journal, settler, notices, clock)
    attempts = Attempts(
        directory=directory,
        directory_store=journal,
        reach=Reach({"fake": partner}, concurrency=16),
        holds=Holds(journal, clock, failures=FAILURES, probes_s=PROBES_S),
        settler=settler,
        notices=notices,
        clock=clock,
        draw=lambda: 0.5,
        policy=Policy(SCHEDULE_S, MAX_AGE_S),
    )
    one = Rig(
        clock=clock,
        partner=partner,
        journal=journal,
        broker=broker,
        directory=directory,
        outbox=outbox,
        settler=settler,
        intake=Intake(
            hub=HUB, journal=journal, records=journal, directory=directory, outbox=outbox, bell=bell,
            examiner=examiner or indifferent(clock), recalls=recalls,
            maintenance=maintenance, keeper=await LogKeeper.open(store, SIGNER, RememberedHeads(), "log"), limits=limits,
            clock=clock, ready_lease_s=LEASE_S, max_batch=50, capacity=capacity,
        ),
        mailbox=Mailbox(journal, journal, settler, notices, bell, clock, look_again_s=0.5),
        recalls=recalls,
        maintenance=maintenance,
        sweeper=Sweeper(
            journal, broker, outbox, settler, notices, clock, interval_s=0.01, batch=100, ready_lease_s=LEASE_S,
            probes_s=PROBES_S, max_age_s=MAX_AGE_S, is_shut=lambda: maintenance.pushes_nothing,
        ),
        dispatcher=Dispatcher(journal, broker, attempts.make, max_held=64, max_batch=50),
        stop=asyncio.Event(),
    )  # fmt: skip
    loops = (maintenance.run(), outbox.run(), one.sweeper.run(), one.dispatcher.run(one.stop, 5.0)) if run else ()
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await broker.close()
        await store.close()
