"""The evidence log. What writes is called inside `Database.writing`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from lgsp.core.log.frontier import Frontier
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.placed import Logged
from lgsp.core.log.record import Record, encode
from lgsp.core.log.tiles import Span
from lgsp.journal.codec import EventRow, OccurrenceRow, micros, moment_of
from lgsp.journal.leaves import Grown, grow, held, moved, told
from lgsp.journal.postgres.database import Connection
from lgsp.ports import Checkpoint, Stamp

HEAD = "SELECT log_size, log_frontier FROM counters"
SAVE_HEAD = "UPDATE counters SET log_size = $1, log_frontier = $2"
ADD_HASHES = """
INSERT INTO log_hashes (level, hash_index, hash) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])"""
LEAVES = "SELECT leaf FROM log_leaves WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index"
HASHES = "SELECT hash_index, hash FROM log_hashes WHERE level = $1 AND hash_index >= $2 AND hash_index < $3"
# One row a pair, however many deliveries: the last number is what stood there and those of this batch.
SAVE_NUMBERS = """
INSERT INTO pairs AS p (sender, recipient, last_number) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT (sender, recipient) DO UPDATE SET last_number = EXCLUDED.last_number"""
NUMBERS = """
SELECT p.sender, p.recipient, p.last_number FROM unnest($1::text[], $2::text[]) AS a (sender, recipient)
JOIN pairs p ON p.sender = a.sender AND p.recipient = a.recipient"""
SAVE_CHECKPOINT = """
INSERT INTO log_checkpoints (size, note, published_at) VALUES ($1, $2, $3)
ON CONFLICT (size) DO UPDATE SET note = EXCLUDED.note, published_at = EXCLUDED.published_at"""
LATEST_CHECKPOINT = "SELECT size, note, published_at FROM log_checkpoints ORDER BY size DESC LIMIT 1"
CHECKPOINTS = "SELECT size, note, published_at FROM log_checkpoints WHERE size > $1 ORDER BY size LIMIT $2"
THIN_CHECKPOINTS = """
WITH gone AS (
    DELETE FROM log_checkpoints WHERE published_at < $1 AND size NOT IN (SELECT size FROM log_stamps)
    AND size NOT IN (SELECT max(size) FROM log_checkpoints GROUP BY published_at / 3600000000) RETURNING 1)
SELECT count(*) FROM gone"""
SAVE_STAMP = """
INSERT INTO log_stamps (size, authority, token, stamped_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"""
STAMPS = "SELECT size, authority, token, stamped_at FROM log_stamps WHERE size = $1 ORDER BY authority"
LATEST_STAMP = "SELECT size, authority, token, stamped_at FROM log_stamps WHERE authority = $1 ORDER BY size DESC LIMIT 1"
PAIR = "SELECT last_number FROM pairs WHERE sender = $1 AND recipient = $2"


async def head(connection: Connection) -> Frontier:
    """As `LogStore.log_head`."""
    size, nodes = await connection.fetchrow(HEAD)
    return Frontier.decode(size, nodes)


async def append(connection: Connection, grown: Grown) -> None:
    """Writes the leaves, the hashes that became complete, and the tree."""
    await connection.copy_records_to_table("log_leaves", records=grown.rows, columns=("leaf_index", "leaf"))
    if grown.appended.nodes:
        await connection.execute(ADD_HASHES, *zip(*grown.appended.nodes, strict=True))
    after = grown.appended.after
    await connection.execute(SAVE_HEAD, after.size, after.encoded)


async def tell(connection: Connection, events: Iterable[EventRow]) -> None:
    """Events of envelopes, each with its leaf, in the order given: their ids grow."""
    given = list(events)
    if given:
        rows = await leaves_of(connection, given)
        await connection.copy_records_to_table("events", records=rows, columns=EventRow._fields)


async def leaves_of(connection: Connection, events: Sequence[EventRow]) -> list[EventRow]:
    """Appends their leaves; the rows as they are to be written."""
    rows, grown = told(await head(connection), events, moved)
    await append(connection, grown)
    return rows


async def tell_occurrences(connection: Connection, occurrences: Sequence[OccurrenceRow]) -> None:
    """What happened to recipients, each with its leaf, in the order given."""
    if occurrences:
        rows, grown = told(await head(connection), occurrences, held)
        await append(connection, grown)
        await connection.copy_records_to_table("occurrences", records=rows, columns=OccurrenceRow._fields)


async def act(connection: Connection, actions: Sequence[bytes]) -> None:
    """Leaves of `leaves.action`."""
    if actions:
        await append(connection, grow(await head(connection), actions))


async def note(connection: Connection, records: Sequence[Record]) -> list[Logged]:
    """As `LogStore.note`."""
    grown = grow(await head(connection), [encode(one) for one in records])
    await append(connection, grown)
    return [grown.logged(place) for place in range(len(records))]


async def last_numbers(connection: Connection, pairs: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Of those pairs that have any."""
    rows = await connection.fetch(NUMBERS, *map(list, zip(*pairs, strict=True)))
    return {(sender, recipient): number for sender, recipient, number in rows}


async def save_numbers(connection: Connection, pairs: Mapping[tuple[str, str], int]) -> None:
    await connection.execute(SAVE_NUMBERS, *map(list, zip(*pairs, strict=True)), list(pairs.values()))


async def leaves(connection: Connection, first: int, count: int) -> list[bytes]:
    """As `LogStore.log_leaves`."""
    return [leaf for (leaf,) in await connection.fetch(LEAVES, first, first + count)]


async def hashes(connection: Connection, spans: Sequence[Span]) -> dict[tuple[int, int], bytes]:
    """As `LogStore.log_hashes`."""
    found: dict[tuple[int, int], bytes] = {}
    for level, first, count in spans:
        if level == 0:
            hashed = enumerate(map(leaf_hash, await leaves(connection, first, count)), first)
            found |= {(0, index): one for index, one in hashed}
        else:
            rows = await connection.fetch(HASHES, level, first, first + count)
            found |= {(level, index): one for index, one in rows}
    return found


async def origin(connection: Connection) -> str:
    """As `LogStore.log_origin`."""
    return str(await connection.fetchval("SELECT log_origin FROM counters"))


async def save_origin(connection: Connection, name: str) -> None:
    """As `LogStore.log_origin`."""
    await connection.execute("UPDATE counters SET log_origin = $1", name)


async def save_checkpoint(connection: Connection, one: Checkpoint) -> None:
    """As `LogStore.save_checkpoint`."""
    await connection.execute(SAVE_CHECKPOINT, one.size, one.note, micros(one.published_at))


async def latest_checkpoint(connection: Connection) -> Checkpoint | None:
    """As `LogStore.latest_checkpoint`."""
    row = await connection.fetchrow(LATEST_CHECKPOINT)
    return None if row is None else _checkpoint(*row)


async def checkpoints(connection: Connection, after: int, limit: int) -> list[Checkpoint]:
    """As `LogStore.checkpoints`."""
    return [_checkpoint(*row) for row in await connection.fetch(CHECKPOINTS, after, limit)]


async def thin_checkpoints(connection: Connection, before: datetime) -> int:
    """As `LogStore.thin_checkpoints`."""
    return int(await connection.fetchval(THIN_CHECKPOINTS, micros(before)))


async def save_stamp(connection: Connection, one: Stamp) -> None:
    """As `LogStore.save_stamp`."""
    await connection.execute(SAVE_STAMP, one.size, one.authority, one.token, micros(one.stamped_at))


async def stamps(connection: Connection, size: int) -> list[Stamp]:
    """As `LogStore.stamps`."""
    return [_stamp(*row) for row in await connection.fetch(STAMPS, size)]


async def latest_stamp(connection: Connection, authority: str) -> Stamp | None:
    """As `LogStore.latest_stamp`."""
    row = await connection.fetchrow(LATEST_STAMP, authority)
    return None if row is None else _stamp(*row)


async def pair_number(connection: Connection, sender: str, recipient: str) -> int:
    """As `LogStore.pair_number`."""
    return int(await connection.fetchval(PAIR, sender, recipient) or 0)


def _checkpoint(size: int, note: bytes, published_at: int) -> Checkpoint:
    return Checkpoint(size, note, moment_of(published_at))


def _stamp(size: int, authority: str, token: bytes, stamped_at: int) -> Stamp:
    return Stamp(size, authority, token, moment_of(stamped_at))
