"""The disk under the journal is full, and later it is not."""

from pathlib import Path

from tests.crash.hub import embedded, production
from tests.crash.misfortunes import disk_fills_up
from tests.crash.run import Run
from tests.servers import PostgresServer, RabbitServer, SmallDisk


async def test_nothing_is_lost_when_the_disk_of_the_sqlite_journal_is_full(tmp_path: Path, small_disk: SmallDisk) -> None:
    """503 hub.storage_unavailable until there is room; then the hub goes on without being touched."""
    setup = embedded(tmp_path, small_disk.folder)
    run = Run("disk, embedded")
    await disk_fills_up(setup, run, small_disk, times=2, mend=_nothing)
    print(run)


async def test_nothing_is_lost_when_the_disk_of_postgresql_is_full(
    tmp_path: Path, small_disk: SmallDisk, rabbit_server: RabbitServer, rabbit_prefix: str
) -> None:
    """The same, whether the server said so or gave up and was started again."""
    rabbit_server.start()
    with PostgresServer(small_disk.folder) as postgres:
        setup = production(tmp_path, postgres.create_database("crash"), rabbit_server.url, rabbit_prefix, gateways=1, workers=1)
        run = Run("disk, production")
        await disk_fills_up(setup, run, small_disk, times=1, mend=postgres.start)
        print(run)


def _nothing() -> None:
    """The hub is on its own."""
