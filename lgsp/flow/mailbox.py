"""Pull delivery: the recipient lists, fetches and acknowledges. For systems behind firewalls, and communes without servers."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from contracts.agency import AgencyCode
from lgsp.core.lifecycle import State
from lgsp.core.retry import Verdict
from lgsp.flow.bell import Bell
from lgsp.flow.clock import loop_time
from lgsp.flow.notices import Notices
from lgsp.flow.settler import Settler
from lgsp.ports import MailboxEntry, Records, Settled, Settlement, Work


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The recipient has it ("delivered"), or will not take it ("refused", with a reason in words)."""

    delivery_id: int
    result: Literal["delivered", "refused"] = "delivered"
    reason: str = ""


class Mailbox:
    """`look_again_s`: what another process put into a mailbox, where the bell of this one is not heard, is seen this late."""

    def __init__(self, records: Records, settler: Settler, notices: Notices, bell: Bell, *, look_again_s: float) -> None:
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
        """A delivery of this recipient, also after it was acknowledged; None for any other."""
        work = await self._records.fetch(delivery_id)
        return work if work is not None and work.recipient == recipient else None

    async def acknowledge(self, recipient: AgencyCode, items: Sequence[Acknowledgement]) -> Sequence[Settled]:
        """Ends deliveries, in the order given, and tells the senders that want to know.

        Repeating an acknowledgement is harmless: `applied` is False, `state` tells.
        """
        outlines = {work.delivery_id: work for work in await self._records.outline([item.delivery_id for item in items])}
        return await self._settler.settle([self._settlement(recipient, item, outlines.get(item.delivery_id)) for item in items])

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
