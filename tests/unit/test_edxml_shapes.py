"""Packets in the shapes of systems in service: whatever they look like, the same is read, kept and given back."""

from datetime import date, datetime

import pytest

from contracts.agency import AgencyCode
from contracts.edxml.attachments import files_in
from contracts.edxml.edoc import message_of, packet_from
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.model import Packet
from contracts.edxml.read import read_packet, read_status
from contracts.edxml.slim import restored, slimmed
from contracts.edxml.when import VIETNAM
from contracts.edxml.write import write_packet
from contracts.errors import ContractError
from contracts.kinds import KINDS, read_body
from tests.edxml_packets import DOCUMENTS, SAID, SIGNED, STATUS_CODES, WITHOUT_BUSSINESS, Said, java, status

HUB = ("H37", datetime(2026, 11, 28, 8, 0, tzinfo=VIETNAM))
BUSINESS = {0: None, 1: "recall", 2: "update", 3: "replace"}


def test_the_older_dialect_names_only_what_is_there() -> None:
    """A recall may name a file that it does not bring; readers of that generation refuse such a manifest."""
    slim = slimmed(
        java(Said(business_type=1)).replace(b"<Attachment>", b"<Nothing>", 1).replace(b"</Attachment>", b"</Nothing>", 1)
    )
    message = message_of(slim.packet, slim.files)
    assert len(slim.packet.references) == 2
    assert [one.get("{http://www.w3.org/1999/xlink}href") for one in message.manifest] == ["cid:2"]
    assert [part.content_id for part in message.parts] == ["2"]


def said_by(octets: bytes) -> Said:
    """What a packet says, for comparison with what was to be said."""
    packet = read_packet(octets)
    return Said(
        sender=packet.header.from_.organ_id or "",
        sender_name=packet.header.from_.organ_name or "",
        recipients=packet.recipients,
        document_id=packet.header.document_id or "",
        number=(packet.header.code and packet.header.code.code_number) or "",
        notation=(packet.header.code and packet.header.code.code_notation) or "",
        promulgated=promulgated(packet),
        subject=packet.header.subject or "",
        business_type=packet.business_type,
        files=tuple((file.name, file.octets) for file in files_in(packet) if file is not None),
    )


def promulgated(packet: Packet) -> str:
    info = packet.header.promulgation_info
    return info.promulgation_date.strict if info and info.promulgation_date else ""


@pytest.mark.parametrize("shape", DOCUMENTS)
def test_every_shape_says_the_same(shape: str) -> None:
    """Header, addressees and files, unpacked, under their own names."""
    assert said_by(DOCUMENTS[shape](SAID)) == SAID


@pytest.mark.parametrize("shape", DOCUMENTS)
def test_types_are_those_of_the_files_whatever_is_stated(shape: str) -> None:
    """A PDF is a PDF though the packet says application/zip, and the other way round."""
    types = [file.media_type for file in files_in(read_packet(DOCUMENTS[shape](SAID))) if file is not None]
    assert types == ["application/pdf", "application/msword"]


@pytest.mark.parametrize("shape", [shape for shape in DOCUMENTS if shape not in SIGNED])
def test_kept_slim_and_given_back_it_says_the_same(shape: str) -> None:
    """Strictly written now, with one hop more; what readers without namespaces look for is there literally."""
    octets = DOCUMENTS[shape](SAID)
    slim = slimmed(octets)
    whole = restored(slim.body, slim.files, HUB)
    before, after = read_packet(octets), read_packet(whole)
    assert len(slim.body) < len(octets)
    assert said_by(whole) == SAID
    assert (after.header, after.repairs) == (read_packet(write_packet(before, carried=True)).header, ())
    assert after.trace.trace_header[:-1] == before.trace.trace_header
    assert after.trace.trace_header[-1].organ_id == "H37"
    assert b"<edXML:OrganId>" in whole
    assert whole.index(b"<AttachmentEncoded>") > whole.index(b"</edXML:edXMLEnvelope>")
    assert whole.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')


@pytest.mark.parametrize("shape", sorted(SIGNED))
def test_signed_octets_are_not_touched(shape: str) -> None:
    """In either namespace of the signature, verifiable or not; the files are at hand besides."""
    octets = DOCUMENTS[shape](SAID)
    slim = slimmed(octets)
    assert (slim.body, restored(slim.body, slim.files, HUB)) == (octets, octets)
    assert [file.octets for file in slim.files] == [content for _, content in SAID.files]


@pytest.mark.parametrize("shape", DOCUMENTS)
def test_the_older_dialect_says_the_same_and_comes_back(shape: str) -> None:
    """As header blocks, manifest and MIME parts, and as a packet again."""
    slim = slimmed(DOCUMENTS[shape](SAID))
    message = message_of(slim.packet, slim.files)
    back = packet_from(message.headers, message.manifest, message.parts)
    header = message.headers[0]
    assert header.find("{http://www.e-doc.vn/Schema/}SignerInfo") is None
    assert header.findtext("{*}PromulgationInfo/{*}PromulgationDate") == "30/09/2025"
    assert [part.octets for part in message.parts] == [content for _, content in SAID.files]
    assert (back.recipients, back.header.document_id, promulgated(back)) == (SAID.recipients, SAID.document_id, SAID.promulgated)
    assert [file.octets for file in files_in(back) if file] == [content for _, content in SAID.files]


@pytest.mark.parametrize("shape", sorted(DOCUMENTS.keys() - WITHOUT_BUSSINESS))
@pytest.mark.parametrize("business_type", [0, 1, 2, 3])
def test_the_envelope_of_every_business_type_is_read_by_its_kind(shape: str, business_type: int) -> None:
    """New, recall, update, replacement: addressed alike, and the hub sees what is asked."""
    incoming = envelope_of(
        DOCUMENTS[shape](Said(business_type=business_type)), sender=AgencyCode("G22"), received_on=date(2026, 11, 28)
    )
    envelope = incoming.envelope
    reading = read_body(KINDS[envelope.kind], envelope.body, envelope.media_type)
    assert (envelope.sender, envelope.recipients) == ("G22", SAID.recipients)
    assert [(one.name, one.digest) for one in envelope.attachments] == [(one.name, one.digest) for one in incoming.files]
    assert (reading.intent and reading.intent.action) == BUSINESS[business_type]
    assert reading.intent is None or reading.intent.complete is (business_type != 1)


def test_a_new_document_is_one_by_its_number_and_each_recall_by_its_octets() -> None:
    """A client that builds its packet anew after a time-out is told that the number was used; a second recall is another one."""
    ids = {
        name: envelope_of(java(said), sender=AgencyCode("G22"), received_on=date(2026, 11, 28)).envelope.message_id
        for name, said in {
            "new": Said(),
            "new, other words": Said(subject="Khác"),
            "recall": Said(business_type=1),
            "recall, other words": Said(business_type=1, reason="Nhầm phụ lục"),
            "another document": Said(document_id="000.00.00.G22,2025/09/30,7817/VPCP-TTĐT"),
        }.items()
    }
    assert ids["new"] == ids["new, other words"]
    assert len(set(ids.values())) == 4
    assert all(len(one) == 24 and int(one, 16) >= 0 for one in ids.values())


@pytest.mark.parametrize("code", [*STATUS_CODES, "07", "14"])
def test_a_status_of_every_code_goes_to_the_body_whose_document_it_is_about(code: str) -> None:
    """Codes that nobody has seen are carried."""
    envelope = envelope_of(status(code), sender=AgencyCode("H17.22"), received_on=date(2026, 11, 28)).envelope
    assert (envelope.kind, envelope.recipients, envelope.attachments) == ("document.status/1", ("000.00.00.G22",), ())
    assert envelope.created_at == datetime(2025, 10, 14, 8, 0, tzinfo=VIETNAM)
    assert read_status(restored(envelope.body, (), HUB)) == read_status(status(code))


def test_code_and_organ_that_a_client_exchanges_are_put_right() -> None:
    """No code of an agency has a stroke, and every notation has one."""
    found = read_status(status("13", swapped=True))
    assert (found.header, found.repairs) == (read_status(status("13")).header, ("code_and_organ_exchanged",))


def test_a_document_where_a_status_belongs_is_refused_and_the_other_way_round() -> None:
    """The message type that a call states is checked by whoever reads."""
    for read, octets in ((read_packet, status()), (read_status, java())):
        with pytest.raises(ContractError) as refusal:
            read(octets)
        assert (refusal.value.code, refusal.value.field.rpartition("/")[2]) == ("body.invalid", "StatusCode")
