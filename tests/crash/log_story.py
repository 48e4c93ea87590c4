"""Whether the evidence log tells one history: what receipts proved stands in it, and no head was ever signed of another. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from contracts.receipt import Receipt
from lgsp.core.log.checkpoint import parse_checkpoint
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import ProofInvalid, check_inclusion, leaf_hash
from lgsp.core.log.note import parse_note
from lgsp.core.log.proof import LogProof, parse_proof
from lgsp.core.log.record import Accepted, Moved, Record, Routed, decode
from lgsp.ports import Event


def log_contradictions(
    receipts: Iterable[Receipt], events: Iterable[Event], leaves: Sequence[bytes], head: Frontier
) -> list[str]:
    """Every one in words. `leaves`, `head`: the log as the journal has it in the end."""
    proofs = {receipt.message_id: (receipt, _proof(receipt)) for receipt in receipts}
    trees = _trees(leaves, {_size(proof) for _, proof in proofs.values() if proof is not None} | {len(leaves)})
    if trees[len(leaves)] != head:
        return ["the head of the log is not that of its entries"]
    records = [decode(leaf) for leaf in leaves]
    return [
        *(line for receipt, proof in proofs.values() for line in _unproved(receipt, proof, leaves, trees)),
        *(line for event in events for line in _untold(event, records)),
    ]


def _proof(receipt: Receipt) -> LogProof | None:
    return None if receipt.log is None else parse_proof(receipt.log.proof)


def _size(proof: LogProof) -> int:
    return parse_checkpoint(parse_note(proof.checkpoint)[0]).size


def _trees(leaves: Sequence[bytes], sizes: set[int]) -> Mapping[int, Frontier]:
    """The tree at each of these sizes."""
    found: dict[int, Frontier] = {}
    tree = Frontier()
    for size in sorted(sizes):
        tree = append(tree, [leaf_hash(leaf) for leaf in leaves[tree.size : size]]).after
        found[size] = tree
    return found


def _unproved(receipt: Receipt, proof: LogProof | None, leaves: Sequence[bytes], trees: Mapping[int, Frontier]) -> Iterator[str]:
    if proof is None or receipt.log is None:
        yield f"{receipt.message_id}: its receipt proves nothing"
        return
    checkpoint = parse_checkpoint(parse_note(proof.checkpoint)[0])
    leaf = receipt.log.leaf.encode()
    if checkpoint.size > len(leaves) or trees[checkpoint.size].root != checkpoint.root:
        yield f"{receipt.message_id}: a head of {checkpoint.size} entries was signed, and the log is another"
    elif leaves[proof.index] != leaf:
        yield f"{receipt.message_id}: entry {proof.index} is not what its receipt proved"
    try:
        check_inclusion(proof.index, checkpoint.size, checkpoint.root, leaf_hash(leaf), proof.hashes)
    except ProofInvalid as error:
        yield f"{receipt.message_id}: {error}"
    told = decode(leaf)
    if not isinstance(told, Accepted) or (told.message_id, told.sequence) != (receipt.message_id, receipt.sequence):
        yield f"{receipt.message_id}: its receipt proves something else"


def _untold(event: Event, records: Sequence[Record]) -> Iterator[str]:
    if event.leaf_index is None or event.leaf_index >= len(records):
        yield f"event {event.event_id} ({event.name}) stands in no entry of the log"
        return
    told = records[event.leaf_index]
    if not isinstance(told, Moved | Routed) or event.name not in _names(told):
        yield f"event {event.event_id} ({event.name}): entry {event.leaf_index} tells something else"
    elif (told.sequence, told.delivery) != (event.sequence, event.delivery_id):
        yield f"event {event.event_id} ({event.name}): entry {event.leaf_index} is of another delivery"


def _names(told: Moved | Routed) -> tuple[str, ...]:
    """Events that this record tells: where a delivery starts in a mailbox, two."""
    return (told.name,) if isinstance(told, Moved) else ("accepted", told.state)
