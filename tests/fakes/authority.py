"""A certification authority over HTTP that misbehaves when told to: hangs, fails, drips, lies, is late."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from lgsp.trust.demo_pki import DemoPki, authority, stamps
from tests.servers.ports import free_port

Mood = Literal[
    "well", "hangs", "drips", "fails", "redirects", "garbage", "empty", "huge", "says it is huge", "stale", "from the future",
    "signed by another", "refuses", "hangs up",
]  # fmt: skip
DAY = timedelta(days=1)
HUGE_BYTES = 3 * 1024 * 1024


@dataclass
class FakeAuthority:
    """Serves `pki` at `clock`. `moods`: by the beginning of a path, such as "/crl/root", the longest first. `asked`: paths."""

    pki: DemoPki
    clock: Callable[[], datetime]
    moods: dict[str, Mood] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keeps_marks: bool = True
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def netloc(self) -> str:
        return self.pki.base_url.removeprefix("http://")

    def count(self, path: str) -> int:
        return sum(one.startswith(path) for one in self.asked)

    def mood(self, path: str) -> Mood:
        found = [one for one in self.moods if path.startswith(one)]
        return self.moods[max(found, key=len)] if found else "well"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        mood = self.mood(request.path)
        match mood:
            case "hangs":
                await self.released.wait()
            case "hangs up":
                assert request.transport is not None
                request.transport.abort()
            case "fails":
                return web.Response(status=500, text="ORA-12154")
            case "redirects":
                return web.Response(status=302, headers={"Location": f"{self.pki.base_url}/elsewhere"})
            case "garbage":
                return web.Response(body=b"<html>Dang bao tri</html>")
            case "empty":
                return web.Response(body=b"")
            case "says it is huge":
                return web.Response(body=b"\0" * HUGE_BYTES)
            case "drips" | "huge":
                return await self._trickle(request, mood)
            case _:
                pass
        return self._answer(request.path, await request.read(), mood, request)

    async def _trickle(self, request: web.Request, mood: Mood) -> web.StreamResponse:
        """Without saying how long it will be."""
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        if mood == "huge":
            for _ in range(HUGE_BYTES // 65536):
                await answer.write(b"\0" * 65536)
            return answer
        while not self.released.is_set():
            await answer.write(b"\0")
            await asyncio.sleep(0.02)  # the drip itself
        return answer

    def _answer(self, path: str, body: bytes, mood: Mood, request: web.Request) -> web.Response:
        at = self.clock() - 9 * DAY if mood == "stale" else self.clock() + 2 * DAY if mood == "from the future" else self.clock()
        kind, _, name = path.removeprefix("/").partition("/")
        match kind:
            case "crl":
                return self._list(name.removesuffix(".crl"), at, mood, request)
            case "ocsp":
                return web.Response(body=self._ocsp(name, body, at, mood))
            case "tsa":
                stamper = self.pki.holders["services/time-stamps" if mood != "signed by another" else "services/ocsp-agencies"]
                return web.Response(body=stamps.answer(b"" if mood == "refuses" else body, stamper, at))
        return web.Response(status=404)

    def _list(self, issuer: str, at: datetime, mood: Mood, request: web.Request) -> web.Response:
        withdrawn = self.pki.withdrawn(issuer)
        holder = self.pki.holders[f"authorities/{issuer}"]
        if mood == "signed by another":
            holder = authority.root(holder.certificate.subject, authority.Life(at - DAY, at + DAY))
        mark = f'"{at:%Y%m%d}-{len(withdrawn)}"'
        if self.keeps_marks and request.headers.get("If-None-Match") == mark:
            return web.Response(status=304, headers={"ETag": mark})
        octets = authority.revocation_list(holder, withdrawn, at, DAY).public_bytes(Encoding.DER)
        return web.Response(body=octets, headers={"ETag": mark} if self.keeps_marks else {})

    def _ocsp(self, issuer: str, body: bytes, at: datetime, mood: Mood) -> bytes:
        if mood == "refuses":
            return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)
        responder = self.pki.holders[f"services/ocsp-{issuer}" if mood != "signed by another" else "services/time-stamps"]
        issuing = self.pki.holders[f"authorities/{issuer}"]
        asked = ocsp.load_der_ocsp_request(body)
        return authority.ocsp_answer(asked, issuing, responder, self.pki.withdrawn(issuer), at, DAY / 2).public_bytes(
            Encoding.DER
        )


@asynccontextmanager
async def misbehaving(agencies: dict[str, str], clock: Callable[[], datetime]) -> AsyncIterator[FakeAuthority]:
    """Listens on a port of its own, which its certificates name."""
    port = free_port()
    fake = FakeAuthority(DemoPki.make(agencies, clock(), f"http://127.0.0.1:{port}"), clock)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.serve)
    async with TestServer(app, port=port):
        try:
            yield fake
        finally:
            fake.released.set()
