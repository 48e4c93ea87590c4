"""Packets: written and read again, made slim and whole again, changed into the older dialect and back."""

from datetime import date, datetime

from contracts.agency import AgencyCode
from contracts.edxml.attachments import files_in
from contracts.edxml.edoc import element_of, message_of, packet_from, status_from
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.read import read_packet, read_status
from contracts.edxml.slim import restored, slimmed
from contracts.edxml.when import VIETNAM
from contracts.edxml.write import write_packet, write_status
from contracts.kinds import KINDS, read_body
from contracts.kinds.document_examples import PACKET, STATUS

HUB = ("H01", datetime(2026, 11, 28, 8, 0, tzinfo=VIETNAM))
DEPARTMENT = AgencyCode("H01.10")


def test_what_is_written_is_read_again() -> None:
    """Strictly written, leniently read: the same packet."""
    assert read_packet(write_packet(read_packet(PACKET))) == read_packet(PACKET)
    assert read_status(write_status(read_status(STATUS))) == read_status(STATUS)


def test_the_hub_keeps_files_beside_the_packet_and_gives_them_back_inside() -> None:
    """A recipient of packets sees the same document, with one more hop."""
    before = read_packet(PACKET)
    slim = slimmed(PACKET)
    after = read_packet(restored(slim.body, slim.files, HUB))
    assert b"ContentTransferEncoded" not in slim.body
    assert (after.header, after.references, files_in(after)) == (before.header, before.references, files_in(before))
    assert [hop.organ_id for hop in after.trace.trace_header] == ["000.00.10.H01", "H01"]


def test_a_mark_that_a_sender_made_up_is_not_kept() -> None:
    """It would stand for a file that the sender does not have."""
    forged = b'<Kept xmlns="urn:lgsp:edxml:1" digest="sha256:' + b"0" * 64 + b'"/>'
    slim = slimmed(PACKET.replace(b"<Attachment>", b"<Attachment>" + forged))
    assert b"0" * 64 not in slim.body and slim.body.count(b"Kept ") == 1
    assert files_in(read_packet(restored(slim.body, slim.files, HUB))) == files_in(read_packet(PACKET))


def test_the_same_packet_makes_the_same_envelope() -> None:
    """No clock and no chance in it: whoever sends again gets the same receipt."""
    first = envelope_of(PACKET, sender=DEPARTMENT, received_on=date(2026, 11, 28))
    again = envelope_of(PACKET, sender=DEPARTMENT, received_on=date(2026, 11, 29))
    assert first == again
    assert first.envelope.recipients == ("H01.134", "H01.15")
    assert first.envelope.created_at == datetime(2026, 11, 18, 9, 30, tzinfo=VIETNAM)
    assert read_body(KINDS["document.packet/1"], first.envelope.body, first.envelope.media_type) == read_body(
        KINDS["document.packet/1"], PACKET, first.envelope.media_type
    )


def test_a_document_of_the_older_dialect_says_the_same() -> None:
    """Header blocks, manifest and MIME parts there, one file here."""
    slim = slimmed(PACKET)
    message = message_of(slim.packet, slim.files)
    back = packet_from(message.headers, message.manifest, message.parts)
    assert files_in(back) == files_in(read_packet(PACKET))
    assert read_packet(write_packet(back)) == read_packet(PACKET)
    assert read_status(write_status(status_from(element_of(read_status(STATUS))))) == read_status(STATUS)
