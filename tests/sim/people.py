"""Those who use the hub: they send until they have a receipt, look into their mailboxes, and mend the directory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.kinds.document_examples import PACKET, RECALL
from contracts.kinds.examples import CASE_PROGRESS
from contracts.receipt import Receipt
from lgsp.assembly import Hub
from lgsp.core.directory import Agency, Directory
from lgsp.core.lifecycle import State
from lgsp.errors import Unavailable
from lgsp.flow.intake import Outcome
from lgsp.flow.mailbox import Acknowledgement
from lgsp.flow.recalls import Withdrawal
from lgsp.ports import MailboxEntry
from tests.sim.outside import EPOCH
from tests.sim.partners import Partner, Taken
from tests.sim.plan import Case, Message

if TYPE_CHECKING:
    from tests.sim.world import World

T = TypeVar("T")

_BODY = CASE_PROGRESS[0].body
_DOCUMENT = b"000.00.10.H01,2026/11/18,2217/SNNMT-VP"
_encode = msgspec.json.Encoder().encode


class NoAnswer(Exception):
    """The line broke, or the process died: it may or may not have happened."""


@dataclass(slots=True)
class Sender:
    """Sends the messages of one case, and keeps sending the same octets until there is a receipt."""

    world: "World"
    case: Case
    sent: list[Envelope] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    async def run(self) -> None:
        await asyncio.sleep(self.case.starts_s)
        for start in range(0, len(self.case.messages), self.case.batch):
            batch = [self._envelope(message) for message in self.case.messages[start : start + self.case.batch]]
            self.sent += batch
            await self._send_until_received(batch)
            for envelope, message in zip(batch, self.case.messages[start:], strict=False):
                if message.withdrawn_s is not None and envelope.message_id not in self.world.given_up:
                    self.world.also(self._withdraw(envelope, message.withdrawn_s))
            again = [envelope for envelope, message in zip(batch, self.case.messages[start:], strict=False) if message.twice]
            if again:
                await self._send_until_received(again)
            await asyncio.sleep(self.case.pause_s)

    def _envelope(self, message: Message) -> Envelope:
        now = EPOCH + timedelta(seconds=self.world.outside.time.now)
        kind, media_type, body = _body(message)
        return Envelope(
            message_id=message.message_id,
            sender=message.sender,
            recipients=message.recipients,
            kind=kind,
            created_at=now,
            body=body,
            media_type=media_type,
            order_key=message.order_key,
            priority=message.priority,
            expires_at=None if message.life_s is None else now + timedelta(seconds=message.life_s),
        )

    async def _send_until_received(self, batch: Sequence[Envelope]) -> None:
        """Again from the first that was not taken over: nothing behind it was, so nothing can have overtaken it."""
        left = list(batch)
        while left:
            try:
                outcomes = await self.world.ask("gateway", self._submit(tuple(left)))
            except (NoAnswer, Unavailable):
                outcomes = []
            for outcome in outcomes:
                if isinstance(outcome, Unavailable):
                    break
                self._heard(left.pop(0), outcome)
            if left:
                await asyncio.sleep(self.world.outside.chance.choice((0.05, 0.5)))

    async def _withdraw(self, envelope: Envelope, after_s: float) -> None:
        """Until it is answered: what was answered is the hub's word."""
        await asyncio.sleep(after_s)

        async def withdraw(hub: Hub) -> list[Withdrawal]:
            record = await hub.store.envelope(envelope.sender, envelope.message_id)
            return [] if record is None else await hub.recalls.withdraw(record, (), "gửi nhầm")

        while True:
            try:
                answers = await self.world.ask("gateway", withdraw)
            except (NoAnswer, Unavailable):
                await asyncio.sleep(0.3)
                continue
            now = self.world.outside.time.now
            self.world.withdrawn += [(now, one.delivery.delivery_id, one.outcome) for one in answers]
            told = [f"{one.delivery.delivery_id} {one.outcome}" for one in answers]
            self.world.outside.note(envelope.sender, "withdrew", envelope.message_id, told)
            return

    def _submit(self, batch: Sequence[Envelope]) -> Callable[[Hub], Awaitable[list[Outcome]]]:
        async def submit(hub: Hub) -> list[Outcome]:
            caller = hub.directory.current.agencies[batch[0].sender]
            return await hub.intake.submit_many(batch, caller)

        return submit

    def _heard(self, envelope: Envelope, outcome: Outcome) -> None:
        match outcome:
            case ContractError() if outcome.code == "envelope.expired":
                self.world.given_up.add(envelope.message_id)
            case Exception():
                self.world.outside.trouble.append(f"{envelope.message_id}: {outcome!r}")
            case _:
                self.receipts.append(outcome.receipt)
                self.world.outside.note(envelope.sender, "receipt", envelope.message_id, outcome.receipt.sequence, outcome.fresh)


def _body(message: Message) -> tuple[str, str, bytes]:
    """Kind, media type, octets; no two messages say the same."""
    if message.says == "progress":
        line = msgspec.structs.replace(_BODY.line, action=message.message_id)
        return "case.progress/1", "application/json", _encode(msgspec.structs.replace(_BODY, line=line))
    packet = PACKET if message.says == "document" else RECALL
    return "document.packet/1", "application/xml", packet.replace(_DOCUMENT, message.order_key.encode())


@dataclass(slots=True)
class Reader:
    """Empties one mailbox: lists, fetches in the order of the list, acknowledges; what is refused stays refused."""

    world: "World"
    code: AgencyCode
    partner: Partner
    _has: set[int] = field(default_factory=set)

    async def run(self) -> None:
        while True:
            try:
                entries = await self.world.ask("gateway", lambda hub: hub.mailbox.list(self.code, 0, 3, 1.0))
                if entries:
                    await self._take(entries)
            except (NoAnswer, Unavailable):
                await asyncio.sleep(0.3)

    async def _take(self, entries: Sequence[MailboxEntry]) -> None:
        items = []
        for entry in entries:
            refused = self.partner.refuses(entry.delivery_id)
            if not refused and entry.delivery_id not in self._has:
                await self._fetch(entry.delivery_id)
            if not refused and entry.delivery_id not in self._has:
                continue
            items.append(Acknowledgement(delivery_id=entry.delivery_id, result="refused" if refused else "delivered"))
        if items:
            await self.world.ask("gateway", lambda hub: hub.mailbox.acknowledge(self.code, items))

    async def _fetch(self, delivery_id: int) -> None:
        work = await self.world.ask("gateway", lambda hub: hub.mailbox.fetch(self.code, delivery_id))
        now = self.world.outside.time.now
        if work is None:
            self.world.outside.trouble.append(f"{self.code}: delivery {delivery_id} was listed and is not there")
            return
        if work.state not in (State.AVAILABLE, State.DELIVERED):
            return  # taken back meanwhile, which the hub's HTTP says
        self._has.add(delivery_id)
        self.world.outside.note(self.code, "fetched", delivery_id)
        envelope = work.envelope
        self.partner.taken.append(Taken(now, now, self.code, delivery_id, envelope.message_id, envelope.body))


def mended(partners: dict[str, Partner], pulling: set[str]) -> Callable[[Directory], list[Agency]]:
    """What an operator registers: where each partner is now, and who pulls."""

    def change(directory: Directory) -> list[Agency]:
        changed = []
        for agency in directory.agencies.values():
            endpoint = agency.endpoint
            if endpoint is None:
                continue
            if agency.code in pulling:
                changed.append(msgspec.structs.replace(agency, endpoint=None))
            elif endpoint.url != partners[agency.code].url or not endpoint.enabled:
                here = msgspec.structs.replace(endpoint, url=partners[agency.code].url, enabled=True)
                changed.append(msgspec.structs.replace(agency, endpoint=here))
        return changed

    return change
