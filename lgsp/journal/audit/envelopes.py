"""Envelopes, their bodies, examinations and deliveries: against their leaves, against their events, and against each other."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

import msgspec

from lgsp.core.audit.finding import Finding, finding
from lgsp.core.log import record
from lgsp.core.log.record import Record, Routed
from lgsp.journal.audit.ahead import Ahead
from lgsp.journal.audit.derived import Derived
from lgsp.journal.audit.rows import KeptDelivery, KeptEnvelope, KeptErasure, KeptEvent
from lgsp.journal.audit.standing import standing
from lgsp.journal.audit.telling import Told, differences
from lgsp.journal.codec import Header, decode_header, moment_of

_BROKEN = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


class Whole(NamedTuple):
    """One envelope with what hangs on it. `leaf`: of class Accepted, None: older than the log; `routed`: of its deliveries."""

    row: KeptEnvelope
    leaf: tuple[int, record.Accepted] | None
    routed: Sequence[Routed]
    deliveries: Sequence[KeptDelivery]
    events: Sequence[KeptEvent]
    examination: bytes | None
    erasure: KeptErasure | None
    bodies: str

    @property
    def end(self) -> int | None:
        """The number of the leaf after its last."""
        return None if self.leaf is None else self.leaf[0] + 1 + self.leaf[1].deliveries

    def when(self, name: str) -> int | None:
        """When the last event of this name happened."""
        return max((event.at for event in self.events if event.name == name), default=None)


class Tables(NamedTuple):
    """All by sequence, `deliveries` by id, which is the same; `leaves` of class Accepted and Routed, by number."""

    leaves: Iterator[Told]
    envelopes: Iterator[KeptEnvelope]
    deliveries: Iterator[KeptDelivery]
    events: Iterator[KeptEvent]
    examinations: Iterator[tuple[int, bytes]]
    keeping: Iterator[KeptErasure]
    bodies: str  # the table that they are in


def envelopes(tables: Tables, logged_from: int, derived: Derived) -> Iterator[Finding]:
    """`derived` is shown each envelope: other tables follow from it."""
    found: list[Finding] = []
    before: Whole | None = None
    for one in _wholes(tables, logged_from, found):
        yield from _drained(found)
        yield from _numbers(one, before)
        yield from _envelope(one, derived)
        before = one
    yield from _drained(found)
    if before is not None and before.end is not None and before.row.tree_size != before.end:
        yield finding("row.inconsistent", "envelopes", _name(before.row), "tree_size", before.end, before.row.tree_size)


def _envelope(one: Whole, derived: Derived) -> Iterator[Finding]:
    row, name = one.row, _name(one.row)
    if one.leaf is not None:
        index, accepted = one.leaf
        if row.leaf_index != index:
            yield finding("row.differs", "envelopes", name, "leaf_index", index, row.leaf_index)
        yield from _examination(one, accepted)
        yield from differences("envelopes", name, accepted, partial(_accepted, row, accepted))
    elif row.leaf_index is not None or row.salt is not None:
        yield finding("row.unexpected", "envelopes", name, "leaf_index", "NULL", row.leaf_index)
    try:
        header = decode_header(row.header)
    except _BROKEN as error:
        yield finding("row.unreadable", "envelopes", name, "header", found=error)
    else:
        yield from _follows_from_header(one, header)
        recipients = {delivery.recipient for delivery in one.deliveries}
        derived.envelope(row, header, recipients, files_erased=one.when("files_erased") is not None)
    if one.examination is not None:
        derived.examination(one.examination)
    yield from _erasure(one)
    yield from _deliveries(one)


def _erasure(one: Whole) -> Iterator[Finding]:
    body, files = one.when("body_erased"), one.when("files_erased")
    kept = one.erasure or KeptErasure(one.row.sequence, None, None, None)
    for column, should, does in (("body_erased_at", body, kept.body_erased_at), ("files_erased_at", files, kept.files_erased_at)):
        if should != does:
            yield finding("row.differs", "keeping", _name(one.row), column, should, does)


def _examination(one: Whole, leaf: record.Accepted) -> Iterator[Finding]:
    name, document = _name(one.row), one.examination
    if document is None:
        if leaf.examination:
            yield finding("row.missing", "examinations", name)
    elif not leaf.examination:
        yield finding("row.unexpected", "examinations", name)
    elif (digest := record.salted(one.row.salt or b"", document)) != leaf.examination:
        yield finding("row.differs", "examinations", name, "document", leaf.examination, digest)


def _accepted(row: KeptEnvelope, leaf: record.Accepted) -> Record:
    """The leaf that this row would have; the examination is in a table of its own. Raises ValueError where none can be made."""
    salt = row.salt or b""
    return record.Accepted(
        at=moment_of(row.accepted_at),
        sequence=row.sequence,
        sender=row.sender,
        message_id=row.message_id,
        kind=row.kind,
        digest=record.salted(salt, row.digest.encode()),
        header=record.salted(salt, row.header),
        expires_at=moment_of(row.expires_at),
        directory=row.directory_version,
        first_delivery=row.first_delivery_id,
        deliveries=row.delivery_count,
        verdict=leaf.verdict,
        examination=leaf.examination,
    )


def _follows_from_header(one: Whole, header: Header) -> Iterator[Finding]:
    row, name = one.row, _name(one.row)
    follows = (
        ("sender", header.sender, row.sender),
        ("message_id", header.message_id, row.message_id),
        ("kind", header.kind, row.kind),
        ("priority", header.priority, row.priority),
        ("order_key", header.lane_key, row.order_key),
    )
    for column, should, does in follows:
        if should != does:
            yield finding("row.inconsistent", "envelopes", name, column, should, does)
    is_erased = one.when("body_erased") is not None
    if row.body is None:
        if not is_erased:
            yield finding("body.missing", one.bodies, name, "body")
        return
    if is_erased:
        yield finding("body.unexpected", one.bodies, name, "body")
    if len(row.body) != row.body_bytes:
        yield finding("row.inconsistent", "envelopes", name, "body_bytes", len(row.body), row.body_bytes)
    digest = header.envelope(row.body).digest()
    if digest != row.digest:
        yield finding("row.inconsistent", one.bodies, name, "body", row.digest, digest)


def _numbers(one: Whole, before: Whole | None) -> Iterator[Finding]:
    """Dense, and the tree that the receipt speaks of is the one that the transaction left behind: its last envelope ends it."""
    row, expected, first_delivery = one.row, 1, 1
    if before is not None:
        expected, first_delivery = before.row.sequence + 1, before.row.first_delivery_id + before.row.delivery_count
    if row.sequence != expected:
        yield finding("number.gap", "envelopes", _name(row), "sequence", expected, row.sequence)
    elif row.first_delivery_id != first_delivery:
        yield finding("number.gap", "envelopes", _name(row), "first_delivery_id", first_delivery, row.first_delivery_id)
    if before is None or before.end is None or before.row.tree_size == before.end:
        return
    is_of_one_transaction = one.leaf is not None and one.leaf[0] == before.end
    if not is_of_one_transaction or row.tree_size != before.row.tree_size:
        yield finding("row.inconsistent", "envelopes", _name(before.row), "tree_size", before.end, before.row.tree_size)


def _deliveries(one: Whole) -> Iterator[Finding]:
    row = one.row
    if one.leaf is not None:
        rows = {delivery.delivery_id: delivery for delivery in one.deliveries}
        for routed in one.routed:
            kept = rows.pop(routed.delivery, None)
            if kept is None:
                yield finding("row.missing", "deliveries", f"delivery_id {routed.delivery}", expected=routed.recipient)
            else:
                yield from differences("deliveries", _delivery(kept), routed, partial(_routed, row, kept, routed))
        for left in rows.values():
            yield finding("row.unexpected", "deliveries", _delivery(left), found=left.recipient)
    told = {key: list(of_one) for key, of_one in groupby(sorted(one.events, key=_of_delivery), key=_of_delivery)}
    entered = {routed.delivery: routed.state for routed in one.routed}
    for delivery in one.deliveries:
        for column, should, does in (
            ("priority", row.priority, delivery.priority),
            ("expires_at", row.expires_at, delivery.expires_at),
            ("copy", bool(delivery.copy), delivery.copy),
        ):
            if should != does:
                yield finding("row.inconsistent", "deliveries", _delivery(delivery), column, should, does)
        events = told.get(delivery.delivery_id, [])
        yield from standing(delivery, entered.get(delivery.delivery_id, ""), events)


def _routed(row: KeptEnvelope, one: KeptDelivery, leaf: Routed) -> Record:
    """The leaf that this row would have; in which state it began nobody keeps but the leaf."""
    return Routed(
        at=leaf.at,
        sequence=one.sequence,
        delivery=one.delivery_id,
        sender=row.sender,
        recipient=one.recipient,
        number=0 if one.number is None else one.number,
        addressed_as="" if one.addressed_as == one.recipient else one.addressed_as or "(empty)",
        copy=bool(one.copy),
        state=leaf.state,
        blind=record.blind_of(row.salt or b"", one.delivery_id),
    )


def _wholes(tables: Tables, logged_from: int, found: list[Finding]) -> Iterator[Whole]:
    """Envelope by envelope. What is missing, and what hangs on none, goes to `found`."""
    groups = Ahead(_groups(tables.leaves), lambda group: group.accepted.sequence)
    deliveries = Ahead(tables.deliveries, lambda row: row.delivery_id)
    events = Ahead(tables.events, lambda event: event.sequence)
    examinations = Ahead(tables.examinations, lambda examination: examination[0])
    keeping = Ahead(tables.keeping, lambda erasure: erasure.sequence)
    for row in tables.envelopes:
        for missing in groups.below(row.sequence):
            found += _missing(missing, deliveries)
        group = next(groups.at(row.sequence), None)
        if group is None and row.sequence >= logged_from:
            found.append(finding("row.unexpected", "envelopes", _name(row), found=f"{row.sender}/{row.message_id}"))
        for _ in events.below(row.sequence):
            pass  # of no envelope: lgsp.journal.audit.telling speaks of it
        found += _strays("examinations", (one[0] for one in examinations.below(row.sequence)))
        found += _strays("keeping", (one.sequence for one in keeping.below(row.sequence)))
        yield Whole(
            row,
            None if group is None else (group.leaf, group.accepted),
            () if group is None else group.routed,
            list(_its_deliveries(row, group, logged_from, deliveries, found)),
            list(events.at(row.sequence)),
            next((document for _, document in examinations.at(row.sequence)), None),
            next(keeping.at(row.sequence), None),
            tables.bodies,
        )
    for missing in groups.rest():
        found += _missing(missing, deliveries)
    found += [finding("row.unexpected", "deliveries", _delivery(one)) for one in deliveries.rest()]
    found += _strays("examinations", (one[0] for one in examinations.rest()))
    found += _strays("keeping", (one.sequence for one in keeping.rest()))


class _Group(NamedTuple):
    """The leaves of one envelope, the first of them number `leaf`."""

    leaf: int
    accepted: record.Accepted
    routed: Sequence[Routed]

    @property
    def end(self) -> int:
        """The delivery id after its last."""
        return self.accepted.first_delivery + self.accepted.deliveries


def _groups(leaves: Iterable[Told]) -> Iterator[_Group]:
    group: _Group | None = None
    routed: list[Routed] = []
    for index, one in leaves:
        if isinstance(one, record.Accepted):
            if group is not None:
                yield group._replace(routed=routed)
            group, routed = _Group(index, one, ()), []
        elif isinstance(one, Routed):
            routed.append(one)
    if group is not None:
        yield group._replace(routed=routed)


def _its_deliveries(
    row: KeptEnvelope, group: _Group | None, logged_from: int, deliveries: Ahead[KeptDelivery], found: list[Finding]
) -> Iterator[KeptDelivery]:
    """By the numbers in the leaf; of what is older than the log, by those in the row."""
    if group is None and row.sequence >= logged_from:
        return
    first = row.first_delivery_id if group is None else group.accepted.first_delivery
    end = first + row.delivery_count if group is None else group.end
    for stray in deliveries.below(first):
        found.append(finding("row.unexpected", "deliveries", _delivery(stray), found=stray.recipient))
    yield from deliveries.below(end)


def _missing(group: _Group, deliveries: Ahead[KeptDelivery]) -> list[Finding]:
    one, kept = group.accepted, {row.delivery_id for row in deliveries.below(group.end)}
    gone = [routed for routed in group.routed if routed.delivery not in kept]
    return [
        finding("row.missing", "envelopes", f"sequence {one.sequence}", expected=f"{one.sender}/{one.message_id}"),
        *(finding("row.missing", "deliveries", f"delivery_id {routed.delivery}", expected=routed.recipient) for routed in gone),
    ]


def _strays(table: str, sequences: Iterable[int]) -> list[Finding]:
    return [finding("row.unexpected", table, f"sequence {sequence}") for sequence in sequences]


def _drained(found: list[Finding]) -> Iterator[Finding]:
    yield from found
    found.clear()


def _name(row: KeptEnvelope) -> str:
    return f"sequence {row.sequence}"


def _delivery(row: KeptDelivery) -> str:
    return f"delivery_id {row.delivery_id}"


def _of_delivery(event: KeptEvent) -> int:
    return event.delivery_id or 0
