"""W3C Trace Context of a request: taken over when valid, made when missing, told in the answer and in every log line."""

import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

# W3C Trace Context, section 3.2.2; section 4.3: of a version we do not know, the fields we do know are read.
_TRACEPARENT = re.compile(
    r"(?:00-(?P<known>(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})"
    r"|(?!ff|00)[0-9a-f]{2}-(?P<later>(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?)"
)
_MAX_STATE_CHARS = 512


class Trace(NamedTuple):
    """`traceparent` is always valid version 00; `given` says whether the caller sent it."""

    traceparent: str
    tracestate: str | None
    given: bool

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]


TRACE = web.RequestKey("trace", Trace)


def trace_of(headers: Mapping[str, str]) -> Trace:
    """A traceparent that breaks the rules is ignored and a new trace begins (section 3.2.2.5)."""
    given = headers.get("traceparent")
    found = _TRACEPARENT.fullmatch(given) if given is not None else None
    if found is None:
        return Trace(f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01", None, given=False)
    state = headers.get("tracestate")
    if state is not None and (len(state) > _MAX_STATE_CHARS or not state.isascii()):
        state = None
    return Trace("00-" + (found["known"] or found["later"]), state, given=True)
