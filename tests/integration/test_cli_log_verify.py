"""`lgsp log verify`: from the command line, over a journal in a folder and over tiles; exit status, words, JSON."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from lgsp.cli import cli
from lgsp.core.key_set import Purpose, activated
from lgsp.flow.head_file import HeadFile, SignedHead
from lgsp.journal.postgres import PostgresStore
from lgsp.journal.sqlite import SqliteStore
from lgsp.trust.key_files import KeyFiles
from tests.audit.busy import KEY, ORIGIN, VERIFIER, fill, publish
from tests.audit.logs import Log

Lgsp = Callable[..., Result]
SPOILED = "UPDATE deliveries SET state = 12 WHERE delivery_id = 1"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A hub that is stopped: journal, keys, the head that was signed last."""

    async def make() -> None:
        store = SqliteStore.open(tmp_path / "journal.db", timeout_s=10)
        await fill(store)
        heads = HeadFile.open(tmp_path / "log")
        heads.write(SignedHead(origin=ORIGIN, tree=await store.log_head()))
        heads.close()
        await publish(store)
        for one in await store.checkpoints(0, 10):
            (tmp_path / f"{one.size}.checkpoint").write_bytes(one.note)
        await store.close()

    asyncio.run(make())
    files, now = KeyFiles(tmp_path / "keys"), datetime.now(UTC)
    record = files.add(Purpose.LOG, KEY, now)
    files.change(lambda keys: activated(keys, record.name, now, now))
    return tmp_path


@pytest.fixture
def lgsp(data: Path) -> Lgsp:
    def call(*words: str) -> Result:
        return CliRunner().invoke(cli, ["log", "verify", *words], env={"LGSP_DATA_DIR": str(data), "LGSP_TIME_STAMP_URLS": ""})

    return call


def spoil(data: Path, statement: str) -> None:
    connection = sqlite3.connect(data / "journal.db")
    with connection:
        connection.execute(statement)
    connection.close()


def without_stamps(data: Path) -> None:
    """The authority of the test's time-stamp is trusted by nobody here."""
    spoil(data, "DELETE FROM log_stamps")


def test_an_honest_journal_is_in_order(lgsp: Lgsp, data: Path) -> None:
    without_stamps(data)
    result = lgsp()
    assert result.exit_code == 0, result.output
    assert "khớp" in result.output
    told = json.loads(lgsp("--json").stdout)
    assert (told["findings"], told["entries"]) == ([], len(log_of(data)))


def test_what_was_changed_by_sql_is_named_in_both_languages(lgsp: Lgsp, data: Path) -> None:
    without_stamps(data)
    spoil(data, SPOILED)
    result = lgsp()
    assert result.exit_code == 1
    for word in ("row.inconsistent", "deliveries", "delivery_id 1", "delivered", "dead", "mâu thuẫn", "RUNBOOK"):
        assert word in result.output, word
    told = json.loads(lgsp("--json").stdout)
    assert told["code"] == "log.broken"
    (finding,) = told["findings"]
    assert finding == {
        "code": "row.inconsistent",
        "title_vi": "Nội dung dòng mâu thuẫn với dữ liệu liên quan",
        "title": "A row contradicts what it follows from",
        "table": "deliveries",
        "row": "delivery_id 1",
        "column": "state",
        "expected": "delivered",
        "found": "dead",
    }


def test_a_journal_put_back_is_behind_what_was_signed(lgsp: Lgsp, data: Path) -> None:
    """The head beside the database knows of more entries than the restored database has."""
    without_stamps(data)
    last = len(log_of(data)) - 1
    spoil(data, f"DELETE FROM log_leaves WHERE leaf_index = {last}")
    spoil(data, f"UPDATE log_head SET size = {last}")
    codes = {one["code"] for one in json.loads(lgsp("--json").stdout)["findings"]}
    assert {"checkpoint.ahead", "head.differs"} <= codes


def test_a_stamp_of_an_authority_that_nobody_trusts_is_named(lgsp: Lgsp) -> None:
    result = lgsp()
    assert result.exit_code == 1
    assert "stamp.differs" in result.output


def test_the_entries_between_two_checkpoints(lgsp: Lgsp, data: Path) -> None:
    """Whatever lies outside of them is not looked at."""
    between = ("--from", str(data / "1.checkpoint"), "--to", str(data / "200.checkpoint"))
    assert lgsp(*between).exit_code == 0
    spoil(data, "UPDATE log_leaves SET leaf = x'00' WHERE leaf_index = 300")
    assert lgsp(*between).exit_code == 0
    assert lgsp("--from", str(data / "200.checkpoint")).exit_code == 1
    spoil(data, "UPDATE log_leaves SET leaf = CAST(replace(leaf, '1', '2') AS BLOB) WHERE leaf_index = 100")
    result = lgsp(*between)
    assert result.exit_code == 1
    assert "checkpoint.differs" in result.output


def test_a_checkpoint_of_somebody_else_cannot_be_used(lgsp: Lgsp, data: Path) -> None:
    other = data / "other.checkpoint"
    other.write_bytes(Log(ORIGIN, 9).note(9))
    result = lgsp("--from", str(other))
    assert result.exit_code == 2
    assert "--log-key" in result.output


@pytest.mark.parametrize("missing", ["journal.db", "log/signed.0"])
def test_what_cannot_be_read_is_neither_right_nor_wrong(lgsp: Lgsp, data: Path, missing: str) -> None:
    (data / missing).write_bytes(b"no more what it was" * 100)
    assert lgsp().exit_code == 2


def test_without_a_journal_none_is_made(lgsp: Lgsp, data: Path) -> None:
    for file in data.glob("journal.db*"):
        file.unlink()
    assert lgsp().exit_code == 2
    assert not (data / "journal.db").exists()


# over tiles


def log_of(data: Path) -> Log:
    """The log in the journal, as it would be published."""
    log = Log(ORIGIN, 0, key=KEY.key)  # type: ignore[arg-type]
    connection = sqlite3.connect(data / "journal.db")
    log.leaves = [leaf for (leaf,) in connection.execute("SELECT leaf FROM log_leaves ORDER BY leaf_index")]
    connection.close()
    return log


@pytest.fixture
def tiles(data: Path) -> Path:
    """Everything that is served of it."""
    log, folder = log_of(data), data / "tiles"
    log.write(folder, len(log.leaves))
    return folder


def of_tiles(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["log", "verify", "--tiles", str(folder), "--log-key", VERIFIER.vkey, *words])


def test_tiles_come_to_the_root_that_was_signed(tiles: Path, data: Path) -> None:
    told = json.loads(of_tiles(tiles, "--json").stdout)
    assert (told["entries"], told["findings"]) == (len(log_of(data).leaves), [])
    assert of_tiles(tiles, "--hashes-only").exit_code == 0
    assert of_tiles(tiles, "--from", str(data / "1.checkpoint"), "--to", str(data / "200.checkpoint")).exit_code in (0, 2)
    assert of_tiles(tiles, "--from", str(data / "200.checkpoint")).exit_code == 0


def test_every_octet_of_every_resource_counts(tiles: Path) -> None:
    """One bit anywhere in what is published, and it is found."""
    for path in sorted(one for one in tiles.rglob("*") if one.is_file()):
        octets = path.read_bytes()
        for at in {0, len(octets) // 2, len(octets) - 1}:
            path.write_bytes(octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :])
            result = of_tiles(tiles)
            assert result.exit_code in (1, 2), (path, at)
        path.write_bytes(octets)
    assert of_tiles(tiles).exit_code == 0


def test_an_entry_that_was_changed_is_named(tiles: Path) -> None:
    bundle = tiles / "tile/entries/000"
    octets = bundle.read_bytes()
    bundle.write_bytes(octets.replace(b"H01.01", b"H01.02", 1))
    told = json.loads(of_tiles(tiles, "--json").stdout)
    assert told["findings"][0]["code"] == "leaf.differs"
    assert told["findings"][0]["row"].startswith("entry ")


def test_what_is_missing_is_said(tiles: Path) -> None:
    (tiles / "tile/0/001").unlink()
    result = of_tiles(tiles)
    assert result.exit_code == 2
    assert "tile/0/001" in result.output


def test_only_a_hub_of_ours_has_keys_of_its_own(tiles: Path, tmp_path: Path) -> None:
    words: list[Any] = ["log", "verify", "--tiles", str(tiles)]
    assert CliRunner().invoke(cli, words, env={"LGSP_DATA_DIR": str(tmp_path / "none")}).exit_code == 2


def test_a_journal_in_postgresql_is_read_the_same_way(postgres_dsn: str, tmp_path: Path) -> None:
    async def make(statement: str = "") -> None:
        store = await PostgresStore.open(postgres_dsn, timeout_s=10)
        if not statement:
            await fill(store)
        await store.close()
        connection = await asyncpg.connect(postgres_dsn)
        await connection.execute(statement or "DELETE FROM log_stamps")
        await connection.close()

    def verify() -> Result:
        environ = {"LGSP_DATA_DIR": str(tmp_path), "LGSP_JOURNAL_URL": postgres_dsn}
        return CliRunner().invoke(cli, ["log", "verify", "--json"], env=environ)

    asyncio.run(make())
    assert verify().exit_code == 0, verify().output
    asyncio.run(make(SPOILED))
    result = verify()
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["table"], finding["row"], finding["column"]) == ("deliveries", "delivery_id 1", "state")
