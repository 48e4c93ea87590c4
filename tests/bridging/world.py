"""A hub, and the far sides of all roads, on this machine."""

import asyncio
import base64
import itertools
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.registry import COLLECTORS
from contracts.agency import AgencyCode
from contracts.feed import Collected, Feed
from lgsp.bootstrap.keys import token_key
from lgsp.core.directory import Agency
from lgsp.http.client_secret import new_secret
from lgsp.ports import Credential
from tests.bridging.loads import Load
from tests.fakes.edoc_bus import EdocBus
from tests.fakes.national_bus import NationalBus
from tests.fakes.soap_system import SoapSystem
from tests.fakes.vnpost import Vnpost
from tests.integration.http_hub import HttpHub, http_hub

DOCUMENTS = frozenset({"document.packet", "document.status"})
CASES = frozenset({"case.file", "case.progress"})
POSTAL = frozenset({"postal.order", "postal.event"})
EVERYTHING = DOCUMENTS | CASES | POSTAL
EDOC_TOKEN, HUB_ON_BUS = "token+of/the=hub", "hub.H01"


@dataclass
class FarSides:
    """What others run. `pushed`: bodies POSTed to `url`/code, by code."""

    url: str
    pushed: dict[str, "asyncio.Queue[bytes]"]
    edoc_from: EdocBus  # polled by the hub
    edoc_to: EdocBus
    bus_from: NationalBus
    bus_to: NationalBus
    post_from: Vnpost
    post_to: Vnpost
    soap_to: SoapSystem


@dataclass
class World:
    hub: HttpHub
    far: FarSides
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    secrets: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)

    def envelope(self, load: Load) -> dict[str, Any]:
        """In the JSON form, under an id of its own."""
        inline = {"body": json.loads(load.body)} if load.is_json else {"body_base64": base64.b64encode(load.body).decode()}
        return {
            "message_id": f"bridge-{next(self.numbers)}",
            "sender": load.sender,
            "recipients": list(load.recipients),
            "kind": load.kind,
            "created_at": datetime.now(UTC).isoformat(),
            "media_type": load.media_type,
        } | inline

    async def secret(self, code: str) -> str:
        """Of the client that bears the agency's code for its id."""
        if code not in self.secrets:
            secret, hashed = new_secret(token_key(self.hub.hub.settings), code)
            await self.hub.hub.store.save_credentials([Credential(client_id=code, agency=AgencyCode(code), secret_hash=hashed)])
            self.secrets[code] = secret
        return self.secrets[code]

    async def collect(self, code: str, feed: Feed) -> Collected:
        """One round of polling for this agency."""
        collector = COLLECTORS[feed.adapter]()
        try:
            return await collector.collect(feed, self.hub.hub.desks.of(self.hub.hub.directory.current.agencies[code]))
        finally:
            await collector.close()


def _edoc_bus() -> EdocBus:
    return EdocBus(organizations={}, base64_text=False)


def _national_bus() -> NationalBus:
    return NationalBus(systems={HUB_ON_BUS: "secret of the hub"})


@asynccontextmanager
async def bridged_world(folder: Path, agencies: Callable[[FarSides], Sequence[Agency]]) -> AsyncIterator[World]:
    """`agencies`: of the directory, once it is known where the far sides listen. Signatures are looked at and refuse nothing:
    nobody here signs for anybody."""
    queues: dict[str, asyncio.Queue[bytes]] = defaultdict(asyncio.Queue)

    async def pushed(request: web.Request) -> web.Response:
        queues[request.match_info["code"]].put_nowait(await request.read())
        return web.Response(status=204)

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/{code}", pushed)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(app))
        far = FarSides(
            url=str(server.make_url("")).rstrip("/"),
            pushed=queues,
            edoc_from=await stack.enter_async_context(_edoc_bus()),
            edoc_to=await stack.enter_async_context(_edoc_bus()),
            bus_from=await stack.enter_async_context(_national_bus()),
            bus_to=await stack.enter_async_context(_national_bus()),
            post_from=await stack.enter_async_context(Vnpost()),
            post_to=await stack.enter_async_context(Vnpost()),
            soap_to=await stack.enter_async_context(SoapSystem()),
        )
        hub = await stack.enter_async_context(http_hub(folder, agencies=agencies(far), signatures="record"))
        yield World(hub, far)
