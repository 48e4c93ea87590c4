"""What can happen to the processes of a hub and to its servers, one thing at a time. What happened is counted by kind."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tests.crash.hub import HubProcess
from tests.crash.load import until
from tests.crash.run import Run
from tests.servers import PostgresServer, RabbitServer

# Leases, time-outs of publishing, journal and partners are 2 to 5 s (tests.crash.hub, tests.crash.agencies).
_SHORT_S = (0.1, 1.5)
_LONG_S = (5.5, 7.5)
_OUTLASTING_S = (32.0, 36.0)  # heartbeats: RabbitMQ gives a silent client up after 20 to 30 s
_DOWN_S = 1.5  # a server, at most, before somebody starts it again

Fault = Callable[[], Awaitable[None]]


class Faults:
    """The toll is written down before a fault strikes."""

    def __init__(self, members: Sequence[HubProcess], run: Run) -> None:
        self._members = members
        self._chance = run.chance
        self._toll = run.toll

    async def kill(self, among: Sequence[HubProcess] | None = None) -> None:
        """kill -9 of one process, at times while it or others still start; and it is started again."""
        victim = self._chance.choice(among or self._members)
        await self._moment(victim, self._chance.choice(("start", "load", "load", "load")))
        self._toll[f"kill {victim.kind}"] += 1
        victim.kill()
        victim.start()

    async def freeze(self) -> None:
        """One process stands still for less than any lease or time-out."""
        await self._freeze("short", _SHORT_S)

    async def freeze_long(self) -> None:
        """One process stands still for longer than all of them; where there are others, one of these dies meanwhile."""
        await self._freeze("long", _LONG_S)

    async def freeze_past_heartbeats(self) -> None:
        """One process stands still until RabbitMQ has given its work to others, and then goes on with what it held."""
        await self._freeze("past heartbeats", _OUTLASTING_S)

    async def all_up(self) -> None:
        for member in self._members:
            await member.until_started()

    async def _freeze(self, length: str, span_s: tuple[float, float]) -> None:
        victim = self._chance.choice(self._members)
        await self._moment(victim, "load")
        self._toll[f"freeze {victim.kind}, {length}"] += 1
        victim.freeze()
        try:
            others = [member for member in self._members if member is not victim]
            frozen = asyncio.create_task(asyncio.sleep(self._chance.uniform(*span_s)))
            if length != "short" and others:
                await self.kill(others)
            await frozen
        finally:
            victim.thaw()

    async def _moment(self, member: HubProcess, moment: str) -> None:
        if moment == "start":
            await until(lambda: member.opening, f"{member.name} begins to open things")
            await asyncio.sleep(self._chance.uniform(0, 0.2))
        else:
            await member.until_started()
            await asyncio.sleep(self._chance.uniform(0, 0.6))


class ServerFaults:
    """Somebody starts a server again a moment after it went; the data are as they were.

    `ready` comes before: a process of the hub that starts without its journal says so and ends.
    """

    def __init__(self, rabbit: RabbitServer, postgres: PostgresServer, run: Run, ready: Fault) -> None:
        self._rabbit = rabbit
        self._postgres = postgres
        self._chance = run.chance
        self._toll = run.toll
        self._ready = ready

    def all(self) -> list[Fault]:
        """Each of them once."""
        rabbit, postgres = self._rabbit, self._postgres
        return [
            lambda: self._down("kill RabbitMQ", rabbit, rabbit.kill9),
            lambda: self._down("restart RabbitMQ", rabbit, rabbit.stop),
            self._freeze_rabbit,
            lambda: self._down("kill PostgreSQL", postgres, postgres.kill9),
            lambda: self._down("restart PostgreSQL, fast", postgres, postgres.stop),
            lambda: self._down("restart PostgreSQL, immediate", postgres, postgres.stop_at_once),
        ]

    async def _down(self, kind: str, server: RabbitServer | PostgresServer, goes: Callable[[], None]) -> None:
        await self._ready()
        self._toll[kind] += 1
        await asyncio.to_thread(goes)
        await asyncio.sleep(self._chance.uniform(0, _DOWN_S))
        await asyncio.to_thread(server.start)

    async def _freeze_rabbit(self) -> None:
        self._toll["freeze RabbitMQ, long"] += 1
        self._rabbit.pause()
        try:
            await asyncio.sleep(self._chance.uniform(*_LONG_S))
        finally:
            self._rabbit.resume()


async def strike(faults: Sequence[Fault]) -> None:
    """One after the other."""
    for fault in faults:
        await fault()
