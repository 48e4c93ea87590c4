"""What holds for all packets: what is written is read, what is kept is given back, and nothing that is read is a surprise."""

import string
from datetime import date, datetime
from functools import cache

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.agency import AgencyCode
from contracts.edxml.attachments import File, files_in
from contracts.edxml.codes import document_type
from contracts.edxml.edoc import element_of, message_of, packet_from, status_from
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.ids import delivery_id_of, document_id, is_three_parts, received_doc_id
from contracts.edxml.media import media_type
from contracts.edxml.model import (
    Bussiness,
    Group,
    MessageHeader,
    Organization,
    Packet,
    ResponseFor,
    Status,
    StatusHeader,
    TraceHeaderList,
)
from contracts.edxml.placing import with_files
from contracts.edxml.read import read, read_packet, read_status
from contracts.edxml.shape import elements
from contracts.edxml.slim import restored, slimmed
from contracts.edxml.when import VIETNAM, When
from contracts.edxml.write import write_packet, write_status
from contracts.errors import ContractError
from tests.edxml_packets import DOCUMENTS, SAID, STATUS_CODES, status

HUB = ("H37", datetime(2026, 11, 28, 8, 0, tzinfo=VIETNAM))

# Everything that XML carries, without the white space that is trimmed and line ends that it makes one of.
letters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
texts = st.text(letters, min_size=1, max_size=40).map(str.strip).filter(bool)
codes = st.text(string.ascii_letters + string.digits, min_size=1, max_size=12)
days = st.dates(date(1900, 1, 1), date(2200, 12, 31))
whens = st.one_of(
    days.map(lambda on: When(on.strftime("%Y/%m/%d"))),
    st.builds(lambda on, at: When(f"{on:%Y/%m/%d} {at:%H:%M:%S}"), days, st.times()),
    st.sampled_from([When("2014/02/30"), When("không rõ")]),
)


@cache
def groups(group: type[Group]) -> st.SearchStrategy[Group]:
    """Any group of the model, from its shape."""
    fields = {}
    for element in elements(group):
        one = {"text": texts, "when": whens, "number": st.integers(element.low, element.high)}.get(element.kind)
        if element.group is not None:
            one = groups(element.group).filter(lambda value, group=element.group: value != group())
        assert one is not None
        fields[element.field] = st.lists(one, max_size=3).map(tuple) if element.many else one
        if not element.many and element.kind != "number":
            fields[element.field] = st.one_of(st.just(element.default), one)
    return st.builds(group, **fields)


organizations = st.builds(Organization, organ_id=codes, organ_name=texts)
headers = st.builds(
    lambda header, sender, to, number: msgspec.structs.replace(header, from_=sender, to=to, document_id=number),
    groups(MessageHeader),
    organizations,
    st.lists(organizations, min_size=1, max_size=4, unique_by=lambda one: one.organ_id).map(tuple),
    texts,
)
traces = groups(TraceHeaderList).map(
    lambda trace: msgspec.structs.replace(trace, bussiness=_complete(trace.bussiness))  # type: ignore[attr-defined]
)
files = st.lists(
    st.builds(
        lambda name, octets, zipped: File(name=name, media_type=media_type(octets, name, None), octets=octets, zipped=zipped),
        codes.map("{}.bin".format),
        st.binary(min_size=1, max_size=200),
        st.booleans(),
    ),
    max_size=4,
    unique_by=(lambda file: file.octets, lambda file: file.name.casefold()),
)
packets = st.builds(Packet, header=headers, trace=traces)
statuses = st.builds(
    lambda header, sender, about, code: Status(
        header=msgspec.structs.replace(header, from_=sender, response_for=about, status_code=code)
    ),
    groups(StatusHeader),
    organizations,
    st.builds(ResponseFor, organ_id=codes, document_id=texts),
    st.from_regex("[0-9]{2}", fullmatch=True).filter(str.isascii),
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _complete(bussiness: Bussiness) -> Bussiness:
    """With what is written where a sender says nothing."""
    return msgspec.structs.replace(
        bussiness, bussiness_doc_reason=bussiness.bussiness_doc_reason or "Lý do", paper=bussiness.paper or "0"
    )


def without_repairs(packet: Packet) -> Packet:
    return msgspec.structs.replace(packet, repairs=())


@QUICK
@given(packets)
def test_a_packet_that_is_written_is_read_as_it_was(packet: Packet) -> None:
    """Every element of the model, in any combination, with any text that XML can carry."""
    assert without_repairs(read_packet(write_packet(packet, carried=True))) == packet


@QUICK
@given(statuses)
def test_a_status_that_is_written_is_read_as_it_was(said: Status) -> None:
    """In both dialects."""
    assert msgspec.structs.replace(read_status(write_status(said, carried=True)), repairs=()) == said
    again = status_from(element_of(said))
    assert write_status(again, carried=True) == write_status(said, carried=True)


@QUICK
@given(packets, files)
def test_what_is_kept_slim_is_given_back_whole(packet: Packet, inside: list[File]) -> None:
    """The same header, the same files in the same order, packed as their sender had packed them, and one hop."""
    octets = write_packet(with_files(packet, inside), carried=True)
    slim = slimmed(octets)
    whole = restored(slim.body, slim.files, HUB)
    before, after = read_packet(octets), read_packet(whole)
    assert (after.header, after.references) == (before.header, before.references)
    assert after.attachments == before.attachments
    assert files_in(after) == files_in(before)
    assert [file.octets for file in slim.files] == [file.octets for file in inside]
    assert after.trace.trace_header[:-1] == before.trace.trace_header
    assert slimmed(whole).files == slim.files


@QUICK
@given(packets, files)
def test_the_older_dialect_holds_all_of_a_packet(packet: Packet, inside: list[File]) -> None:
    """There and back, it is written the same."""
    message = message_of(packet, inside)
    back = packet_from(message.headers, message.manifest, message.parts)
    plain = [msgspec.structs.replace(file, zipped=False) for file in inside]
    assert write_packet(back, carried=True) == write_packet(with_files(packet, plain), carried=True)


SHAPES = [make(SAID) for make in DOCUMENTS.values()] + [status(code) for code in STATUS_CODES]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SHAPES), st.data())
def test_a_packet_changed_anywhere_is_read_or_refused(octets: bytes, data: st.DataObject) -> None:
    """Octets changed, cut out, doubled or moved: a refusal of the catalogue, or a packet; never anything else."""
    changed = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(changed)))
        end = min(len(changed), start + data.draw(st.integers(0, 60)))
        new = data.draw(st.one_of(st.binary(max_size=8), st.just(bytes(changed[start:end]) * 2), st.sampled_from(MARKUP)))
        changed[start:end] = new
    read_or_refused(bytes(changed))


MARKUP = [b"<", b">", b"</edXML:To>", b"<edXML:To>", b"&", b"\xff\xfe", b"<?xml?>", b"<!--", b"]]>", b"<![CDATA[", b"xmlns:a='b'",
          b"<edXML:MessageHeader>", b"<edXML:StatusCode>01</edXML:StatusCode>", b"\x00", b"=", b"PK\x03\x04"]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_octets_of_any_kind_are_refused(octets: bytes) -> None:
    """Nothing that is not XML gets further."""
    read_or_refused(octets)


def read_or_refused(octets: bytes) -> None:
    try:
        read(octets)
        incoming = envelope_of(octets, sender=AgencyCode("G22"), received_on=date(2026, 11, 28))
        restored(incoming.envelope.body, incoming.files, HUB)
    except ContractError as refusal:
        assert refusal.code in {
            "body.malformed", "body.invalid", "edxml.too_many_files", "edxml.file_encoding", "edxml.archive_expands",
            "attachment.too_large", "agency.code_malformed", "envelope.field_invalid",
        }  # fmt: skip


@given(st.integers(0, 2**63 - 1))
def test_the_id_of_something_received_holds_its_delivery(delivery_id: int) -> None:
    """24 hexadecimal digits, in either case, and no id of something sent is taken for one."""
    doc_id = received_doc_id(delivery_id)
    assert (len(doc_id), delivery_id_of(doc_id), delivery_id_of(doc_id.upper())) == (24, delivery_id, delivery_id)
    assert delivery_id_of(doc_id[:-1] + ("0" if doc_id[-1] != "0" else "1")) is None


@given(codes, st.dates(date(1900, 1, 1), date(2200, 1, 1)), texts, texts)
def test_a_document_id_has_three_parts_whatever_its_parts_are(organ: str, on: date, number: str, notation: str) -> None:
    """Readers split at commas and drop what has not three parts."""
    made = document_id(organ, on, number, notation)
    assert made.count(",") == 2
    assert is_three_parts(made)


@given(st.text(max_size=10), st.text(max_size=10), st.one_of(st.text(max_size=20), st.just("Công văn")))
def test_a_document_type_is_known_or_not(type_: str, detail: str, name: str) -> None:
    """By its name first, whatever the codes say."""
    found = document_type(type_, detail, name)
    if name == "Công văn":
        assert found is not None
        assert (found.group, found.number) == ("B", 18)
