"""The directory, credentials, certificates and uploads. Those that write are called inside a transaction with the write lock."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from contracts.agency import AgencyCode
from lgsp.core.directory import Agency, Directory
from lgsp.journal.codec import decode_agency, encode_agency, moment_of
from lgsp.journal.leaves import agency_action, certificate_action, credential_action, draw_salt, upload_action
from lgsp.journal.sqlite import files, log
from lgsp.ports import Credential

_SAVE_AGENCY = "INSERT INTO agencies (code, document) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document"
_SAVE_CREDENTIAL = """
INSERT INTO credentials (client_id, agency, secret_hash, disabled) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET agency = excluded.agency, secret_hash = excluded.secret_hash, disabled = excluded.disabled"""
_SAVE_CERTIFICATE = (
    "INSERT INTO certificates (fingerprint, agency) VALUES (?, ?) ON CONFLICT DO UPDATE SET agency = excluded.agency"
)
_SAVE_UPLOAD = """
INSERT INTO file_access (digest, agency, size_bytes, uploaded_at, salt) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    size_bytes = excluded.size_bytes, uploaded_at = excluded.uploaded_at, erased_at = NULL,
    salt = coalesce(file_access.salt, excluded.salt)
RETURNING salt"""


def version(connection: sqlite3.Connection) -> int:
    """As `DirectoryStore.directory_version`."""
    number: int = connection.execute("SELECT version FROM directory").fetchone()[0]
    return number


def directory(connection: sqlite3.Connection) -> Directory:
    """As `DirectoryStore.directory`; agencies and version of one snapshot."""
    documents = connection.execute("SELECT document FROM agencies ORDER BY code").fetchall()
    return Directory(version(connection), [decode_agency(document) for (document,) in documents])


def save_agencies(connection: sqlite3.Connection, agencies: Sequence[Agency], at: datetime) -> int:
    """As `DirectoryStore.save_agencies`."""
    connection.executemany(_SAVE_AGENCY, [(agency.code, encode_agency(agency)) for agency in agencies])
    number = _raise_version(connection)
    log.act(connection, [agency_action(agency, at, number) for agency in agencies])
    return number


def save_agencies_at(connection: sqlite3.Connection, agencies: Sequence[Agency], seen: int, at: datetime) -> int | None:
    """As `save_agencies`, if the directory is still at the version `seen`; None: it is not, and nothing is saved."""
    return save_agencies(connection, agencies, at) if version(connection) == seen else None


def credential(connection: sqlite3.Connection, client_id: str) -> Credential | None:
    """As `DirectoryStore.credential`."""
    row = connection.execute("SELECT agency, secret_hash, disabled FROM credentials WHERE client_id = ?", (client_id,)).fetchone()
    if row is None:
        return None
    agency, secret_hash, disabled = row
    return Credential(client_id=client_id, agency=agency, secret_hash=secret_hash, disabled=bool(disabled))


def save_credentials(connection: sqlite3.Connection, credentials: Sequence[Credential], at: datetime) -> None:
    """As `DirectoryStore.save_credentials`."""
    rows = [(one.client_id, one.agency, one.secret_hash, int(one.disabled)) for one in credentials]
    connection.executemany(_SAVE_CREDENTIAL, rows)
    number = _raise_version(connection)
    log.act(connection, [credential_action(one, at, number) for one in credentials])


def certificate_owner(connection: sqlite3.Connection, fingerprint: str) -> AgencyCode | None:
    """As `DirectoryStore.certificate_owner`."""
    row = connection.execute("SELECT agency FROM certificates WHERE fingerprint = ?", (fingerprint,)).fetchone()
    return None if row is None else AgencyCode(row[0])


def save_certificate(connection: sqlite3.Connection, fingerprint: str, agency: AgencyCode, at: datetime) -> None:
    """As `DirectoryStore.save_certificate`."""
    connection.execute(_SAVE_CERTIFICATE, (fingerprint, agency))
    number = _raise_version(connection)
    log.act(connection, [certificate_action("certificate_saved", fingerprint, agency, at, number)])


def remove_certificate(connection: sqlite3.Connection, fingerprint: str, agency: AgencyCode, at: datetime) -> bool:
    """As `DirectoryStore.remove_certificate`."""
    removed = connection.execute("DELETE FROM certificates WHERE fingerprint = ? AND agency = ?", (fingerprint, agency)).rowcount
    if removed:
        number = _raise_version(connection)
        log.act(connection, [certificate_action("certificate_removed", fingerprint, agency, at, number)])
    return bool(removed)


def record_upload(connection: sqlite3.Connection, digest: str, size_bytes: int, agency: AgencyCode, now_us: int) -> None:
    """As `Records.record_upload`. Uploaded again, the salt stays: the row is that of all its leaves."""
    files.open_anew(connection, digest)
    (salt,) = connection.execute(_SAVE_UPLOAD, (digest, agency, size_bytes, now_us, draw_salt())).fetchone()
    log.act(connection, [upload_action(digest, size_bytes, agency, salt, moment_of(now_us))])


def _raise_version(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("UPDATE directory SET version = version + 1 RETURNING version").fetchone()[0]
    return number
