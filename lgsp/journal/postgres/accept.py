"""Writing accepted envelopes: two look-ups, the numbers, and one COPY a table, however large the batch. Called inside
`Database.writing`, so what was looked up stays true until the commit."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from contracts.agency import AgencyCode
from lgsp.core.admission import Admitted
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.placed import Place
from lgsp.core.receipts import delivery_ref
from lgsp.journal import acceptance
from lgsp.journal.acceptance import Numbers, Written
from lgsp.journal.codec import DeliveryRow, EnvelopeRow, EventRow, moment_of
from lgsp.journal.keeping import attached
from lgsp.journal.moves import enter
from lgsp.journal.postgres import files, log, signatures
from lgsp.journal.postgres.database import Connection
from lgsp.journal.postgres.lanes import open_states
from lgsp.ports import Accepted, Reused

Key = tuple[str, str]  # sender, message id

KNOWN = """
SELECT e.sender, e.message_id, e.sequence, e.digest, e.accepted_at, e.first_delivery_id, e.delivery_count,
    e.leaf_index, e.tree_size, e.salt
FROM unnest($1::text[], $2::text[]) AS k (sender, message_id)
JOIN envelopes e ON e.sender = k.sender AND e.message_id = k.message_id"""

DELIVERIES = """
SELECT e.sequence, d.delivery_id, d.recipient, d.addressed_as, d.number
FROM unnest($1::bigint[], $2::bigint[], $3::integer[]) AS e (sequence, first_delivery_id, delivery_count)
JOIN deliveries d ON d.delivery_id >= e.first_delivery_id AND d.delivery_id < e.first_delivery_id + e.delivery_count
WHERE NOT d.copy ORDER BY d.delivery_id"""

TAKE_NUMBERS = """
UPDATE counters SET last_sequence = last_sequence + $1, last_delivery_id = last_delivery_id + $2
RETURNING last_sequence - $1, last_delivery_id - $2, log_size, log_frontier"""

GRANT_ACCESS = """
INSERT INTO file_access (digest, agency, size_bytes) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT (digest, agency) DO UPDATE SET erased_at = NULL WHERE file_access.erased_at IS NOT NULL"""


async def accept(connection: Connection, batch: Sequence[Admitted], now_us: int, ready_lease_s: float) -> list[Accepted | Reused]:
    """As `Journal.accept`, within the transaction under way."""
    keys = [_key(admitted) for admitted in batch]
    known = await _known(connection, keys)
    fresh: dict[Key, Admitted] = {}
    for key, admitted in zip(keys, batch, strict=True):
        if key not in known:
            fresh.setdefault(key, admitted)
    new = dict(zip(fresh, await _write(connection, list(fresh.values()), now_us, ready_lease_s), strict=True))
    answers: list[Accepted | Reused] = []
    for key, admitted in zip(keys, batch, strict=True):
        first = known.get(key)
        if first is None:
            answers.append(known.setdefault(key, new[key]))
        elif first.digest == admitted.digest:
            answers.append(replace(first, fresh=False, ready=(), logged=None))
        else:
            answers.append(Reused(sequence=first.sequence, digest=first.digest))
    return answers


def _key(admitted: Admitted) -> Key:
    return admitted.envelope.sender, admitted.envelope.message_id


async def _known(connection: Connection, keys: Iterable[Key]) -> dict[Key, Accepted]:
    """What was accepted before under these keys, as a resend is answered."""
    unique = set(keys)
    rows = await connection.fetch(KNOWN, [sender for sender, _ in unique], [message_id for _, message_id in unique])
    if not rows:
        return {}
    deliveries = await connection.fetch(
        DELIVERIES,
        [row["sequence"] for row in rows],
        [row["first_delivery_id"] for row in rows],
        [row["delivery_count"] for row in rows],
    )
    refs: dict[int, list[tuple[int, AgencyCode, AgencyCode, int | None]]] = {}
    for sequence, *ref in deliveries:
        refs.setdefault(sequence, []).append((ref[0], ref[1], ref[2], ref[3]))
    return {
        (row["sender"], row["message_id"]): Accepted(
            sequence=row["sequence"],
            accepted_at=moment_of(row["accepted_at"]),
            digest=row["digest"],
            deliveries=tuple(delivery_ref(*ref) for ref in refs.get(row["sequence"], ())),
            fresh=False,
            place=None if row["leaf_index"] is None else Place(row["leaf_index"], row["tree_size"], row["salt"]),
        )
        for row in rows
    }


async def _write(connection: Connection, batch: Sequence[Admitted], now_us: int, ready_lease_s: float) -> list[Accepted]:
    if not batch:
        return []
    ahead = await open_states(connection, {hop.lane for one in batch for hop in one.hops if hop.lane is not None})
    entering = [enter(one.hops, ahead) for one in batch]
    deliveries = sum(len(one.hops) for one in batch)
    pairs = await log.last_numbers(connection, acceptance.pairs_of(batch))
    sequence, delivery_id, *tree = await connection.fetchrow(TAKE_NUMBERS, len(batch), deliveries)
    last = Numbers(sequence, delivery_id, Frontier.decode(*tree))
    new = acceptance.write(batch, entering, last, pairs, now_us, ready_lease_s)
    await _insert(connection, batch, new.rows)
    await log.append(connection, new.grown)
    await log.save_numbers(connection, pairs)
    return new.accepted


async def _insert(connection: Connection, batch: Sequence[Admitted], rows: Sequence[Written]) -> None:
    await connection.copy_records_to_table(
        "envelopes",
        records=[(*row.envelope, admitted.envelope.body) for row, admitted in zip(rows, batch, strict=True)],
        columns=(*EnvelopeRow._fields, "body"),
    )
    await connection.copy_records_to_table(
        "deliveries", records=[delivery for row in rows for delivery in row.deliveries], columns=DeliveryRow._fields
    )
    events = [event for row in rows for event in row.events]
    await connection.copy_records_to_table("events", records=events, columns=EventRow._fields)
    identifiers = [(key, row.envelope.sequence) for row in rows for key in row.identifier_keys]
    if identifiers:
        await connection.copy_records_to_table("identifiers", records=identifiers, columns=("key", "sequence"))
    access = {(one.digest, one.agency): one.size_bytes for row in rows for one in row.access}
    if access:
        await files.attach(connection, attached(rows))
        await connection.execute(
            GRANT_ACCESS, [digest for digest, _ in access], [agency for _, agency in access], list(access.values())
        )
    await signatures.keep(connection, rows)
