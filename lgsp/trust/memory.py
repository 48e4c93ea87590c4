"""The keeper's files: what is known, how fetching goes, and who may write them. Blocking."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from lgsp.durable import replace_file
from lgsp.trust.places import PROGRESS, SNAPSHOT
from lgsp.trust.timetable import Progress
from signing.snapshot import NO_SNAPSHOT, RevocationSnapshot, decode, encode


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How fetching goes, by source. `complete_at`: when everything was last asked at once, by wish of an operator."""

    at: datetime | None = None
    complete_at: datetime | None = None
    sources: dict[str, Progress] = {}


def read_snapshot(folder: Path) -> RevocationSnapshot:
    """None known where there is no file, or none that can be used: it is fetched again. Raises OSError."""
    try:
        return decode((folder / SNAPSHOT).read_bytes())
    except (FileNotFoundError, ValueError):
        return NO_SNAPSHOT


def read_report(folder: Path) -> Report:
    """As `read_snapshot`. Raises OSError."""
    try:
        return msgspec.json.decode((folder / PROGRESS).read_bytes(), type=Report)
    except (FileNotFoundError, msgspec.DecodeError):
        return Report()


def write_snapshot(folder: Path, snapshot: RevocationSnapshot) -> int:
    """As a whole, on disk when it returns; its size in bytes. Raises OSError."""
    octets = encode(snapshot)
    replace_file(folder / SNAPSHOT, octets)
    return len(octets)


def write_report(folder: Path, at: datetime, sources: Mapping[str, Progress], complete_at: datetime | None) -> None:
    """Raises OSError."""
    report = Report(at=at, complete_at=complete_at, sources=dict(sources))
    replace_file(folder / PROGRESS, msgspec.json.format(msgspec.json.encode(report), indent=1))
