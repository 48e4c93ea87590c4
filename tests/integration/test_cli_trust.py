"""`lgsp trust`: nothing is trusted that nobody confirmed, and every change leaves a line."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from lgsp.cli import cli
from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.store import fingerprint
from tests.integration.cli_hub import Hub
from tests.signatures import Holder as SignatureHolder
from tests.signatures import Recipe, by_xmlsec, case_file

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


def trusted(lgsp: Lgsp, folder: Path, pki: DemoPki) -> None:
    added = lgsp("add", folder / "anchors/documents.pem", "--purpose", "documents", "--sha256", fingerprint(pki.document_anchor))
    assert added.exit_code == 0


def test_check_says_where_a_certificate_stands_and_asks_for_what_is_missing(lgsp: Lgsp, folder: Path, pki: DemoPki) -> None:
    """Trusted is not enough: exit status 0 only when it is known not to be revoked."""
    seal = folder / f"agencies/{CODE}/seal.pem"
    assert json.loads(lgsp("check", seal, "--json").output)["trust"] == "not_checked"
    trusted(lgsp, folder, pki)
    unknown = lgsp("check", seal, "--ask", "--json")
    said = json.loads(unknown.output)
    assert unknown.exit_code == 1
    assert (said["trust"], said["revocation"], said["revocation_refusal"]["code"]) == (
        "trusted",
        "unknown",
        "revocation.no_evidence",
    )
    for issuer in ("root", "agencies"):
        brought = lgsp("crl", folder / f"crl/{issuer}.crl")
        assert brought.exit_code == 0
        assert json.loads(brought.stderr)["event"] == "revocation.imported"
    assert lgsp("check", seal).exit_code == 0
    revoked = lgsp("check", folder / "examples/revoked.pem", "--json")
    assert revoked.exit_code == 1
    assert json.loads(revoked.output)["reason"] == "keyCompromise"


def test_a_list_that_is_none_or_of_nobody_known_is_refused(lgsp: Lgsp, folder: Path, pki: DemoPki) -> None:
    """With a code and what to do; nothing is taken over."""
    unknown = lgsp("crl", folder / "crl/root.crl", "--json")
    assert json.loads(unknown.stdout)["code"] == "fetch.unknown_issuer"
    trusted(lgsp, folder, pki)
    garbage = lgsp("crl", folder / "pki.json")
    assert garbage.exit_code == 1 and "crl.malformed" not in garbage.stderr and "→ " in garbage.stderr
    (folder / "old.crl").write_bytes(pki.crl("root", datetime.now(UTC) - timedelta(days=40)))
    assert json.loads(lgsp("crl", folder / "old.crl", "--json").stdout)["code"] == "fetch.late"
    assert json.loads(lgsp("status", "--json").output)["snapshot"]["crls"] == 0


def test_fetch_and_status_say_what_fails_and_how_to_mend_it(lgsp: Lgsp, folder: Path, pki: DemoPki) -> None:
    """Nobody is asked who is not listed; exit status 1."""
    trusted(lgsp, folder, pki)
    lgsp("check", folder / f"agencies/{CODE}/seal.pem", "--ask")
    failing = lgsp("fetch")
    assert failing.exit_code == 1
    assert "revocation_hosts" in failing.output
    said = json.loads(lgsp("status", "--json").output)
    assert not said["well"]
    assert {one["code"] for one in said["sources"]} == {"fetch.not_listed"}
    assert {one["kind"] for one in said["sources"]} == {"crl", "ocsp"}


def test_expiring_lists_anchors_signers_and_registrations(lgsp: Lgsp, folder: Path, pki: DemoPki, tmp_path: Path) -> None:
    """The first first; exit status 1 only when something has ended."""
    trusted(lgsp, folder, pki)
    lgsp("check", folder / f"agencies/{CODE}/seal.pem", "--ask")
    assert lgsp("expiring").exit_code == 0
    far = lgsp("expiring", "--within", "20y", "--json")
    assert [one["what"] for one in json.loads(far.output)] == ["signer", "documents", "authority"]
    assert not (tmp_path / "var/journal.db").exists()
    runner = CliRunner(env={"LGSP_DATA_DIR": str(tmp_path / "var")})
    seal = str(folder / f"agencies/{CODE}/seal.pem")
    assert runner.invoke(cli, ["agency", "add", CODE, "--name", "UBND xã"]).exit_code == 0
    assert runner.invoke(cli, ["agency", "signer", "add", CODE, "--certificate", seal, "--as", "seal"]).exit_code == 0
    assert "registration" in [one["what"] for one in json.loads(lgsp("expiring", "--within", "20y", "--json").output)]
    assert lgsp("expiring", "--within", "soon").exit_code == 2


def test_a_running_hub_fetches_when_asked_to_and_takes_lists_over(folder: Path, pki: DemoPki, tmp_path: Path) -> None:
    """The command line leaves it to who holds the lock, and waits for it."""
    hub = Hub(tmp_path, {"LGSP_REVOCATION_HOSTS": "crl.example"})
    digest = fingerprint(pki.document_anchor)
    assert hub.run("trust", "add", folder / "anchors/documents.pem", "--purpose", "documents", "--sha256", digest).exit_code == 0
    with hub.serving("run"):
        assert hub.run("trust", "check", folder / f"agencies/{CODE}/seal.pem", "--ask").exit_code == 1
        fetched = hub.run("trust", "fetch", "--json")
        assert {one["code"] for one in json.loads(fetched.stdout)["sources"]} == {"fetch.not_listed"}
        for issuer in ("root", "agencies"):
            assert hub.run("trust", "crl", folder / f"crl/{issuer}.crl").exit_code == 0
        assert hub.run("trust", "check", folder / f"agencies/{CODE}/seal.pem").exit_code == 0


def test_one_of_several_in_a_file_is_not_removed_with_the_others(lgsp: Lgsp, folder: Path, pki: DemoPki, tmp_path: Path) -> None:
    """Whoever put the file there takes it out."""
    anchors = tmp_path / "var/trust/anchors/documents"
    anchors.mkdir(parents=True)
    both = [(folder / f"anchors/{name}.pem").read_bytes() for name in ("documents", "time-stamps")]
    (anchors / "both.pem").write_bytes(b"".join(both))
    refused = lgsp("remove", fingerprint(pki.document_anchor), "--yes")
    assert refused.exit_code == 1 and "both.pem" in refused.stderr
    assert len(json.loads(lgsp("list", "--json").output)) == 2


def test_a_signature_is_checked_by_what_the_hub_trusts_and_knows(lgsp: Lgsp, folder: Path, pki: DemoPki, tmp_path: Path) -> None:
    """With --hub, and by nothing besides."""
    trusted(lgsp, folder, pki)
    below = ("--purpose", "intermediates", "--sha256", fingerprint(pki.seal(CODE).issuers[0]))
    assert lgsp("add", folder / "authorities/agencies.pem", *below).exit_code == 0
    for issuer in ("root", "agencies"):
        assert lgsp("crl", folder / f"crl/{issuer}.crl").exit_code == 0
    seal = pki.seal(CODE)
    signed = tmp_path / "signed.xml"
    recipe = Recipe(method="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256")
    others = [SignatureHolder(seal.key, one) for one in seal.issuers]
    signed.write_bytes(by_xmlsec(case_file(), SignatureHolder(seal.key, seal.certificate), recipe, others))
    runner = CliRunner(env={"LGSP_DATA_DIR": str(tmp_path / "var")})
    checked = runner.invoke(cli, ["signature", "check", str(signed), "--hub", "--json"])
    assert checked.exit_code == 0
    assert '"verdict": "verified"' in checked.output
    both = runner.invoke(cli, ["signature", "check", str(signed), "--hub", "--anchor", str(folder / "anchors/documents.pem")])
    assert both.exit_code == 2


def test_doctor_tells_whom_the_hub_believes(lgsp: Lgsp, folder: Path, pki: DemoPki, tmp_path: Path) -> None:
    """Nobody, somebody, sources that fail, a damaged file."""

    def finding() -> dict[str, str]:
        runner = CliRunner(env={"LGSP_DATA_DIR": str(tmp_path / "var")})
        said = json.loads(runner.invoke(cli, ["doctor", "--json"]).stdout)
        return next(one for one in said["findings"] if one["name"] == "trust")

    assert (finding()["verdict"], finding()["remedy"]) == ("warning", "lgsp trust add FILE --purpose documents")
    trusted(lgsp, folder, pki)
    assert finding()["verdict"] == "ok"
    lgsp("check", folder / f"agencies/{CODE}/seal.pem", "--ask")
    lgsp("fetch")
    assert "lgsp trust status" in finding()["remedy"]
    (tmp_path / "var/trust/anchors/documents/x.pem").write_text("x")
    assert finding()["verdict"] == "failed" and "x.pem" in finding()["detail"]
