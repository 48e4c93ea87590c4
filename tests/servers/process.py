"""What starting and ending any server has in common: find it, wait for it, end it by pid, say why it failed."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
_POLL_S = 0.02
_LOG_TAIL_LINES = 40
_PROC = Path("/proc/self")


class ServerMissing(Exception):
    """The server's programs are not installed; the message says how to mend it."""


class ServerFailed(Exception):
    """The server did not start or stop; the message carries the end of its log."""


def find_program(name: str, folders: Sequence[str], package: str) -> Path:
    """The newest `name` in one of the folder patterns (below `/`), else on PATH. Raises ServerMissing."""
    for pattern in folders:
        found = [path for path in Path("/").glob(f"{pattern.lstrip('/')}/{name}") if os.access(path, os.X_OK)]
        if found:
            return max(found, key=_version)
    on_path = shutil.which(name)
    if on_path is None:
        raise ServerMissing(f"{name} is not installed: run `make test` as root, or install the package {package}")
    return Path(on_path)


def _version(path: Path) -> list[int]:
    return [int(digits) for digits in "".join(c if c.isdigit() else " " for c in str(path)).split()]


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition became true within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def is_alive(pid: int) -> bool:
    """Whether a process of this id runs; one that ended and was not yet reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if not _PROC.exists():
        return True
    stat = _stat(pid)
    return stat is not None and stat[0] != "Z"


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has reached it (taken for granted where there is no /proc)."""
    stat = _stat(pid)
    return stat is None or stat[0] == "T"


def children(pid: int) -> list[int]:
    """The process ids of its children that exist now; none where there is no /proc."""
    ids = [int(entry.name) for entry in _PROC.parent.iterdir() if entry.name.isdigit()] if _PROC.exists() else []
    return [child for child in ids if (stat := _stat(child)) is not None and int(stat[1]) == pid]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on: state, parent, ...; None when there is no such process."""
    try:
        return (_PROC.with_name(str(pid)) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may already be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM, timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Ask a child to end, kill it when it does not in time, and reap it."""
    process.send_signal(number)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def log_tail(log: Path) -> str:
    """The last lines of a log, for a message."""
    if not log.exists():
        return f"({log.name} was never written)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
