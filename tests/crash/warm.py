"""Starting a process of the hub without waiting for its imports: it is forked from a server that has made them.

An interpreter needs a second or two before the hub's first line runs; a process that is killed dozens of times in a test would
spend the test there. From `main` on everything is as in `python -m lgsp.cli`.
"""

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

# What a running hub has imported by the time it serves.
_PRELOADED = ["tests.crash.warm", "lgsp.cli", "lgsp.serving", "lgsp.broker.rabbit", "lgsp.journal.postgres.store"]
_PRELOADED += ["lgsp.journal.sqlite", "lgsp.blobs.directory", "uvloop"]


class WarmProcess:
    """The part of `subprocess.Popen` that is needed here."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        self._process: ForkServerProcess = context.Process(target=_run, args=(list(arguments), str(log)), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> None:
        self._process.join()


def _run(arguments: list[str], log: str) -> None:
    from lgsp.cli import cli

    os.setsid()
    for name in [name for name in os.environ if name.startswith("LGSP_")]:
        del os.environ[name]
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    cli.main(arguments, prog_name="lgsp")
