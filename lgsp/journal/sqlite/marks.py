"""Places in foreign feeds, and who reads on from there."""

import sqlite3

from contracts.agency import AgencyCode

SET = """
INSERT INTO marks (agency, name, value) VALUES (?, ?, ?) ON CONFLICT (agency, name) DO UPDATE SET value = excluded.value"""
CLAIM = """
INSERT INTO marks (agency, name, holder, held_until) VALUES (?1, ?2, ?3, ?5)
ON CONFLICT (agency, name) DO UPDATE SET holder = ?3, held_until = ?5 WHERE holder = ?3 OR held_until <= ?4
RETURNING holder"""


def mark(connection: sqlite3.Connection, agency: AgencyCode, name: str) -> str:
    """As `Marks.mark`."""
    row = connection.execute("SELECT value FROM marks WHERE agency = ? AND name = ?", (agency, name)).fetchone()
    return "" if row is None else str(row[0])


def set_mark(connection: sqlite3.Connection, agency: AgencyCode, name: str, value: str) -> None:
    """As `Marks.set_mark`."""
    connection.execute(SET, (agency, name, value))


def claim(connection: sqlite3.Connection, agency: AgencyCode, name: str, holder: str, now_us: int, until_us: int) -> bool:
    """As `Marks.claim_mark`."""
    return connection.execute(CLAIM, (agency, name, holder, now_us, until_us)).fetchone() is not None
