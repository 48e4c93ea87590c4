"""Three RabbitMQ nodes that are one cluster, on one machine."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from tests.servers.epmd import Epmd
from tests.servers.process import ServerFailed
from tests.servers.rabbitmq import RabbitServer

_NODES = 3
_START_TIMEOUT_S = 120.0  # three at once on one machine


class RabbitCluster:
    """`nodes` may be killed and started again one by one; their data stay as long as the object is not closed."""

    def __init__(self) -> None:
        """Raises ServerMissing when RabbitMQ is not installed."""
        self._epmd = Epmd()
        cookie = secrets.token_hex(16)
        self.nodes = tuple(RabbitServer(epmd=self._epmd, cookie=cookie) for _ in range(_NODES))
        self._formed = False

    def __enter__(self) -> "RabbitCluster":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Every node that does not run; the first time they also join (about 20 s). Raises ServerFailed."""
        with ThreadPoolExecutor(_NODES) as pool:
            list(pool.map(lambda node: node.start(_START_TIMEOUT_S), self.nodes))
        if not self._formed:
            self._form()
            self._formed = True

    def leader(self, queue: str) -> RabbitServer:
        """The node that leads a quorum queue. Raises ServerFailed when nobody does."""
        asked = next(node for node in self.nodes if node.running)
        found = dict(
            line.split("\t")
            for line in asked.ctl("list_queues", "--no-table-headers", "name", "leader").splitlines()
            if "\t" in line
        )
        for node in self.nodes:
            if node.name == found.get(queue):
                return node
        raise ServerFailed(f"{queue} has no leader: {found}")

    def write_registry(self) -> None:
        """As `RabbitServer.write_registry`, on every node."""
        for node in self.nodes:
            node.write_registry()

    def close(self) -> None:
        """End all nodes and their epmd, remove their folders."""
        with ThreadPoolExecutor(_NODES) as pool:
            list(pool.map(RabbitServer.close, self.nodes))
        self._epmd.close()

    def _form(self) -> None:
        first, *others = self.nodes
        for node in others:
            for command in (("stop_app",), ("join_cluster", first.name), ("start_app",)):
                node.ctl(*command)
        for node in others:
            node.ctl("await_startup")
