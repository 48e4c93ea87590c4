"""`lgsp log between`: made from the hub's journal, checked with nothing but the key of its log."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from contracts.agency import AgencyCode
from lgsp.cli import cli
from lgsp.commands.agency import in_store
from lgsp.core.directory import Agency
from lgsp.core.log.record import Moved, encode
from lgsp.ports import Store
from lgsp.settings import Settings
from tests.audit.logs import Log
from tests.compliance.builders import LEASE_S, SENDER, admitted
from tests.unit.test_log_completeness import KEY, VKEY, log_of, stated

OFFICE, OTHER = AgencyCode("H01.15"), AgencyCode("H01.16")
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
OCTOBER_ENDS = datetime(2026, 11, 1, tzinfo=UTC)
PERIOD = ("--from", "2026-10-01T00:00Z", "--to", "2026-11-01T00:00Z")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two messages to the office in October, one before, one after, and some to others."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)

    async def fill(store: Store) -> None:
        await store.save_agencies([Agency(code=code, name_vi=code) for code in (SENDER, OFFICE, OTHER)])
        for number, day in enumerate((-3, 2, 5, 5, 40)):
            to = OTHER if number == 3 else OFFICE
            sent = admitted(f"m{number}", to, mode="mailbox", life=timedelta(days=3650))
            await store.accept([sent], OCTOBER + timedelta(days=day), LEASE_S)

    in_store(Settings(data_dir=tmp_path / "var"), fill)
    return tmp_path


def lgsp(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def test_a_statement_is_made_and_checked(folder: Path) -> None:
    """Its messages are listed, in both languages; programs get JSON."""
    file = folder / "october.json"
    made = lgsp("log", "between", SENDER, OFFICE, *PERIOD, "-o", file)
    assert made.exit_code == 0, made.output
    assert "2 thông điệp · messages" in made.output
    checked = lgsp("log", "between", "--check", file)
    assert checked.exit_code == 0, checked.output
    assert "Đầy đủ · Complete" in checked.output
    told = json.loads(lgsp("log", "between", "--check", file, "--json").stdout)
    assert (told["complete"], told["end_proven"], told["messages"], told["numbers"]) == (True, True, 2, [2, 3])


def test_a_message_that_was_taken_out_is_named(folder: Path) -> None:
    """Exit status 1, the number of what is missing."""
    file = folder / "october.json"
    lgsp("log", "between", SENDER, OFFICE, *PERIOD, "-o", file)
    statement = json.loads(file.read_text())
    del statement["records"][0]
    file.write_text(json.dumps(statement))
    checked = lgsp("log", "between", "--check", file)
    assert (checked.exit_code, "gap 2: Thiếu thông điệp · Messages are missing" in checked.output) == (1, True)
    told = json.loads(lgsp("log", "between", "--check", file, "--json").stdout)
    assert told["code"] == "statement.incomplete"
    assert [(one["code"], one["first"], one["last"]) for one in told["findings"]] == [("gap", 2, 2)]


def test_an_end_that_nothing_follows_has_a_status_of_its_own(folder: Path) -> None:
    """Nothing is missing; that nothing more is there is the hub's word."""
    file = folder / "all.json"
    lgsp("log", "between", SENDER, OFFICE, "--from", "2026-09-01", "--to", "2026-11-11T00:00Z", "-o", file)
    checked = lgsp("log", "between", "--check", file)
    assert (checked.exit_code, "not_over" in checked.output) == (1, True)

    async def go_on(store: Store) -> None:
        await store.accept([admitted("later", OTHER)], OCTOBER + timedelta(days=60), LEASE_S)

    in_store(Settings(data_dir=folder / "var"), go_on)
    lgsp("log", "between", SENDER, OFFICE, "--from", "2026-09-01", "--to", "2026-11-11T00:00Z", "-o", file)
    assert lgsp("log", "between", "--check", file).exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["H01.15.20"], 2, "Give SENDER, RECIPIENT"),
        (["H01.15.20", "H01.77", *PERIOD, "-o", "x"], 1, "no agency H01.77"),
        (["H01.15.20", "H01.15", "--from", "2026-11-01", "--to", "2026-10-01", "-o", "x"], 2, "behind"),
        (["--check", __file__], 1, "lgsp log between -o"),
        (["--check", __file__, "--log-key", "nonsense"], 2, "GET /log/vkey"),
    ],
)
def test_what_cannot_be_done_says_why(folder: Path, arguments: list[str], status: int, words: str) -> None:
    result = lgsp("log", "between", *arguments)
    assert (result.exit_code, words in result.output) == (status, True), result.output


def test_the_last_day_of_a_period_belongs_to_it(folder: Path) -> None:
    """`--to` names a day as people mean it."""
    file = folder / "days.json"
    assert lgsp("log", "between", SENDER, OFFICE, "--from", "2026-10-03", "--to", "2026-10-03", "-o", file).exit_code == 0
    statement = json.loads(file.read_text())
    spent = datetime.fromisoformat(statement["until"]) - datetime.fromisoformat(statement["since"])
    assert spent == timedelta(days=1)


def test_the_published_log_proves_an_end_that_nothing_follows(tmp_path: Path) -> None:
    """Read as a whole, from a folder or the web: status 0, and a message that was left out at the end is found."""
    records = [*log_of(-1, 3, 4), Moved(at=OCTOBER_ENDS, name="delivered", sequence=1)]
    published = Log("lgsp/H01", 0, key=KEY)
    published.leaves = [encode(one) for one in records]
    published.write(tmp_path / "tiles", len(records))
    statement = asyncio.run(stated(records))
    whole, shorter = tmp_path / "whole.json", tmp_path / "shorter.json"
    whole.write_bytes(statement.octets)
    shorter.write_bytes(msgspec.structs.replace(statement, records=statement.records[:1]).octets)
    check = ("log", "between", "--log-key", VKEY, "--check")
    assert [lgsp(*check, one).exit_code for one in (whole, shorter)] == [3, 3]
    read = [lgsp(*check, one, "--tiles", tmp_path / "tiles") for one in (whole, shorter)]
    assert [one.exit_code for one in read] == [0, 1], [one.output for one in read]
    assert "The whole log tells otherwise" in read[1].output
    assert lgsp(*check, whole, "--tiles", tmp_path / "nowhere").exit_code == 1


def test_a_new_key_and_a_new_name_of_the_log_are_no_obstacle(folder: Path) -> None:
    """Statements are made and checked under the name that the journal's log has, by the key of then, whichever signs now."""
    settings = Settings(data_dir=folder / "var")
    old, new = folder / "old.json", folder / "new.json"
    assert lgsp("log", "between", SENDER, OFFICE, *PERIOD, "-o", old).exit_code == 0
    key = json.loads(lgsp("key", "new", "log", "--json").stdout)["name"]
    assert lgsp("key", "activate", key, "--at", "now").exit_code == 0
    in_store(settings, lambda store: store.log_origin(f"{settings.log_name}/2"))
    assert lgsp("log", "between", SENDER, OFFICE, *PERIOD, "-o", new).exit_code == 0
    assert lgsp("log", "between", "--check", new).exit_code == 0
    in_store(settings, lambda store: store.log_origin(settings.log_name))
    checked = lgsp("log", "between", "--check", old)
    assert checked.exit_code == 0, checked.output
