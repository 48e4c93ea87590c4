"""What the journal tells of parcels: of a day, read in pages, or of one case. Bodies that were erased tell nothing."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from msgspec.structs import replace

from contracts.agency import AgencyCode
from contracts.kinds import find, read_body
from contracts.kinds.postal import PostalCancel, PostalEvent, PostalOrder, PostalSettlement
from contracts.text import identifier_key
from lgsp.core.directory import Directory
from lgsp.core.lifecycle import State
from lgsp.core.postal.reconciliation import PATIENCE_DAYS, Reconciliation, reconcile
from lgsp.core.postal.traffic import ICT, Said, Traffic
from lgsp.ports import EnvelopeRecord, Records

KINDS = ("postal.order/1", "postal.cancel/1", "postal.event/1", "postal.settlement/1")
_OF_AGENCIES = ("postal.order/1", "postal.cancel/1")
LOOK_BACK_DAYS = 30  # how much older than the day an order or a use of a label may be
LOOK_AHEAD_DAYS = 31  # how late an event or a settlement may come
_PAGE = 500
_MAX_ABOUT = 300  # envelopes of one number
_MAX_NUMBERS = 20  # order numbers of one case; a settlement bears those of a whole day
_CLOCKS_DIFFER = timedelta(hours=1)  # of gateways, at most: a later envelope may bear an earlier time
_FAILED = frozenset({State.REFUSED, State.DEAD, State.EXPIRED, State.CANCELLED})

T = TypeVar("T")


async def account_of(
    records: Records,
    directory: Directory,
    day: date,
    look_back_days: int = LOOK_BACK_DAYS,
    patience_days: int = PATIENCE_DAYS,
) -> Reconciliation:
    """Raises what the journal raises. Reading bodies and arithmetic are done beside the event loop; memory holds what was said in
    the period, some 700 bytes an event."""
    first = datetime.combine(day - timedelta(days=look_back_days), time(), ICT)
    until = datetime.combine(day + timedelta(days=LOOK_AHEAD_DAYS + 1), time(), ICT)
    posts, pages = posts_of(directory), list[Traffic]()
    for kind in KINDS:
        async for page in _pages_of(records, kind, first, until):
            pages.append(await asyncio.to_thread(traffic_of, page, posts))
    return await asyncio.to_thread(lambda: reconcile(day, _together(pages), patience_days))


async def traffic_about(records: Records, directory: Directory, identifier: str, party: AgencyCode | None) -> Traffic:
    """What bears this number of a case or parcel, and what bears the order numbers found with it. `party`: only what this agency
    sent or received; None: everything, for the operator. Raises what the journal raises."""
    found = {one.sequence: one for one in await records.find_case(identifier_key(identifier), party, _MAX_ABOUT)}
    numbers = {one.value for record in found.values() for one in record.identifiers if one.scheme == "postal_order"}
    for number in numbers if len(numbers) <= _MAX_NUMBERS else ():
        found |= {one.sequence: one for one in await records.find_case(identifier_key(number), party, _MAX_ABOUT)}
    wanted = [await _with_body(records, record) for _, record in sorted(found.items()) if record.envelope.kind in KINDS]
    return await asyncio.to_thread(traffic_of, wanted, posts_of(directory))


def posts_of(directory: Directory) -> frozenset[str]:
    """Who may say what happened to parcels and what they cost, whatever others were granted."""
    return frozenset(agency.code for agency in directory.agencies.values() if agency.level == "post")


def traffic_of(records: Sequence[EnvelopeRecord], posts: Collection[str]) -> Traffic:
    """`records` with their bodies; `posts` as `posts_of` finds them."""
    bodies = [
        (record, _body(record))
        for record in records
        if record.envelope.body and (record.envelope.kind in _OF_AGENCIES or record.envelope.sender in posts)
    ]
    return Traffic(
        orders=tuple(_by_sender(record, body) for record, body in bodies if isinstance(body, PostalOrder)),
        cancels=tuple(_by_sender(record, body) for record, body in bodies if isinstance(body, PostalCancel)),
        events=tuple(_told(record, body) for record, body in bodies if isinstance(body, PostalEvent)),
        settlements=tuple(_told(record, body) for record, body in bodies if isinstance(body, PostalSettlement)),
    )


async def _pages_of(records: Records, kind: str, since: datetime, until: datetime) -> AsyncIterator[list[EnvelopeRecord]]:
    after, since_page = 0, since
    while True:
        page = await records.envelopes_of((kind,), since_page, until, after, _PAGE)
        yield page
        if len(page) < _PAGE:
            return
        after = page[-1].sequence
        since_page = max(since, page[-1].accepted_at - _CLOCKS_DIFFER)  # each page reads its period anew


async def _with_body(records: Records, record: EnvelopeRecord) -> EnvelopeRecord:
    work = await records.fetch(record.deliveries[0].delivery_id) if record.deliveries else None
    return replace(record, envelope=replace(record.envelope, body=b"" if work is None else work.envelope.body))


def _together(pages: Sequence[Traffic]) -> Traffic:
    return Traffic(
        orders=tuple(one for page in pages for one in page.orders),
        cancels=tuple(one for page in pages for one in page.cancels),
        events=tuple(one for page in pages for one in page.events),
        settlements=tuple(one for page in pages for one in page.settlements),
    )


def _body(record: EnvelopeRecord) -> object:
    envelope = record.envelope
    return read_body(find(envelope.kind), envelope.body, envelope.media_type).model


def _by_sender(record: EnvelopeRecord, body: T) -> Said[T]:
    own = [one for one in record.deliveries if not one.copy]
    failed = bool(own) and all(one.state in _FAILED for one in own)
    return Said(agency=record.envelope.sender, at=record.accepted_at, body=body, failed=failed)


def _told(record: EnvelopeRecord, body: T) -> Said[T]:
    agency = next((one.recipient for one in record.deliveries if not one.copy), record.envelope.recipients[0])
    return Said(agency=agency, at=record.accepted_at, body=body)
