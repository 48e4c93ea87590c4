"""PostgreSQL says goodbye to idle connections when it stops; the end of the connection may come a moment later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from lgsp.errors import JournalUnavailable
from lgsp.journal.postgres.store import PostgresStore
from tests.crash.load import until


class Tunnel:
    """Passes octets on in both directions, but until `honest` is set not the news that the server hung up.

    `said` counts the server's octets.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.honest = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.said = 0

    async def joined(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection(self._host, self._port)
        self._writers |= {back, forth}
        for task in (asyncio.create_task(self._pass(near, forth)), asyncio.create_task(self._answer(far, back))):
            self._tasks.add(task)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()

    async def _pass(self, near: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        while octets := await near.read(65536):
            forth.write(octets)

    async def _answer(self, far: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while octets := await far.read(65536):
            back.write(octets)
            self.said += len(octets)
        await self.honest.wait()
        back.close()


@asynccontextmanager
async def tunnel(dsn: str) -> AsyncIterator[tuple[Tunnel, str]]:
    """The tunnel and the DSN of its near end."""
    parts = urlsplit(dsn)
    one = Tunnel(parts.hostname or "127.0.0.1", parts.port or 5432)
    server = await asyncio.start_server(one.joined, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    account = parts.netloc.rpartition("@")[0]
    try:
        yield one, parts._replace(netloc=f"{account}@127.0.0.1:{port}").geturl()
    finally:
        server.close()
        await one.close()


async def test_a_connection_that_was_told_goodbye_is_an_outage_and_is_replaced(postgres_dsn: str) -> None:
    """Whoever meets it is told to come back; the next one gets a new connection."""
    async with tunnel(postgres_dsn) as (between, near_dsn):
        store = await PostgresStore.open(near_dsn, timeout_s=10, pool_size=1)
        try:
            await store.ping()
            so_far = between.said
            operator = await asyncpg.connect(postgres_dsn)
            await operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await operator.close()
            await until(lambda: between.said > so_far, "the goodbye")
            with pytest.raises(JournalUnavailable):
                await store.ping()
            await store.ping()
        finally:
            between.honest.set()
            await store.close()
