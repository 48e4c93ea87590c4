"""Processes of the hub as an operator starts them, and what a settings file says about them."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lgsp.settings import Settings
from tests.crash.clock import FakeClock
from tests.crash.load import until
from tests.crash.warm import WarmProcess
from tests.servers.ports import free_port
from tests.servers.process import log_tail

GRACE_S = 10.0
_STARTED = b'"event":"hub.started"'
_OPENING = b'"event":"settings.loaded"'
_BUG = b'"event":"error.unexpected"'
_START_S = 60.0
_LEASE_S = 3.0

# Everything that is waited for, made short; the schedule is long enough for every outage.
_SETTINGS = {
    "log_format": "json",
    "ready_lease_s": _LEASE_S,
    "publish_timeout_s": 2.0,
    "journal_timeout_s": 5.0,
    "sweep_interval_s": 0.1,
    "retry_schedule_s": [0.3] * 100,
    "shutdown_grace_s": GRACE_S,
    "min_free_bytes": 0,
}


class Fell(Exception):
    """A process ended that nobody had ended."""


@dataclass(frozen=True)
class Setup:
    """Which processes there are, and the settings file they share."""

    settings_file: Path
    settings: Settings
    sink_port: int
    commands: tuple[str, ...]

    @property
    def url(self) -> str:
        return self.settings.base_url

    @property
    def sink_url(self) -> str:
        return f"http://127.0.0.1:{self.sink_port}"


def embedded(folder: Path, disk: Path | None = None) -> Setup:
    """SQLite and the broker inside: one process is all there is. `disk`: where the journal is instead of with the rest."""
    where = {} if disk is None else {"journal_url": f"sqlite:///{disk / 'journal.db'}"}
    return _setup(folder, where, ("run",))


def production(
    folder: Path, dsn: str, amqp_url: str, prefix: str, *, gateways: int = 2, workers: int = 2, lease_s: float = _LEASE_S
) -> Setup:
    """Gateways share a port."""
    where = {
        "journal_url": dsn,
        "amqp_url": amqp_url,
        "broker_prefix": prefix,
        "broker_shards": 4,
        "ready_lease_s": lease_s,
    }
    return _setup(folder, where, ("gateway",) * gateways + ("worker",) * workers)


def _setup(folder: Path, where: dict[str, object], commands: tuple[str, ...]) -> Setup:
    file = folder / "settings.toml"
    values = _SETTINGS | where | {"data_dir": str(folder / "var"), "listen_port": free_port()}
    file.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in values.items()), encoding="utf-8")
    return Setup(file, Settings.load(file, {}), free_port(), commands)


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


class HubProcess:
    """`lgsp <command>`; its log outlives it. `warm`: without waiting for imports, see there. `clock`: it lives by that one."""

    def __init__(self, setup: Setup, command: str, name: str, *, warm: bool, clock: FakeClock | None = None) -> None:
        self.name = name
        self.kind = "hub" if command == "run" else command
        self._clock = clock
        self.log = setup.settings_file.with_name(f"{name}.log")
        self._arguments = ["--settings", str(setup.settings_file), command]
        self._warm = warm and clock is None  # a clock comes with the program's start
        self._process: subprocess.Popen[bytes] | WarmProcess | None = None
        self._read_from = 0
        self._said = b""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def opening(self) -> bool:
        """It has read its settings and begins to open things, or has gone further."""
        return _OPENING in self._new_lines()

    @property
    def started(self) -> bool:
        """It serves. Raises Fell when it never will."""
        if _STARTED in self._new_lines():
            return True
        self.check()
        return False

    def start(self) -> None:
        self._read_from = self.log.stat().st_size if self.log.exists() else 0
        self._said = b""
        self._process = WarmProcess(self._arguments, self.log) if self._warm else self._cold()

    async def until_started(self) -> None:
        await until(lambda: self.started, f"{self.name} started", _START_S)

    def kill(self) -> None:
        """Without a word, at whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._clock is not None:
                self._clock.forget(self.pid)

    def freeze(self) -> None:
        """It stands still, with whatever it holds; its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on as if no time had passed."""
        os.kill(self.pid, signal.SIGCONT)

    async def stop(self) -> int | None:
        """SIGTERM; the exit status. Raises TimeoutError when it does not end within its grace time and a little."""
        assert self._process is not None
        process = self._process
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None, f"{self.name} stopped", GRACE_S + 5)
        return process.returncode

    def check(self) -> None:
        """Raises Fell when it is not running."""
        if not self.running:
            status = None if self._process is None else self._process.returncode
            raise Fell(f"{self.name} ended by itself with {status}\n{log_tail(self.log)}")

    def bugs(self) -> list[str]:
        """Lines of its log that no death of others excuses: bugs it noticed, and what did not come from its logger."""
        if not self.log.exists():
            return []
        lines = self.log.read_bytes().splitlines()
        return [f"{self.name}: {line.decode()[:3000]}" for line in lines if _BUG in line or not line.startswith(b"{")]

    def _cold(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "lgsp.cli", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("LGSP_")}
                | ({} if self._clock is None else self._clock.environment),
                start_new_session=True,
            )

    def _new_lines(self) -> bytes:
        """What it has logged since its start, until it says that it serves."""
        if _STARTED not in self._said and self.log.exists():
            with self.log.open("rb") as log:
                log.seek(self._read_from)
                self._said = log.read()
        return self._said


def processes(setup: Setup, *, warm: bool, clock: FakeClock | None = None) -> list[HubProcess]:
    """Not yet started. The first of each kind lives by `clock`, when there is one."""
    return [
        HubProcess(
            setup, command, f"{command}-{number}", warm=warm, clock=clock if setup.commands.index(command) == number else None
        )
        for number, command in enumerate(setup.commands)
    ]
