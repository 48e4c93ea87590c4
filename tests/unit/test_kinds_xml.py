"""The XML twin: lossless, refused for the same reasons as JSON, and deaf to what XML parsers get tricked by."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import inspect

from contracts.errors import ContractError
from contracts.kinds import KINDS, Kind, read_body
from contracts.kinds.catalogue import JSON, XML
from contracts.kinds.json_schema import write_json_schema
from contracts.kinds.xml import to_xml
from contracts.kinds.xsd import namespace, plain, write_xsd
from contracts.safe_xml import MAX_DEPTH, MAX_MARKUP, parse

TWINS = [kind for kind in KINDS.values() if kind.read_xml is None]
PARSERS = {kind.key: etree.XMLSchema(etree.fromstring(write_xsd(kind))) for kind in KINDS.values()}
VALIDATORS = {
    kind.key: jsonschema_rs.Draft202012Validator(msgspec.json.decode(write_json_schema(kind)), validate_formats=True)
    for kind in KINDS.values()
}
each_twin = pytest.mark.parametrize("kind", TWINS, ids=lambda kind: kind.key)

# --- models from their types -----------------------------------------------------------------------------------------------

# XML 1.0, production 2; composed and decomposed Vietnamese, line ends and mark-up among them.
XML_CHARS = st.one_of(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"),
    st.sampled_from("\t\n\r &<>\"']ồđĐ\u0300\u0323"),
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def values(type_: inspect.Type) -> st.SearchStrategy[Any]:
    """Any value the type allows."""
    match type_:
        case inspect.Metadata(type=inner):
            return values(inner)
        case inspect.UnionType(types=types):
            return st.one_of(*map(values, types))
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(ge=least, le=most):
            return st.integers(-(2**63) if least is None else least, 2**63 - 1 if most is None else most)
        case inspect.StrType(pattern=str(pattern), max_length=most):
            return st.from_regex(pattern).filter(lambda text: len(text) <= (most or len(text)))
        case inspect.StrType(min_length=least, max_length=most):
            return st.text(XML_CHARS, min_size=least or 0, max_size=min(most or 40, 40))
        case inspect.LiteralType(values=allowed):
            return st.sampled_from(allowed)
        case inspect.EnumType(cls=codes):
            return st.sampled_from(list(codes))
        case inspect.DateTimeType():
            return st.datetimes(timezones=ZONES, allow_imaginary=False)
        case inspect.DateType():
            return st.dates()
        case inspect.VarTupleType(item_type=item, min_length=least):
            return st.lists(values(item), min_size=least or 0, max_size=3).map(tuple)
        case inspect.StructType(cls=model, fields=fields):
            return st.builds(model, **{field.name: values(field.type) for field in fields})
    raise AssertionError(f"no strategy for {type_}")


@each_twin
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_nothing_is_lost_between_json_and_xml(kind: Kind, data: st.DataObject) -> None:
    """Any body: model -> JSON -> model -> XML -> model is the same model, and both published schemas accept it."""
    body = data.draw(values(inspect.type_info(kind.model)))
    octets = msgspec.json.encode(body)
    VALIDATORS[kind.key].validate(msgspec.json.decode(octets))
    from_json = read_body(kind, octets, JSON).model
    assert from_json == body
    document = to_xml(kind, from_json)
    PARSERS[kind.key].assertValid(etree.fromstring(document))
    assert read_body(kind, document, XML).model == body


@each_twin
def test_one_body_has_one_xml_form(kind: Kind) -> None:
    """Elements stand in the order of the fields: XML made from what was read from XML has the same octets."""
    for example in kind.examples:
        document = to_xml(kind, example.body)
        assert to_xml(kind, read_body(kind, document, "text/xml; charset=utf-8").model) == document


@pytest.mark.parametrize("char", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_text_that_xml_cannot_carry_is_refused_in_json_too(char: str) -> None:
    """Otherwise a message could be accepted in one form and be impossible in the other."""
    kind = KINDS["case.progress/1"]
    (example,) = kind.examples
    fields = msgspec.to_builtins(example.body)
    fields["line"]["unit"] = f"Phòng{char}1"
    with pytest.raises(ContractError) as refusal:
        read_body(kind, msgspec.json.encode(fields), JSON)
    assert (refusal.value.code, refusal.value.field) == ("body.invalid", "/body/line/unit")
    with pytest.raises(ContractError) as unwritable:
        to_xml(kind, msgspec.convert(fields, kind.model))
    assert unwritable.value.code == "body.invalid"


def test_texts_with_backslashes_and_rare_characters_are_not_suspected() -> None:
    """The check for such characters looks at escapes first; harmless ones must pass: \\\\b, line breaks, wide forms, BOM."""
    kind = KINDS["case.progress/1"]
    (example,) = kind.examples
    fields = msgspec.to_builtins(example.body)
    fields["line"]["unit"] = "C:\\bia\\u0001 \n\r\t\u0085\uff21\ufeff\U0001f600"
    assert msgspec.to_builtins(read_body(kind, msgspec.json.encode(fields), JSON).model) == fields


# --- the same refusals in both forms -----------------------------------------------------------------------------------------

Mutation = tuple[str, dict[str, Any]]


def mutations(body: dict[str, Any], type_: inspect.Type) -> Iterator[Mutation]:
    """The body with one thing wrong that both schema languages can say; at every depth."""
    assert isinstance(type_, inspect.StructType)
    for field in type_.fields:
        name, kept = field.encode_name, {key: value for key, value in body.items() if key != field.encode_name}
        inner, present = plain(field.type), body.get(name)
        if field.required and not isinstance(inner, inspect.VarTupleType):  # in XML no list is an empty list
            yield f"{name} missing", kept
        if isinstance(inner, inspect.VarTupleType):
            if inner.max_length is not None and present:
                yield f"{name} too many", {**kept, name: present[:1] * (inner.max_length + 1)}
            inner, present = plain(inner.item_type), present[0] if present else None
        wrongs = wrong_values(inner)
        if isinstance(inner, inspect.StructType) and present:
            wrongs = mutations(present, inner)
        for what, wrong in wrongs:
            yield f"{name} {what}", {**kept, name: [wrong] if isinstance(plain(field.type), inspect.VarTupleType) else wrong}
    if type_.forbid_unknown_fields:
        yield "unknown field", {**body, "sender_name": "x"}


def wrong_values(type_: inspect.Type) -> Iterator[tuple[str, Any]]:
    match type_:
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            if most is not None:
                yield "too long", "1" * (most + 1)
            if least:
                yield "empty", ""
            if pattern is not None:
                yield "off its pattern", "a b\tồ"
        case inspect.IntType(ge=least, le=most):
            if least is not None:
                yield "too small", least - 1
            if most is not None and most < 2**63 - 1:
                yield "too large", most + 1
            yield "not a number", "năm"
        case inspect.EnumType() | inspect.LiteralType():
            yield "not of its list", 77 if isinstance(type_, inspect.EnumType) else "Nguyễn Văn A"
        case inspect.DateTimeType():
            yield "without zone", "2026-11-22T08:00:00"
            yield "not a time", "hôm qua"
        case inspect.DateType():
            yield "not a day", "22/11/2026"
        case inspect.BoolType():
            yield "not a bool", "có"


def as_xml(kind: Kind, fields: dict[str, Any]) -> bytes:
    """The twin of fields that no model would hold."""

    def write(parent: etree._Element, inner: dict[str, Any]) -> None:
        for name, value in inner.items():
            for one in value if isinstance(value, list | tuple) else [value]:
                child = etree.SubElement(parent, f"{{{namespace(kind)}}}{name}")
                if isinstance(one, dict):
                    write(child, one)
                else:
                    child.text = str(one).lower() if isinstance(one, bool) else str(one)

    root = etree.Element(f"{{{namespace(kind)}}}{kind.name}")
    write(root, fields)
    return etree.tostring(root)


def in_order(kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields back in the order of the model: what is wrong must not be the order."""
    order = {name: place for place, name in enumerate(kind.model.__struct_encode_fields__)}
    return dict(sorted(fields.items(), key=lambda item: order.get(item[0], 99)))


@each_twin
def test_what_the_xml_schema_refuses_the_json_schema_and_the_hub_refuse_too(kind: Kind) -> None:
    """Missing, too long, too short, off the list, off the pattern, of another type, unknown: one answer in both forms."""
    tried = 0
    for example in kind.examples:
        for what, wrong in mutations(msgspec.to_builtins(example.body), inspect.type_info(kind.model)):
            fields = in_order(kind, wrong)
            document, octets = as_xml(kind, fields), msgspec.json.encode(fields)
            assert not PARSERS[kind.key].validate(etree.fromstring(document)), what
            assert not VALIDATORS[kind.key].is_valid(msgspec.json.decode(octets)), what
            for form, media_type in ((octets, JSON), (document, XML)):
                with pytest.raises(ContractError) as refusal:
                    read_body(kind, form, media_type)
                assert refusal.value.code == "body.invalid", what
                assert refusal.value.field.startswith("/"), what
                assert "Nguyễn Văn A" not in refusal.value.detail, what
                assert "hôm qua" not in refusal.value.detail, what
            tried += 1
    assert tried >= 5


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("applicant", "name"), "", "/case.file/applicant/name"),
        (("papers", 1, "quantity"), -1, "/case.file/papers[2]/quantity"),
        (("papers", 1, "files", 0, "link"), "ftp://x", "/case.file/papers[2]/files/link"),
        (("aliases", 0, "scheme"), "phone", "/case.file/aliases[1]/scheme"),
        (("status",), 11, "/case.file/status"),
        (("due_at",), "2026-13-01T00:00:00Z", "/case.file/due_at"),
        (("due_at",), "2026-11-22T24:00:00+07:00", "/case.file/due_at"),  # an hour that XML Schema knows and the model does not
    ],
)
def test_a_refusal_names_the_element(path: tuple[Any, ...], value: object, field: str) -> None:
    """The path has the names that the sender wrote, counted from 1 where there are several."""
    kind = KINDS["case.file/1"]
    fields = msgspec.to_builtins(kind.examples[0].body)
    holder = fields
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    for prefixed in (False, True):
        document = as_xml(kind, fields)
        assert b"<ns0:" in document
        if not prefixed:
            document = document.replace(b"ns0:", b"").replace(b"xmlns:ns0", b"xmlns")
        with pytest.raises(ContractError) as refusal:
            read_body(kind, document, XML)
        assert (refusal.value.code, refusal.value.field) == ("body.invalid", field)


def test_a_refusal_never_quotes_what_was_sent() -> None:
    """Values may be about persons and refusals are logged: a marker in their place must not come back."""
    kind = KINDS["case.file/1"]
    fields = msgspec.to_builtins(kind.examples[0].body)
    for name in ("case_number", "received_by", "status", "channel", "due_at", "vneid_verified", "return_way", "abstract"):
        wrong = {**fields, name: "bí mật " * 200}
        for octets, media_type in ((as_xml(kind, wrong), XML), (msgspec.json.encode(wrong), JSON)):
            with pytest.raises(ContractError) as refusal:
                read_body(kind, octets, media_type)
            assert "mật" not in str(refusal.value)
            assert name in refusal.value.field


# --- what XML parsers get tricked by ----------------------------------------------------------------------------------------

CASE = to_xml(KINDS["case.progress/1"], KINDS["case.progress/1"].examples[0].body).partition(b"\n")[2]


@pytest.mark.parametrize(
    "octets",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + CASE.replace(b"H01.10.01", b"&b;"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + CASE,
        b"<!DOCTYPE x>" + CASE,
        b'<?xml version="1.0" encoding="UTF-16"?>' + "<!DOCTYPE x>".encode("utf-16"),
        "\ufeff<!DOCTYPE x><x/>".encode("utf-16-le"),
        b"<x>&undeclared;</x>",
        b"<x><y></x>",
        b"<x",
        b"",
        b"\x00",
        CASE[:-20],
        CASE + b"<x/>",
        b"<x>\xff</x>",
        b"<x>&#0;</x>",
        b"<x>&#xFFFF;</x>",
        b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
        b"<a>" * 100_000,
        b"<r>" + b"<a/>" * (MAX_MARKUP + 1) + b"</r>",
    ],
    ids=lambda octets: repr(octets[:24]),
)
def test_hostile_and_broken_xml_is_malformed(octets: bytes) -> None:
    """A declared document type, entities, nesting, floods, truncation: one refusal, quickly, without looking anything up."""
    with pytest.raises(ContractError) as refusal:
        read_body(KINDS["case.progress/1"], octets, XML)
    assert refusal.value.code == "body.malformed"
    with pytest.raises(ContractError):
        parse(octets, huge_texts=True)


def test_the_deepest_document_allowed_is_read() -> None:
    """The cap is where it says it is."""
    assert parse(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).tag == "a"


@pytest.mark.parametrize("declared", ["utf-8", "UTF-16", "windows-1258"])
def test_a_wrong_encoding_declaration_does_no_harm(declared: str) -> None:
    """Systems declare UTF-16 and send UTF-8; the octets are UTF-8 or they are refused."""
    octets = f'<?xml version="1.0" encoding="{declared}"?>'.encode() + CASE
    assert read_body(KINDS["case.progress/1"], octets, XML).model == KINDS["case.progress/1"].examples[0].body


def test_comments_and_instructions_are_no_content() -> None:
    """They are skipped, and do not cut a text in two."""
    octets = CASE.replace(b"<agency>", b"<!-- x --><?y z?><agency>H01<!-- -->").replace(
        b"H01<!-- -->H01.10.01", b"H01<!-- -->.10.01"
    )
    assert read_body(KINDS["case.progress/1"], octets, XML).model == KINDS["case.progress/1"].examples[0].body


@pytest.mark.parametrize("octets", [b"<case.progress/>", b'<x xmlns="urn:lgsp:case.progress:1"/>', CASE.replace(b":1", b":2", 1)])
def test_another_root_is_another_kind(octets: bytes) -> None:
    """Name, namespace and version must be those of the kind."""
    with pytest.raises(ContractError) as refusal:
        read_body(KINDS["case.progress/1"], octets, XML)
    assert refusal.value.code == "body.invalid"


def test_times_keep_their_zone_and_fraction() -> None:
    """Local time stays local: an auditor sees what the sender wrote."""
    kind = KINDS["postal.cancel/1"]
    body = msgspec.structs.replace(
        kind.examples[0].body, cancelled_at=datetime.combine(date(2026, 1, 2), time(3, 4, 5, 678), timezone(timedelta(hours=7)))
    )
    assert b"2026-01-02T03:04:05.000678+07:00" in to_xml(kind, body)
    read: Any = read_body(kind, to_xml(kind, body), XML).model
    assert read.cancelled_at.utcoffset() == timedelta(hours=7)
    utc = msgspec.structs.replace(body, cancelled_at=datetime(2026, 1, 2, tzinfo=UTC))
    assert b"2026-01-02T00:00:00Z" in to_xml(kind, utc)
