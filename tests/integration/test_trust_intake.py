"""From the first document of an unknown signer to its verdict, and from a withdrawal to the refusal: all processes real."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.store import fingerprint
from tests.integration.cli_hub import Hub, answers
from tests.servers.ports import free_port
from tests.servers.process import wait_until

DESK, OFFICE = "H01.101", "H01.15"
NAMES = {DESK: "Ủy ban nhân dân xã Mỹ Hòa Hưng", OFFICE: "Sở Tư pháp"}
WAIT_S = 30.0


def done(hub: Hub, *arguments: object, **environ: str) -> Any:
    result = hub.run(*arguments, "--json", **environ)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub by the rules of the catalogue, and an authority that it may ask."""
    port = free_port()
    pki = tmp_path / "pki"
    environ = {"LGSP_REVOCATION_HOSTS": f"127.0.0.1:{port}", "LGSP_SIGNATURES": "enforce"}
    hub = Hub(tmp_path, environ)
    named = [part for code, name in NAMES.items() for part in ("--agency", f"{code}={name}")]
    with hub.start("demo-pki", str(pki), *named, "--base-url", f"http://127.0.0.1:{port}", "--serve", "--json") as process:
        assert wait_until(lambda: answers(port, "/crl/root.crl") or process.poll() is not None, WAIT_S)
        done(hub, "trust", "add", pki / "anchors/documents.pem", "--purpose", "documents", "--sha256", anchor_of(pki))
        for code, name in NAMES.items():
            done(hub, "agency", "add", code, "--name", name, "--may-send", "*")
        done(hub, "agency", "signer", "add", DESK, "--as", "seal", "--certificate", pki / f"agencies/{DESK}/seal.pem")
        with hub.serving("run"):
            yield hub


def anchor_of(pki: Path) -> str:
    return fingerprint(DemoPki.load(pki).document_anchor)


def test_a_signer_is_held_until_its_revocation_is_known_and_refused_once_it_is_withdrawn(hub: Hub, tmp_path: Path) -> None:
    """No process is restarted; that somebody asks is enough for the hub to find out."""
    made = done(hub, "agency", "credential", DESK)
    me = {"LGSP_CLIENT_ID": made["client_id"], "LGSP_CLIENT_SECRET": made["client_secret"], "LGSP_SENDER": DESK}
    result = ("case.result", "--example", "--to", OFFICE, "--sign", tmp_path / f"pki/agencies/{DESK}/seal.key", "--json")

    def asked() -> str:
        """What the hub would say: all in order, or the code of the refusal."""
        said = hub.run("explain", *result, **me)
        return "" if said.exit_code == 0 else said.stdout

    assert "signature.revocation_pending" in asked()
    assert wait_until(lambda: asked() == "", WAIT_S)
    sent = hub.run("send", *result, **me)
    assert sent.exit_code == 0, sent.output
    done(hub, "demo-pki", tmp_path / "pki", "--revoke", f"{DESK}/seal")
    assert len(done(hub, "trust", "fetch")["sources"]) == 2
    assert wait_until(lambda: "signature.revoked" in asked(), WAIT_S)
