"""Numbered SQL files and what of them a store still has to run. Pure but for reading the package's own files.

A store keeps a table `schema_migrations (number, name, sha256, applied_at)` and, under its write lock, asks `pending` and runs
the first file with its row in one transaction, until nothing is pending: so two processes may start at once.
"""

import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Literal, NamedTuple

from lgsp.errors import JournalMismatch

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class Migration(NamedTuple):
    """One file, `0001_start.sql`; once released it is never edited, a later one corrects it."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


class Applied(NamedTuple):
    """A row of `schema_migrations`."""

    number: int
    name: str
    sha256: str


def migrations(store: Literal["sqlite", "postgres"]) -> list[Migration]:
    """The files of a store, in order. Raises JournalMismatch when numbers are not 1, 2, 3, ..."""
    folder = files("lgsp.journal") / "migrations" / store
    return numbered({file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".sql")})


def numbered(texts: dict[str, str]) -> list[Migration]:
    """From file names and contents. Raises JournalMismatch for a name of another shape, a gap, or a number twice."""
    found = []
    for file_name, sql in sorted(texts.items()):
        parts = _FILE_NAME.fullmatch(file_name)
        if parts is None:
            raise JournalMismatch(f"{file_name} is not named like 0001_start.sql")
        found.append(Migration(int(parts[1]), parts[2], sql))
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise JournalMismatch(f"migrations are not numbered 1, 2, 3, ...: {', '.join(sorted(texts))}")
    return found


def pending(known: Sequence[Migration], applied: Sequence[Applied]) -> list[Migration]:
    """What is still to run, in order.

    Raises JournalMismatch when the schema is newer than this program, has a gap, or a file changed since it ran.
    """
    for place, row in enumerate(sorted(applied)):
        if place >= len(known):
            raise JournalMismatch(f"the journal's schema has step {row.number} ({row.name}), this program only {len(known)}")
        step = known[place]
        if row.number != step.number:
            raise JournalMismatch(f"the journal's schema lacks step {step.number} ({step.name}) but has step {row.number}")
        if row.sha256 != step.sha256:
            raise JournalMismatch(f"step {step.number} ({step.name}) of the journal's schema is not the one this program knows")
    return list(known[len(applied) :])
