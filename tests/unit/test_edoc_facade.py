"""The hub as a SOAP bus of the e-doc generation, called by a client as systems in service are, over a hub in memory."""

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from lxml import etree
from multidict import CIMultiDict

from adapters.edoc_soap.facade import EdocFacade
from contracts.agency import AgencyCode
from contracts.edxml.model import Packet
from contracts.edxml.read import read_packet, read_status
from contracts.envelope import Attachment, Envelope
from contracts.errors import ContractError
from contracts.facade import Call
from contracts.receipt import Refusal
from tests.fakes.desk import Away, MemoryDesk, MemoryHub
from tests.fakes.edoc_client import SCHEMA, SOAP_12, Doc, EdocClient, Reply, Request, read_reply, status_record

OFFICE, FARMS = "000.00.15.H01", "000.00.10.H01"
NOW = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)
PDF = b"%PDF-1.4 c\xc3\xb4ng v\xc4\x83n 904"


@pytest.fixture
def hub() -> MemoryHub:
    found = MemoryHub.of(OFFICE, FARMS)
    found.moment = NOW
    return found


class Bus:
    """The facade as a client of one agency meets it."""

    def __init__(self, hub: MemoryHub, agency: str, organ_id: str = "", **client: Any) -> None:
        self.client = EdocClient("a secret", organ_id or agency, **client)
        self.facade = EdocFacade()
        self.desk = hub.desk(agency)

    async def ask(self, request: Request) -> Reply:
        call = Call(operation="edoc", path={}, query={}, headers=CIMultiDict(request.headers), body=request.body)
        try:
            self.facade.credentials(call)
            answer = await self.facade.answer(call, self.desk)
        except ContractError as error:
            head = Call(operation="edoc", path={}, query={}, headers=call.headers, body=b"")
            answer = self.facade.refuse(head, Refusal.of(error.code, error.field, error.detail), None)
        return read_reply(answer.status, answer.headers["Content-Type"], answer.body)

    async def pending(self) -> list[str]:
        return (await self.ask(self.client.pending())).texts("DocumentId")


class FailingDesk(MemoryDesk):
    """The journal is away when the second delivery is acknowledged."""

    async def acknowledge(self, delivery_id: int, refusal: str = "") -> bool:
        if delivery_id == 2:
            raise Away
        return await super().acknowledge(delivery_id, refusal)


def packet(hub: MemoryHub, place: int = 0) -> Packet:
    return read_packet(hub.envelopes[place].body)


# --- SendDocument


async def test_a_document_becomes_one_envelope_with_its_files_beside_it(hub: MemoryHub) -> None:
    reply = await Bus(hub, OFFICE).ask(EdocClient("a secret", OFFICE).send())
    assert reply.status == 200 and reply.succeeded
    assert etree.QName(reply.body) == etree.QName(SCHEMA, "SendDocumentResponse")
    assert reply.texts("DocumentId") == ["1"]
    [envelope] = hub.envelopes
    assert (envelope.kind, envelope.sender, envelope.recipients) == ("document.packet/1", OFFICE, (FARMS,))
    assert envelope.priority == 1 and envelope.created_at == datetime(2026, 11, 12, 2, 30, tzinfo=UTC)
    [file] = envelope.attachments
    assert (file.name, file.media_type, hub.files[file.digest]) == ("904-STP-HCTP.pdf", "application/pdf", PDF)


async def test_field_by_field_it_is_the_same_document_in_the_newer_dialect(hub: MemoryHub) -> None:
    extra = (
        "<edXML:DueDate>30/11/2026</edXML:DueDate><edXML:ToPlaces><edXML:Place>Như trên</edXML:Place>"
        "<edXML:Place>Lưu VT</edXML:Place></edXML:ToPlaces><edXML:ResponseFor><edXML:OrganId>H01.10</edXML:OrganId>"
        "<edXML:Code>7/SNN</edXML:Code><edXML:PromulgationDate>01/11/2026</edXML:PromulgationDate></edXML:ResponseFor>"
    )
    await Bus(hub, OFFICE).ask(EdocClient("a secret", OFFICE).send(Doc(extra=extra)))
    header = packet(hub).header
    assert header.from_.organization_in_charge == "UBND tỉnh An Giang" and header.from_.organ_name == "Sở Tư pháp"
    assert header.code is not None and (header.code.code_number, header.code.code_notation) == ("904", "STP-HCTP")
    info = header.promulgation_info
    assert info is not None and info.promulgation_date is not None and info.place == "An Giang"
    assert info.promulgation_date.text == "2026/11/12" and info.promulgation_date.on == date(2026, 11, 12)
    signer = header.signer_info
    assert signer is not None and (signer.full_name, signer.position) == ("Nguyễn Văn An", "Giám đốc")
    assert header.due_date is not None and header.due_date.text == "2026/11/30"
    assert header.to_places is not None and header.to_places.place == ("Như trên", "Lưu VT")
    assert header.response_for[0].promulgation_date is not None
    assert header.response_for[0].promulgation_date.text == "2026/11/01"
    trace = packet(hub).trace
    assert trace.bussiness.bussiness_doc_reason == "Văn bản điện tử mới"
    assert [hop.timestamp.text for hop in trace.trace_header if hop.timestamp] == ["2026/11/12 09:30:00"]


@pytest.mark.parametrize("version", ["http://schemas.xmlsoap.org/soap/envelope/", SOAP_12])
async def test_both_versions_of_soap_are_answered_in_kind(hub: MemoryHub, version: str) -> None:
    bus = Bus(hub, OFFICE, version=version)
    reply = await bus.ask(bus.client.send())
    assert reply.succeeded and etree.QName(reply.root).namespace == version


async def test_the_token_is_in_nothing_that_is_stored(hub: MemoryHub) -> None:
    bus = Bus(hub, OFFICE)
    await bus.ask(bus.client.send())
    assert b"a secret" not in msgspec.json.encode(hub.envelopes[0]) + hub.envelopes[0].body
    assert b"KeyInfo" not in hub.envelopes[0].body


async def test_files_as_base64_text_in_parts_that_say_binary_are_files(hub: MemoryHub) -> None:
    """The habit of the vendor's bus and of clients that were written for it."""
    armoured = base64.encodebytes(PDF * 100).replace(b"\n", b"\r\n")
    bus = Bus(hub, OFFICE)
    await bus.ask(bus.client.send(Doc(files=(("a.pdf", "application/pdf", armoured),))))
    assert hub.files[hub.envelopes[0].attachments[0].digest] == PDF * 100


async def test_a_text_file_that_looks_like_base64_stays_what_it_is(hub: MemoryHub) -> None:
    bus = Bus(hub, OFFICE)
    await bus.ask(bus.client.send(Doc(files=(("a.txt", "text/plain", b"QUJDRA=="),))))
    assert hub.files[hub.envelopes[0].attachments[0].digest] == b"QUJDRA=="


async def test_a_recall_names_the_document_it_takes_back(hub: MemoryHub) -> None:
    bus = Bus(hub, OFFICE)
    for kind in ("0", "1"):
        assert (await bus.ask(bus.client.send(Doc(business_type=kind)))).succeeded
    assert [packet(hub, place).business_type for place in (0, 1)] == [0, 1]


async def test_the_same_again_gets_the_same_number_whatever_its_boundary(hub: MemoryHub) -> None:
    one, other = Bus(hub, OFFICE), Bus(hub, OFFICE, boundary="----=_Part_1_2.3")
    numbers = [(await bus.ask(bus.client.send())).texts("DocumentId") for bus in (one, other, one)]
    assert numbers == [["1"]] * 3 and len(hub.envelopes) == 1


async def test_the_same_again_under_new_content_ids_is_the_same(hub: MemoryHub) -> None:
    """Clients make new ones whenever they frame a message."""
    bus = Bus(hub, OFFICE)
    sent = bus.client.send(Doc(files=(*Doc().files, ("b.pdf", "application/pdf", PDF + b" 2"))))
    for number in (b"file", b"0.7f3b2c@apache", b"x"):
        body = sent.body.replace(b"<file-", b"<%b-" % number).replace(b"cid:file-", b"cid:%b-" % number)
        assert (await bus.ask(Request(sent.headers, body))).texts("DocumentId") == ["1"]
    assert len(hub.envelopes) == 1 and len(hub.envelopes[0].attachments) == 2


async def test_another_new_document_of_the_same_id_exists_already(hub: MemoryHub) -> None:
    bus = Bus(hub, OFFICE)
    await bus.ask(bus.client.send())
    again = await bus.ask(bus.client.send(Doc(subject="Nội dung khác")))
    assert again.codes == ["M.Exist"] and not again.succeeded and len(hub.envelopes) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("V/v phối hợp giải quyết hồ sơ đất đai", ""), "N.MessageHeader.Subject"),
        (("V/v phối hợp", "V/v " + "rất dài " * 70), "R.MessageHeader.Subject"),
        (("<edXML:Priority>1<", "<edXML:Priority>5<"), "M.MessageHeader.OtherInfo.Priority"),
        (("<edXML:PageAmount>1<", "<edXML:PageAmount>một<"), "T.MessageHeader.OtherInfo.PageAmount"),
        (("<edXML:PageAmount>1<", "<edXML:PageAmount>-1<"), "M.MessageHeader.OtherInfo.PageAmount"),
        (("<edXML:CodeNotation>STP-HCTP<", "<edXML:CodeNotation><"), "N.MessageHeader.Code.CodeNotation"),
        (("<edXML:From>", "<edXML:Sender>"), "N.MessageHeader.From.OrganId"),
        (("<edXML:From><edXML:OrganId>000.00.15.H01", "<edXML:From><edXML:OrganId>000.00.00.H01"),
         "M.MessageHeader.From.OrganId"),
        (("12/11/2026</edXML:PromulgationDate>", "19/11/2026</edXML:PromulgationDate>"),
         "M.MessageHeader.PromulgationInfo.PromulgationDate"),
        (("<edXML:To>", "<edXML:To><edXML:OrganId>000.00.10.H01</edXML:OrganId></edXML:To><edXML:To>"),
         "M.MessageHeader.To.OrganId"),
        (("<edXML:BusinessDocType>0<", "<edXML:BusinessDocType>7<"), "M.TraceHeaderList.Bussiness.BussinessDocType"),
        (("<edXML:TraceHeader><edXML:OrganId>000.00.15.H01<", "<edXML:TraceHeader><edXML:OrganId><"),
         "N.TraceHeaderList.TraceHeader.OrganId"),
        (("cid:file-0", "cid:file-9"), "N.Manifest.Reference"),
        (("TraceHeaderList", "Traces"), "N.TraceHeaderList"),
        (("edXML:Manifest", "edXML:Register"), "N.Manifest"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_by_letter_and_element(hub: MemoryHub, change: tuple[str, str], code: str) -> None:
    sent = EdocClient("a secret", OFFICE).send()
    body = sent.body
    for name in (change,) if change[0] != "<edXML:From>" else (change, ("</edXML:From>", "</edXML:Sender>")):
        assert name[0].encode() in body
        body = body.replace(name[0].encode(), name[1].encode())
    reply = await Bus(hub, OFFICE).ask(Request(sent.headers, body))
    assert (reply.status, reply.succeeded, reply.codes) == (200, False, [code])
    assert not hub.envelopes and not hub.files


async def test_what_may_go_well_later_is_not_final(hub: MemoryHub) -> None:
    hub.fail_next = ContractError("quota.exceeded")
    bus = Bus(hub, OFFICE)
    reply = await bus.ask(bus.client.send())
    assert reply.status == 503 and reply.codes == ["M.SendDocument"]


@pytest.mark.parametrize("version", ["http://schemas.xmlsoap.org/soap/envelope/", SOAP_12])
async def test_what_is_no_call_gets_a_fault_of_its_version(hub: MemoryHub, version: str) -> None:
    bus = Bus(hub, OFFICE, version=version)
    reply = await bus.ask(bus.client.request("Drop", body="<Drop/>"))
    assert etree.QName(reply.body) == etree.QName(version, "Fault") and reply.status in (400, 500)


async def test_a_signed_refusal_rides_in_a_header_of_its_own() -> None:
    call = Call(operation="edoc", path={}, query={}, headers=CIMultiDict(EdocClient("t", OFFICE).traces().headers), body=b"")
    answer = EdocFacade().refuse(call, Refusal.of("quota.exceeded"), "a.b.c")
    root = read_reply(answer.status, answer.headers["Content-Type"], answer.body).root
    assert root[0].findtext("{urn:lgsp:refusal:1}Refusal") == "a.b.c"


# --- fetching documents


async def test_a_receiver_fetches_confirms_and_sees_it_no_more(hub: MemoryHub) -> None:
    office, farms = Bus(hub, OFFICE), Bus(hub, FARMS)
    await office.ask(office.client.send())
    assert await farms.pending() == ["1"] and await office.pending() == []
    got = await farms.ask(farms.client.get("1"))
    assert etree.QName(got.body) == etree.QName(SCHEMA, "Manifest")
    assert got.parts == {"file-1": PDF}
    reference = got.body[0]
    assert reference.get("{http://www.w3.org/1999/xlink}href") == "cid:file-1"
    assert await farms.pending() == ["1"]
    for _ in range(2):
        assert (await farms.ask(farms.client.confirm("1"))).succeeded
    assert await farms.pending() == []
    assert hub.deliveries()[0].state == "delivered"


async def test_a_document_comes_back_in_the_dialect_it_was_sent_in(hub: MemoryHub) -> None:
    office, farms = Bus(hub, OFFICE), Bus(hub, FARMS)
    await office.ask(office.client.send())
    got = await farms.ask(farms.client.get("1"))
    header, trace = got.header("MessageHeader"), got.header("TraceHeaderList")
    texts = {etree.QName(one).localname: (one.text or "").strip() for one in header.iter("*") if len(one) == 0}
    assert texts["Subject"] == "V/v phối hợp giải quyết hồ sơ đất đai" and texts["Function"] == "Giám đốc"
    assert texts["PromulgationDate"] == "12/11/2026" and texts["DocumentId"] == "000.00.15.H01,2026/11/12,904/STP-HCTP"
    assert all(etree.QName(one).namespace == SCHEMA for one in header.iter("*"))
    hops = [[etree.QName(child).localname for child in one] for one in trace if etree.QName(one).localname == "TraceHeader"]
    assert hops == [["OrganId", "Timestamp"]] * 2
    assert [one.text for one in trace.iter("*") if etree.QName(one).localname == "Timestamp"][1] == "18/11/2026 10:00:00"


@pytest.mark.parametrize("request_", [EdocClient.get, EdocClient.confirm])
async def test_only_a_receiver_gets_a_document(hub: MemoryHub, request_: Callable[[EdocClient, str], Request]) -> None:
    office = Bus(hub, OFFICE)
    await office.ask(office.client.send())
    reply = await office.ask(request_(office.client, "1"))
    assert reply.codes == ["M.DOCUMENT"] and not reply.succeeded
    assert hub.deliveries()[0].state == "available"


async def test_a_report_about_a_document_stands_unwrapped_too(hub: MemoryHub) -> None:
    farms = Bus(hub, FARMS)
    assert etree.QName((await farms.ask(farms.client.get("7"))).body) == etree.QName(SCHEMA, "Report")


@pytest.mark.parametrize("number", ["", "0", "99999"])
async def test_a_number_that_there_is_not_is_refused(hub: MemoryHub, number: str) -> None:
    farms = Bus(hub, FARMS)
    assert not (await farms.ask(farms.client.get(number))).succeeded


async def test_other_kinds_in_the_mailbox_are_neither_listed_nor_handed_out_nor_confirmed(hub: MemoryHub) -> None:
    envelope = Envelope(
        message_id="m-1",
        sender=hub.desk(OFFICE).caller,
        recipients=(hub.desk(FARMS).caller,),
        kind="document.status/1",
        created_at=NOW,
        body=STATUS_PACKET,
        media_type="application/edxml+xml",
    )
    await hub.desk(OFFICE).submit(envelope)
    farms = Bus(hub, FARMS)
    assert await farms.pending() == []
    assert (await farms.ask(farms.client.get("1"))).codes == ["M.DOCUMENT"]
    assert (await farms.ask(farms.client.confirm("1"))).codes == ["M.DOCUMENT"]
    assert hub.deliveries()[0].state == "available"


async def test_confirming_what_was_taken_back_meanwhile_is_harmless(hub: MemoryHub) -> None:
    office, farms = Bus(hub, OFFICE), Bus(hub, FARMS)
    await office.ask(office.client.send())
    hub.deliveries()[0].state = "cancelled"
    assert (await farms.ask(farms.client.get("1"))).codes == ["M.DOCUMENT"]
    assert (await farms.ask(farms.client.confirm("1"))).succeeded


async def test_files_that_no_message_can_hold_are_refused_before_they_are_read(hub: MemoryHub) -> None:
    office, farms = Bus(hub, OFFICE), Bus(hub, FARMS)
    await office.ask(office.client.send())
    sent = hub.taken[0]
    huge = Attachment(digest="sha256:" + "0" * 64, size_bytes=2**40, name="a.pdf")
    sent.envelope = msgspec.structs.replace(sent.envelope, attachments=(huge,))
    assert (await farms.ask(farms.client.get("1"))).codes == ["R.Attachment"]


# --- statuses


async def test_a_status_goes_to_the_body_whose_document_it_is_about(hub: MemoryHub) -> None:
    farms = Bus(hub, FARMS)
    assert (await farms.ask(farms.client.update_traces(status_record("03")))).succeeded
    [envelope] = hub.envelopes
    assert (envelope.kind, envelope.recipients) == ("document.status/1", (OFFICE,))
    header = read_status(envelope.body).header
    assert header.status_code == "03" and header.timestamp is not None and header.timestamp.text == "2026/11/12 10:02:11"
    assert header.staff_info is not None and header.staff_info.staff == "Trần Thị Bình"


async def test_each_trace_is_returned_once(hub: MemoryHub) -> None:
    farms, office = Bus(hub, FARMS), Bus(hub, OFFICE)
    for code in ("01", "03"):
        await farms.ask(farms.client.update_traces(status_record(code)))
    first = await office.ask(office.client.traces())
    assert first.texts("StatusCode") == ["01", "03"] and first.texts("Timestamp")[0] == "12/11/2026 10:02:11"
    assert all(etree.QName(one).namespace == SCHEMA for one in first.body.iter("*"))
    assert [one.prefix for one in first.body.iter("*")][:4] == ["edXML", None, None, None]  # for readers by bare names
    assert (await office.ask(office.client.traces())).texts("StatusCode") == []


async def test_traces_that_cannot_be_acknowledged_are_not_handed_out(hub: MemoryHub) -> None:
    """Two of three acknowledged, then the journal is away: two are handed out, the third comes next time."""
    farms, office = Bus(hub, FARMS), Bus(hub, OFFICE)
    for code in ("01", "03", "05"):
        await farms.ask(farms.client.update_traces(status_record(code)))
    office.desk = FailingDesk(hub, AgencyCode(OFFICE))
    assert (await office.ask(office.client.traces())).texts("StatusCode") == ["01", "05"]
    office.desk = hub.desk(OFFICE)
    assert (await office.ask(office.client.traces())).texts("StatusCode") == ["03"]


async def test_no_trace_is_lost_where_none_can_be_acknowledged(hub: MemoryHub) -> None:
    farms, office = Bus(hub, FARMS), Bus(hub, OFFICE)
    await farms.ask(farms.client.update_traces(status_record("01")))
    await farms.ask(farms.client.update_traces(status_record("03")))
    await office.desk.acknowledge(1)
    office.desk = FailingDesk(hub, AgencyCode(OFFICE))
    with pytest.raises(Away):
        await office.ask(office.client.traces())
    office.desk = hub.desk(OFFICE)
    assert (await office.ask(office.client.traces())).texts("StatusCode") == ["03"]


async def test_nobody_reports_in_the_name_of_another(hub: MemoryHub) -> None:
    farms = Bus(hub, FARMS)
    reply = await farms.ask(farms.client.update_traces(status_record("03", sender=OFFICE)))
    assert reply.codes == ["M.Status.From.OrganId"] and not hub.envelopes


@pytest.mark.parametrize("record", ["", "<Other/>", "<Status/>", status_record("")])
async def test_a_status_that_says_nothing_is_refused(hub: MemoryHub, record: str) -> None:
    farms = Bus(hub, FARMS)
    reply = await farms.ask(farms.client.update_traces(record))
    assert not reply.succeeded and reply.codes[0].startswith("N.") and not hub.envelopes


# --- permission and address book


async def test_permission_is_token_and_organ_together(hub: MemoryHub) -> None:
    assert (await Bus(hub, OFFICE).ask(EdocClient("a secret", OFFICE).check_permission())).succeeded
    stranger = await Bus(hub, OFFICE).ask(EdocClient("a secret", FARMS).check_permission())
    assert stranger.codes == ["M.CheckPermission"] and not stranger.succeeded


@pytest.mark.parametrize("ask", [EdocClient.pending, EdocClient.traces, EdocClient.organizations])
async def test_nobody_asks_in_the_name_of_another(hub: MemoryHub, ask: Callable[[EdocClient], Request]) -> None:
    bus = Bus(hub, OFFICE, FARMS)
    assert (await bus.ask(ask(bus.client))).codes == ["M.CheckPermission"]


async def test_the_address_book_knows_every_code_of_every_living_agency(hub: MemoryHub) -> None:
    farms = hub.agencies[FARMS]
    hub.agencies[FARMS] = msgspec.structs.replace(farms, other_codes=("H01.10",), parent=OFFICE)
    closed = msgspec.structs.replace(farms, code="H01.99", closed_on=date(2025, 7, 1))
    hub.agencies["H01.99"] = closed
    office = Bus(hub, OFFICE)
    reply = await office.ask(office.client.organizations())
    assert etree.QName(reply.body[0]) == etree.QName(SCHEMA, "Organizations")
    assert reply.texts("OrganId") == [FARMS, "H01.10", OFFICE]
    assert reply.texts("OrganizationInCharge")[0] == f"Cơ quan {OFFICE}"


STATUS_PACKET = b"""<?xml version="1.0" encoding="UTF-8"?><edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">
<edXML:edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLHeader><edXML:MessageHeader>
<edXML:From><edXML:OrganId>000.00.15.H01</edXML:OrganId></edXML:From><edXML:ResponseFor><edXML:OrganId>000.00.10.H01</edXML:OrganId>
<edXML:DocumentId>000.00.10.H01,2026/11/18,2217/SNN</edXML:DocumentId></edXML:ResponseFor><edXML:StatusCode>01</edXML:StatusCode>
<edXML:Timestamp>2026/11/18 09:30:00</edXML:Timestamp></edXML:MessageHeader></edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>"""


# --- from one client to the other


EVERYTHING = (
    "<edXML:DueDate>30/11/2026</edXML:DueDate>"
    "<edXML:ToPlaces><edXML:Place>Như trên</edXML:Place><edXML:Place>Lưu: VT, HCTP</edXML:Place></edXML:ToPlaces>"
    "<edXML:SteeringType>1</edXML:SteeringType>"
    "<edXML:ResponseFor><edXML:OrganId>H01.10</edXML:OrganId><edXML:Code>7/SNN</edXML:Code>"
    "<edXML:DocumentId>H01.10,2026/11/01,7/SNN</edXML:DocumentId><edXML:PromulgationDate>01/11/2026</edXML:PromulgationDate>"
    "</edXML:ResponseFor><edXML:ResponseFor><edXML:OrganId>H01.11</edXML:OrganId><edXML:Code>8/STC</edXML:Code></edXML:ResponseFor>"
    "<edXML:ApplicationType>voffice</edXML:ApplicationType>"
)
BUSINESS = (
    "<edXML:BusinessDocType>3</edXML:BusinessDocType><edXML:BusinessDocReason>Thay thế văn bản cũ</edXML:BusinessDocReason>"
    "<edXML:DocumentId>000.00.15.H01,2026/10/01,12/STP</edXML:DocumentId>"
    "<edXML:StaffInfo><edXML:Department>Văn phòng</edXML:Department><edXML:Staff>Lê Thị Cẩm</edXML:Staff>"
    "<edXML:Mobile>0912</edXML:Mobile><edXML:Email>a@b.vn</edXML:Email></edXML:StaffInfo><edXML:Paper>1</edXML:Paper>"
    "<edXML:ReplacementInfoList><edXML:ReplacementInfo><edXML:DocumentId>000.00.15.H01,2026/10/01,12/STP</edXML:DocumentId>"
    "<edXML:OrganIdList><edXML:OrganId>000.00.10.H01</edXML:OrganId></edXML:OrganIdList></edXML:ReplacementInfo>"
    "</edXML:ReplacementInfoList>"
)
_SPELT_NOW = {"OrganInCharge": "OrganizationInCharge", "Business": "Bussiness", "BusinessDocType": "BussinessDocType",
              "BusinessDocReason": "BussinessDocReason"}  # fmt: skip


def said(element: etree._Element) -> set[tuple[str, str]]:
    """Every text with its path, in the standard's spelling."""
    found: set[tuple[str, str]] = set()
    for one in element.iter("*"):
        text = (one.text or "").strip()
        if text:
            names = [etree.QName(step).localname for step in (*reversed(list(one.iterancestors())), one)]
            names = names[names.index(etree.QName(element).localname) :]
            found.add((".".join(_SPELT_NOW.get(name, name) for name in names), text))
    return found


async def test_every_field_of_a_document_survives_both_conversions(hub: MemoryHub) -> None:
    """e-doc to QCVN 102, which the hub keeps, and back: only the hub's own hop is added."""
    office, farms = Bus(hub, OFFICE), Bus(hub, FARMS)
    sent = office.client.send(Doc(extra=EVERYTHING))
    before, after = sent.body.split(b"<edXML:Business>")[0], sent.body.split(b"</edXML:Business>")[1]
    body = before + b"<edXML:Business>" + BUSINESS.encode() + b"</edXML:Business>" + after
    assert (await office.ask(Request(sent.headers, body))).succeeded
    got = await farms.ask(farms.client.get("1"))
    given = etree.fromstring(body[body.index(b"<SOAP-ENV") : body.index(b"</SOAP-ENV:Envelope>") + len(b"</SOAP-ENV:Envelope>")])
    for name in ("MessageHeader", "TraceHeaderList"):
        was = said(next(one for one in given[0] if etree.QName(one).localname == name))
        now = said(got.header(name))
        assert was <= now, was - now
        assert {path for path, _ in now - was} <= {"TraceHeaderList.TraceHeader.OrganId", "TraceHeaderList.TraceHeader.Timestamp"}
