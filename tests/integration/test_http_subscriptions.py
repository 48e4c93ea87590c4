"""Copies for subscribers: they arrive, and whoever sent or received the envelope does not notice. Many recipients at once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from lgsp.cli import cli
from lgsp.core.directory import Agency, Grant, Subscription
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, STRANGER, HttpHub, http_hub

STATISTICS, LOOKUP, BROKEN = (AgencyCode(code) for code in ("H01.20", "H01.30", "H01.40"))
SUBSCRIBERS = (STATISTICS, LOOKUP, BROKEN)
CASES = (Subscription(kinds=("case.*",)),)
WAIT_S = 10.0


@dataclass
class Province:
    """A hub with three subscribers: one is pushed to, one fetches, the system of the third answers 500."""

    hub: HttpHub
    pushed: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.pushed.append(json.loads(await request.read()))
        return web.Response(status=204)

    async def get(self, path: str, agency: str = COMMUNE, status: int = 200) -> Any:
        reply = await self.hub.call("GET", path, agency=agency, headers={"Accept": "application/json"})
        assert reply.status == status, reply.octets
        return reply.json

    async def sent(self, **fields: Any) -> dict[str, Any]:
        """The receipt of an envelope to the land office, once all of its copies came to an end or into a mailbox."""
        reply = await self.hub.send(self.hub.envelope(**fields))
        assert reply.status == 202, reply.octets
        receipt: dict[str, Any] = reply.json
        await self.until(
            lambda: self.states(receipt["message_id"]), lambda states: not {"ready", "queued"} & set(states.values())
        )
        return receipt

    async def states(self, message_id: str) -> dict[str, str]:
        """As the journal has them."""
        record = await self.hub.hub.store.envelope(COMMUNE, message_id)
        return {} if record is None else {one.recipient: one.state.label for one in record.deliveries}

    async def until(self, look: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(WAIT_S):
            while True:
                seen = await look()
                if holds(seen):
                    return seen
                await asyncio.sleep(0.01)


async def refuse(request: web.Request) -> web.Response:
    return web.Response(status=500)


@asynccontextmanager
async def province(folder: Path, subscriptions: tuple[Subscription, ...], *more: Agency) -> AsyncIterator[Province]:
    receivers: list[Province] = []

    async def take(request: web.Request) -> web.Response:
        return await receivers[0].take(request)

    app = web.Application()
    app.add_routes([web.post("/statistics", take), web.post("/broken", refuse)])
    async with TestServer(app) as server:

        def system(name: str) -> Endpoint:
            return Endpoint(adapter="webhook", url=str(server.make_url(f"/{name}")), retry_schedule_s=())

        agencies = (
            *AGENCIES,
            Agency(code=STATISTICS, name_vi="Chi cục Thống kê", endpoint=system("statistics"), subscriptions=subscriptions),
            Agency(code=LOOKUP, name_vi="Cơ sở dữ liệu tra cứu", subscriptions=subscriptions),
            Agency(code=BROKEN, name_vi="Sở Tài chính", endpoint=system("broken"), subscriptions=subscriptions),
            *more,
        )
        async with http_hub(folder, agencies=agencies, breaker_failures=1000) as hub:
            receivers.append(Province(hub))
            yield receivers[0]


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[Province]:
    async with province(tmp_path, CASES) as one:
        yield one


async def test_a_copy_reaches_each_subscriber_in_its_own_way(cases: Province) -> None:
    """Pushed or fetched, with the whole envelope; what the subscriber did not ask for does not come."""
    receipt = await cases.sent(recipients=[LAND_OFFICE, STRANGER])
    assert await cases.states(receipt["message_id"]) == {
        LAND_OFFICE: "available",
        STRANGER: "available",
        STATISTICS: "delivered",
        LOOKUP: "available",
        BROKEN: "dead",
    }
    (pushed,) = cases.pushed
    assert (pushed["delivery"]["recipient"], pushed["envelope"]["message_id"]) == (STATISTICS, receipt["message_id"])
    assert pushed["envelope"]["recipients"] == [LAND_OFFICE, STRANGER]
    (entry,) = (await cases.get("/v1/mailbox", LOOKUP))["entries"]
    fetched = await cases.get(f"/v1/mailbox/{entry['delivery_id']}", LOOKUP)
    assert fetched["envelope"] == pushed["envelope"]


async def test_the_sender_does_not_notice_copies(cases: Province) -> None:
    """Neither in the receipt, fresh or again, nor in status, overall status, timeline, case, dry run, dead letters or notices."""
    envelope = cases.hub.envelope()
    receipt = await cases.sent(**envelope)
    again = await cases.hub.send(envelope)
    place = f"/v1/envelopes/{COMMUNE}/{receipt['message_id']}"
    dry_run = await cases.hub.call("POST", "/v1/explain", json=cases.hub.envelope())
    overall = await cases.get(f"{place}/status")
    seen = [
        receipt,
        again.json,
        await cases.get(f"{place}/receipt"),
        await cases.get(place),
        overall,
        await cases.get(f"{place}/timeline"),
        await cases.get(f"/v1/cases/{envelope['body']['case_number']}"),
        dry_run.json,
        await cases.get("/v1/dead-letters?resolved=true"),
        await cases.get("/v1/dead-letters/count"),
        await cases.get("/v1/mailbox"),
    ]
    for answer in seen:
        for code in (*SUBSCRIBERS, '"copy"'):
            assert code not in json.dumps(answer), answer
    assert [one["recipient"] for one in receipt["deliveries"]] == [LAND_OFFICE]
    assert (overall["overall"]["state"], len(overall["deliveries"])) == ("in_progress", 1)
    assert (await cases.get("/v1/mailbox"))["entries"] == [], "a copy that failed is no news for the sender"
    ids = {one["delivery_id"] for one in receipt["deliveries"]}
    events = (await cases.get(f"{place}/timeline"))["events"]
    assert {event["delivery_id"] for event in events if "delivery_id" in event} == ids


async def test_the_sender_s_envelope_arrives_whatever_becomes_of_the_copies(cases: Province) -> None:
    """All of its own deliveries ended well: that is its overall status, though a copy is dead and another unfetched."""
    receipt = await cases.sent()
    item = {"delivery_id": receipt["deliveries"][0]["delivery_id"]}
    await cases.hub.call("POST", "/v1/mailbox/acknowledge", agency=LAND_OFFICE, json={"items": [item]})
    overall = await cases.get(f"/v1/envelopes/{COMMUNE}/{receipt['message_id']}/status")
    assert overall["overall"]["state"] == "delivered"
    assert (await cases.hub.hub.store.balance()).difference == 0


async def test_a_recipient_does_not_notice_copies(cases: Province) -> None:
    """It sees its own delivery as ever."""
    receipt = await cases.sent()
    place = f"/v1/envelopes/{COMMUNE}/{receipt['message_id']}"
    for path in (place, f"{place}/timeline", "/v1/mailbox"):
        told = json.dumps(await cases.get(path, LAND_OFFICE))
        assert not any(code in told for code in SUBSCRIBERS), told


async def test_a_subscriber_sees_its_own_copy_and_no_other_delivery(cases: Province) -> None:
    """Status, timeline, case and dead letter of its own; not the receipt, and nobody else's delivery."""
    envelope = cases.hub.envelope(recipients=[LAND_OFFICE, STRANGER])
    receipt = await cases.sent(**envelope)
    place = f"/v1/envelopes/{COMMUNE}/{receipt['message_id']}"
    for code, state in ((STATISTICS, "delivered"), (LOOKUP, "available"), (BROKEN, "dead")):
        (delivery,) = (await cases.get(place, code))["deliveries"]
        assert (delivery["recipient"], delivery["state"], delivery["copy"]) == (code, state, True)
        events = (await cases.get(f"{place}/timeline", code))["events"]
        assert {event["recipient"] for event in events} == {code}
        (in_case,) = (await cases.get(f"/v1/cases/{envelope['body']['case_number']}", code))["envelopes"]
        assert [one["recipient"] for one in in_case["envelope"]["deliveries"]] == [code]
        for hidden in ("receipt", "status"):
            await cases.get(f"{place}/{hidden}", code, status=404)
    (letter,) = (await cases.get("/v1/dead-letters", BROKEN))["letters"]
    assert (letter["recipient"], letter["copy"]) == (BROKEN, True)


async def test_a_subscriber_replays_the_copies_that_it_missed(cases: Province) -> None:
    """As any recipient does; the sender still does not notice."""
    receipt = await cases.sent()
    started = await cases.hub.call("POST", "/v1/replays", agency=BROKEN, json={"everything": True})
    assert (started.status, started.json["count"]["letters"]) == (201, 1)
    place = f"/v1/envelopes/{COMMUNE}/{receipt['message_id']}/timeline"
    names = await cases.until(
        lambda: cases.get(place, BROKEN), lambda told: [one["name"] for one in told["events"]].count("dead") == 2
    )
    assert "replayed" in [one["name"] for one in names["events"]]
    assert "replayed" not in [one["name"] for one in (await cases.get(place))["events"]]


async def test_a_subscriber_that_is_also_a_recipient_gets_one_delivery(cases: Province) -> None:
    """The one on the sender's list, which the sender sees."""
    receipt = await cases.sent(recipients=[LAND_OFFICE, LOOKUP])
    assert [one["recipient"] for one in receipt["deliveries"]] == [LAND_OFFICE, LOOKUP]
    assert Counter(await cases.states(receipt["message_id"])) == Counter(
        {LAND_OFFICE: "available", LOOKUP: "available", STATISTICS: "delivered", BROKEN: "dead"}
    )
    assert len((await cases.get("/v1/mailbox", LOOKUP))["entries"]) == 1


async def test_nobody_subscribes_to_what_the_hub_tells_a_sender(tmp_path: Path) -> None:
    """Not even to everything: notices are for the sender alone."""
    async with province(tmp_path, (Subscription(kinds=("*",)),)) as all_kinds:
        receipt = await all_kinds.sent()
        item = {"delivery_id": receipt["deliveries"][0]["delivery_id"], "result": "refused", "reason": "thiếu trang"}
        await all_kinds.hub.call("POST", "/v1/mailbox/acknowledge", agency=LAND_OFFICE, json={"items": [item]})
        (notice,) = (await all_kinds.get("/v1/mailbox"))["entries"]
        assert notice["kind"] == "delivery.status/1"
        assert [one["kind"] for one in (await all_kinds.get("/v1/mailbox", LOOKUP))["entries"]] == ["case.progress/1"]
        assert [one["envelope"]["kind"] for one in all_kinds.pushed] == ["case.progress/1"]


async def test_the_operator_sees_copies_and_that_they_are_copies(cases: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lgsp trace --all`, marked for people and in JSON."""
    receipt = await cases.sent()
    monkeypatch.setenv("LGSP_DATA_DIR", str(cases.hub.hub.settings.data_dir))
    arguments = ["trace", f"{COMMUNE}/{receipt['message_id']}", "--all"]
    shown, told = [
        await asyncio.to_thread(CliRunner().invoke, cli, [*arguments, *more], catch_exceptions=False) for more in ([], ["--json"])
    ]
    assert f"{COMMUNE} → {LOOKUP} (bản sao · copy)" in shown.stdout
    assert f"{COMMUNE} → {LAND_OFFICE} (bản sao" not in shown.stdout
    (one,) = json.loads(told.stdout)["envelopes"]
    copies = {delivery["recipient"]: delivery.get("copy", False) for delivery in one["envelope"]["deliveries"]}
    assert copies == {LAND_OFFICE: False, STATISTICS: True, LOOKUP: True, BROKEN: True}


async def test_many_recipients_each_have_a_state_of_their_own(tmp_path: Path) -> None:
    """What one refuses, the next has taken, the third not even fetched; the sender sees each, and one state over all."""
    offices = [Agency(code=AgencyCode(f"H02.{n}"), name_vi=f"Phường {n}", grants=(Grant(kinds=("*",)),)) for n in range(120)]
    codes = [one.code for one in offices]
    async with province(tmp_path, CASES, *offices) as many:
        receipt = await many.sent(recipients=codes)
        assert [one["recipient"] for one in receipt["deliveries"]] == codes
        ids = {one["recipient"]: one["delivery_id"] for one in receipt["deliveries"]}
        for place, code in enumerate(codes):
            if place % 3 != 2:
                item = {"delivery_id": ids[code], "result": ("delivered", "refused")[place % 3]}
                await many.hub.call("POST", "/v1/mailbox/acknowledge", agency=code, json={"items": [item]})
        place = f"/v1/envelopes/{COMMUNE}/{receipt['message_id']}"
        states = {one["recipient"]: one["state"] for one in (await many.get(place))["deliveries"]}
        assert states == {code: ("delivered", "refused", "available")[n % 3] for n, code in enumerate(codes)}
        assert (await many.get(f"{place}/status"))["overall"]["state"] == "in_progress"
        assert (await many.hub.hub.store.balance()).difference == 0
