"""Tracking pages for clients that page with a cursor, out of the caller's mailbox.

The interface has no word for "I have it", and the known client begins at the first id for every order that it looks for. So an
event stays listed for `KEPT`, and is acknowledged once it is older and the client's cursor has passed it.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta

from adapters.vnpost.mapping import number_of
from adapters.vnpost.messages import Documents, Oid, PageMessage, TrackingMessage
from contracts.desk import Desk, Waiting
from contracts.errors import ContractError
from contracts.kinds import find, read_body
from contracts.kinds.postal import PostalEvent

KINDS = ("postal.event/1",)
KEPT = timedelta(days=30)
_AT_ONCE = 16  # fetches; the hub writes the first of each together
_ACKNOWLEDGED_AT_ONCE = 200
_CLOSES = 4  # StatusCode by which the known client sees that a parcel was delivered
_ID = re.compile(r"[0-9a-fA-F]{1,24}")


async def tracking_page(desk: Desk, last_id: str, limit: int, customer_code: str = "") -> PageMessage:
    """At most `limit` events behind `last_id`, of one contract or of all. Raises ContractError "request.field_invalid".

    Reads on until there is something to show: clients take an empty page for the end.
    """
    after = delivery_of(last_id)
    await _acknowledge_old(desk, after)
    documents: tuple[TrackingMessage, ...] = ()
    more = True
    while more and not documents:
        waiting = list(await desk.waiting(KINDS, after, limit + 1))
        more = len(waiting) > limit
        read = await _read(desk, waiting[:limit])
        documents = tuple(message_of(one, event) for one, event in read if customer_code in ("", event.customer_code))
        after = waiting[limit - 1].delivery_id if more else after
    return PageMessage(
        size=len(documents),
        total_pages=2 if more else 1,
        returned=len(documents),
        embedded=Documents(doc=documents, rh_doc=documents) if documents else None,
    )


def delivery_of(last_id: str) -> int:
    """An id is the delivery's number in 24 hex digits."""
    if not _ID.fullmatch(last_id):
        raise ContractError("request.field_invalid", "lastId", "24 hex digits")
    return min(int(last_id, 16), 2**63 - 1)


def id_of(delivery_id: int) -> str:
    return f"{delivery_id:024x}"


def message_of(one: Waiting, event: PostalEvent) -> TrackingMessage:
    oid = id_of(one.delivery_id)
    return TrackingMessage(
        id=Oid(oid, oid),
        customer_code=event.customer_code,
        order_number=number_of(event.order_number, event.leg),
        event_time=int(event.at.timestamp() * 1000),
        pos_id=None if event.place is None else event.place.code or event.place.name,
        item_code=event.item_code,
        status_code=_CLOSES if event.status_code is None and event.state == "delivered" else event.status_code,
        status_message=event.status_text or event.state,
        notes=event.note,
    )


async def _read(desk: Desk, waiting: Sequence[Waiting]) -> list[tuple[Waiting, PostalEvent]]:
    """What was erased or taken back meanwhile is left out."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def fetch(one: Waiting) -> tuple[Waiting, PostalEvent] | None:
        async with room:
            try:
                envelope = (await desk.fetch(one.delivery_id)).envelope
            except ContractError as error:
                if error.problem.retryable:
                    raise
                return None
        event = read_body(find(envelope.kind), envelope.body, envelope.media_type).model
        assert isinstance(event, PostalEvent)  # the model of KINDS
        return one, event

    return [found for found in await asyncio.gather(*map(fetch, waiting)) if found is not None]


async def _acknowledge_old(desk: Desk, passed: int) -> None:
    if not passed:
        return
    old_at = desk.now() - KEPT
    oldest = await desk.waiting(KINDS, 0, _ACKNOWLEDGED_AT_ONCE)
    for one in oldest:
        if one.delivery_id <= passed and one.accepted_at < old_at:
            await desk.acknowledge(one.delivery_id)
