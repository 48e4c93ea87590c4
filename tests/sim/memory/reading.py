"""Everything that only reads."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec

from contracts.agency import AgencyCode
from contracts.text import identifier_key
from lgsp.core.lifecycle import State
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.placed import Place
from lgsp.core.log.tiles import Span
from lgsp.journal.codec import EventRow, maybe_moment, moment_of, span_us, with_body
from lgsp.journal.moves import ACCOUNTED, balanced
from lgsp.journal.moves import mismatches as mismatched
from lgsp.ports import Balance, DeliveryRecord, EnvelopeRecord, Event, Looked, MailboxEntry, Ref, Work
from tests.sim.memory.tables import Delivery, Kept, Tables

_PUBLISHED = (State.READY, State.QUEUED)


def hydrate(tables: Tables, refs: Sequence[Ref]) -> list[Work]:
    awaited = {(ref.delivery_id, ref.attempt) for ref in refs}
    found = [tables.open[number] for number in sorted({ref.delivery_id for ref in refs}) if number in tables.open]
    return [
        with_hold(tables, work_of(tables, one))
        for one in found
        if one.state in _PUBLISHED and (one.number, one.attempt) in awaited
    ]


def overdue(tables: Tables, now_us: int, grace_s: float, limit: int) -> list[Work]:
    expired, given_up = [], []
    for one in tables.open.values():
        until_us = now_us - span_us(grace_s) if one.state in _PUBLISHED else now_us
        if one.row.expires_at <= until_us:
            expired.append((one.row.expires_at, one.number))
        elif one.state is State.PARKED and one.due_at is not None and one.due_at <= now_us:
            given_up.append((one.due_at, one.number))
    late = [*sorted(expired), *sorted(given_up)][:limit]
    return [with_hold(tables, outline_of(tables, tables.open[number])) for _, number in late]


def with_hold(tables: Tables, work: Work) -> Work:
    hold = tables.holds.get(work.recipient)
    return work if hold is None else msgspec.structs.replace(work, hold=hold)


def mailbox(tables: Tables, recipient: AgencyCode, after: int, limit: int) -> list[MailboxEntry]:
    theirs = [one for one in tables.open.values() if one.state is State.AVAILABLE and one.row.recipient == recipient]
    later = sorted((one for one in theirs if one.number > after), key=lambda one: one.number)
    return [_entry(one, tables.kept(one)) for one in later[:limit]]


def timeline(tables: Tables, sequences: Sequence[int]) -> list[Event]:
    wanted = set(sequences)
    return [_event(tables, number, row) for number, row in enumerate(tables.events, 1) if row.sequence in wanted]


def find_case(tables: Tables, text: str, party: AgencyCode | None, limit: int) -> list[EnvelopeRecord]:
    found = [record_of(tables, one) for one in tables.envelopes if identifier_key(text) in one.keys]
    theirs = [one for one in found if party is None or party in (one.envelope.sender, *(d.recipient for d in one.deliveries))]
    return theirs[-limit:]


def envelopes_of(
    tables: Tables, kinds: Sequence[str], since: datetime, until: datetime, after: int, limit: int, sender: AgencyCode | None
) -> list[EnvelopeRecord]:
    found = [
        one for one in tables.envelopes if one.row.kind in kinds and sender in (None, one.row.sender) and one.row.sequence > after
    ]
    records = [(record_of(tables, one), one) for one in found]
    within = [(record, one) for record, one in records if since <= record.accepted_at < until]
    return [with_body(record, None if record.body_erased_at else one.envelope.body) for record, one in within[:limit]]


def balance(tables: Tables) -> Balance:
    by_state = Counter(one.state for one in tables.deliveries.values())
    return balanced(dict(by_state), Counter(event.name for event in tables.events))


def mismatches(tables: Tables, after: int, limit: int) -> Looked | None:
    stretch = tables.envelopes[after : after + limit]
    if not stretch:
        return None
    looked = {kept.row.sequence for kept in stretch}
    states = {one.number: one.state for one in tables.deliveries.values() if one.row.sequence in looked}
    told = Counter((event.delivery_id, event.name) for event in tables.events if event.sequence in looked)
    events = [(number, name, times) for (number, name), times in told.items() if name in ACCOUNTED]
    return Looked(stretch[-1].row.sequence, mismatched(states, events))


def hashes(tables: Tables, spans: Sequence[Span]) -> dict[tuple[int, int], bytes]:
    """Straight from the definition: RFC 6962, 2.1."""
    return {
        (level, index): _root(tables.leaves[index << 8 * level : (index + 1) << 8 * level])
        for level, first, count in spans
        for index in range(first, first + count)
        if (index + 1) << 8 * level <= len(tables.leaves)
    }


def _root(leaves: Sequence[bytes]) -> bytes:
    return append(Frontier(), [leaf_hash(one) for one in leaves]).after.root


def work_of(tables: Tables, one: Delivery) -> Work:
    kept = tables.kept(one)
    return Work(
        delivery_id=one.number,
        attempt=one.attempt,
        postponed=one.postponed,
        recipient=AgencyCode(one.row.recipient),
        addressed_as=AgencyCode(one.row.addressed_as),
        state=one.state,
        sequence=one.row.sequence,
        accepted_at=moment_of(kept.row.accepted_at),
        expires_at=moment_of(one.row.expires_at),
        envelope=kept.envelope,
        order_key=kept.order_key,
        identifiers=kept.identifiers,
        copy=one.row.copy,
        recall=one.recall,
        ready_at=maybe_moment(one.ready_at),
        replays=one.replays,
        number=one.row.number,
        erased=_gone(tables, kept)[0] is not None,
    )


def outline_of(tables: Tables, one: Delivery) -> Work:
    work = work_of(tables, one)
    return msgspec.structs.replace(work, envelope=msgspec.structs.replace(work.envelope, body=b""), erased=False)


def record_of(tables: Tables, kept: Kept) -> EnvelopeRecord:
    row = kept.row
    numbers = range(row.first_delivery_id, row.first_delivery_id + row.delivery_count)
    return EnvelopeRecord(
        sequence=row.sequence,
        accepted_at=moment_of(row.accepted_at),
        expires_at=moment_of(row.expires_at),
        digest=row.digest,
        directory_version=row.directory_version,
        body_bytes=row.body_bytes,
        envelope=msgspec.structs.replace(kept.envelope, body=b""),
        order_key=kept.order_key,
        identifiers=kept.identifiers,
        deliveries=tuple(_delivery(tables.deliveries[number]) for number in numbers),
        place=Place(row.leaf_index, row.tree_size, row.salt),
        body_erased_at=maybe_moment(_gone(tables, kept)[0]),
        files_erased_at=maybe_moment(_gone(tables, kept)[1]),
    )


def _gone(tables: Tables, kept: Kept) -> tuple[int | None, int | None]:
    """When its body and its files were erased."""
    return tables.gone.get(kept.row.sequence, (None, None))


def _entry(one: Delivery, kept: Kept) -> MailboxEntry:
    row = kept.row
    return MailboxEntry(
        delivery_id=one.number,
        sequence=row.sequence,
        sender=AgencyCode(row.sender),
        message_id=row.message_id,
        kind=row.kind,
        priority=row.priority,
        order_key=row.order_key,
        accepted_at=moment_of(row.accepted_at),
        expires_at=moment_of(row.expires_at),
        body_bytes=row.body_bytes,
        number=one.row.number,
    )


def _event(tables: Tables, number: int, row: EventRow) -> Event:
    return Event(
        event_id=number,
        at=moment_of(row.at),
        name=row.name,
        sequence=row.sequence,
        delivery_id=row.delivery_id,
        recipient=None if row.delivery_id is None else AgencyCode(tables.deliveries[row.delivery_id].row.recipient),
        attempt=row.attempt,
        reason=row.reason,
        detail=row.detail,
        took_ms=row.took_ms,
        leaf_index=row.leaf_index,
        salt=row.salt,
    )


def _delivery(one: Delivery) -> DeliveryRecord:
    return DeliveryRecord(
        delivery_id=one.number,
        recipient=AgencyCode(one.row.recipient),
        addressed_as=AgencyCode(one.row.addressed_as),
        state=one.state,
        attempt=one.attempt - one.postponed,
        due_at=maybe_moment(one.due_at),
        ended_at=maybe_moment(one.ended_at),
        fetched_at=maybe_moment(one.fetched_at),
        reason=one.reason,
        detail=one.detail,
        copy=one.row.copy,
        recall=one.recall,
        number=one.row.number,
    )
