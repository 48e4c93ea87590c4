"""One agency floods the hub, another one sends a little: the first is turned away in part, the second hardly notices."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lgsp.http import batch
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, HttpHub, http_hub
from tests.integration.test_http_batch import NDJSON, PATH, lines
from tests.integration.test_http_envelopes import assert_problem

COMMIT, CAPACITY = 20, 60
MOST = (CAPACITY - CAPACITY // 8) // 2  # of one sender, alone


class Gate:
    """Stands in front of the journal: what comes is counted, and passes while it is open."""

    def __init__(self, hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[int] = []
        self.open = asyncio.Event()
        accept = hub.hub.store.accept

        async def accepting(batch: Any, *args: Any) -> Any:
            self.batches.append(len(batch))
            await self.open.wait()
            return await accept(batch, *args)

        monkeypatch.setattr(hub.hub.store, "accept", accepting)


class Flood:
    """Batches of fresh envelopes on several connections, each sent as soon as the one before is answered."""

    def __init__(self, hub: HttpHub) -> None:
        self._hub = hub
        self.accepted = 0
        self.turned_away = 0
        self.other: list[dict[str, Any]] = []

    async def press(self) -> None:
        while True:
            octets = b"".join(json.dumps(self._hub.envelope()).encode() + b"\n" for _ in range(100))
            for line in lines((await self._hub.call("POST", PATH, data=octets, headers=NDJSON)).octets):
                if "receipt" in line:
                    self.accepted += 1
                elif line["refusal"]["code"] == "hub.overloaded" and line["retry_after_s"] > 0:
                    self.turned_away += 1
                else:
                    self.other.append(line)


@asynccontextmanager
async def flooding(hub: HttpHub, connections: int = 12) -> AsyncIterator[Flood]:
    flood = Flood(hub)
    tasks = [asyncio.create_task(flood.press()) for _ in range(connections)]
    try:
        yield flood
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the hub tells nobody
            await asyncio.sleep(0.005)


def small(hub: HttpHub) -> dict[str, Any]:
    return hub.envelope(sender=LAND_OFFICE, recipients=[COMMUNE])


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path, intake_capacity=CAPACITY, commit_batch=COMMIT) as running:
        yield running


async def test_the_next_commit_has_what_the_small_sender_brought(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flood fills what it may have and is turned away beyond; five single posts come then, are let in, and are committed
    next, though many of the flood's came before them."""
    gate = Gate(hub, monkeypatch)
    async with flooding(hub) as flood:
        await until(lambda: flood.turned_away > 0 and gate.batches)
        assert hub.hub.intake.under_way <= MOST
        posts = [asyncio.create_task(hub.send(small(hub), agency=LAND_OFFICE)) for _ in range(5)]
        await until(lambda: len(posts) == hub.hub.intake._entrance._held_by.get(LAND_OFFICE, 0))
        gate.open.set()
        replies = await asyncio.gather(*posts)
        await until(lambda: flood.accepted)
    assert [reply.status for reply in replies] == [202] * 5
    assert max(reply.json["sequence"] for reply in replies) <= gate.batches[0] + COMMIT
    assert not flood.other


async def test_beside_a_flood_a_small_sender_is_never_turned_away(hub: HttpHub) -> None:
    """Forty posts one after the other, each accepted at the first try, while the flood is turned away again and again."""
    async with flooding(hub) as flood:
        await until(lambda: flood.turned_away > 0)
        statuses = [(await hub.send(small(hub), agency=LAND_OFFICE)).status for _ in range(40)]
        before = flood.turned_away
        await until(lambda: flood.turned_away > before and flood.accepted)
    assert statuses == [202] * 40
    assert not flood.other


async def test_a_sender_s_batches_wait_unread_when_it_sends_too_many_at_once(
    hub: HttpHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight are begun, those behind them are answered 503 when their patience ends; another sender's is taken over meanwhile."""
    monkeypatch.setattr(batch, "_PATIENCE_S", 0.2)
    begun, end = [asyncio.Event() for _ in range(8)], asyncio.Event()

    async def slowly(number: int) -> AsyncIterator[bytes]:
        yield json.dumps(hub.envelope()).encode() + b"\n"
        begun[number].set()
        await end.wait()

    slow = [asyncio.create_task(hub.call("POST", PATH, data=slowly(n), headers=NDJSON)) for n in range(8)]
    await asyncio.gather(*(one.wait() for one in begun))
    await until(lambda: hub.hub.intake._entrance.held == 0)
    ninth = await hub.call("POST", PATH, data=json.dumps(hub.envelope()).encode(), headers=NDJSON)
    assert_problem(ninth, 503, "hub.overloaded")
    assert int(ninth.headers["Retry-After"]) > 0
    other = await hub.call("POST", PATH, data=json.dumps(small(hub)).encode(), headers=NDJSON, agency=LAND_OFFICE)
    assert "receipt" in lines(other.octets)[0]
    end.set()
    assert all("receipt" in lines(reply.octets)[0] for reply in await asyncio.gather(*slow))
    again = await hub.call("POST", PATH, data=json.dumps(hub.envelope()).encode(), headers=NDJSON)
    assert "receipt" in lines(again.octets)[0]


async def test_a_batch_larger_than_a_sender_s_part_gets_through_on_an_idle_hub(hub: HttpHub) -> None:
    """One request is taken over piece by piece: alone, a sender is never turned away for its own size."""
    octets = b"".join(json.dumps(hub.envelope()).encode() + b"\n" for _ in range(500))
    answers = lines((await hub.call("POST", PATH, data=octets, headers=NDJSON)).octets)
    assert [answer["receipt"]["sequence"] for answer in answers] == list(range(1, 501))


async def test_what_is_sent_again_beside_a_flood_of_the_same_agency_keeps_its_order(hub: HttpHub) -> None:
    """Lines of a case that are turned away come again, and none is overtaken by a later one."""
    case = [hub.envelope(order_key="one case") for _ in range(100)]
    left, sequences = case, []
    async with flooding(hub, 8) as flood:
        await until(lambda: flood.turned_away > 0)
        async with asyncio.timeout(100):
            while left:
                octets = b"".join(json.dumps(envelope).encode() + b"\n" for envelope in left)
                answers = lines((await hub.call("POST", PATH, data=octets, headers=NDJSON)).octets)
                taken = [answer["receipt"]["sequence"] for answer in answers if "receipt" in answer]
                assert all("refusal" in answer for answer in answers[len(taken) :])
                sequences += taken
                left = left[len(taken) :]
    assert sequences == sorted(sequences)
