"""The hub as a client of the national bus: documents and statuses go out, come in, and come back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from contracts.adapter import Endpoint
from contracts.edxml.attachments import files_in
from contracts.edxml.read import read_packet, read_status
from contracts.feed import Feed
from tests.compliance.wire import until
from tests.fakes.national_bus import NationalBus
from tests.integration.bus_hub import COMMUNE, DEPARTMENT, OTHER, BusHub, bus_hub
from tests.packets import Enclosed, document, status

SYSTEM, SECRET = "hub.H01", "s3cret/of+the/hub"
EDOC, STATUS = {"servicetype": "eDoc", "messagetype": "edoc"}, {"servicetype": "eDoc", "messagetype": "status"}
MINISTRY, OFFICE = "G12", "G22.01"
_PATIENCE_S, _LOOK_S = 20.0, 0.05
Found = TypeVar("Found")


@dataclass
class Road:
    """`country`: everything beyond the hub."""

    bus: BusHub
    country: NationalBus

    async def send(self, agency: str, packet: bytes) -> dict[str, str]:
        said: dict[str, str] = await self.bus.java(agency).send_edoc(EDOC | {"from": agency}, packet)
        assert said["status"] == "OK", said["ErrorDesc"]
        return said

    async def states(self, agency: str, doc_id: str) -> dict[str, str]:
        rows = (await self.bus.java(agency).call("getSentEdocList", EDOC | {"docId": doc_id}))["data"]
        return {row["toCode"]: row["receiveStatus"] for row in rows}

    async def until_states(self, agency: str, doc_id: str, wanted: dict[str, str]) -> None:
        await until_async(lambda: self.states(agency, doc_id), lambda found: found == wanted)

    async def received(self, agency: str, kind: dict[str, str], count: int) -> list[bytes]:
        """Once there are so many."""
        client = self.bus.java(agency)
        await until_async(lambda: client.get_received_edoc_list(kind), lambda rows: len(rows) >= count)
        rows = await client.get_received_edoc_list(kind)
        return [await client.get_edoc(row["docId"]) for row in rows]


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with AsyncExitStack() as stack:
        owners = {COMMUNE: SYSTEM, DEPARTMENT: SYSTEM, OTHER: SYSTEM, MINISTRY: "ministry", OFFICE: "office"}
        country = await stack.enter_async_context(NationalBus({SYSTEM: SECRET}, owners))
        options = {"systemid": SYSTEM}
        endpoint = Endpoint(
            adapter="edxml_bus",
            url=country.url,
            secret=SECRET,
            timeout_s=5,
            retry_schedule_s=(0.05, 0.05, 0.05, 0.05),
            options=options | {"to": "G*", "organid": "H01"},
        )
        feed = Feed(adapter="edxml_bus", url=country.url, secret=SECRET, every_s=1, timeout_s=5, options=options)
        yield Road(await stack.enter_async_context(bus_hub(tmp_path, endpoint=endpoint, feed=feed)), country)


async def test_a_document_for_bodies_here_and_beyond_reaches_all_of_them_once(road: Road) -> None:
    """The bus is told whom to serve, gets the packet with its files and one hop more; those here get it from the hub."""
    packet = document(1, DEPARTMENT, [COMMUNE, MINISTRY, OFFICE], [Enclosed("tờ trình.pdf", b"%PDF-1.4 x")])
    doc_id = (await road.send(DEPARTMENT, packet))["DocId"]
    await until(lambda: len(road.country.sent()) == 2)
    assert [one.to for one in road.country.sent()] == [MINISTRY, OFFICE]
    found = read_packet(road.country.sent()[0].octets)
    assert [hop.organ_id for hop in found.trace.trace_header] == [DEPARTMENT, "H01"]
    assert [(file.name, file.octets) for file in files_in(found) if file is not None] == [("tờ trình.pdf", b"%PDF-1.4 x")]
    await road.received(COMMUNE, EDOC, 1)
    assert len(road.country.of("sendEdoc")) == 1
    await road.until_states(DEPARTMENT, doc_id, {COMMUNE: "processing", MINISTRY: "done"})


async def test_trouble_of_the_bus_costs_attempts_and_no_document(road: Road) -> None:
    """It hangs up, fails, answers half, loses its answer: the document is there once, and in the end known as delivered."""
    road.country.misbehave("fail", "sendEdoc", code=20)
    road.country.misbehave("garbage", "sendEdoc")
    road.country.misbehave("half", "sendEdoc")
    doc_id = (await road.send(DEPARTMENT, document(1, DEPARTMENT, [MINISTRY])))["DocId"]
    await road.until_states(DEPARTMENT, doc_id, {MINISTRY: "done"})
    assert len(road.country.sent()) == 1


async def test_what_the_bus_refuses_its_sender_is_told(road: Road) -> None:
    doc_id = (await road.send(DEPARTMENT, document(1, DEPARTMENT, ["G99"])))["DocId"]
    await road.until_states(DEPARTMENT, doc_id, {"G99": "fail"})
    rows = (await road.bus.java(DEPARTMENT).call("getSentEdocList", EDOC | {"docId": doc_id}))["data"]
    assert "Đơn vị nhận không tồn tại: G99" in rows[0]["receiveStatusDesc"]


async def test_what_the_bus_has_comes_in_and_statuses_go_back(road: Road) -> None:
    """Fetched, submitted, confirmed; the commune reports to an author whom nobody here knows, and it gets there."""
    packet = document(7, OFFICE, [COMMUNE, "H29.1"], [Enclosed("quyết định.pdf", b"%PDF-1.4 q")])
    held = road.country.post(packet, COMMUNE, OFFICE)
    (received,) = await road.received(COMMUNE, EDOC, 1)
    found = read_packet(received)
    assert found.header.from_.organ_id == OFFICE and found.recipients == (COMMUNE, "H29.1")
    assert [(file.name, file.octets) for file in files_in(found) if file is not None] == [("quyết định.pdf", b"%PDF-1.4 q")]
    await until(lambda: held.state == "done")
    said = status("03", COMMUNE, OFFICE, found.header.document_id or "")
    assert (await road.bus.java(COMMUNE).send_edoc(STATUS | {"from": COMMUNE}, said))["status"] == "OK"
    await until(lambda: bool(road.country.sent()))
    (sent,) = road.country.sent()
    assert (sent.message_type, sent.to) == ("status", OFFICE)
    assert read_status(sent.octets).header.status_code == "03"


async def test_one_document_for_two_bodies_here_is_taken_once(road: Road) -> None:
    """The bus hands out a packet for each of them, with traces that differ."""
    for place, code in enumerate((COMMUNE, OTHER)):
        packet = document(7, OFFICE, [COMMUNE, OTHER]).replace(b"09:30:00</", f"09:30:0{place}</".encode())
        road.country.post(packet, code, OFFICE)
    await until(lambda: all(one.state == "done" for one in road.country.held.values()))
    assert len(await road.received(COMMUNE, EDOC, 1)) == len(await road.received(OTHER, EDOC, 1)) == 1


async def test_another_document_under_the_same_id_is_refused_and_not_lost_in_silence(road: Road) -> None:
    first = road.country.post(document(7, OFFICE, [COMMUNE]), COMMUNE, OFFICE)
    await until(lambda: first.state == "done")
    second = road.country.post(document(7, OFFICE, [COMMUNE], subject="Khác"), COMMUNE, OFFICE)
    await until(lambda: second.state == "fail")
    assert len(await road.received(COMMUNE, EDOC, 1)) == 1


async def test_a_status_from_beyond_reaches_the_sender_here(road: Road) -> None:
    doc_id = (await road.send(DEPARTMENT, document(1, DEPARTMENT, [MINISTRY])))["DocId"]
    await road.until_states(DEPARTMENT, doc_id, {MINISTRY: "done"})
    road.country.post(status("06", MINISTRY, DEPARTMENT, f"{DEPARTMENT},2026/11/18,1/CV-VP"), DEPARTMENT, MINISTRY, "status")
    (told,) = await road.received(DEPARTMENT, STATUS, 1)
    assert read_status(told).header.from_.organ_id == MINISTRY


async def test_one_bad_packet_holds_back_nothing(road: Road) -> None:
    """What is no packet, what is for nobody here, what the bus does not hand out."""
    bad = [road.country.post(b"<edXML", COMMUNE), road.country.post(document(1, OFFICE, ["H99"]), "H99")]
    road.country.owners["H99"] = SYSTEM
    road.country.misbehave("fail", "getEdoc", code=21)
    good = road.country.post(document(2, OFFICE, [COMMUNE]), COMMUNE, OFFICE)
    await until(lambda: good.state == "done" and all(one.state == "fail" for one in bad))
    assert len(await road.received(COMMUNE, EDOC, 1)) == 1


async def test_a_packet_that_is_too_large_holds_back_nothing(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays where it is; the others come in."""
    monkeypatch.setattr("adapters.edxml_bus.collector.MAX_PACKET_BYTES", 0)  # and 64 KiB for what stands around it
    large = road.country.post(document(1, OFFICE, [COMMUNE], [Enclosed("a.bin", bytes(range(256)) * 400)]), COMMUNE, OFFICE)
    good = road.country.post(document(2, OFFICE, [COMMUNE]), COMMUNE, OFFICE)
    await until(lambda: good.state == "done")
    assert large.state not in ("done", "fail")


async def until_async(ask: Callable[[], Awaitable[Found]], holds: Callable[[Found], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not holds(await ask()):  # noqa: ASYNC110 - any condition, of code that knows nothing of the test
            await asyncio.sleep(_LOOK_S)
