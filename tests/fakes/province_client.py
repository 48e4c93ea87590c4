"""A document system's client of a provincial REST bus, as one in service does it: log in, then both secrets with every call."""

import json
from dataclasses import dataclass
from typing import Any

import aiohttp


class NotNow(Exception):
    """What this client tries again: anything that is no JSON, and any HTTP error of the calls that fetch."""


@dataclass
class ProvinceClient:
    """`token`: kept after the first call; the client logs in with an account of its own or with its system id."""

    base_url: str
    system_id: str
    secret_key: str
    http: aiohttp.ClientSession
    token: str = ""

    async def send_edoc(self, packet: bytes, name: str = "edoc.edxml") -> dict[str, Any]:
        """Only an answer without JSON is tried again; `success` false is final, whatever the HTTP status."""
        form = aiohttp.MultipartWriter("form-data")
        file = form.append(packet, {"Content-Type": "application/xml"})  # type: ignore[arg-type]
        file.set_content_disposition("form-data", name="edocFile", filename=name)
        form.append("edoc").set_content_disposition("form-data", name="messageType")
        _, text = await self._ask("POST", "/v1/sendEdoc", data=form)
        try:
            said: dict[str, Any] = json.loads(text)
        except ValueError:
            raise NotNow(text[:200]) from None
        return said

    async def received(self, from_date: str, to_date: str, message_type: str = "edoc") -> list[dict[str, Any]]:
        said = await self._fetched(
            "/v1/syncReceivedEdocList", {"messageType": message_type, "fromDate": from_date, "toDate": to_date}
        )
        return said["data"] if said["success"] and isinstance(said["data"], list) else []

    async def get_edoc(self, doc_id: str) -> dict[str, Any] | None:
        said = await self._fetched("/v1/getEdoc", {"docId": doc_id})
        return said["data"] if said["success"] and said.get("data") else None

    async def update_status(self, doc_id: str, status: str) -> dict[str, Any]:
        _, text = await self._ask("POST", "/v1/updateStatus", json={"docId": doc_id, "status": status})
        try:
            said: dict[str, Any] = json.loads(text)
        except ValueError:
            raise NotNow(text[:200]) from None
        return said

    async def agencies(self) -> list[dict[str, Any]]:
        """With the token alone."""
        token = await self._log_in()
        async with self.http.get(f"{self.base_url}/v1/getAgenciesList", headers={"Authorization": f"Bearer {token}"}) as response:
            said = await response.json()
        rows: list[dict[str, Any]] = said["data"]
        return rows

    async def _fetched(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        status, text = await self._ask("GET", path, params=query)
        if not 200 <= status < 300:
            raise NotNow(f"HTTP {status}: {text[:300]}")
        said: dict[str, Any] = json.loads(text)
        return said

    async def _ask(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        headers = {
            "Authorization": f"Bearer {await self._log_in()}",
            "X-SystemId": self.system_id,
            "X-SecretKey": self.secret_key,
            "Accept": "application/json",
        }
        async with self.http.request(method, self.base_url + path, headers=headers, **more) as response:
            return response.status, await response.text()

    async def _log_in(self) -> str:
        if not self.token:
            account = {"username": self.system_id, "password": self.secret_key, "applicationCode": "QLVB"}
            said = account | {"otp": None, "twoFactorProvider": None, "typeObjs": [0, 1]}
            async with self.http.post(f"{self.base_url}/v1/auth/login?allow_anonymous=true", json=said) as response:
                answer = json.loads(await response.text())
            self.token = (answer.get("data") or {}).get("token") or ""
            if not self.token:
                raise NotNow(f"no token: {answer.get('message')}")
        return self.token
