"""The directory, credentials and certificates. What writes is called inside `Database.writing` and raises the version."""

from collections.abc import Sequence
from datetime import datetime

from contracts.agency import AgencyCode
from lgsp.core.directory import Agency, Directory
from lgsp.journal.codec import decode_agency, encode_agency
from lgsp.journal.leaves import agency_action, certificate_action, credential_action
from lgsp.journal.postgres import log
from lgsp.journal.postgres.database import Connection
from lgsp.ports import Credential

SAVE_AGENCIES = """
INSERT INTO agencies (code, document) SELECT code, document::jsonb FROM unnest($1::text[], $2::text[]) AS a (code, document)
ON CONFLICT (code) DO UPDATE SET document = EXCLUDED.document"""

SAVE_CREDENTIALS = """
INSERT INTO credentials (client_id, agency, secret_hash, disabled)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[])
ON CONFLICT (client_id) DO UPDATE
SET agency = EXCLUDED.agency, secret_hash = EXCLUDED.secret_hash, disabled = EXCLUDED.disabled"""

SAVE_CERTIFICATE = """
INSERT INTO certificates (fingerprint, agency) VALUES ($1, $2) ON CONFLICT (fingerprint) DO UPDATE SET agency = EXCLUDED.agency"""

REMOVE_CERTIFICATE = "DELETE FROM certificates WHERE fingerprint = $1 AND agency = $2 RETURNING fingerprint"

RAISE_VERSION = "UPDATE counters SET directory_version = directory_version + 1 RETURNING directory_version"


async def version(connection: Connection) -> int:
    """As `DirectoryStore.directory_version`."""
    return int(await connection.fetchval("SELECT directory_version FROM counters"))


async def documents(connection: Connection) -> tuple[int, list[str]]:
    """Version and agencies of a directory, within a snapshot; `decoded` makes it one."""
    rows = await connection.fetch("SELECT document::text FROM agencies ORDER BY code")
    return await version(connection), [document for (document,) in rows]


def decoded(number: int, found: Sequence[str]) -> Directory:
    """As `DirectoryStore.directory`. Of ten thousand agencies it takes too long for an event loop."""
    return Directory(number, [decode_agency(document) for document in found])


async def save_agencies(connection: Connection, agencies: Sequence[Agency], at: datetime) -> int:
    """As `DirectoryStore.save_agencies`; of two with one code the last counts."""
    last = {agency.code: agency for agency in agencies}
    await connection.execute(SAVE_AGENCIES, list(last), [encode_agency(agency).decode() for agency in last.values()])
    number = await _raise_version(connection)
    await log.act(connection, [agency_action(agency, at, number) for agency in last.values()])
    return number


async def save_agencies_at(connection: Connection, agencies: Sequence[Agency], seen: int, at: datetime) -> int | None:
    """As `save_agencies`, if the directory is still at the version `seen`; None: it is not, and nothing is saved."""
    return await save_agencies(connection, agencies, at) if await version(connection) == seen else None


async def credential(connection: Connection, client_id: str) -> Credential | None:
    """As `DirectoryStore.credential`."""
    row = await connection.fetchrow("SELECT agency, secret_hash, disabled FROM credentials WHERE client_id = $1", client_id)
    if row is None:
        return None
    return Credential(client_id=client_id, agency=row["agency"], secret_hash=row["secret_hash"], disabled=row["disabled"])


async def save_credentials(connection: Connection, credentials: Sequence[Credential], at: datetime) -> None:
    """As `DirectoryStore.save_credentials`; of two with one client id the last counts."""
    last = {one.client_id: one for one in credentials}.values()
    await connection.execute(
        SAVE_CREDENTIALS,
        [one.client_id for one in last],
        [one.agency for one in last],
        [one.secret_hash for one in last],
        [one.disabled for one in last],
    )
    number = await _raise_version(connection)
    await log.act(connection, [credential_action(one, at, number) for one in last])


async def certificate_owner(connection: Connection, fingerprint: str) -> AgencyCode | None:
    """As `DirectoryStore.certificate_owner`."""
    agency: AgencyCode | None = await connection.fetchval("SELECT agency FROM certificates WHERE fingerprint = $1", fingerprint)
    return agency


async def save_certificate(connection: Connection, fingerprint: str, agency: AgencyCode, at: datetime) -> None:
    """As `DirectoryStore.save_certificate`."""
    await connection.execute(SAVE_CERTIFICATE, fingerprint, agency)
    number = await _raise_version(connection)
    await log.act(connection, [certificate_action("certificate_saved", fingerprint, agency, at, number)])


async def remove_certificate(connection: Connection, fingerprint: str, agency: AgencyCode, at: datetime) -> bool:
    """As `DirectoryStore.remove_certificate`."""
    removed = await connection.fetch(REMOVE_CERTIFICATE, fingerprint, agency)
    if removed:
        number = await _raise_version(connection)
        await log.act(connection, [certificate_action("certificate_removed", fingerprint, agency, at, number)])
    return bool(removed)


async def _raise_version(connection: Connection) -> int:
    return int(await connection.fetchval(RAISE_VERSION))
