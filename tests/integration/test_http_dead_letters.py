"""Dead letters over HTTP: who sees them, who may put them back on their way, and that they arrive in their order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from lgsp.core.directory import Agency
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, POST, STRANGER, HttpHub, Reply, http_hub
from tests.integration.test_http_envelopes import assert_problem

HUB = "HUB"
WAIT_S = 10.0


@dataclass
class Partner:
    """The system of the post: out of order until the test says otherwise."""

    works: bool = False
    got: list[str] = field(default_factory=list)  # webhook-id of what it took

    async def answer(self, request: web.Request) -> web.Response:
        if not self.works:
            return web.Response(status=500)
        self.got.append(request.headers["webhook-id"])
        return web.Response(status=204)


@dataclass
class Office:
    hub: HttpHub
    partner: Partner

    async def dead(self, count: int, **fields: Any) -> list[int]:
        """Sends so many to the post, which takes none of them; their delivery ids once they were given up."""
        ids = []
        for _ in range(count):
            sent = await self.hub.send(self.hub.envelope(recipients=[POST], **fields))
            ids.append(sent.json["deliveries"][0]["delivery_id"])
        await self.until(lambda: self.states(ids), lambda states: states == ["dead"] * count)
        return ids

    async def states(self, ids: list[int]) -> list[str]:
        works = [await self.hub.hub.store.fetch(one) for one in ids]
        return [work.state.label for work in works if work]

    async def until(self, look: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(WAIT_S):
            while True:
                seen = await look()
                if holds(seen):
                    return seen
                await asyncio.sleep(0.01)

    async def letters(self, agency: str, query: str = "") -> list[int]:
        reply = await self.hub.call("GET", f"/v1/dead-letters{query}", agency=agency)
        assert reply.status == 200, reply.octets
        return [one["delivery_id"] for one in reply.json["letters"]]

    async def replay(self, agency: str, **request: Any) -> Reply:
        return await self.hub.call("POST", "/v1/replays", agency=agency, json=request)

    async def resolve(self, agency: str, **request: Any) -> Reply:
        return await self.hub.call("POST", "/v1/dead-letters/resolve", agency=agency, json=request)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Office]:
    partner = Partner()
    app = web.Application()
    app.router.add_post("/", partner.answer)
    async with TestServer(app) as server:
        endpoint = Endpoint(adapter="webhook", url=str(server.make_url("/")), retry_schedule_s=())
        others = [one for one in AGENCIES if one.code != POST]
        post = Agency(code=POST, name_vi="Bưu điện tỉnh", level="post", endpoint=endpoint)
        operator = Agency(code=AgencyCode(HUB), name_vi="Trung tâm dữ liệu tỉnh", level="hub")
        async with http_hub(folder, agencies=(*others, post, operator), breaker_failures=1000, sweep_interval_s=0.05) as hub:
            yield Office(hub, partner)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as one:
        yield one


async def test_the_recipient_replays_what_it_missed_and_gets_it_in_order(office: Office) -> None:
    """Under the old delivery ids, one after the other; the sender sees that it arrived after all, and how."""
    ids = await office.dead(3, order_key="case 1")
    office.partner.works = True
    started = await office.replay(POST, everything=True)
    assert started.status == 201, started.octets
    assert (started.json["count"]["letters"], started.json["count"]["by_recipient"]) == (3, {POST: 3})
    place = started.headers["Location"]
    job = await office.until(lambda: replay_at(office, place), lambda one: one["state"] == "done")
    assert (job["total"], job["moved"], job["expired"], job["operator"]) == (3, 3, 0, POST)
    assert job["which"]["recipient"] == POST and job["ended_at"]
    await office.until(lambda: office.states(ids), lambda states: states == ["delivered"] * 3)
    assert office.partner.got == [f"dlv_{one}" for one in ids]
    timeline = await office.hub.call("GET", f"/v1/envelopes/{COMMUNE}/m-0/timeline")
    names = [event["name"] for event in timeline.json["events"]]
    assert [name for name in names if name != "released"] == ["accepted", "dead", "replayed", "delivered"]
    assert await office.letters(COMMUNE) == []
    assert (await office.hub.hub.store.balance()).difference == 0


async def replay_at(office: Office, place: str, agency: str = POST) -> Any:
    reply = await office.hub.call("GET", place, agency=agency)
    assert reply.status == 200, reply.octets
    return reply.json


async def test_a_recipient_that_goes_over_to_its_mailbox_finds_replayed_letters_there(office: Office) -> None:
    """They were meant to be pushed; nobody listens any more, and the worker sees it."""
    (one,) = await office.dead(1)
    post = office.hub.hub.directory.current.agencies[POST]
    await office.hub.hub.store.save_agencies([msgspec.structs.replace(post, endpoint=None)])
    await office.hub.hub.directory.refresh()
    assert (await office.replay(POST, which={"delivery_ids": [one]})).status == 201
    await office.until(lambda: office.states([one]), lambda states: states == ["available"])
    (entry,) = (await office.hub.call("GET", "/v1/mailbox", agency=POST)).json["entries"]
    assert entry["delivery_id"] == one


async def test_a_dead_letter_is_seen_by_its_sender_its_recipient_and_the_operator(office: Office) -> None:
    """With what they need to know; by nobody else."""
    (one,) = await office.dead(1)
    for agency, seen in ((COMMUNE, [one]), (POST, [one]), (HUB, [one]), (STRANGER, []), (LAND_OFFICE, [])):
        assert await office.letters(agency) == seen, agency
        count = await office.hub.call("GET", "/v1/dead-letters/count", agency=agency)
        assert (count.json["letters"], bool(count.json["oldest"])) == (len(seen), bool(seen))
    (letter,) = (await office.hub.call("GET", "/v1/dead-letters")).json["letters"]
    assert (letter["sender"], letter["recipient"], letter["message_id"], letter["attempts"]) == (COMMUNE, POST, "m-0", 1)
    assert letter["reason"] == "delivery.retries_exhausted"
    assert letter["detail"].startswith("delivery.server_error")


CASE = "H01.134-261118-00001"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3]),
        (f"sender={COMMUNE}", [1, 2, 3]),
        ("sender=000.00.15.H01", [1, 2, 3]),
        (f"sender={STRANGER}", []),
        (f"recipient={POST}&kind=case.progress", [1, 2, 3]),
        ("kind=case.progress/1", [1, 2, 3]),
        ("kind=case.file", []),
        ("reason=delivery.retries_exhausted", [1, 2, 3]),
        ("reason=delivery.too_old", []),
        ("since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00%2B07:00", []),
        ("since=2020-01-01T00:00:00Z", [1, 2, 3]),
        (f"case={quote(CASE.lower())}", [2]),
        ("delivery_id=1", [1]),
        ("limit=2", [1, 2]),
        ("after=1&limit=1", [2]),
    ],
)
async def test_dead_letters_are_found_by_what_one_knows_of_them(tmp_path: Path, query: str, found: list[int]) -> None:
    """Every condition must hold; codes of any scheme are understood."""
    async with opened(tmp_path) as office:
        ids = await office.dead(3)
        assert await office.letters(HUB, f"?{query}") == [ids[place - 1] for place in found]


async def test_pages_of_dead_letters_follow_each_other(office: Office) -> None:
    """`next_after` leads through all of them and is null at the end."""
    ids = await office.dead(3)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = (await office.hub.call("GET", f"/v1/dead-letters?limit=2&after={after}")).json
        seen += [one["delivery_id"] for one in page["letters"]]
        after = page["next_after"]
    assert seen == ids


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("recipient=H01%20134", "agency.code_malformed", "recipient"),
        ("sender=H01.404", "request.field_invalid", "sender"),
        ("since=yesterday", "request.field_invalid", "since"),
        ("since=2020-01-01T00:00:00", "request.field_invalid", "since"),
        ("kind=Case%20File", "request.field_invalid", "kind"),
        ("reason=%00", "request.field_invalid", "reason"),
        ("case=a%00b", "request.field_invalid", "case"),
        ("delivery_id=0", "request.field_invalid", "delivery_id"),
        ("after=x", "request.field_invalid", "after"),
    ],
)
async def test_a_condition_that_cannot_be_is_refused_by_its_name(office: Office, query: str, code: str, name: str) -> None:
    """An empty list would be taken for good news."""
    assert_problem(await office.hub.call("GET", f"/v1/dead-letters?{query}"), 422, code, name)


async def test_a_preview_moves_nothing(office: Office) -> None:
    """It says how many, since when and for whom."""
    ids = await office.dead(2)
    preview = await office.replay(POST, everything=True, dry_run=True)
    assert (preview.status, preview.json["replay"]) == (200, None)
    assert (preview.json["count"]["letters"], preview.json["count"]["expired"]) == (2, 0)
    assert (await office.hub.call("GET", "/v1/replays", agency=POST)).json == {"replays": []}
    assert await office.letters(POST) == ids


async def test_nobody_means_everything_by_leaving_something_out(office: Office) -> None:
    """Neither for a replay nor for resolving."""
    assert_problem(await office.replay(HUB), 422, "dead_letter.filter_empty", "/which")
    assert_problem(await office.resolve(POST, note="x"), 422, "dead_letter.filter_empty", "/which")


async def test_an_agency_moves_only_what_was_for_it(office: Office) -> None:
    """The sender has to send anew: its recipient decides whether it still wants the old ones."""
    ids = await office.dead(2)
    for call in (office.replay(COMMUNE, which={"recipient": POST}), office.resolve(COMMUNE, which={"recipient": POST}, note="x")):
        assert_problem(await call, 403, "access.operator_only", "/which/recipient")
    nothing = await office.replay(COMMUNE, which={"delivery_ids": ids})
    assert (nothing.status, nothing.json["replay"], nothing.json["count"]["letters"]) == (200, None, 0)
    assert (await office.resolve(COMMUNE, which={"delivery_ids": ids}, note="x")).json == {"resolved": 0}
    assert await office.letters(POST) == ids


async def test_the_operator_replays_for_anybody_and_is_named(office: Office) -> None:
    """In the job and in the timeline; the recipient sees jobs over its own letters, others do not."""
    await office.dead(1)
    office.partner.works = True
    started = await office.replay(HUB, which={"recipient": POST})
    place = started.headers["Location"]
    assert started.json["replay"]["operator"] == HUB
    for agency, seen in ((HUB, 1), (POST, 1), (COMMUNE, 0)):
        listed = (await office.hub.call("GET", "/v1/replays", agency=agency)).json["replays"]
        assert len(listed) == seen, agency
    assert_problem(await office.hub.call("GET", place, agency=COMMUNE), 404, "replay.unknown", "replay_id")
    assert_problem(await office.hub.call("POST", place + "/cancel", agency=COMMUNE), 404, "replay.unknown", "replay_id")
    await office.until(lambda: replay_at(office, place), lambda one: one["state"] == "done")
    events = (await office.hub.call("GET", f"/v1/envelopes/{COMMUNE}/m-0/timeline")).json["events"]
    assert any(event["name"] == "replayed" and HUB in event["detail"] for event in events)


async def test_a_replay_is_stopped_and_a_second_one_has_to_wait(office: Office) -> None:
    """What went is gone, what did not stays a dead letter; stopping twice changes nothing."""
    await office.dead(3)
    office.partner.works = True
    started = await office.replay(POST, everything=True, rate_per_s=0.01)
    place = started.headers["Location"]
    await office.until(lambda: replay_at(office, place), lambda one: one["moved"] == 1)
    assert_problem(await office.replay(POST, everything=True), 423, "replay.under_way")
    first, second = [await office.hub.call("POST", place + "/cancel", agency=POST) for _ in range(2)]
    assert (first.status, first.json["state"], first.json["moved"]) == (200, "cancelled", 1)
    assert second.json == first.json
    assert len(await office.letters(POST)) == 2
    assert (await office.replay(POST, everything=True)).status == 201


@pytest.mark.parametrize("number", ["0", "999", "x", "99999999999999999999"])
async def test_an_unknown_replay_is_not_found(office: Office, number: str) -> None:
    """Whatever stands in its place."""
    assert_problem(await office.hub.call("GET", f"/v1/replays/{number}", agency=HUB), 404, "replay.unknown", "replay_id")


async def test_a_resolved_letter_leaves_the_list_with_a_note_that_its_sender_reads(office: Office) -> None:
    """It is shown to who asks for it, and no replay takes it."""
    one, other = await office.dead(2)
    assert (await office.resolve(POST, which={"delivery_ids": [one]}, note="đã nhận bản giấy")).json == {"resolved": 1}
    assert await office.letters(COMMUNE) == [other]
    assert await office.letters(COMMUNE, "?resolved=true") == [one, other]
    events = (await office.hub.call("GET", f"/v1/envelopes/{COMMUNE}/m-0/timeline")).json["events"]
    assert (events[-1]["name"], events[-1]["detail"]) == ("resolved", f"{POST}: đã nhận bản giấy")
    assert (await office.replay(POST, everything=True, dry_run=True)).json["count"]["letters"] == 1


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        ({"which": {"recipient": "H01.404"}}, "/which/recipient"),
        ({"which": {"party": POST}}, None),
        ({"everything": True, "rate_per_s": 0}, "/rate_per_s"),
        ({"which": {"delivery_ids": [0]}}, "/which/delivery_ids/0"),
        ({"which": {"case": "\x00"}}, "/which/case"),
    ],
)
async def test_a_replay_that_cannot_be_meant_is_refused(office: Office, request_: dict[str, Any], where: str | None) -> None:
    """Naming the field."""
    assert_problem(await office.replay(HUB, **request_), 422, "request.field_invalid", where)
