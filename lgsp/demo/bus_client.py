"""The client that a document system brings along for the national bus (trục liên thông văn bản quốc gia): nothing about it was
made for this hub but the address it is given.

Its parameters travel as headers, each under the bus's prefix, and their JSON text is signed with the system's secret.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import datetime

import aiohttp
import msgspec

from lgsp.demo.cases import VIETNAM
from lgsp.demo.hub_client import HubUnreachable
from lgsp.demo.sandbox import Member

_PREFIX = "XroadVnpt-"
_ENDPOINT = "/bus/vxp"
_SYSTEM = {"User-Agent": "JAVASDKAgent/1.0.0 XRoad/VPCP"}
_VERSION = "3.0.201608"
_PAUSE_S, _ANSWER_S = 0.5, 30.0
_ANSWERED = 200


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the bus says to anything that changes something. `error` "0": done."""

    status: str = ""
    error: str = msgspec.field(default="", name="ErrorCode")
    description: str | None = msgspec.field(default=None, name="ErrorDesc")
    document: str | None = msgspec.field(default=None, name="DocId")

    @property
    def is_done(self) -> bool:
        return self.status == "OK"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One packet that waits."""

    document: str = msgspec.field(name="docId")


class _Listing(msgspec.Struct, frozen=True, kw_only=True):
    data: list[Listed] | None = None


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    data: bytes = b""


class BusClient:
    """`patience_s` bounds how long a call is repeated while the bus is away. Methods raise HubUnreachable."""

    def __init__(self, session: aiohttp.ClientSession, hub_url: str, member: Member, organ: str, patience_s: float) -> None:
        self._session = session
        self._endpoint = hub_url.rstrip("/") + _ENDPOINT
        self._member = member
        self._organ = organ
        self._patience_s = patience_s

    async def send(self, packet: bytes) -> Told:
        """One document."""
        parameters = {
            "from": self._organ,
            "servicetype": "eDoc",
            "messagetype": "edoc",
            "hash-file": hashlib.sha256(packet).hexdigest(),
        }
        return msgspec.json.decode(await self._call("/sendEdoc", parameters, packet), type=Told)

    async def waiting_statuses(self) -> list[str]:
        """Ids of status packets, in the order in which they came."""
        answer = await self._call("/getReceivedEdocList", {"servicetype": "eDoc", "messagetype": "status"})
        return [one.document for one in msgspec.json.decode(answer, type=_Listing).data or ()]

    async def packet(self, document: str) -> bytes:
        """The octets of one, which travel as base64."""
        answer = await self._call("/getEdoc", {"docId": document, "filePath": ""})
        return msgspec.json.decode(answer, type=_Content).data

    async def done(self, document: str) -> None:
        """It is stored here: the bus need not list it again."""
        await self._call("/updateStatus", {"docId": document, "status": "done"})

    async def _call(self, path: str, parameters: Mapping[str, str], packet: bytes | None = None) -> bytes:
        end = time.monotonic() + self._patience_s
        while True:
            try:
                async with self._session.post(
                    self._endpoint + path,
                    data=None if packet is None else _form(packet),
                    headers=self._headers(parameters),
                    timeout=aiohttp.ClientTimeout(total=_ANSWER_S),
                ) as answer:
                    octets = await answer.read()
                if answer.status < 500 and answer.status != 429:
                    return octets
                why = f"HTTP {answer.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                why = f"{type(error).__name__}: {error}"
            if time.monotonic() + _PAUSE_S > end:
                raise HubUnreachable(f"{path}: {why}")
            await asyncio.sleep(_PAUSE_S)

    def _headers(self, parameters: Mapping[str, str]) -> dict[str, str]:
        return _SYSTEM | signed_headers(
            {**parameters, "systemid": self._member.client_id, "version": _VERSION}, self._member.client_secret
        )


def signed_headers(parameters: Mapping[str, str], secret: str, now: datetime | None = None) -> dict[str, str]:
    """The parameters under the bus's prefix, and the three headers that say which of them are signed and how."""
    local = (now or datetime.now(VIETNAM)).astimezone(VIETNAM)
    moment = f"{local:%d%m%YT%H%M%S}+{local.microsecond // 1000:04}"  # the library's: milliseconds, though they look like a zone
    told = {**parameters, "timestamp": moment}
    renamed = {f"{_PREFIX}{name}": value for name, value in told.items()}
    text = json.dumps(renamed, ensure_ascii=False, separators=(",", ":"))
    mac = hmac.digest(secret.encode(), text.encode(), "sha256").hex()
    return renamed | {
        f"{_PREFIX}sign-header-key": ";".join(told),
        f"{_PREFIX}sign-header": text,
        f"{_PREFIX}hash-header": mac,
    }


def _form(packet: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file_doc", packet, filename="edoc.edxml", content_type="application/octet-stream")
    return form
