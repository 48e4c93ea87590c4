"""Readiness that tells the truth: each check does what traffic does, and says what to do when it fails."""

import time
from collections.abc import Callable

import msgspec

from lgsp.errors import Unavailable
from lgsp.flow.directory import DirectoryCache
from lgsp.ports import Blobs, Broker, Journal


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`required` False: worth knowing, but traffic goes on (the broker away: intake continues, deliveries catch up)."""

    name: str
    ok: bool
    detail: str
    required: bool = True


class Readiness:
    """`min_free_bytes`: below this much room for blobs the hub asks not to be sent more."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        blobs: Blobs,
        directory: DirectoryCache,
        *,
        min_free_bytes: int,
        stopping: Callable[[], bool],
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._blobs = blobs
        self._directory = directory
        self._min_free_bytes = min_free_bytes
        self._stopping = stopping

    async def check(self) -> list[Check]:
        """All checks, each bounded by the time-out of what it asks."""
        return [await self._journal_writable(), self._broker_up(), await self._room(), self._directory_loaded(), self._open()]

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
        return Check(name="broker", ok=up, detail=detail, required=False)

    async def _room(self) -> Check:
        free_bytes = await self._blobs.free_bytes()
        if free_bytes is None:
            return Check(name="room", ok=True, detail="the blob store states no limit")
        detail = f"{free_bytes // 2**20} MiB free, {self._min_free_bytes // 2**20} MiB wanted"
        return Check(name="room", ok=free_bytes >= self._min_free_bytes, detail=detail)

    def _directory_loaded(self) -> Check:
        directory = self._directory.current
        if directory.version == 0:
            return Check(name="directory", ok=False, detail="no agency is registered: lgsp agency add, or lgsp agency import")
        return Check(name="directory", ok=True, detail=f"version {directory.version}, {len(directory.agencies)} agencies")

    def _open(self) -> Check:
        stopping = self._stopping()
        return Check(name="open", ok=not stopping, detail="stopping" if stopping else "taking envelopes")
