"""Databases made and dropped on any PostgreSQL server, ours or one named by the environment."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import asyncpg


def create_database(dsn: str, name: str, template: str = "template1") -> str:
    """Copy `template`, to which nobody may be connected, on the server of `dsn`; the new database's DSN."""
    _execute(dsn, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


def drop_database(dsn: str, name: str) -> None:
    """Remove a database, cutting off whoever is still connected."""
    _execute(dsn, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _execute(dsn: str, statement: str) -> None:
    # In a thread: a fixture may be asked for while the test's own event loop runs.
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, _execute_in_loop(dsn, statement)).result()


async def _execute_in_loop(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
