"""The servers lent to tests keep what they promise to the tests that rely on them."""

import asyncio
import secrets
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from tests.servers import PostgresServer, RabbitCluster, RabbitServer, ServerFailed, ServerMissing, SmallDisk
from tests.servers.epmd import Epmd
from tests.servers.ports import free_port
from tests.servers.process import find_program, is_alive


def test_ports_are_free_and_never_given_twice() -> None:
    """Every port can be listened on and no two calls return the same one."""
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_missing_program_says_which_package_to_install() -> None:
    """A server that is not installed is reported with the package that brings it."""
    with pytest.raises(ServerMissing, match="install the package some-package"):
        find_program("no-such-program", ("/nowhere/*/bin",), "some-package")


async def test_a_durable_queue_survives_a_restart(rabbit_server: RabbitServer, rabbit_prefix: str) -> None:
    """A persistent message in a quorum queue is there after stop and start, at the same address."""
    rabbit_server.start()
    await _publish(rabbit_server.url, f"{rabbit_prefix}kept", b"kept")
    rabbit_server.restart()
    assert await _get(rabbit_server.url, f"{rabbit_prefix}kept") == b"kept"


async def test_a_confirmed_message_survives_kill_9(rabbit_server: RabbitServer, rabbit_prefix: str) -> None:
    """What the broker confirmed is there after its process was killed."""
    rabbit_server.start()
    await _publish(rabbit_server.url, f"{rabbit_prefix}killed", b"confirmed")
    rabbit_server.write_registry()
    pid = rabbit_server.pid
    rabbit_server.kill9()
    assert not is_alive(pid)
    with pytest.raises(ServerFailed, match="not running"):
        rabbit_server.pause()
    rabbit_server.start()
    assert await _get(rabbit_server.url, f"{rabbit_prefix}killed") == b"confirmed"


async def test_a_second_broker_runs_beside_the_first_and_leaves_nothing(rabbit_server: RabbitServer, rabbit_prefix: str) -> None:
    """Two nodes share neither ports nor queues, and a closed one leaves neither process nor folder."""
    rabbit_server.start()
    queue = f"{rabbit_prefix}apart"
    with RabbitServer() as second:
        await _publish(second.url, queue, b"second")
        await _publish(rabbit_server.url, queue, b"first")
        assert await _get(second.url, queue) == b"second"
        assert second.ctl("list_queues", "name", "--no-table-headers").split() == [queue]
        node, folder = second.pid, second.folder
    assert await _get(rabbit_server.url, queue) == b"first"
    assert not is_alive(node)
    assert not folder.exists()
    assert _processes_of(folder) == []


async def test_a_paused_broker_answers_again_after_resume(rabbit_server: RabbitServer, rabbit_prefix: str) -> None:
    """A frozen node greets nobody; once resumed it serves."""
    rabbit_server.start()
    rabbit_server.pause()
    try:
        with socket.create_connection(("127.0.0.1", rabbit_server.port), timeout=1) as connection, pytest.raises(TimeoutError):
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            connection.recv(1)
    finally:
        rabbit_server.resume()
    await _publish(rabbit_server.url, f"{rabbit_prefix}resumed", b"again")


async def test_every_test_gets_an_empty_database(postgres_dsn: str) -> None:
    """The database lent to a test has no table yet and may be written to."""
    connection = await asyncpg.connect(postgres_dsn)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        await connection.execute("CREATE TABLE mine (id int)")
    finally:
        await connection.close()


async def test_a_database_can_be_copied_and_dropped(postgres_server: PostgresServer) -> None:
    """A copy has the tables of its template, and a dropped database is gone even with a client connected."""
    postgres_server.start()
    original = await asyncpg.connect(postgres_server.create_database("original"))
    await original.execute("CREATE TABLE mine (id int)")
    await original.close()

    copied_dsn = postgres_server.create_database("copied", template="original")
    visitor = await asyncpg.connect(copied_dsn)
    assert await visitor.fetchval("SELECT count(*) FROM mine") == 0
    postgres_server.drop_database("copied")
    postgres_server.drop_database("original")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(copied_dsn)
    visitor.terminate()


async def test_committed_rows_survive_kill_9(postgres_server: PostgresServer) -> None:
    """What PostgreSQL committed is there after its process was killed, at the same address."""
    postgres_server.start()
    dsn = postgres_server.create_database("survivor")
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
    postgres_server.kill9()
    assert not postgres_server.running
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")  # no backend outlives the server
    connection.terminate()
    postgres_server.start()
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetchval("SELECT id FROM kept") == 7
    finally:
        await connection.close()
        postgres_server.drop_database("survivor")


async def test_postgres_is_as_durable_as_in_service(postgres_server: PostgresServer) -> None:
    """Tests run with fsync and synchronous_commit on."""
    postgres_server.start()
    connection = await asyncpg.connect(postgres_server.dsn)
    try:
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        await connection.close()


def test_a_second_cluster_runs_beside_the_first_and_leaves_nothing(postgres_server: PostgresServer) -> None:
    """Two clusters have their own ports, and a closed one leaves neither process nor folder."""
    postgres_server.start()
    with PostgresServer() as second:
        assert second.port != postgres_server.port
        postmaster, folder = second.pid, second.folder
    assert postgres_server.running
    assert not is_alive(postmaster)
    assert not folder.exists()


async def test_a_database_that_is_shut_down_at_once_recovers_what_was_committed(postgres_server: PostgresServer) -> None:
    """The immediate shutdown loses what was under way and nothing else."""
    postgres_server.start()
    name = f"at_once_{secrets.token_hex(4)}"
    dsn = await asyncio.to_thread(postgres_server.create_database, name)
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    postgres_server.stop_at_once()
    assert not postgres_server.running
    connection.terminate()
    postgres_server.start()
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT one FROM kept") == 1
    await connection.close()
    postgres_server.drop_database(name)


def test_a_full_disk_takes_nothing_until_there_is_room_and_leaves_nothing(small_disk: SmallDisk) -> None:
    """Mounted it is as small as it was made; closed, neither mount nor folder is left."""
    small_disk.fill()
    with pytest.raises(OSError, match="No space left"):
        (small_disk.folder / "more").write_bytes(b"x" * 10_000)
    small_disk.make_room()
    (small_disk.folder / "more").write_bytes(b"x" * 10_000)
    small_disk.close()
    assert not small_disk.folder.exists()
    assert small_disk.folder.name not in Path("/proc/mounts").read_text()


def test_nodes_that_start_at_once_share_one_port_mapper_which_ends(port_mapper: Epmd) -> None:
    """Whoever comes second neither starts another one nor loses sight of the first."""
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: port_mapper.start(), range(3)))
    assert len(_epmds_on(port_mapper.port)) == 1
    port_mapper.close()
    assert _epmds_on(port_mapper.port) == []


@pytest.mark.thorough
async def test_the_nodes_of_a_cluster_share_their_queues(rabbit_cluster: RabbitCluster) -> None:
    """What is published to one is fetched from another, also when the node that leads the queue is dead by then."""
    rabbit_cluster.start()
    queue = f"test-{secrets.token_hex(4)}"
    await _publish(rabbit_cluster.nodes[0].url, queue, b"kept")
    await asyncio.to_thread(rabbit_cluster.write_registry)
    leader = await asyncio.to_thread(rabbit_cluster.leader, queue)
    await asyncio.to_thread(leader.kill9)
    other = next(node for node in rabbit_cluster.nodes if node is not leader)
    assert await _get_from_new_leader(other.url, queue) == b"kept"
    await asyncio.to_thread(rabbit_cluster.start)
    assert all(node.running for node in rabbit_cluster.nodes)


def test_a_server_that_cannot_start_shows_the_end_of_its_log() -> None:
    """A port in use is found in the message, so that nobody has to look for a log."""
    server = PostgresServer()
    try:
        with socket.create_server(("127.0.0.1", server.port)), pytest.raises(ServerFailed, match="Address already in use"):
            server.start(timeout_s=2)
    finally:
        server.close()


def test_the_run_ends_in_order_when_terminated() -> None:
    """SIGTERM ends a test run through its fixtures, so that no server outlives it."""
    assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN, None)


async def _publish(url: str, queue: str, body: bytes) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key=queue, timeout=20)


async def _get(url: str, queue: str) -> bytes:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        message = await declared.get(timeout=20)
        await message.ack()
        return message.body


def _epmds_on(port: int) -> list[str]:
    return [line for line in _command_lines() if "epmd" in line and line.split()[-1:] == [str(port)]]


async def _get_from_new_leader(url: str, queue: str) -> bytes:
    """Those left need a moment to choose one, and until then a connection that asks is closed."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await _get(url, queue)
            except (aio_pika.exceptions.AMQPError, aio_pika.exceptions.QueueEmpty):
                await asyncio.sleep(0.2)


def _processes_of(folder: Path) -> list[str]:
    """Command lines of living processes that mention the folder (Linux; elsewhere none are seen)."""
    return [line for line in _command_lines() if folder.name in line]


def _command_lines() -> list[str]:
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(command.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
