"""W3C Trace Context: one trace id from the sender's request to the recipient's system."""

import re

_TRACEPARENT = re.compile(r"00-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<parent>(?!0{16})[0-9a-f]{16})-[0-9a-f]{2}")


def trace_id(traceparent: str | None) -> str | None:
    """The 32 hex digits of the trace; None where there is no valid traceparent (version 00)."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found["trace"] if found else None
