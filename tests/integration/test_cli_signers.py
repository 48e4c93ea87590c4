"""From a certificate in a file to a verdict on the screen: signers of an agency, sending signed, and looking at what was
found."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from click.testing import Result

from contracts.kinds import KINDS
from lgsp.trust.demo_pki import DemoPki
from tests.integration.cli_hub import Hub
from tests.servers.process import wait_until
from tests.statements import signed_statement

DESK, OFFICE = "H01.101", "H01.15"
RESULT = ("case.result", "--example", "--to", OFFICE)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    DemoPki.make({DESK: "UBND xã Mỹ Hòa Hưng", OFFICE: "Sở Tư pháp"}, datetime.now(UTC)).save(folder, datetime.now(UTC))
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, pki: Path) -> Iterator[Hub]:
    """Two agencies, a hub that trusts the PKI, and rules by which an unknown revocation passes."""
    hub = Hub(tmp_path_factory.mktemp("hub"))
    rules = [{"parts": ["envelope", "body"], "need": "required", "who": "seal", "revocation_unknown": "pass"}]
    policy = hub.folder / "policy.json"
    policy.write_text(json.dumps({"case.result/1": rules}))
    hub = Hub(hub.folder, {"LGSP_SIGNATURE_POLICY_FILE": str(policy), "LGSP_SIGNATURES": "enforce"}, hub.port)
    for code in (DESK, OFFICE):
        done(hub, "agency", "add", code, "--name", f"Cơ quan {code}", "--may-send", "*")
    anchor = pki / "anchors/documents.pem"
    fingerprint = _fingerprint(anchor)
    done(hub, "trust", "add", anchor, "--purpose", "documents", "--sha256", fingerprint)
    with hub.serving("run"):
        yield hub


def done(hub: Hub, *arguments: object, **environ: str) -> Any:
    result = hub.run(*arguments, "--json", **environ)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def _fingerprint(pem: Path) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    return x509.load_pem_x509_certificate(pem.read_bytes()).fingerprint(SHA256()).hex()


def identity(hub: Hub, code: str = DESK) -> dict[str, str]:
    made = done(hub, "agency", "credential", code)
    return {"LGSP_CLIENT_ID": made["client_id"], "LGSP_CLIENT_SECRET": made["client_secret"], "LGSP_SENDER": code}


def send(hub: Hub, me: dict[str, str], *more: object) -> Result:
    return hub.run("send", *RESULT, "--json", *more, **me)


def register(hub: Hub, seal: Path, me: dict[str, str]) -> None:
    """And waits until the running hub has noticed."""
    done(hub, "agency", "signer", "add", DESK, "--as", "seal", "--certificate", seal.with_suffix(".pem"))
    assert wait_until(lambda: hub.run("explain", *RESULT, "--sign", seal, **me).exit_code == 0, 20)


def code_of(result: Result) -> str:
    assert result.exit_code != 0, result.output
    return str(json.loads(result.stdout)["code"])


def test_a_result_goes_once_it_is_signed_by_the_registered_seal(hub: Hub, pki: Path, tmp_path: Path) -> None:
    """Unsigned it does not, nor before the seal is registered; afterwards both sides see the verdict and take the evidence."""
    me, seal = identity(hub), pki / f"agencies/{DESK}/seal.key"
    assert code_of(send(hub, me)) == "signature.missing"
    assert code_of(send(hub, me, "--sign", seal)) == "signature.wrong_signer"
    register(hub, seal, me)
    assert "chữ ký số" in hub.run("explain", *RESULT, "--sign", seal, **me).output
    receipt = json.loads(send(hub, me, "--sign", seal).stdout)
    name = f"{receipt['sender']}/{receipt['message_id']}"

    seen = done(hub, "signature", "show", name, "--evidence", tmp_path / "evidence", **identity(hub, OFFICE))
    (finding,) = seen["examination"]["findings"]
    assert (finding["verdict"], finding["holder"], finding["bound"]) == ("verified_revocation_unknown", "seal", True)
    files = [Path(path) for path in seen["written"]]
    assert {f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files} == set(finding["evidence"])
    assert {path.stem for path in files} == {digest.partition(":")[2] for digest in finding["evidence"]}

    shown = hub.run("signature", "show", name, "--all")
    assert shown.exit_code == 0
    assert "con dấu của cơ quan" in shown.output and "registered for the sender" in shown.output
    assert "Nguyên vẹn:" in shown.output and "Intact:" in shown.output
    assert "Không có CRL hay OCSP đủ mới" in shown.output and "Nothing says when it was signed" in shown.output


def test_an_envelope_that_was_signed_is_sent_as_it_is(hub: Hub, pki: Path, tmp_path: Path) -> None:
    """A whole envelope with a signature of its own is not signed again."""
    me, seal = identity(hub), pki / f"agencies/{DESK}/seal.key"
    register(hub, seal, me)
    envelope = {
        "message_id": "whole",
        "sender": DESK,
        "recipients": [OFFICE],
        "kind": "case.result/1",
        "created_at": datetime.now(UTC).isoformat(),
        "body": msgspec.to_builtins(KINDS["case.result/1"].examples[0].body),
    }
    path = tmp_path / "envelope.json"
    path.write_bytes(
        msgspec.json.encode(
            envelope | {"signature": signed_statement(msgspec.json.encode(envelope), DemoPki.load(pki).seal(DESK))}
        )
    )
    sent = hub.run("send", path, "--sign", pki / f"agencies/{OFFICE}/seal.key", "--json", **me)
    assert sent.exit_code == 0, sent.output


def test_signers_are_listed_and_removed(hub: Hub, pki: Path) -> None:
    """Officials with the capacity in which they sign, seals by what their subject says, keys without a certificate."""
    deputy, issuer = pki / f"agencies/{OFFICE}/deputy.pem", pki / "authorities/agencies.pem"
    add = ("agency", "signer", "add", OFFICE)
    person = ("--name", "Trần Thị Bình", "--title", "Phó Giám đốc", "--capacity", "KT.", "--on-behalf-of", "Giám đốc")
    done(hub, *add, "--as", "person", "--certificate", deputy, *person, "--to", "2027-06-30")
    done(hub, *add, "--as", "seal", "--subject", "organizationIdentifier=GOVVN-H01.15", "--issuer", issuer)
    listed = done(hub, "agency", "signer", "list", OFFICE)
    assert [one["holder"] for one in listed] == ["person", "seal"]
    assert (listed[0]["capacity"], listed[0]["valid_to"]) == ("KT.", "2027-06-30")
    assert listed[0]["certificate_sha256"] == _fingerprint(deputy)
    assert listed[1]["issuer_sha256"] == _fingerprint(issuer)
    assert "KT. Phó Giám đốc Trần Thị Bình" in hub.run("agency", "signer", "list", OFFICE).output
    done(hub, "agency", "signer", "remove", OFFICE, "1")
    assert [one["holder"] for one in done(hub, "agency", "signer", "list", OFFICE)] == ["seal"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "exactly one"),
        (("--subject", "C=VN"), "many live in the same place"),
        (("--subject", "X=1"), "NAME=VALUE"),
        (("--certificate", __file__), "is no certificate"),
        (("--jwk", __file__), "a public key"),
    ],
)
def test_a_registration_that_proves_nothing_is_refused(hub: Hub, arguments: tuple[str, ...], said: str) -> None:
    before = done(hub, "agency", "signer", "list", DESK)
    result = hub.run("agency", "signer", "add", DESK, "--as", "seal", *arguments)
    assert result.exit_code != 0 and said in result.output
    assert done(hub, "agency", "signer", "list", DESK) == before


def test_contracts_say_what_must_be_signed_in_this_hub(hub: Hub) -> None:
    """In words for people; over HTTP with the rules that this hub has of its own."""
    assert "phải ký" in hub.run("contract", "show", "case.result").output
    (rule,) = requests.get(f"{hub.url}/v1/contracts/case.result/1", timeout=10).json()["signed"]
    assert (rule["need"], rule["revocation_unknown"]) == ("required", "pass")
