"""States, events and times as a screen shows them."""

from datetime import datetime

from lgsp.core.labels import LABELS


def label(name: str) -> str:
    """Both languages, or the name itself where it has no label."""
    vietnamese, english = LABELS.get(name, ("", name))
    return f"{vietnamese} · {english}" if vietnamese else english


def clock(moment: str | datetime | None) -> str:
    """Local date and time to the second of an RFC 3339 text; empty for None."""
    if moment is None:
        return ""
    aware = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return aware.astimezone().strftime("%Y-%m-%d %H:%M:%S")
