"""Fixtures that lend a test its servers, and what else is to go wrong.

`LGSP_TEST_AMQP_URL` and `LGSP_TEST_POSTGRES_DSN` name servers for the tests that only talk to one (the second as a role that
may create databases); tests that stop or kill a server always get a private one. Where that is not installed, or a disk cannot be
mounted, the test is skipped on a laptop and fails when `CI` is set.
"""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TypeVar

import hypothesis
import pytest

from tests.crash.clock import FakeClock
from tests.servers import PostgresServer, RabbitCluster, RabbitServer, ServerMissing, SmallDisk, SoftHsm
from tests.servers.databases import create_database, drop_database
from tests.servers.epmd import Epmd

Server = TypeVar("Server", RabbitServer, RabbitCluster, PostgresServer, SmallDisk, FakeClock, SoftHsm, Epmd)


# How long an example takes says how busy the machine is: what has to be quick is measured in CPU time by tests of its own.
hypothesis.settings.register_profile("lgsp", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("lgsp")


def pytest_configure() -> None:
    """A terminated run still ends its servers."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    pytest.exit("terminated", returncode=128 + number)


@pytest.fixture(scope="session")
def rabbit_server() -> Iterator[RabbitServer]:
    """The run's own RabbitMQ: tests may stop, kill and restart it; the next test finds it running."""
    with _lent(RabbitServer) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The run's own PostgreSQL: tests may stop, kill and restart it; the next test finds it running."""
    with _lent(PostgresServer) as server:
        yield server


@pytest.fixture(scope="session")
def rabbit_cluster() -> Iterator[RabbitCluster]:
    """The run's own three nodes: tests may kill one at a time, and leave all running."""
    with _lent(RabbitCluster) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def soft_hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHsm:
    """The run's own PKCS#11 token."""
    return _lent(lambda: SoftHsm(tmp_path_factory.mktemp("softhsm")))


@pytest.fixture
def port_mapper() -> Epmd:
    """Erlang's port mapper on a port of this test's own; not started."""
    return _lent(Epmd)


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """A disk of this test's own, to be filled."""
    with _lent(SmallDisk) as disk:
        yield disk


@pytest.fixture
def fake_clock(tmp_path: Path) -> FakeClock:
    """A wall clock for processes of this test, which jumps when told."""
    return _lent(lambda: FakeClock(tmp_path))


@pytest.fixture
def amqp_url(request: pytest.FixtureRequest) -> str:
    """A RabbitMQ for tests that only talk to it: use names that begin with `rabbit_prefix`."""
    named = os.environ.get("LGSP_TEST_AMQP_URL")
    if named:
        return named
    server: RabbitServer = request.getfixturevalue("rabbit_server")
    server.start()
    return server.url


@pytest.fixture
def rabbit_prefix() -> str:
    """What the names of this test's queues and exchanges begin with, so that no test meets another's messages."""
    return f"test-{secrets.token_hex(4)}-"


@pytest.fixture
def postgres_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of this test's own, dropped afterwards."""
    admin = os.environ.get("LGSP_TEST_POSTGRES_DSN")
    server: PostgresServer | None = None
    if not admin:
        server = request.getfixturevalue("postgres_server")
        server.start()
        admin = server.dsn
    name = f"test_{secrets.token_hex(6)}"
    yield create_database(admin, name)
    if server is not None:
        server.start()  # the test may have left it dead
    drop_database(admin, name)


def _lent(kind: Callable[[], Server]) -> Server:
    try:
        return kind()
    except ServerMissing as missing:
        if os.environ.get("CI", "") not in ("", "0", "false"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
