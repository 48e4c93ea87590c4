"""The documents of the day come to life: the department's document system sends them and collects what becomes of them, and the
clerks of its communes report, each by the road on which the document came."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import NAMESPACE_URL, uuid5

from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.kinds.document import read_status
from lgsp.demo.bus_client import BusClient
from lgsp.demo.cases import VIETNAM
from lgsp.demo.evidence import Arrival, Reported
from lgsp.demo.hub_client import HubUnreachable, Reply
from lgsp.demo.ledger import Ledger
from lgsp.demo.letter_packets import packet_of, status_of
from lgsp.demo.letters import AGREED, DEPARTMENT, NEW, TAKEN_BACK, Letter
from lgsp.demo.seals import Seals

_PAUSE = 0.01  # of the day: between two looks of the department at what has come, and before each report of a clerk
_SHORTEST_S = 0.1


class Road(Protocol):
    """By which a clerk's system sends."""

    async def submit(self, envelope: Envelope) -> Reply:
        """Raises HubUnreachable."""
        ...


class Office:
    """`run` is the whole story and ends with it; `arrived` tells it what reached a commune."""

    def __init__(self, bus: BusClient, roads: Mapping[str, Road], ledger: Ledger, seals: Seals) -> None:
        self._bus = bus
        self._roads = roads
        self._ledger = ledger
        self._seals = seals
        self._letters = {letter.document_id: letter for letter in ledger.plan.expectations.letters}
        self._tasks: asyncio.TaskGroup | None = None
        self._seen: set[tuple[str, int]] = set()
        self._reported = asyncio.Condition()
        self._pause_s = _PAUSE * ledger.duration_s

    async def run(self) -> None:
        """Until every status has come back, or the hub is away for too long or will not have a document."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                looking = self._tasks.create_task(self._look())
                for letter in self._letters.values():
                    if not await self._play(letter):
                        looking.cancel()
                        return
                await looking
        except* HubUnreachable as errors:
            self._ledger.gave_up(DEPARTMENT, str(errors.exceptions[0]))

    def arrived(self, arrival: Arrival) -> None:
        """A document came to a commune: its clerk begins to work on it."""
        if self._tasks is None or arrival.paper is None or (arrival.recipient, arrival.delivery_id) in self._seen:
            return
        self._seen.add((arrival.recipient, arrival.delivery_id))
        letter = self._letters[arrival.paper.document_id]
        self._tasks.create_task(self._work(letter, arrival.paper.business_type, arrival.recipient))

    async def _play(self, letter: Letter) -> bool:
        """Sent when its time has come, and taken back once everybody has reported. False: it was refused."""
        await self._ledger.waits_for(letter.at)
        if not await self._send(letter, NEW):
            return False
        if letter.recalled:
            async with self._reported:
                await self._reported.wait_for(lambda: self._has_come(letter, letter.reports))
            return await self._send(letter, TAKEN_BACK)
        return True

    async def _send(self, letter: Letter, business_type: int) -> bool:
        packet = packet_of(letter, business_type, self._ledger.province, self._now())
        self._ledger.sends_letter(letter, business_type)
        told = await self._bus.send(self._seals.sealed_packet(packet, DEPARTMENT))
        if not told.is_done:
            self._ledger.refused_letter(letter, told.description or told.error or "?")
        return told.is_done

    async def _work(self, letter: Letter, business_type: int, commune: str) -> None:
        """What the clerk of a commune reports; one report goes when the one before was accepted."""
        for status in letter.reports if business_type == NEW else (AGREED,):
            await asyncio.sleep(self._pause_s)
            body = status_of(letter, status, self._ledger.province, commune, self._now())
            reply = await self._roads[commune].submit(self._seals.sealed(_envelope(letter, status, commune, body)))
            self._ledger.reports(letter, commune, reply)

    async def _look(self) -> None:
        """Fetches statuses as the bus lists them, and confirms each once it is written down."""
        while not all(self._has_come(letter, letter.answers) for letter in self._letters.values()):
            for document in await self._bus.waiting_statuses():
                status = read_status(await self._bus.packet(document))
                letter = self._letters.get(status.document_id)
                if letter is not None:  # not of an earlier day
                    self._ledger.reported(letter, Reported(status.from_organ, status.document_id, status.status_code))
                await self._bus.done(document)
            async with self._reported:
                self._reported.notify_all()
            await asyncio.sleep(max(self._pause_s, _SHORTEST_S))

    def _has_come(self, letter: Letter, statuses: tuple[str, ...]) -> bool:
        """Every recipient has reported all of these."""
        found = {(one.commune, one.status) for one in self._ledger.evidence.reported if one.document_id == letter.document_id}
        return all((commune, status) in found for commune in letter.to for status in statuses)

    def _now(self) -> datetime:
        return datetime.now(VIETNAM)


def _envelope(letter: Letter, status: str, commune: str, body: bytes) -> Envelope:
    return Envelope(
        message_id=str(uuid5(NAMESPACE_URL, f"{letter.document_id} {status} {commune}")),
        sender=AgencyCode(commune),
        recipients=(AgencyCode(DEPARTMENT),),
        kind="document.status/1",
        created_at=datetime.now(UTC),
        body=body,
        media_type="application/xml",
    )
