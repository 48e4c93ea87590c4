"""Which steps of a schema a store still has to run, and when it must not run any."""

from typing import Literal

import pytest

from lgsp.errors import JournalMismatch
from lgsp.journal.migrate import Applied, Migration, migrations, numbered, pending

FIRST = Migration(1, "start", "CREATE TABLE a (x INTEGER);")
SECOND = Migration(2, "more", "CREATE TABLE b (x INTEGER);")
THIRD = Migration(3, "last", "CREATE TABLE c (x INTEGER);")
KNOWN = [FIRST, SECOND, THIRD]


def applied(*steps: Migration) -> list[Applied]:
    return [Applied(step.number, step.name, step.sha256) for step in steps]


def test_an_empty_journal_needs_every_step_in_order() -> None:
    """A new store runs all of them."""
    assert pending(KNOWN, []) == KNOWN


def test_only_what_is_missing_is_run() -> None:
    """A store of an earlier release runs the rest; a current one nothing, in whatever order its rows are read."""
    assert pending(KNOWN, applied(FIRST)) == [SECOND, THIRD]
    assert pending(KNOWN, applied(THIRD, FIRST, SECOND)) == []


def test_a_newer_journal_is_refused() -> None:
    """An older program must not write to a schema it does not know."""
    with pytest.raises(JournalMismatch, match="step 3"):
        pending([FIRST, SECOND], applied(*KNOWN))


def test_a_step_edited_after_it_ran_is_refused() -> None:
    """What ran is not what this program believes: nobody knows what the schema is."""
    with pytest.raises(JournalMismatch, match="step 2"):
        pending(KNOWN, applied(FIRST, SECOND._replace(sql="CREATE TABLE b (y INTEGER);")))


def test_a_journal_with_a_gap_is_refused() -> None:
    """Steps build on each other."""
    with pytest.raises(JournalMismatch, match="lacks step 2"):
        pending(KNOWN, applied(FIRST, THIRD))


def test_files_are_numbered_by_their_names() -> None:
    """0001_start.sql is step 1, `start`; the order of reading the folder does not matter."""
    assert numbered({"0002_more.sql": SECOND.sql, "0001_start.sql": FIRST.sql}) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "names",
    [
        ["1_start.sql"],
        ["0001-start.sql"],
        ["0002_more.sql"],
        ["0001_start.sql", "0003_last.sql"],
        ["0001_start.sql", "0001_again.sql"],
    ],
)
def test_misnamed_files_are_refused(names: list[str]) -> None:
    """Another shape, a gap or a number twice is a mistake in the release, found before anything runs."""
    with pytest.raises(JournalMismatch):
        numbered(dict.fromkeys(names, ""))


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_the_package_carries_its_steps(store: Literal["sqlite", "postgres"]) -> None:
    """Both stores find their files where they are installed."""
    steps = migrations(store)
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert steps[0].name == "start"
