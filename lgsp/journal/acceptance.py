"""What accepted envelopes put into the journal: rows, and the leaves of the log that tell of them. Pure."""

import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from contracts.envelope import Attachment
from lgsp.core.admission import Admitted
from lgsp.core.lifecycle import State
from lgsp.core.log import record
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.placed import Place
from lgsp.core.receipts import delivery_ref
from lgsp.core.routing import Hop
from lgsp.core.signatures.finding import Examination, Exhibit
from lgsp.journal.codec import (
    FIRST_ATTEMPT,
    MODES,
    AccessRow,
    DeliveryRow,
    EnvelopeRow,
    EventRow,
    encode_examination,
    encode_header,
    micros,
    moment_of,
    span_us,
)
from lgsp.journal.leaves import Grown, grow
from lgsp.ports import Accepted, Ref
from signing.report import Verdict

Pair = tuple[str, str]  # sender, recipient


class Numbers(NamedTuple):
    """The last ones given out, and the tree as it stands."""

    sequence: int
    delivery_id: int
    tree: Frontier


class Written(NamedTuple):
    """The rows of one envelope."""

    envelope: EnvelopeRow
    body: bytes
    deliveries: list[DeliveryRow]
    events: list[EventRow]
    identifier_keys: set[str]
    access: set[AccessRow]
    examination: bytes | None  # lgsp.core.signatures.finding.Examination
    exhibits: tuple[Exhibit, ...]


class Batch(NamedTuple):
    """What one transaction writes, the leaves that tell of it, and the answers."""

    rows: list[Written]
    grown: Grown
    accepted: list[Accepted]


def pairs_of(batch: Iterable[Admitted]) -> set[Pair]:
    """Whose numbers `write` needs."""
    return {(one.envelope.sender, hop.recipient) for one in batch for hop in one.hops}


def write(
    batch: Sequence[Admitted],
    entering: Sequence[Sequence[State]],
    last: Numbers,
    pairs: dict[Pair, int],
    now_us: int,
    ready_lease_s: float,
    salts: bytes = b"",
) -> Batch:
    """New envelopes whose hops enter in these states (`moves.enter`), one by one. `pairs` has the last number of each pair, and
    is brought up to date. `salts`: 16 bytes an envelope; drawn where none are given."""
    salts = salts or secrets.token_bytes(record.SALT_BYTES * len(batch))
    size_after = last.tree.size + sum(1 + len(one.hops) for one in batch)
    due_us = now_us + span_us(ready_lease_s)
    sequence, delivery_id = last.sequence, last.delivery_id
    rows: list[Written] = []
    leaves: list[bytes] = []
    answers: list[Accepted] = []
    for number, (admitted, states) in enumerate(zip(batch, entering, strict=True)):
        salt = salts[number * record.SALT_BYTES : (number + 1) * record.SALT_BYTES]
        place = Place(last.tree.size + len(leaves), size_after, salt)
        sequence += 1
        deliveries = _deliveries(admitted, states, sequence, delivery_id + 1, pairs, now_us, due_us)
        one = _written(admitted, deliveries, sequence, delivery_id + 1, place, now_us)
        delivery_id += len(deliveries)
        leaves += _leaves(one, admitted)
        rows.append(one)
        answers.append(_answer(admitted, one, place))
    grown = grow(last.tree, leaves)
    proved = [
        replace(answer, logged=grown.logged(answer.place.index - grown.first, answer.place.salt))
        for answer in answers
        if answer.place is not None
    ]
    return Batch(rows, grown, proved)


def access_rows(attachments: Sequence[Attachment], agencies: Iterable[str]) -> set[AccessRow]:
    """Every agency gets every file."""
    if not attachments:
        return set()
    return {AccessRow(one.digest, agency, one.size_bytes) for agency in agencies for one in attachments}


def _deliveries(
    admitted: Admitted,
    states: Sequence[State],
    sequence: int,
    first_id: int,
    pairs: dict[Pair, int],
    now_us: int,
    due_us: int,
) -> list[DeliveryRow]:
    sender, priority, expires_us = admitted.envelope.sender, admitted.envelope.priority, micros(admitted.expires_at)
    rows = []
    for delivery_id, (hop, state) in enumerate(zip(admitted.hops, states, strict=True), first_id):
        is_ready = state is State.READY
        rows.append(
            DeliveryRow(
                delivery_id,
                sequence,
                hop.recipient,
                hop.addressed_as,
                hop.lane,
                hop.shard,
                priority,
                MODES.index(hop.mode),
                int(state),
                FIRST_ATTEMPT,
                due_us if is_ready else None,
                expires_us,
                hop.copy,
                now_us if is_ready else None,
                _next_number(pairs, sender, hop),
            )
        )
    return rows


def _next_number(pairs: dict[Pair, int], sender: str, hop: Hop) -> int:
    number = pairs.get((sender, hop.recipient), 0) + 1
    pairs[sender, hop.recipient] = number
    return number


def _written(
    admitted: Admitted, deliveries: list[DeliveryRow], sequence: int, first_id: int, place: Place, now_us: int
) -> Written:
    envelope, examined = admitted.envelope, admitted.examined
    return Written(
        EnvelopeRow(
            sequence,
            envelope.sender,
            envelope.message_id,
            admitted.digest,
            envelope.kind,
            envelope.priority,
            admitted.order_key,
            len(envelope.body),
            encode_header(admitted),
            now_us,
            micros(admitted.expires_at),
            admitted.directory_version,
            first_id,
            len(deliveries),
            place.salt,
            place.index,
            place.size,
        ),
        envelope.body,
        deliveries,
        _events(deliveries, place.index + 1, now_us),
        {identifier.key for identifier in admitted.identifiers},
        access_rows(envelope.attachments, (envelope.sender, *(hop.recipient for hop in admitted.hops))),
        None if examined is None else encode_examination(examined.examination),
        () if examined is None else examined.exhibits,
    )


def _events(deliveries: Sequence[DeliveryRow], first_leaf: int, now_us: int) -> list[EventRow]:
    """Where a delivery starts in a mailbox, its one leaf tells both."""
    rows = []
    for leaf_index, one in enumerate(deliveries, first_leaf):
        rows.append(EventRow(now_us, "accepted", one.sequence, one.delivery_id, leaf_index=leaf_index))
        if one.state == State.AVAILABLE:
            rows.append(EventRow(now_us, State.AVAILABLE.label, one.sequence, one.delivery_id, leaf_index=leaf_index))
    return rows


def _leaves(one: Written, admitted: Admitted) -> list[bytes]:
    """That of the envelope, then those of its deliveries."""
    row, examined = one.envelope, admitted.examined
    accepted = record.Accepted(
        at=moment_of(row.accepted_at),
        sequence=row.sequence,
        sender=row.sender,
        message_id=row.message_id,
        kind=row.kind,
        digest=record.salted(row.salt, row.digest.encode()),
        header=record.salted(row.salt, row.header),
        expires_at=moment_of(row.expires_at),
        directory=row.directory_version,
        first_delivery=row.first_delivery_id,
        deliveries=row.delivery_count,
        verdict="" if examined is None else verdict_of(examined.examination),
        examination="" if one.examination is None else record.salted(row.salt, one.examination),
    )
    return [record.encode(accepted), *(_routed(row, delivery) for delivery in one.deliveries)]


def _routed(row: EnvelopeRow, one: DeliveryRow) -> bytes:
    return record.encode(
        record.Routed(
            at=moment_of(row.accepted_at),
            sequence=row.sequence,
            delivery=one.delivery_id,
            sender=row.sender,
            recipient=one.recipient,
            number=one.number,
            addressed_as="" if one.addressed_as == one.recipient else one.addressed_as,
            copy=one.copy,
            state=State(one.state).label,
            blind=record.blind_of(row.salt, one.delivery_id),
        )
    )


def verdict_of(examination: Examination) -> str:
    """The worst of all signatures; "" where there are none."""
    return max((Verdict(one.verdict) for one in examination.findings), key=_WORSE.index, default="")


_WORSE = list(Verdict)


def _answer(admitted: Admitted, one: Written, place: Place) -> Accepted:
    envelope = admitted.envelope
    return Accepted(
        sequence=one.envelope.sequence,
        accepted_at=moment_of(one.envelope.accepted_at),
        digest=admitted.digest,
        deliveries=tuple(
            delivery_ref(row.delivery_id, hop.recipient, hop.addressed_as, row.number)
            for row, hop in zip(one.deliveries, admitted.hops, strict=True)
            if not row.copy
        ),
        fresh=True,
        ready=tuple(
            Ref(row.delivery_id, FIRST_ATTEMPT, row.shard, row.priority, envelope.traceparent)
            for row in one.deliveries
            if row.state == State.READY
        ),
        place=place,
    )
