"""Packets as systems in service write them, over a running hub: in by the national bus's API and by the hub's own, out to a
mailbox, to the national bus and to a SOAP bus of the e-doc generation."""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.edxml.attachments import files_in
from contracts.edxml.read import read_packet
from lgsp.core.directory import Agency, Grant
from tests.compliance.wire import until
from tests.fakes.edoc_bus import EdocBus
from tests.fakes.national_bus import NationalBus
from tests.integration.bus_hub import COMMUNE, DEPARTMENT, BusHub, bus_hub
from tests.strict_packets import faults
from tests.wild_packets import CASES, DOCUMENT_ID, Expected, Refused, organ

SYSTEM, MINISTRY, PROVINCE = "hub.H01", "G12", "X77.01"
EDOC = {"servicetype": "eDoc", "messagetype": "edoc", "from": DEPARTMENT}
TAKEN = (
    "dotnet", "byte order mark and 1212", "UTF-16 as .NET strings say it, in UTF-8", "no namespace at all",
    "the namespace of e-doc", "xlink unbound, only there the id", "inside a SOAP envelope soap/envelope", "no bussiness",
    "paper in the list", "order of the standard", "business type 1", "business type 3", "promulgated 2014/02/30",
    "traced 9999-12-31T23:59:59Z", "to the same one twice", "one to without a code", "signed as the Java library does",
    "a signature inside DigitalSignature", "an empty DigitalSignature", "zip as text/plain", "lines as &#13;",
    "letters of URLs", "zip of nothing", "a name of 300 letters", "no name", "one file twice under two names",
    "two of one id", "an id that is a name", "no manifest", "named in the manifest only",
)  # fmt: skip
REFUSED = tuple(name for name, case in CASES.items() if isinstance(case.expected, Refused) and b"StatusCode" not in case.octets)


@dataclass
class Field:
    bus: BusHub
    country: NationalBus
    province: EdocBus


@pytest.fixture
async def field(tmp_path: Path) -> AsyncIterator[Field]:
    async with AsyncExitStack() as stack:
        country = await stack.enter_async_context(NationalBus({SYSTEM: "s"}, {MINISTRY: "ministry"}))
        province = await stack.enter_async_context(EdocBus({"H01": "t"}))
        options = {"systemid": SYSTEM, "to": "G*", "organid": "H01"}
        endpoint = Endpoint(adapter="edxml_bus", url=country.url, secret="s", options=options)
        bus = await stack.enter_async_context(bus_hub(tmp_path, endpoint=endpoint, max_body_bytes=2**20))
        carrier = Agency(
            code=AgencyCode("X77"),
            name_vi="Trục của tỉnh bạn",
            level="other",
            grants=(Grant(kinds=("document.*",)),),
            carries=("X77.*",),
            endpoint=Endpoint(adapter="edoc_soap", url=province.url, secret="t", options={"organ_id": "H01"}),
        )
        await bus.hub.hub.store.save_agencies([carrier])
        await bus.hub.hub.directory.refresh()
        yield Field(bus, country, province)


def addressed(name: str, number: int) -> bytes:
    """The packet of this name under a DocumentId of its own, for three bodies reached in three ways."""
    to = organ("To", COMMUNE)
    octets = CASES[name].octets.replace(DOCUMENT_ID.encode(), f"H01.10,2026/11/18,{number}/SNNMT-VP".encode())
    return octets.replace(to.encode(), (to + organ("To", MINISTRY) + organ("To", PROVINCE)).encode(), 1)


async def test_what_is_taken_in_goes_out_in_every_dialect(field: Field) -> None:
    """Strictly written, with every file; a signed packet octet for octet, in the e-doc dialect as one more file."""
    sender, receiver = field.bus.java(DEPARTMENT), field.bus.java(COMMUNE)
    three_ways = 0
    for number, name in enumerate(TAKEN):
        octets, expected = addressed(name, number), CASES[name].expected
        assert isinstance(expected, Expected)
        files = [content for _, content in expected.files]
        said = await sender.send_edoc(EDOC, octets)
        assert said["status"] == "OK", (name, said["ErrorDesc"])
        (row,) = await receiver.get_received_edoc_list(EDOC)
        packets = [await receiver.get_edoc(row["docId"])]
        await receiver.update_status(row["docId"], "done")
        if MINISTRY.encode() in octets:
            three_ways += 1
            await until(lambda so_far=three_ways: len(field.country.sent()) == len(field.province.documents) == so_far)  # type: ignore[misc]
            packets.append(field.country.sent()[-1].octets)
            parts = field.province.documents[max(field.province.documents)].parts
            assert [part for _, part in parts.values()] == files + [octets] * expected.signed, name
        for packet in packets:
            assert packet == octets if expected.signed else faults(packet) == [], name
            assert [file.octets for file in files_in(read_packet(packet)) if file] == files, name
    assert three_ways > len(TAKEN) // 2


async def test_what_is_refused_leaves_nothing_behind(field: Field, tmp_path: Path) -> None:
    """By either way in: with a code, the element's place, and neither a delivery nor a file stored."""
    sender = field.bus.java(DEPARTMENT)
    for number, name in enumerate(REFUSED):
        octets, expected = CASES[name].octets, CASES[name].expected
        assert isinstance(expected, Refused)
        said = await sender.send_edoc(EDOC, octets)
        assert said["status"] == "FAIL" and expected.code in said["code"] and said["DocId"] == "", name
        assert expected.place in said["ErrorDesc"], name
        envelope = {
            "message_id": f"m-{number}",
            "sender": DEPARTMENT,
            "recipients": [COMMUNE],
            "kind": "document.packet/1",
            "created_at": datetime.now(UTC).isoformat(),
            "media_type": "application/edxml+xml",
            "body_base64": base64.b64encode(octets).decode(),
        }
        reply = await field.bus.hub.send(envelope, agency=DEPARTMENT)
        assert reply.status in (400, 422) and expected.code in reply.json["code"], name
    assert await field.bus.hub.stored() == 0
    assert [one for one in (tmp_path / "blobs").rglob("*") if one.is_file()] == []
