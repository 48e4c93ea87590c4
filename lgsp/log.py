"""The log: one line per unit of work on standard output, JSON unless a person is watching. What may be said: lgsp.events."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from lgsp.events import check_event

Format = Literal["auto", "json", "console"]

trace_id: ContextVar[str | None] = ContextVar("lgsp_trace_id", default=None)  # set once per request and per delivery attempt

WITHHELD = "[withheld]"
_FORBIDDEN = frozenset({"body", "secret", "token", "authorization", "password", "cookie", "url"})
_FREE_TEXT = frozenset({"detail", "message", "exception"})
_FORBIDDEN_ENDS = ("_secret", "_token", "_password", "_body", "_url")
_OCTETS = (bytes, bytearray, memoryview)
_PLAIN = frozenset({str, int, float, bool, type(None)})
_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")  # connection errors of libraries quote the URL

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LIBRARIES_SAY = logging.WARNING  # their info lines repeat ours (aiohttp.access) or say nothing an operator can use
_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure(fmt: Format = "auto", level: str = "info", *, stream: TextIO | None = None, strict: bool = False) -> None:
    """Once per process, before the first line. `level`: debug, info, warning, error.

    `strict` (tests): a line that lgsp.events does not know raises.
    """
    out = stream or sys.stdout
    people = fmt == "console" or (fmt == "auto" and out.isatty())
    lines = _Lines(out)
    structlog.configure(
        processors=[*([check_event] if strict else []), *(_for_people(out) if people else [_as_json])],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out) if people else lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_FromLibraries()], level=max(_LIBRARIES_SAY, _LEVELS[level]), force=True)
    logging.captureWarnings(True)


def get_logger() -> FilteringBoundLogger:
    """A logger for module level: it takes its configuration with its first line."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


class _Lines:
    """Writes each line at once: what a process did before it died is in its log. A log that cannot be written (full disk, reader
    gone) costs its lines, never the traffic; how many is said with the next line that gets through."""

    def __init__(self, out: TextIO) -> None:
        self._out = out  # kept open
        self._write = getattr(out.buffer, "raw", out.buffer).write  # unbuffered: a line is there or lost, and one system call
        self._lock = Lock()
        self._lost = 0

    def msg(self, line: bytes) -> None:
        with self._lock:
            if self._lost and self._through(_encode(_line("warning", {"event": "log.interrupted", "lines": self._lost})) + b"\n"):
                self._lost = 0
            if not self._through(line):
                self._lost += 1

    def _through(self, line: bytes) -> bool:
        try:
            rest = len(line) - (self._write(line) or 0)
            while rest:  # a pipe may take less at a time
                written = self._write(line[-rest:])
                if not written:
                    return False
                rest -= written
        except (OSError, ValueError):  # ValueError: the stream is closed
            return False
        return True

    debug = info = warning = error = critical = msg


def _for_people(out: TextIO) -> list[Processor]:
    # Plain: the one it takes by itself prints local variables, and among them are bodies and secrets.
    plain = structlog.dev.plain_traceback
    return [_completed, structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=20, exception_formatter=plain)]


def _completed(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    full = _line(method, line)
    return full | {"timestamp": full["timestamp"].isoformat()}


def _as_json(logger: Any, method: str, line: MutableMapping[str, Any]) -> bytes:
    """Everything a line needs in one step: with a line per request and per attempt it is part of the hot path."""
    if "exc_info" in line:
        line = structlog.processors.format_exc_info(logger, method, line)
    return _encode(_line(method, line)) + b"\n"


def _line(level: str, fields: MutableMapping[str, Any]) -> dict[str, Any]:
    """When, how bad and what stand first, for people who read it without tools. The last guard, should anybody ever log what
    must not be: bodies, secrets, URLs (they may carry either), octets."""
    line = {"timestamp": datetime.now(UTC), "level": level, "event": fields["event"], **fields}
    for key in _doubtful(tuple(fields)):
        line[key] = _PASSWORD_IN_URL.sub(r"\1:***@", str(line[key])) if key in _FREE_TEXT else WITHHELD
    if not _PLAIN.issuperset(map(type, fields.values())):
        line |= {key: WITHHELD for key, value in fields.items() if isinstance(value, _OCTETS)}
    if (current := trace_id.get()) is not None:
        line.setdefault("trace_id", current)
    return line


@lru_cache(maxsize=1024)
def _doubtful(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Lines come in few shapes, so their field names are looked at once."""
    return tuple(key for key in keys if key in _FORBIDDEN or key in _FREE_TEXT or key.endswith(_FORBIDDEN_ENDS))


class _FromLibraries(logging.Handler):
    """Records of libraries become lines like any other, so that the whole log is of one form."""

    def __init__(self) -> None:
        super().__init__()
        self._log = get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.log(
                record.levelno,
                "library.reported",
                logger=record.name,
                message=record.getMessage(),
                exc_info=record.exc_info or None,
            )
        except Exception:  # noqa: BLE001 - logging must never break what it reports on; handleError is its own convention
            self.handleError(record)
