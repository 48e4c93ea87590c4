"""Places in foreign feeds, and who reads on from there."""

from contracts.agency import AgencyCode
from lgsp.journal.postgres.database import Connection

MARK = "SELECT value FROM marks WHERE agency = $1 AND name = $2"
SET = """
INSERT INTO marks (agency, name, value) VALUES ($1, $2, $3) ON CONFLICT (agency, name) DO UPDATE SET value = EXCLUDED.value"""
CLAIM = """
INSERT INTO marks AS m (agency, name, holder, held_until) VALUES ($1, $2, $3, $5)
ON CONFLICT (agency, name) DO UPDATE SET holder = $3, held_until = $5 WHERE m.holder = $3 OR m.held_until <= $4
RETURNING holder"""


async def mark(connection: Connection, agency: AgencyCode, name: str) -> str:
    """As `Marks.mark`."""
    return await connection.fetchval(MARK, agency, name) or ""


async def set_mark(connection: Connection, agency: AgencyCode, name: str, value: str) -> None:
    """As `Marks.set_mark`."""
    await connection.execute(SET, agency, name, value)


async def claim(connection: Connection, agency: AgencyCode, name: str, holder: str, now_us: int, until_us: int) -> bool:
    """As `Marks.claim_mark`."""
    return await connection.fetchval(CLAIM, agency, name, holder, now_us, until_us) is not None
