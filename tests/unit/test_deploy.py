"""What is shipped for operators agrees with the program: settings, units, compose file, RabbitMQ."""

import configparser
import json
import re
import runpy
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import aio_pika
import click
import prometheus_client
import pytest
import yaml
from aiormq.exceptions import ChannelAccessRefused

from adapters.registry import CHECKS, FEED_CHECKS
from contracts.adapter import Endpoint
from contracts.feed import Feed
from contracts.problems import CATALOGUE
from lgsp import metrics
from lgsp.cli import cli
from lgsp.events import EVENTS
from lgsp.settings import Settings
from tests.servers import RabbitServer
from tests.servers.process import wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
EXAMPLE = DEPLOY / "settings.example.toml"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
_FILES = (".json", ".key", ".yaml", ".toml", ".py")
NAMES = {field.name for field in fields(Settings)}
STOP_S = Settings().shutdown_grace_s + 5.0 + Settings().journal_timeout_s  # in the worst case; 5 s for last answers
ROLES = {"lgsp.service": "run", "lgsp-gateway@.service": "gateway", "lgsp-worker@.service": "worker"}


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def setting_of(variable: str) -> str:
    """The setting behind LGSP_<NAME> or LGSP_<NAME>_FILE."""
    key = variable.removeprefix("LGSP_").lower()
    return key if key in NAMES else key.removesuffix("_file")


def units(path: Path) -> list[tuple[str, str, str]]:
    """(section, key, value) of a unit; configparser joins what systemd allows to stand twice, hence by hand."""
    section, found = "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.append((section, key, value))
    return found


def test_the_example_names_every_setting_and_no_other() -> None:
    """The example is the manual: a setting that is not explained in it fails here, and so does one that is gone."""
    assert set(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))) == NAMES


def test_the_example_shows_the_defaults() -> None:
    """Whoever copies the whole file changes nothing."""
    assert Settings.load(EXAMPLE, {}) == Settings()


def test_every_setting_is_explained_in_both_languages() -> None:
    """Above each setting, or the group it stands in, is an English comment and below it a Vietnamese one."""
    for paragraph in EXAMPLE.read_text(encoding="utf-8").split("\n\n"):
        lines = paragraph.splitlines()
        names = [line.partition(" = ")[0] for line in lines if not line.startswith("#") and " = " in line]
        comments = [line for line in lines if line.startswith("# ")]
        if names:
            assert len(comments) >= 2, names
            assert re.search("[ăâđêôơưàáảãạèéẻẽẹìíỉĩịòóỏõọùúủũụỳýỷỹỵấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự]", comments[-1].lower()), names


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_parse_and_name_settings_that_exist(path: Path) -> None:
    """Each unit runs its role, sets only settings that exist and gives credentials that it also names."""
    configparser.RawConfigParser(strict=False).read_string(path.read_text(encoding="utf-8"))
    lines = units(path)
    (start,) = [value for _, key, value in lines if key == "ExecStart"]
    assert start.split()[-1] == ROLES[path.name]
    credentials = {value.partition(":")[0] for _, key, value in lines if key == "LoadCredential"}
    named = set()
    for _, key, value in lines:
        if key == "Environment":
            variable, _, text = value.partition("=")
            assert setting_of(variable) in NAMES, variable
            if text.startswith("%d/"):
                named.add(text.removeprefix("%d/"))
    assert named == credentials


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_give_a_stopping_hub_more_time_than_it_needs(path: Path) -> None:
    """One grace for all that is under way, the last answers, a journal that hangs; wrong settings are not retried."""
    settings = {key: value for _, key, value in units(path)}
    assert int(settings["TimeoutStopSec"]) > STOP_S
    assert settings["Restart"] == "always"
    # 3: an old database was put back. A worker signs no heads and does not notice.
    assert settings["RestartPreventExitStatus"] == ("2" if "worker" in path.name else "2 3")


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_confine_the_hub(path: Path, tmp_path: Path) -> None:
    """No new privileges, a read-only system; where systemd is at hand it verifies the unit and finds it little exposed."""
    settings = {key: value for _, key, value in units(path)}
    assert settings["NoNewPrivileges"] == "true"
    assert settings["ProtectSystem"] == "strict"
    assert settings["User"] == "lgsp"
    assert "MemoryMax" in settings
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    copy = tmp_path / path.name  # with a program that exists here: verify looks at it
    copy.write_text(
        path.read_text(encoding="utf-8").replace("/opt/lgsp/bin/lgsp", shutil.which("true") or "/bin/true"), encoding="utf-8"
    )
    done = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    version = subprocess.run([analyze, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout.split()[1]
    if int(re.match(r"\d+", version)[0]) >= 252:  # type: ignore[index]
        subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", copy],
            capture_output=True,
            timeout=60,
            check=True,
        )


def test_compose_publishes_nothing_but_the_gateway() -> None:
    """One port, on this machine; broker and database are reached from inside only."""
    services = compose()["services"]
    assert {name for name, service in services.items() if service.get("ports")} == {"gateway"}
    assert all(port.startswith("127.0.0.1:") for port in services["gateway"]["ports"])
    assert compose()["networks"]["back"]["internal"] is True
    assert services["postgres"]["networks"] == services["rabbitmq"]["networks"] == ["back"]


def test_compose_names_settings_and_secrets_that_exist() -> None:
    """Every LGSP_ variable is a setting, every secret is declared and made by make_secrets, every process is watched."""
    loaded = compose()
    made = runpy.run_path(str(DEPLOY / "make_secrets.py"))["contents"]("rabbitmq:5672", "postgres:5432")
    assert {Path(secret["file"]).name for secret in loaded["secrets"].values()} == set(made)
    for name, service in loaded["services"].items():
        assert service["healthcheck"]["test"], name
        for variable in service.get("environment", {}):
            assert not variable.startswith("LGSP_") or setting_of(variable) in NAMES, variable
        for secret in service.get("secrets", ()):
            assert (secret if isinstance(secret, str) else secret["source"]) in loaded["secrets"]


def test_compose_confines_the_hub() -> None:
    """The hub's containers have a read-only root and no capabilities, and more time to stop than they need."""
    for role in ("gateway", "worker"):
        service = compose()["services"][role]
        assert service["command"] == [role]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert int(service["stop_grace_period"].rstrip("s")) > STOP_S


def test_the_image_runs_what_is_pinned_and_not_as_root() -> None:
    """Packages come from the lock with their hashes, everything that is copied exists, the process has a user of its own."""
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert any("--require-hashes" in line and "deploy/requirements.lock" in line for line in lines)
    assert [line for line in lines if line.startswith("USER")] == ["USER lgsp"]
    for line in lines:
        for variable in re.findall(r"LGSP_[A-Z_]+", line):
            assert setting_of(variable) in NAMES
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (DEPLOY.parent / source).exists(), source


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """A second run changes nothing; the folder is closed to others, files open to the containers' users."""
    folder = tmp_path / "secrets"
    command = ["python3", DEPLOY / "make_secrets.py", "--folder", folder]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert subprocess.run(command, check=False, timeout=60, capture_output=True).returncode == 1
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert folder.stat().st_mode & 0o077 == 0
    Settings.load(None, {"LGSP_AMQP_URL_FILE": str(folder / "amqp_url"), "LGSP_JOURNAL_URL_FILE": str(folder / "journal_url")})
    assert len(before["token_key"]) >= 32


@pytest.mark.slow
async def test_rabbitmq_takes_the_definitions_and_gives_the_hub_no_more_than_it_needs(
    rabbit_server: RabbitServer, tmp_path: Path
) -> None:
    """With the configuration as shipped the hub's user may declare and use lgsp.*, and nothing else.

    `rabbit_server` only says that RabbitMQ is installed; this test needs a node that was never started before.
    """
    made = runpy.run_path(str(DEPLOY / "make_secrets.py"))
    file = tmp_path / "definitions.json"
    with RabbitServer() as server:
        secrets = made["contents"](f"127.0.0.1:{server.port}", "postgres:5432")
        file.write_text(secrets["definitions.json"])
        config = (DEPLOY / "rabbitmq" / "rabbitmq.conf").read_text(encoding="utf-8")
        server.stop()
        shutil.rmtree(server.folder / "data")  # blank, as on a new machine: definitions are read at the first start
        own = config.replace("/etc/rabbitmq/definitions.json", str(file)).replace("5672", str(server.port)).replace("2GB", "50MB")
        (server.folder / "rabbitmq.conf").write_text(own)
        server.start()
        assert wait_until(lambda: "lgsp" in server.ctl("list_users"), 30)
        assert "guest" not in server.ctl("list_users")
        async with await aio_pika.connect(secrets["amqp_url"], timeout=10) as connection:
            channel = await connection.channel()
            arguments = {"x-queue-type": "quorum", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "lgsp.malformed"}
            queue = await channel.declare_queue("lgsp.shard.0", durable=True, arguments=arguments)
            await channel.default_exchange.publish(aio_pika.Message(b"1"), "lgsp.shard.0")
            assert await queue.get(no_ack=True, timeout=10) is not None
            assert "lgsp-spread-leaders" in server.ctl("list_queues", "-p", "lgsp", "name", "policy")
            with pytest.raises(ChannelAccessRefused):
                await channel.declare_queue("others", durable=True)


def test_the_definitions_in_the_repository_let_nobody_in() -> None:
    """Without make_secrets there is no password to know: an empty hash never matches."""
    users = json.loads((DEPLOY / "rabbitmq" / "definitions.json").read_text(encoding="utf-8"))["users"]
    assert [(user["name"], user["password_hash"], user["tags"]) for user in users] == [("lgsp", "", "")]


def test_rabbitmq_configuration_is_keys_and_values() -> None:
    """Each line is a comment or `key = value`, and the definitions are where the compose file puts them."""
    config = (DEPLOY / "rabbitmq" / "rabbitmq.conf").read_text(encoding="utf-8")
    pairs = dict(line.split(" = ", 1) for line in config.splitlines() if line and not line.startswith("#"))
    (mounted,) = compose()["services"]["rabbitmq"]["secrets"]
    assert pairs["definitions.local.path"] == mounted["target"]


@pytest.mark.parametrize(
    ("page", "least"),
    [
        ("deploy/RUNBOOK.md", 20),
        ("contracts/README.md", 8),
        ("adapters/edoc_soap/README.md", 2),
        ("adapters/edxml_bus/README.md", 4),
        ("adapters/soap/README.md", 4),
        ("adapters/vnpost/README.md", 3),
        ("adapters/webhook/README.md", 1),
    ],
)
def test_documentation_names_commands_and_options_that_exist(page: str, least: int) -> None:
    """Every `lgsp ...` and `lgspctl ...` that people are told to type can be typed."""
    text = (DEPLOY.parent / page).read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"(?:lgspctl|(?<![\w/-])lgsp) ([a-z][^`\n#|;&>)]*)", text)
    assert len(found) > least
    for line in found:
        words = [word for word in line.split() if word != "-"]
        command: click.Command = cli
        while isinstance(command, click.Group) and words:
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options | {"--json"}, line


@pytest.mark.parametrize("page", ["deploy/RUNBOOK.md", *(f"adapters/{name}/README.md" for name in CHECKS)])
def test_documentation_gives_adapters_options_that_they_know(page: str) -> None:
    """Whoever types it is not refused: each line that registers an endpoint or a feed, but for those that end in dots."""
    text = (DEPLOY.parent / page).read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"lgsp(?:ctl)? agency (endpoint|feed) +\S+ (\S+) --adapter (\S+)(.*--option.*[^.\n])$", text, re.MULTILINE)
    for role, url, adapter, rest in found:
        options = dict(one.split("=", 1) for one in shlex.split(rest, comments=True) if "=" in one)
        if role == "endpoint":
            CHECKS[adapter](Endpoint(adapter=adapter, url=url, options=options, secret="key:secret"))
        else:
            FEED_CHECKS[adapter](Feed(adapter=adapter, url=url, options=options, secret="key:secret"))
    assert found or page == "adapters/soap/README.md"


def test_the_runbook_names_events_metrics_and_settings_that_exist() -> None:
    """What operators are told to look for is what the program says."""
    assert metrics.ACCEPTED  # registered on import
    names = {sample.name for metric in prometheus_client.REGISTRY.collect() for sample in metric.samples} | {
        metric.name for metric in prometheus_client.REGISTRY.collect()
    }
    for metric in re.findall(r"`(lgsp_[a-z_]+)(?:\{[^`]*\})?`", RUNBOOK):
        assert metric in names or metric.startswith(("lgsp_postgres", "lgsp_rabbitmq", "lgsp_data")), metric
    events = re.findall(r"`([a-z]+\.[a-z]+)`", RUNBOOK)
    for name in events:
        assert name in EVENTS or name in CATALOGUE or name.startswith("lgsp.") or name.endswith(_FILES), name
    for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", RUNBOOK):
        assert name in NAMES or name.startswith("lgsp_") or name in ("journal_url", "amqp_url", "synchronous_commit"), name


def test_every_chapter_of_the_runbook_begins_in_vietnamese() -> None:
    """Who is in a hurry reads the summary."""
    for chapter in RUNBOOK.split("\n## ")[1:]:
        assert chapter.split("\n")[2].startswith("> "), chapter[:40]


def test_the_script_for_operators_names_settings_that_exist() -> None:
    """lgspctl is proper sh and sets what the units set."""
    script = DEPLOY / "lgspctl"
    subprocess.run(["sh", "-n", script], check=True, timeout=10)
    for variable in set(re.findall(r"LGSP_[A-Z_]+", script.read_text(encoding="utf-8"))):
        assert variable == "LGSP_SETTINGS" or setting_of(variable) in NAMES, variable
    assert script.stat().st_mode & 0o111


def test_ci_never_passes_over_a_missing_server() -> None:
    """Whatever CI was before, tests without their servers fail there."""
    script = (DEPLOY.parent / ".ci" / "run").read_text(encoding="utf-8")
    exported = [line for line in script.splitlines() if line.startswith("export CI")]
    assert len(exported) == 1
    asked = [*exported, 'printf %s "$CI"']
    told = subprocess.run(["bash", "-c", "\n".join(asked)], env={"CI": "0"}, capture_output=True, text=True, check=True)
    assert told.stdout == "true"
