"""An audit reads the tables of this program's version, and makes none."""

from typing import Literal

from lgsp.errors import JournalMismatch
from lgsp.journal.migrate import migrations


def check_version(engine: Literal["sqlite", "postgres"], applied: int | None) -> None:
    """Raises JournalMismatch."""
    newest = migrations(engine)[-1].number
    if applied != newest:
        raise JournalMismatch(
            f"the journal is at version {applied}, this program at {newest}: audit with the program that runs it"
        )
