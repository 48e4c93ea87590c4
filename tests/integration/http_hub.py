"""A hub for tests of the HTTP surface: SQLite journal, embedded broker, files in a directory, an aiohttp server on 127.0.0.1."""

import asyncio
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.kinds import find
from lgsp.assembly import Hub
from lgsp.bootstrap.hub import open_hub
from lgsp.core.directory import Agency, Alias, Grant
from lgsp.http.access_token import AccessTokens
from lgsp.http.app import make_app
from lgsp.http.client_secret import hash_secret
from lgsp.http.server import make_runner
from lgsp.ports import Credential
from lgsp.serving import services_of
from lgsp.settings import Settings

COMMUNE, LAND_OFFICE, STRANGER, CLOSED, POST = (AgencyCode(c) for c in ("H01.134", "H01.10.01", "H01.135", "H01.99", "VNPOST.AG"))
NOBODY_LISTENS = "http://127.0.0.1:9/never"
SECRET = "a secret of the commune"

AGENCIES = (
    Agency(
        code=COMMUNE,
        name_vi="UBND xã Hồ Đắc Kiện",
        name_en="Commune of Ho Dac Kien",
        level="commune",
        aliases=(Alias(code=AgencyCode("000.00.15.H01")),),
        grants=(Grant(kinds=("*",)),),
    ),
    Agency(code=LAND_OFFICE, name_vi="Văn phòng đăng ký đất đai", level="department", grants=(Grant(kinds=("case.*",)),)),
    Agency(
        code=STRANGER, name_vi="UBND xã Khác", level="commune", grants=(Grant(kinds=("case.progress",), recipients=(COMMUNE,)),)
    ),
    Agency(code=CLOSED, name_vi="UBND huyện cũ", level="district", closed_on=datetime(2025, 7, 1, tzinfo=UTC).date()),
    Agency(
        code=POST,
        name_vi="Bưu điện tỉnh",
        level="post",
        endpoint=Endpoint(adapter="webhook", url=NOBODY_LISTENS, secret="whsec_bm90IGZvciBvdGhlcnM="),
    ),
)


@dataclass(slots=True)
class HttpHub:
    """A running hub, and a client without cookies or retries."""

    url: str
    hub: Hub
    app: web.Application
    tokens: AccessTokens
    client: aiohttp.ClientSession
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def headers(self, agency: str | None = COMMUNE, **more: str) -> dict[str, str]:
        """`more`: header names with _ for -."""
        auth = {} if agency is None else {"Authorization": f"Bearer {self.tokens.issue(AgencyCode(agency), 'test')}"}
        return auth | {name.replace("_", "-"): value for name, value in more.items()}

    def envelope(self, **fields: Any) -> dict[str, Any]:
        """A valid case.progress from the commune to the land office, under a new message id."""
        number = next(self.numbers)
        return {
            "message_id": f"m-{number}",
            "sender": COMMUNE,
            "recipients": [LAND_OFFICE],
            "kind": "case.progress/1",
            "created_at": datetime.now(UTC).isoformat(),
            "body": progress(number),
        } | fields

    async def call(
        self, method: str, path: str, *, agency: str | None = COMMUNE, headers: dict[str, str] | None = None, **options: Any
    ) -> "Reply":
        """`path` is sent as it is, percent signs and all."""
        async with self.client.request(
            method, URL(self.url + path, encoded=True), headers=self.headers(agency) | (headers or {}), **options
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def send(self, envelope: dict[str, Any] | bytes, *, agency: str | None = COMMUNE, **headers: str) -> "Reply":
        octets = envelope if isinstance(envelope, bytes) else json.dumps(envelope, ensure_ascii=False).encode()
        return await self.call(
            "POST", "/v1/envelopes", agency=agency, data=octets, headers={"Content-Type": "application/json"} | headers
        )

    async def stored(self) -> int:
        """How many deliveries the journal knows."""
        return (await self.hub.store.balance()).accepted_events


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # whatever the case of their names
    octets: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.octets)


def progress(number: int) -> dict[str, Any]:
    """A body of case.progress/1 as its contract wants it, about a case of its own."""
    example: dict[str, Any] = msgspec.to_builtins(find("case.progress/1").examples[0].body)
    return example | {"case_number": f"{COMMUNE}-261118-{number:05d}"}


@asynccontextmanager
async def http_hub(
    folder: Path, *, agencies: Sequence[Agency] = AGENCIES, tls: ssl.SSLContext | None = None, **settings: Any
) -> AsyncIterator[HttpHub]:
    values: dict[str, Any] = {"data_dir": folder, "max_body_bytes": 64 * 1024, "max_attachment_bytes": 1024 * 1024} | settings
    async with open_hub(Settings(**values)) as hub:
        await hub.store.save_agencies(agencies)
        await hub.store.save_credentials([Credential(client_id="commune", agency=COMMUNE, secret_hash=hash_secret(SECRET))])
        await hub.directory.refresh()
        services = services_of(hub)
        app = make_app(services)
        runner = make_runner(app, shutdown_grace_s=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        running = asyncio.create_task(hub.run())
        port = runner.addresses[0][1]
        tokens = AccessTokens(services.token_key, services.settings.hub_code, 600, services.clock)
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as client:
                yield HttpHub(f"{'https' if tls else 'http'}://127.0.0.1:{port}", hub, app, tokens, client)
        finally:
            hub.stop.set()
            await runner.cleanup()
            await running
