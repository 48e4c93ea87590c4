"""Packets as they come from systems in service: understood as people would, or refused by element before anything is stored."""

import time
from datetime import date, datetime

import pytest

from adapters.edoc_soap.mapping import document_for
from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.edxml.attachments import File, files_in
from contracts.edxml.edoc import packet_from
from contracts.edxml.envelopes import Incoming, envelope_of
from contracts.edxml.model import Packet, Status
from contracts.edxml.placing import with_files
from contracts.edxml.read import read, read_packet
from contracts.edxml.slim import restored
from contracts.edxml.when import VIETNAM
from contracts.errors import ContractError
from contracts.kinds import KINDS, read_body
from contracts.soap.mime import write_related
from tests.strict_packets import faults
from tests.wild_packets import CASES, COMMUNE, PDF, Expected, Refused, java, zipped
from tests.wild_packets import File as Inside

HUB = ("H01", datetime(2026, 11, 28, 8, 0, tzinfo=VIETNAM))
UNDERSTOOD = {name: case.octets for name, case in CASES.items() if isinstance(case.expected, Expected)}
REFUSED = {name: case for name, case in CASES.items() if isinstance(case.expected, Refused)}


def taken_in(octets: bytes) -> Incoming:
    return envelope_of(octets, sender=AgencyCode("H01.10"), received_on=date(2026, 11, 28))


def understood(octets: bytes) -> Expected:
    """What the hub makes of it, in the words of `Expected`."""
    incoming = taken_in(octets)
    envelope, found = incoming.envelope, read(incoming.envelope.body)
    if isinstance(found, Status):
        header = found.header
        return Expected(
            envelope.recipients, header.response_for.document_id or "", 0, 0, (), found.signed, header.status_code or ""
        )
    files = tuple((one.name, one.octets) for one in incoming.files)
    return Expected(
        envelope.recipients, found.header.document_id or "", found.business_type, envelope.priority, files, found.signed
    )


def unnamed(found: Expected) -> Expected:
    return found._replace(files=tuple(("*", octets) for _, octets in found.files))


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_what_can_be_understood_is(name: str) -> None:
    case = CASES[name]
    assert isinstance(case.expected, Expected)
    found = understood(case.octets)
    assert (unnamed(found) if case.expected.files[:1] and case.expected.files[0][0] == "*" else found) == case.expected


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_the_kind_reads_the_sender_s_octets_and_those_kept_alike(name: str) -> None:
    """REST in and a bus's packets mean the same."""
    envelope = taken_in(CASES[name].octets).envelope
    kind = KINDS[envelope.kind]
    kept = read_body(kind, envelope.body, envelope.media_type)
    sent = read_body(kind, CASES[name].octets, envelope.media_type)
    assert kept == sent


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_is_refused_by_element_at_once(name: str) -> None:
    case = REFUSED[name]
    assert isinstance(case.expected, Refused)
    started = time.process_time()
    with pytest.raises(ContractError) as refusal:
        envelope = taken_in(case.octets).envelope
        read_body(KINDS[envelope.kind], envelope.body, envelope.media_type)
    assert time.process_time() - started < 0.25  # 50 ms on a machine that does nothing else
    assert case.expected.code in refusal.value.code
    assert refusal.value.field.endswith(case.expected.place)
    kind = KINDS["document.status/1" if b"StatusCode" in case.octets else "document.packet/1"]
    with pytest.raises(ContractError) as by_rest:
        read_body(kind, case.octets, "application/edxml+xml")
    assert case.expected.code in by_rest.value.code


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_what_goes_out_obeys_the_profile(name: str) -> None:
    """What readers in service rely on, by a checker that knows nothing of our writer; signed ones stay."""
    incoming = taken_in(CASES[name].octets)
    out = restored(incoming.envelope.body, incoming.files, HUB)
    found = read(out)
    if found.signed and isinstance(found, Packet):
        assert out == CASES[name].octets
    elif not found.signed:
        assert faults(out) == []
        assert not isinstance(found, Packet) or [one.octets for one in files_in(found) if one] == [
            one.octets for one in incoming.files
        ]


@pytest.mark.parametrize("name", [name for name, octets in UNDERSTOOD.items() if b"StatusCode" not in octets])
def test_a_packet_that_came_with_its_files_inside_goes_out_as_well(name: str) -> None:
    """As the hub's own interface takes it: nothing of it was put beside it."""
    octets = CASES[name].octets
    out = restored(octets, (), HUB)
    if not read_packet(octets).signed:
        assert faults(out) == []
        assert [one.octets for one in files_in(read_packet(out)) if one] == [
            one.octets for one in files_in(read_packet(octets)) if one
        ]


@pytest.mark.parametrize("name", [name for name, octets in UNDERSTOOD.items() if b"StatusCode" not in octets])
def test_the_older_dialect_carries_it(name: str) -> None:
    """Every file is a part with a Content-ID of its own that a MIME header can bear."""
    incoming = taken_in(CASES[name].octets)
    code = AgencyCode(COMMUNE)
    parcel = Parcel(delivery_id=1, attempt=1, recipient=code, addressed_as=code, sequence=1, envelope=incoming.envelope)
    message = document_for(parcel, incoming.files, *HUB)
    write_related(b"<a/>", "text/xml", message.parts)
    back = packet_from(message.headers, message.manifest, message.parts)
    original = [CASES[name].octets] if read_packet(incoming.envelope.body).signed else []
    assert [one.octets for one in files_in(back) if one] == [one.octets for one in incoming.files] + original


def test_files_that_stand_inside_and_are_attached_besides_go_out_once() -> None:
    """A packet that came by the hub's own interface may have them in both places, unpacked or not."""
    packet = read_packet(java(files=[Inside("a.pdf", PDF, zipped("x.pdf", PDF)), Inside("b.pdf", b"%PDF-2")]).encode())
    attached = [
        File(name="a.pdf", media_type="application/pdf", octets=PDF),
        File(name="c.pdf", media_type="application/pdf", octets=b"%PDF-3"),
    ]
    found = files_in(with_files(packet, attached))
    assert [(one.name, one.octets) for one in found if one] == [("a.pdf", PDF), ("b.pdf", b"%PDF-2"), ("c.pdf", b"%PDF-3")]


def test_paper_in_the_list_is_said_where_readers_look_for_it() -> None:
    incoming = taken_in(CASES["paper in the list"].octets)
    out = restored(incoming.envelope.body, incoming.files, HUB)
    assert read_packet(out).trace.bussiness.paper == "1"
    assert out.count(b"<edXML:Paper>") == 1
