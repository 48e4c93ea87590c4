"""What people see of the demo: numbers that agree with the ledger, both languages, and nothing that breaks a narrow terminal."""

import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lgsp.demo.day import PlannedMessage, plan_day
from lgsp.demo.evidence import Arrival, Learned
from lgsp.demo.hub_client import Problem
from lgsp.demo.ledger import Ledger
from lgsp.demo.province import load_province
from lgsp.demo.result import latency_of, result_of
from lgsp.demo.sandbox import make_sandbox
from lgsp.demo.show import Screen, counters_line, picture
from lgsp.demo.story import case_to_follow, clock, says, short_name

REFUSED = Problem(
    code="route.unknown_recipient",
    status=422,
    title_vi="Không có cơ quan nhận này",
    title="No such recipient",
    field="/recipients/0",
    detail="H01.999 [bold]",
    remedy_vi="Tra mã cơ quan tại /v1/agencies.",
    remedy="Look the code up.",
)


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger(plan_day(60, seed=3), load_province(), 60.0)
    made.last_refusal = REFUSED
    return made


def arrive(ledger: Ledger, message: PlannedMessage, delivery_id: int) -> None:
    ledger.begins(message)
    ledger.arrived(
        Arrival(
            delivery_id=delivery_id,
            recipient=message.recipients[0],
            message_id=message.message_id,
            sender=message.sender,
            kind=message.kind,
            order_key=message.order_key,
        )
    )


def printed(ledger: Ledger, width: int) -> str:
    console = Console(file=StringIO(), width=width, force_terminal=True, legacy_windows=False)
    console.print(picture(ledger))
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


@pytest.mark.parametrize(("at_s", "shown"), [(0, "08:00"), (30, "12:30"), (60, "17:00"), (75, "17:00"), (-1, "08:00")])
def test_the_clock_is_compressed(at_s: float, shown: str) -> None:
    """A minute is a working day from 08:00 to 17:00, and the clock stays within it."""
    assert clock(at_s, 60) == shown


def test_every_kind_says_what_it_is_about_in_vietnamese() -> None:
    """No message of the day is shown by its technical name."""
    for message in plan_day(60, seed=3).messages:
        text = says(message)
        assert text and message.kind.partition("/")[0] not in text


def test_the_case_to_follow_has_a_long_way() -> None:
    """It goes through two agencies and both ways by post; on an empty day there is none."""
    case = case_to_follow(plan_day())
    assert case is not None
    assert case.is_onward and case.item_in and case.item_out and not case.is_cancelled
    assert case_to_follow(plan_day(0)) is None


def test_names_are_short_and_unknown_codes_stand_for_themselves() -> None:
    """As people say them."""
    province = load_province()
    assert short_name(province, "H01.10.01") == "VP Đăng ký đất đai"
    assert short_name(province, "X99") == "X99"


def test_the_picture_shows_the_ledger(ledger: Ledger) -> None:
    """Counters, the followed case and the last refusal stand on the screen."""
    arrive(ledger, ledger.plan.messages[0], 1)
    shown = printed(ledger, 110)
    assert f"/{ledger.plan.expectations.messages:,}" in shown
    assert ledger.case is not None and ledger.case.number in shown
    assert REFUSED.title_vi in shown


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_picture_fits_any_terminal(ledger: Ledger, width: int) -> None:
    """No line is wider than the terminal, escape sequences aside."""
    console = Console(file=StringIO(), width=width)
    with console.capture() as captured:
        console.print(picture(ledger))
    assert max(map(len, captured.get().splitlines())) <= width


def test_a_pipe_gets_plain_lines(ledger: Ledger) -> None:
    """Without a terminal there is no picture and no escape sequence, but the same counters."""
    said = StringIO()
    screen = Screen(Console(file=said, width=120))
    with screen.following(ledger):
        screen.tick(ledger)
    assert "\x1b" not in said.getvalue()
    assert counters_line(ledger) in said.getvalue()


def test_a_quiet_screen_says_nothing(ledger: Ledger) -> None:
    """For programs that read the result as JSON."""
    said = StringIO()
    screen = Screen(Console(file=said), quiet=True)
    screen.say("a", "b")
    with screen.following(ledger):
        screen.tick(ledger)
    screen.summary(result_of(ledger, day=date(2025, 9, 15), seed=1), ledger, make_sandbox("http://hub.example", 1, Path()))
    assert said.getvalue() == ""


def test_the_summary_names_what_is_broken(ledger: Ledger) -> None:
    """A cross and the first examples for each broken check, the refusal in full, and commands to go on with."""
    ledger.evidence.learned.append(Learned(lesson="resent", expected="same receipt", found="same receipt"))
    said = StringIO()
    result = result_of(ledger, day=date(2025, 9, 15), seed=1, trouble="nothing has happened for 60 s")
    Screen(Console(file=said, width=140), program=".venv/bin/lgsp").summary(
        result, ledger, make_sandbox("http://hub.example", 1, Path())
    )
    shown = said.getvalue()
    assert result.exit_code == 1
    assert "✗" in shown and "nothing has happened for 60 s" in shown
    assert all(
        part in shown
        for part in (REFUSED.code, REFUSED.title_vi, REFUSED.english, REFUSED.field, REFUSED.remedy_vi, REFUSED.remedy)
    )
    assert "H01.999 [bold]" in shown  # what the hub said is text, never markup
    assert f".venv/bin/lgsp trace {result.case_number}" in shown and "http://hub.example/openapi.json" in shown


def test_the_result_is_json(ledger: Ledger) -> None:
    """Programs get the verdict, the figures and every check."""
    told = json.loads(json.dumps(result_of(ledger, day=date(2025, 9, 15), seed=1).plain()))
    assert told["passed"] is False
    assert told["figures"]["day"] == "2025-09-15"
    assert {"name", "verdict", "vi", "en", "expected", "found", "detail"} == set(told["checks"][0])


def test_latencies_are_milliseconds() -> None:
    """Median and 99th percentile; nothing measured is nothing, not zero."""
    assert latency_of([n / 1000 for n in range(1, 102)]) == latency_of([n / 1000 for n in range(101, 0, -1)])
    found = latency_of([n / 1000 for n in range(1, 102)])
    assert (found.median_ms, found.p99_ms) == (51.0, 100.0)
    assert latency_of([]).median_ms is None
    assert latency_of([0.5]).p99_ms == 500.0
