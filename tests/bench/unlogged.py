"""The hub as it would be without its evidence log: no records, no hashes, no numbers of pairs, no heads, no proofs in receipts.

Takes the command line of `lgsp`. Only for comparing: what it accepts nobody can prove.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from lgsp import bootstrap
from lgsp.cli import main
from lgsp.core.log.frontier import Frontier
from lgsp.journal import acceptance
from lgsp.journal.codec import EventRow
from lgsp.journal.postgres import log as postgres_log
from lgsp.journal.sqlite import log as sqlite_log

_NO_TREE = Frontier()


def _no_leaves(*_: Any) -> list[bytes]:
    return []


def _no_growth(*_: Any) -> Any:
    return SimpleNamespace(first=0, logged=lambda *_: None)


def _nothing(*_: Any) -> Any:
    return {}


def _no_tree(*_: Any) -> Frontier:
    return _NO_TREE


def _tell(connection: sqlite3.Connection, events: Sequence[EventRow]) -> None:
    connection.executemany(sqlite_log._INSERT_EVENT, events)


async def _nothing_soon(*_: Any) -> Any:
    return {}


async def _told_soon(connection: Any, events: Iterable[EventRow]) -> None:
    given = list(events)
    if given:
        await connection.copy_records_to_table("events", records=given, columns=EventRow._fields)


async def _as_given(_: Any, events: Sequence[EventRow]) -> Sequence[EventRow]:
    return events


async def _no_keeper(*_: Any) -> Any:
    return SimpleNamespace(close=lambda: None, fork="", origin="")


@asynccontextmanager
async def _nobody_publishes(*_: Any) -> AsyncIterator[Any]:
    yield SimpleNamespace(run=asyncio.Event().wait)


def forget_the_log() -> None:
    for module, name, instead in (
        (acceptance, "_leaves", _no_leaves),
        (acceptance, "grow", _no_growth),
        (sqlite_log, "head", _no_tree),
        (sqlite_log, "append", _nothing),
        (sqlite_log, "tell", _tell),
        (sqlite_log, "last_numbers", _nothing),
        (sqlite_log, "save_numbers", _nothing),
        (postgres_log, "append", _nothing_soon),
        (postgres_log, "tell", _told_soon),
        (postgres_log, "leaves_of", _as_given),
        (postgres_log, "last_numbers", _nothing_soon),
        (postgres_log, "save_numbers", _nothing_soon),
    ):
        setattr(module, name, instead)
    bootstrap.open_log = _no_keeper
    bootstrap.open_publisher = _nobody_publishes


if __name__ == "__main__":
    forget_the_log()
    main()
