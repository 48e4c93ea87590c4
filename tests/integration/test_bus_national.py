"""Document systems whose client of the national bus is given this hub as its endpoint, and nothing else."""

import asyncio
import base64
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.edxml.attachments import files_in
from contracts.edxml.ids import received_doc_id
from contracts.edxml.read import read_packet, read_status
from tests.fakes.vxp_client import Framing, JavaClient
from tests.integration.bus_hub import COMMUNE, DEPARTMENT, OLD_CODE, OTHER, BusHub, bus_hub
from tests.packets import Enclosed, document, status
from tests.wild_packets import XMLDSIG, signature

EDOC, STATUS = {"servicetype": "eDoc", "messagetype": "edoc"}, {"servicetype": "eDoc", "messagetype": "status"}
FRAMINGS: tuple[Framing, ...] = ("octets", "multipart")


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[BusHub]:
    async with bus_hub(tmp_path) as running:
        yield running


def sending(client: JavaClient, **more: object) -> dict[str, object]:
    return {"from": client.system_id, **EDOC} | more


def zipped(name: str, octets: bytes) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, octets)
    return found.getvalue()


def files(packet: bytes) -> list[tuple[str, bytes]]:
    return [(file.name, file.octets) for file in files_in(read_packet(packet)) if file is not None]


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_a_document_goes_from_one_client_to_the_other(bus: BusHub, framing: Framing) -> None:
    """Sent, listed, fetched with its files, confirmed, and then it is not listed any more."""
    sender, receiver = bus.java(DEPARTMENT, framing), bus.java(COMMUNE, framing)
    pdf = b"%PDF-1.4 " + "Công văn".encode()
    enclosed = [Enclosed("2217 bản ký.pdf", zipped("0a1b.pdf", pdf)), Enclosed("phụ lục.pdf", pdf + b" 2")]
    said = await sender.send_edoc(sending(sender), document(1, OLD_CODE, [COMMUNE, OTHER], enclosed))
    assert (said["status"], said["ErrorCode"], len(said["DocId"])) == ("OK", "0", 24)

    (row,) = await receiver.get_received_edoc_list(EDOC)
    assert (row["from"], row["to"], row["status"], row["messageType"]) == (DEPARTMENT, COMMUNE, "inbox", "edoc")
    packet = await receiver.get_edoc(row["docId"])
    read = read_packet(packet)
    assert read.header.subject == "Phối hợp giải quyết hồ sơ <đất đai> & môi trường"
    assert [hop.organ_id for hop in read.trace.trace_header] == [OLD_CODE, bus.hub.hub.settings.hub_code]
    assert files(packet) == [("2217 bản ký.pdf", pdf), ("phụ lục.pdf", pdf + b" 2")]
    code, downloaded = await receiver.download_edoc(row["docId"])
    assert (code, files(downloaded)) == ("0", files(packet))

    assert (await receiver.update_status(row["docId"], "done"))["status"] == "OK"
    assert await receiver.get_received_edoc_list(EDOC) == []
    assert await receiver.count("Edoc") == 0 and await bus.java(OTHER).count("Edoc", "GET") == 1


async def test_a_packet_in_base64_is_one_all_the_same(bus: BusHub) -> None:
    """So one integrator sends it; it is the same packet as in the clear."""
    client, packet = bus.java(DEPARTMENT), document(1, DEPARTMENT, [COMMUNE])
    first = await client.send_edoc(sending(client), base64.b64encode(packet))
    assert (first["status"], first["DocId"]) == ("OK", (await client.send_edoc(sending(client), packet))["DocId"])


async def test_the_same_file_again_gets_the_same_doc_id(bus: BusHub) -> None:
    """However often; another file under the same DocumentId is refused, with the reason."""
    client, packet = bus.java(DEPARTMENT), document(1, DEPARTMENT, [COMMUNE])
    answers = await asyncio.gather(*(bus.java(DEPARTMENT).send_edoc(sending(client), packet) for _ in range(5)))
    assert len({answer["DocId"] for answer in answers}) == 1
    assert len(await bus.java(COMMUNE).get_received_edoc_list(EDOC)) == 1
    refused = await client.send_edoc(sending(client), document(1, DEPARTMENT, [COMMUNE], subject="Khác"))
    assert (refused["status"], refused["code"], refused["DocId"]) == ("FAIL", "envelope.id_reused", "")


async def test_business_statuses_are_packets_of_their_own(bus: BusHub) -> None:
    """They are listed apart from documents and change no delivery state."""
    sender, receiver = bus.java(DEPARTMENT), bus.java(COMMUNE)
    await sender.send_edoc(sending(sender), document(1, OLD_CODE, [COMMUNE]))
    (row,) = await receiver.get_received_edoc_list(EDOC)
    document_id = read_packet(await receiver.get_edoc(row["docId"])).header.document_id or ""
    for minute, code in enumerate(("01", "03", "06")):
        packet = status(code, COMMUNE, OLD_CODE, document_id, at=f"2026/11/18 14:0{minute}:00")
        assert (await receiver.send_edoc(STATUS | {"from": COMMUNE}, packet))["status"] == "OK"
    assert await sender.count("Status") == 3
    told = [await sender.get_edoc(row["docId"]) for row in await sender.get_received_edoc_list(STATUS)]
    assert [read_status(packet).header.status_code for packet in told] == ["01", "03", "06"]
    assert (await receiver.get_received_edoc_list(EDOC))[0]["status"] == "inbox"
    wrong = await receiver.update_status(row["docId"], "03")
    assert (wrong["status"], wrong["code"]) == ("FAIL", "request.field_invalid") and "sendEdoc" in wrong["ErrorDesc"]


async def test_delivery_states_are_seen_by_both_sides(bus: BusHub) -> None:
    """inbox, processing, done and fail, of each addressee by itself."""
    sender, receiver, other = bus.java(DEPARTMENT), bus.java(COMMUNE), bus.java(OTHER)
    doc_id = (await sender.send_edoc(sending(sender), document(1, OLD_CODE, [COMMUNE, OTHER])))["DocId"]

    async def states() -> dict[str, str]:
        rows = (await bus.java(DEPARTMENT).call("getSentEdocList", EDOC | {"docId": doc_id}))["data"]
        assert all((row["senderDocId"], row["notation"]) == (doc_id, "1/CV-VP") for row in rows)
        return {row["toCode"]: row["receiveStatus"] for row in rows}

    assert await states() == {COMMUNE: "inbox", OTHER: "inbox"}
    (row,) = await receiver.get_received_edoc_list(EDOC)
    await receiver.update_status(row["docId"], "processing")
    assert (await receiver.get_received_edoc_list(EDOC))[0]["status"] == "processing"
    await receiver.get_edoc(row["docId"])
    (theirs,) = await other.get_received_edoc_list(EDOC)
    other.headers["description"] = "disk full"
    assert (await other.update_status(theirs["docId"], "fail"))["status"] == "OK"
    rows = (await sender.call("getSentEdocList", EDOC | {"docId": doc_id}))["data"]
    assert any("disk full" in row["receiveStatusDesc"] for row in rows)
    assert await states() == {COMMUNE: "processing", OTHER: "fail"}
    await receiver.update_status(row["docId"], "done")
    await receiver.update_status(row["docId"], "done")
    assert await states() == {COMMUNE: "done", OTHER: "fail"}
    assert await receiver.get_received_edoc_list(EDOC) == []


@pytest.mark.parametrize("spelling", ["docid", "docId"])
async def test_headers_of_earlier_calls_change_nothing(bus: BusHub, spelling: str) -> None:
    """The library repeats whatever it was ever given: a docId of a packet received, a state, a hash. The vendor's samples spell
    docId in two ways, so that an old one stands beside the new one."""
    client, receiver = bus.java(DEPARTMENT), bus.java(COMMUNE)
    for number in (1, 2, 3):
        await client.send_edoc(sending(client), document(number, DEPARTMENT, [COMMUNE]))
    rows = await receiver.get_received_edoc_list(EDOC)
    assert len(rows) == 3
    for place, row in enumerate(rows, 1):
        assert read_packet(await receiver.get_edoc(row["docId"])).header.document_id == f"{DEPARTMENT},2026/11/18,{place}/CV-VP"
        await receiver.update_status(row["docId"], "done", spelling)
        assert len(await receiver.get_received_edoc_list(EDOC)) == 3 - place
    await receiver.send_edoc(sending(receiver), document(1, COMMUNE, [DEPARTMENT]))
    assert len((await receiver.call("getSentEdocList", EDOC))["data"]) == 1


async def test_a_service_object_lives_long_and_its_timestamp_with_it(bus: BusHub) -> None:
    """It is of the day on which the program started; too old and lying ahead are refused all the same."""
    now = datetime.now(UTC)
    assert await bus.java(COMMUNE, made_at=now - timedelta(days=20)).get_received_edoc_list(EDOC) == []
    for wrong in (now - timedelta(days=31), now + timedelta(days=2)):
        with pytest.raises(RuntimeError, match="XroadVnpt-timestamp"):
            await bus.java(COMMUNE, made_at=wrong).get_received_edoc_list(EDOC)


async def test_what_is_not_signed_counts_for_nothing(bus: BusHub) -> None:
    """A wrong secret, a changed header, a header that nobody signed, a file that is not the one signed."""
    client = bus.java(COMMUNE)
    with pytest.raises(RuntimeError, match=r"auth\.invalid"):
        await replace(client, secret="wrong").get_received_edoc_list(EDOC)
    signed = client._signed()
    assert (await raw(client, "getEdoc", {}))["code"] == "auth.missing"
    signed["XroadVnpt-sign-header"] = signed["XroadVnpt-sign-header"].replace(COMMUNE, DEPARTMENT)
    assert (await raw(client, "getReceivedEdocList", signed))["code"] == "auth.invalid"
    unsigned = client._signed() | {"XroadVnpt-AgencyCode": COMMUNE}
    assert (await raw(client, "deleteAgency", unsigned))["code"] == "agency.code_malformed"
    other = bus.java(DEPARTMENT)
    other._put({"hash-file": "0" * 64} | EDOC)
    answer = await raw(other, "sendEdoc", other._signed(), document(1, DEPARTMENT, [COMMUNE]))
    assert (answer["code"], answer["ErrorCode"], answer["DocId"]) == ("attachment.digest_mismatch", "21", "")
    assert await bus.hub.stored() == 0


async def raw(client: JavaClient, operation: str, headers: dict[str, str], body: bytes = b"{}") -> dict[str, str]:
    async with client.http.post(f"{client.endpoint}/{operation}", data=body, headers=headers) as response:
        said: dict[str, str] = await response.json()
        return said


@pytest.mark.parametrize(
    ("packet", "code", "error_code"),
    [
        (document(1, DEPARTMENT, ["H01.999"], [Enclosed("a.pdf", b"%PDF-1.4")]), "route.unknown_recipient", "18"),
        (document(1, OTHER, [COMMUNE]), "auth.sender_mismatch", "19"),
        (document(1, DEPARTMENT, []), "body.invalid", "22"),
        (document(1, DEPARTMENT, [COMMUNE], business=7), "body.invalid", "22"),
        (b"<edXML", "body.malformed", "22"),
        (b"", "body.malformed", "22"),
    ],
    ids=["no such recipient", "another's name", "no addressee", "no such business", "cut off", "empty"],
)
async def test_what_cannot_be_taken_is_refused_with_code_and_place(
    bus: BusHub, tmp_path: Path, packet: bytes, code: str, error_code: str
) -> None:
    """The library reads every refusal of it, and nothing of it is stored: no envelope, no file."""
    client = bus.java(DEPARTMENT)
    said = await client.send_edoc(sending(client), packet)
    assert (said["status"], said["code"], said["ErrorCode"]) == ("FAIL", code, error_code)
    assert said["refusal"].count(".") == 2  # signed by the hub
    assert await bus.hub.stored() == 0
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.parent.name != "uploads"]


async def test_a_refused_download_is_no_packet_to_the_library(bus: BusHub) -> None:
    """It would store any octets as one."""
    client = bus.java(COMMUNE)
    for doc_id in (received_doc_id(4711), "8af226c8-7cde-4fbe-88fe-e15a768b49cb", ""):
        assert await client.download_edoc(doc_id) == ("100", b"")
        with pytest.raises(RuntimeError, match=r"access\.not_a_party"):
            await client.get_edoc(doc_id)


async def test_nobody_reads_what_is_for_another(bus: BusHub) -> None:
    sender = bus.java(DEPARTMENT)
    await sender.send_edoc(sending(sender), document(1, DEPARTMENT, [COMMUNE]))
    (row,) = await bus.java(COMMUNE).get_received_edoc_list(EDOC)
    for stranger in (bus.java(OTHER), sender):
        with pytest.raises(RuntimeError, match=r"access\.not_a_party"):
            await stranger.get_edoc(row["docId"])
        assert (await stranger.update_status(row["docId"], "done"))["code"] == "access.not_a_party"
    assert len(await bus.java(COMMUNE).get_received_edoc_list(EDOC)) == 1


@pytest.mark.parametrize("declared", ["", XMLDSIG])
async def test_a_signed_packet_keeps_every_octet(bus: BusHub, declared: str) -> None:
    """Its signature covers them: no hop is added, no file taken out. Under the rules that the adapter's README gives it passes
    though it cannot be verified, as those of the Java library; the verdict is kept."""
    plain = document(1, DEPARTMENT, [COMMUNE], [Enclosed("a.pdf", b"%PDF-1.4 signed")])
    packet = plain.replace(b"</edXML:edXMLHeader>", f"{signature(declared)}</edXML:edXMLHeader>".encode())
    client, receiver = bus.java(DEPARTMENT), bus.java(COMMUNE)
    said = await client.send_edoc(sending(client), packet)
    assert said["status"] == "OK"
    (row,) = await receiver.get_received_edoc_list(EDOC)
    assert await receiver.get_edoc(row["docId"]) == packet


async def test_where_the_policy_wants_a_signature_in_order_one_that_is_none_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "strict.json"
    policy.write_text(
        '{"document.packet/1": [{"parts": ["body"], "need": "checked", "who": "either", "revocation_unknown": "pass"}]}'
    )
    plain = document(1, DEPARTMENT, [COMMUNE])
    packet = plain.replace(b"</edXML:edXMLHeader>", f"{signature(XMLDSIG)}</edXML:edXMLHeader>".encode())
    async with bus_hub(tmp_path, signature_policy_file=policy) as bus:
        client = bus.java(DEPARTMENT)
        said = await client.send_edoc(sending(client), packet)
        assert (said["ErrorCode"], said["code"]) == ("22", "signature.not_verified")
        assert (await client.send_edoc(sending(client), plain))["status"] == "OK"


async def test_to_sends_a_packet_to_these_and_later_to_others(bus: BusHub) -> None:
    """Each time a message of its own, and the same again is the same again."""
    client, packet = bus.java(DEPARTMENT), document(1, DEPARTMENT, [COMMUNE, OTHER])
    first = await client.send_edoc(sending(client, to=[COMMUNE]), packet)
    assert await bus.java(OTHER).count("Edoc") == 0
    second = await client.send_edoc(sending(client, to=[OTHER]), packet)
    again = await client.send_edoc(sending(client, to=[OTHER]), packet)
    assert first["DocId"] != second["DocId"] == again["DocId"]
    assert await bus.java(OTHER).count("Edoc") == 1 and await bus.java(COMMUNE).count("Edoc") == 1


async def test_a_recall_reaches_who_had_the_document_and_takes_it_from_who_had_not(bus: BusHub) -> None:
    """The vendor's sample recalls with the document's own id and its whole header."""
    sender, had, had_not = bus.java(DEPARTMENT), bus.java(COMMUNE), bus.java(OTHER)
    to = [COMMUNE, OTHER]
    await sender.send_edoc(sending(sender), document(1, DEPARTMENT, to))
    (row,) = await had.get_received_edoc_list(EDOC)
    await had.get_edoc(row["docId"])
    await had.update_status(row["docId"], "done")
    (theirs,) = await had_not.get_received_edoc_list(EDOC)
    said = await sender.send_edoc(sending(sender), document(1, DEPARTMENT, to, business=1))
    assert said["status"] == "OK", said["ErrorDesc"]
    (recall,) = await had.get_received_edoc_list(EDOC)
    assert read_packet(await had.get_edoc(recall["docId"])).business_type == 1
    with pytest.raises(RuntimeError, match=r"delivery\.recalled"):
        await had_not.get_edoc(theirs["docId"])


async def test_lists_come_in_pages_and_by_days(bus: BusHub) -> None:
    sender, receiver = bus.java(DEPARTMENT), bus.java(COMMUNE)
    for number in range(1, 6):
        await sender.send_edoc(sending(sender), document(number, DEPARTMENT, [COMMUNE]))
    everything = [row["docId"] for row in await bus.java(COMMUNE).get_received_edoc_list(EDOC)]
    pages = [await receiver.get_received_edoc_list(EDOC | {"pageSize": 2, "pageIndex": page}) for page in (1, 2, 3, 4)]
    assert [[row["docId"] for row in page] for page in pages] == [everything[:2], everything[2:4], everything[4:], []]
    today = f"{datetime.now(UTC) + timedelta(hours=7):%Y/%m/%d}"
    for count, days in {5: {"fromDate": today, "toDate": today}, 0: {"toDate": "18/11/2025"}}.items():
        assert len(await bus.java(COMMUNE).get_received_edoc_list(EDOC | days)) == count
    with pytest.raises(RuntimeError, match="XroadVnpt-fromDate"):
        await bus.java(COMMUNE).get_received_edoc_list(EDOC | {"fromDate": "2026/02/30"})


async def test_the_directory_is_listed_in_both_generations_of_codes(bus: BusHub) -> None:
    client = bus.java(COMMUNE)
    row = next(one for one in (await client.call("getAgenciesList"))["data"] if one["code"] == DEPARTMENT)
    assert row == {"id": DEPARTMENT, "pid": "", "code": DEPARTMENT, "oldCode": OLD_CODE, "name": row["name"], "mail": ""}
    rows = (await client.call("getAgenciesListQD20", {"level": "2"}))["data"]
    assert {(one["code"], one["code102"]) for one in rows} == {(DEPARTMENT, OLD_CODE), (COMMUNE, ""), (OTHER, "")}
    assert (await bus.java(COMMUNE).call("getAgenciesListQD20", {"level": "3"}))["data"] == []
    units = (await client.call("getSynchronizeUnit"))["data"]
    assert all(isinstance(one["version"], int) and one["deleted"] is False for one in units) and len(units) == 4


async def test_a_system_registers_the_bodies_it_sends_for(bus: BusHub) -> None:
    """Then it may send in their name, and what is sent to them comes to it."""
    client, body = bus.java(DEPARTMENT), "H01.10.07"
    said = await client.send_edoc(sending(client), document(1, body, [COMMUNE]))
    assert (said["ErrorCode"], said["code"]) == ("19", "auth.sender_mismatch") and body in said["ErrorDesc"]
    registration = b'{"id":"","pcode":"H01.10","code":"H01.10.07","name":"Chi c\xe1\xbb\xa5c","mail":"","mobile":"","fax":""}'
    assert (await client.call("registerAgency", {}, registration))["status"] == "OK"
    assert (await client.send_edoc(sending(client), document(1, body, [COMMUNE])))["status"] == "OK"
    other = bus.java(COMMUNE)
    assert (await other.send_edoc(sending(other), document(1, COMMUNE, [body])))["status"] == "OK"
    assert await client.count("Edoc") == 1
    assert (await client.call("deleteAgency", {"AgencyCode": body}))["status"] == "OK"
    assert (await client.send_edoc(sending(client), document(2, body, [COMMUNE])))["ErrorCode"] == "19"
    assert (await other.call("registerAgency", {}, registration))["code"] == "grant.registration_not_allowed"
    assert (await client.call("registerAgency", {}, b"{"))["code"] == "request.malformed"


async def test_fifty_megabytes_go_through(tmp_path: Path) -> None:
    """The largest file that buses take; nothing is cut, and one byte above the hub's limit is refused in the bus's words."""
    large = bytes(range(256)) * 4 * 1024 * 50
    async with bus_hub(tmp_path, max_attachment_bytes=64 * 2**20) as bus:
        sender, receiver = bus.java(DEPARTMENT), bus.java(COMMUNE)
        said = await sender.send_edoc(sending(sender), document(1, DEPARTMENT, [COMMUNE], [Enclosed("bản đồ.bin", large)]))
        assert said["status"] == "OK", said["ErrorDesc"]
        (row,) = await receiver.get_received_edoc_list(EDOC)
        assert files(await receiver.get_edoc(row["docId"])) == [("bản đồ.bin", large)]
        said = await sender.send_edoc(sending(sender), b"<edXML>" + b" " * (81 * 2**20))
        assert (said["ErrorCode"], said["code"]) == ("10", "request.too_large")
