"""Whatever is done to a row of the journal behind the hub's back, the audit finds it and names it.

The cases are made from the schema: each row of each table is changed in each column, deleted, and put in a second time. What is
no evidence is listed by name, with the reason; a new column that is not checked makes this test fail.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lgsp.core.audit.finding import Finding
from lgsp.core.lifecycle import State
from lgsp.journal.audit.run import Signed, audit, stamp_time
from lgsp.journal.audit.standing import ON_ITS_WAY
from lgsp.journal.postgres import PostgresStore
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Settlement, Store
from signing.trust import TrustBase
from tests.audit.busy import FILE, ORIGIN, STAMPED_AT, VERIFIER, fill
from tests.audit.tamper import Engine, Postgres, Refused, Sqlite, Tampering, tamperings
from tests.compliance.builders import LEASE_S, NOW, admitted
from tests.stamps import stamp_anchors
from tests.thorough import much

JUDGE = stamp_time(TrustBase(time_stamps=stamp_anchors()), STAMPED_AT + timedelta(days=1))
MOST_ROWS = much(12, 4)  # of each table, spread over it

WORKING = "how the work goes on, decided anew by whatever does it"
NO_EVIDENCE = {
    ("deliveries", "lane"): "which lane it waits in: " + WORKING,
    ("deliveries", "shard"): "which queue of the broker it goes through",
    ("deliveries", "mode"): "whether it is pushed: the directory says; that it lies in a mailbox is a state",
    ("deliveries", "due_at"): WORKING,
    ("deliveries", "ready_at"): WORKING,
    ("holds", "since"): WORKING,
    ("holds", "due_at"): WORKING,
    ("holds", "step"): WORKING,
    ("holds", "probe"): WORKING,
    ("holds", "ageless"): WORKING,
    ("holds", "reason"): "shown to operators; what happened, and why, stands in occurrences",
    ("holds", "detail"): "shown to operators; what happened, and why, stands in occurrences",
    ("pulse", "beat"): "written to prove that writing works",
    ("archives", "folder"): "where the file was put: it may be moved",
    ("archives", "begun_at"): WORKING,
    ("file_access", "erased_at"): "that an erased file is closed; what envelopes still refer to must be open, which has a test",
    ("erased_files", "digest"): "which file is deleted next; what envelopes still refer to is checked",
    ("erased_files", "stage"): WORKING,
    ("erased_files", "at"): WORKING,
    ("log_checkpoints", "published_at"): "when it was put on the web; time-stamps and cosignatures say when it was signed",
    ("log_stamps", "size"): "which checkpoint it is over its digest says, if that was not published again with more cosignatures",
    ("log_stamps", "authority"): "what the settings call it; the token names who stamped",
    ("marks", "agency"): "where the reading of a foreign feed goes on: " + WORKING,
    ("marks", "name"): WORKING,
    ("marks", "value"): WORKING,
    ("marks", "holder"): "which process polls a foreign feed",
    ("marks", "held_until"): WORKING,
    ("schema_migrations", "number"): "compared with the program's own by every process that starts",
    ("schema_migrations", "name"): "compared with the program's own by every process that starts",
    ("schema_migrations", "sha256"): "compared with the program's own by every process that starts",
    ("schema_migrations", "applied_at"): "when the program was updated",
}
NO_EVIDENCE_ROWS = {
    "pulse": "written to prove that writing works",
    "marks": "what was read of a foreign feed; what came of it are envelopes, and their leaves",
    "schema_migrations": "compared with the program's own by every process that starts",
    "log_checkpoints": "signed: none can be made up; what was published others have, and the newest is told by log_dir",
    "log_stamps": "signed by others: none can be made up; one that is missing shows as lag",
    "erased_files": "deleting is repeated, or done; what an envelope refers to is checked",
}


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    path = tmp_path / "journal.db"

    async def make() -> Store:
        return SqliteStore.open(path, timeout_s=10)

    asyncio.run(_filled(make))
    connection = sqlite3.connect(path, isolation_level=None)
    yield Sqlite(connection)
    connection.close()


@pytest.fixture
def postgres_engine(postgres_dsn: str) -> Iterator[Engine]:
    async def make() -> Store:
        return await PostgresStore.open(postgres_dsn, timeout_s=10)

    asyncio.run(_filled(make))
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(postgres_dsn))
        yield Postgres(runner, connection)
        runner.run(connection.close())


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(f"{request.param}_engine")
    return found


async def _filled(make: Any) -> None:
    store = await make()
    await fill(store)
    SIGNED[:] = [Signed(ORIGIN, await store.log_head(), "signed.0")]
    await store.close()


SIGNED: list[Signed] = []


def findings(engine: Engine) -> list[Finding]:
    return list(audit(engine.source, SIGNED, [VERIFIER], JUDGE, lambda *_: None))


def test_an_honest_journal_has_no_findings(engine: Engine) -> None:
    """And every table has something in it, so that nothing passes because there is nothing."""
    with engine.undone():
        assert findings(engine) == []
    assert [table for table in engine.tables() if not engine.rows(table, ["1"])] == []


def test_whatever_is_done_to_a_row_is_found_and_named(engine: Engine) -> None:
    unnoticed: list[str] = []
    done = 0
    for table, columns in engine.tables().items():
        keys = engine.rows(table, [one.name for one in columns if one.in_key])
        for one in tamperings(engine, table, columns, _spread(keys)):
            with engine.undone():
                if _is_no_evidence(one, engine):
                    continue
                try:
                    engine.execute(one.statement, *one.values)
                except Refused:
                    continue
                done += 1
                found = findings(engine)
                if not any(_names(finding, one) for finding in found):
                    unnoticed.append(f"{one}: {found[:2]}")
    assert not unnoticed, "\n".join(unnoticed)
    assert done > much(1000, 500)


def test_what_is_no_evidence_is_there(engine: Engine) -> None:
    """A name in the list that is no longer a column would let another one through."""
    there = {(table, column.name) for table, columns in engine.tables().items() for column in columns}
    elsewhere = {"pulse"} if isinstance(engine, Postgres) else set()
    assert {one for one in NO_EVIDENCE if one[0] not in elsewhere} <= there


def _spread(keys: list[Any]) -> list[Any]:
    """First, last, and some between."""
    step = max(1, len(keys) // MOST_ROWS)
    return [*keys[:-1:step], keys[-1]]


def _names(finding: Finding, one: Tampering) -> bool:
    """A leaf, a head and a row of one table's only row are named otherwise than by their key."""
    if finding.table != one.table:
        return False
    named = any(all(str(part) in finding.row for part in key) for key in (one.key, one.after))
    return named or finding.row.startswith(("leaf_index", "the only", "archive", "salted"))


def _is_no_evidence(one: Tampering, engine: Engine) -> bool:
    if (one.table, one.column) in NO_EVIDENCE or (not one.column and one.table in NO_EVIDENCE_ROWS):
        return True
    if one.table == "holds":
        return _is_letting_go(one, engine)
    if one.table in ("events", "occurrences") and one.column in ("event_id", "occurrence_id"):
        return True  # numbers that order: another order is found, see test_another_order_of_events_is_found
    if (one.table, one.column) == ("envelopes", "body_bytes"):
        return one.key not in engine.rows(_body_table(engine), ["sequence"])  # how large an erased body was
    if (one.table, one.column) == ("keeping", "sequence"):  # which envelopes are in an archive file, its manifest says
        return (None, one.key[0]) in engine.rows("keeping", ["body_erased_at", "sequence"])
    return one.table == "deliveries" and _is_working_state(one, engine)


def _body_table(engine: Engine) -> str:
    return "bodies" if isinstance(engine, Sqlite) else "(SELECT sequence FROM envelopes WHERE body IS NOT NULL) AS bodies"


def _is_letting_go(one: Tampering, engine: Engine) -> bool:
    """That a recovered recipient gets its deliveries little by little nobody is told: it ends by itself."""
    causes = dict(engine.rows("holds", ["recipient", "cause"]))
    return one.column in ("", "recipient") and causes.get(one.key[0], 2) == 2


def _is_working_state(one: Tampering, engine: Engine) -> bool:
    """Between the states on its way it goes without a word; why the last attempt failed stands in its event."""
    states = dict(engine.rows("deliveries", ["delivery_id", "state"]))
    state = State(states.get(one.key[0], State.DELIVERED))
    if one.column == "state" and one.values[1] in list(State):
        return {state, State(one.values[1])} <= ON_ITS_WAY
    return one.column in ("reason", "detail", "attempt", "postponed") and not state.is_final


def test_another_order_of_events_is_found(engine: Engine) -> None:
    """Two of them change places: what each says stays, and the timeline would tell another story."""
    swap = """
    UPDATE events SET name = o.name, attempt = o.attempt, reason = o.reason, detail = o.detail, took_ms = o.took_ms, at = o.at,
        leaf_index = o.leaf_index, salt = o.salt
    FROM events AS o WHERE o.event_id + events.event_id = $1 AND events.event_id IN ($2, $3) AND o.sequence = events.sequence"""
    told = [row for row in engine.rows("events", ["event_id", "sequence", "name"]) if row[1] == 1]
    first, second = told[-2][0], told[-1][0]
    with engine.undone():
        engine.execute(swap, first + second, first, second)
        assert {finding.table for finding in findings(engine)} >= {"events"}


def test_a_file_that_envelopes_refer_to_cannot_be_closed_or_deleted(engine: Engine) -> None:
    for statement, table in (
        ("UPDATE file_access SET erased_at = 1 WHERE digest = $1", "file_access"),
        ("INSERT INTO erased_files (digest, stage, at) VALUES ($1, 0, 1)", "erased_files"),
    ):
        with engine.undone():
            engine.execute(statement, FILE.digest)
            assert table in {finding.table for finding in findings(engine)}


def test_a_forged_message_with_all_its_rows_is_found(engine: Engine) -> None:
    """Somebody who knows the schema writes a whole envelope, deliveries and events as the hub would, but for the log."""
    last = max(engine.rows("envelopes", ["sequence"]))[0]
    columns = ", ".join(column.name for column in engine.tables()["envelopes"] if column.name not in ("sequence", "message_id"))
    with engine.undone():
        engine.execute(
            f"INSERT INTO envelopes (sequence, message_id, {columns})"
            f" SELECT $1, 'forged', {columns} FROM envelopes WHERE sequence = 1",
            last + 1,
        )
        assert f"sequence {last + 1}" in {finding.row for finding in findings(engine) if finding.table == "envelopes"}


def test_a_history_written_anew_with_its_log_is_found_by_what_was_signed(engine: Engine) -> None:
    """Row and leaf agree; the tree does not come out as it was signed."""
    index, leaf = next((i, x) for i, x in engine.rows("log_leaves", ["leaf_index", "leaf"]) if b'"name":"delivered"' in bytes(x))
    event = next(row for row in engine.rows("events", ["event_id", "leaf_index", "took_ms"]) if row[1] == index)
    other = bytes(leaf).replace(b'"took_ms":7', b'"took_ms":9')
    assert other != leaf
    with engine.undone():
        engine.execute("UPDATE log_leaves SET leaf = $2 WHERE leaf_index = $1", index, other)
        engine.execute("UPDATE events SET took_ms = 9 WHERE event_id = $1", event[0])
        found = findings(engine)
        assert {"hash.differs", "checkpoint.differs", "head.differs"} <= {finding.code for finding in found}
        assert {finding.table for finding in found if finding.code == "checkpoint.differs"} == {"log_checkpoints", "log_dir"}


def test_what_is_older_than_the_log_is_passed_over_and_what_follows_is_not(tmp_path: Path) -> None:
    """A hub that was updated: its journal begins without leaves, and goes on with them."""
    path = tmp_path / "journal.db"

    async def accept(*names: str) -> None:
        store = SqliteStore.open(path, timeout_s=10)
        await store.accept([admitted(name, attachments=[FILE]) for name in names], NOW, LEASE_S)
        await store.close()

    async def go_on() -> None:
        store = SqliteStore.open(path, timeout_s=10)
        await store.settle([Settlement(delivery_id=1, state=State.DELIVERED, attempt=1, detail="ok")], NOW, LEASE_S)
        await store.close()

    asyncio.run(accept("old-1", "old-2"))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("""
        UPDATE envelopes SET salt = NULL, leaf_index = NULL, tree_size = NULL;
        UPDATE deliveries SET number = NULL;
        UPDATE events SET leaf_index = NULL, salt = NULL;
        DELETE FROM log_leaves; DELETE FROM log_hashes; DELETE FROM pairs;
        UPDATE log_head SET size = 0, frontier = x'';
    """)
    asyncio.run(go_on())
    asyncio.run(accept("new-1", "new-2"))
    engine = Sqlite(connection)

    def found() -> set[tuple[str, str]]:
        with engine.undone():
            return {(one.table, one.row) for one in audit(engine.source, [], [], JUDGE, lambda *_: None)}

    assert found() == set()
    connection.execute("UPDATE envelopes SET leaf_index = NULL, salt = NULL, tree_size = NULL WHERE sequence = 3")
    assert ("envelopes", "sequence 3") in found()
    connection.execute("INSERT INTO events (at, name, sequence, delivery_id) VALUES (1, 'delivered', 2, 2)")
    assert any(table == "events" for table, _ in found())
    connection.close()
