"""The systems that recipients run, and the adapter that reaches them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from contracts.adapter import Endpoint, Parcel
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from tests.sim.outside import Machine, Outside


@dataclass(frozen=True, slots=True)
class Knock:
    """An attempt began: its request left the hub."""

    at_s: float
    machine: str
    recipient: str
    delivery_id: int
    attempt: int
    url: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A recipient has a copy. `knock_s`: when the request of a push had left the hub; the hub may have gone on since."""

    at_s: float
    knock_s: float
    recipient: str
    delivery_id: int
    message_id: str
    content: bytes


class Partner:
    """What it once refused it goes on refusing; what it has it says it has. `ways`: how it misbehaves at the moment."""

    def __init__(self, outside: Outside, code: str, refusing: float, thinks_s: float) -> None:
        self._outside = outside
        self.code = code
        self.url = ""
        self.ways: list[str] = []
        self._refusing = refusing
        self._thinks_s = thinks_s
        self._refuses: dict[int, bool] = {}
        self.taken: list[Taken] = []
        self.gone: dict[str, float] = {}  # addresses that do not exist any more, and when that was first said

    def refuses(self, delivery_id: int) -> bool:
        if delivery_id not in self._refuses:
            self._refuses[delivery_id] = self._outside.chance.random() < self._refusing
        return self._refuses[delivery_id]

    def take(self, parcel: Parcel, knock_s: float) -> None:
        envelope = parcel.envelope
        now = self._outside.time.now
        self._outside.note(self.code, "took", parcel.delivery_id)
        self.taken.append(Taken(now, knock_s, self.code, parcel.delivery_id, envelope.message_id, envelope.body))

    def asked(self, parcel: Parcel, url: str, knock_s: float, answer: Callable[[Outcome], None]) -> None:
        """A request has arrived. `answer` may be called later, or never."""
        chance, way = self._outside.chance, self._way()
        if url != self.url:
            self.gone.setdefault(url, self._outside.time.now)
            answer(Gone())
        elif way == "hang":
            return
        elif way == "error":
            answer(Retry("delivery.server_error"))
        elif way == "retry after":
            answer(Retry("delivery.server_error", not_before_s=chance.choice((0.5, 3.0, 8.0))))
        elif way == "slow":
            self._outside.loop.call_later(chance.uniform(0.2, 5.0), self._decide, parcel, knock_s, answer)
        else:
            heard = _unheard if way == "no answer" else answer
            self._outside.loop.call_later(self._thinks_s, self._decide, parcel, knock_s, heard)

    def _decide(self, parcel: Parcel, knock_s: float, answer: Callable[[Outcome], None]) -> None:
        if self.refuses(parcel.delivery_id):
            answer(Refused("delivery.refused_by_recipient"))
        else:
            self.take(parcel, knock_s)
            answer(Delivered())

    def _way(self) -> str:
        if not self.ways or self._outside.peace:
            return ""
        way = self._outside.chance.choice(self.ways)
        return (
            self._outside.chance.choice(("", "", "hang", "slow", "error", "retry after", "no answer")) if way == "mixed" else way
        )


class PartnerAdapter:
    """`contracts.adapter.DeliveryAdapter` of one process of the hub."""

    def __init__(self, machine: Machine, partners: dict[str, Partner], knocks: list[Knock]) -> None:
        self._machine = machine
        self._partners = partners
        self._knocks = knocks

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        machine, outside = self._machine, self._machine.outside
        now = outside.time.now
        done = machine.calls("deliver")
        self._knocks.append(Knock(now, machine.name, parcel.recipient, parcel.delivery_id, parcel.attempt, endpoint.url))
        outside.note(machine.name, "knocks", parcel.recipient, parcel.delivery_id, parcel.attempt)
        heard: asyncio.Future[Outcome] = machine.loop.create_future()

        def answer(outcome: Outcome) -> None:
            machine.loop.call_later(outside.latency_s(), _set, heard, outcome)
            if done is not None:
                done()

        partner = self._partners[parcel.recipient]
        outside.loop.call_later(outside.latency_s(), partner.asked, parcel, endpoint.url, now, answer)
        await asyncio.wait((heard,), timeout=endpoint.timeout_s)
        return heard.result() if heard.done() else Retry("delivery.timeout")

    async def close(self) -> None:
        return None


def _unheard(outcome: Outcome) -> None:
    return None


def _set(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)
