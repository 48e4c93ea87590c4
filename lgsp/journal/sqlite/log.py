"""The evidence log. What writes is called inside a transaction that holds the write lock."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lgsp.core.log.frontier import Frontier
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.placed import Logged
from lgsp.core.log.record import Record, encode
from lgsp.core.log.tiles import Span
from lgsp.journal.codec import EventRow, OccurrenceRow, micros, moment_of
from lgsp.journal.leaves import Grown, grow, held, moved, told
from lgsp.journal.sqlite.connection import insert_into
from lgsp.ports import Checkpoint, Stamp

HEAD = "SELECT size, frontier FROM log_head"
LEAVES = "SELECT leaf FROM log_leaves WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index"
HASHES = "SELECT hash_index, hash FROM log_hashes WHERE level = ? AND hash_index >= ? AND hash_index < ?"
LATEST_CHECKPOINT = "SELECT size, note, published_at FROM log_checkpoints ORDER BY size DESC LIMIT 1"
CHECKPOINTS = "SELECT size, note, published_at FROM log_checkpoints WHERE size > ? ORDER BY size LIMIT ?"
STAMPS = "SELECT size, authority, token, stamped_at FROM log_stamps WHERE size = ? ORDER BY authority"
LATEST_STAMP = """
SELECT size, authority, token, stamped_at FROM log_stamps WHERE authority = ? ORDER BY size DESC LIMIT 1"""
PAIR = "SELECT last_number FROM pairs WHERE sender = ? AND recipient = ?"

_INSERT_LEAF = "INSERT INTO log_leaves (leaf_index, leaf) VALUES (?, ?)"
_INSERT_HASH = "INSERT INTO log_hashes (level, hash_index, hash) VALUES (?, ?, ?)"
_SAVE_HEAD = "UPDATE log_head SET size = ?, frontier = ?"
_SAVE_ORIGIN = "UPDATE log_head SET origin = ?"
_SAVE_PAIR = """
INSERT INTO pairs (sender, recipient, last_number) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET last_number = excluded.last_number"""
_SAVE_CHECKPOINT = "INSERT OR REPLACE INTO log_checkpoints (size, note, published_at) VALUES (?, ?, ?)"
_THIN_CHECKPOINTS = """
DELETE FROM log_checkpoints WHERE published_at < ? AND size NOT IN (SELECT size FROM log_stamps)
AND size NOT IN (SELECT max(size) FROM log_checkpoints GROUP BY published_at / 3600000000)"""
_SAVE_STAMP = "INSERT OR IGNORE INTO log_stamps (size, authority, token, stamped_at) VALUES (?, ?, ?, ?)"
_INSERT_EVENT = insert_into("events", EventRow._fields)
_INSERT_OCCURRENCE = insert_into("occurrences", OccurrenceRow._fields)


def head(connection: sqlite3.Connection) -> Frontier:
    """As `LogStore.log_head`."""
    return Frontier.decode(*connection.execute(HEAD).fetchone())


def append(connection: sqlite3.Connection, grown: Grown) -> None:
    """Writes the leaves, the hashes that became complete, and the tree."""
    connection.executemany(_INSERT_LEAF, grown.rows)
    connection.executemany(_INSERT_HASH, grown.appended.nodes)
    after = grown.appended.after
    connection.execute(_SAVE_HEAD, (after.size, after.encoded))


def tell(connection: sqlite3.Connection, events: Sequence[EventRow]) -> None:
    """Events of envelopes, each with its leaf, in the order given."""
    if events:
        rows, grown = told(head(connection), events, moved)
        append(connection, grown)
        connection.executemany(_INSERT_EVENT, rows)


def tell_occurrences(connection: sqlite3.Connection, occurrences: Sequence[OccurrenceRow]) -> None:
    """What happened to recipients, each with its leaf, in the order given."""
    if occurrences:
        rows, grown = told(head(connection), occurrences, held)
        append(connection, grown)
        connection.executemany(_INSERT_OCCURRENCE, rows)


def act(connection: sqlite3.Connection, actions: Sequence[bytes]) -> None:
    """Leaves of `leaves.action`."""
    if actions:
        append(connection, grow(head(connection), actions))


def note(connection: sqlite3.Connection, records: Sequence[Record]) -> list[Logged]:
    """As `LogStore.note`."""
    grown = grow(head(connection), [encode(one) for one in records])
    append(connection, grown)
    return [grown.logged(place) for place in range(len(records))]


def last_numbers(connection: sqlite3.Connection, pairs: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Of those pairs that have any."""
    found: dict[tuple[str, str], int] = {}
    for pair in pairs:
        row = connection.execute(PAIR, pair).fetchone()
        if row is not None:
            found[pair] = row[0]
    return found


def save_numbers(connection: sqlite3.Connection, pairs: Mapping[tuple[str, str], int]) -> None:
    connection.executemany(_SAVE_PAIR, [(*pair, number) for pair, number in pairs.items()])


def leaves(connection: sqlite3.Connection, first: int, count: int) -> list[bytes]:
    """As `LogStore.log_leaves`."""
    return [leaf for (leaf,) in connection.execute(LEAVES, (first, first + count))]


def hashes(connection: sqlite3.Connection, spans: Sequence[Span]) -> dict[tuple[int, int], bytes]:
    """As `LogStore.log_hashes`."""
    found: dict[tuple[int, int], bytes] = {}
    for level, first, count in spans:
        if level == 0:
            rows: Any = enumerate(map(leaf_hash, leaves(connection, first, count)), first)
        else:
            rows = connection.execute(HASHES, (level, first, first + count))
        found |= {(level, index): one for index, one in rows}
    return found


def origin(connection: sqlite3.Connection) -> str:
    """As `LogStore.log_origin`."""
    name: str = connection.execute("SELECT origin FROM log_head").fetchone()[0]
    return name


def save_origin(connection: sqlite3.Connection, name: str) -> str:
    """As `LogStore.log_origin`."""
    connection.execute(_SAVE_ORIGIN, (name,))
    return name


def save_checkpoint(connection: sqlite3.Connection, one: Checkpoint) -> None:
    """As `LogStore.save_checkpoint`."""
    connection.execute(_SAVE_CHECKPOINT, (one.size, one.note, micros(one.published_at)))


def latest_checkpoint(connection: sqlite3.Connection) -> Checkpoint | None:
    """As `LogStore.latest_checkpoint`."""
    row = connection.execute(LATEST_CHECKPOINT).fetchone()
    return None if row is None else _checkpoint(*row)


def checkpoints(connection: sqlite3.Connection, after: int, limit: int) -> list[Checkpoint]:
    """As `LogStore.checkpoints`."""
    return [_checkpoint(*row) for row in connection.execute(CHECKPOINTS, (after, limit))]


def thin_checkpoints(connection: sqlite3.Connection, before: datetime) -> int:
    """As `LogStore.thin_checkpoints`."""
    return connection.execute(_THIN_CHECKPOINTS, (micros(before),)).rowcount


def save_stamp(connection: sqlite3.Connection, one: Stamp) -> None:
    """As `LogStore.save_stamp`."""
    connection.execute(_SAVE_STAMP, (one.size, one.authority, one.token, micros(one.stamped_at)))


def stamps(connection: sqlite3.Connection, size: int) -> list[Stamp]:
    """As `LogStore.stamps`."""
    return [_stamp(*row) for row in connection.execute(STAMPS, (size,))]


def latest_stamp(connection: sqlite3.Connection, authority: str) -> Stamp | None:
    """As `LogStore.latest_stamp`."""
    row = connection.execute(LATEST_STAMP, (authority,)).fetchone()
    return None if row is None else _stamp(*row)


def pair_number(connection: sqlite3.Connection, sender: str, recipient: str) -> int:
    """As `LogStore.pair_number`."""
    return last_numbers(connection, {(sender, recipient)}).get((sender, recipient), 0)


def _checkpoint(size: int, note: bytes, published_at: int) -> Checkpoint:
    return Checkpoint(size, note, moment_of(published_at))


def _stamp(size: int, authority: str, token: bytes, stamped_at: int) -> Stamp:
    return Stamp(size, authority, token, moment_of(stamped_at))
