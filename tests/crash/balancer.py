"""What stands before a cluster: each connection goes to one of the servers that live, as a TCP load balancer passes it on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

from tests.servers.ports import free_port

_HOST = "127.0.0.1"


class _Balancer:
    def __init__(self, ports: Sequence[int], chance: Random) -> None:
        self._ports = ports
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()

    async def joined(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        for port in self._chance.sample(self._ports, k=len(self._ports)):
            try:
                far, forth = await asyncio.open_connection(_HOST, port)
            except OSError:
                continue
            for task in (asyncio.create_task(_pass(near, forth)), asyncio.create_task(_pass(far, back))):
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            return
        back.transport.abort()

    async def close(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def balanced(ports: Sequence[int], chance: Random) -> AsyncIterator[int]:
    """The port to connect to."""
    balancer = _Balancer(ports, chance)
    port = free_port()
    server = await asyncio.start_server(balancer.joined, _HOST, port)
    try:
        yield port
    finally:
        server.close()
        await balancer.close()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Until either side is gone; then so is the other."""
    try:
        while octets := await source.read(65536):
            target.write(octets)
            await target.drain()
    except OSError:
        pass
    finally:
        target.close()
