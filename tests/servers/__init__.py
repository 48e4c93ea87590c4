"""Private servers for tests: started on free ports of 127.0.0.1, in a folder of their own, and ended by pid."""

from tests.servers.disk import SmallDisk
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerFailed, ServerMissing
from tests.servers.rabbit_cluster import RabbitCluster
from tests.servers.rabbitmq import RabbitServer
from tests.servers.softhsm import SoftHsm

__all__ = ["PostgresServer", "RabbitCluster", "RabbitServer", "ServerFailed", "ServerMissing", "SmallDisk", "SoftHsm"]
