"""The catalogue of log events: complete, of one form, and the code is held to it."""

import ast
import re
from pathlib import Path

import pytest

from lgsp.events import COMMON, EVENTS, FIELDS, UnknownEvent, check_event

SOURCES = sorted(Path(__file__).parents[2].joinpath("lgsp").rglob("*.py"))
METHODS = {"debug", "info", "warning", "error", "exception"}


def test_every_name_is_noun_and_past_participle() -> None:
    """Names are stable keys of one form: two words of lower-case letters and a dot."""
    for name in EVENTS:
        assert re.fullmatch(r"[a-z]+\.[a-z]+", name), name


def test_every_field_of_an_event_is_explained_and_every_explained_field_is_used() -> None:
    """FIELDS is the glossary of the log, no more and no less."""
    used = {field for event in EVENTS.values() for field in (*event.required, *event.optional)}
    assert used == set(FIELDS)
    assert not used & set(COMMON)


def test_no_field_is_required_and_optional() -> None:
    """A field either stands in every line of an event or it does not."""
    for event in EVENTS.values():
        assert len({*event.required, *event.optional}) == len(event.required) + len(event.optional), event.name


@pytest.mark.parametrize(
    ("method", "line", "complaint"),
    [
        ("info", {"event": "hub.exploded"}, "not in"),
        ("error", {"event": "hub.stopping", "open": 1}, "level"),
        ("info", {"event": "hub.stopping", "open": 1, "body": b""}, "no field body"),
        ("info", {"event": "hub.stopping"}, "lacks open"),
    ],
)
def test_a_line_outside_the_catalogue_is_a_bug(method: str, line: dict[str, object], complaint: str) -> None:
    """Unknown name, wrong level, unknown field, missing field: each is told apart."""
    with pytest.raises(UnknownEvent, match=complaint):
        check_event(None, method, line)


def test_a_line_of_the_catalogue_passes_unchanged() -> None:
    """Required fields, optional ones and those that any line may carry."""
    line = {"event": "hub.stopping", "open": 1, "detail": "SIGTERM", "trace_id": "0" * 32}
    assert check_event(None, "info", dict(line)) == line


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_code_logs_only_events_of_the_catalogue(path: Path) -> None:
    """Every `log.<level>("noun.verb", field=...)` in the hub stands in the catalogue, at this level and with these fields."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS and call.args):
            continue
        name = call.args[0]
        if not (
            isinstance(name, ast.Constant)
            and isinstance(name.value, str)
            and isinstance(call.func.value, ast.Name | ast.Attribute)
        ):
            continue
        owner = call.func.value.id if isinstance(call.func.value, ast.Name) else call.func.value.attr
        if owner.strip("_") not in ("log", "logger"):
            continue
        line = {"event": name.value, **{keyword.arg: None for keyword in call.keywords if keyword.arg}}
        spread = any(keyword.arg is None for keyword in call.keywords)
        if spread and name.value in EVENTS:
            line |= dict.fromkeys(EVENTS[name.value].required)
        check_event(None, "error" if call.func.attr == "exception" else call.func.attr, line)


def test_every_event_of_the_catalogue_is_written_somewhere() -> None:
    """The catalogue promises no line that never comes: its names stand in the code outside of it."""
    said = {
        node.value
        for path in SOURCES
        if path.name != "events.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(EVENTS) - said == set()
