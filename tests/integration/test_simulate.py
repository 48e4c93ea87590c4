"""`lgsp simulate` as an integrator uses it: a counterpart that says how to connect it, misbehaves, and ends when told to."""

import json
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from lgsp.cli import cli
from lgsp.commands import simulate
from lgsp.commands.simulate import COUNTERPARTS
from tests.integration.cli_hub import ROOT

_END_S = 20.0


@contextmanager
def simulated(*arguments: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """What it prints once it is ready, and its process."""
    command = [sys.executable, "-m", "lgsp.cli", "simulate", *arguments, "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline()), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_END_S)


def test_every_counterpart_starts_and_the_commands_that_it_prints_work(tmp_path: Path) -> None:
    """As they stand, with the code of an agency for CODE and a file for FILE; nothing goes on listening afterwards."""
    secret = tmp_path / "secret"
    secret.write_text("key:secret\n")  # a token, or a key and its secret, as each of them wants it
    lgsp = CliRunner(env={"LGSP_DATA_DIR": str(tmp_path / "var")})
    with ExitStack() as started:
        told = {name: started.enter_context(simulated(name)) for name in COUNTERPARTS}
        for place, (name, (says, _)) in enumerate(told.items()):
            assert says["name"] == name and says["connect"], says
            code = f"G{place}"
            if not any("agency add" in line for line in says["connect"]):
                assert lgsp.invoke(cli, ["agency", "add", code, "--name", "Văn phòng Chính phủ"]).exit_code == 0
            for line in says["connect"]:
                words = [code if word == "CODE" else str(secret) if word == "FILE" else word for word in shlex.split(line)[1:]]
                done = lgsp.invoke(cli, words)
                assert done.exit_code == 0, (line, done.output)
    for name, (says, process) in told.items():
        assert process.returncode == 0, name
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(says["url"]).port or 0), timeout=5)


def test_it_misbehaves_from_the_start_when_told_to() -> None:
    """By the names that it has for that; what it cannot do is said."""
    with simulated("vnpost", "--misbehave", "fail_next=2", "--misbehave", "duplicate") as (says, _):
        connection = HTTPConnection("127.0.0.1", urlsplit(says["url"]).port, timeout=10)
        connection.request("POST", "/misbehave", b"{}")
        told = json.load(connection.getresponse())
        connection.close()
        assert (told["fail_next"], told["duplicate"], told["hang"]) == (2, True, False)
    command = [sys.executable, "-m", "lgsp.cli", "simulate", "vnpost", "--misbehave", "dance"]
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 1 and "dance" in failed.stderr


def test_all_of_them_are_listed() -> None:
    """A fake that can be started by itself has a line; every line has its fake."""
    listed = json.loads(CliRunner().invoke(cli, ["simulate", "--list", "--json"]).output)
    fakes = Path(ROOT / "tests/fakes").glob("*.py")
    assert {one["name"] for one in listed} == {one.stem for one in fakes if '__name__ == "__main__"' in one.read_text()}


def test_an_installation_without_them_says_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wheel holds no tests."""
    monkeypatch.setattr(simulate, "__file__", str(tmp_path / "lgsp/commands/simulate.py"))
    done = CliRunner().invoke(cli, ["simulate", "vnpost"])
    assert done.exit_code == 1 and "source checkout" in done.output


@pytest.mark.parametrize("arguments", [[], ["vnpost", "--list"], ["nobody"], ["vnpost", "--misbehave", "=1"]])
def test_a_wrong_call_is_explained(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli, ["simulate", *arguments])
    assert done.exit_code in (1, 2) and ("--list" in done.output or "there are" in done.output or "NAME" in done.output)
