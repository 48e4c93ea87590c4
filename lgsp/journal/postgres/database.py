"""Connections, transactions and what their failures mean. Every use is bounded in time as a whole; a connection on which
something went wrong outside our control is thrown away, and the pool makes a new one when it is asked again."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import asyncpg

from lgsp.errors import JournalUnavailable

# The one global write lock, taken first by every transaction that gives out numbers or decides about states: ids are dense and
# in commit order, and lanes have no races. PostgreSQL holds it until the commit is on disk. ASCII "lgsp-hub".
WRITE_LOCK = 0x6C6773702D687562

BEGIN_WRITE = f"BEGIN; SELECT pg_advisory_xact_lock({WRITE_LOCK})"
# Counting whole tables is the one thing that a sequential scan does best.
_BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_seqscan = on"

# The server or the road to it, not the statement: class 08 connection, 40 rollback, 53 resources (disk full), 57 operator
# (shutdown, time-out), 58 system, and a server that lost its write role.
_OUTAGES: tuple[type[BaseException], ...] = (
    OSError,  # includes TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    # What asyncpg says of an idle connection on which the server took leave and whose end has not yet arrived.
    asyncpg.InternalClientError,
)


class Connection(Protocol):
    """What we use of asyncpg's connection, which is published without types. A row is read by name, by place or unpacked."""

    async def execute(self, query: str, *args: object) -> str: ...

    async def fetch(self, query: str, *args: object) -> list[Any]: ...

    async def fetchrow(self, query: str, *args: object) -> Any: ...

    async def fetchval(self, query: str, *args: object) -> Any: ...

    async def copy_records_to_table(self, table: str, *, records: Iterable[Sequence[object]], columns: Sequence[str]) -> str: ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...


class Database:
    """A pool with the three ways to use it: `connection`, `writing`, `snapshot`. All raise JournalUnavailable."""

    def __init__(self, pool: Any, timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s

    @classmethod
    async def open(cls, dsn: str, *, timeout_s: float, pool_size: int) -> "Database":
        """Raises JournalUnavailable; a wrong user or database name stays asyncpg's error."""
        with outages_as_unavailable():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=pool_size,
                timeout=timeout_s,
                command_timeout=timeout_s,
                reset=_keep_session,
                server_settings=session_settings(timeout_s),
            )
        return cls(pool, timeout_s)

    async def close(self) -> None:
        """Waits for what is under way, as long as one use may take; again and again is harmless."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._pool.close()
        except _OUTAGES:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """For single statements, each its own transaction."""
        async with self._lent() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """One transaction under the global write lock; on disk when the block was left without an exception."""
        async with self._lent() as connection:
            await connection.execute(BEGIN_WRITE)
            yield connection
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Several reads of one instant."""
        async with self._lent() as connection:
            await connection.execute(_BEGIN_SNAPSHOT)
            yield connection
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Connection]:
        if self._pool.is_closing():
            raise JournalUnavailable("PostgreSQL: this store was closed")
        with outages_as_unavailable():
            async with asyncio.timeout(self._timeout_s):
                connection: Connection = await self._pool.acquire()
                try:
                    yield connection
                except BaseException as error:
                    if not _is_lost(connection):
                        await _clean(connection, error)
                    elif isinstance(error, asyncpg.InterfaceError):  # its way to say "connection is closed"
                        raise asyncpg.ConnectionDoesNotExistError(str(error)) from error
                    raise
                finally:
                    await self._pool.release(connection)


def session_settings(timeout_s: float) -> dict[str, str]:
    """What every connection says of itself, whatever the server's defaults."""
    timeout_ms = str(round(timeout_s * 1000))
    return {
        "application_name": "lgsp-hub",
        "synchronous_commit": "on",  # accepted means durable
        "default_transaction_isolation": "read committed",  # what the reasoning about locks rests on
        "statement_timeout": timeout_ms,
        # A process that vanished from the network must not keep the write lock.
        "idle_in_transaction_session_timeout": timeout_ms,
        # Every statement touches few rows by index. Statistics from when a table was empty must not talk the planner out of it,
        # and one plan per statement will do.
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "enable_bitmapscan": "off",  # reads all that matches before the first row is known, whatever the limit
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
    }


@contextmanager
def outages_as_unavailable() -> Iterator[None]:
    """Raises JournalUnavailable for what is not the statement's fault; every other error stays what it is."""
    try:
        yield
    except _OUTAGES as error:
        raise JournalUnavailable(f"PostgreSQL: {type(error).__name__}: {error}".rstrip(": ")) from error


async def _keep_session(_: Connection) -> None:
    """asyncpg's own reset costs a round trip a use and has nothing to undo: we change no session setting."""


async def _clean(connection: Connection, error: BaseException) -> None:
    # Our own errors leave a sound connection: roll back and keep it. After an outage or a cancellation nobody knows what the
    # server is doing: drop the connection, the server rolls back by itself.
    if isinstance(error, Exception) and not isinstance(error, _OUTAGES):
        await connection.execute("ROLLBACK")
    else:
        connection.terminate()


def _is_lost(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool took it back when it broke
        return True
