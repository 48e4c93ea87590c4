"""The load: cases with several messages each, sent one by one and in batches, every lane in order."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from random import Random

import aiohttp
import msgspec
from aiohttp import web

from contracts import wire
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.kinds.case import CaseProgress
from contracts.kinds.examples import CASE_PROGRESS
from contracts.receipt import Receipt
from tests.crash.agencies import PULLING, PUSHED, SENDERS
from tests.crash.client import Client
from tests.crash.history import Arrival, History, Sent
from tests.crash.sink import Sink, content_of

_OPEN_CASES = 6  # of one desk
_DESKS = 2  # of one sender
_THINKS_S = 0.3  # a desk, between two requests, at most
_MAX_OPEN = 400
_LOOK_S = 0.005


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Raises TimeoutError, saying what did not happen."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise TimeoutError(f"not within {timeout_s:.0f} s: {what}") from None


@dataclass(slots=True)
class _Case:
    """`left` messages are still to be sent."""

    order_key: str
    recipients: tuple[AgencyCode, ...]
    left: int


class Load:
    """Desks send until `stop`; recipients take until the context ends. At `max_open` deliveries on their way the desks wait.

    `faults`: recipients answer late or badly now and then, and refuse what they do not want. `turned_away`: how often, by code,
    the hub said 503.
    """

    def __init__(self, chance: Random, *, faults: bool, max_open: int = _MAX_OPEN) -> None:
        self.history = History()
        self.sink = Sink(self.arrived, Random(chance.random()) if faults else None, refuses=faults)
        self.turned_away: Counter[str] = Counter()
        self.receipt_times: list[float] = []
        self.longest_wait_s = 0.0  # of a delivery, from its receipt until its recipient had it
        self._chance = chance
        self._max_open = max_open
        self._numbers = count(1)
        self._stopping = False
        self._promised = 0
        self._promised_at: dict[tuple[str, int], float] = {}
        self._arrived: set[tuple[str, int]] = set()
        self._desks: list[asyncio.Task[None]] = []

    @property
    def open(self) -> int:
        """Deliveries promised and not arrived."""
        return self._promised - len(self._arrived)

    async def stop(self) -> None:
        """No new cases; returns when the last desk has its last receipt."""
        self._stopping = True
        await asyncio.wait_for(asyncio.gather(*self._desks), 120)

    async def all_arrived(self, timeout_s: float = 120.0) -> None:
        """Raises TimeoutError with the first few that did not."""
        try:
            await until(lambda: self.open == 0, "arrival of everything accepted", timeout_s)
        except TimeoutError as error:
            lost = [
                f"{receipt.message_id} to {ref.recipient} (delivery {ref.delivery_id})"
                for receipt in self.history.receipts
                for ref in receipt.deliveries
                if (ref.recipient, ref.delivery_id) not in self._arrived
            ]
            raise TimeoutError(f"{error}: {len(lost)} missing, {', '.join(lost[:5])}") from None

    def start(self, clients: dict[AgencyCode, Client], tasks: asyncio.TaskGroup) -> None:
        self._desks = [
            tasks.create_task(self._desk(code, clients[code], Random(self._chance.random())))
            for code in SENDERS
            for _ in range(_DESKS)
        ]

    async def _desk(self, code: AgencyCode, client: Client, chance: Random) -> None:
        cases: list[_Case] = []
        while not self._stopping:
            while len(cases) < _OPEN_CASES:
                cases.append(self._case(code, chance))
            await self._turn(code, client, cases, chance)
            cases = [case for case in cases if case.left]
            await asyncio.sleep(chance.uniform(0, _THINKS_S))
            await until(lambda: self._stopping or self.open < self._max_open, "deliveries going on", 120)

    async def _turn(self, code: AgencyCode, client: Client, cases: list[_Case], chance: Random) -> None:
        """One message by itself, or some of some cases in a batch; now and then the same again, for the same receipt."""
        if chance.random() < 0.5:
            octets = self._message(code, chance.choice(cases))
            self._took(await client.send(octets))
            if chance.random() < 0.05:
                self.history.receipts.append(await client.send(octets))
            return
        chosen = chance.sample(cases, k=chance.randint(2, 4))
        lines = [self._message(code, case) for case in chosen for _ in range(min(case.left, chance.randint(1, 3)))]
        await client.send_batch(lines, self._took)

    def _took(self, receipt: Receipt) -> None:
        self.history.receipts.append(receipt)
        self.receipt_times.append(asyncio.get_running_loop().time())
        self._promised += len(receipt.deliveries)
        now = asyncio.get_running_loop().time()
        self._promised_at.update(((one.recipient, one.delivery_id), now) for one in receipt.deliveries)

    def arrived(self, arrival: Arrival) -> None:
        self.history.arrivals.append(arrival)
        promised_at = self._promised_at.pop((arrival.recipient, arrival.delivery_id), None)
        if promised_at is not None:
            waited_s = asyncio.get_running_loop().time() - promised_at
            self.longest_wait_s = max(self.longest_wait_s, waited_s)
        self._arrived.add((arrival.recipient, arrival.delivery_id))

    def _case(self, code: AgencyCode, chance: Random) -> _Case:
        recipients = chance.sample(PUSHED, k=1) if chance.random() < 0.7 else chance.sample(PULLING, k=1)
        if chance.random() < 0.2:
            recipients = [chance.choice(PUSHED), chance.choice(PULLING)]
        return _Case(f"{code}-20261122-{next(self._numbers):06}", tuple(recipients), chance.randint(2, 6))

    def _message(self, code: AgencyCode, case: _Case) -> bytes:
        """The next one of the case, written down as sent."""
        case.left -= 1
        message_id = f"m{next(self._numbers)}"
        body = _body(case.order_key, message_id)
        self.history.sent.append(
            Sent(message_id=message_id, recipients=case.recipients, order_key=case.order_key, content=content_of(body))
        )
        return wire.render(
            Envelope(
                message_id=message_id,
                sender=code,
                recipients=case.recipients,
                kind="case.progress/1",
                created_at=datetime.now(UTC),
                body=body,
                order_key=case.order_key,
            )
        )


def _body(case_number: str, message_id: str) -> bytes:
    model = CASE_PROGRESS[0].body
    assert isinstance(model, CaseProgress)
    line = msgspec.structs.replace(model.line, action=message_id)
    return msgspec.json.encode(msgspec.structs.replace(model, case_number=case_number, aliases=(), line=line))


@asynccontextmanager
async def under_load(load: Load, sink_port: int, hub_url: str) -> AsyncIterator[None]:
    """Recipients listen and poll, desks send. What goes wrong with any of them ends the block."""
    runner = web.AppRunner(load.sink.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", sink_port).start()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            clients = {code: Client(session, hub_url, code, load.turned_away) for code in (*SENDERS, *PULLING)}
            async with asyncio.TaskGroup() as tasks:
                await asyncio.gather(*(client.sign_in() for client in clients.values()))
                load.start(clients, tasks)
                pulls = [tasks.create_task(load.sink.pull(clients[code])) for code in PULLING]
                yield
                for one in pulls:
                    one.cancel()
    finally:
        await runner.cleanup()


def told(messages: Sequence[str]) -> str:
    """The first few of them, for an assertion."""
    return "\n".join([f"{len(messages)} in all", *messages[:10]])
