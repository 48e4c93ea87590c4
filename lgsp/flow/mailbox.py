"""Pull delivery: the recipient lists, fetches and acknowledges. For systems behind firewalls, and communes without servers."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from lgsp.core.lifecycle import State
from lgsp.core.retry import Verdict
from lgsp.flow.bell import Bell
from lgsp.flow.clock import loop_time
from lgsp.flow.group import Group
from lgsp.flow.notices import Notices
from lgsp.flow.settler import Settler
from lgsp.ports import Journal, MailboxEntry, Records, Settled, Settlement, Work

_FETCHES_AT_ONCE, _FETCHES_WAITING = 250, 10_000
_LINGER_S = 0.004
_OPEN_TO_RECIPIENT = frozenset({State.AVAILABLE, State.DELIVERED, State.REFUSED})


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The recipient has it ("delivered"), or will not take it ("refused", with a reason in words)."""

    delivery_id: int
    result: Literal["delivered", "refused"] = "delivered"
    reason: str = ""


class Mailbox:
    """`look_again_s`: what another process put into a mailbox, where the bell of this one is not heard, is seen this late."""

    def __init__(
        self,
        journal: Journal,
        records: Records,
        settler: Settler,
        notices: Notices,
        bell: Bell,
        clock: Callable[[], datetime],
        *,
        look_again_s: float,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._fetches: Group[int, bool] = Group(
            self._mark_fetched, max_batch=_FETCHES_AT_ONCE, capacity=_FETCHES_WAITING, linger_s=_LINGER_S
        )
        self._records = records
        self._settler = settler
        self._notices = notices
        self._bell = bell
        self._look_again_s = look_again_s

    async def list(self, recipient: AgencyCode, after: int, limit: int, wait_s: float) -> list[MailboxEntry]:
        """Waiting deliveries with an id above `after`, oldest first; when there are none, waits up to `wait_s` for the first.

        `after` leads through the pages of one listing and is no place to go on from later: a delivery that waited behind another
        one of its lane appears with its lower id.
        """
        end = loop_time() + wait_s
        while True:
            entries = await self._records.mailbox(recipient, after, limit)
            left_s = end - loop_time()
            if entries or left_s <= 0:
                return entries
            await self._bell.wait(recipient, min(left_s, self._look_again_s))

    async def fetch(self, recipient: AgencyCode, delivery_id: int) -> Work | None:
        """A delivery of this recipient, also after it was acknowledged; None for any other.

        Out of the mailbox it is handed only once the journal knows: from then on it cannot be cancelled behind the recipient's
        back. Raises JournalUnavailable or Overloaded.
        """
        work = await self._records.fetch(delivery_id)
        if work is None or work.recipient != recipient:
            return None
        if work.state is State.AVAILABLE:
            (still_there,) = await self._fetches.submit((delivery_id,))
            if not still_there:
                return await self._records.fetch(delivery_id)
        return work

    async def take(self, recipient: AgencyCode, delivery_id: int) -> Work:
        """What the recipient may have: as `fetch`. Raises ContractError "access.not_a_party", "delivery.recalled" or
        "envelope.erased" as well."""
        work = await self.fetch(recipient, delivery_id)
        if work is None or work.state not in _OPEN_TO_RECIPIENT:
            recalled = work is not None and work.state is State.CANCELLED
            raise ContractError("delivery.recalled" if recalled else "access.not_a_party", "delivery_id")
        if work.erased:
            raise ContractError("envelope.erased", "delivery_id")
        return work

    async def acknowledge(self, recipient: AgencyCode, items: Sequence[Acknowledgement]) -> Sequence[Settled]:
        """Ends deliveries, in the order given, and tells the senders that want to know.

        Repeating an acknowledgement is harmless: `applied` is False, `state` tells.
        """
        outlines = {work.delivery_id: work for work in await self._records.outline([item.delivery_id for item in items])}
        return await self._settler.settle([self._settlement(recipient, item, outlines.get(item.delivery_id)) for item in items])

    async def _mark_fetched(self, delivery_ids: Sequence[int]) -> Sequence[bool]:
        return await self._journal.mark_fetched(delivery_ids, self._clock())

    def _settlement(self, recipient: AgencyCode, item: Acknowledgement, work: Work | None) -> Settlement:
        verdict = _verdict(item)
        ends = work is not None and work.recipient == recipient and not work.state.is_final
        return Settlement(
            delivery_id=item.delivery_id,
            state=verdict.state,
            recipient=recipient,
            reason=verdict.reason,
            detail=verdict.detail,
            notice=self._notices.about(work, verdict) if work is not None and ends else None,
        )


def _verdict(item: Acknowledgement) -> Verdict:
    if item.result == "refused":
        return Verdict(State.REFUSED, reason="delivery.refused_by_recipient", detail=item.reason[:500])
    return Verdict(State.DELIVERED, detail=item.reason[:500])
