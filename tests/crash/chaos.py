"""A hub under load, and the verdict on what it did."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from lgsp.bootstrap.stores import open_audit, open_store
from lgsp.core.lifecycle import State
from lgsp.flow.head_file import heads_in
from lgsp.journal.audit.run import Signed, audit
from lgsp.ports import Balance, Store
from lgsp.settings import Settings
from tests.crash.agencies import enrol
from tests.crash.clock import FakeClock
from tests.crash.history import second_copies, violations
from tests.crash.hub import HubProcess, Setup, processes
from tests.crash.ledger import Ledger
from tests.crash.load import Load, told, under_load
from tests.crash.log_story import log_contradictions

_SETTLED_S = 90.0
_CHUNK = 1000
_EXPECTED = frozenset({State.DELIVERED, State.REFUSED})


class Broken(Exception):
    """Promises that were not kept; `violations` are in words."""

    def __init__(self, messages: Sequence[str]) -> None:
        self.violations = tuple(messages)
        super().__init__(told(messages))


@asynccontextmanager
async def hub_under_load(
    setup: Setup, load: Load, *, warm: bool = True, clock: FakeClock | None = None
) -> AsyncIterator[list[HubProcess]]:
    """Agencies are enrolled, processes started, senders send; at the end every process is killed."""
    await enrol(setup.settings, setup.sink_url)
    members = processes(setup, warm=warm, clock=clock)
    try:
        for member in members:
            member.start()
        for member in members:
            await member.until_started()
        async with under_load(load, setup.sink_port, setup.url):
            yield members
    finally:
        for member in members:
            member.kill()


async def judged(setup: Setup, load: Load, members: Sequence[HubProcess]) -> str:
    """Ends the load and waits until all has arrived and ended; then every promise was kept, or this raises Broken."""
    await load.stop()
    _check_all(members)
    await load.all_arrived()
    history = load.history
    deliveries = {ref.delivery_id for receipt in history.receipts for ref in receipt.deliveries}
    async with open_store(setup.settings) as store:
        balance = await _settled_balance(store, len(deliveries))
        ledger = await _ledger(store, deliveries, max(receipt.sequence for receipt in history.receipts))
        head = await store.log_head()
        leaves = await store.log_leaves(0, head.size)
    broken = [*violations(history, ledger), *_imbalance(balance)]
    broken += log_contradictions(history.receipts, ledger.events, leaves, head)
    broken += await asyncio.to_thread(_audit_findings, setup.settings)
    broken += [line for member in members for line in member.bugs()]
    if broken:
        raise Broken(broken)
    _check_all(members)
    refused = balance.by_state.get(State.REFUSED, 0)
    return (
        f"{len(history.sent)} messages, {len(deliveries)} deliveries ({refused} refused), {second_copies(history)} second copies"
    )


def _audit_findings(settings: Settings) -> list[str]:
    """What `lgsp log verify` would say: whatever was killed when, every row is as the log tells."""
    signed = [Signed(one.origin, one.tree, "signed") for one in heads_in(settings.log_path)]
    with open_audit(settings) as source:
        found = audit(source, signed, [], lambda _, note: "stamped by nobody", lambda *_: None)
        return [f"audit: {one.code} {one.table} {one.row} {one.column}: {one.expected} | {one.found}" for one in found]


def _check_all(members: Sequence[HubProcess]) -> None:
    for member in members:
        member.check()


def _imbalance(balance: Balance) -> list[str]:
    """Nothing here was so bad that a delivery may end without its recipient."""
    broken = [f"the books do not balance: {balance}"] if balance.difference else []
    return broken + [
        f"{number} deliveries are {state.label}" for state, number in balance.by_state.items() if state not in _EXPECTED
    ]


async def _settled_balance(store: Store, deliveries: int) -> Balance:
    """Waits until the journal says of all of them that they ended. Raises TimeoutError with what it says instead."""
    balance = await store.balance()
    try:
        async with asyncio.timeout(_SETTLED_S):
            while sum(number for state, number in balance.by_state.items() if state.is_final) < deliveries:
                await asyncio.sleep(0.05)
                balance = await store.balance()
    except TimeoutError:
        raise TimeoutError(f"{deliveries} deliveries, but the journal says {balance}") from None
    return balance


async def _ledger(store: Store, deliveries: set[int], last_sequence: int) -> Ledger:
    """One more of each than the receipts know: there must be nothing."""
    states: dict[int, str] = {}
    ids = range(1, max(deliveries) + 2)
    for start in range(0, len(ids), _CHUNK):
        states |= {work.delivery_id: work.state.label for work in await store.outline(ids[start : start + _CHUNK])}
    sequences = range(1, last_sequence + 2)
    events = [
        event for start in range(0, len(sequences), _CHUNK) for event in await store.timeline(*sequences[start : start + _CHUNK])
    ]
    return Ledger(states, sorted(events, key=lambda event: event.event_id))
