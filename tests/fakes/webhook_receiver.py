"""A system that deliveries are pushed to by webhook: it verifies, keeps each webhook-id once, and answers.

It misbehaves on demand. It knows nothing of the hub's code: signatures are verified as Standard Webhooks 1.0.0 says, with the
standard library alone.

    async with WebhookReceiver() as receiver:
        endpoint = Endpoint(adapter="webhook", url=receiver.url, secret=SECRET)
        receiver.misbehaviour.fail_next = 1

`python -m tests.fakes.webhook_receiver --port N` runs one; `POST /misbehave` takes members of `Misbehaviour` as JSON.
"""

import argparse
import asyncio
import base64
import contextlib
import hmac
import time
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from tests.fakes import misbehaving

SECRET = "whsec_" + base64.b64encode(b"a key of the recipient").decode()
_KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
_MAX_AGE_S = 300
_MAX_BODY_BYTES = 200_000_000


@dataclass(slots=True)
class Misbehaviour(misbehaving.Misbehaviour):
    """`known_in_words`: says what it has already with 500 and words, for which an endpoint has a table of replies."""

    known_in_words: bool = False


class WebhookReceiver(misbehaving.Misbehaving[Misbehaviour]):
    """`kept`: the octets of each webhook-id, as they came first."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(Misbehaviour())
        self._port = port
        self.url = ""
        self.kept: dict[str, bytes] = {}

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.add_routes([web.post("/in", self._take), web.post("/misbehave", self._misbehave)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/in"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        await self._delay()
        name, sent_at, body = request.headers["webhook-id"], request.headers["webhook-timestamp"], await request.read()
        if self._fails():
            return web.Response(status=500, text="Lỗi hệ thống")
        expected = base64.b64encode(hmac.digest(_KEY, f"{name}.{sent_at}.".encode() + body, "sha256")).decode()
        signatures = request.headers.get("webhook-signature", "").split()
        if f"v1,{expected}" not in signatures or abs(time.time() - int(sent_at)) > _MAX_AGE_S:
            return web.Response(status=401, text="Sai chữ ký")
        known = name in self.kept
        self.kept.setdefault(name, body)
        if known and self.misbehaviour.known_in_words:
            return web.Response(status=500, text="Hồ sơ đã tồn tại")
        return self._spoiled(web.Response(text="ok"))


async def _serve(port: int) -> None:
    async with WebhookReceiver(port) as receiver:
        print(
            f"A system with a webhook (simulated) at {receiver.url}; in FILE: {SECRET}\n"
            f"  lgsp agency endpoint CODE {receiver.url} --secret-file FILE\n"
            f'  POST {receiver.url.removesuffix("/in")}/misbehave {{"fail_next": 3}}',
            flush=True,
        )
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args().port))
