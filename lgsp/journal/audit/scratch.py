"""What rows should be there, gathered while envelopes go by and compared afterwards: on disk, for there may be millions."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

_BATCH = 2000
Key = tuple[object, ...]
R = TypeVar("R", bound=tuple[object, ...])


class Scratch:
    """Rows whose first `keys` columns are their key; of those written again the largest last column stays. Gone with the
    process."""

    def __init__(self, columns: Sequence[str], keys: int) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a file that only SQLite knows
        self._keys, self._rows = keys, list[Sequence[object]]()
        key = ", ".join(columns[:keys])
        self._database.execute(f"CREATE TABLE expected ({', '.join(columns)}, PRIMARY KEY ({key})) WITHOUT ROWID")
        last = f"UPDATE SET {columns[-1]} = max({columns[-1]}, excluded.{columns[-1]})" if keys < len(columns) else "NOTHING"
        places = ", ".join("?" * len(columns))
        self._insert = f"INSERT INTO expected VALUES ({places}) ON CONFLICT DO {last}"  # noqa: S608 - names of our own
        self._select = f"SELECT * FROM expected ORDER BY {key}"  # noqa: S608 - names of our own
        self._database.execute("BEGIN")

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        self._rows += rows
        if len(self._rows) >= _BATCH:
            self._write()

    def beside(self, rows: Iterable[R]) -> "Iterator[tuple[Key | None, R | None]]":
        """What should be there and what is, side by side where their keys are the same. `rows` in the order of their keys."""
        self._write()
        expected = iter(self._database.execute(self._select))
        one = next(expected, None)
        for row in rows:
            key = row[: self._keys]
            while one is not None and _order(one[: self._keys]) < _order(key):
                yield one, None
                one = next(expected, None)
            if one is not None and one[: self._keys] == key:
                yield one, row
                one = next(expected, None)
            else:
                yield None, row
        while one is not None:
            yield one, None
            one = next(expected, None)

    def close(self) -> None:
        self._database.close()

    def _write(self) -> None:
        self._database.executemany(self._insert, self._rows)
        self._rows.clear()


def _order(key: Key) -> Key:
    """Texts as their octets, as both engines compare them."""
    return tuple(part.encode(errors="surrogateescape") if isinstance(part, str) else part for part in key)
