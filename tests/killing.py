"""kill -9 on a chosen line: what is worked at in a process of its own ends there, as if the power had failed for it."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any


def killed_at(line: int | None, of: tuple[str, ...], work: Callable[[Path], Coroutine[Any, Any, None]], folder: Path) -> bool:
    """Runs `work` on a folder in a child that is killed once it has come to so many lines in files whose path has one of `of` in
    it; None: to its end. Whether it was killed; a child that fails otherwise fails the test."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if line is not None:
                _kill_after(line, of)
            asyncio.run(work(folder))
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _kill_after(lines: int, of: tuple[str, ...]) -> None:
    left = lines

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if not any(part in frame.f_code.co_filename for part in of):
            return None
        if event == "line":
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
