"""`lgsp trust`: nothing is trusted that nobody confirmed, and every change leaves a line."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from lgsp.cli import cli
from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.store import fingerprint

CODE = "H01.101"


class Lgsp(Protocol):
    def __call__(self, *arguments: object, **environ: str) -> Result: ...


@pytest.fixture(scope="module")
def pki() -> DemoPki:
    return DemoPki.make({CODE: "Ủy ban nhân dân xã Mỹ Hòa Hưng"}, datetime.now(UTC))


@pytest.fixture
def folder(pki: DemoPki, tmp_path: Path) -> Path:
    pki.save(tmp_path / "pki", datetime.now(UTC))
    return tmp_path / "pki"


@pytest.fixture
def lgsp(tmp_path: Path) -> Lgsp:
    def call(*arguments: object, **environ: str) -> Result:
        runner = CliRunner(env={"LGSP_DATA_DIR": str(tmp_path / "var"), **environ})
        return runner.invoke(cli, ["trust", *map(str, arguments)])

    return call


def test_an_anchor_is_added_listed_shown_and_removed(lgsp: Lgsp, folder: Path, pki: DemoPki) -> None:
    """Each change is a line of the log with who did it; the fingerprint decides."""
    own = fingerprint(pki.document_anchor)
    added = lgsp("add", folder / "anchors/documents.pem", "--purpose", "documents", "--sha256", own.upper(), "--note", "thử")
    assert added.exit_code == 0
    line = json.loads(added.stderr)
    assert (line["event"], line["state"], line["certificate"], line["detail"]) == ("trust.changed", "added", own, "thử")
    assert "Gốc chứng thực thử nghiệm" in lgsp("list").output
    (listed,) = json.loads(lgsp("list", "--json").output)
    assert (listed["purpose"], listed["sha256"], listed["note"]) == ("documents", own, "thử")
    assert json.loads(lgsp("show", own[:6], "--json").output) == listed
    removed = lgsp("remove", own[:6], "--yes")
    assert json.loads(removed.stderr)["state"] == "removed"
    assert json.loads(lgsp("list", "--json").output) == []


def test_nobody_trusts_what_nobody_compared(lgsp: Lgsp, folder: Path) -> None:
    """Without a person and without the fingerprint, and with a wrong one, nothing is added."""
    for wrong in ((), ("--sha256", "00" * 32)):
        refused = lgsp("add", folder / "anchors/documents.pem", "--purpose", "documents", *wrong)
        assert refused.exit_code == 1 and "→ " in refused.stderr
    assert json.loads(lgsp("list", "--json").output) == []


@pytest.mark.parametrize(
    ("name", "purpose"),
    [("pki.json", "documents"), ("examples/expired.pem", "documents"), ("agencies/H01.101/seal.pem", "documents")],
)
def test_what_cannot_be_an_anchor_is_refused(lgsp: Lgsp, folder: Path, name: str, purpose: str) -> None:
    """No certificate, one that ended, several in one file."""
    refused = lgsp("add", folder / name, "--purpose", purpose, "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["remedy"]


def test_an_unknown_fingerprint_is_said(lgsp: Lgsp) -> None:
    """With the way to all of them."""
    refused = lgsp("show", "abcd")
    assert refused.exit_code == 1 and "lgsp trust list" in refused.stderr


def test_a_damaged_folder_is_named(lgsp: Lgsp, tmp_path: Path) -> None:
    """The file, and that hubs go on."""
    (tmp_path / "var/trust/anchors/documents").mkdir(parents=True)
    (tmp_path / "var/trust/anchors/documents/x.pem").write_text("x")
    refused = lgsp("list")
    assert refused.exit_code == 1 and "x.pem" in refused.stderr
