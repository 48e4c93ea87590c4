"""`lgsp retention`, `lgsp erase` and `lgsp archive`, as an operator uses them."""

import json
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contracts.agency import AgencyCode
from lgsp.cli import cli
from lgsp.commands.agency import in_store
from lgsp.core.directory import Agency
from lgsp.core.lifecycle import State
from lgsp.ports import Settlement, Store
from lgsp.settings import Settings
from tests.compliance.builders import LEASE_S, SENDER, admitted

OFFICE = AgencyCode("H01.15")
LONG_AGO = datetime.now(UTC) - timedelta(days=100)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four envelopes of a hundred days ago: two delivered, one dead, one open."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)

    async def fill(store: Store) -> None:
        await store.save_agencies([Agency(code=SENDER, name_vi="Xã", level="commune"), Agency(code=OFFICE, name_vi="Sở")])
        batch = [admitted(f"m{n}", OFFICE, mode="mailbox", life=timedelta(days=3650)) for n in range(1, 5)]
        await store.accept(batch, LONG_AGO, LEASE_S)
        await store.settle([Settlement(delivery_id=n, state=State.DELIVERED) for n in (1, 2)], LONG_AGO, LEASE_S)

    in_store(Settings(data_dir=tmp_path / "var"), fill)
    return tmp_path


def rules(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "retention.toml").write_text(text)
    monkeypatch.setenv("LGSP_RETENTION_FILE", str(folder / "retention.toml"))


def lgsp(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def test_without_rules_everything_is_kept_and_that_is_said(folder: Path) -> None:
    shown = lgsp("retention", "show")
    assert (shown.exit_code, "everything is kept for ever" in shown.output) == (0, True)


def test_show_says_what_is_due_and_what_comes_due(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By rule, with bytes; the first that covers an envelope counts it."""
    text = '[[rule]]\nname = "cases"\nkinds = ["case.*"]\nbodies_days = {}\n[[rule]]\nname = "rest"\nbodies_days = 9\n'
    rules(folder, text.format(90), monkeypatch)
    cases, rest, uncovered = json.loads(lgsp("retention", "show", "--json").stdout)["rules"]
    assert cases["rule"]["name"] == "cases"
    assert (cases["bodies_due"], cases["kept"], cases["open"]) == ({"envelopes": 2, "size_bytes": 16}, 4, 2)
    assert (rest["kept"], uncovered["kept"]) == (0, 0)
    rules(folder, text.format(120), monkeypatch)
    cases, *_ = json.loads(lgsp("retention", "show", "--json").stdout)["rules"]
    assert (cases["bodies_due"]["envelopes"], cases["bodies_soon"]["envelopes"]) == (0, 2)
    assert "120 ngày · days" in lgsp("retention", "show").output


def test_a_file_of_rules_that_cannot_be_used_is_a_mistake_in_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 2, and everything that is wrong with it."""
    rules(folder, '[[rule]]\nname = "a"\nkinds = ["case.fiel"]\nbodies_days = 0\n', monkeypatch)
    shown = lgsp("retention", "show")
    assert shown.exit_code == 2
    assert "retention_file" in shown.output
    assert "bodies_days" in shown.output


def test_one_envelope_is_erased_by_request(folder: Path) -> None:
    """After a look at what would go; its timeline tells who and why, its receipt stays."""
    tried = lgsp("erase", SENDER, "m1", "--why", "Quyết định 7/QĐ-TA", "--dry-run")
    assert (tried.exit_code, "Would go" in tried.output) == (0, True)
    done = json.loads(lgsp("erase", SENDER, "m1", "--why", "Quyết định 7/QĐ-TA", "--yes", "--json").stdout)
    assert (done["erased"], done["body_bytes"]) == (True, 8)
    traced = lgsp("trace", "--all", f"{SENDER}/m1")
    assert "body erased" in traced.output
    assert "Quyết định 7/QĐ-TA" in traced.output
    again = lgsp("erase", SENDER, "m1", "--why", "x", "--yes", "--json")
    assert (again.exit_code, json.loads(again.stdout)["code"]) == (1, "erase.done")


@pytest.mark.parametrize(("message_id", "code"), [("m3", "erase.open"), ("m9", "command.failed")])
def test_what_cannot_be_erased_says_why(folder: Path, message_id: str, code: str) -> None:
    result = lgsp("erase", SENDER, message_id, "--why", "x", "--yes", "--json")
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, code)
    assert json.loads(result.stdout)["remedy"]


def test_an_archive_is_exported_listed_and_checked(folder: Path) -> None:
    """Into the folder that was named; the check finds a changed byte, and the journal an exchanged file."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    archive = folder / "archive"
    done = lgsp("archive", "export", "--until", tomorrow, "--to", archive)
    assert (done.exit_code, "2 thông điệp · envelopes" in done.output) == (0, True), done.output
    listed = json.loads(lgsp("archive", "list", "--json").stdout)["archives"]
    assert [(one["number"], one["envelopes"]) for one in listed] == [(1, 2)]
    checked = json.loads(lgsp("archive", "check", archive, "--journal", "--json").stdout)
    assert (checked["sound"], checked["envelopes"], checked["last"]) == (True, 2, listed[0]["sha256"])
    file = archive / "lgsp-000001.zip"
    octets = bytearray(file.read_bytes())
    octets[len(octets) // 3] ^= 1
    file.write_bytes(octets)
    unlike = lgsp("archive", "check", archive, "--journal")
    assert (unlike.exit_code, "in the journal" in unlike.output) == (1, True)
    nothing = lgsp("archive", "export", "--until", tomorrow, "--to", archive)
    assert (nothing.exit_code, "nothing to archive" in nothing.output) == (0, True)


def test_a_hook_that_does_not_take_over_is_told_and_tried_again(folder: Path) -> None:
    """The file waits; nothing counts as archived; where it was begun it goes on."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    options = ("archive", "export", "--until", tomorrow, "--to", folder / "archive")
    failed = lgsp(*options, "--hook", "false", "--json")
    assert (failed.exit_code, json.loads(failed.stdout)["code"]) == (1, "archive.not_taken_over")
    assert json.loads(lgsp("archive", "list", "--json").stdout)["archives"][0]["sha256"] is None
    elsewhere = lgsp(*options[:-1], folder / "elsewhere", "--json")
    assert json.loads(elsewhere.stdout)["code"] == "archive.elsewhere"
    assert lgsp(*options, "--hook", f"{sys.executable} -c ''").exit_code == 0


def test_a_log_with_erased_and_archived_envelopes_verifies(folder: Path) -> None:
    """What was taken away lawfully is no tampering; what is taken away otherwise is."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert lgsp("archive", "export", "--until", tomorrow, "--to", folder / "archive").exit_code == 0
    assert lgsp("erase", SENDER, "m1", "--why", "a decision", "--yes").exit_code == 0
    verified = lgsp("log", "verify")
    assert verified.exit_code == 0, verified.output
    with sqlite3.connect(folder / "var" / "journal.db") as connection:
        connection.execute("DELETE FROM bodies WHERE sequence = 2")
    connection.close()
    assert lgsp("log", "verify").exit_code == 1
