"""Enrols the agencies of the demo in a hub's directory, and keeps their credentials in a file of the sandbox."""

import asyncio
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from contracts.agency import AgencyCode
from lgsp.commands.client import sandbox_file
from lgsp.commands.demo_seals import open_demo_pki, signers_of
from lgsp.core.directory import Agency
from lgsp.demo.sandbox import Sandbox, demo_agencies, make_sandbox
from lgsp.http.client_secret import check_secret, hash_secret
from lgsp.ports import Credential, DirectoryStore
from lgsp.settings import Settings

_COST = 2**10  # stretching slows down who guesses; nobody guesses 256 random bits, and a hundred systems sign in at once


async def seed_demo(store: DirectoryStore, settings: Settings) -> Sandbox:
    """Idempotent: secrets of an earlier run stay valid, agencies are brought up to date. The hub sees them within a second."""
    path = sandbox_file(settings.data_dir)
    earlier = read_sandbox(path)
    sandbox = make_sandbox(settings.base_url, _free_port(earlier), settings.data_dir, earlier)
    pki = await asyncio.to_thread(open_demo_pki, settings, datetime.now(UTC))
    # Agencies first, as credentials belong to them; and only what differs, as every change makes a new version of the directory.
    if agencies := await _changed_agencies(demo_agencies(sandbox, signers_of(pki)), store):
        await store.save_agencies(agencies)
    if credentials := await _new_credentials(sandbox, store):
        await store.save_credentials(credentials)
    _write_private(path, msgspec.json.format(msgspec.json.encode(sandbox), indent=2))
    return sandbox


def read_sandbox(path: Path) -> Sandbox | None:
    """None when there is none, or none that can be read: then it is made anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sandbox)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


async def _new_credentials(sandbox: Sandbox, store: DirectoryStore) -> list[Credential]:
    """Of those whose secret the store does not know yet."""
    found = []
    for code, member in sandbox.members.items():
        known = await store.credential(member.client_id)
        if known is None or not await asyncio.to_thread(check_secret, member.client_secret, known.secret_hash):
            hashed = await asyncio.to_thread(hash_secret, member.client_secret, cost=_COST)
            found.append(Credential(client_id=member.client_id, agency=AgencyCode(code), secret_hash=hashed))
    return found


async def _changed_agencies(agencies: list[Agency], store: DirectoryStore) -> list[Agency]:
    known = (await store.directory()).agencies
    return [agency for agency in agencies if known.get(agency.code) != agency]


def _free_port(earlier: Sandbox | None) -> int:
    """The one of the earlier run when nobody has taken it, so that what is still to be delivered finds its system."""
    for port in (earlier.listen_port if earlier else 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise OSError("no free port on 127.0.0.1")


def _write_private(path: Path, octets: bytes) -> None:
    """Readable by the owner only from its first byte on, and never half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(octets)
    draft.replace(path)
