"""What goes where, as adapters/README.md says it."""

from tests.bridging.ways_in import WAYS_IN
from tests.bridging.ways_out import WAYS_OUT

_ROWS = (
    ("document.packet", "documents"),
    ("document.status", "statuses of documents"),
    ("case.file", "cases"),
    ("case.progress", "progress of cases"),
    ("postal.order", "postal orders"),
    ("postal.event", "postal tracking"),
)


def table() -> str:
    """In Markdown."""
    lines = ["| | comes in by | goes out by |", "|---|---|---|"]
    for kind, words in _ROWS:
        inward, outward = (" · ".join(way.name for way in ways if kind in way.kinds) for ways in (WAYS_IN, WAYS_OUT))
        lines.append(f"| {words} | {inward} | {outward} |")
    return "\n".join(lines)
