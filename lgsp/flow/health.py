"""Readiness that tells the truth: each check does what traffic does, and says what to do when it fails."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from lgsp.errors import Unavailable
from lgsp.flow.clock import loop_time
from lgsp.flow.directory import DirectoryCache
from lgsp.ports import Broker, Journal

_MAX_AGE_S = 1.0


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`required` False: worth knowing, but traffic goes on (the broker away: intake continues, deliveries catch up)."""

    name: str
    ok: bool
    detail: str
    required: bool = True


class Readiness:
    """`free_bytes`: room for what is kept, None when nobody knows; below `min_free_bytes` the hub asks not to be sent more.
    `needs_broker`: this process can do nothing without it. `forked`: why the evidence log is not what was signed; "": it is.

    Anybody may ask, and the journal pays with a write: what writes or reads disks is looked at once a second at most.
    """

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        directory: DirectoryCache,
        *,
        free_bytes: Callable[[], Awaitable[int | None]],
        min_free_bytes: int,
        needs_broker: bool,
        stopping: Callable[[], bool],
        forked: Callable[[], str] = str,
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._directory = directory
        self._free_bytes = free_bytes
        self._min_free_bytes = min_free_bytes
        self._needs_broker = needs_broker
        self._stopping = stopping
        self._forked = forked
        self._looking: asyncio.Task[tuple[Check, Check]] | None = None
        self._looked_at = 0.0

    async def check(self) -> list[Check]:
        """All checks, each bounded by the time-out of what it asks."""
        if self._looking is None or (self._looking.done() and loop_time() - self._looked_at >= _MAX_AGE_S):
            self._looking = asyncio.create_task(self._look())
        journal, room = await asyncio.shield(self._looking)
        return [journal, self._broker_up(), room, self._directory_loaded(), self._log_in_order(), self._open()]

    async def _look(self) -> tuple[Check, Check]:
        try:
            return await self._journal_writable(), await self._room()
        finally:
            self._looked_at = loop_time()

    async def _journal_writable(self) -> Check:
        started = time.perf_counter()
        try:
            await self._journal.ping()
        except Unavailable as error:
            return Check(name="journal", ok=False, detail=f"cannot be written: {error}")
        return Check(name="journal", ok=True, detail=f"written in {(time.perf_counter() - started) * 1000:.1f} ms")

    def _broker_up(self) -> Check:
        up = self._broker.is_up()
        detail = "connected" if up else "not connected: envelopes are accepted and kept, deliveries wait until it is back"
        return Check(name="broker", ok=up, detail=detail, required=self._needs_broker)

    async def _room(self) -> Check:
        try:
            free_bytes = await self._free_bytes()
        except Unavailable as error:
            return Check(name="room", ok=False, detail=f"cannot be told: {error}")
        if free_bytes is None:
            return Check(name="room", ok=True, detail="the blob store states no limit")
        detail = f"{free_bytes // 2**20} MiB free, {self._min_free_bytes // 2**20} MiB wanted"
        return Check(name="room", ok=free_bytes >= self._min_free_bytes, detail=detail)

    def _directory_loaded(self) -> Check:
        directory = self._directory.current
        if directory.version == 0:
            return Check(name="directory", ok=False, detail="no agency is registered: lgsp agency add, or lgsp agency import")
        return Check(name="directory", ok=True, detail=f"version {directory.version}, {len(directory.agencies)} agencies")

    def _log_in_order(self) -> Check:
        forked = self._forked()
        if forked:
            return Check(
                name="log", ok=False, detail=f"nothing is signed any more, find out why with `lgsp log verify`: {forked}"
            )
        return Check(name="log", ok=True, detail="the evidence log continues what was signed")

    def _open(self) -> Check:
        stopping = self._stopping()
        return Check(name="open", ok=not stopping, detail="stopping" if stopping else "taking envelopes")
