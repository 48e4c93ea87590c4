"""Whatever can be done to a row by SQL, for every table and column that the schema has: a new table cannot be forgotten."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import asyncpg

from lgsp.journal.audit.rows import Source
from lgsp.journal.postgres.audit import PostgresSource
from lgsp.journal.sqlite.audit import SqliteSource

Key = tuple[Any, ...]


class Column(NamedTuple):
    """`kind`: int, text, octets, bool or json."""

    name: str
    kind: str
    in_key: bool


class Refused(Exception):
    """The database itself does not take it."""


class Engine(Protocol):
    """A database whose changes can be taken back."""

    def tables(self) -> dict[str, list[Column]]: ...

    def rows(self, table: str, columns: Sequence[str]) -> list[Key]: ...

    def execute(self, statement: str, *values: Any) -> None:
        """`statement` with $1, $2 ... Raises Refused."""
        ...

    def undone(self) -> Any:
        """A transaction that is rolled back."""
        ...

    @property
    def source(self) -> Source: ...


class Tampering(NamedTuple):
    """One thing done to one row. `column`: "" for the whole row. `after`: its key afterwards."""

    table: str
    column: str
    change: str
    key: Key
    statement: str
    values: tuple[Any, ...]
    after: Key

    def __str__(self) -> str:
        return f"{self.table}.{self.column or 'row'} {self.change} of {self.key}"


def tamperings(engine: Engine, table: str, columns: Sequence[Column], keys: Sequence[Key]) -> Iterator[Tampering]:
    """Every column of these rows changed in every way, each row deleted, each put in a second time under another key."""
    names = [column.name for column in columns if column.in_key]
    where = " AND ".join(f"{name} = ${place}" for place, name in enumerate(names, 1))
    everything = {row[: len(names)]: row[len(names) :] for row in engine.rows(table, [*names, *(one.name for one in columns)])}
    for key in keys:
        yield Tampering(table, "", "deleted", key, f"DELETE FROM {table} WHERE {where}", key, key)
        for column, old in zip(columns, everything[key], strict=True):
            for change, new in _other(column.kind, old):
                statement = f"UPDATE {table} SET {column.name} = ${len(names) + 1} WHERE {where}"
                after = tuple(new if name == column.name else part for name, part in zip(names, key, strict=True))
                yield Tampering(table, column.name, change, key, statement, (*key, new), after)
        yield from _inserted(engine, table, columns, key, everything[key], set(everything))


def _other(kind: str, old: Any) -> Iterator[tuple[str, Any]]:
    if old is not None:
        yield "NULL", None
    match kind:
        case "int":
            yield from ((f"{step:+}", (old or 0) + step) for step in (1, -1))
        case "bool":
            yield "flipped", not old
        case "text":
            yield "longer", (old or "") + "x"
            if old:
                yield "empty", ""
        case "json":
            yield "another", '{"code": "H01.99", "name_vi": "Ai đó", "level": "commune"}'
        case "octets":
            yield "flipped", old[:-1] + bytes([old[-1] ^ 1]) if old else b"x"
            if old:
                yield "shorter", old[:-1]


def _inserted(engine: Engine, table: str, columns: Sequence[Column], key: Key, row: Key, known: set[Key]) -> Iterator[Tampering]:
    """The row again, under the next key that is free."""
    values = dict(zip((one.name for one in columns), row, strict=True))
    last = [one for one in columns if one.in_key][-1]
    for step in range(1, 1000):
        value = values[last.name]
        other = value + step if last.kind == "int" else not value if last.kind == "bool" else f"{value}{step}"
        if (*key[:-1], other) not in known:
            break
    values[last.name] = other
    names, places = ", ".join(values), ", ".join(f"${place}" for place in range(1, len(values) + 1))
    statement = f"INSERT INTO {table} ({names}) {engine.overriding} VALUES ({places})"  # type: ignore[attr-defined]
    made = (*key[:-1], other)
    yield Tampering(table, "", "inserted", made, statement, tuple(values.values()), made)


class Sqlite:
    overriding = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.text_factory = lambda octets: octets.decode(errors="surrogateescape")

    @property
    def source(self) -> SqliteSource:
        return SqliteSource(self._connection)

    def tables(self) -> dict[str, list[Column]]:
        kinds = {"INTEGER": "int", "TEXT": "text", "BLOB": "octets"}
        names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {
            name: [Column(row[1], kinds[row[2]], row[5] > 0) for row in self._connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in names.fetchall()
        }

    def rows(self, table: str, columns: Sequence[str]) -> list[Key]:
        return self._connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1").fetchall()

    def execute(self, statement: str, *values: Any) -> None:
        numbered = statement
        for place in range(len(values), 0, -1):
            numbered = numbered.replace(f"${place}", f"?{place}")
        try:
            self._connection.execute(numbered, values)
        except (sqlite3.IntegrityError, OverflowError) as error:
            raise Refused(str(error)) from None

    @contextmanager
    def undone(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")


class Postgres:
    overriding = "OVERRIDING SYSTEM VALUE"

    def __init__(self, runner: asyncio.Runner, connection: Any) -> None:
        self._runner, self._connection = runner, connection

    @property
    def source(self) -> PostgresSource:
        return PostgresSource(self._runner, self._connection)

    def tables(self) -> dict[str, list[Column]]:
        keys = {(row[0], row[1]) for row in self._fetch(_KEYS)}
        found: dict[str, list[Column]] = {}
        for table, column, kind in self._fetch(_COLUMNS):
            found.setdefault(table, []).append(Column(column, _KINDS[kind], (table, column) in keys))
        return found

    def rows(self, table: str, columns: Sequence[str]) -> list[Key]:
        return [tuple(row) for row in self._fetch(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1")]

    def execute(self, statement: str, *values: Any) -> None:
        try:
            self._runner.run(self._connection.execute(statement, *values))
        except (
            asyncpg.IntegrityConstraintViolationError,
            asyncpg.GeneratedAlwaysError,
            asyncpg.NumericValueOutOfRangeError,
            asyncpg.CharacterNotInRepertoireError,
        ) as error:
            raise Refused(str(error)) from None

    @contextmanager
    def undone(self) -> Iterator[None]:
        self._runner.run(self._connection.execute("BEGIN"))
        try:
            yield
        finally:
            self._runner.run(self._connection.execute("ROLLBACK"))

    def _fetch(self, statement: str) -> list[Any]:
        return list(self._runner.run(self._connection.fetch(statement)))


_KINDS = {
    "bigint": "int",
    "integer": "int",
    "smallint": "int",
    "text": "text",
    "bytea": "octets",
    "boolean": "bool",
    "jsonb": "json",
    "timestamp with time zone": "time",
}
_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'
ORDER BY table_name, ordinal_position"""
_KEYS = """
SELECT k.table_name, k.column_name FROM information_schema.table_constraints c
JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_schema = 'public'"""
