"""A hub in a process of its own, as an operator starts it, and the command line beside it."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from click.testing import CliRunner, Result

from lgsp.cli import cli
from tests.servers.ports import free_port
from tests.servers.process import log_tail, wait_until

ROOT = Path(__file__).parents[2]
START_S = 30.0


@dataclass
class Hub:
    """`run` calls the command line with the hub's data directory and address."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        return {"LGSP_DATA_DIR": str(self.folder / "var"), "LGSP_LISTEN_PORT": str(self.port), **self.environ}

    def run(self, *arguments: object, **environ: str) -> Result:
        return CliRunner(env={**self.settings, "LGSP_URL": self.url, **environ}).invoke(cli, [str(one) for one in arguments])

    @contextmanager
    def serving(self, *command: str, port: int | None = None, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
        """The process of `lgsp <command>`, ready; killed at the end unless it ended itself. Its output is in <command>.log."""
        port = self.port if port is None else port
        with self.start(*command, **environ) as process:
            ready = wait_until(lambda: answers(port) or process.poll() is not None, START_S)
            assert ready and process.poll() is None, log_tail(self.log(*command))
            yield process

    @contextmanager
    def start(self, *command: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
        with self.log(*command).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "lgsp.cli", *command],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **self.settings, **environ},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log(self, *command: str) -> Path:
        return self.folder / f"{command[0]}.log"


def answers(port: int, path: str = "/healthz") -> bool:
    """Whether a process on this port answers with 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False
