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
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self/stat").exists()


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
