"""The sending half of the systems: communes send each message by itself, departments and the post collect theirs into batches."""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

from contracts import wire
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier
from contracts.receipt import Receipt
from lgsp.demo.day import PlannedMessage
from lgsp.demo.hub_client import HubClient, HubUnreachable
from lgsp.demo.ledger import Ledger
from lgsp.demo.lessons import Lesson
from lgsp.demo.scans import Scan
from lgsp.demo.seals import Seals

_AT_ONCE = 4  # requests of one commune
_BATCH_LINES = 100
_COLLECT_S = 0.05  # a batch takes along what comes up while it waits so long

_encode = msgspec.json.Encoder().encode


def octets_of(message: PlannedMessage, created_at: datetime, seals: Seals) -> bytes:
    """The envelope as it travels, sealed by its sender."""
    return wire.render(seals.sealed(envelope_of(message, created_at)))


def envelope_of(message: PlannedMessage, created_at: datetime) -> Envelope:
    """All messages of a case share one trace, so that a tracing tool shows its whole way."""
    trace = blake2b(message.order_key.encode(), digest_size=16).hexdigest()
    span = blake2b(message.message_id.encode(), digest_size=8).hexdigest()
    return Envelope(
        message_id=message.message_id,
        sender=AgencyCode(message.sender),
        recipients=tuple(map(AgencyCode, message.recipients)),
        kind=message.kind,
        created_at=created_at,
        body=_encode(message.body),
        order_key=message.order_key,
        priority=message.priority,
        identifiers=tuple(Identifier(scheme, value) for scheme, value in message.identifiers),
        correlation_id=message.after[0] if len(message.after) == 1 else None,
        traceparent=f"00-{trace}-{span}-01",
        attachments=() if message.scan is None else (_attachment(message.scan),),
    )


def lesson_octets(lesson: Lesson, model: bytes, created_at: datetime, seals: Seals) -> bytes:
    """A resend repeats the octets of its model, everything else is written anew and signed as the lesson says."""
    if lesson.name == "resent":
        return model
    envelope = envelope_of(lesson.message, created_at)
    match lesson.signing:
        case "own":
            return wire.render(seals.sealed(envelope))
        case "none":
            return wire.render(envelope)
        case "model":
            return wire.render(msgspec.structs.replace(envelope, signature=wire.parse(model).signature))
        case another:
            return wire.render(seals.sealed(envelope, by=another))


def _attachment(scan: Scan) -> Attachment:
    return Attachment(digest=scan.digest, size_bytes=len(scan.octets), name=scan.name, media_type=scan.media_type)


class Senders:
    """Begins what it is given and never blocks; `drained` waits for the end. `batching`: codes of those that send batches."""

    def __init__(
        self,
        hubs: Mapping[str, HubClient],
        ledger: Ledger,
        lessons: Mapping[str, tuple[Lesson, ...]],
        batching: frozenset[str],
        seals: Seals,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._hubs = hubs
        self._ledger = ledger
        self._lessons = lessons
        self._seals = seals
        self._tasks = tasks
        self._slots = {code: asyncio.Semaphore(_AT_ONCE) for code in hubs}
        self._waiting: dict[str, list[PlannedMessage]] = {code: [] for code in batching}
        self._collecting: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()

    def send(self, message: PlannedMessage) -> None:
        """The message's own system takes it on."""
        waiting = self._waiting.get(message.sender)
        if waiting is None:
            self._begin(self._single(message))
            return
        waiting.append(message)
        if message.sender not in self._collecting:
            self._collecting.add(message.sender)
            self._begin(self._batches(message.sender, waiting))

    async def drained(self) -> None:
        """Everything begun has come to its end, lessons too."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _single(self, message: PlannedMessage) -> None:
        if message.scan is not None:
            try:
                await self._hubs[message.sender].upload(message.scan.octets, message.scan.digest)
            except HubUnreachable as error:
                self._ledger.gave_up(message.message_id, str(error))
                return
        octets = octets_of(message, datetime.now(UTC), self._seals)
        self._ledger.begins(message)
        async with self._slots[message.sender]:
            try:
                reply = await self._hubs[message.sender].send(octets)
            except HubUnreachable as error:
                self._ledger.gave_up(message.message_id, str(error))
                return
        self._ledger.answered(message, reply)
        if isinstance(reply, Receipt):
            for lesson in self._lessons.get(message.message_id, ()):
                self._begin(self._lesson(lesson, octets))

    async def _batches(self, sender: str, waiting: list[PlannedMessage]) -> None:
        await asyncio.sleep(_COLLECT_S)
        while waiting:
            batch = waiting[:_BATCH_LINES]
            del waiting[:_BATCH_LINES]
            await self._batch(sender, batch)
        self._collecting.discard(sender)

    async def _batch(self, sender: str, batch: list[PlannedMessage]) -> None:
        """Departments upload nothing: files that they pass on they were sent themselves, so the hub has them."""
        now = datetime.now(UTC)
        for message in batch:
            self._ledger.begins(message)
        try:
            replies = await self._hubs[sender].send_batch([octets_of(message, now, self._seals) for message in batch])
        except HubUnreachable as error:
            for message in batch:
                self._ledger.gave_up(message.message_id, str(error))
            return
        for message, reply in zip(batch, replies, strict=True):
            self._ledger.answered(message, reply)

    async def _lesson(self, lesson: Lesson, model: bytes) -> None:
        octets = lesson_octets(lesson, model, datetime.now(UTC), self._seals)
        try:
            self._ledger.learned(lesson, await self._hubs[lesson.caller].send(octets))
        except HubUnreachable as error:
            self._ledger.gave_up(lesson.message.message_id, str(error))
