"""Taking back what was sent: acting on what a document asks of earlier ones, and on a sender's plain word.

Acts after the commit of the envelope that asks, before its answer: whoever got no answer sends the same bytes again, and acting
twice is harmless. If nobody asks again, the request travels to the recipients like any other envelope, behind what it is about.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from contracts.agency import AgencyCode
from contracts.intents import Intent
from contracts.receipt import Receipt
from lgsp.core.admission import Admitted
from lgsp.core.lifecycle import State
from lgsp.core.recall import Recall
from lgsp.core.retry import Verdict
from lgsp.flow.notices import Notices
from lgsp.flow.settler import Settler
from lgsp.ports import DeliveryRecord, EnvelopeRecord, Journal, Records, Settled, Settlement

_PACKETS = "document.packet/"
_MAX_PACKETS = 200  # that bear one document's id

Withdrawn = Literal["cancelled", "requested", "delivered", "ended"]


class Withdrawal(NamedTuple):
    """What became of taking one delivery back: `cancelled` before anybody saw it; `requested`: it may be in somebody's hands, and
    is cancelled if the attempt under way comes to nothing; `delivered`: the recipient has it; `ended` otherwise before."""

    delivery: DeliveryRecord
    outcome: Withdrawn


class Recalls:
    def __init__(
        self, journal: Journal, records: Records, settler: Settler, notices: Notices, clock: Callable[[], datetime]
    ) -> None:
        self._journal = journal
        self._records = records
        self._settler = settler
        self._notices = notices
        self._clock = clock

    async def follow(self, admitted: Admitted, receipt: Receipt) -> None:
        """Does what the accepted envelope asks of earlier ones. Raises Unavailable."""
        match admitted.intent:
            case None:
                return
            case Intent(action="recall_agreed" | "recall_refused"):
                await self._answer(admitted, admitted.intent)
            case Intent():
                await self._supersede(admitted, admitted.intent, receipt)

    async def withdraw(self, record: EnvelopeRecord, recipients: Collection[str], reason: str) -> list[Withdrawal]:
        """The sender's word: what has not arrived at these recipients (none: at any) is cancelled. Raises Unavailable."""
        chosen = [one for one in record.deliveries if not recipients or one.recipient in recipients]
        targets = [one for one in chosen if _may_still_arrive(one.state)]
        settled = await self._cancel(targets, "delivery.recalled", reason)
        outcomes = {one.delivery_id: _outcome(answer) for one, answer in zip(targets, settled, strict=True)}
        return [Withdrawal(one, outcomes.get(one.delivery_id) or _outcome_of_ended(one.state)) for one in chosen]

    async def _supersede(self, admitted: Admitted, intent: Intent, receipt: Receipt) -> None:
        """Recall, update, replacement. An update without the document itself takes nothing away that has not arrived."""
        sender = admitted.envelope.sender
        to = {hop.recipient for hop in admitted.hops}
        earlier = [
            one
            for record in await self._packets(sender, intent.documents)
            if record.sequence < receipt.sequence
            for one in record.deliveries
            if one.recipient in to
        ]
        drops = intent.action == "recall" or intent.complete
        targets = [one for one in earlier if one.state is State.DELIVERED or (drops and _may_still_arrive(one.state))]
        code = "delivery.recalled" if intent.action == "recall" else "delivery.superseded"
        settled = await self._cancel(targets, code, intent.reason)
        if intent.action == "recall":
            now_cancelled = {
                one.delivery_id for one, answer in zip(targets, settled, strict=True) if answer.state is State.CANCELLED
            }
            await self._spare(receipt, earlier, now_cancelled)

    async def _spare(self, receipt: Receipt, earlier: Sequence[DeliveryRecord], now_cancelled: Collection[int]) -> None:
        """A recipient that never saw the document is not asked to give it back."""
        known: dict[AgencyCode, bool] = {}
        for one in earlier:
            gone = one.state is State.CANCELLED or one.delivery_id in now_cancelled
            known[one.recipient] = known.get(one.recipient, False) or not gone
        moot = [one.delivery_id for one in receipt.deliveries if known.get(one.recipient) is False]
        await self._settler.settle([_withdrawal(one, "delivery.nothing_to_recall") for one in moot])

    async def _answer(self, admitted: Admitted, intent: Intent) -> None:
        recipient = admitted.envelope.sender
        asked = [
            one.delivery_id
            for hop in admitted.hops
            for record in await self._packets(hop.recipient, intent.documents)
            for one in record.deliveries
            if one.recipient == recipient and one.recall is Recall.REQUESTED
        ]
        if asked:
            await self._journal.answer_recall(asked, intent.action == "recall_agreed", self._clock())

    async def _packets(self, sender: AgencyCode, documents: Iterable[str]) -> list[EnvelopeRecord]:
        """The sender's own packets that bear one of these ids."""
        found: dict[int, EnvelopeRecord] = {}
        for document in documents:
            for record in await self._records.find_case(document, sender, _MAX_PACKETS):
                if record.envelope.sender == sender and record.envelope.kind.startswith(_PACKETS):
                    found[record.sequence] = record
        return list(found.values())

    async def _cancel(self, deliveries: Sequence[DeliveryRecord], code: str, detail: str) -> Sequence[Settled]:
        works = {work.delivery_id: work for work in await self._records.outline([one.delivery_id for one in deliveries])}
        verdict = Verdict(State.CANCELLED, reason=code, detail=detail)
        return await self._settler.settle(
            [
                msgspec.structs.replace(
                    _withdrawal(one.delivery_id, code, detail), notice=self._notices.about(works[one.delivery_id], verdict)
                )
                for one in deliveries
            ]
        )


def _withdrawal(delivery_id: int, code: str, detail: str = "") -> Settlement:
    return Settlement(delivery_id=delivery_id, state=State.CANCELLED, withdraw=True, reason=code, detail=detail)


def _may_still_arrive(state: State) -> bool:
    """A dead letter by a replay."""
    return not state.is_final or state is State.DEAD


def _outcome(settled: Settled) -> Withdrawn:
    if settled.applied:
        return "cancelled"
    return "requested" if settled.state is None or not settled.state.is_final else _outcome_of_ended(settled.state)


def _outcome_of_ended(state: State) -> Withdrawn:
    match state:
        case State.DELIVERED:
            return "delivered"
        case State.CANCELLED:
            return "cancelled"
        case _:
            return "ended"
