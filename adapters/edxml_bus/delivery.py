"""Handing documents and statuses to the national bus (sendEdoc)."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from adapters.calling import Caller, Unanswered, deadline_in
from adapters.edxml_bus import answers, client
from adapters.edxml_bus.form import multipart
from adapters.edxml_bus.headers import file_hash, java_file_hash
from contracts.adapter import Endpoint, Files, Parcel
from contracts.edxml.attachments import File
from contracts.edxml.envelopes import DOCUMENT_KIND, STATUS_KIND
from contracts.edxml.slim import restored
from contracts.envelope import Attachment
from contracts.errors import ContractError
from contracts.outcome import Outcome, Refused, Retry

MAX_FILE_BYTES = 50 * 2**20  # what buses take, by the word of two integrators
MAX_FILES_BYTES = 200 * 2**20
_TYPES = {DOCUMENT_KIND: "edoc", STATUS_KIND: "status"}
_OCTETS = "application/octet-stream"
_OPTIONS = ("systemid", "organid", "to", "wire")
_BETWEEN = re.compile(r"[,\s]+")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class BusDelivery:
    """Options of its endpoint: `systemid` (needed), `organid`, `to`, `wire`; README."""

    def __init__(self, files: Files, clock: Callable[[], datetime] = _utc_now) -> None:
        self._files = files
        self._clock = clock
        self._caller = Caller()

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        deadline = deadline_in(endpoint.timeout_s)
        try:
            account = client.account(endpoint.url, endpoint.secret, endpoint.options)
            async with asyncio.timeout_at(deadline):
                packet = await self._packet(parcel, endpoint.options.get("organid") or account.system_id)
            operation = await asyncio.to_thread(send_edoc, parcel, packet, account.system_id, endpoint)
            answer = await client.ask(self._caller, account, operation, self._clock(), deadline)
        except Unanswered as trouble:
            return trouble.outcome
        except TimeoutError:
            return Retry("delivery.timeout", f"not put together within {endpoint.timeout_s:g} s")
        except ContractError as error:
            return Refused(error.code, f"{error.field}: {error.detail}"[:300])
        return answers.outcome_of(answer, self._clock().timestamp(), endpoint.replies)

    async def close(self) -> None:
        await self._caller.close()

    async def _packet(self, parcel: Parcel, hop: str) -> bytes:
        """Raises ContractError for what cannot be carried."""
        if parcel.envelope.kind not in _TYPES:
            raise ContractError("kind.unknown", "/kind", f"the bus carries {DOCUMENT_KIND} and {STATUS_KIND}")
        _check_sizes(parcel.envelope.attachments)
        files = [await self._file(one) for one in parcel.envelope.attachments]
        return await asyncio.to_thread(restored, parcel.envelope.body, files, (hop, self._clock()))

    async def _file(self, one: Attachment) -> File:
        octets = bytearray()
        async for piece in self._files.read(one.digest):
            octets += piece
            if len(octets) > one.size_bytes:
                raise ContractError("attachment.size_mismatch", one.digest, f"more than the {one.size_bytes} bytes stated")
        return File(name=one.name, media_type=one.media_type, octets=bytes(octets))


def check_endpoint(endpoint: Endpoint) -> None:
    """Raises ValueError, in words for whoever registers it."""
    client.check(endpoint.url, endpoint.secret, endpoint.options, _OPTIONS)
    if endpoint.options.get("wire", "java") != "java":
        raise ValueError("the option wire is java, or not given")


def send_edoc(parcel: Parcel, packet: bytes, system_id: str, endpoint: Endpoint) -> client.Operation:
    """Pure."""
    java = endpoint.options.get("wire") == "java"
    parameters = {
        "from": system_id,
        "servicetype": "eDoc",
        "messagetype": _TYPES[parcel.envelope.kind],
        "hash-file": java_file_hash(packet) if java else file_hash(packet),
    }
    if to := addressed_to(parcel, _BETWEEN.split(endpoint.options.get("to", ""))):
        parameters["to"] = json.dumps(to, separators=(",", ":"))
    if java:
        return client.Operation("sendEdoc", parameters, packet + b"\r\n", _OCTETS)
    boundary = f"lgsp{file_hash(packet)}"  # in no packet, for it is a hash of it
    body = multipart("file_doc", f"{parcel.envelope.message_id}.edxml", _OCTETS, packet, boundary)
    return client.Operation("sendEdoc", parameters, body, f"multipart/form-data; boundary={boundary}")


def addressed_to(parcel: Parcel, patterns: Sequence[str]) -> list[str]:
    """Which addressees the bus is to serve, as one delivery stands for all reached through it. Empty: those in the packet.

    `patterns`: those of the bodies that the bus carries, as in the directory ("G*").
    """
    codes, own = parcel.envelope.recipients, parcel.addressed_as
    if len(codes) == 1:
        return [own]
    return [code for code in codes if code == own or any(fnmatchcase(code, one) for one in patterns)] if any(patterns) else []


def _check_sizes(attachments: Sequence[Attachment]) -> None:
    total = 0
    for place, one in enumerate(attachments):
        total += one.size_bytes
        if one.size_bytes > MAX_FILE_BYTES or total > MAX_FILES_BYTES:
            detail = f"{one.size_bytes} bytes; {MAX_FILE_BYTES} a file, {MAX_FILES_BYTES} in all are carried"
            raise ContractError("attachment.too_large", f"/attachments/{place}", detail)
