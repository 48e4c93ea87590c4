"""Pull delivery: the recipient lists, fetches and acknowledges. For systems behind firewalls, and communes without servers."""

import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from contracts.agency import AgencyCode
from lgsp.core.lifecycle import State
from lgsp.flow.bell import Bell
from lgsp.flow.settler import Settler
from lgsp.ports import MailboxEntry, Records, Settled, Settlement, Work


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The recipient has it ("delivered"), or will not take it ("refused", with a reason in words)."""

    delivery_id: int
    result: Literal["delivered", "refused"] = "delivered"
    reason: str = ""


class Mailbox:
    """`look_again_s`: what another process put into a mailbox, where the bell of this one is not heard, is seen this late."""

    def __init__(self, records: Records, settler: Settler, bell: Bell, *, look_again_s: float) -> None:
        self._records = records
        self._settler = settler
        self._bell = bell
        self._look_again_s = look_again_s

    async def list(self, recipient: AgencyCode, after: int, limit: int, wait_s: float) -> list[MailboxEntry]:
        """Waiting deliveries with an id above `after`, oldest first; when there are none, waits up to `wait_s` for the first."""
        end = time.monotonic() + wait_s
        while True:
            entries = await self._records.mailbox(recipient, after, limit)
            left_s = end - time.monotonic()
            if entries or left_s <= 0:
                return entries
            await self._bell.wait(recipient, min(left_s, self._look_again_s))

    async def fetch(self, recipient: AgencyCode, delivery_id: int) -> Work | None:
        """A delivery of this recipient, also after it was acknowledged; None for any other."""
        work = await self._records.fetch(delivery_id)
        return work if work is not None and work.recipient == recipient else None

    async def acknowledge(self, recipient: AgencyCode, items: Sequence[Acknowledgement]) -> Sequence[Settled]:
        """Ends deliveries, in the order given. Repeating an acknowledgement is harmless: `applied` is False, `state` tells."""
        return await self._settler.settle([self._settlement(recipient, item) for item in items])

    def _settlement(self, recipient: AgencyCode, item: Acknowledgement) -> Settlement:
        refused = item.result == "refused"
        return Settlement(
            delivery_id=item.delivery_id,
            state=State.REFUSED if refused else State.DELIVERED,
            recipient=recipient,
            reason="delivery.refused_by_recipient" if refused else "",
            detail=item.reason[:500],
        )
