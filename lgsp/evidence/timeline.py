"""What the log tells of a message, line by line, out of the leaves themselves: nothing is told that is not proved."""

from collections.abc import Iterator, Sequence

from lgsp.core.log.record import Accepted, Moved, Record, Routed, decode
from lgsp.evidence.findings import Happening
from lgsp.evidence.manifest import Leaf

ROUTED = "routed"


def records_of(leaves: Sequence[Leaf]) -> tuple[Record, ...]:
    """Raises RecordInvalid."""
    return tuple(decode(one.leaf.encode()) for one in leaves)


def happenings(leaves: Sequence[Leaf], records: Sequence[Record]) -> tuple[Happening, ...]:
    """`records`: of the same leaves. In the order of the log."""
    recipients = {one.delivery: one.recipient for one in records if isinstance(one, Routed)}
    found = (_happening(leaf, record, recipients) for leaf, record in zip(leaves, records, strict=True))
    return tuple(one for each in found for one in each)


def _happening(leaf: Leaf, record: Record, recipients: dict[int, str]) -> Iterator[Happening]:
    match record:
        case Accepted():
            yield Happening(index=leaf.index, at=record.at, name="accepted")
        case Routed():
            yield Happening(
                index=leaf.index, at=record.at, name=ROUTED, recipient=record.recipient, number=record.number, reason=record.state
            )
        case Moved():
            yield Happening(
                index=leaf.index,
                at=record.at,
                name=record.name,
                recipient=recipients.get(record.delivery or 0, ""),
                attempt=record.attempt,
                reason=record.reason,
                detail=leaf.detail,
            )
        case _:
            return
