"""What is special to the journal in a file: locks, plans, processes that start or die at the same time."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lgsp.core.lifecycle import State
from lgsp.core.replay import DeadLetterFilter
from lgsp.errors import JournalMismatch, JournalUnavailable
from lgsp.journal.sqlite import SqliteStore, accepting, dead, due, files, holding, keeping, reading, settling
from lgsp.journal.sqlite.schema import statements
from lgsp.ports import Erasure, Settlement
from tests.compliance.builders import ALPHA, LEASE_S, NOW, SENDER, admitted
from tests.compliance.records_suite import FILE, OTHER_FILE

WRITER = """
import asyncio, sys
from pathlib import Path
from lgsp.journal.sqlite import SqliteStore
from tests.compliance.builders import LEASE_S, NOW, admitted

async def main():
    store = SqliteStore.open(Path(sys.argv[1]), timeout_s=20)
    for n in range(int(sys.argv[2])):
        answers = await store.accept([admitted(f"{sys.argv[3]}-{n}-{k}") for k in range(3)], NOW, LEASE_S)
        print(*(answer.sequence for answer in answers), flush=True)
    await store.close()

asyncio.run(main())
"""

# Undoes 0005_keeping.
BEFORE_KEEPING = """
DROP TABLE keeping; DROP TABLE archives; DROP TABLE attached; DROP TABLE erased_files;
ALTER TABLE file_access DROP COLUMN erased_at; DELETE FROM schema_migrations WHERE number >= 5;
DROP TABLE marks; DROP INDEX envelopes_kind;"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "journal.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(path, timeout_s=1)
    yield opened
    await opened.close()


def start_writer(path: Path, batches: int, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), str(batches), name]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


async def occupy(store: SqliteStore, loose: threading.Event) -> "asyncio.Task[None]":
    """Keeps the writer's thread in a transaction until `loose` is set."""
    begun = threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        begun.set()
        loose.wait(10)

    task = asyncio.create_task(store._writer.run(hold))
    await asyncio.to_thread(begun.wait, 10)
    return task


async def test_the_file_is_durable_and_its_owners(store: SqliteStore, path: Path) -> None:
    """Write-ahead log, fsync at each commit, references checked; nobody else may read what citizens wrote."""
    connection = store._writer._connections[0]  # settings of a connection cannot be seen from another one
    asked = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    await store.ping()
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_lock_held_elsewhere_is_unavailable_and_passes(store: SqliteStore, path: Path) -> None:
    """Another process that holds the write lock too long makes us unavailable for writing, not for reading; then all goes on."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable, match="SQLITE_BUSY"):
        await store.accept([admitted("m1")], NOW, LEASE_S)
    assert (await store.balance()).accepted_events == 0
    other.execute("ROLLBACK")
    other.close()
    (answer,) = await store.accept([admitted("m1")], NOW, LEASE_S)
    assert answer.sequence == 1


async def test_a_full_disk_undoes_the_transaction(store: SqliteStore) -> None:
    """No room: unavailable, nothing half written; with room again the numbers go on without a gap."""
    connection = store._writer._connections[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(JournalUnavailable, match="SQLITE_FULL"):
        await store.accept([admitted("big", body=b"x" * 100_000)], NOW, LEASE_S)
    assert await store.envelope(SENDER, "big") is None
    connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    (answer,) = await store.accept([admitted("big", body=b"x" * 100_000)], NOW, LEASE_S)
    assert answer.sequence == 1
    assert await store.fetch(1) is not None


async def test_a_wrong_statement_stays_loud(store: SqliteStore) -> None:
    """A bug is not bad weather: nobody is told to come back later."""
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await store._writer.run(lambda connection: connection.execute("SELECT * FROM nowhere"))
    await store.ping()


async def test_a_store_that_hangs_answers_in_time(path: Path) -> None:
    """When the writer is stuck callers are told, and what was begun is finished when it comes loose."""
    store = SqliteStore.open(path, timeout_s=0.2)
    loose = threading.Event()
    stuck = await occupy(store, loose)
    with pytest.raises(JournalUnavailable, match=r"0\.2 s"):
        await store.ping()
    loose.set()
    with pytest.raises(JournalUnavailable):
        await stuck
    await store.ping()
    await store.close()


async def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    """A folder in the place of the file, or a file in the place of the folder."""
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path, tmp_path / "file" / "journal.db"):
        with pytest.raises(JournalUnavailable):
            SqliteStore.open(wrong, timeout_s=0.2)


async def test_an_edited_or_newer_schema_is_refused(path: Path) -> None:
    """A program does not touch a journal that it does not understand."""
    await SqliteStore.open(path, timeout_s=1).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO schema_migrations VALUES (999, 'future', '', 0)")
    with pytest.raises(JournalMismatch):
        SqliteStore.open(path, timeout_s=1)
    connection.execute("DELETE FROM schema_migrations WHERE number = 999")
    connection.execute("UPDATE schema_migrations SET sha256 = 'edited'")
    connection.close()
    with pytest.raises(JournalMismatch):
        SqliteStore.open(path, timeout_s=1)


def test_a_script_is_cut_into_statements() -> None:
    """Comments and semicolons inside texts do not cut; a rest without semicolon is a statement too."""
    script = "-- a; comment\nCREATE TABLE a (\n  x TEXT DEFAULT ';'\n);\n\nINSERT INTO a VALUES ('b;\nc');\nDROP TABLE a"
    pieces = [piece.strip() for piece in statements(script)]
    assert pieces == [
        "-- a; comment\nCREATE TABLE a (\n  x TEXT DEFAULT ';'\n);",
        "INSERT INTO a VALUES ('b;\nc');",
        "DROP TABLE a",
    ]


def test_processes_that_start_at_once_share_a_new_file(path: Path) -> None:
    """Both make the schema or find it made, both write, and the numbers are dense."""
    writers = [start_writer(path, 10, name) for name in "abc"]
    outputs = [writer.communicate(timeout=120)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert sorted(int(number) for output in outputs for number in output.split()) == list(range(1, 91))


async def test_a_killed_process_loses_nothing_it_answered(path: Path) -> None:
    """kill -9 between two commits: every sequence that was told is there, whole, and numbers go on densely."""
    writer = start_writer(path, 100_000, "a")
    assert writer.stdout is not None
    told = [int(number) for _ in range(20) for number in writer.stdout.readline().split()]
    writer.send_signal(signal.SIGKILL)
    told += [int(number) for number in writer.communicate()[0].split()]
    store = SqliteStore.open(path, timeout_s=10)
    balance = await store.balance()
    assert told == list(range(1, len(told) + 1))
    assert balance.accepted_events == sum(balance.by_state.values()) >= len(told)
    assert balance.accepted_events % 3 == 0
    (answer,) = await store.accept([admitted("next")], NOW, LEASE_S)
    assert answer.sequence == balance.accepted_events + 1
    assert await store.fetch(told[-1]) is not None
    await store.close()


HOT: dict[str, tuple[str, Any]] = {
    "accept: known ids": (accepting.KNOWN, ("[]",)),
    "accept: numbers": (accepting.LAST, ()),
    "accept: empty lanes": (accepting.OCCUPIED, ("[]",)),
    "accept: lanes": (accepting.OPEN_STATES, (1,)),
    "settle: deliveries": (settling.STANDING, ("[]",)),
    "settle: lanes": (settling.HELD_BACK, ("[]",)),
    "settle: waiting": (settling.WAITING, (1,)),
    "settle: holds": (settling.HELD, ("[]",)),
    "due": (due.DUE, (1, 1, 1)),
    "stuck": (due.STUCK, (1, 1)),
    "requeue": (due.REQUEUE, (1,)),
    "void leases": (due.UNLEASE, (1, 1, 1)),
    "hydrate": (reading.HYDRATE, ("[]",)),
    "fetch": (reading.FETCH, (1,)),
    "outline": (reading.OUTLINE, ("[]",)),
    "overdue": (reading.OVERDUE, (1, 1, 1)),
    "given up": (reading.GIVEN_UP, (1, 1)),
    "holds of work": (reading.HOLDS, ("[]",)),
    "hold": (holding.HOLD, ("a",)),
    "holds due": (holding.DUE_HOLDS, (1, 1)),
    "probe": (holding.PROBE, ("a", 1)),
    "probe on its way": (holding.ON_ITS_WAY, (1,)),
    "next parked": (holding.NEXT, ("a", 1)),
    "fetched": (holding.AVAILABLE, ("[]",)),
    "occurrences": (holding.OCCURRENCES_OF, ("a", 1)),
    "running replays": (dead.RUNNING, ()),
    "dead letters": (dead.LETTERS, dead.parameters(DeadLetterFilter(), limit=1)),
    "replayable": (dead.REPLAYABLE, dead.parameters(DeadLetterFilter(), limit=1)),
    "mailbox": (reading.MAILBOX, ("a", 1, 1)),
    "envelope": (reading.ENVELOPE, ("a", "b")),
    "deliveries": (reading.DELIVERIES, (1, 2)),
    "timeline": (reading.TIMELINE, ("[]",)),
    "case": (reading.CASE, ("a", "b", 1)),
    "access": (reading.ACCESS, ("[]", "a")),
    "kept: next": (keeping.NEXT, (1, 1)),
    "kept: these": (keeping.THESE, ("[]",)),
    "kept: deliveries": (keeping.ENDS, (1, "[]")),
    "kept: files": (keeping.FILES, ("[]",)),
    "kept: octets": (keeping.OCTETS, (1,)),
    "kept: leaves": (keeping.LEAVES, ("[]",)),
    "archives": (keeping.ARCHIVES, (1,)),
    "reserved": (keeping.RESERVED, (1,)),
    "file referred to": (files.REFERRED, ("d",)),
    "files to delete": (files.TO_DELETE, (1, 1)),
    "file erased": (files.ERASED, ("d", "a")),
    "file closed": (files.STAGE, ("d",)),
}


@pytest.mark.parametrize("name", HOT)
async def test_no_step_grows_with_what_is_parked(store: SqliteStore, path: Path, name: str) -> None:
    """Every query goes by an index in the order it needs: no scan of a table, no sorting."""
    statement, values = HOT[name]
    connection = sqlite3.connect(path)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    connection.close()
    # What was asked for (json_each), the value itself, and walks along an index that LIMIT or a state bounds are no scans.
    walks = ("deliveries_due", "deliveries_queued", "replays_running", "archives", "erased_files_stage")
    bounded = ("CONSTANT ROW", "json_each", "asked", "VIRTUAL TABLE", *walks)
    assert plan
    assert [step for step in plan if step.startswith("SCAN") and not any(word in step for word in bounded)] == []
    assert [step for step in plan if "TEMP B-TREE" in step] == []


async def test_a_long_lane_costs_no_more_than_a_short_one(tmp_path: Path) -> None:
    """With 20,000 waiting in one lane, accepting into it and ending its head take as few steps of the engine as with 20."""
    store = SqliteStore.open(tmp_path / "journal.db", timeout_s=120)  # steps are counted, and a busy machine takes its time
    steps: list[int] = []
    for waiting in (20, 20_000):
        first = len(steps) * 100_000
        key = f"lane-{waiting}"
        for start in range(0, waiting, 1000):
            batch = [admitted(f"m{first + start + n}", order_key=key) for n in range(min(1000, waiting - start))]
            await store.accept(batch, NOW, LEASE_S)
        head = await store.envelope(SENDER, f"m{first}")
        assert head is not None
        steps.append(await _engine_steps(store, key, head.deliveries[0].delivery_id))
    await store.close()
    assert steps[1] < steps[0] * 1.5


async def _engine_steps(store: SqliteStore, key: str, head: int) -> int:
    connection = store._writer._connections[0]
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection.set_progress_handler(count, 1)
    await store.accept([admitted(f"one more in {key}", order_key=key)], NOW, LEASE_S)
    (settled,) = await store.settle([Settlement(delivery_id=head, state=State.DELIVERED)], NOW + timedelta(seconds=1), LEASE_S)
    connection.set_progress_handler(None, 0)
    assert [ref.delivery_id for ref in settled.ready] == [head + 1]
    return counted


async def test_a_mailbox_is_read_while_the_writer_is_busy(store: SqliteStore) -> None:
    """Readers do not stand in the writer's queue."""
    await store.accept([admitted("m1", mode="mailbox")], NOW, LEASE_S)
    loose = threading.Event()
    writing = await occupy(store, loose)
    assert [entry.delivery_id for entry in await store.mailbox(ALPHA, 0, 10)] == [1]
    assert not writing.done()
    loose.set()
    await writing


async def test_an_erased_body_leaves_no_octets_in_the_file(tmp_path: Path) -> None:
    """Nor do words about it: what is deleted is overwritten, on pages that become free as well; once the hub has closed, the
    write-ahead log is gone too."""
    path = tmp_path / "journal.db"
    store = SqliteStore.open(path, timeout_s=10)
    secrets = [b"small and personal", b"large and personal " * 3000]
    await store.accept([admitted(f"m{n}", body=body) for n, body in enumerate([*secrets, b"kept as it is"])], NOW, LEASE_S)
    ends = [Settlement(delivery_id=n, state=State.DELIVERED, detail="words about a person") for n in (1, 2)]
    await store.settle(ends, NOW, LEASE_S)
    batch = [Erasure(sequence=n, reason="retention", detail="rule") for n in (1, 2)]
    assert [one.outcome for one in await store.erase(batch, NOW)] == ["erased", "erased"]
    await store.close()
    octets = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"kept as it is" in octets
    assert not [words for words in (b"small and pers", b"large and pers", b"words about a person") if words in octets]


async def test_files_attached_before_they_were_listed_are_found(path: Path) -> None:
    """A journal of an older release learns which envelopes refer to a file from their headers."""
    store = SqliteStore.open(path, timeout_s=10)
    await store.accept([admitted("m1", attachments=[FILE, OTHER_FILE]), admitted("m2")], NOW, LEASE_S)
    before = await store.kept(0, 9, NOW)
    await store.close()
    connection = sqlite3.connect(path)
    connection.executescript(BEFORE_KEEPING)
    connection.close()
    store = SqliteStore.open(path, timeout_s=10)
    assert await store.kept(0, 9, NOW) == before
    assert [len(one.files) for one in before] == [2, 0]
    await store.close()
