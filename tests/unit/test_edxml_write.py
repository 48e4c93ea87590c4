"""Strictly written: the form that every reader in service can read, those without namespaces among them."""

import re
from datetime import date, datetime

import msgspec
import pytest

from contracts.edxml.attachments import File
from contracts.edxml.codes import BUSINESS_TYPES, PRIORITIES, STATUSES, document_type
from contracts.edxml.ids import document_id, sent_doc_id
from contracts.edxml.model import (
    Bussiness,
    BussinessDocumentInfo,
    Code,
    DocumentType,
    MessageHeader,
    OrganIdList,
    Organization,
    OtherInfo,
    Packet,
    PromulgationInfo,
    Receiver,
    ReceiverList,
    ReplacementInfo,
    ReplacementInfoList,
    ResponseFor,
    StaffInfo,
    Status,
    StatusHeader,
    TraceHeaderList,
)
from contracts.edxml.placing import with_files
from contracts.edxml.read import read_packet, read_status
from contracts.edxml.slim import with_hop
from contracts.edxml.when import VIETNAM, When, day, moment
from contracts.edxml.write import REASONS, write_packet, write_status
from contracts.errors import ContractError
from tests.edxml_packets import PDF, STATUS_CODES

ID = document_id("H01.10", date(2026, 11, 18), "2217", "SNNMT-VP")
PACKET = Packet(
    header=MessageHeader(
        from_=Organization(organ_id="H01.10", organ_name="Sở Nông nghiệp và Môi trường"),
        to=(Organization(organ_id="H01.134"),),
        document_id=ID,
        code=Code(code_number="2217", code_notation="SNNMT-VP"),
        promulgation_info=PromulgationInfo(place="An Giang", promulgation_date=day(date(2026, 11, 18))),
        document_type=DocumentType(type="2", type_name="Công văn"),
        subject='Giấy tờ <đất> & "nhà"',
        due_date=When("20/11/2026"),
        other_info=OtherInfo(priority=1),
    )
)


def written(packet: Packet) -> str:
    return write_packet(packet).decode()


def business(bussiness: Bussiness) -> Packet:
    return msgspec.structs.replace(PACKET, trace=TraceHeaderList(bussiness=bussiness))


def names(text: str) -> list[str]:
    return re.findall(r"<([A-Za-z:]+)[\s>/]", text)


def test_elements_stand_in_the_order_of_the_common_library_with_the_literal_prefix() -> None:
    """Some readers look for the text "edXML:StatusCode" and know nothing of namespaces."""
    text = written(with_files(PACKET, [File(name="cv.pdf", media_type="application/pdf", octets=PDF)]))
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">')
    plain = {"edXML", "AttachmentEncoded", "Attachment", "ContentId", "AttachmentName", "ContentType", "ContentTransferEncoded"}
    found = names(text)
    assert {name for name in found if not name.startswith("edXML:")} == plain
    order = ["From", "To", "DocumentId", "Code", "Subject", "DueDate", "OtherInfo"]
    assert [name[6:] for name in found if name[6:] in order] == order
    assert text.rstrip().endswith("</AttachmentEncoded></edXML>")
    assert text.count("<ContentId>cid:file-1<") == text.count("<edXML:ContentId>cid:file-1<") == 1
    assert "<edXML:DueDate>2026/11/20</edXML:DueDate>" in text


@pytest.mark.parametrize("business_type", range(4))
def test_business_is_always_said_in_full(business_type: int) -> None:
    """Type, reason, staff and paper, whatever the sender left out (clauses 2.2.1, 2.2.2, 2.2.5)."""
    text = written(business(Bussiness(bussiness_doc_type=business_type)))
    assert f"<edXML:BussinessDocType>{business_type}</edXML:BussinessDocType>" in text
    assert f"<edXML:BussinessDocReason>{REASONS[business_type]}</edXML:BussinessDocReason>" in text
    assert "<edXML:StaffInfo><edXML:Department/><edXML:Staff/><edXML:Mobile/><edXML:Email/></edXML:StaffInfo>" in text
    assert "<edXML:Paper>0</edXML:Paper>" in text


def test_an_update_names_what_changes_and_a_replacement_what_it_replaces() -> None:
    """Clauses 2.2.3, 2.2.4 and 2.2.8, all of them read again."""
    update = Bussiness(
        bussiness_doc_type=2, bussiness_doc_reason="Đổi nơi nhận", document_id=ID, paper="1",
        staff_info=StaffInfo(staff="Trần C", mobile="0912"),
        bussiness_document_info=BussinessDocumentInfo(
            document_info="0", document_receiver="1",
            receiver_list=ReceiverList(receiver=(Receiver(organ_id="H01.15", receiver_type="1"),)),
        ),
    )  # fmt: skip
    replacement = Bussiness(
        bussiness_doc_type=3, bussiness_doc_reason="Thay thế", paper="0",
        replacement_info_list=ReplacementInfoList(
            replacement_info=(
                ReplacementInfo(document_id="OLD-1", organ_id_list=OrganIdList(organ_id=("H01.134", "H01.15"))),
                ReplacementInfo(document_id="OLD-2"),
            )
        ),
    )  # fmt: skip
    for one in (update, replacement):
        assert read_packet(write_packet(business(one))).trace.bussiness == one


def test_every_hop_adds_one_trace_header() -> None:
    """In Vietnam's time, behind those before it (clause 2.1)."""
    packet = PACKET
    for code in ("H01.10", "H01", "G22"):
        packet = with_hop(packet, code, datetime(2026, 11, 28, 8, 0, tzinfo=VIETNAM))
    hops = read_packet(write_packet(packet)).trace.trace_header
    assert [(hop.organ_id, hop.timestamp) for hop in hops] == [
        (code, When("2026/11/28 08:00:00")) for code in ("H01.10", "H01", "G22")
    ]


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("subject", "a" * 501, "Subject"),
        ("content", "a" * 501, "Content"),
        ("code", Code(code_number="1" * 12), "Code/CodeNumber"),
        ("code", Code(code_notation="A" * 31), "Code/CodeNotation"),
        ("from_", Organization(organ_id="H01.10", website="a" * 21), "From/Website"),
        ("to", (Organization(organ_id="H" * 51),), "To/OrganId"),
        ("document_type", DocumentType(type_name="a" * 101), "DocumentType/TypeName"),
    ],
)
def test_what_is_longer_than_receivers_take_is_refused_but_carried_in_its_senders_words(
    field: str, value: object, place: str
) -> None:
    """The smaller of the limits known, by clause; nothing is ever cut."""
    packet = msgspec.structs.replace(PACKET, header=msgspec.structs.replace(PACKET.header, **{field: value}))
    with pytest.raises(ContractError) as refusal:
        write_packet(packet)
    assert (refusal.value.code, refusal.value.field.partition("MessageHeader/")[2]) == ("edxml.too_long", place)
    assert "clause" in refusal.value.detail
    assert getattr(read_packet(write_packet(packet, carried=True)).header, field) == value


@pytest.mark.parametrize(
    "number", ["9fbfbad2-f1f8-4256-a2eb-50fb1061cddb", "H01,2026/11/18", "H01,18/11/2026,1/A", "a,b,c,d", ""]
)
def test_a_document_of_ours_has_an_id_of_three_parts(number: str) -> None:
    """Others keep theirs: it is what recalls and replies name them by (clause 1.14)."""
    packet = msgspec.structs.replace(PACKET, header=msgspec.structs.replace(PACKET.header, document_id=number or None))
    with pytest.raises(ContractError) as refusal:
        write_packet(packet)
    assert refusal.value.field.endswith("/DocumentId")
    if number:
        assert read_packet(write_packet(packet, carried=True)).header.document_id == number


@pytest.mark.parametrize("text", ["a\x00b", "a\x1fb", "\ud800", "\uffff"])
def test_characters_that_xml_cannot_carry_are_refused(text: str) -> None:
    """By element, before anything is written."""
    packet = msgspec.structs.replace(PACKET, header=msgspec.structs.replace(PACKET.header, subject=text))
    with pytest.raises(ContractError) as refusal:
        write_packet(packet, carried=True)
    assert refusal.value.field.endswith("/Subject")


@pytest.mark.parametrize("code", STATUS_CODES)
def test_a_status_is_header_alone(code: str) -> None:
    """No trace, no body, no files; the leading zero of its code stays."""
    status = Status(
        header=StatusHeader(
            from_=Organization(organ_id="H01.134"),
            response_for=ResponseFor(
                organ_id="H01.10", code="2217/SNNMT-VP", document_id=ID, promulgation_date=When("2026/11/18")
            ),
            status_code=code,
            description=STATUSES[code],
            timestamp=moment(datetime(2026, 11, 28, 8, 0, tzinfo=VIETNAM)),
        )
    )
    text = write_status(status).decode()
    assert f"<edXML:StatusCode>{code}</edXML:StatusCode>" in text
    assert not {"edXML:TraceHeaderList", "edXML:edXMLBody", "AttachmentEncoded"} & set(names(text))
    assert read_status(text.encode()) == status


@pytest.mark.parametrize(
    ("said", "group", "number", "name"),
    [
        (("2", "1", "Báo cáo"), "B", 14, "Báo cáo"),
        (("1", "0", "Công văn"), "B", 18, "Công văn"),
        (("18", "0", "Công văn"), "B", 18, "Công văn"),
        (("71", "0", "CÔNG VĂN"), "B", 18, "Công văn"),
        (("1", None, "Thông tư"), "A", 9, "Thông tư"),
        (("1", None, "Quyết định"), "A", 8, "Quyết định"),
        (("2", None, "Quyết định"), "B", 2, "Quyết định (cá biệt)"),
        ((None, None, "quyet dinh (ca biet)"), "B", 2, "Quyết định (cá biệt)"),
        (("18", "0", None), "B", 18, "Công văn"),
        (("2", "25", None), "B", 25, "Giấy mời"),
        (("1", "12", ""), "A", 12, "Bộ luật"),
    ],
)
def test_the_type_of_a_document_is_known_by_its_name_first(
    said: tuple[str | None, str | None, str | None], group: str, number: int, name: str
) -> None:
    """Senders put the group, the number or something of their own into the codes (clause 1.5)."""
    assert document_type(*said) == (group, number, name)


@pytest.mark.parametrize(
    "said", [(None, None, None), ("1", "0", None), ("2", "99", ""), ("71", "0", "Văn bản lạ"), ("x", "²", None)]
)
def test_a_type_that_nobody_knows_is_no_mistake(said: tuple[str | None, str | None, str | None]) -> None:
    """It is carried; only its name in the list is missing."""
    assert document_type(*said) is None


def test_code_lists_are_complete_and_ids_depend_on_where_their_parts_end() -> None:
    """As clauses 1.11.1 and 2.2.1 and the status packets have them."""
    assert (len(PRIORITIES), len(BUSINESS_TYPES), tuple(STATUSES)) == (5, 4, STATUS_CODES)
    assert sent_doc_id("a", "bc") != sent_doc_id("ab", "c")
