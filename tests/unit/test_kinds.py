"""The catalogue of kinds and the reading of JSON bodies."""

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import Identifier
from contracts.errors import ContractError
from contracts.kinds import KINDS, Kind, find, read_body
from contracts.kinds.catalogue import JSON, XML
from contracts.kinds.codes import ApplicantKind, CaseStatus, Channel, FeeCollection, FeeKind, Labelled, PaperCopy, ReturnWay
from contracts.kinds.postal import PostalEvent
from contracts.kinds.postal_codes import EMSEVT

CASE_FILE = KINDS["case.file/1"]
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)


def example(key: str, place: int = 0) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(KINDS[key].examples[place].body)
    return fields


def read(key: str, fields: object) -> Any:
    return read_body(KINDS[key], msgspec.json.encode(fields), JSON)


def refusal_of(key: str, octets: bytes, media_type: str = JSON) -> ContractError:
    with pytest.raises(ContractError) as refusal:
        read_body(KINDS[key], octets, media_type)
    return refusal.value


# --- the catalogue -------------------------------------------------------------------------------------------------------


def test_the_first_kinds_are_there() -> None:
    """What partners were promised in version 1 stays for ever."""
    names = "case.file case.transfer case.progress case.supplement case.result postal.registration postal.order postal.event "
    names += "postal.cancel postal.settlement document.packet document.status receipt refusal delivery.status"
    assert {f"{name}/1" for name in names.split()} <= set(KINDS)


@each_kind
def test_every_kind_says_what_it_is_in_both_languages(kind: Kind) -> None:
    """Titles, source and who may send it; at least one example."""
    assert find(kind.key) is kind
    assert not kind.title_vi.isascii()
    assert kind.title_en.isascii()
    assert kind.source
    assert kind.senders
    assert kind.sender_roles
    assert kind.examples
    assert len({one.name for one in kind.examples}) == len(kind.examples)


@each_kind
def test_every_field_is_named_in_both_languages(kind: Kind) -> None:
    """A connector is written from the schema alone. (Receipt and refusal are made by the hub and explained in the handbook.)"""
    if kind.name in ("receipt", "refusal"):
        return
    schema = msgspec.json.schema(kind.model)
    for name, definition in schema["$defs"].items():
        for field, said in definition.get("properties", {}).items():
            noted = next((one for one in said.get("anyOf", [said]) if "title" in one), said)
            assert not noted["title"].isascii() or noted["title"].istitle(), f"{name}.{field}"
            assert noted["description"].endswith("."), f"{name}.{field}"


@pytest.mark.parametrize("asked", ["case.flie/1", "case.file/2", "case.file", "Case.File/1"])
def test_an_unknown_kind_is_refused_with_what_was_probably_meant(asked: str) -> None:
    """A typing error is the usual cause."""
    with pytest.raises(ContractError) as refusal:
        find(asked)
    assert (refusal.value.code, refusal.value.field) == ("kind.unknown", "/kind")
    assert "case.file/1" in refusal.value.detail


@given(st.text(max_size=300))
def test_any_text_may_be_asked_for(asked: str) -> None:
    """Whatever is asked for, the answer is a kind or the one refusal."""
    try:
        assert find(asked).key == asked
    except ContractError as refusal:
        assert refusal.code == "kind.unknown"


def test_there_are_ten_states_and_three_ends() -> None:
    """The national list; 7 asks for an end and is none, 9 waits for the hand-over."""
    assert [int(status) for status in CaseStatus] == list(range(1, 11))
    assert {int(status) for status in CaseStatus if status.terminal} == {3, 8, 10}
    assert CaseStatus(9).label_vi == "Đã xử lý xong"


@pytest.mark.parametrize("codes", [CaseStatus, Channel, ReturnWay, ApplicantKind, PaperCopy, FeeCollection, FeeKind])
def test_every_code_has_both_labels(codes: type[Labelled]) -> None:
    """Code lists are shown to people, and travel as bare numbers."""
    for code in codes:
        assert not code.label_vi.isascii()
        assert code.label_en.isascii()
        assert msgspec.json.encode(code) == str(int(code)).encode()


def test_the_events_of_a_parcel_are_those_of_the_table() -> None:
    """The model's list and the table of EMSEVT are one list."""
    codes = {one["enum"] and frozenset(one["enum"]) for one in _properties(PostalEvent)["event_code"]["anyOf"] if "enum" in one}
    assert codes == {frozenset(EMSEVT)}
    states = frozenset(_properties(PostalEvent)["state"]["enum"])
    assert {state for _, _, state in EMSEVT.values() if state is not None} <= states


def _properties(model: type[Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.schema(model)["$defs"][model.__name__]["properties"]
    return found


# --- reading ------------------------------------------------------------------------------------------------------------------


@each_kind
def test_every_example_is_read_with_its_names_and_lane(kind: Kind) -> None:
    """Examples are what people start from: they must pass."""
    for one in kind.examples:
        if JSON in kind.media_types:
            reading = read_body(kind, msgspec.json.encode(one.body), JSON)
        else:
            assert one.octets is not None
            reading = read_body(kind, one.octets, XML)
        assert reading.model == one.body
        assert reading.order_key
        assert all(identifier.value for identifier in reading.identifiers)


def test_a_case_is_found_by_all_its_numbers() -> None:
    """The number at the desk, the receipt number, the number of the national portal."""
    assert read("case.file/1", example("case.file/1")).identifiers == (
        Identifier("case", "H01.134-20261118-0000042"),
        Identifier("receipt", "AG.VTT.26.004217"),
        Identifier("dvcqg", "G22.99-261118-0071530"),
    )


def test_a_transfer_is_also_found_by_the_numbers_of_the_case_inside() -> None:
    """The sender of a transfer need not repeat them; none is named twice."""
    fields = example("case.transfer/1")
    del fields["aliases"]
    found = read("case.transfer/1", fields).identifiers
    assert [one.scheme for one in found] == ["case", "receipt", "dvcqg"]


@pytest.mark.parametrize("key", ["case.file/1", "case.transfer/1", "case.progress/1", "case.supplement/1", "case.result/1"])
def test_everything_about_one_case_takes_one_lane(key: str) -> None:
    """A recipient gets the messages of a case in order whatever their kind."""
    assert read(key, example(key)).order_key == "H01.134-20261118-0000042"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("postal.registration/1", 0),
        ("postal.registration/1", 1),
        ("postal.order/1", 0),
        ("postal.order/1", 1),
        ("postal.event/1", 0),
        ("postal.cancel/1", 0),
    ],
)
def test_a_postal_leg_takes_the_lane_of_its_case(key: str, place: int) -> None:
    """Also where the order has a number of its own; it is found by both."""
    reading = read(key, example(key, place))
    assert reading.order_key == "H01.134-20261118-0000042"
    assert {"postal_order", "case"} <= {one.scheme for one in reading.identifiers}


def test_a_parcel_is_found_by_its_item_code() -> None:
    """The number on the label is what a citizen has in hand."""
    assert Identifier("postal_item", "EL123456785VN") in read("postal.event/1", example("postal.event/1")).identifiers


def test_a_settlement_is_found_by_every_order_in_it() -> None:
    """The timeline of a case shows what was charged for it; days of one customer keep their order."""
    reading = read("postal.settlement/1", example("postal.settlement/1"))
    assert [one.value for one in reading.identifiers] == ["H01.134-20261118-0000042", "TG-000057", "H01.134-20261125-0000051"]
    assert reading.order_key == "settlement AG-VPDK-0117"


def test_decomposed_text_is_kept_and_found_as_composed() -> None:
    """The model holds what was received; only keys are normalised, and the lane is the same for both forms."""
    number = "H01.134-ĐẤT-0042"
    composed, decomposed = example("case.file/1"), example("case.file/1")
    composed["case_number"], decomposed["case_number"] = number, unicodedata.normalize("NFD", number)
    one, other = read("case.file/1", composed), read("case.file/1", decomposed)
    assert other.model.case_number == unicodedata.normalize("NFD", number) != number
    assert one.identifiers[0].key == other.identifiers[0].key
    assert one.order_key == other.order_key


def test_an_absent_field_and_null_are_the_same() -> None:
    """Both kinds of systems exist."""
    fields = example("case.file/1", 1)
    assert read("case.file/1", {**fields, "note": None, "due_at": None}).model == read("case.file/1", fields).model


@pytest.mark.parametrize(
    "number", ["000.00.01.H22-250115-0007", "000.00.01.H22-250115-48213", "G09.20-20260609-0092637", "HS/2026/Đ-1"]
)
def test_every_shape_of_case_number_in_use_is_taken(number: str) -> None:
    """Four, five and seven digits, both generations of agency codes, and older numbers."""
    assert read("case.file/1", {**example("case.file/1"), "case_number": number}).identifiers[0].value == number


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("status",), 11, "/body/status"),
        (("status",), "2", "/body/status"),
        (("channel",), 0, "/body/channel"),
        (("case_number",), "có dấu cách", "/body/case_number"),
        (("case_number",), "H01-1\n", "/body/case_number"),
        (("case_number",), "", "/body/case_number"),
        (("case_number",), "1" * 51, "/body/case_number"),
        (("case_number",), "H01\u202e-1", "/body/case_number"),
        (("applicant", "name"), "", "/body/applicant/name"),
        (("applicant", "nmae"), "x", "/body/applicant/nmae"),
        (("applicant", "identities", 0, "kind"), "cccd", "/body/applicant/identities/0/kind"),
        (("papers", 1, "files", 0, "digest"), "sha256:xyz", "/body/papers/1/files/0/digest"),
        (("papers", 0, "quantity"), 10_001, "/body/papers/0/quantity"),
        (("fees", 0, "amount_vnd"), -1, "/body/fees/0/amount_vnd"),
        (("fees", 0, "amount_vnd"), 1.5, "/body/fees/0/amount_vnd"),
        (("received_at",), "2026-11-18T08:15:00", "/body/received_at"),
        (("received_at",), "20261118081500", "/body/received_at"),
        (("decided_by",), "Văn phòng Đăng ký đất đai", "/body/decided_by"),
        (("abstract",), "x" * 1001, "/body/abstract"),
        (("papers",), [{"name": "x"}] * 201, "/body/papers"),
    ],
)
def test_a_broken_rule_is_named_with_its_field(path: tuple[Any, ...], value: object, field: str) -> None:
    """The sender learns where; the value itself is never repeated, it may be about a person."""
    fields = example("case.file/1")
    holder: Any = fields
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    refusal = refusal_of("case.file/1", msgspec.json.encode(fields))
    assert (refusal.code, refusal.field) == ("body.invalid", field)
    if isinstance(value, str) and len(value) > 2:
        assert value not in refusal.detail


@pytest.mark.parametrize("kept", ["case_number", "procedure", "status", "applicant"])
def test_a_missing_field_is_named(kept: str) -> None:
    """Its name stands in the detail."""
    fields = example("case.file/1")
    del fields[kept]
    refusal = refusal_of("case.file/1", msgspec.json.encode(fields))
    assert refusal.code == "body.invalid"
    assert kept in refusal.detail


def test_the_name_of_an_unknown_field_is_repeated_but_not_at_any_length() -> None:
    """It helps to find a typing error; an answer must not grow with the question."""
    refusal = refusal_of("case.file/1", msgspec.json.encode({"x" * 5000: 1}))
    assert refusal.code == "body.invalid"
    assert len(refusal.detail) <= 100


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a":"\xff"}',
        b"null trailing",
        b'{"case_number":"\\ud800"}',
        b"[" * 100_000,
        b"\x00",
        b'{"a":1}}',
        b"NaN",
    ],
)
def test_what_is_no_json_is_malformed_or_invalid_never_a_crash(octets: bytes) -> None:
    """Truncated, not UTF-8, nested without end: a refusal with a code."""
    assert refusal_of("case.file/1", octets).code in ("body.malformed", "body.invalid")


@given(st.binary(max_size=200))
def test_any_octets_are_answered(octets: bytes) -> None:
    """Fuzz: a reading or one of two refusals, in each form of each kind."""
    for kind in KINDS.values():
        for media_type in kind.media_types:
            try:
                read_body(kind, octets, media_type)
            except ContractError as refusal:
                assert refusal.code in ("body.malformed", "body.invalid")


@given(st.data())
def test_an_example_with_a_few_octets_changed_is_answered(data: st.DataObject) -> None:
    """Fuzz nearer to the real thing."""
    kind = data.draw(st.sampled_from(list(KINDS.values())))
    one = data.draw(st.sampled_from(kind.examples))
    octets = bytearray(one.octets or msgspec.json.encode(one.body))
    for place in data.draw(st.lists(st.integers(0, len(octets) - 1), min_size=1, max_size=4)):
        octets[place] = data.draw(st.integers(0, 255))
    try:
        read_body(kind, bytes(octets), XML if one.octets else JSON)
    except ContractError as refusal:
        assert refusal.code in ("body.malformed", "body.invalid")


@pytest.mark.parametrize(
    ("key", "media_type"),
    [
        ("case.file/1", "application/pdf"),
        ("case.file/1", ""),
        ("document.packet/1", JSON),
        ("case.file/1", "application/edxml+xml"),
    ],
)
def test_a_form_that_the_kind_does_not_have_is_refused(key: str, media_type: str) -> None:
    """The answer lists the forms it has."""
    refusal = refusal_of(key, b"{}", media_type)
    assert (refusal.code, refusal.field) == ("request.media_type_unsupported", "/media_type")
    assert "application/xml" in refusal.detail


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;charset=UTF-8"])
def test_parameters_and_case_of_the_media_type_do_not_matter(media_type: str) -> None:
    """As RFC 9110, section 8.3.1 has it."""
    octets = msgspec.json.encode(CASE_FILE.examples[0].body)
    assert read_body(CASE_FILE, octets, media_type).model == CASE_FILE.examples[0].body
