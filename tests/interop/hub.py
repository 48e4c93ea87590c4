"""The same clients at a running hub, as an auditor with the operator's token: while its log grows over the borders of tiles."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from contracts.agency import AgencyCode
from lgsp import log
from lgsp.core.directory import Agency
from lgsp.core.log.checkpoint import parse_checkpoint
from lgsp.core.log.note import parse_note
from lgsp.core.log.record import Action
from tests.integration.http_hub import AGENCIES, HttpHub, http_hub
from tests.interop.programs import Program, Wrong

SIZES = (255, 256, 257, 512, 3_000)

_OPERATOR = Agency(code=AgencyCode("HUB"), name_vi="Trục", level="hub")
_WITHIN_S = 20.0


async def check(folder: Path, programs: Sequence[Program]) -> int:
    """How many runs there were. Raises Wrong."""
    log.configure("json", "error")
    runs = 0
    async with http_hub(folder / "hub", agencies=(*AGENCIES, _OPERATOR), log_checkpoint_s=0.1) as hub:
        for size in SIZES:
            await _grow(hub, size)
            vkey = (await hub.call("GET", "/log/vkey", agency=None)).octets.decode().splitlines()[0]
            for program in programs:
                authorization = hub.headers(_OPERATOR.code)["Authorization"]
                options = ["-authorization", authorization]
                if program.remembers:
                    options += ["-remember", str(folder / f"{program.name}-remembers")]
                await asyncio.to_thread(program.agrees, [*options, vkey, hub.url])
                runs += 1
        await asyncio.to_thread(programs[0].refuses, [vkey, hub.url], "nobody's token")
    return runs + 1


async def _grow(hub: HttpHub, size: int) -> None:
    """To this size, and until it is published."""
    missing = size - (await hub.hub.store.log_head()).size
    now = datetime.now(UTC)
    await hub.hub.store.note([Action(at=now, name="interop", by="test", subject=str(one)) for one in range(missing)])
    async with asyncio.timeout(_WITHIN_S):
        while True:
            published = await _published(hub)
            if published >= size:
                break
            await asyncio.sleep(0.05)
    if published != size:
        raise Wrong(f"the hub wrote {published - size} entries of its own")


async def _published(hub: HttpHub) -> int:
    reply = await hub.call("GET", "/checkpoint", agency=None)
    return parse_checkpoint(parse_note(reply.octets)[0]).size if reply.status == 200 else 0
