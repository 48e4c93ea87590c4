"""Processes of the bench: started, measured by what the kernel counts, ended by pid."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.servers.process import end, log_tail

_TICKS_PER_S: int = os.sysconf("SC_CLK_TCK")
_START_S = 30.0


class BenchFailed(Exception):
    """The bench cannot go on; the message says which process and why."""


class Child:
    """A Python program of ours. What it prints we read (`talks`) or it goes to a file; its errors always go to a file."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, name: str, *, talks: bool, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._errors, self._log = folder / f"{name}.err", folder / f"{name}.log"
        with self._errors.open("wb") as errors, self._log.open("wb") as log:
            self.process: subprocess.Popen[str] = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if talks else log,
                stderr=errors,
                env={**_clean_environment(), **(environ or {})},
                text=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            end(self.process)

    def say(self, line: str) -> None:
        """One line to its standard input."""
        _piped(self.process.stdin).write(line + "\n")
        _piped(self.process.stdin).flush()

    def hear(self) -> str:
        """Its next line. Raises BenchFailed with the end of its errors when it ended instead."""
        line = _piped(self.process.stdout).readline()
        if not line:
            self.process.wait(_START_S)
            raise BenchFailed(f"{self.name} ended with {self.process.returncode}\n{log_tail(self._errors)}")
        return line.strip()

    def complaints(self) -> str:
        """The last lines of its log above level info, and the end of its errors."""
        lines = [line for line in self._log.read_text().splitlines() if '"level":"info"' not in line]
        return "\n".join([*lines[-5:], log_tail(self._errors)]).strip()

    def check(self) -> None:
        """Raises BenchFailed when it ended."""
        if self.process.poll() is not None:
            raise BenchFailed(f"{self.name} ended with {self.process.returncode}\n{log_tail(self._errors)}")


def _clean_environment() -> dict[str, str]:
    """Without settings of a hub that somebody runs here."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LGSP_")}


def _piped(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def cpu_s(pids: Iterable[int]) -> float:
    """CPU time that these processes and those below them have used, including children that already ended."""
    children = _children()
    return sum(_ticks(pid) for root in pids for pid in _family(root, children)) / _TICKS_PER_S


def running_ms(pid: int) -> float:
    """CPU time of the process alone, over all its threads, to the nanosecond (Documentation/scheduler/sched-stats in Linux)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e6


def backends_of(postmaster: int, database: str) -> list[int]:
    """Processes of the PostgreSQL server that serve a connection to this database."""
    return [pid for pid in _children().get(postmaster, ()) if f" {database} " in Path(f"/proc/{pid}/cmdline").read_text()]


def _family(root: int, children: Mapping[int, list[int]]) -> list[int]:
    return [root, *(pid for child in children.get(root, ()) for pid in _family(child, children))]


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            found.setdefault(int(fields[1]), []).append(int(entry.name))
    return found


def _ticks(pid: int) -> int:
    """utime, stime, cutime and cstime of proc(5)."""
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields after the name, state first; none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def rss_bytes(pid: int, field: str = "VmRSS") -> int:
    """Resident memory now, or with "VmHWM" its highest since `forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise BenchFailed(f"process {pid} says no {field}")


def forget_peak(pid: int) -> None:
    """From now on VmHWM counts anew (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = _START_S) -> None:
    """Raises BenchFailed when it does not come true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise BenchFailed(f"{what} did not happen within {timeout_s:.0f} s")
        time.sleep(0.05)
