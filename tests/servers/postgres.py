"""A private PostgreSQL cluster with its own folder, socket and port. fsync stays on: promises are tested, not pretended."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TypedDict

from tests.servers.databases import create_database, drop_database
from tests.servers.ports import free_port
from tests.servers.process import (
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    ServerFailed,
    children,
    end,
    find_program,
    is_alive,
    is_stopped,
    log_tail,
    send,
    wait_until,
)

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_SUPERUSER = "postgres"


class PostgresServer:
    """One cluster below a temporary folder, for as long as the object is not closed; data outlive stop, kill and restart."""

    def __init__(self, disk: Path | None = None) -> None:
        """`disk`: where the data are instead of with the rest. Raises ServerMissing when PostgreSQL is not installed."""
        self._postgres, self._initdb, self._ready = (
            find_program(name, _FOLDERS, "postgresql") for name in ("postgres", "initdb", "pg_isready")
        )
        self._user = _unprivileged_user()
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="lgsp-pg-"))  # short: a socket's path may have 107 octets
        self.log = self.folder / "server.log"
        self._data = (disk or self.folder) / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def dsn(self) -> str:
        """The maintenance database, as superuser: for creating databases, not for tests' tables."""
        return f"postgresql://{_SUPERUSER}@127.0.0.1:{self.port}/postgres"

    @property
    def running(self) -> bool:
        """Whether the postmaster exists."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the postmaster. Raises ServerFailed when it does not run."""
        if self._process is None or not self.running:
            raise ServerFailed("PostgreSQL is not running")
        return self._process.pid

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start and wait until it answers; nothing when it runs already. Raises ServerFailed with the end of the log."""
        if self.running:
            return
        if not self._data.exists():
            self._create_cluster()
        if not wait_until(self._attempt_start, timeout_s):
            self.kill9()
            raise ServerFailed(f"PostgreSQL did not start within {timeout_s:.0f} s\n{log_tail(self.log)}")

    def stop(self) -> None:
        """Shut down in order, ending open connections; nothing when it does not run."""
        self._end(signal.SIGINT)

    def stop_at_once(self) -> None:
        """PostgreSQL's immediate shutdown: backends drop what they do; the next start recovers from the write-ahead log."""
        self._end(signal.SIGQUIT)

    def kill9(self) -> None:
        """Let all its processes die without a word, as in a power cut; the next start recovers from the write-ahead log.

        Where only the postmaster is killed its backends go on answering until they notice.
        """
        if self._process is None or not self.running:
            return
        postmaster = self._process.pid
        send(postmaster, signal.SIGSTOP)
        wait_until(lambda: is_stopped(postmaster), STOP_TIMEOUT_S)  # from here on it makes no more children
        family = [postmaster, *children(postmaster)]
        for pid in family:
            send(pid, signal.SIGKILL)
        self._process.wait()
        if not wait_until(lambda: not any(is_alive(pid) for pid in family), STOP_TIMEOUT_S):
            raise ServerFailed("processes of PostgreSQL outlive kill -9")

    def restart(self) -> None:
        """Stop in order and start again with the same data and port."""
        self.stop()
        self.start()

    def create_database(self, name: str, template: str = "template1") -> str:
        """A new database copied from a template nobody is connected to; its DSN."""
        return create_database(self.dsn, name, template)

    def drop_database(self, name: str) -> None:
        """Remove a database, cutting off whoever is still connected."""
        drop_database(self.dsn, name)

    def close(self) -> None:
        """End the server and remove the folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _create_cluster(self) -> None:
        if self._user is not None:
            for folder in (self.folder, self._data.parent):
                os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        done = subprocess.run(
            [
                self._initdb,
                "--no-sync",
                "--auth=trust",
                f"--username={_SUPERUSER}",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
                self._data,
            ],
            cwd=self.folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **_as_user(self._user),
        )
        if done.returncode != 0:
            raise ServerFailed(f"initdb failed\n{done.stdout}{done.stderr}")

    def _attempt_start(self) -> bool:
        # Somebody may have taken the port for a moment; then the postmaster ends and is tried again.
        if not self.running:
            self._process = self._spawn()
        check = [str(self._ready), "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(check, env=_ENVIRONMENT, check=False).returncode == 0 and self.running

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            f"unix_socket_directories={self.folder}",
            "max_connections=200",
        ]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self._postgres, "-D", self._data, *(part for setting in settings for part in ("-c", setting))],
                cwd=self.folder,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_as_user(self._user),
            )

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            end(self._process, number)


_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LANG": "C.UTF-8",
}  # no PG* variable of the machine reaches the server


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom the server runs as: PostgreSQL refuses root. None: whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _as_user(user: pwd.struct_passwd | None) -> _Identity:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
