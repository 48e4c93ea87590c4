"""A document system's client of the national bus, as existing ones are: it knows nothing of this hub but an endpoint.

`JavaClient` follows the vendor's Java library 2.0.1 down to its habits; `framing="multipart"` is the form that its documentation
promises, `"octets"` what that version really sends.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import aiohttp

Answer = dict[str, Any]
Framing = Literal["octets", "multipart"]
_LOCAL = timezone(timedelta(hours=7))


def hash_without_padding(octets: bytes) -> str:
    """Integer.toHexString(0xFF & byte) for each byte: one digit for those below 16."""
    return "".join(f"{byte:x}" for byte in hashlib.sha256(octets).digest())


@dataclass
class JavaClient:
    """As the library has it: headers of earlier calls stay for later ones, and the timestamp is the one of its construction."""

    endpoint: str
    system_id: str
    secret: str
    http: aiohttp.ClientSession
    framing: Framing = "octets"
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        local = self.made_at.astimezone(_LOCAL)
        self.headers |= {"timestamp": f"{local:%d%m%YT%H%M%S}+{local.microsecond // 1000:04d}", "systemid": self.system_id}

    async def send_edoc(self, parameters: Mapping[str, Any], file: bytes) -> Answer:
        """Reads `DocId` whatever the answer says, and the answer as ASCII."""
        self.headers["Content-Type"] = "application/octet-stream"
        self._put(parameters)
        self.headers["hash-file"] = hash_without_padding(file) if self.framing == "octets" else hashlib.sha256(file).hexdigest()
        body, content_type = self._framed(file)
        octets = await self._exchange("POST", "/sendEdoc", body, {"Content-Type": content_type})
        said = self._basic(json.loads(octets.decode("ascii", "replace")))
        assert isinstance(said["DocId"], str)
        return said

    async def get_received_edoc_list(self, parameters: Mapping[str, Any]) -> list[dict[str, str]]:
        """What cannot be read is an empty list to it."""
        octets = await self._json("POST", "/getReceivedEdocList", parameters)
        try:
            said = self._basic(json.loads(octets))
        except ValueError:
            return []
        if said["ErrorCode"] != "0":
            raise RuntimeError(said["ErrorDesc"])
        assert all(isinstance(value, str) for row in said["data"] for value in row.values())
        rows: list[dict[str, str]] = said["data"]
        return rows

    async def get_edoc(self, doc_id: str) -> bytes:
        said = self._basic(json.loads(await self._json("POST", "/getEdoc", {"filePath": "xml", "docId": doc_id}, b"{}")))
        if said["status"] == "FAIL":
            raise RuntimeError(said["ErrorDesc"])
        return base64.b64decode(said["data"]).decode("utf-8").encode("utf-8")

    async def download_edoc(self, doc_id: str) -> tuple[str, bytes]:
        """Error code and file: any octets at all are a success, whatever the status."""
        octets = await self._json("GET", "/downloadEdoc", {"filePath": "xml", "docId": doc_id})
        return ("0", octets) if octets else ("100", b"")

    async def update_status(self, doc_id: str, status: str, spelling: str = "docid") -> Answer:
        return self._basic(json.loads(await self._json("POST", "/updateStatus", {"status": status, spelling: doc_id}, b"{}")))

    async def call(
        self, operation: str, parameters: Mapping[str, Any] | None = None, body: bytes = b"", method: str = "POST"
    ) -> Answer:
        """The other operations: all of them JSON."""
        return self._basic(json.loads(await self._json(method, f"/{operation}", parameters or {}, body)))

    async def count(self, what: Literal["Edoc", "Status"], method: str = "POST") -> int:
        """The library means to GET, and POSTs."""
        said = await self.call(f"countReceive{what}", {}, b"{}" if method == "POST" else b"", method)
        count: int = said["count"]
        return count

    async def _json(self, method: str, path: str, parameters: Mapping[str, Any], body: bytes = b"") -> bytes:
        self.headers["Content-Type"] = "application/json"
        self._put(parameters)
        return await self._exchange(method, path, body, {"Content-Type": "application/json"})

    def _put(self, parameters: Mapping[str, Any]) -> None:
        for name, value in parameters.items():
            self.headers[name] = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))

    def _framed(self, file: bytes) -> tuple[bytes, str]:
        if self.framing == "octets":
            return file + b"\r\n", "application/octet-stream"
        mark = "===1795312800123==="
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file_doc"; filename="edoc.edxml"\r\n'
        head += "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        return head.encode() + file + f"\r\n--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"

    async def _exchange(self, method: str, path: str, body: bytes, more: Mapping[str, str]) -> bytes:
        async with self.http.request(method, self.endpoint + path, data=body or None, headers=self._signed() | more) as response:
            return await response.read()

    def _signed(self) -> dict[str, str]:
        prefixed = {f"XroadVnpt-{name}": value for name, value in self.headers.items()}
        text = json.dumps(prefixed, separators=(",", ":"), ensure_ascii=False)
        mac = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return prefixed | {
            "XroadVnpt-sign-header-key": ";".join(self.headers),
            "XroadVnpt-sign-header": text,
            "XroadVnpt-hash-header": mac,
            "User-Agent": "JAVASDKAgent/1.0.0 XRoad/VPCP",
            "XroadVnpt-version": "3.0.201608",
        }

    @staticmethod
    def _basic(said: Answer) -> Answer:
        """`getAsString()` without looking first."""
        for name in ("status", "ErrorCode", "ErrorDesc"):
            assert isinstance(said[name], str), name
        return said
