"""Every store keeps every promise of `lgsp.ports`: the suite below runs once per store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Store
from tests.compliance.builders import Opener
from tests.compliance.dead_suite import *  # noqa: F403
from tests.compliance.hold_suite import *  # noqa: F403
from tests.compliance.journal_suite import *  # noqa: F403  (the suite is what this module collects)
from tests.compliance.keeping_suite import *  # noqa: F403
from tests.compliance.lanes_suite import *  # noqa: F403
from tests.compliance.log_suite import *  # noqa: F403
from tests.compliance.marks_suite import *  # noqa: F403
from tests.compliance.records_suite import *  # noqa: F403
from tests.compliance.signatures_suite import *  # noqa: F403
from tests.sim.memory import MemoryStore


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same store again and again: as another process would, or after a restart."""
    if request.param == "memory":
        memory: Any = _Elsewhere(MemoryStore())

        async def open_memory() -> Store:
            return memory

        return open_memory
    if request.param == "sqlite":
        path = tmp_path / "journal.db"

        async def open_sqlite() -> Store:
            return SqliteStore.open(path, timeout_s=10)

        return open_sqlite
    dsn: str = request.getfixturevalue("postgres_dsn")

    async def open_postgres() -> Store:
        from lgsp.journal.postgres import PostgresStore

        return await PostgresStore.open(dsn, timeout_s=10)

    return open_postgres


class _Elsewhere:
    """A store whose calls let others have their turn first, as those do that leave the loop."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any) -> Any:
            await asyncio.sleep(0)
            return await method(*args)

        return call


@pytest.fixture
async def store(open_store: Opener) -> AsyncIterator[Store]:
    """An empty store."""
    opened = await open_store()
    yield opened
    await opened.close()


@pytest.fixture
async def reopen(store: Store, open_store: Opener) -> AsyncIterator[Opener]:
    """Closes the store and opens it again."""
    later: list[Store] = []

    async def again() -> Store:
        await (later[-1] if later else store).close()
        later.append(await open_store())
        return later[-1]

    yield again
    for one in later:
        await one.close()  # closing twice is harmless
