"""Receiving over HTTP: long poll, the document of a delivery, acknowledgement in batches, the timeline of a case."""

import asyncio
import json
import time
import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from adapters.webhook.mapping import document_of
from contracts.adapter import Endpoint, Parcel
from lgsp.core.lifecycle import State
from lgsp.ports import Settlement
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, NOBODY_LISTENS, STRANGER, HttpHub, http_hub
from tests.integration.test_http_envelopes import assert_problem


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path, long_poll_max_s=5.0) as running:
        yield running


async def pushed(hub: HttpHub, delivery_id: int) -> bytes:
    """The document that a webhook would have been sent."""
    work = await hub.hub.store.fetch(delivery_id)
    assert work is not None
    return document_of(
        Parcel(
            delivery_id=work.delivery_id,
            attempt=work.attempt,
            recipient=work.recipient,
            addressed_as=work.addressed_as,
            sequence=work.sequence,
            number=work.number,
            envelope=work.envelope,
        )
    )


async def page(hub: HttpHub, query: str = "", agency: str = LAND_OFFICE) -> dict[str, Any]:
    reply = await hub.call("GET", f"/v1/mailbox{query}", agency=agency)
    assert reply.status == 200, reply.octets
    answer: dict[str, Any] = reply.json
    return answer


async def test_a_delivery_is_listed_fetched_and_acknowledged_once(hub: HttpHub) -> None:
    """The document has the delivery and the envelope with its body octet for octet; acknowledging twice is harmless."""
    octets = json.dumps(hub.envelope(), indent=1, ensure_ascii=False).encode()
    await hub.send(octets)
    (entry,) = (await page(hub))["entries"]
    fetched = await hub.call("GET", f"/v1/mailbox/{entry['delivery_id']}", agency=LAND_OFFICE)
    assert fetched.json["delivery"]["recipient"] == LAND_OFFICE
    sent_body = octets[octets.index(b'"body":') + 7 : octets.rindex(b"}")].strip()
    assert sent_body in fetched.octets
    assert fetched.octets == await pushed(hub, entry["delivery_id"])
    raw = await hub.call("GET", f"/v1/mailbox/{entry['delivery_id']}/body", agency=LAND_OFFICE)
    assert raw.octets == sent_body
    body = {"items": [{"delivery_id": entry["delivery_id"]}, {"delivery_id": 999}]}
    first, second = [await hub.call("POST", "/v1/mailbox/acknowledge", agency=LAND_OFFICE, json=body) for _ in range(2)]
    unknown = {"delivery_id": 999, "applied": False, "state": None}
    assert first.json["results"] == [{"delivery_id": entry["delivery_id"], "applied": True, "state": "delivered"}, unknown]
    assert second.json["results"] == [{"delivery_id": entry["delivery_id"], "applied": False, "state": "delivered"}, unknown]
    assert (await page(hub))["entries"] == []


async def test_a_recipient_sees_a_gap_by_the_numbers(hub: HttpHub) -> None:
    """Of each sender by itself: in the listing, in the document, and beside the body alone; the sender sees the same."""
    receipts = [(await hub.send(hub.envelope())).json for _ in range(3)]
    entries = (await page(hub))["entries"]
    assert [one["number"] for one in entries] == [1, 2, 3]
    assert [one["deliveries"][0]["number"] for one in receipts] == [1, 2, 3]
    place = f"/v1/mailbox/{entries[1]['delivery_id']}"
    assert (await hub.call("GET", place, agency=LAND_OFFICE)).json["delivery"]["number"] == 2
    assert (await hub.call("GET", f"{place}/body", agency=LAND_OFFICE)).headers["Lgsp-Number"] == "2"


async def test_a_body_is_fetched_whatever_its_addressing_holds(hub: HttpHub) -> None:
    """What a JSON envelope can say and a header cannot breaks neither the answer nor its other headers."""
    sent = await hub.send(
        hub.envelope(traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", tracestate="a=1\r\nSet-Cookie: x=y")
    )
    if sent.status != 202:
        assert_problem(sent, 422, "envelope.field_invalid", "/tracestate")
        return
    reply = await hub.call("GET", f"/v1/mailbox/{sent.json['deliveries'][0]['delivery_id']}/body", agency=LAND_OFFICE)
    assert reply.status == 200 and "Set-Cookie" not in reply.headers


async def test_a_refusal_by_the_recipient_reaches_the_sender(hub: HttpHub) -> None:
    """The reason in words stands in the status that the sender reads."""
    sent = await hub.send(hub.envelope())
    item = {"delivery_id": sent.json["deliveries"][0]["delivery_id"], "result": "refused", "reason": "Thiếu chữ ký"}
    await hub.call("POST", "/v1/mailbox/acknowledge", agency=LAND_OFFICE, json={"items": [item]})
    (delivery,) = (await hub.call("GET", sent.headers["Location"])).json["deliveries"]
    assert (delivery["state"], delivery["reason"], delivery["detail"]) == (
        "refused",
        "delivery.refused_by_recipient",
        "Thiếu chữ ký",
    )


async def test_pages_follow_each_other(hub: HttpHub) -> None:
    """`next_after` leads through all entries, in order, and is null on the last page, also when that is a full one."""
    for _ in range(4):
        await hub.send(hub.envelope())
    first = await page(hub, "?limit=2")
    second = await page(hub, f"?limit=2&after={first['next_after']}")
    assert [entry["message_id"] for entry in (*first["entries"], *second["entries"])] == [f"m-{number}" for number in range(4)]
    assert second["next_after"] is None
    assert (await page(hub, "?after=99")) == {"entries": [], "next_after": None}


async def until_next_attempt(hub: HttpHub, message_id: str, number: int) -> None:
    """Until those before it have failed, and it is on the timetable."""
    async with asyncio.timeout(20):
        while True:
            record = await hub.hub.store.envelope(COMMUNE, message_id)
            if record is not None and record.deliveries[0].attempt == number:
                return
            await asyncio.sleep(0.01)


async def test_who_follows_next_after_misses_nothing_that_comes_in_later(hub: HttpHub) -> None:
    """A delivery that waited for its turn appears with a lower id than those already seen, and is in the next listing."""
    office = hub.hub.directory.current.agencies[LAND_OFFICE]
    endpoint = Endpoint(adapter="webhook", url=NOBODY_LISTENS, retry_schedule_s=(3600.0,))
    pushed_to = msgspec.structs.replace(office, endpoint=endpoint)
    await hub.hub.store.save_agencies([pushed_to])
    await hub.hub.directory.refresh()
    head = (await hub.send(hub.envelope(order_key="case 1"))).json["deliveries"][0]["delivery_id"]
    await until_next_attempt(hub, "m-0", 2)
    await hub.hub.store.save_agencies([office])
    await hub.hub.directory.refresh()
    await hub.send(hub.envelope(order_key="case 1"))
    await hub.send(hub.envelope(order_key="case 2"))
    seen = await page(hub)
    assert [entry["message_id"] for entry in seen["entries"]] == ["m-2"]
    ending = Settlement(delivery_id=head, state=State.CANCELLED)
    await hub.hub.store.settle([ending], datetime.now(UTC), 15.0)
    after = seen["next_after"]
    later = await page(hub, "" if after is None else f"?after={after}")
    assert "m-1" in [entry["message_id"] for entry in later["entries"]]


async def test_a_long_poll_wakes_when_something_arrives(hub: HttpHub) -> None:
    """It answers with the arrival, long before its limit."""
    started = time.monotonic()
    polling = asyncio.create_task(page(hub, "?wait_s=5"))
    await hub.send(hub.envelope())
    assert len((await polling)["entries"]) == 1
    assert time.monotonic() - started < 4


async def test_a_long_poll_ends_empty_at_its_limit(hub: HttpHub) -> None:
    """Nothing came: an empty page after the time asked for, not before and not much later."""
    started = time.monotonic()
    assert (await page(hub, "?wait_s=0.5"))["entries"] == []
    assert 0.4 < time.monotonic() - started < 4


@pytest.mark.parametrize(
    "query",
    [
        "wait_s=1&after=3",
        "after=-1",
        "after=x",
        "after=99999999999999999999",
        "limit=0",
        "limit=1001",
        "wait_s=6",
        "wait_s=nan",
        "limit=1&limit=2",
    ],
)
async def test_a_wrong_parameter_is_named(hub: HttpHub, query: str) -> None:
    """422 with the parameter as the field."""
    reply = await hub.call("GET", f"/v1/mailbox?{query}", agency=LAND_OFFICE)
    assert_problem(reply, 422, "request.field_invalid", query.split("=")[0])


@pytest.mark.parametrize(
    ("octets", "status", "code", "field"),
    [
        (b"{", 400, "request.malformed", None),
        (b'{"items": []}', 422, "request.field_invalid", "/items"),
        (b'{"items": [{"delivery_id": "1"}]}', 422, "request.field_invalid", "/items/0/delivery_id"),
        (b'{"items": [{"delivery_id": 1}, {"delivery_id": 0}]}', 422, "request.field_invalid", "/items/1/delivery_id"),
        (b'{"items": [{"delivery_id": 99999999999999999999}]}', 422, "request.field_invalid", None),
        (b'{"items": [{"delivery_id": 1, "result": "eaten"}]}', 422, "request.field_invalid", "/items/0/result"),
        (b'{"items": [{"delivery_id": 1, "reason": "a\\u0000b"}]}', 422, "request.field_invalid", "/items/0/reason"),
        (b'{"items": [{"delivery_id": 1, "reason": "' + b"x" * 501 + b'"}]}', 422, "request.field_invalid", "/items/0/reason"),
        (b'{"item": []}', 422, "request.field_invalid", None),
        (b" " * 4_000_000, 413, "request.too_large", None),
    ],
)
async def test_a_wrong_acknowledgement_is_refused_as_a_whole(
    hub: HttpHub, octets: bytes, status: int, code: str, field: str | None
) -> None:
    """Nothing of a request that is wrong somewhere is carried out."""
    sent = await hub.send(hub.envelope())
    assert sent.json["deliveries"][0]["delivery_id"] == 1
    headers = {"Content-Type": "application/json"}
    reply = await hub.call("POST", "/v1/mailbox/acknowledge", agency=LAND_OFFICE, data=octets, headers=headers)
    assert_problem(reply, status, code, field)
    assert len((await page(hub))["entries"]) == 1


async def test_a_case_is_found_by_any_identifier_in_any_normal_form(hub: HttpHub) -> None:
    """Composed, decomposed, other case: one timeline over all envelopes of the case, oldest first, each with its events."""
    number = "Số 12/Hồ sơ đất đai"
    identifiers = [{"scheme": "notation", "value": unicodedata.normalize("NFD", number)}]
    sent = [await hub.send(hub.envelope(identifiers=identifiers)) for _ in range(3)]
    assert [reply.status for reply in sent] == [202] * 3
    for spelled in (number, unicodedata.normalize("NFD", number), number.upper()):
        for agency in (COMMUNE, LAND_OFFICE):
            case = (await hub.call("GET", f"/v1/cases/{quote(spelled, safe='')}", agency=agency)).json
            assert [one["envelope"]["sequence"] for one in case["envelopes"]] == [reply.json["sequence"] for reply in sent]
            assert all(one["events"] for one in case["envelopes"])
            assert case["truncated"] is False
    reply = await hub.call("GET", f"/v1/cases/{quote(number, safe='')}", agency=STRANGER)
    assert_problem(reply, 404, "access.not_a_party", "identifier")


async def test_a_stopping_hub_does_not_wait_for_long_polls(tmp_path: Path) -> None:
    """Whoever polls gets an empty page at once, and the server ends."""
    async with http_hub(tmp_path, long_poll_max_s=300.0) as hub:
        polling = asyncio.create_task(page(hub, "?wait_s=300"))
        async with asyncio.timeout(10):
            while not any("Mailbox.list" in repr(task.get_coro()) for task in asyncio.all_tasks()):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        await hub.app.shutdown()
        assert (await asyncio.wait_for(polling, 10))["entries"] == []


async def test_others_cannot_hide_a_case(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many envelopes of others bear the number: a party sees its own, the newest of them when they are too many."""
    monkeypatch.setattr("lgsp.http.cases._MAX_SHOWN", 2)
    case = [{"scheme": "case", "value": "H01-1"}]
    for _ in range(5):
        noise = hub.envelope(sender=STRANGER, recipients=[COMMUNE], identifiers=case)
        assert (await hub.send(noise, agency=STRANGER)).status == 202
    own = [(await hub.send(hub.envelope(identifiers=case))).json["sequence"] for _ in range(3)]
    found = (await hub.call("GET", "/v1/cases/H01-1", agency=LAND_OFFICE)).json
    assert [one["envelope"]["sequence"] for one in found["envelopes"]] == own[-2:]
    assert found["truncated"] is True
    assert all({event["sequence"] for event in one["events"]} == {one["envelope"]["sequence"]} for one in found["envelopes"])
