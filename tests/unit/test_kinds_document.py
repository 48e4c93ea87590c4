"""edXML packets as they really arrive: the header is found in all of them."""

import pytest

from contracts.envelope import Identifier
from contracts.errors import ContractError
from contracts.kinds import KINDS, read_body
from contracts.kinds.document import DocumentPacket, DocumentStatus, read_packet, read_status
from contracts.kinds.document_examples import PACKET, STATUS

TEXT = PACKET.decode()
PACKET_KIND, STATUS_KIND = KINDS["document.packet/1"], KINDS["document.status/1"]
SUMMARY = read_packet(PACKET)
HEADER = "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader"
TRACE = "/edXML/edXMLEnvelope/edXMLHeader/TraceHeaderList"


def without(name: str, text: str = TEXT) -> bytes:
    """The packet without the first element of this name."""
    before, _, rest = text.partition(f"<edXML:{name}>")
    return (before + rest.partition(f"</edXML:{name}>")[2]).encode()


def test_the_header_gives_addressing_and_index() -> None:
    """Who, to whom, which document, how urgent, new or not."""
    assert (
        DocumentPacket(
            from_organ="000.00.10.H01",
            to_organs=("H01.134", "H01.15"),
            document_id="000.00.10.H01,2026/11/18,2217/SNNMT-VP",
            number="2217",
            notation="SNNMT-VP",
            promulgated="2026/11/18",
            type_name="Công văn",
            subject="Phối hợp giải quyết hồ sơ đất đai theo mô hình chính quyền địa phương hai cấp",
            priority=1,
            business_type=0,
            earlier=("H01.15,2026/11/12,904/STP-HCTP",),
        )
        == SUMMARY
    )


@pytest.mark.parametrize("media_type", ["application/xml", "application/edxml+xml", "text/xml"])
def test_a_document_is_found_by_its_id_its_number_and_what_it_answers(media_type: str) -> None:
    """One document, one lane."""
    reading = read_body(PACKET_KIND, PACKET, media_type)
    assert set(reading.identifiers) == {
        Identifier("document", "000.00.10.H01,2026/11/18,2217/SNNMT-VP"),
        Identifier("document", "H01.15,2026/11/12,904/STP-HCTP"),
        Identifier("notation", "2217/SNNMT-VP"),
    }
    assert reading.order_key == "000.00.10.H01,2026/11/18,2217/SNNMT-VP"


def test_a_status_goes_to_the_body_whose_document_it_is_about() -> None:
    """It has no addressee of its own, and it takes the lane of the document."""
    assert read_status(STATUS) == DocumentStatus(
        from_organ="H01.134",
        to_organ="000.00.10.H01",
        document_id="000.00.10.H01,2026/11/18,2217/SNNMT-VP",
        status_code="03",
        notation="2217/SNNMT-VP",
        description="Văn thư đã tiếp nhận và vào sổ văn bản đến",
        at="2026/11/18 10:02:11",
    )
    reading = read_body(STATUS_KIND, STATUS, "application/xml")
    assert reading.order_key == read_body(PACKET_KIND, PACKET, "application/xml").order_key
    assert Identifier("notation", "2217/SNNMT-VP") in reading.identifiers


SAME = {
    "no prefix": TEXT.replace("edXML:", "").replace("<edXML>", "<edXML>"),
    "another prefix": TEXT.replace("edXML:", "e:").replace("xmlns:edXML", "xmlns:e"),
    "the e-doc namespace": TEXT.replace("http://www.mic.gov.vn/TBT/QCVN_102_2016", "http://www.e-doc.vn/Schema/"),
    "no namespace": TEXT.replace(' xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"', "")
    .replace(' xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"', "")
    .replace("edXML:", ""),
    "root EdXML": TEXT.replace("<edXML ", "<EdXML ").replace("</edXML>", "</EdXML>"),
    "stray bytes before the declaration": "1212" + TEXT,
    "a byte order mark": "\ufeff" + TEXT,
    "UTF-16 declared, UTF-8 sent": TEXT.replace('encoding="UTF-8"', 'encoding="utf-16"'),
    "white space around values": TEXT.replace(">H01.134<", ">\n   H01.134 \t<").replace(">1</edXML:Pri", "> 1 </edXML:Pri"),
    "an undeclared prefix xlink": TEXT.replace("<edXML:Reference>", '<edXML:Reference xlink:href="cid:x">'),
    "unknown elements": TEXT.replace("<edXML:Subject>", "<edXML:New><edXML:OrganId>x</edXML:OrganId></edXML:New><edXML:Subject>"),
    "a signature": TEXT.replace(
        "</edXML:edXMLHeader>",
        '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature></edXML:edXMLHeader>',
    ),
    "an empty addressee": TEXT.replace("<edXML:To>", "<edXML:To><edXML:OrganId/></edXML:To><edXML:To>", 1),
    "an empty business type": TEXT.replace(">0</edXML:BussinessDocType>", "></edXML:BussinessDocType>"),
    "no business": without("Bussiness").decode(),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME.keys())
def test_habits_of_senders_do_not_change_what_is_read(text: str) -> None:
    """Each of these arrives from systems in service."""
    assert text != TEXT
    assert read_packet(text.encode()) == SUMMARY


def test_the_order_of_elements_is_free() -> None:
    """The regulation puts DocumentId last, the common library third, status samples swap others."""
    moved = (
        without("DocumentId")
        .decode()
        .replace("</edXML:MessageHeader>", "<edXML:DocumentId>A,2026/11/18,1</edXML:DocumentId></edXML:MessageHeader>")
    )
    assert read_packet(moved.encode()).document_id == "A,2026/11/18,1"


def test_the_header_may_stand_directly_under_the_root() -> None:
    """Some senders leave the envelope out."""
    text = TEXT.replace('<edXML:edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">', "").replace(
        "</edXML:edXMLEnvelope>", ""
    )
    assert read_packet(text.replace("edXML:", "").encode()) == SUMMARY


def test_documents_replaced_or_updated_are_found_too() -> None:
    """The timeline of the old document shows the new one."""
    business = """<edXML:BussinessDocType>3</edXML:BussinessDocType><edXML:DocumentId>OLD-1</edXML:DocumentId>
      <edXML:ReplacementInfoList><edXML:ReplacementInfo><edXML:DocumentId>OLD-2</edXML:DocumentId>
      <edXML:OrganIdList><edXML:OrganId>H01.15</edXML:OrganId></edXML:OrganIdList></edXML:ReplacementInfo>
      <edXML:ReplacementInfo><edXML:DocumentId>OLD-3</edXML:DocumentId></edXML:ReplacementInfo></edXML:ReplacementInfoList>"""
    summary = read_packet(TEXT.replace("<edXML:BussinessDocType>0</edXML:BussinessDocType>", business).encode())
    assert summary.business_type == 3
    assert summary.earlier == ("H01.15,2026/11/12,904/STP-HCTP", "OLD-1", "OLD-2", "OLD-3")


def test_an_attachment_larger_than_ten_megabytes_is_carried() -> None:
    """The usual limit of XML parsers for one text must not be the limit for a scanned plan."""
    large = TEXT.replace("S8OtbmggZ+G7rWkgUXXDvSBjxqEgcXVhbi4=", "QUJD" * 3_000_000)
    assert read_packet(large.encode()) == SUMMARY


def test_codes_of_status_that_nobody_has_seen_are_carried() -> None:
    """07 to 12 and 14 may get a meaning; leading zeros count."""
    assert read_status(STATUS.replace(b">03<", b">07<")).status_code == "07"


@pytest.mark.parametrize(
    ("octets", "field"),
    [
        (without("DocumentId"), f"{HEADER}/DocumentId"),
        (without("From"), f"{HEADER}/From/OrganId"),
        (without("To", without("To").decode()), f"{HEADER}/To/OrganId"),
        (without("MessageHeader"), HEADER),
        (TEXT.replace("<edXML:Priority>1", "<edXML:Priority>7").encode(), f"{HEADER}/OtherInfo/Priority"),
        (TEXT.replace("DocType>0", "DocType>mới").encode(), f"{TRACE}/Bussiness/BussinessDocType"),
        (TEXT.replace(">H01.134<", ">xã Vĩnh Thạnh Trung<").encode(), f"{HEADER}/To/OrganId"),
        (TEXT.replace("2217/SNNMT-VP<", "1" * 201 + "<", 1).encode(), f"{HEADER}/DocumentId"),
        (b"<x/>", "/"),
        (b'<edXML xmlns="urn:other"/>', "/"),
    ],
)
def test_a_packet_that_cannot_be_addressed_is_refused_with_the_element(octets: bytes, field: str) -> None:
    """Leniency ends where the hub would have to guess; values are not repeated."""
    with pytest.raises(ContractError) as refusal:
        read_body(PACKET_KIND, octets, "application/xml")
    assert (refusal.value.code, refusal.value.field) == ("body.invalid", field)
    assert "Vĩnh" not in refusal.value.detail


def test_a_status_is_no_packet_and_a_packet_no_status() -> None:
    """The kind on the envelope and the packet inside must agree."""
    with pytest.raises(ContractError) as refusal:
        read_packet(STATUS)
    assert refusal.value.code == "body.invalid"
    with pytest.raises(ContractError) as refusal:
        read_status(PACKET)
    assert refusal.value.field == f"{HEADER}/StatusCode"


@pytest.mark.parametrize("octets", [b"<!DOCTYPE edXML>" + PACKET[39:], PACKET[:-30], b"", b"1212", b"\x00" * 70 + PACKET])
def test_a_broken_or_hostile_packet_is_malformed(octets: bytes) -> None:
    """A truncated upload shows here, before anything is stored."""
    with pytest.raises(ContractError) as refusal:
        read_body(PACKET_KIND, octets, "application/edxml+xml")
    assert refusal.value.code == "body.malformed"
