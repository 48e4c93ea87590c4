"""A running hub delivers into a web service: sent over REST, with a file, mapped, called, and its answer in the timeline."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from contracts.adapter import Endpoint
from contracts.kinds import find
from lgsp.core.directory import Agency
from tests.compliance.wire import until
from tests.fakes.soap_system import OPTIONS, PASSWORD, WSDL, SoapSystem
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, HttpHub, http_hub

FILE = "Giấy chứng nhận quyền sử dụng đất".encode() * 3000
DIGEST = f"sha256:{hashlib.sha256(FILE).hexdigest()}"
CASE = find("case.file/1").examples[0].body


@pytest.fixture
async def desk() -> AsyncIterator[SoapSystem]:
    async with SoapSystem() as found:
        yield found


@pytest.fixture
async def hub(tmp_path: Path, desk: SoapSystem) -> AsyncIterator[HttpHub]:
    endpoint = Endpoint(adapter="soap", url=desk.url, secret=PASSWORD, wsdl=WSDL, options=OPTIONS | {"binary": "mtom"},
                        retry_schedule_s=(0.1, 0.1, 0.1))  # fmt: skip
    office = Agency(code=LAND_OFFICE, name_vi="Văn phòng đăng ký đất đai", level="department", endpoint=endpoint)
    others = [one for one in AGENCIES if one.code != LAND_OFFICE]
    async with http_hub(tmp_path, agencies=[*others, office]) as running:
        yield running


async def ends(hub: HttpHub, message_id: str, state: str) -> None:
    """Waits until the only delivery of an envelope has ended so."""
    async with asyncio.timeout(20):
        while (await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{message_id}")).json["deliveries"][0]["state"] != state:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_case_with_a_file_reaches_the_service_in_its_own_words(hub: HttpHub, desk: SoapSystem) -> None:
    """Through journal, broker and worker; a fault on the way is tried again, and then it is there once."""
    await hub.call("POST", "/v1/attachments", data=FILE, headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(FILE)),
                   "Content-Type": "application/offset+octet-stream"})  # fmt: skip
    desk.misbehaviour.fail_next = 1
    given = hub.envelope(
        kind="case.file/1",
        body=msgspec.to_builtins(CASE),
        attachments=[{"digest": DIGEST, "size_bytes": len(FILE), "name": "giấy chứng nhận.pdf", "media_type": "application/pdf"}],
    )
    assert (await hub.send(given)).status in (200, 201, 202)
    await until(lambda: desk.kept)
    [call] = desk.kept.values()
    assert call.operation == "TiepNhanHoSo" and call.values["HoSo"]["Ma_ho_so"] == CASE.case_number
    assert call.values["HoSo"]["DanhSachTep"]["Tep"]["TenTep"] == "giấy chứng nhận.pdf"
    await ends(hub, given["message_id"], "delivered")
    timeline = (await hub.call("GET", f"/v1/envelopes/{COMMUNE}/{given['message_id']}/timeline")).json
    assert "delivered" in [event["name"] for event in timeline["events"]]


async def test_what_the_service_will_not_have_is_refused_to_the_sender(hub: HttpHub, desk: SoapSystem) -> None:
    """With what it said."""
    body = msgspec.to_builtins(CASE) | {"abstract": "không nhận"}
    desk.misbehaviour.refuse = "không nhận"
    given = hub.envelope(kind="case.file/1", body=body)
    await hub.send(given)
    await ends(hub, given["message_id"], "refused")
    assert not desk.kept
