"""To a bus of the e-doc generation and from one, over the wire: delivery and collector against a fake that has its habits."""

import base64
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from lxml import etree

from adapters.edoc_soap.collector import EdocCollector
from adapters.edoc_soap.delivery import EdocDelivery
from adapters.registry import CHECKS
from contracts.adapter import Endpoint, Parcel
from contracts.agency import AgencyCode
from contracts.desk import Submitted
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.read import read_packet, read_status
from contracts.envelope import Attachment, Envelope
from contracts.feed import Collected, Feed, FeedTrouble
from contracts.kinds.document_examples import PACKET, STATUS
from contracts.outcome import Delivered, Outcome, Refused, Retry
from tests.compliance.delivery_suite import MemoryFiles
from tests.fakes.desk import Away, MemoryDesk, MemoryHub
from tests.fakes.edoc_bus import SCHEMA, EdocBus, document_of
from tests.fakes.edoc_client import Doc, manifest, message_header, status_record, trace_list

BUS, OURS, THEIRS = "000.00.00.W29", "000.00.10.H01", "000.00.15.H01"
TOKEN = "hub+token/of=W29"
NOW = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)
PDF = b"%PDF-1.4 c\xc3\xb4ng v\xc4\x83n"


@pytest.fixture(params=[True, False], ids=["replies qualified", "their roots alone"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[EdocBus]:
    async with EdocBus({BUS: TOKEN, OURS: TOKEN, "H01.99": "another"}, qualified=request.param) as found:
        yield found


@pytest.fixture
def files() -> MemoryFiles:
    return MemoryFiles()


@pytest.fixture
async def delivery(files: MemoryFiles) -> AsyncIterator[EdocDelivery]:
    found = EdocDelivery(files, NOW.timestamp)
    yield found
    await found.close()


def endpoint(bus: EdocBus, **options: str) -> Endpoint:
    return Endpoint(adapter="edoc_soap", url=bus.url, secret=TOKEN, timeout_s=5, options={"organ_id": BUS, **options})


def parcel(body: bytes = PACKET, kind: str = "document.packet/1", attachments: tuple[Attachment, ...] = ()) -> Parcel:
    to = AgencyCode(THEIRS)
    envelope = Envelope(
        message_id="m-1",
        sender=AgencyCode(OURS),
        recipients=(to,),
        kind=kind,
        created_at=NOW,
        body=body,
        media_type="application/edxml+xml",
        attachments=attachments,
    )
    return Parcel(delivery_id=1, attempt=1, recipient=to, addressed_as=to, sequence=1, envelope=envelope)


async def sent(delivery: EdocDelivery, bus: EdocBus, one: Parcel, **options: str) -> Outcome:
    return await delivery.deliver(one, endpoint(bus, **options))


# --- delivery


async def test_a_packet_arrives_in_the_older_dialect_with_its_files_in_parts(delivery: EdocDelivery, bus: EdocBus) -> None:
    """The example of the hub's own contract, whose file stands inside as base64."""
    assert await sent(delivery, bus, parcel()) == Delivered(remote_ref="1001")
    [stored] = bus.documents.values()
    assert stored.text("DocumentId") == "000.00.10.H01,2026/11/18,2217/SNNMT-VP"
    assert stored.text("PromulgationInfo", "PromulgationDate") == "18/11/2026"
    assert stored.text("ResponseFor", "PromulgationDate") == "12/11/2026"
    assert stored.files == {"2217-SNNMT-VP.txt": "Kính gửi Quý cơ quan.".encode()}
    hops = [one for one in stored.trace if etree.QName(one).localname == "TraceHeader"]
    assert [one[0].text for one in hops] == ["000.00.10.H01", BUS]


async def test_it_is_framed_as_clients_of_that_bus_frame(delivery: EdocDelivery, bus: EdocBus) -> None:
    await sent(delivery, bus, parcel())
    [(action, root)] = bus.got
    assert action == "SendDocument"
    token = root[0].find("{http://e-doc.vn/xsd}Token")
    key = root[0].find(f"{{{SCHEMA}}}Signature/{{{SCHEMA}}}KeyInfo")
    assert token is not None and token.text == TOKEN and key is not None
    assert [one.text for one in key] == [BUS, TOKEN]
    assert all(etree.QName(one).namespace == SCHEMA for one in root[0][1].iter("*"))


@pytest.mark.parametrize(("option", "encoding"), [("base64", "base64"), ("binary", "binary")])
async def test_files_go_as_the_bus_wants_them(
    delivery: EdocDelivery, files: MemoryFiles, bus: EdocBus, option: str, encoding: str
) -> None:
    file = files.add(PDF, "a.pdf", "application/pdf")
    one = parcel(PACKET.replace(b"cid:cv-2217", b"").replace(b"S8OtbmggZ+G7rWkgUXXDvSBjxqEgcXVhbi4=", b""), attachments=(file,))
    assert isinstance(await sent(delivery, bus, one, attachments=option), Delivered)
    assert PDF in next(iter(bus.documents.values())).files.values()
    assert bus.encodings[-1] == {encoding}


async def test_only_those_whom_that_bus_serves_stand_in_to(delivery: EdocDelivery, bus: EdocBus) -> None:
    one = msgspec.structs.replace(parcel(), addressed_as=AgencyCode("H01.15"))
    for patterns, expected in (("000.*, H01.134", ["H01.134", "H01.15"]), ("G*", ["H01.15"]), ("H01.*", ["H01.134", "H01.15"])):
        bus.documents.clear()
        await sent(delivery, bus, one, to=patterns)
        [stored] = bus.documents.values()
        assert [to[0].text for to in stored.header if etree.QName(to).localname == "To"] == expected


async def test_a_signed_packet_goes_along_untouched(delivery: EdocDelivery, files: MemoryFiles, bus: EdocBus) -> None:
    """The text of that bus says it again; what was signed is in a file of its own, octet for octet."""
    signature = (
        b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/><SignatureValue>AA==</SignatureValue></Signature>'
    )
    body = PACKET.replace(b"</edXML:edXMLHeader>", signature + b"</edXML:edXMLHeader>")
    incoming = envelope_of(body, sender=AgencyCode(OURS), received_on=NOW.date())
    kept = [files.add(one.octets, one.name, one.media_type) for one in incoming.files]
    assert isinstance(await sent(delivery, bus, parcel(incoming.envelope.body, attachments=tuple(kept))), Delivered)
    [stored] = bus.documents.values()
    originals = [octets for name, octets in stored.files.items() if name.endswith(".edxml")]
    assert originals == [body]
    assert len(stored.parts) == 2 and "2217-SNNMT-VP.txt" in stored.files


async def test_a_file_that_was_packed_inside_arrives_unpacked(delivery: EdocDelivery, bus: EdocBus) -> None:
    """As the national bus's library packs it: an archive of one file, base64, under the type of what is in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("3f2504e0.pdf", PDF)
    encoded = base64.b64encode(made.getvalue())
    body = PACKET.replace(b"S8OtbmggZ+G7rWkgUXXDvSBjxqEgcXVhbi4=", encoded).replace(b"2217-SNNMT-VP.txt", b"2217.pdf")
    assert isinstance(await sent(delivery, bus, parcel(body)), Delivered)
    assert next(iter(bus.documents.values())).files == {"2217.pdf": PDF}


async def test_a_status_becomes_a_record_of_update_traces(delivery: EdocDelivery, bus: EdocBus) -> None:
    assert isinstance(await sent(delivery, bus, parcel(STATUS, "document.status/1")), Delivered)
    [record] = bus.updates
    assert (record.tag, record.findtext("StatusCode"), record.findtext("Timestamp")) == ("Status", "03", "18/11/2026 10:02:11")
    assert record.findtext("ResponseFor/DocumentId") == "000.00.10.H01,2026/11/18,2217/SNNMT-VP"


@pytest.mark.parametrize("options", [{"action": "SendMessage"}, {"soap": "1.2"}])
async def test_other_branches_are_spoken_to_in_their_way(delivery: EdocDelivery, bus: EdocBus, options: dict[str, str]) -> None:
    assert isinstance(await sent(delivery, bus, parcel(), **options), Delivered)
    assert bus.got[0][0] == options.get("action", "SendDocument")


@pytest.mark.parametrize(
    "options", [{"organ_id": ""}, {"action": "GetTraces"}, {"attachments": "zip"}, {"soap": "3"}, {"organid": "W29"}]
)
async def test_options_that_cannot_be_right_are_told_and_nothing_is_sent(
    delivery: EdocDelivery, bus: EdocBus, options: dict[str, str]
) -> None:
    """Whoever registers them is told at once; a delivery that meets them all the same is tried again."""
    with pytest.raises(ValueError):
        CHECKS["edoc_soap"](endpoint(bus, **options))
    outcome = await sent(delivery, bus, parcel(), **options)
    assert isinstance(outcome, Retry) and outcome.reason == "delivery.internal" and not bus.got


async def test_an_answer_that_is_lost_ends_well(delivery: EdocDelivery, bus: EdocBus) -> None:
    bus.misbehave("half answer")
    assert isinstance(await sent(delivery, bus, parcel()), Retry)
    assert isinstance(await sent(delivery, bus, parcel()), Delivered) and len(bus.documents) == 1


async def test_an_unknown_token_is_tried_again_and_a_wrong_document_is_not(delivery: EdocDelivery, bus: EdocBus) -> None:
    assert isinstance(await delivery.deliver(parcel(), msgspec.structs.replace(endpoint(bus), secret="old")), Retry)
    subject = (
        "<edXML:Subject>Phối hợp giải quyết hồ sơ đất đai theo mô hình chính quyền địa phương hai cấp</edXML:Subject>".encode()
    )
    assert subject in PACKET
    outcome = await sent(delivery, bus, parcel(PACKET.replace(subject, b"")))
    assert outcome == Refused("delivery.refused_by_recipient", "N.MessageHeader.Subject refused")


# --- collector


@pytest.fixture
async def collector() -> AsyncIterator[EdocCollector]:
    found = EdocCollector()
    yield found
    await found.close()


@pytest.fixture
def hub() -> MemoryHub:
    found = MemoryHub.of("W29", OURS, "H01.99")
    found.moment = NOW
    return found


def feed(bus: EdocBus, **options: str) -> Feed:
    return Feed(adapter="edoc_soap", url=bus.url, secret=TOKEN, timeout_s=5, options={"organ_id": OURS, **options})


def offer(bus: EdocBus, doc: Doc) -> int:
    parts = {f"file-{place}": (kind, octets) for place, (_, kind, octets) in enumerate(doc.files)}
    return bus.put(document_of(message_header(doc), trace_list(doc), manifest(doc), parts), *doc.receivers)


async def test_a_document_is_brought_in_with_its_files_for_the_body_it_was_fetched_for(
    collector: EdocCollector, hub: MemoryHub, bus: EdocBus
) -> None:
    """Files come as base64 text in parts that say binary. Others of To get their copies from that bus itself."""
    offer(bus, Doc(receivers=(OURS, "000.00.00.H57")))
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected(taken=1)
    [envelope] = hub.envelopes
    assert (envelope.sender, envelope.recipients, envelope.kind) == ("W29", (OURS,), "document.packet/1")
    assert hub.files[envelope.attachments[0].digest] == Doc().files[0][2]
    assert read_packet(envelope.body).recipients == (OURS, "000.00.00.H57")
    assert bus.pending[OURS] == []


async def test_a_document_for_two_bodies_is_brought_in_for_each(collector: EdocCollector, hub: MemoryHub, bus: EdocBus) -> None:
    offer(bus, Doc(receivers=(OURS, "H01.99")))
    both = feed(bus, organ_id=f"{OURS}, H01.99")
    found = await collector.collect(msgspec.structs.replace(both, secret=f"{TOKEN} another"), hub.desk("W29"))
    assert found.taken == 2
    assert sorted(one.recipients for one in hub.envelopes) == [(OURS,), ("H01.99",)]


async def test_traces_become_statuses(collector: EdocCollector, hub: MemoryHub, bus: EdocBus) -> None:
    bus.traces = [(OURS, status_record(code, sender=THEIRS, about=OURS)) for code in ("01", "03")]
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected(taken=2)
    assert [read_status(one.body).header.status_code for one in hub.envelopes] == ["01", "03"]
    assert {one.recipients for one in hub.envelopes} == {(OURS,)} and {one.sender for one in hub.envelopes} == {"W29"}


class KilledDesk(MemoryDesk):
    """Killed before the change number `place` that it is asked for."""

    def __init__(self, hub: MemoryHub, place: int) -> None:
        super().__init__(hub, AgencyCode("W29"))
        self._left = place

    async def submit(self, envelope: Envelope) -> Submitted:
        self._count()
        return await super().submit(envelope)

    async def set_mark(self, name: str, value: str) -> None:
        self._count()
        await super().set_mark(name, value)

    def _count(self) -> None:
        if self._left == 0:
            raise Away
        self._left -= 1


@pytest.mark.parametrize("place", range(1, 6))
async def test_killed_anywhere_after_traces_were_handed_out_none_is_lost_or_doubled(
    collector: EdocCollector, hub: MemoryHub, bus: EdocBus, place: int
) -> None:
    """The bus has forgotten them: what the journal kept, before anything else was done, is all that is left."""
    bus.traces = [(OURS, status_record(code, sender=THEIRS, about=OURS)) for code in ("01", "03", "05")]
    try:
        await collector.collect(feed(bus), KilledDesk(hub, place))
    except Away:
        assert place < 5
    assert not bus.traces
    await collector.collect(feed(bus), hub.desk("W29"))
    assert [read_status(one.body).header.status_code for one in hub.envelopes] == ["01", "03", "05"]
    assert hub.marks["W29", f"edoc.traces.{OURS}"] == ""


async def test_of_half_an_answer_the_traces_that_came_are_saved(collector: EdocCollector, hub: MemoryHub, bus: EdocBus) -> None:
    bus.traces = [(OURS, status_record(code, sender=THEIRS, about=OURS)) for code in ("01", "02", "03", "04", "05", "06")]
    bus.misbehave("half answer", only="GetTraces")
    with pytest.raises(FeedTrouble):
        await collector.collect(feed(bus), hub.desk("W29"))
    assert [read_status(one.body).header.status_code for one in hub.envelopes] == ["01", "02"]


async def test_traces_that_cannot_be_read_are_kept_for_people(collector: EdocCollector, hub: MemoryHub, bus: EdocBus) -> None:
    bus.traces = [(OURS, "<Status><a></Status>")]
    with pytest.raises(FeedTrouble):
        await collector.collect(feed(bus), hub.desk("W29"))
    assert hub.marks["W29", f"edoc.traces.{OURS}.unreadable"]
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected()


async def test_a_trace_that_the_hub_will_not_have_holds_back_no_other(
    collector: EdocCollector, hub: MemoryHub, bus: EdocBus
) -> None:
    bus.traces = [(OURS, status_record(code, sender=THEIRS, about=OURS)) for code in ("01", "", "03")]
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected(taken=2, refused=1)
    assert hub.marks["W29", f"edoc.traces.{OURS}.refused"] and not hub.marks["W29", f"edoc.traces.{OURS}"]


async def test_what_the_hub_will_not_have_is_told_with_its_reason(collector: EdocCollector, hub: MemoryHub, bus: EdocBus) -> None:
    hub.max_file_bytes = 10
    offer(bus, Doc(receivers=(OURS,)))
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected(refused=1)
    [record] = bus.updates
    assert record.findtext("StatusCode") == "02" and record.findtext("ResponseFor/OrganId") == THEIRS
    assert "attachment.too_large" in (record.findtext("Description") or "")
    assert bus.pending[OURS] == []


async def test_a_document_that_cannot_be_read_stays_where_it_is_and_holds_back_no_other(
    collector: EdocCollector, hub: MemoryHub, bus: EdocBus
) -> None:
    unreadable = offer(bus, Doc(receivers=(OURS,), priority="nine"))
    offer(bus, Doc(receivers=(OURS,)))
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected(taken=1, refused=1)
    assert bus.pending[OURS] == [unreadable] and not bus.updates
    assert hub.marks["W29", f"edoc.unreadable.{OURS}"].startswith(f"{unreadable}=body.invalid@/edXML/")
    before = bus.calls("GetDocument")
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected()
    assert bus.calls("GetDocument") == before


async def test_a_document_written_anew_by_that_bus_is_the_same_document(
    collector: EdocCollector, hub: MemoryHub, bus: EdocBus
) -> None:
    """Killed before the confirmation; meanwhile it left the cache over there and comes from their tables, in other words."""
    number = offer(bus, Doc(receivers=(OURS,)))
    await collector.collect(feed(bus), hub.desk("W29"))
    bus.pending[OURS] = [number]
    bus.documents[number] = document_of(
        message_header(Doc(receivers=(OURS,), subject="V/v phoi hop")), trace_list(Doc()), manifest(Doc()),
        {"file-0": ("application/pdf", Doc().files[0][2])},
    )  # fmt: skip
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected()
    assert len(hub.envelopes) == 1 and not bus.updates and bus.pending[OURS] == []


async def test_one_document_that_is_not_given_out_holds_back_no_other(
    collector: EdocCollector, hub: MemoryHub, bus: EdocBus
) -> None:
    bus.pending[OURS] = [77]
    offer(bus, Doc(receivers=(OURS,)))
    with pytest.raises(FeedTrouble, match="document 77"):
        await collector.collect(feed(bus), hub.desk("W29"))
    assert len(hub.envelopes) == 1 and bus.pending[OURS] == [77]


async def test_a_document_that_is_listed_twice_is_brought_in_once(collector: EdocCollector, hub: MemoryHub, bus: EdocBus) -> None:
    offer(bus, Doc(receivers=(OURS,)))
    bus.misbehave("duplicate", only="GetPendingDocumentIds")
    assert await collector.collect(feed(bus), hub.desk("W29")) == Collected(taken=1)
    assert bus.calls("GetDocument") == 1


async def test_a_bus_that_hands_out_no_traces_hands_out_documents(collector: EdocCollector, hub: MemoryHub, bus: EdocBus) -> None:
    offer(bus, Doc(receivers=(OURS,)))
    bus.misbehave("fault", only="GetTraces")
    with pytest.raises(FeedTrouble):
        await collector.collect(feed(bus), hub.desk("W29"))
    assert len(hub.envelopes) == 1 and bus.pending[OURS] == []


async def test_an_unknown_token_is_trouble_and_not_told_in_any_log(
    collector: EdocCollector, hub: MemoryHub, bus: EdocBus
) -> None:
    with pytest.raises(FeedTrouble) as trouble:
        await collector.collect(msgspec.structs.replace(feed(bus), secret="wr0ng"), hub.desk("W29"))
    assert trouble.value.reason == "delivery.server_error" and "wr0ng" not in str(trouble.value)


async def test_armour_is_taken_off_files_and_left_on_texts(collector: EdocCollector, hub: MemoryHub, bus: EdocBus) -> None:
    text = base64.b64encode(b"chi la chu")
    files = (("a.pdf", "application/pdf", PDF), ("b.txt", "text/plain", text))
    bus.base64_text = False
    offer(bus, Doc(receivers=(OURS,), files=files))
    await collector.collect(feed(bus), hub.desk("W29"))
    assert [hub.files[one.digest] for one in hub.envelopes[0].attachments] == [PDF, text]
