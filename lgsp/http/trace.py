"""W3C Trace Context of a request: taken over when valid, made when missing, told in the answer and in every log line."""

import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from contracts.envelope import TRACEPARENT

# W3C Trace Context, section 4.3: of a version we do not know, the fields we do know are read.
_LATER_VERSION = re.compile(r"(?!ff|00)[0-9a-f]{2}(?P<known>-.{52})(?:-.*)?")
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
NOTES = web.RequestKey("notes", dict[str, object])  # what a handler adds to its request's line in the log; names: lgsp.events


def trace_of(headers: Mapping[str, str]) -> Trace:
    """A traceparent that breaks the rules is ignored and a new trace begins (section 3.2.2.5)."""
    given = headers.get("traceparent")
    later = _LATER_VERSION.fullmatch(given or "")
    traceparent = "00" + later["known"] if later else given or ""
    if not TRACEPARENT.fullmatch(traceparent):
        return Trace(f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01", None, given=False)
    state = headers.get("tracestate")
    if state is not None and (len(state) > _MAX_STATE_CHARS or not state.isascii()):
        state = None
    return Trace(traceparent, state, given=True)
