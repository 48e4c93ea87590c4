"""A witness over HTTP (C2SP tlog-witness) that does what it is told: cosigns, hangs, fails, lies."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lgsp.core.log.checkpoint import Checkpoint, parse_checkpoint
from lgsp.core.log.cosignature import cosign
from lgsp.core.log.merkle import ProofInvalid, check_consistency
from lgsp.core.log.note import KeyType, NoteVerifier, parse_note

Mood = Literal["well", "hangs", "fails", "redirects", "garbage", "huge", "unknown", "lies", "signed by another", "conflicts"]


@dataclass
class FakeWitness:
    """`cosigned`: what it cosigned last. `asked`: old sizes, in order."""

    name: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    mood: Mood = "well"
    url: str = ""
    cosigned: Checkpoint | None = None
    asked: list[int] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def verifier(self) -> NoteVerifier:
        return NoteVerifier(f"{self.name}.example/w", self.key.public_key().public_bytes_raw(), KeyType.COSIGNATURE)

    @property
    def line(self) -> str:
        """Of a policy."""
        return f"witness {self.name} {self.verifier.vkey} {self.url}"

    async def serve(self, request: web.Request) -> web.Response:
        head, note = (await request.read()).decode().split("\n\n", 1)
        old, *proof = head.split("\n")
        self.asked.append(int(old.removeprefix("old ")))
        match self.mood:
            case "hangs":
                await self.released.wait()
            case "fails":
                return web.Response(status=500, text="Traceback")
            case "redirects":
                return web.Response(status=307, headers={"Location": self.url})
            case "garbage":
                return web.Response(text="<html>Dang bao tri</html>")
            case "huge":
                return web.Response(body=b"x" * 1_000_000)
            case "unknown":
                return web.Response(status=404)
            case "conflicts":
                return _conflict(3)
            case _:
                pass
        return self._answer(self.asked[-1], [b64decode(one) for one in proof], parse_checkpoint(parse_note(note)[0]))

    def _answer(self, old: int, proof: list[bytes], checkpoint: Checkpoint) -> web.Response:
        known = self.cosigned
        if old != (known.size if known else 0):
            return _conflict(known.size if known else 0)
        if known is not None:
            try:
                check_consistency(known.size, known.root, checkpoint.size, checkpoint.root, proof)
            except ProofInvalid:
                return web.Response(status=422)
        self.cosigned = checkpoint
        said = Checkpoint(checkpoint.origin, checkpoint.size + 1, checkpoint.root) if self.mood == "lies" else checkpoint
        key = Ed25519PrivateKey.generate() if self.mood == "signed by another" else self.key
        return web.Response(text=cosign(said, self.verifier, 1_700_000_000, key.sign))


def _conflict(size: int) -> web.Response:
    return web.Response(status=409, body=f"{size}\n".encode(), headers={"Content-Type": "text/x.tlog.size"})


@asynccontextmanager
async def witnessing(*names: str) -> AsyncIterator[list[FakeWitness]]:
    """Each on a port of its own."""
    witnesses = [FakeWitness(name) for name in names]
    servers = []
    try:
        for one in witnesses:
            app = web.Application()
            app.router.add_post("/add-checkpoint", one.serve)
            servers.append(server := TestServer(app))
            await server.start_server()
            one.url = str(server.make_url("/")).rstrip("/")
        yield witnesses
    finally:
        for one in witnesses:
            one.released.set()
        for server in servers:
            await server.close()
