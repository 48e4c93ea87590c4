"""Erlang's port mapper, through which nodes find each other: a private one, in the foreground."""

import os
import socket
import subprocess
import threading

from tests.servers.ports import free_port
from tests.servers.process import ServerFailed, end, find_program, wait_until


class Epmd:
    """Ours: the one Erlang would start in the background is nobody's child and would outlive the tests."""

    def __init__(self) -> None:
        """Raises ServerMissing when Erlang is not installed."""
        self._program = find_program("epmd", (), "erlang-base")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()  # nodes of a cluster start at once

    def start(self) -> None:
        """Start and wait until it listens; nothing when it runs already. Raises ServerFailed."""
        with self._starting:
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
        if not wait_until(lambda: _accepts(self.port), timeout_s=10):
            raise ServerFailed(f"epmd does not listen on port {self.port}")

    def close(self) -> None:
        """End it; nothing when it does not run."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._program, "-address", "127.0.0.1", "-port", str(self.port)],
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
