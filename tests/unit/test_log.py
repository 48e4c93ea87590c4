"""The log: JSON lines for programs, nothing secret, libraries in the same form."""

import errno
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from lgsp import log
from lgsp.events import UnknownEvent, check_event


class Screen(io.TextIOWrapper):
    """A stream that says whether a person is watching."""

    def __init__(self, watched: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)
        self.watched = watched

    def isatty(self) -> bool:
        return self.watched

    def text(self) -> str:
        self.flush()
        raw: Any = self.buffer
        return raw.getvalue().decode()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Other tests find logging as they left it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_program_reads_one_json_object_a_line() -> None:
    """Event, level, UTC time and fields, Vietnamese as it is."""
    screen = Screen(watched=False)
    log.configure("auto", "info", stream=screen)
    log.get_logger().info("hub.stopping", open=3, detail="bảo trì")
    (line,) = screen.lines()
    assert (line["event"], line["level"], line["open"], line["detail"]) == ("hub.stopping", "info", 3, "bảo trì")
    assert line["timestamp"].endswith("Z")
    assert "bảo trì" in screen.text()


def test_a_person_who_watches_reads_text() -> None:
    """On a terminal the same line is readable, not JSON."""
    screen = Screen(watched=True)
    log.configure("auto", "info", stream=screen)
    log.get_logger().info("hub.stopping", open=3)
    assert "hub.stopping" in screen.text()
    assert not screen.text().startswith("{")


def test_a_person_who_watches_sees_where_it_went_wrong_and_no_values() -> None:
    """A traceback on a terminal shows no local variables: bodies and secrets are among them."""
    screen = Screen(watched=True)
    log.configure("console", "info", stream=screen)
    secret = "citizen"
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        log.get_logger().error("error.unexpected", component="test", exc_info=error)
    assert "ZeroDivisionError" in screen.text()
    assert "test_log.py" in screen.text()
    assert secret not in screen.text().replace(f'"{secret}"', "")


def test_lines_below_the_level_are_not_written() -> None:
    """log_level = "warning" silences information."""
    screen = Screen(watched=False)
    log.configure("json", "warning", stream=screen)
    log.get_logger().info("hub.stopping", open=3)
    assert screen.text() == ""


@pytest.mark.parametrize("field", ["body", "secret", "authorization", "password", "access_token", "client_secret", "amqp_url"])
@pytest.mark.parametrize("fmt", ["json", "console"])
def test_forbidden_fields_are_withheld(field: str, fmt: log.Format) -> None:
    """Whoever logs a secret by mistake logs only that it was withheld."""
    screen = Screen(watched=False)
    log.configure(fmt, "info", stream=screen)
    log.get_logger().info("hub.stopping", **{field: "s3cret"})
    assert "s3cret" not in screen.text()
    assert log.WITHHELD in screen.text()


def test_octets_and_passwords_in_texts_are_withheld() -> None:
    """Bytes are bodies or keys; a library's message may quote a URL with its password."""
    screen = Screen(watched=False)
    log.configure("json", "info", stream=screen)
    log.get_logger().info("hub.stopping", open=b"\x00raw", detail="connect to amqp://hub:s3cret@broker/ failed")
    logging.getLogger("aio_pika").error("lost amqps://hub:s3cret@broker/lgsp")
    try:
        raise ConnectionError("postgresql://hub:s3cret@db/lgsp")
    except ConnectionError:
        log.get_logger().error("error.unexpected", component="test", exc_info=True)
    assert "s3cret" not in screen.text()
    assert screen.lines()[0]["open"] == log.WITHHELD
    assert "hub:***@broker" in screen.text()
    assert "ConnectionError" in screen.lines()[2]["exception"]


def test_libraries_write_lines_of_the_same_form() -> None:
    """Standard logging and warnings become library.reported with the logger's name."""
    screen = Screen(watched=False)
    log.configure("json", "info", stream=screen, strict=True)
    logging.getLogger("aiohttp.server").error("no %s", "luck")
    logging.getLogger("aiohttp.access").info("GET /")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", stacklevel=1)
    lines = screen.lines()
    assert [line["event"] for line in lines] == ["library.reported", "library.reported"]
    assert (lines[0]["logger"], lines[0]["message"], lines[0]["level"]) == ("aiohttp.server", "no luck", "error")
    assert lines[1]["logger"] == "py.warnings"


def test_every_line_of_a_request_bears_its_trace_id() -> None:
    """The trace id is set once and found in each line of the same context."""
    screen = Screen(watched=False)
    log.configure("json", "info", stream=screen)
    token = log.trace_id.set("4bf92f3577b34da6a3ce929d0e0e4736")
    log.get_logger().info("hub.stopping", open=0)
    log.trace_id.reset(token)
    log.get_logger().info("hub.stopping", open=0)
    first, second = screen.lines()
    assert first["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "trace_id" not in second


def test_strict_logging_refuses_what_the_catalogue_does_not_know() -> None:
    """In tests a line that nobody documented fails; in service it is written."""
    screen = Screen(watched=False)
    log.configure("json", "info", stream=screen, strict=True)
    with pytest.raises(UnknownEvent):
        log.get_logger().info("hub.exploded")
    log.configure("json", "info", stream=screen)
    log.get_logger().info("hub.exploded")
    assert screen.lines()[0]["event"] == "hub.exploded"


class _Full(io.BytesIO):
    """A disk that is full for a while."""

    full = False

    def write(self, octets: Any) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(octets)


def test_a_log_that_cannot_be_written_stops_nothing_and_says_what_is_lost() -> None:
    """Two lines meet a full disk: no exception, and the next line that gets through is preceded by their number."""
    disk = _Full()
    log.configure("json", "info", stream=io.TextIOWrapper(disk, encoding="utf-8"))
    disk.full = True
    log.get_logger().info("hub.stopping", open=1)
    log.get_logger().info("hub.stopping", open=2)
    disk.full = False
    log.get_logger().info("hub.stopping", open=3)
    first, second = [json.loads(line) for line in disk.getvalue().splitlines()]
    assert (first["event"], first["level"], first["lines"]) == ("log.interrupted", "warning", 2)
    assert second["open"] == 3
    check_event(None, "warning", first)


def test_a_stream_that_takes_a_line_in_pieces_gets_all_of_it() -> None:
    """A pipe may take less than it is given."""

    class Narrow(io.BytesIO):
        def write(self, octets: Any) -> int:
            return super().write(bytes(octets)[:7])

    pipe = Narrow()
    log.configure("json", "info", stream=io.TextIOWrapper(pipe, encoding="utf-8"))
    log.get_logger().info("hub.stopping", open=1)
    assert json.loads(pipe.getvalue())["open"] == 1
