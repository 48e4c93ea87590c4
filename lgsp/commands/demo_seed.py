"""Enrols the agencies of the demo in a hub's directory, and keeps their credentials in a file of the sandbox."""

import asyncio
import hmac
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from contracts.agency import AgencyCode
from lgsp.bootstrap.keys import token_key
from lgsp.commands.client import sandbox_file
from lgsp.commands.demo_seals import open_demo_pki, signers_of
from lgsp.core.directory import Agency
from lgsp.demo.sandbox import Member, Sandbox, demo_agencies, make_sandbox
from lgsp.http.client_secret import check_mac, check_secret, hash_secret, new_secret
from lgsp.ports import Credential, DirectoryStore
from lgsp.settings import Settings

_COST = 2**10  # stretching slows down who guesses; nobody guesses 256 random bits, and a hundred systems sign in at once

_PROBE = b"is it this secret?"


async def seed_demo(store: DirectoryStore, settings: Settings) -> Sandbox:
    """Idempotent: secrets of an earlier run stay valid, agencies are brought up to date. The hub sees them within a second."""
    path = sandbox_file(settings.data_dir)
    earlier = read_sandbox(path)
    sandbox = make_sandbox(settings.base_url, _free_port(earlier), settings.data_dir, earlier)
    pki = await asyncio.to_thread(open_demo_pki, settings, datetime.now(UTC))
    # Agencies first, as credentials belong to them; and only what differs, as every change makes a new version of the directory.
    if agencies := await _changed_agencies(demo_agencies(sandbox, signers_of(pki)), store):
        await store.save_agencies(agencies)
    sandbox, credentials = await _with_credentials(sandbox, store, token_key(settings))
    if credentials:
        await store.save_credentials(credentials)
    _write_private(path, msgspec.json.format(msgspec.json.encode(sandbox), indent=2))
    return sandbox


def read_sandbox(path: Path) -> Sandbox | None:
    """None when there is none, or none that can be read: then it is made anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sandbox)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


async def _with_credentials(sandbox: Sandbox, store: DirectoryStore, key: bytes) -> tuple[Sandbox, list[Credential]]:
    """New credentials for those whose secret the store does not know yet. Where a secret is proved by HMAC instead of being sent,
    it must be one that the hub can compute (`lgsp.http.client_secret`): the sandbox comes back with that one."""
    found, members = [], dict(sandbox.members)
    for code, member in sandbox.members.items():
        known = await store.credential(member.client_id)
        fits = _fits_mac if member.speaks == "bus" else _fits
        if known is not None and await asyncio.to_thread(fits, member, known.secret_hash, key):
            continue
        if member.speaks == "bus":
            secret, hashed = await asyncio.to_thread(new_secret, key, member.client_id)
            members[code] = msgspec.structs.replace(member, client_secret=secret)
        else:
            hashed = await asyncio.to_thread(hash_secret, member.client_secret, cost=_COST)
        found.append(Credential(client_id=member.client_id, agency=AgencyCode(code), secret_hash=hashed))
    return msgspec.structs.replace(sandbox, members=members), found


def _fits(member: Member, hashed: str, _key: bytes) -> bool:
    return check_secret(member.client_secret, hashed)


def _fits_mac(member: Member, hashed: str, key: bytes) -> bool:
    mac = hmac.digest(member.client_secret.encode(), _PROBE, "sha256")
    return check_mac(_PROBE, mac, hashed, key, member.client_id)


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
