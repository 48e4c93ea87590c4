"""Document systems whose client of a provincial REST bus is given this hub as its address, and nothing else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.edxml.attachments import files_in
from contracts.edxml.read import read_packet, read_status
from tests.fakes.province_client import NotNow, ProvinceClient
from tests.integration.bus_hub import COMMUNE, DEPARTMENT, OLD_CODE, OTHER, BusHub, bus_hub
from tests.packets import Enclosed, document

TODAY = f"{datetime.now(UTC) + timedelta(hours=7):%Y/%m/%d}"
WEEK_AGO = f"{datetime.now(UTC) + timedelta(hours=7, days=-7):%Y/%m/%d}"


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[BusHub]:
    async with bus_hub(tmp_path) as running:
        yield running


async def test_a_document_goes_from_one_client_to_the_other(bus: BusHub) -> None:
    """Sent, listed by days, fetched with its files as text, confirmed, gone from the list."""
    sender, receiver = bus.province(DEPARTMENT), bus.province(COMMUNE)
    packet = document(1, OLD_CODE, [COMMUNE], [Enclosed("tờ trình.pdf", b"%PDF-1.4 x")])
    said = await sender.send_edoc(packet)
    assert said == await sender.send_edoc(packet)
    assert said["success"] and said["docId"] == said["data"]["docId"] and said["data"]["errorCode"] == "0"
    (row,) = await receiver.received(WEEK_AGO, TODAY)
    assert (row["from"], row["to"], row["status"], row["messageType"]) == (DEPARTMENT, COMMUNE, "initial", "edoc")
    full = await receiver.get_edoc(row["docId"])
    assert full is not None and (full["from"], full["edocCode"]) == (OLD_CODE, "1/CV-VP")
    assert full["edocAbstract"] == "Phối hợp giải quyết hồ sơ <đất đai> & môi trường"
    files = [(file.name, file.octets) for file in files_in(read_packet(full["edxml"].encode())) if file is not None]
    assert files == [("tờ trình.pdf", b"%PDF-1.4 x")]
    assert (await receiver.update_status(row["docId"], "done"))["success"]
    assert await receiver.received(WEEK_AGO, TODAY) == []
    assert await receiver.received("2020/01/01", "2020/12/31") == []


async def test_a_business_status_by_update_status_becomes_a_packet(bus: BusHub) -> None:
    """So this client reports: 01, 03 and 06 with the docId. Told twice it goes out once, and whoever reports has the document."""
    sender, receiver = bus.province(DEPARTMENT), bus.province(COMMUNE)
    await sender.send_edoc(document(1, OLD_CODE, [COMMUNE]))
    (row,) = await receiver.received(WEEK_AGO, TODAY)
    for status in ("01", "03", "03", "06"):
        assert (await receiver.update_status(row["docId"], status))["success"]
    assert await receiver.received(WEEK_AGO, TODAY) == []
    told = []
    for one in await sender.received(WEEK_AGO, TODAY, "status"):
        found = await sender.get_edoc(one["docId"])
        assert found is not None
        told.append(read_status(found["edxml"].encode()).header)
    assert [one.status_code for one in told] == ["01", "03", "06"]
    assert {one.from_.organ_id for one in told} == {COMMUNE}
    assert {(one.response_for.organ_id, one.response_for.document_id, one.response_for.code) for one in told} == {
        (OLD_CODE, f"{OLD_CODE},2026/11/18,1/CV-VP", "1/CV-VP")
    }


async def test_the_sender_asks_its_document_back_by_status_13(bus: BusHub) -> None:
    """From who has it; who has not fetched it is spared both, and from anybody but its sender 13 is refused."""
    sender, receiver, other = bus.province(DEPARTMENT), bus.province(COMMUNE), bus.province(OTHER)
    doc_id = (await sender.send_edoc(document(1, OLD_CODE, [COMMUNE, OTHER])))["docId"]
    (row,) = await receiver.received(WEEK_AGO, TODAY)
    await receiver.get_edoc(row["docId"])
    await receiver.update_status(row["docId"], "done")
    assert (await sender.update_status(doc_id, "13"))["success"]
    (one,) = await receiver.received(WEEK_AGO, TODAY, "status")
    found = await receiver.get_edoc(one["docId"])
    assert found is not None and read_status(found["edxml"].encode()).header.status_code == "13"
    assert await other.received(WEEK_AGO, TODAY) == await other.received(WEEK_AGO, TODAY, "status") == []
    refused = await receiver.update_status(doc_id, "13")
    assert (refused["success"], refused["data"]["errorCode"], refused["code"]) == (False, "22", "access.not_a_party")


@pytest.mark.parametrize(
    ("packet", "error_code", "code"),
    [
        (document(1, DEPARTMENT, ["H01.999"]), "18", "route.unknown_recipient"),
        (document(1, OTHER, [COMMUNE]), "19", "auth.sender_mismatch"),
        (b"no XML", "22", "body.malformed"),
    ],
    ids=["no such recipient", "another's name", "no XML"],
)
async def test_a_refusal_is_final_and_says_why(bus: BusHub, packet: bytes, error_code: str, code: str) -> None:
    """With HTTP 200: this client never looks into another answer that fetches."""
    said = await bus.province(DEPARTMENT).send_edoc(packet)
    assert (said["success"], said["data"]["docId"], said["data"]["errorCode"], said["code"]) == (False, None, error_code, code)
    assert said["refusal"].count(".") == 2 and " / " in said["message"]
    assert await bus.hub.stored() == 0


async def test_not_now_is_tried_again_by_the_client(bus: BusHub) -> None:
    """Any JSON is the last word to it, so "not now" is none."""
    sender = bus.province(DEPARTMENT)
    await sender.agencies()
    await bus.hub.hub.intake.close()
    with pytest.raises(NotNow, match=r"^20 .*hub\.stopping"):
        await sender.send_edoc(document(1, DEPARTMENT, [COMMUNE]))
    assert await bus.hub.stored() == 0


async def test_a_wrong_secret_is_told_with_401(bus: BusHub) -> None:
    """At the login and afterwards, with the members that the bus has for it."""
    wrong = ProvinceClient(f"{bus.hub.url}/bus/lgsp", COMMUNE, "wrong", bus.hub.client)
    with pytest.raises(NotNow, match="no token"):
        await wrong.agencies()
    wrong.token = "x"
    with pytest.raises(NotNow, match=r"^HTTP 401: .*errorDetail"):
        await wrong.received(WEEK_AGO, TODAY)
    assert (await wrong.send_edoc(document(1, COMMUNE, [OTHER])))["hubCode"] == "auth.invalid"


async def test_the_token_alone_serves_for_the_directory(bus: BusHub) -> None:
    """It is the account once more: one that is made up says nothing."""
    rows = await bus.province(COMMUNE).agencies()
    assert {"orgCode": DEPARTMENT, "orgName": "Sở Nông nghiệp và Môi trường", "parentCode": None} in rows
    for token in ("", "Bearer", "Bearer x", "Bearer H01.134", "Basic SDAx"):
        headers = {"Authorization": token} if token else {}
        async with bus.hub.client.get(f"{bus.hub.url}/bus/lgsp/v1/getAgenciesList", headers=headers) as response:
            assert response.status == 401


async def test_clients_of_both_buses_meet(bus: BusHub) -> None:
    """What one sends over the provincial bus the other fetches over the national one, and the other way round."""
    edoc = {"servicetype": "eDoc", "messagetype": "edoc"}
    java, province = bus.java(COMMUNE), bus.province(DEPARTMENT)
    assert (await province.send_edoc(document(1, DEPARTMENT, [COMMUNE])))["success"]
    (row,) = await java.get_received_edoc_list(edoc)
    assert read_packet(await java.get_edoc(row["docId"])).header.from_.organ_id == DEPARTMENT
    assert (await java.send_edoc(edoc | {"from": COMMUNE}, document(1, COMMUNE, [DEPARTMENT])))["status"] == "OK"
    (received,) = await province.received(WEEK_AGO, TODAY)
    full = await province.get_edoc(received["docId"])
    assert full is not None and full["from"] == COMMUNE
