"""The adapter of the document buses keeps what every adapter promises, in its three roles."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from adapters.edxml_bus.collector import BusCollector
from adapters.edxml_bus.delivery import MAX_FILE_BYTES, BusDelivery
from adapters.edxml_bus.headers import file_hash, signed_headers
from adapters.edxml_bus.national import NationalBus
from adapters.edxml_bus.provincial import ProvincialBus
from adapters.stuck import PATIENCE
from contracts.adapter import DeliveryAdapter, Endpoint, Files, Parcel
from contracts.agency import AgencyCode
from contracts.edxml.attachments import files_in
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.read import read_packet
from contracts.envelope import Attachment, Envelope
from contracts.facade import Answer, Call, Facade
from contracts.feed import Collected, Collector, Feed, FeedTrouble
from tests.compliance.adapter_suite import (
    CarryingSuite,
    CollectorKit,
    CollectorSuite,
    DeliveryKit,
    FacadeKit,
    FacadeSuite,
    Held,
    Said,
)
from tests.compliance.collector_suite import Road
from tests.fakes.desk import MemoryHub
from tests.fakes.national_bus import NationalBus as FakeNationalBus
from tests.packets import Enclosed, document

SYSTEM, SECRET = "hub.H01", "s3cret/of+the/hub"
OURS, THEIRS, BUS = "H01.15", "G22", "VXP"
_CODE = re.compile(r"\(([a-z_]+\.[a-z_]+)\)$")


def number_of(octets: bytes) -> int:
    code = read_packet(octets).header.code
    assert code is not None and code.code_number is not None
    return int(code.code_number)


class DeliveryBusKit:
    status_decides = False
    may_read_bytes = MAX_FILE_BYTES

    def adapter(self, files: Files) -> DeliveryAdapter:
        return BusDelivery(files)

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return FakeNationalBus()

    def endpoint(self, url: str) -> Endpoint:
        return Endpoint(adapter="edxml_bus", url=url, secret=SECRET, options={"systemid": SYSTEM})

    def parcel(self, number: int, attachments: tuple[Attachment, ...] = ()) -> Parcel:
        packet = document(number, OURS, [THEIRS], subject="Tờ khai <của> bà Nguyễn & Hồng")
        received_on = datetime(2026, 11, 20, tzinfo=UTC).date()
        envelope = envelope_of(packet, sender=AgencyCode(OURS), received_on=received_on).envelope
        return Parcel(
            delivery_id=number,
            attempt=1,
            recipient=AgencyCode(BUS),
            addressed_as=AgencyCode(THEIRS),
            sequence=number,
            envelope=_with(envelope, attachments),
        )

    def held(self, parcel: Parcel, files: Mapping[str, bytes]) -> Held:
        packet = read_packet(parcel.envelope.body)
        inside = tuple((one.name, files[one.digest]) for one in parcel.envelope.attachments)
        return Held(packet.header.document_id or "", (packet.header, inside))

    def holds(self, far: FakeNationalBus) -> Sequence[Held]:
        return [self._held(one.octets) for one in far.sent()]

    def _held(self, octets: bytes) -> Held:
        packet = read_packet(octets)
        inside = tuple((file.name, file.octets) for file in files_in(packet) if file is not None)
        return Held(packet.header.document_id or "", (packet.header, inside))


def _with(envelope: Envelope, attachments: tuple[Attachment, ...]) -> Envelope:

    return msgspec.structs.replace(envelope, attachments=attachments)


class TestBusDelivery(CarryingSuite):
    kit: DeliveryKit = DeliveryBusKit()


class CollectorBusKit:
    caller = BUS
    tells_refusals = True

    def collector(self) -> Collector:
        return BusCollector()

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return FakeNationalBus(owners={OURS: SYSTEM, "H01.99": SYSTEM})

    def feed(self, url: str) -> Feed:
        return Feed(adapter="edxml_bus", url=url, secret=SECRET, options={"systemid": SYSTEM})

    def hub(self) -> MemoryHub:
        return MemoryHub.of(BUS, OURS)

    def offer(self, far: FakeNationalBus, number: int) -> None:
        far.post(document(number, THEIRS, [OURS], [Enclosed("a.pdf", b"%PDF-1.4 " + str(number).encode())]), OURS)

    def offer_wrong(self, far: FakeNationalBus, number: int) -> None:
        far.post(document(number, THEIRS, ["H01.99"]), "H01.99")

    def confirmed(self, far: FakeNationalBus) -> Sequence[int]:
        return [number_of(one.octets) for one in far.held.values() if one.state == "done"]

    def refused(self, far: FakeNationalBus) -> Sequence[int]:
        return [number_of(one.octets) for one in far.held.values() if one.state == "fail"]

    def message(self, envelope: Envelope) -> int:
        return number_of(envelope.body)


class TestBusCollector(CollectorSuite):
    kit: CollectorKit = CollectorBusKit()

    async def test_what_can_never_be_fetched_keeps_the_others_waiting_for_a_few_rounds_only(self, road: Road) -> None:
        """Order first, but not at any price."""
        road.offer(1, 2)
        road.far.misbehave("text", "getEdoc", times=PATIENCE, code=200)
        for _ in range(PATIENCE - 1):
            with pytest.raises(FeedTrouble):
                await road.collect()
        assert road.messages == []
        await road.collect()
        assert road.messages == [2]
        assert await road.all_rounds() == Collected(taken=1)


@dataclass
class NationalKit:
    caller: str = OURS
    hubs: list[MemoryHub] = field(default_factory=list)

    def facade(self) -> Facade:
        return NationalBus()

    def hub(self) -> MemoryHub:
        """Remembered: what calls sign has the time of their hub."""
        self.hubs = [MemoryHub.of(OURS, THEIRS)]
        return self.hubs[0]

    def call(self, number: int) -> Call:
        return self._call(document(number, OURS, [THEIRS], [Enclosed("a.pdf", b"%PDF-1.4 " + str(number).encode())]))

    def huge(self, payload_bytes: int) -> Call:
        return self._call(document(1, OURS, [THEIRS], [Enclosed("a.pdf", b"%PDF-1.4 " + b"0" * payload_bytes)]))

    def anonymous(self) -> Call:
        return replace(self.call(1), headers={"Content-Type": "application/octet-stream"})

    def malformed(self) -> Mapping[str, Call]:
        good = document(1, OURS, [THEIRS], [Enclosed("a.pdf", b"%PDF-1.4")])
        return {
            "another body's name": self._call(document(1, THEIRS, [OURS], [Enclosed("a.pdf", b"%PDF-1.4")])),
            "another system's id": self._call(good, **{"from": "another.system"}),
            "another file than was signed": replace(self._call(good), body=good.replace(b"An Giang", b"Can Tho!")),
            "cut off": self._call(good[: len(good) // 2]),
            "no XML": self._call(b"%PDF-1.4"),
            "a file that is not base64": self._call(good.replace(b"JVBERi0xLjQ=", b"JVB*Ri0xLjQ=")),
            "to that is no JSON": self._call(good, to="H01.15;G22"),
            "no hash": self._call(good, **{"hash-file": ""}),
        }

    def message(self, envelope: Envelope) -> int:
        return number_of(envelope.body)

    def said(self, answer: Answer) -> Said:
        """As the Java library reads: JSON whatever the status, its members texts; of a download the octets alone."""
        if answer.headers["Content-Type"].startswith("application/xml"):
            return Said(answer.headers.get("Lgsp-Refusal", ""))
        said = json.loads(answer.body.decode("ascii"))
        assert all(isinstance(said[name], str) for name in ("status", "ErrorCode", "ErrorDesc"))
        assert (said["status"] == "OK") == (said["ErrorCode"] == "0")
        return Said() if said["status"] == "OK" else Said(said["code"], said["ErrorDesc"])

    def _call(self, packet: bytes, **more: str) -> Call:
        now = self.hubs[0].moment if self.hubs else datetime.now(UTC)
        parameters = {"from": SYSTEM, "servicetype": "eDoc", "messagetype": "edoc", "hash-file": file_hash(packet)} | more
        headers = signed_headers(parameters, SYSTEM, SECRET, now) | {"Content-Type": "application/octet-stream"}
        return Call(operation="sendEdoc", path={}, query={}, headers=headers, body=packet + b"\r\n")


class TestNationalFacade(FacadeSuite):
    kit: FacadeKit = NationalKit()


class ProvincialKit:
    caller = OURS

    def facade(self) -> Facade:
        return ProvincialBus()

    def hub(self) -> MemoryHub:
        return MemoryHub.of(OURS, THEIRS)

    def call(self, number: int) -> Call:
        return self._call(document(number, OURS, [THEIRS], [Enclosed("a.pdf", b"%PDF-1.4 " + str(number).encode())]))

    def huge(self, payload_bytes: int) -> Call:
        return self._call(document(1, OURS, [THEIRS], [Enclosed("a.pdf", b"%PDF-1.4 " + b"0" * payload_bytes)]))

    def anonymous(self) -> Call:
        call = self.call(1)
        return replace(call, headers={"Content-Type": call.headers["Content-Type"]})

    def malformed(self) -> Mapping[str, Call]:
        good = document(1, OURS, [THEIRS], [Enclosed("a.pdf", b"%PDF-1.4")])
        return {
            "another body's name": self._call(document(1, THEIRS, [OURS], [Enclosed("a.pdf", b"%PDF-1.4")])),
            "no XML": self._call(b"%PDF-1.4"),
            "no file": self._call(good, part="attachment"),
            "no multipart": replace(self._call(good), body=good),
        }

    def message(self, envelope: Envelope) -> int:
        return number_of(envelope.body)

    def said(self, answer: Answer) -> Said:
        """JSON is the last word, text means come again."""
        if answer.headers["Content-Type"].startswith("text/plain"):
            assert answer.status >= 408
            return self._refusal(answer.body.decode())
        said = json.loads(answer.body)
        if answer.status == 401:
            return Said(said["hubCode"], said["errorDetail"])
        return Said() if said["success"] else Said(said["code"], said["message"])

    def _refusal(self, text: str) -> Said:
        found = _CODE.search(text)
        assert found is not None, text
        return Said(found[1], text)

    def _call(self, packet: bytes, part: str = "edocFile") -> Call:
        mark = "--------------------------284710"
        body = (
            f'--{mark}\r\nContent-Disposition: form-data; name="{part}"; filename="cv.edxml"\r\n'
            "Content-Type: application/xml\r\n\r\n"
        ).encode() + packet
        body += f'\r\n--{mark}\r\nContent-Disposition: form-data; name="messageType"\r\n\r\nedoc\r\n--{mark}--\r\n'.encode()
        headers = {"X-SystemId": SYSTEM, "X-SecretKey": SECRET, "Content-Type": f"multipart/form-data; boundary={mark}"}
        return Call(operation="sendEdoc", path={}, query={}, headers=headers, body=body)


class TestProvincialFacade(FacadeSuite):
    kit: FacadeKit = ProvincialKit()


async def test_a_packet_with_a_day_that_never_was_is_the_same_packet_on_the_next_one() -> None:
    """Nothing in it says when it was written, and it comes again after midnight."""
    kit = ProvincialKit()
    hub, facade = kit.hub(), kit.facade()
    call = kit._call(document(1, OURS, [THEIRS], at="2014/02/30 25:61:00"))
    first = await facade.answer(call, hub.desk(OURS))
    hub.moment += timedelta(days=1)
    assert await facade.answer(call, hub.desk(OURS)) == first and len(hub.envelopes) == 1
