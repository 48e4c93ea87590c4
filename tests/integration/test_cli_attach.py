"""`lgsp send --attach`, and client certificates on the command line."""

import asyncio
import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lgsp.cli import cli
from lgsp.commands import attach
from lgsp.commands.attach import upload
from lgsp.commands.client import Answer
from lgsp.commands.common import Failed
from lgsp.http.server import tls_context
from lgsp.settings import Settings
from tests.integration.cli_hub import Hub
from tests.integration.http_hub import COMMUNE, http_hub
from tests.integration.test_http_access import Authority

DESK, OFFICE = "H01.101", "H01.110"
FILE = random.Random(11).randbytes(300_000)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)
    with hub.serving("run", "--sandbox"):
        yield hub


def test_files_go_up_before_the_envelope_that_names_them(sandbox: Hub, tmp_path: Path) -> None:
    """The recipient finds both under their names, sizes and digests; --json prints nothing but the receipt."""
    drawing, empty = tmp_path / "bản vẽ.pdf", tmp_path / "empty.txt"
    drawing.write_bytes(FILE)
    empty.write_bytes(b"")
    options = ("--example", "--as", DESK, "--to", OFFICE, "--attach", drawing, "--attach", empty, "--json")
    sent = sandbox.run("send", "case.file/1", *options)
    assert sent.exit_code == 0, sent.output
    delivery_id = json.loads(sent.stdout)["deliveries"][0]["delivery_id"]
    document = json.loads(sandbox.run("mailbox", "--as", OFFICE, "--fetch", delivery_id).stdout)
    assert [(one["name"], one["size_bytes"], one["digest"]) for one in document["envelope"]["attachments"]] == [
        (path.name, path.stat().st_size, "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()) for path in (drawing, empty)
    ]


class Line:
    """Stands for the hub at the end of a line that breaks in the middle of chunks."""

    def __init__(self, failures: int) -> None:
        self.held = bytearray()
        self.failures = failures

    async def exchange(self, method: str, path: str, headers: Mapping[str, str], data: bytes = b"") -> Answer:
        if method == "PATCH":
            assert int(headers["Upload-Offset"]) == len(self.held)
            if self.failures:
                self.failures -= 1
                self.held += data[:10]
                raise Failed("the line broke")
            self.held += data
        done = len(self.held) == len(FILE)
        digest = {"Lgsp-Digest": "sha256:" + hashlib.sha256(self.held).hexdigest()} if done else {}
        return Answer({"Location": "/here", "Upload-Offset": str(len(self.held)), **digest}, b"")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(attach, "CHUNK_BYTES", 100_000)
    monkeypatch.setattr(attach, "_PAUSE_S", 0.0)
    (tmp_path / "file.bin").write_bytes(FILE)
    return tmp_path / "file.bin"


async def test_an_upload_goes_on_where_the_line_broke(file: Path) -> None:
    """What arrived is not sent again, and the progress adds up to the size."""
    line: Any = Line(failures=3)
    sent: list[int] = []
    attachment = await upload(line, file, sent.append)
    assert (bytes(line.held), sum(sent)) == (FILE, len(FILE))
    assert (attachment.digest, attachment.size_bytes) == ("sha256:" + hashlib.sha256(FILE).hexdigest(), len(FILE))


async def test_an_upload_that_does_not_move_is_given_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five tries without a byte the reason is told."""

    class Dead(Line):
        async def exchange(self, method: str, path: str, headers: Mapping[str, str], data: bytes = b"") -> Answer:
            if method == "PATCH":
                self.failures += 1
                raise Failed("the line is dead")
            return await super().exchange(method, path, headers)

    line: Any = Dead(failures=0)
    with pytest.raises(Failed, match="dead"):
        await upload(line, file, lambda _: None)
    assert line.failures == 5


async def test_a_client_certificate_is_enough_to_be_known(tmp_path: Path) -> None:
    """--cert and --key instead of a client id; a key that does not belong to it is told."""
    ours = Authority(tmp_path, "ours")
    server_cert, server_key, _ = ours.issue("localhost")
    cert, key, fingerprint = ours.issue("commune")
    tls: dict[str, Any] = {"tls_cert_file": server_cert, "tls_key_file": server_key, "tls_client_ca_file": ours.file}
    async with http_hub(tmp_path / "var", tls=tls_context(Settings(**tls)), **tls) as hub:
        await hub.hub.store.save_certificate(fingerprint, COMMUNE)
        await hub.hub.directory.refresh()
        url = hub.url.replace("127.0.0.1", "localhost")

        async def asked(key_file: Path) -> Any:
            command = [
                "mailbox",
                "--url",
                url,
                "--ca-file",
                str(ours.file),
                "--cert",
                str(cert),
                "--key",
                str(key_file),
                "--json",
            ]
            return await asyncio.to_thread(CliRunner().invoke, cli, command)

        known = await asked(key)
        assert known.exit_code == 0, known.output
        assert '"entries": []' in known.stdout  # beside it the log of the hub, which runs in this process
        wrong = await asked(server_key)
        assert wrong.exit_code == 1 and "belong together" in wrong.output
