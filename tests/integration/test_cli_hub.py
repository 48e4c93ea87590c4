"""The command line against a real hub process: from registering an agency to following its case."""

import http.server
import json
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.json import encode as json_encode

from adapters.webhook.mapping import keys_of, signature_of
from contracts import wire
from lgsp.cli import cli
from lgsp.http.overall import STATUS_TYPE
from signing import jws
from signing.jose import JwkSet
from signing.keys import Algorithm
from signing.local_key import LocalKey
from tests.fakes.log_signer import verifier
from tests.integration.cli_hub import ROOT, Hub, answers
from tests.servers.ports import free_port
from tests.servers.process import log_tail, wait_until

DESK, OFFICE = "H01.101", "H01.15"
OFFICES = (f"H01.{number}" for number in range(102, 200))
FORM = {"code", "title", "title_vi", "field", "detail", "remedy", "remedy_vi"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty directory with a hub that serves it."""
    hub = Hub(tmp_path)
    with hub.serving("run"):
        yield hub


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with the invented agencies, all of which receive in their mailboxes."""
    hub = Hub(tmp_path_factory.mktemp("sandbox"))
    with hub.serving("run", "--sandbox"):
        yield hub


@pytest.fixture
def office() -> str:
    """A commune of the sandbox that no other test has used: its mailbox is empty."""
    return next(OFFICES)


def told(hub: Hub, *arguments: object, **environ: str) -> Any:
    """What a command prints as JSON; it must have succeeded."""
    result = hub.run(*arguments, "--json", **environ)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def identity(hub: Hub, code: str) -> dict[str, str]:
    """The environment that `agency credential` tells the agency to use."""
    shown = hub.run("agency", "credential", code).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if line.startswith("LGSP_"))


def register(hub: Hub) -> tuple[dict[str, str], dict[str, str]]:
    told(hub, "agency", "add", DESK, "--name", "Xã Mỹ Hòa", "--level", "commune", "--may-send", "case.*")
    told(hub, "agency", "add", OFFICE, "--name", "Sở Tư pháp", "--level", "department")
    return identity(hub, DESK), identity(hub, OFFICE)


def knows(hub: Hub, code: str, environ: dict[str, str]) -> bool:
    """Whether the hub has followed the directory so far that the agency may ask."""
    return hub.run("mailbox", **environ).exit_code == 0


def test_from_registering_an_agency_to_the_end_of_its_case(hub: Hub) -> None:
    """add -> credential -> send -> mailbox -> fetch -> acknowledge -> trace, each with what the one before has printed."""
    desk, office = register(hub)
    assert wait_until(lambda: knows(hub, OFFICE, office), 10)
    receipt = told(hub, "send", "case.file/1", "--example", "--to", OFFICE, **desk)
    assert (receipt["sender"], receipt["sequence"]) == (DESK, 1)
    (entry,) = told(hub, "mailbox", **office)["entries"]
    assert (entry["sender"], entry["kind"], entry["message_id"]) == (DESK, "case.file/1", receipt["message_id"])
    document = told(hub, "mailbox", "--fetch", entry["delivery_id"], **office)
    case_number = document["envelope"]["body"]["case_number"]
    (result,) = told(hub, "mailbox", "--ack", entry["delivery_id"], **office)["results"]
    assert (result["applied"], result["state"]) == (True, "delivered")
    assert told(hub, "mailbox", **office)["entries"] == []
    for environ in (desk, office):
        (found,) = told(hub, "trace", case_number, **environ)["envelopes"]
        assert [event["name"] for event in found["events"]] == ["accepted", "available", "fetched", "delivered"]
    (single,) = told(hub, "trace", f"{DESK}/{receipt['message_id']}", **desk)["envelopes"]
    assert single["envelope"]["digest"] == receipt["digest"]
    shown = hub.run("trace", case_number, **office).stdout
    assert "đã giao · delivered" in shown
    assert "trong hộp thư · in the mailbox" in shown


def test_a_sender_beyond_its_quota_waits_and_sends_again(hub: Hub) -> None:
    """`send` says that it waits, and gets its receipt; where that would take too long it ends with the code and the remedy."""
    desk, office = register(hub)
    told(hub, "agency", "quota", DESK, "--per-second", "1", "--burst", "1")
    assert wait_until(lambda: knows(hub, OFFICE, office), 10)
    sent = [hub.run("send", "case.file/1", "--example", "--to", OFFICE, "--json", **desk) for _ in range(3)]
    assert [one.exit_code for one in sent] == [0, 0, 0]
    assert any("quota.exceeded" in one.stderr and "chờ" in one.stderr for one in sent)
    assert len(told(hub, "mailbox", **office)["entries"]) == 3
    told(hub, "agency", "quota", DESK, "--per-second", "0.001", "--burst", "1")
    assert wait_until(lambda: hub.run("send", "case.file/1", "--example", "--to", OFFICE, **desk).exit_code == 1, 30)
    refused = hub.run("send", "case.file/1", "--example", "--to", OFFICE, "--json", **desk)
    assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (1, "quota.exceeded")


def test_a_whole_envelope_sent_twice_gets_the_same_receipt(sandbox: Hub, office: str, tmp_path: Path) -> None:
    """A file with an envelope is sent octet for octet; the second time is a resend."""
    file = tmp_path / "envelope.json"
    envelope = {
        "message_id": "m-1",
        "sender": DESK,
        "recipients": [office],
        "kind": "case.file/1",
        "created_at": "2026-11-20T08:00:00+07:00",
        "body": json.loads(sandbox.run("contract", "show", "case.file/1", "--example").stdout),
    }
    file.write_text(json.dumps(envelope))
    first = told(sandbox, "send", file, "--as", DESK)
    assert told(sandbox, "send", file, "--as", DESK) == first
    assert "Accepted before" in sandbox.run("send", file, "--as", DESK).stdout
    file.write_text(json.dumps(envelope | {"priority": 2}))
    refused = sandbox.run("send", file, "--as", DESK, "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["code"] == "envelope.id_reused"


def test_a_body_in_a_file_arrives_octet_for_octet(sandbox: Hub, office: str, tmp_path: Path) -> None:
    """JSON with its own spacing and XML: what the recipient writes into a file is what the sender read from one."""
    for name, options in (("body.json", ()), ("body.xml", ("--xml",))):
        body = tmp_path / name
        body.write_text(sandbox.run("contract", "show", "case.file/1", "--example", *options).stdout)
        told(sandbox, "send", body, "--kind", "case.file/1", "--to", office, "--as", DESK)
        (entry,) = told(sandbox, "mailbox", "--as", office)["entries"]
        fetched = tmp_path / "fetched"
        assert sandbox.run("mailbox", "--as", office, "--fetch", entry["delivery_id"], "--output", fetched).exit_code == 0
        assert fetched.read_bytes().strip() == body.read_bytes().strip()
        told(sandbox, "mailbox", "--as", office, "--ack", entry["delivery_id"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("case.file/1", "--to", "H01.NOWHERE"), "route.unknown_recipient"),
        (("postal.event/1", "--to", OFFICE), "grant.kind_not_allowed"),
    ],
)
def test_a_refusal_is_shown_with_its_remedy_and_explained_before(
    sandbox: Hub, office: str, arguments: tuple[str, ...], code: str
) -> None:
    """`send` shows code and remedy in both languages, `explain` says the same without sending; both with status 1."""
    for command in ("send", "explain"):
        result = sandbox.run(command, "--example", *arguments, "--as", DESK)
        assert result.exit_code == 1
        assert code in result.stderr
        assert result.stderr.count("→") == 2
        told_no = sandbox.run(command, "--example", *arguments, "--as", DESK, "--json")
        assert told_no.exit_code == 1
        assert json.loads(told_no.stdout)["code"] == code
        assert json.loads(told_no.stdout).keys() >= FORM


def test_explain_tells_the_way_without_sending(sandbox: Hub, office: str) -> None:
    """An envelope that would be accepted shows every check and its hops; nothing reaches the mailbox."""
    answer = told(sandbox, "explain", "case.file/1", "--example", "--to", office, "--as", DESK)
    assert answer["accepted"] is True
    assert [hop["recipient"] for hop in answer["hops"]] == [office]
    assert "✓" in sandbox.run("explain", "case.file/1", "--example", "--to", office, "--as", DESK).stdout
    assert told(sandbox, "mailbox", "--as", office)["entries"] == []


def test_wrong_credentials_are_told_apart_from_refusals(sandbox: Hub) -> None:
    """A wrong secret ends with 1 and how to identify oneself; an agency without credentials in the sandbox likewise."""
    result = sandbox.run("mailbox", "--client-id", f"demo-{DESK}", "--client-secret", "wrong")
    assert result.exit_code == 1
    assert "--client-secret" in result.stderr
    unknown = sandbox.run("mailbox", "--as", "H99")
    assert unknown.exit_code == 1
    assert "--client-id" in unknown.stderr


def test_what_is_refused_leaves_the_mailbox_and_the_sender_reads_why(sandbox: Hub, office: str) -> None:
    """--refuse with a reason ends the delivery; the reason stands in the sender's timeline. A foreign id fails."""
    receipt = told(sandbox, "send", "case.file/1", "--example", "--to", office, "--as", DESK)
    (delivery,) = receipt["deliveries"]
    told(sandbox, "mailbox", "--as", office, "--refuse", delivery["delivery_id"], "--reason", "thiếu chữ ký")
    (found,) = told(sandbox, "trace", f"{DESK}/{receipt['message_id']}", "--as", DESK)["envelopes"]
    assert "thiếu chữ ký" in json.dumps(found["events"], ensure_ascii=False)
    assert sandbox.run("mailbox", "--as", office, "--ack", 99).exit_code == 1


def test_listen_forwards_signed_and_acknowledges_what_was_taken(sandbox: Hub, office: str) -> None:
    """A 2xx ends the delivery; a failure keeps it and holds back later ones of the same case."""
    told(sandbox, "send", "case.file/1", "--example", "--to", office, "--as", DESK)
    told(sandbox, "send", "case.progress/1", "--example", "--to", office, "--order-key", "x", "--as", DESK)
    told(sandbox, "send", "case.result/1", "--example", "--to", office, "--order-key", "x", "--as", DESK)
    with Hook(statuses=[200, 500]) as hook:
        lines = listened(sandbox, office, hook)
        assert [(line["status"], line["acknowledged"]) for line in lines[:2]] == [(200, True), (500, False)]
        assert wire_kinds(hook) == ["case.file/1", "case.progress/1", "case.progress/1", "case.result/1"]
        assert told(sandbox, "mailbox", "--as", office)["entries"] == []
    headers, body = hook.requests[0]
    expected = signature_of(headers["webhook-id"], headers["webhook-timestamp"], body, keys_of(SECRET))
    assert headers["webhook-signature"] == expected


def listened(hub: Hub, office: str, hook: "Hook") -> list[dict[str, Any]]:
    result = hub.run("listen", "--as", office, "--forward-to", hook.url, "--secret", SECRET, "--once", "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def wire_kinds(hook: "Hook") -> list[str]:
    return [wire.parse(json.dumps(json.loads(body)["envelope"]).encode()).kind for _, body in hook.requests]


class Hook:
    """A developer's server: answers with the statuses given, then with 204."""

    def __init__(self, statuses: list[int]) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(statuses.pop(0) if statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def __enter__(self) -> "Hook":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def readme_commands() -> list[str]:
    """What README tells to type, without the comments."""
    lines = (ROOT / "README.md").read_text().splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.startswith(".venv/bin/lgsp ")]


def test_what_readme_says_to_type_works(tmp_path: Path) -> None:
    """Every command of README's block does its job in a hub with the invented agencies, one after the other."""
    hub = Hub(tmp_path)
    example = json.loads(hub.run("contract", "show", "case.file", "--example").stdout)
    said = {}
    with hub.serving("run", "--sandbox"), Hook(statuses=[]) as hook:
        told(hub, "send", "postal.order/1", "--example", "--as", "H01.101", "--to", "VNPOST.AG")
        for line in readme_commands():
            typed = line.replace("<case number>", example["case_number"]).replace("http://127.0.0.1:9000/in", hook.url)
            typed = typed.replace(
                "$(TZ=Asia/Ho_Chi_Minh date +%F)", datetime.now(timezone(timedelta(hours=7))).date().isoformat()
            )
            if "<sender/message id>" in typed:
                (entry,) = told(hub, "mailbox", "--as", "H01.102")["entries"]
                typed = typed.replace("<sender/message id>", f"{entry['sender']}/{entry['message_id']}")
            arguments = typed.split()[1:] + (["--once"] if " listen " in typed else [])
            result = hub.run(*arguments)
            assert result.exit_code == 0, (typed, result.output)
            said[arguments[0]] = result.stdout
    operators = {"balance", "deadletter", "maintenance"}
    assert (
        said.keys()
        == {
            "doctor",
            "contract",
            "send",
            "mailbox",
            "trace",
            "status",
            "signature",
            "trust",
            "demo-pki",
            "listen",
            "evidence",
            "log",
            "postal",
            "simulate",
        }
        | operators
    )
    assert "case.file/1" in said["mailbox"]
    assert "H01.101 → H01.102" in said["trace"]
    assert "H01.102" in said["status"]
    assert len(hook.requests) == 1


def test_an_auditor_sees_a_case_over_all_agencies_in_one_timeline(sandbox: Hub, office: str) -> None:
    """--all shows what no single agency sees, in the order in which it happened, and leaves a line in the log."""
    others = next(OFFICES)
    for sender, to in ((DESK, office), (others, "H01.09")):
        told(sandbox, "send", "case.progress/1", "--example", "--to", to, "--as", sender)
    number = json.loads(sandbox.run("contract", "show", "case.progress", "--example").stdout)["case_number"]
    found = told(sandbox, "trace", number, "--all")
    assert {(DESK, office), (others, "H01.09")} <= ways(found)
    assert (others, "H01.09") not in ways(told(sandbox, "trace", number, "--as", DESK))
    result = sandbox.run("trace", number, "--all")
    times = [line.strip()[:25] for line in result.stdout.splitlines() if line.strip().startswith("20")]
    assert times == sorted(times) and len(times) >= 4
    assert f"{others} → H01.09" in result.stdout
    (line,) = [json.loads(line) for line in result.stderr.splitlines()]
    assert (line["event"], line["identifier"]) == ("case.inspected", number)
    nothing = sandbox.run("trace", "nothing/bears-this", "--all", "--json")
    assert (nothing.exit_code, json.loads(nothing.stdout)["code"]) == (1, "command.failed")


def ways(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["envelope"]["sender"], to) for one in found["envelopes"] for to in one["envelope"]["recipients"]}


def test_one_status_over_all_recipients_verified(sandbox: Hub, tmp_path: Path) -> None:
    """Its sender sees it, signed or not, and keeps the signed form; keys kept earlier do as well as those of today."""
    first, second = next(OFFICES), next(OFFICES)
    receipt = told(sandbox, "send", "case.file/1", "--example", "--to", first, "--to", second, "--as", DESK)
    envelope = f"{DESK}/{receipt['message_id']}"
    (entry,) = told(sandbox, "mailbox", "--as", first)["entries"]
    told(sandbox, "mailbox", "--ack", entry["delivery_id"], "--as", first)
    plain = told(sandbox, "status", envelope, "--as", DESK)
    assert (plain["overall"]["state"], plain["overall"]["counts"]) == ("in_progress", {"available": 1, "delivered": 1})
    assert plain["digest"] == receipt["digest"]

    keys = tmp_path / "jwks.json"
    with urllib.request.urlopen(f"http://127.0.0.1:{sandbox.port}/.well-known/jwks.json", timeout=10) as answer:
        keys.write_bytes(answer.read())
    signed = told(sandbox, "status", envelope, "--verify", "--keys", keys, "--as", DESK)
    signature = signed.pop("signature")
    assert signed | {"as_of": 0} == plain | {"as_of": 0}
    assert jws.verify(signature["jws"], jws.keys_of(keys.read_bytes()), STATUS_TYPE).kid == signature["kid"]
    shown = sandbox.run("status", envelope, "--verify", "--as", DESK).stdout
    assert "Đang giao · Still being delivered" in shown
    assert "1 trong hộp thư · in the mailbox, 1 đã giao · delivered" in shown
    assert f"kid {signature['kid']}" in shown

    for no_keys in (other_keys(tmp_path).read_bytes(), b"junk"):
        keys.write_bytes(no_keys)
        result = sandbox.run("status", envelope, "--verify", "--keys", keys, "--json", "--as", DESK)
        assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "status.not_verified")


def test_a_receipt_is_verified_kept_and_verified_again_without_the_hub(sandbox: Hub, tmp_path: Path, office: str) -> None:
    """By the hub's public keys alone; changed, or by keys of another, it says nothing."""
    sent = told(sandbox, "send", "case.file", "--example", "--as", DESK, "--to", office)
    envelope = f"{DESK}/{sent['message_id']}"
    assert told(sandbox, "receipt", envelope, "--as", DESK) == sent
    keys, kept = published_keys(sandbox, tmp_path), tmp_path / "receipt.jws"
    found = told(sandbox, "receipt", envelope, "--verify", "--keys", keys, "--out", kept, "--as", DESK)
    signature = found.pop("signature")
    assert (found, kept.read_text().strip()) == (sent, signature["jws"])
    assert told(sandbox, "receipt", "--from", kept, "--keys", keys) == {**sent, "signature": signature}
    assert signature["kid"] in sandbox.run("receipt", "--from", kept, "--keys", keys).stdout
    header, payload, value = signature["jws"].split(".")
    kept.write_text(f"{header}.{payload[:-4]}AAAA.{value}")
    for arguments in (("--from", kept, "--keys", keys), (envelope, "--verify", "--keys", other_keys(tmp_path), "--as", DESK)):
        result = sandbox.run("receipt", *arguments, "--json")
        assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "receipt.not_verified")


def test_evidence_is_taken_away_and_checked_without_the_hub(sandbox: Hub, tmp_path: Path, office: str) -> None:
    """By a party what it may see, by an auditor at the hub all of it; both prove it to whoever has the hub's keys."""
    sent = told(sandbox, "send", "case.file", "--example", "--as", DESK, "--to", office)
    envelope, out = f"{DESK}/{sent['message_id']}", tmp_path / "x.asice"
    keys = (
        "--hub-keys",
        published_keys(sandbox, tmp_path),
        "--log-key",
        log_key(sandbox),
        "--trust",
        sandbox.folder / "var/trust",
    )
    for arguments, view in (
        ((envelope, "--as", DESK), "party"),
        ((envelope, "--as", office), "party"),
        ((envelope, "--all"), "whole"),
        (("--case", sandbox_case(sandbox), "--all"), "whole"),
    ):
        assert told(sandbox, "evidence", "export", *arguments, "-o", out)["bytes"] == out.stat().st_size
        found = told(sandbox, "evidence", "verify", out, *keys)
        assert (found["verdict"], found["view"]) == ("proved", view)
    shown = sandbox.run("evidence", "verify", out)
    assert shown.exit_code == 3 and "KHÓA CHƯA ĐƯỢC XÁC NHẬN" in shown.stdout and log_key(sandbox) in shown.stdout
    for wrong in (("nothing/bears-this", "--all"), ("nothing/bears-this", "--as", DESK)):
        result = sandbox.run("evidence", "export", *wrong, "-o", tmp_path / "no.asice", "--json")
        assert result.exit_code == 1 and not (tmp_path / "no.asice").exists()
    assert sandbox.run("evidence", "export", "-o", out).exit_code == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["jwks.json", "x.asice"]


def sandbox_case(hub: Hub) -> str:
    number: str = json.loads(hub.run("contract", "show", "case.file", "--example").stdout)["case_number"]
    return number


def log_key(hub: Hub) -> str:
    """As anybody may ask for it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/log/vkey", timeout=10) as answer:
        text: str = answer.read().decode()
    return text.strip()


def test_a_receipt_is_proved_by_the_log_alone(sandbox: Hub, tmp_path: Path, office: str) -> None:
    """Kept as plain JSON, without any signature on it: the key of the log is enough, now and when the hub is gone. A resend gets
    the same; changed, or by the key of another log, it proves nothing."""
    sent = told(sandbox, "send", "case.file", "--example", "--as", DESK, "--to", office)
    kept, key = tmp_path / "receipt.json", tmp_path / "log.vkey"
    kept.write_text(json.dumps(sent))
    key.write_text("\n".join(told(sandbox, "log", "vkey")["vkeys"]) + "\n")
    proved = told(sandbox, "receipt", "--from", kept, "--log-key", key)
    assert proved.pop("proved")["origin"] == "lgsp/HUB"
    assert proved == sent
    envelope = f"{DESK}/{sent['message_id']}"
    assert "Đã ghi trong nhật ký" in sandbox.run("receipt", envelope, "--log-key", key.read_text().strip(), "--as", DESK).stdout
    assert told(sandbox, "receipt", envelope, "--as", DESK) == sent
    for name, value in (("digest", f"sha256:{'0' * 64}"), ("sequence", 1_000_000), ("message_id", "another"), ("log", None)):
        kept.write_text(json.dumps(sent | {name: value}))
        result = sandbox.run("receipt", "--from", kept, "--log-key", key, "--json")
        assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "receipt.not_proved")
    kept.write_text(json.dumps(sent))
    result = sandbox.run("receipt", "--from", kept, "--log-key", verifier("lgsp/HUB").vkey, "--json")
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "receipt.not_proved")
    assert "chỉ chữ ký mới chứng minh" in sandbox.run("receipt", "--from", kept, "--log-key", key).stdout
    assert sandbox.run("receipt", "--from", kept, "--log-key", tmp_path / "no.vkey").exit_code == 2
    kept.write_text(json.dumps({"receipt": sent}))
    assert told(sandbox, "receipt", "--from", kept, "--log-key", key)["message_id"] == sent["message_id"]


def test_keys_of_signatures_do_not_vouch_for_a_receipt_without_one(sandbox: Hub, tmp_path: Path, office: str) -> None:
    """Anybody can write plain JSON: with nothing but the hub's JWK set it is verified by nothing, and that is no success."""
    kept = tmp_path / "receipt.json"
    kept.write_text(json.dumps(told(sandbox, "send", "case.file", "--example", "--as", DESK, "--to", office)))
    result = sandbox.run("receipt", "--from", kept, "--keys", published_keys(sandbox, tmp_path), "--json")
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "receipt.not_verified")


@pytest.mark.parametrize("octets", [b'{"log":', b"[1]", b"a.b.c", b"junk", b"<a/>", b'{"receipt":3}', b'{"code":"x"}', b"\xff"])
def test_what_is_no_receipt_is_refused_in_words(tmp_path: Path, octets: bytes) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(octets)
    result = CliRunner().invoke(cli, ["receipt", "--from", str(kept), "--log-key", verifier("lgsp/HUB").vkey, "--json"])
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True)
    assert json.loads(result.stdout)["code"]


def test_a_receipt_in_xml_once_the_hub_has_a_certificate(sandbox: Hub, tmp_path: Path, office: str) -> None:
    """The key is made, certified and activated while the hub runs; `lgsp signature check` says whose signature it is."""
    sent = told(sandbox, "send", "case.file", "--example", "--as", DESK, "--to", office)
    envelope, kept, anchor = f"{DESK}/{sent['message_id']}", tmp_path / "receipt.xml", tmp_path / "hub.pem"
    none = sandbox.run("receipt", envelope, "--xml", "--json", "--as", DESK)
    assert (none.exit_code, json.loads(none.stdout)["code"]) == (1, "receipt.not_xml")
    name = told(sandbox, "key", "new", "receipts")["name"]
    told(sandbox, "key", "certificate", name, "--self-signed", "CN=Trục liên thông,C=VN")
    told(sandbox, "key", "activate", name)
    assert wait_until(lambda: sandbox.run("receipt", envelope, "--xml", "--out", kept, "--as", DESK).exit_code == 0, 10)
    assert told(sandbox, "receipt", envelope, "--xml", "--as", DESK) == sent
    (vkey,) = told(sandbox, "log", "vkey")["vkeys"]
    assert told(sandbox, "receipt", "--from", kept, "--log-key", vkey)["proved"]["size"] > 0
    with urllib.request.urlopen(f"http://127.0.0.1:{sandbox.port}/.well-known/jwks.json", timeout=10) as answer:
        (der,) = next(one["x5c"] for one in json.load(answer)["keys"] if "x5c" in one)
    anchor.write_text(f"-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
    checked = told(sandbox, "signature", "check", kept, "--anchor", anchor)
    assert "Trục liên thông" in json.dumps(checked, ensure_ascii=False)


def test_a_refusal_is_kept_and_verified_too(sandbox: Hub, tmp_path: Path) -> None:
    """What `lgsp send --json` prints of a refusal holds the signed form."""
    result = sandbox.run("send", "case.file", "--example", "--as", DESK, "--to", "H99.999", "--json")
    problem = json.loads(result.stdout)
    assert (result.exit_code, problem["code"]) == (1, "route.unknown_recipient")
    keys, kept = published_keys(sandbox, tmp_path), tmp_path / "refusal.jws"
    kept.write_text(problem["signed"] + "\n")
    said = told(sandbox, "receipt", "--from", kept, "--keys", keys)
    assert (said["code"], said["sender"], said["message_id"]) == (problem["code"], DESK, problem["message_id"])
    assert "Bị từ chối" in sandbox.run("receipt", "--from", kept, "--keys", keys).stdout
    as_it_came = tmp_path / "refusal.json"
    as_it_came.write_text(result.stdout)
    assert told(sandbox, "receipt", "--from", as_it_came, "--keys", keys) == said
    (vkey,) = told(sandbox, "log", "vkey")["vkeys"]
    assert told(sandbox, "receipt", "--from", kept, "--log-key", vkey)["proved"]["size"] > 0


@pytest.mark.parametrize(
    "arguments", [(), ("H01.101",), ("H01.101/m", "--out", "x"), ("--from", "README.md"), ("H01.101/m", "--from", "README.md")]
)
def test_a_command_line_for_a_receipt_that_makes_no_sense(sandbox: Hub, arguments: tuple[str, ...]) -> None:
    """Exit status 2."""
    assert sandbox.run("receipt", *arguments, "--as", DESK).exit_code == 2


def published_keys(hub: Hub, folder: Path) -> Path:
    path = folder / "jwks.json"
    with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/.well-known/jwks.json", timeout=10) as answer:
        path.write_bytes(answer.read())
    return path


def other_keys(folder: Path) -> Path:
    path = folder / "other.json"
    key = LocalKey.new(Algorithm.ED25519)
    path.write_bytes(json_encode(JwkSet(keys=[jws.published(key.public(), key.algorithm)])))
    return path


def test_an_overall_status_is_the_senders_and_the_operators(sandbox: Hub, office: str) -> None:
    """A recipient is refused; at the hub --all needs no client id and leaves a line in the log, also for what is not there."""
    receipt = told(sandbox, "send", "case.file/1", "--example", "--to", office, "--as", DESK)
    envelope = f"{DESK}/{receipt['message_id']}"
    refused = sandbox.run("status", envelope, "--as", office, "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (1, "access.not_a_party")
    found = sandbox.run("status", envelope, "--all", "--json")
    plain = told(sandbox, "status", envelope, "--as", DESK)
    assert json.loads(found.stdout) | {"as_of": 0} == plain | {"as_of": 0}
    assert "case.inspected" in found.stderr
    nothing = sandbox.run("status", f"{DESK}/not-there", "--all")
    assert nothing.exit_code == 1
    assert "case.inspected" in nothing.stderr
    for wrong in ((DESK,), (f"{DESK}/",), (envelope, "--all", "--verify")):
        assert sandbox.run("status", *wrong).exit_code == 2


def test_an_agency_with_an_endpoint_is_told_why_its_mailbox_stays_empty(sandbox: Hub, office: str) -> None:
    """Only the agency itself learns the address."""
    told(sandbox, "agency", "endpoint", office, "http://127.0.0.1:9/hook")
    assert wait_until(lambda: "http://127.0.0.1:9/hook" in sandbox.run("mailbox", "--as", office).stderr, 10)
    assert told(sandbox, "mailbox", "--as", office)["entries"] == []
    assert "mailbox" not in sandbox.run("mailbox", "--as", DESK).stderr


def test_listening_once_fails_when_its_delivery_failed(sandbox: Hub, office: str) -> None:
    """Status 1 for what is still in the mailbox in the end."""
    told(sandbox, "send", "case.file", "--example", "--to", office, "--as", DESK)
    result = sandbox.run("listen", "--as", office, "--forward-to", "http://127.0.0.1:9/hook", "--once", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout.splitlines()[-1])["code"] == "command.failed"


@pytest.mark.parametrize("command", [("mailbox", "--follow"), ("listen", "--forward-to", "http://127.0.0.1:9/hook")])
def test_ctrl_c_is_the_proper_end_of_what_goes_on(sandbox: Hub, office: str, command: tuple[str, ...]) -> None:
    """Status 0, and nothing is said about it."""
    told(sandbox, "send", "case.file", "--example", "--to", office, "--as", DESK)
    with sandbox.start(*command, "--as", office) as process:
        assert wait_until(lambda: "case.file/1" in sandbox.log(*command).read_text(), 20)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert "Abort" not in sandbox.log(*command).read_text()


def test_doctor_asks_the_hub_that_is_running(sandbox: Hub) -> None:
    """What listens is asked whether it is ready; and the room that is wanted is named."""
    found = {one["name"]: one for one in told(sandbox, "doctor")["findings"]}
    assert (found["address"]["verdict"], "ready" in found["address"]["detail"]) == ("ok", True)
    assert "MiB wanted" in found["disk"]["detail"]


def test_a_demo_that_goes_on_says_how_to_stop_it_and_that_it_has(tmp_path: Path) -> None:
    """Ctrl-C ends the hub with 0 and a last line; its log is not for everybody, even where it was before."""
    hub = Hub(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "hub.log").touch(mode=0o644)
    command = ("run", "--demo", "--cases", "9", "--duration", "1")
    with hub.start(*command) as process:
        assert wait_until(lambda: b"Ctrl-C" in hub.log(*command).read_bytes(), 60), log_tail(hub.log(*command))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    shown = hub.log(*command).read_text()
    assert "The hub has stopped." in shown.splitlines()[-1]
    assert "case closed" in shown
    assert (tmp_path / "var" / "hub.log").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_hub_that_is_told_to_stop_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C: everything is closed, the last line says so, and the status is 0."""
    hub = Hub(tmp_path)
    with hub.serving("run") as process:
        process.send_signal(number)
        assert process.wait(30) == 0, log_tail(hub.log("run"))
    events = [json.loads(line)["event"] for line in hub.log("run").read_text().splitlines()]
    assert events[0] == "settings.loaded"
    assert "hub.stopped" in events


def test_what_was_accepted_is_there_after_a_restart(tmp_path: Path) -> None:
    """The sandbox's credentials and the mailbox survive a stop."""
    hub = Hub(tmp_path)
    with hub.serving("run", "--sandbox"):
        receipt = told(hub, "send", "case.file/1", "--example", "--to", OFFICE, "--as", DESK)
    with hub.serving("run", "--sandbox"):
        (entry,) = told(hub, "mailbox", "--as", OFFICE)["entries"]
        assert entry["message_id"] == receipt["message_id"]


def test_an_address_that_is_taken_is_said_so(hub: Hub, tmp_path: Path) -> None:
    """A second hub on the same port ends with status 1 and what to do."""
    other = Hub(tmp_path / "other", port=hub.port)
    (tmp_path / "other").mkdir()
    with other.start("run") as process:
        assert process.wait(30) == 1
    assert "--port" in other.log("run").read_text()
    assert answers(hub.port)


def test_doctor_sees_a_running_hub(hub: Hub) -> None:
    """Beside a hub that runs doctor finds nothing broken."""
    assert told(hub, "doctor")["well"] is True


@pytest.mark.slow
def test_the_demo_passes_its_own_checks(tmp_path: Path) -> None:
    """A small day: status 0, every check kept, no process left behind, and a log without errors."""
    hub = Hub(tmp_path)
    with hub.start("demo", "--cases", "20", "--duration", "1", "--seed", "7", "--json") as process:
        assert process.wait(120) == 0, log_tail(hub.log("demo"))
    report = json.loads(hub.log("demo").read_text())
    assert report["passed"] is True
    assert report["figures"]["cases"] == 20
    levels = {json.loads(line)["level"] for line in (tmp_path / "var" / "hub.log").read_text().splitlines()}
    assert "error" not in levels
    assert not subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, check=False).stdout
    assert (tmp_path / "var" / "sandbox.json").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_gateway_and_worker_are_processes_of_their_own(
    tmp_path: Path, amqp_url: str, rabbit_prefix: str, postgres_dsn: str
) -> None:
    """Production: on RabbitMQ and PostgreSQL each role is ready, a push goes through both, and each ends in order."""
    environ = {"LGSP_AMQP_URL": amqp_url, "LGSP_JOURNAL_URL": postgres_dsn, "LGSP_BROKER_PREFIX": rabbit_prefix.rstrip("-")}
    hub = Hub(tmp_path, environ)
    worker_port = free_port()
    with Hook(statuses=[]) as hook:
        desk, _ = register(hub)
        told(hub, "agency", "endpoint", OFFICE, hook.url)
        with (
            hub.serving("gateway") as gateway,
            hub.serving("worker", port=worker_port, LGSP_METRICS_PORT=str(worker_port)) as worker,
        ):
            assert wait_until(lambda: answers(hub.port, "/readyz") and answers(worker_port, "/readyz"), 30)
            told(hub, "send", "case.file/1", "--example", "--to", OFFICE, **desk)
            assert wait_until(lambda: bool(hook.requests), 30), log_tail(hub.log("worker"))
            assert told(hub, "republish")["deliveries"] in (0, 1)
            for process in (gateway, worker):
                process.terminate()
                assert process.wait(40) == 0
