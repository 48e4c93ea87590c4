"""A private RabbitMQ node with its own name, ports, cookie, epmd and data."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.servers.epmd import Epmd
from tests.servers.ports import free_port
from tests.servers.process import (
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    ServerFailed,
    find_program,
    is_alive,
    log_tail,
    send,
    wait_until,
)

# The scripts inside the package: the one in /usr/sbin switches to the user rabbitmq and knows one node only.
_FOLDERS = ("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin", "/opt/rabbitmq/sbin", "/opt/homebrew/sbin")
_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"


class RabbitServer:
    """One node below a temporary folder, for as long as the object is not closed; data outlive stop, kill and restart."""

    def __init__(self, *, epmd: Epmd | None = None, cookie: str = "") -> None:
        """A node of a cluster shares `epmd` and `cookie` with the others. Raises ServerMissing when RabbitMQ is not installed."""
        self._server = find_program("rabbitmq-server", _FOLDERS, "rabbitmq-server")
        self._ctl = find_program("rabbitmqctl", _FOLDERS, "rabbitmq-server")
        self._epmd = epmd or Epmd()
        self._owns_epmd = epmd is None
        self.port, self._dist_port = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self.folder = Path(tempfile.mkdtemp(prefix="lgsp-rabbit-"))
        self.name = f"{self.folder.name}@localhost"
        self.log = self.folder / "server.log"
        self._pid_file = self.folder / "node.pid"
        self._environment = self._write_folder(cookie or self.folder.name.upper())
        self._script: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RabbitServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the node's process exists (paused counts)."""
        return self._script is not None and self._script.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the Erlang node. Raises ServerFailed when it does not run."""
        if not self.running or not self._pid_file.exists():
            raise ServerFailed("RabbitMQ is not running")
        return int(self._pid_file.read_text())

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start and wait until it speaks AMQP; nothing when it runs already. Raises ServerFailed with the end of the log."""
        if self.running:
            return
        self._epmd.start()
        self._pid_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._script = subprocess.Popen(
                [self._server],
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if not wait_until(lambda: self._speaks_amqp() or not self.running, timeout_s) or not self.running:
            self._kill_session()
            raise ServerFailed(f"RabbitMQ did not start within {timeout_s:.0f} s\n{log_tail(self.log)}")

    def stop(self) -> None:
        """Shut down in order; nothing when it does not run."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """Let the node die without a word, as in a power cut."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop in order and start again with the same data and port."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the node: connections stay open, nothing answers."""
        send(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        send(self.pid, signal.SIGCONT)

    def ctl(self, *arguments: str) -> str:
        """Output of `rabbitmqctl` against this node. Raises ServerFailed with what it printed."""
        done = subprocess.run(
            [self._ctl, "--quiet", *arguments], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise ServerFailed(f"rabbitmqctl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def write_registry(self) -> None:
        """Write the register of quorum queues to disk, which RabbitMQ 3.10 does up to a second after a queue is declared.

        A node killed before that comes back with the queue and no leader, for ever (rabbitmq-server issue 10070): call this
        between the first declaration and `kill9`.
        """
        self.ctl("eval", "[ok = dets:sync(Table) || Table <- dets:all()].")

    def close(self) -> None:
        """End the node and its epmd, remove the folder."""
        self.stop()
        if self._owns_epmd:
            self._epmd.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_folder(self, cookie: str) -> dict[str, str]:
        cookie_file = self.folder / ".erlang.cookie"
        cookie_file.write_text(cookie)
        cookie_file.chmod(0o400)
        config = self.folder / "rabbitmq.conf"
        config.write_text(
            # Marks that do not depend on what else the machine does; a write-ahead log that fits a test.
            "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\nraft.wal_max_size_bytes = 67108864\n"
        )
        for name in ("plugins", "env.conf"):
            (self.folder / name).write_text("[].\n" if name == "plugins" else "")
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd.port),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_MNESIA_DIR": str(self.folder / "data" / "node"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SCHEMA_DIR": str(self.folder / "schema"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "generated"),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self._pid_file),
        }

    def _speaks_amqp(self) -> bool:
        # The listener opens last, after queues are recovered; an answered greeting means ready.
        if not self._pid_file.exists():
            return False
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(_PROTOCOL_HEADER)
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._script is None or not self.running:
            return
        pid = self.pid
        send(pid, number)
        send(pid, signal.SIGCONT)  # a paused node must wake up to end
        if not wait_until(lambda: not is_alive(pid), STOP_TIMEOUT_S):
            self._kill_session()
        self._script.wait(STOP_TIMEOUT_S)

    def _kill_session(self) -> None:
        if self._script is None:
            return
        try:
            os.killpg(self._script.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._script.wait(STOP_TIMEOUT_S)
