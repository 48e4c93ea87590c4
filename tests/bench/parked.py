"""Journals in which so many deliveries are parked, beside a tenth as many agencies.

Half of them wait for one dead partner, the other half for many, ten each; and one agency has not emptied its mailbox for long.
"""

import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.envelope import Identifier
from lgsp.core.admission import Admitted
from lgsp.core.directory import Agency, Alias, Grant
from lgsp.core.hold import Cause, Hold
from lgsp.core.lanes import Mode
from lgsp.core.lifecycle import State
from lgsp.flow.directory import DirectoryCache
from lgsp.journal.codec import HoldRow
from lgsp.journal.postgres import PostgresStore
from lgsp.journal.postgres import holding as postgres_holding
from lgsp.journal.sqlite import SqliteStore
from lgsp.journal.sqlite import holding as sqlite_holding
from lgsp.ports import Accepted, Ref, Settlement, Store
from tests.bench.envelopes import RECIPIENTS, SENDER
from tests.bench.processes import backends_of, running_ms
from tests.compliance.builders import LEASE_S, NOW, admitted, hop
from tests.servers import PostgresServer

EACH = 10  # parked for each of the many
BIG, PULLER = AgencyCode("H02.0"), AgencyCode("H03.1")
PARKED_FOR_S = 4 * 24 * 3600.0
MUCH_LATER = NOW + timedelta(days=20)
ENDPOINT = Endpoint(adapter="webhook", url="http://127.0.0.1:9/")
_BATCH = 500
_TIMEOUT_S = 120.0


@dataclass(kw_only=True)
class Site:
    """`cpu_s`: what this process and the database's backend have used. `vacuum`: what the database does later by itself."""

    parked: int
    store: Store
    hold_all: Callable[[Sequence[Hold]], Awaitable[None]]
    cpu_s: Callable[[], float]
    vacuum: Callable[[], Awaitable[None]]
    directory: DirectoryCache = field(init=False)
    sent: int = 0

    def __post_init__(self) -> None:
        self.directory = DirectoryCache(self.store)

    @property
    def dead(self) -> list[AgencyCode]:
        """The one first."""
        return [BIG, *(AgencyCode(f"H02.{number}") for number in range(1, self.parked // 2 // EACH + 1))]

    def messages(self, lanes: Iterable[tuple[str, str]], mode: Mode = "push") -> list[Admitted]:
        """One for each recipient and order key; new ones at every call."""
        found = []
        for recipient, key in lanes:
            self.sent += 1
            case = Identifier("case", f"H01.134-20261118-{self.sent:09}")
            found.append(
                admitted(f"m{self.sent}", (hop(recipient, key, mode),), order_key=key, sender=SENDER, identifiers=(case,))
            )
        return found

    async def fill(self) -> None:
        await self.store.save_agencies(_agencies(self.dead, self.parked // 10))
        await self.hold_all([failing(recipient) for recipient in self.dead])
        waiting = [BIG] * (self.parked // 2) + self.dead[1:] * EACH
        await self._accept(waiting, "push", self._park)
        await self._accept([PULLER] * (self.parked // 10), "mailbox", None)
        await self.vacuum()
        await self.directory.refresh()

    async def _accept(
        self, recipients: Sequence[str], mode: Mode, then: Callable[[Sequence[Ref]], Awaitable[None]] | None
    ) -> None:
        places = ((recipient, f"lane {number}") for number, recipient in enumerate(recipients))
        while batch := self.messages(itertools.islice(places, _BATCH), mode):
            answers = await self.store.accept(batch, NOW, LEASE_S)
            if then is not None:
                await then([ref for answer in answers if isinstance(answer, Accepted) for ref in answer.ready])

    async def _park(self, refs: Sequence[Ref]) -> None:
        await self.store.settle([parking(ref) for ref in refs], NOW, LEASE_S)


def parking(ref: Ref) -> Settlement:
    return Settlement(
        delivery_id=ref.delivery_id,
        state=State.PARKED,
        attempt=ref.attempt,
        delay_s=PARKED_FOR_S,
        postpone=True,
        reason="delivery.recipient_failing",
    )


def failing(recipient: str) -> Hold:
    """Its circuit breaker is open, and no probe is due."""
    return Hold(recipient=recipient, cause=Cause.FAILING, since=NOW, due_at=MUCH_LATER, reason="delivery.timeout")


def _agencies(dead: Sequence[AgencyCode], count: int) -> list[Agency]:
    """So many in all: who sends, who is well, who is dead, who pulls, and those that are merely there."""
    sender = Agency(code=SENDER, name_vi="Xã Vĩnh Thạnh Trung", level="commune", grants=(Grant(kinds=("case.*",)),))
    puller = Agency(code=PULLER, name_vi="Xã Vĩnh Gia", level="commune")
    pushed = [_pushed(code) for code in (*RECIPIENTS, *dead)]
    others = [_pushed(AgencyCode(f"H04.{number}")) for number in range(max(0, count - len(pushed) - 2))]
    return [sender, puller, *pushed, *others]


def _pushed(code: AgencyCode) -> Agency:
    alias = Alias(code=AgencyCode(f"000.00.{code}"))
    return Agency(code=code, name_vi=f"Ủy ban nhân dân {code}", level="commune", aliases=(alias,), endpoint=ENDPOINT)


@asynccontextmanager
async def sqlite_site(parked: int, folder: Path) -> AsyncIterator[Site]:
    store = SqliteStore.open(folder / f"scale-{secrets.token_hex(4)}.db", timeout_s=_TIMEOUT_S)

    async def hold_all(holds: Sequence[Hold]) -> None:
        rows = [HoldRow.of(one) for one in holds]
        await store._writer.run(lambda connection: connection.executemany(sqlite_holding.SAVE, rows))

    async def vacuum() -> None:
        """Pages are used again at once."""

    try:
        yield Site(parked=parked, store=store, hold_all=hold_all, cpu_s=time.process_time, vacuum=vacuum)
    finally:
        await store.close()


@asynccontextmanager
async def postgres_site(parked: int, server: PostgresServer) -> AsyncIterator[Site]:
    name = f"scale_{secrets.token_hex(4)}"
    store = await PostgresStore.open(server.create_database(name), timeout_s=_TIMEOUT_S, pool_size=1)
    backends = backends_of(server.pid, name)

    async def hold_all(holds: Sequence[Hold]) -> None:
        rows = [HoldRow.of(one) for one in holds]
        async with store._database.writing() as connection:
            await connection.execute(postgres_holding.SAVE, *zip(*rows, strict=True))

    async def vacuum() -> None:
        async with store._database.connection() as connection:
            await connection.execute("VACUUM")

    def cpu_s() -> float:
        return time.process_time() + sum(map(running_ms, backends)) / 1000

    try:
        yield Site(parked=parked, store=store, hold_all=hold_all, cpu_s=cpu_s, vacuum=vacuum)
    finally:
        await store.close()
        server.drop_database(name)
