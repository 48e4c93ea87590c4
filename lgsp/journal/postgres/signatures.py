"""What is kept of the signatures of envelopes."""

from collections.abc import Sequence

from lgsp.core.signatures.finding import Examination, Exhibit
from lgsp.journal.acceptance import Written
from lgsp.journal.codec import decode_examination
from lgsp.journal.postgres.database import Connection

KEPT = "SELECT digest FROM evidence WHERE digest = ANY($1::text[])"
EXHIBITS = "SELECT digest, what, octets FROM evidence WHERE digest = ANY($1::text[])"
EXAMINATION = "SELECT document FROM examinations WHERE sequence = $1"


async def keep(connection: Connection, fresh: Sequence[Written]) -> None:
    """Exhibits are looked up first: a CRL may be large, and it is nearly always there already."""
    signed = [(rows.envelope.sequence, rows.examination) for rows in fresh if rows.examination is not None]
    if not signed:
        return
    await connection.copy_records_to_table("examinations", records=signed, columns=("sequence", "document"))
    exhibits = {one.digest: one for rows in fresh for one in rows.exhibits}
    kept = {row["digest"] for row in await connection.fetch(KEPT, list(exhibits))}
    missing = [(one.digest, one.what, one.octets) for digest, one in exhibits.items() if digest not in kept]
    if missing:
        await connection.copy_records_to_table("evidence", records=missing, columns=("digest", "what", "octets"))


async def examination(connection: Connection, sequence: int) -> Examination | None:
    """As `Records.examination`."""
    document = await connection.fetchval(EXAMINATION, sequence)
    return None if document is None else decode_examination(document)


async def exhibits(connection: Connection, digests: Sequence[str]) -> list[Exhibit]:
    """As `Records.exhibits`."""
    return [Exhibit(**row) for row in await connection.fetch(EXHIBITS, list(digests))]
