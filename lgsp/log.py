"""The log: one line per unit of work on standard output, JSON unless a person is watching. What may be said: lgsp.events."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
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
    structlog.configure(
        processors=[*_processors(strict), *_renderer(people, out)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out) if people else structlog.BytesLoggerFactory(out.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_FromLibraries()], level=max(_LIBRARIES_SAY, _LEVELS[level]), force=True)
    logging.captureWarnings(True)


def get_logger() -> FilteringBoundLogger:
    """A logger for module level: it takes its configuration with its first line."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def _processors(strict: bool) -> list[Processor]:
    common: list[Processor] = [_withhold]
    if strict:
        common.append(check_event)
    return [*common, structlog.processors.add_log_level, _add_trace_id, structlog.processors.TimeStamper(fmt="iso", utc=True)]


def _renderer(people: bool, out: TextIO) -> list[Processor]:
    if people:
        # Plain: the one it takes by itself prints local variables, and among them are bodies and secrets.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=20, exception_formatter=plain)]
    return [structlog.processors.format_exc_info, _withhold, structlog.processors.JSONRenderer(serializer=_serialized)]


def _serialized(line: MutableMapping[str, Any], **_: Any) -> bytes:
    """When, how bad and what stand first, for people who read it without tools."""
    return _encode({"timestamp": line.pop("timestamp"), "level": line.pop("level"), "event": line.pop("event"), **line})


def _add_trace_id(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    current = trace_id.get()
    if current is not None:
        line.setdefault("trace_id", current)
    return line


def _withhold(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last guard, should anybody ever log what must not be: bodies, secrets, URLs (they may carry either), octets."""
    for key, value in line.items():
        if key in _FORBIDDEN or key.endswith(_FORBIDDEN_ENDS) or isinstance(value, bytes | bytearray | memoryview):
            line[key] = WITHHELD
        elif key in _FREE_TEXT and isinstance(value, str) and "://" in value:
            line[key] = _PASSWORD_IN_URL.sub(r"\1:***@", value)
    return line


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
