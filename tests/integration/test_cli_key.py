"""`lgsp key`: an operator makes, changes over and retires keys, and is told what would go wrong."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lgsp.cli import cli
from lgsp.core.log.record import Action, Record, decode
from lgsp.journal.sqlite import SqliteStore
from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.store import fingerprint
from signing.keys import Algorithm
from signing.local_key import LocalKey
from tests import signatures


@pytest.fixture
def lgsp(tmp_path: Path) -> Any:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["key", *arguments], env={"LGSP_DATA_DIR": str(tmp_path)})

    return call


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_key_is_made_takes_over_and_is_retired(lgsp: Any, tmp_path: Path) -> None:
    """In the steps of the RUNBOOK; each says in both languages what became of the key."""
    assert said(lgsp("new", "statements", "--json"))["state"] == "next"
    assert said(lgsp("activate", "statements-1", "--json"))["state"] == "current"
    assert "đang ký · signs" in lgsp("new", "statements").output + lgsp("list").output
    waiting = said(lgsp("activate", "statements-2", "--json"))
    assert waiting["state"] == "next" and waiting["signs_from"] > waiting["made_at"]
    assert said(lgsp("activate", "statements-2", "--at", "now", "--json"))["state"] == "current"
    assert said(lgsp("retire", "statements-1", "--until", "2099-01-01T00:00:00Z", "--json"))["state"] == "retired"
    assert [(one["name"], one["state"]) for one in said(lgsp("list", "--json"))] == [
        ("statements-1", "retired"),
        ("statements-2", "current"),
    ]
    assert not (tmp_path / "keys/statements-1.pem").exists()


def test_a_compromised_key_goes_at_once(lgsp: Any) -> None:
    """The emergency of the RUNBOOK."""
    for command in (("new", "statements"), ("activate", "statements-1"), ("new", "statements")):
        assert lgsp(*command).exit_code == 0
    assert said(lgsp("activate", "statements-2", "--at", "now", "--json"))["state"] == "current"
    assert said(lgsp("retire", "statements-1", "--compromised", "--json"))["state"] == "withdrawn"


@pytest.mark.parametrize("algorithm", ["ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-sha256"])
def test_a_key_for_xml_gets_its_certificate(lgsp: Any, tmp_path: Path, algorithm: str) -> None:
    """Request, certificate of an authority with its intermediate, then it signs."""
    assert said(lgsp("new", "receipts", "--algorithm", algorithm, "--json"))["algorithm"] == algorithm
    assert lgsp("activate", "receipts-1").exit_code == 1
    out = tmp_path / "request.pem"
    assert lgsp("request", "receipts-1", "--subject", "CN=LGSP,C=VN", "--out", str(out)).exit_code == 0
    assert out.read_bytes() == lgsp("request", "receipts-1", "--subject", "CN=LGSP,C=VN").stdout.encode() or algorithm[0] == "e"
    key = LocalKey.of_pem((tmp_path / "keys/receipts-1.pem").read_bytes()).key
    assert isinstance(key, signatures.Key)
    chain = signatures.issue("LGSP", key, signatures.intermediate()).pem + signatures.intermediate().pem
    (tmp_path / "chain.pem").write_bytes(chain)
    assert len(said(lgsp("certificate", "receipts-1", str(tmp_path / "chain.pem"), "--json"))["certificates"]) == 2
    assert said(lgsp("activate", "receipts-1", "--json"))["state"] == "current"


def test_a_key_that_exists_can_be_brought_along(lgsp: Any, tmp_path: Path) -> None:
    """From a file that nobody else can read, of an algorithm that fits."""
    pem = tmp_path / "own.pem"
    pem.write_bytes(LocalKey.new(Algorithm.ED25519).pem())
    pem.chmod(0o644)
    assert "chmod 600" in lgsp("new", "statements", "--pem", str(pem)).output
    pem.chmod(0o600)
    assert said(lgsp("new", "statements", "--pem", str(pem), "--json"))["name"] == "statements-1"
    assert "already" in lgsp("new", "statements", "--pem", str(pem)).output
    assert "a key for receipts is of" in lgsp("new", "receipts", "--pem", str(pem)).output


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (("activate", "statements-9"), 1, "there is no key"),
        (("retire", "statements-9"), 1, "there is no key"),
        (("new", "statements", "--token"), 1, "name no token"),
        (("new", "statements", "--label", "x"), 2, "--token"),
        (("new", "statements", "--algorithm", "rsa-sha256"), 2, "ed25519"),
        (("new", "other"), 2, "other"),
        (("certificate", "receipts-1"), 2, "FILE"),
        (("activate", "statements-1", "--at", "noon"), 2, "ISO 8601"),
        (("activate", "statements-1", "--at", "2030-01-01T00:00:00"), 2, "zone"),
        (("retire", "x", "--compromised", "--until", "2030-01-01T00:00:00Z"), 2, "--until or --compromised"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_way_out(lgsp: Any, command: tuple[str, ...], code: int, says: str) -> None:
    """Exit status 1 for a job that failed, 2 for a command line that is wrong; never a traceback."""
    result = lgsp(*command)
    assert (result.exit_code, says in result.output) == (code, True), result.output


def test_who_changes_keys_or_trust_leaves_a_trace_that_stays(lgsp: Any, tmp_path: Path) -> None:
    """Where the hub has a journal it is an entry of the evidence log; where keys are only prepared there is none to write to."""
    assert lgsp("new", "statements").exit_code == 0
    assert not (tmp_path / "journal.db").exists()
    SqliteStore.open(tmp_path / "journal.db", timeout_s=5)._close()
    assert lgsp("activate", "statements-1").exit_code == 0
    pki = DemoPki.make({"H01.101": "UBND xã"}, datetime.now(UTC))
    pki.save(tmp_path / "pki", datetime.now(UTC))
    anchor, digest = tmp_path / "pki/anchors/documents.pem", fingerprint(pki.document_anchor)
    trust = ("trust", "add", str(anchor), "--purpose", "documents", "--sha256", digest)
    added = CliRunner().invoke(cli, [*trust], env={"LGSP_DATA_DIR": str(tmp_path)})
    assert added.exit_code == 0, added.output
    told = [record for record in asyncio.run(entries(tmp_path / "journal.db")) if isinstance(record, Action)]
    assert [(one.name, one.subject.split()[:2]) for one in told] == [
        ("key_changed", ["statements-1", "current"]),
        ("trust_added", ["documents", digest]),
    ]
    assert all(one.by for one in told)


async def entries(path: Path) -> list[Record]:
    store = SqliteStore.open(path, timeout_s=5)
    try:
        return [decode(leaf) for leaf in await store.log_leaves(0, 100)]
    finally:
        await store.close()
