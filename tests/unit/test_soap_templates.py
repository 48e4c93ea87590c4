"""Texts with places to be filled."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.soap.templates import Value, template
from contracts.errors import ContractError
from contracts.kinds.case import CaseFile
from contracts.kinds.examples import CASE_FILE

CASE = next(example.body for example in CASE_FILE if isinstance(example.body, CaseFile))
VALUES: dict[str, Value] = {
    "body": CASE,
    "content": "<a>Hồ sơ</a>".encode(),
    "delivery": {"id": 42, "number": None},
    "envelope": {"created_at": datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "urgent": True},
}


def filled(text: str) -> Value:
    return template(text).value(VALUES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("HSO", "HSO"),
        ("", ""),
        ("LGSP-{delivery.id}", "LGSP-42"),
        ("{delivery.id}", 42),
        ("{body.case_number}", CASE.case_number),
        ("{ body.procedure.name }", CASE.procedure.name),
        ("{body.aliases.1.value}", CASE.aliases[1].value),
        ("{body.aliases.9.value}", None),
        ("{delivery.number}", None),
        ("số {delivery.number}!", "số !"),
        ("{body.nothing.at.all}", None),
        ("{delivery.number|or:không có}", "không có"),
        ("{delivery.id|or:không có}", 42),
        ("{content|text}", "<a>Hồ sơ</a>"),
        ("{content|base64}", base64.b64encode("<a>Hồ sơ</a>".encode()).decode()),
        ("{envelope.created_at|date:%d/%m/%Y %H:%M}", "22/11/2026 06:30"),
        ("{envelope.created_at|date}", "22/11/2026"),
        ("{body.case_number|date}", CASE.case_number),
        ("{body.channel|codes:1=TT,2=ON,*=KHAC}", {1: "TT", 2: "ON"}.get(CASE.channel, "KHAC")),
        ("{body.channel|codes:99=NEVER}", None),
        ("{body.channel|codes:99=NEVER|or:x}", "x"),
        ("{content|text|cut:4}", "<a>H"),
        ("{envelope.urgent}", True),
        ("khẩn: {envelope.urgent}", "khẩn: true"),
        ('{{"ma": "{delivery.id}"}}', '{"ma": "42"}'),
    ],
)
def test_places_are_filled(text: str, value: Value) -> None:
    """One place alone keeps what the value is; among other text it becomes text; what is not there is nothing."""
    assert filled(text) == value


def test_xml_becomes_an_element_and_text_again() -> None:
    """Inserted where a schema takes anything."""
    found = filled("{content|xml}")
    assert isinstance(found, etree._Element) and found.text == "Hồ sơ"
    assert filled("[{content|xml}]") == "[<a>Hồ sơ</a>]"


def test_what_is_no_xml_is_told() -> None:
    """And what would be dangerous to parse, too."""
    with pytest.raises(ContractError) as refused:
        template("{x|xml}").value({"x": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'})
    assert refused.value.code == "body.malformed"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "single brace"),
        ("}", "single brace"),
        ("{a", "single brace"),
        ("{}", "names no value"),
        ("{a..b}", "names no value"),
        ("{a.__class__}", ""),
        ("{__class__}", ""),
        ("{A}", "names no value"),
        ("{a|shout}", "there is no filter shout"),
        ("x" * 3000, "longer than"),
    ],
)
def test_what_cannot_be_filled_is_told(text: str, word: str) -> None:
    """When the endpoint is registered, not when the first message goes out."""
    if not word:
        assert template(text).value({"a": CASE, "__class__": 1 if "a." in text else None}) is None
        return
    with pytest.raises(ValueError, match=word):
        template(text)


@given(st.text(max_size=60))
def test_any_text_is_a_template_or_told(text: str) -> None:
    """Nothing else is ever raised, and a text without braces stands for itself."""
    try:
        found = template(text)
    except ValueError:
        assert "{" in text or "}" in text
        return
    if "{" not in text and "}" not in text:
        assert found.value({}) == text
