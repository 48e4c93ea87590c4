"""What the log proves of a message: that its records stand in the tree, and that they are about what is here."""

from collections.abc import Iterator, Sequence

import msgspec

from lgsp.core.log.merkle import ProofInvalid, check_inclusion, leaf_hash
from lgsp.core.log.record import Accepted, Moved, Record, RecordInvalid, Routed, blind_of, salted
from lgsp.evidence.findings import Finding, State, Tree
from lgsp.evidence.manifest import Leaf, Message
from lgsp.evidence.timeline import records_of

_NO_ENTRY = "không có trong sổ · not in the log: on the hub's word alone"


class Committed(msgspec.Struct, frozen=True):
    """Octets that the first record has to commit to. None: they are not here."""

    header: bytes | None
    examination: bytes | None


def check_entries(
    one: Message, tree: Tree | None, committed: Committed, *, whole: bool
) -> tuple[tuple[Record, ...], list[Finding]]:
    """The records, none where they cannot be relied on, and what was found. `whole`: nothing may be missing."""
    where = f"{one.sender}/{one.message_id}"
    if tree is None or not one.leaves:  # then all there is is the hub's word, which the log is there to make more of
        return (), [Finding(what="entries", state=State.UNCONFIRMED, place=where, detail=_NO_ENTRY)]
    try:
        records = records_of(one.leaves)
        _check_places(one.leaves, tree)
    except (RecordInvalid, ProofInvalid) as error:
        return (), [Finding(what="entries", state=State.WRONG, place=where, detail=str(error))]
    state = State.FITS if tree.confirmed else State.UNCONFIRMED
    problems = [
        *_of_acceptance(one, records[0], committed),
        *_of_deliveries(one, records, whole=whole),
        *_of_what_is_gone(one, records),
        *_of_details(one.leaves, records),
    ]
    found = [Finding(what="entries", state=State.WRONG, place=where, detail=problem) for problem in problems]
    told = f"{len(records)}: {one.leaves[0].index} – {one.leaves[-1].index}"
    return records, found or [Finding(what="entries", state=state, place=where, detail=told)]


def _check_places(leaves: Sequence[Leaf], tree: Tree) -> None:
    """In the tree, each where it says, in their order. Raises ProofInvalid."""
    last = -1
    for one in leaves:
        if one.index <= last:
            raise ProofInvalid(f"leaf {one.index} behind leaf {last}")
        last = one.index
        check_inclusion(one.index, tree.size, tree.root, leaf_hash(one.leaf.encode()), one.hashes)


def _of_acceptance(one: Message, record: Record, committed: Committed) -> Iterator[str]:
    """That the first record is this message's, and opens to what is here."""
    if not isinstance(record, Accepted):
        yield "the first record is not that of an acceptance"
        return
    if (record.sender, record.message_id, record.sequence, record.at) != (
        one.sender,
        one.message_id,
        one.sequence,
        one.accepted_at,
    ):
        yield "the record is of another message"
    if salted(one.salt, one.digest.encode()) != record.digest:
        yield "the digest of the envelope is not that of the record"
    for name, octets, stated in (
        ("header", committed.header, record.header),
        ("examination", committed.examination, record.examination),
    ):
        if octets is not None and salted(one.salt, octets) != stated:
            yield f"the {name} is not that of the record"
    if committed.examination is None and record.examination:
        yield "the examination is missing"


def _of_what_is_gone(one: Message, records: Sequence[Record]) -> Iterator[str]:
    """That octets which are not here were erased, and not kept back."""
    erased = any(isinstance(each, Moved) and each.name == "body_erased" for each in records)
    if one.erased and not erased:
        yield "it is said to be erased, of which there is no record"
    if not one.erased and not one.envelope:
        yield "the envelope is missing, and was not erased"


def _of_deliveries(one: Message, records: Sequence[Record], *, whole: bool) -> Iterator[str]:
    """One record for each delivery of this message, a number for each, and nothing of another message."""
    accepted, *others = records
    routed = [each for each in others if isinstance(each, Routed)]
    ids = {each.delivery for each in routed}
    if not isinstance(accepted, Accepted):
        return
    expected = range(accepted.first_delivery, accepted.first_delivery + accepted.deliveries)
    if len(ids) != len(routed) or not ids <= set(expected) or (whole and len(ids) != len(expected)):
        yield "the records of deliveries are not those of this message, or some are missing"
    if any((each.sequence, each.sender) != (one.sequence, one.sender) or each.number < 1 for each in routed):
        yield "a delivery is of another message, or has no number"
    if any(each.blind and each.blind != blind_of(one.salt, each.delivery) for each in routed):
        yield "the record of a delivery is not blinded by the salt of this message"
    if len({(each.recipient, each.number) for each in routed}) != len(routed):
        yield "two deliveries of one pair of sender and recipient have one number"
    for each in others:
        if isinstance(each, Routed):
            continue
        if (
            not isinstance(each, Moved)
            or each.sequence != one.sequence
            or (each.delivery is not None and each.delivery not in ids)
        ):
            yield "a record is of another message"


def _of_details(leaves: Sequence[Leaf], records: Sequence[Record]) -> Iterator[str]:
    """That a text beside a record is the one that was recorded."""
    for leaf, record in zip(leaves, records, strict=True):
        stated = record.detail if isinstance(record, Moved) else ""
        if leaf.detail and salted(leaf.salt, leaf.detail.encode()) != stated:
            yield f"the text beside leaf {leaf.index} is not that of its record"
