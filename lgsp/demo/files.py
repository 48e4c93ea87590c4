"""Recipients fetch what is attached to a message after they have taken it, and note what came."""

import asyncio
import hashlib
from collections.abc import Mapping

from lgsp.demo.evidence import Arrival, Evidence, Fetched
from lgsp.demo.hub_client import HubClient, HubUnreachable

_AT_ONCE = 8


class Files:
    """`collect` begins and never blocks; `drained` waits for the end. What could not be had is missing in the evidence."""

    def __init__(self, hubs: Mapping[str, HubClient], evidence: Evidence, tasks: asyncio.TaskGroup) -> None:
        self._hubs = hubs
        self._evidence = evidence
        self._tasks = tasks
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    def collect(self, arrival: Arrival) -> None:
        """Everything attached to what arrived."""
        for digest in arrival.files:
            task = self._tasks.create_task(self._fetch(arrival, digest))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def drained(self) -> None:
        """Everything begun has come to its end."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _fetch(self, arrival: Arrival, digest: str) -> None:
        async with self._slots:
            try:
                octets = await self._hubs[arrival.recipient].attachment(digest)
            except HubUnreachable:
                return
        found = f"sha256:{hashlib.sha256(octets).hexdigest()}"
        self._evidence.fetched.append(Fetched(recipient=arrival.recipient, message_id=arrival.message_id, digest=found))
