"""W3C Trace Context: one trace id from the sender's request to the recipient's system."""

from contracts.envelope import TRACEPARENT


def trace_id(traceparent: str | None) -> str | None:
    """The 32 hex digits of the trace; None where there is no valid traceparent (version 00)."""
    found = TRACEPARENT.fullmatch(traceparent or "")
    return found["trace_id"] if found else None
