"""The command line by itself: help, exit statuses, JSON, and what commands do to the directory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from cryptography import x509

from contracts.replies import Reply
from lgsp.cli import cli
from lgsp.commands.agency import in_store
from lgsp.settings import Settings
from tests.compliance.builders import LEASE_S, NOW, admitted
from tests.integration.cli_certificates import self_signed


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ROOT = Path(__file__).parents[2]
ALL = list(commands(cli))
FORM = {"code", "title", "title_vi", "field", "detail", "remedy", "remedy_vi"}
PRINT_NOTHING = {("run",), ("gateway",), ("worker",), ("witness", "run")}


@pytest.fixture
def lgsp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command against a data directory of this test's own."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    for name in ("LGSP_SETTINGS", "LGSP_URL", "LGSP_CLIENT_ID", "LGSP_CLIENT_SECRET", "LGSP_SENDER"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(one) for one in arguments])

    return call


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_and_option_has_help(path: tuple[str, ...], command: click.Command) -> None:
    """A command says what it does in both languages, an option what it is for, and all of them print JSON when asked to."""
    assert command.help
    assert "·" in command.get_short_help_str(200)
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name
    if not isinstance(command, click.Group) and path not in PRINT_NOTHING:
        assert any("--json" in parameter.opts for parameter in command.params)


def test_help_is_there_without_anything_else(lgsp: Any) -> None:
    """`lgsp --help` lists the commands, even when the settings are broken."""
    result = lgsp("--settings", "/nowhere.toml", "--help")
    assert result.exit_code == 0
    for path, _ in ALL:
        assert path[0] in result.output


def test_help_does_not_load_what_it_does_not_need() -> None:
    """Help is quick because the heavy packages are imported where they are used."""
    heavy = ["aiohttp", "aio_pika", "asyncpg", "lxml", "rich", "structlog", "cryptography", "zeep", "uvloop"]
    code = f"import sys, lgsp.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("send",),
        ("agency", "add", "H01"),
        ("agency", "grant", "H01"),
        ("agency", "quota", "H01"),
        ("agency", "quota", "H01", "--per-second", "0"),
        ("agency", "quota", "H01", "--burst", "5", "--no-limit"),
        ("agency", "endpoint", "H01"),
        ("agency", "endpoint", "H01", "http://x", "--off"),
        ("agency", "endpoint", "H01", "--reply", "delivered=x", "--off"),
        ("agency", "endpoint", "H01", "http://x", "--reply", "thành công=đã có"),
        ("agency", "endpoint", "H01", "http://x", "--reply", "success=x"),
        ("agency", "endpoint", "H01", "http://x", "--reply", "delivered:5xx=x"),
        ("contract", "show", "case.file/1", "--schema", "dtd"),
        ("mailbox",),
        ("run", "--port", "99999"),
    ],
)
def test_a_wrong_command_line_is_status_2(lgsp: Any, arguments: tuple[str, ...]) -> None:
    """What click or a command finds wrong with the arguments ends with 2 and a word on standard error."""
    result = lgsp(*arguments)
    assert result.exit_code == 2
    assert result.stderr


@pytest.mark.parametrize("command", [("run",), ("worker",), ("agency", "list"), ("demo",)])
def test_wrong_settings_are_status_2_and_all_named(lgsp: Any, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Every command that needs settings lists all that is wrong with them, and nothing was opened."""
    file = tmp_path / "settings.toml"
    file.write_text('listen_port = "x"\nbroker_shards = 0\n')
    result = lgsp("--settings", file, *command)
    assert result.exit_code == 2
    assert "listen_port" in result.stderr
    assert "broker_shards" in result.stderr
    assert not (tmp_path / "var").exists()


def test_a_worker_without_a_broker_is_status_2(lgsp: Any) -> None:
    """Roles of their own need RabbitMQ: that is said, with the way out."""
    result = lgsp("worker")
    assert result.exit_code == 2
    assert "lgsp run" in result.stderr


def test_a_job_that_fails_is_status_1_with_a_remedy(lgsp: Any, tmp_path: Path) -> None:
    """A hub that does not answer, a body that is wrong, an agency that is not there: 1, and what to do about it."""
    identity = ("--client-id", "x", "--client-secret", "y", "--sender", "H01", "--url", "http://127.0.0.1:9")
    body = tmp_path / "body.json"
    body.write_text("{}")
    for arguments in (
        ("send", "case.file/1", "--example", "--to", "H02", *identity),
        ("mailbox", *identity),
        ("mailbox", "--as", "H01.101"),
        ("send", body, *identity),
        ("contract", "validate", body, "--kind", "case.file/1"),
        ("contract", "show", "case.fil"),
        ("contract", "show", "case.file/1", "--example", "--name", "none"),
        ("agency", "show", "H99"),
        ("agency", "grant", "H99", "case.file"),
    ):
        result = lgsp(*arguments)
        assert result.exit_code == 1, (arguments, result.output)
        assert "→" in result.stderr, arguments
        assert "Traceback" not in result.output
        told = json.loads(lgsp(*arguments, "--json").stdout)
        assert told.keys() >= FORM, arguments
        assert told["code"] and told["title_vi"] and told["detail"] and told["remedy"], arguments


def add(lgsp: Any, code: str, *more: str) -> None:
    result = lgsp("agency", "add", code, "--name", f"Cơ quan {code}", *more)
    assert result.exit_code == 0, result.output


def test_a_quota_is_set_shown_and_taken_back(lgsp: Any) -> None:
    """A rate with its burst, no limit, and the hub's default again; an agency that is not there is said so."""
    assert lgsp("agency", "add", "H01.101", "--name", "Xã Mỹ Hòa").exit_code == 0

    def shown(*options: str) -> Any:
        assert lgsp("agency", "quota", "H01.101", *options).exit_code == 0
        return json.loads(lgsp("agency", "show", "H01.101", "--json").stdout).get("quota")

    assert shown("--per-second", "2.5", "--burst", "40") == {"per_s": 2.5, "burst": 40}
    assert shown("--per-second", "2.5") == {"per_s": 2.5, "burst": 25}
    assert shown("--no-limit")["per_s"] == 0
    assert shown("--default") is None
    missing = lgsp("agency", "quota", "H99", "--no-limit")
    assert missing.exit_code == 1 and "H99" in missing.stderr


def test_an_agency_is_added_found_granted_and_closed(lgsp: Any) -> None:
    """The directory's way from the command line, each step visible in the next."""
    add(lgsp, "H01.101", "--level", "commune", "--alias", "000.01.15.H01", "--may-send", "case.*")
    add(lgsp, "H01.102", "--parent", "H01.101")
    assert lgsp("agency", "grant", "H01.102", "postal.order", "--to", "H01.101").exit_code == 0
    closed = lgsp("agency", "close", "H01.101", "--on", "2026-01-01", "--successor", "H01.102", "--json")
    assert json.loads(closed.output)["version"] == 4
    listed = json.loads(lgsp("agency", "list", "--json").output)
    by_code = {one["code"]: one for one in listed}
    assert by_code["H01.101"] | {"aliases": None} == by_code["H01.101"] | {"aliases": None, "closed_on": "2026-01-01"}
    assert by_code["H01.101"]["successors"] == ["H01.102"]
    assert by_code["H01.102"]["grants"] == [{"kinds": ["postal.order"], "recipients": ["H01.101"]}]
    assert json.loads(lgsp("agency", "show", "000.01.15.H01", "--json").output)["code"] == "H01.101"
    assert "H01.102" in lgsp("agency", "list", "--search", "co quan h01.102").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "H01.101", "--name", "x"), "registered already"),
        (("add", "Xã A", "--name", "x"), "agency.code_malformed"),
        (("add", "H01.9", "--name", "x", "--parent", "H77"), "H77"),
        (("add", "H01.9", "--name", "x", "--may-send", "case.fil"), "case.fil"),
        (("grant", "H01.101", "post.*"), "post.*"),
        (("close", "H01.101", "--on", "2026-01-01", "--successor", "H77"), "H77"),
        (("endpoint", "H01.101", "ftp://x"), "ftp://x"),
        (("endpoint", "H01.101", "http://x/", "--adapter", "fax"), "fax"),
        (("endpoint", "H01.101", "--off"), "no endpoint"),
        (("endpoint", "H01.101", "--reply", "delivered=đã có"), "no endpoint"),
        (("endpoint", "H01.101", "http://x/", "--reply", "retry=lỗi", "--reply", "retry:500=lỗi 12"), "/replies/1"),
        (("credential", "H01.101", "--disable", "nobody"), "nobody"),
    ],
)
def test_a_mistake_changes_nothing(lgsp: Any, arguments: tuple[str, ...], said: str) -> None:
    """What refers to nothing or makes no sense is refused by name, and the directory stays at its version."""
    add(lgsp, "H01.101")
    result = lgsp("agency", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "version 1" in lgsp("agency", "list").output


def test_a_list_goes_out_and_in_again(lgsp: Any, tmp_path: Path) -> None:
    """`import` reads what `list --json` printed; an endpoint keeps the secret that the list does not carry; all or none."""
    add(lgsp, "H01.101")
    secret = json.loads(lgsp("agency", "endpoint", "H01.101", "https://example.vn/hook", "--json").output)["endpoint_secret"]
    listed = lgsp("agency", "list", "--json").output
    assert secret not in listed
    file = tmp_path / "agencies.json"
    file.write_text(listed.replace("Cơ quan", "Uỷ ban"))
    assert lgsp("agency", "import", file, "--dry-run").exit_code == 0
    assert "Cơ quan" in lgsp("agency", "list").output
    assert lgsp("agency", "import", file).exit_code == 0
    assert "Uỷ ban" in lgsp("agency", "list").output
    assert directory_of(tmp_path).agencies["H01.101"].endpoint.secret == secret
    file.write_text('[{"code": "H01.7", "name_vi": "x"}, {"code": "H 1", "name_vi": "y"}]')
    assert lgsp("agency", "import", file).exit_code == 1
    assert "H01.7" not in lgsp("agency", "list").output


def directory_of(tmp_path: Path) -> Any:
    return in_store(Settings(data_dir=tmp_path / "var"), lambda store: store.directory())


def test_a_signing_secret_rotates_without_a_gap(lgsp: Any, tmp_path: Path) -> None:
    """While rotating both secrets sign; afterwards the new one alone; a new address keeps it."""
    add(lgsp, "H01.101")
    first = json.loads(lgsp("agency", "endpoint", "H01.101", "https://example.vn/a", "--json").output)["endpoint_secret"]
    second = json.loads(lgsp("agency", "endpoint", "H01.101", "--rotate", "--json").output)["endpoint_secret"]
    assert directory_of(tmp_path).agencies["H01.101"].endpoint.secret.split() == [second, first]
    lgsp("agency", "endpoint", "H01.101", "--end-rotation")
    assert "endpoint_secret" not in lgsp("agency", "endpoint", "H01.101", "https://example.vn/b", "--json").output
    endpoint = directory_of(tmp_path).agencies["H01.101"].endpoint
    assert (endpoint.secret, endpoint.url) == (second, "https://example.vn/b")
    lgsp("agency", "endpoint", "H01.101", "--off")
    assert not directory_of(tmp_path).agencies["H01.101"].endpoint.enabled
    lgsp("agency", "endpoint", "H01.101", "--remove")
    assert directory_of(tmp_path).agencies["H01.101"].endpoint is None


def test_a_table_of_replies_is_kept_shown_and_dropped(lgsp: Any, tmp_path: Path) -> None:
    """It stays with the endpoint when the address changes, is replaced as a whole, and an import is checked like everything."""
    add(lgsp, "H01.101")
    lgsp("agency", "endpoint", "H01.101", "https://example.vn/a", "--reply", "delivered:500=đã tồn tại = rồi",
         "--reply", "retry:200-299@600=queue full", "--reply", "delivered:409")  # fmt: skip
    lgsp("agency", "endpoint", "H01.101", "https://example.vn/b")
    endpoint = directory_of(tmp_path).agencies["H01.101"].endpoint
    assert endpoint.url == "https://example.vn/b"
    assert endpoint.replies == (
        Reply(means="delivered", text="đã tồn tại = rồi", status=(500, 500)),
        Reply(means="retry", text="queue full", status=(200, 299), not_before_s=600),
        Reply(means="delivered", status=(409, 409)),
    )
    shown = lgsp("agency", "show", "H01.101").output
    assert all(cell in shown for cell in ("đã tồn tại = rồi", "200-299", "600 s", "queue full", "409"))
    file = tmp_path / "agencies.json"
    listed = json.loads(lgsp("agency", "list", "--json").output)
    assert listed[0]["endpoint"]["replies"][1] == {
        "means": "retry",
        "text": "queue full",
        "status": [200, 299],
        "not_before_s": 600.0,
    }
    listed[0]["endpoint"]["replies"][1]["status"] = [299, 200]
    file.write_text(json.dumps(listed))
    refused = lgsp("agency", "import", file)
    assert refused.exit_code == 1
    assert "endpoint.reply_invalid" in refused.stderr and "/H01.101/endpoint/replies/1/status" in refused.stderr
    lgsp("agency", "endpoint", "H01.101", "--reply", "gone=ngừng kết nối")
    assert directory_of(tmp_path).agencies["H01.101"].endpoint.replies == (Reply(means="gone", text="ngừng kết nối"),)
    lgsp("agency", "endpoint", "H01.101", "--no-replies")
    assert directory_of(tmp_path).agencies["H01.101"].endpoint.replies == ()


def test_who_goes_over_to_push_learns_what_is_left_in_the_mailbox(lgsp: Any, tmp_path: Path) -> None:
    """How many, and the way out, beside the result; nothing is said of an empty mailbox or of switching off."""
    lgsp("agency", "add", "H01.101", "--name", "Xã Vĩnh Gia")
    assert lgsp("agency", "endpoint", "H01.101", "https://example.vn/a").stderr == ""
    held = [admitted(f"m{number}", "H01.101", mode="mailbox") for number in range(2)]
    in_store(Settings(data_dir=tmp_path / "var"), lambda store: store.accept(held, NOW, LEASE_S))
    result = lgsp("agency", "endpoint", "H01.101", "https://example.vn/b", "--json")
    assert json.loads(result.stdout)["codes"] == ["H01.101"]
    assert result.stderr.startswith("2 ") and "lgsp listen" in result.stderr
    assert lgsp("agency", "endpoint", "H01.101", "--off").stderr == ""


def test_a_secret_is_shown_once_and_kept_as_a_hash(lgsp: Any, tmp_path: Path) -> None:
    """The journal's file does not hold the secret; a second credential does not end the first."""
    add(lgsp, "H01.101")
    one = json.loads(lgsp("agency", "credential", "H01.101", "--json").output)
    two = json.loads(lgsp("agency", "credential", "H01.101", "--json").output)
    assert one["client_id"] != two["client_id"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "var").glob("journal.db*"))
    assert one["client_secret"].encode() not in kept
    assert lgsp("agency", "credential", "H01.101", "--disable", one["client_id"]).exit_code == 0

    async def look(store: Any) -> list[bool]:
        return [(await store.credential(each["client_id"])).disabled for each in (one, two)]

    assert in_store(Settings(data_dir=tmp_path / "var"), look) == [True, False]


def test_a_client_id_belongs_to_one_agency(lgsp: Any) -> None:
    """Nobody takes over the client id of another agency by giving it a new secret."""
    add(lgsp, "H01.101")
    add(lgsp, "H01.102")
    assert lgsp("agency", "credential", "H01.101", "--client-id", "desk").exit_code == 0
    result = lgsp("agency", "credential", "H01.102", "--client-id", "desk")
    assert result.exit_code == 1
    assert "H01.101" in result.stderr


def test_a_certificate_is_registered_by_its_fingerprint(lgsp: Any, tmp_path: Path) -> None:
    """PEM and DER give the same fingerprint; something else is no certificate."""
    add(lgsp, "H01.101")
    pem = tmp_path / "client.pem"
    certificate, _ = self_signed("H01.101")
    pem.write_bytes(certificate)
    fingerprint = json.loads(lgsp("agency", "certificate", "H01.101", pem, "--json").output)["fingerprint"]
    owner = in_store(Settings(data_dir=tmp_path / "var"), lambda store: store.certificate_owner(fingerprint))
    assert owner == "H01.101"
    der = tmp_path / "client.der"
    from cryptography.hazmat.primitives.serialization import Encoding

    der.write_bytes(x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER))
    assert json.loads(lgsp("agency", "certificate", "H01.101", der, "--json").output)["fingerprint"] == fingerprint
    pem.write_text("no certificate")
    assert lgsp("agency", "certificate", "H01.101", pem).exit_code == 1


def test_a_certificate_is_removed_by_its_fingerprint(lgsp: Any, tmp_path: Path) -> None:
    """As openssl prints it; from its own agency only; a file and --remove together are a mistake."""
    add(lgsp, "H01.101")
    add(lgsp, "H01.102")
    pem = tmp_path / "client.pem"
    pem.write_bytes(self_signed("H01.101")[0])
    fingerprint = json.loads(lgsp("agency", "certificate", "H01.101", pem, "--json").output)["fingerprint"]
    as_printed = ":".join(fingerprint[n : n + 2] for n in range(0, 64, 2)).upper()
    assert lgsp("agency", "certificate", "H01.102", "--remove", as_printed).exit_code == 1
    assert lgsp("agency", "certificate", "H01.101", pem, "--remove", as_printed).exit_code == 2
    assert lgsp("agency", "certificate", "H01.101", "--remove", as_printed).exit_code == 0
    assert in_store(Settings(data_dir=tmp_path / "var"), lambda store: store.certificate_owner(fingerprint)) is None


def test_every_kind_shows_schema_and_examples_that_validate(lgsp: Any, tmp_path: Path) -> None:
    """What `contract show` prints is complete: schemas parse and each example obeys its kind."""
    kinds = json.loads(lgsp("contract", "list", "--json").output)
    assert "case.file/1" in [one["kind"] for one in kinds]
    for kind in kinds:
        key = kind["kind"]
        assert json.loads(lgsp("contract", "show", key, "--schema", "json").output)
        assert "schema" in lgsp("contract", "show", key, "--schema", "xsd").output
        assert json.loads(lgsp("contract", "show", key, "--json").output) == kind
        for name in kind["examples"]:
            shown = lgsp("contract", "show", key, "--example", "--name", name).output
            file = tmp_path / ("body.xml" if shown.startswith("<") else "body.json")
            file.write_text(shown)
            result = lgsp("contract", "validate", file, "--kind", key, "--json")
            assert result.exit_code == 0, (key, name, result.output)
            assert json.loads(result.output)["valid"] is True


def test_a_kind_without_a_version_is_its_newest_one(lgsp: Any, tmp_path: Path) -> None:
    """People may say case.file; a name that is none is still told what it probably meant."""
    assert lgsp("contract", "show", "case.file").output == lgsp("contract", "show", "case.file/1").output
    body = tmp_path / "body.json"
    body.write_text(lgsp("contract", "show", "case.file", "--example").output)
    assert json.loads(lgsp("contract", "validate", body, "--kind", "case.file", "--json").output)["kind"] == "case.file/1"
    assert "case.file/1" in lgsp("contract", "show", "case.fil").stderr


def test_doctor_says_what_is_well_and_how_to_mend_the_rest(lgsp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a fresh directory nothing fails; every line that is not well carries a remedy."""
    result = lgsp("doctor", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["well"]) == (0, True)
    names = {one["name"] for one in report["findings"]}
    assert names >= {"settings", "versions", "clock", "disk", "journal", "broker", "tls"}
    assert all(one["remedy"] for one in report["findings"] if one["verdict"] != "ok")


@pytest.mark.parametrize(
    ("environ", "failing"),
    [
        ({"LGSP_AMQP_URL": "amqp://guest:s3cret@127.0.0.1:9/"}, "broker"),
        ({"LGSP_JOURNAL_URL": "postgresql://u:s3cret@127.0.0.1:9/x"}, "journal"),
        ({"LGSP_MIN_FREE_BYTES": str(2**60)}, "disk"),
        ({"LGSP_TLS_CERT_FILE": "/nowhere.pem", "LGSP_TLS_KEY_FILE": "/nowhere.key"}, "tls"),
        ({"LGSP_LISTEN_PORT": "x"}, "settings"),
    ],
)
def test_doctor_finds_what_is_broken(lgsp: Any, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], failing: str) -> None:
    """Each trouble is told under its own name with a remedy, without a password; the status is 1."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    result = lgsp("doctor", "--json")
    assert result.exit_code == 1
    failed = [one for one in json.loads(result.stdout)["findings"] if one["verdict"] == "failed"]
    assert [one["name"] for one in failed] == [failing]
    assert failed[0]["remedy"]
    assert "s3cret" not in result.output


def test_doctor_warns_before_a_certificate_ends(lgsp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate with ten days left is a warning, one that ended a failure, a fresh one is well."""
    for days, verdict in ((10, "warning"), (-1, "failed"), (300, "ok")):
        certificate, key = self_signed("hub.example.vn", days=days)
        (tmp_path / "hub.pem").write_bytes(certificate)
        (tmp_path / "hub.key").write_bytes(key)
        monkeypatch.setenv("LGSP_TLS_CERT_FILE", str(tmp_path / "hub.pem"))
        monkeypatch.setenv("LGSP_TLS_KEY_FILE", str(tmp_path / "hub.key"))
        findings = json.loads(lgsp("doctor", "--json").stdout)["findings"]
        assert [one["verdict"] for one in findings if one["name"] == "tls"] == [verdict]


@pytest.mark.parametrize("name", ["token.key", "keys/statements-1.pem"])
def test_doctor_sees_a_key_that_others_may_read(lgsp: Any, tmp_path: Path, name: str) -> None:
    """The keys of tokens and signatures are the owner's alone."""
    (tmp_path / "var" / name).parent.mkdir(parents=True)
    (tmp_path / "var" / name).write_bytes(b"0" * 32)
    (tmp_path / "var" / name).chmod(0o644)
    result = lgsp("doctor")
    assert result.exit_code == 1
    assert "chmod 600" in result.output


def test_the_demo_stays_out_of_a_real_directory(lgsp: Any) -> None:
    """Where real agencies are registered no invented ones are added."""
    add(lgsp, "K99.1")
    result = lgsp("demo", "--port", "18099")
    assert result.exit_code == 1
    assert "K99.1" in result.stderr
