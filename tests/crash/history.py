"""What senders and recipients saw of the hub, and whether it can have kept its promises. Pure.

A history is complete when every sender has its receipts and nothing is on its way any more; only then is it judged. What the
journal says of the same deliveries is held against it in `ledger`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from contracts.receipt import Receipt
from tests.crash.ledger import Ledger, contradictions

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_UNDER_WAY = timedelta(seconds=1)  # an attempt that had begun when somebody else ended the delivery
_WITHOUT_RECIPIENT = frozenset({"dead", "expired", "cancelled"})
_ANSWERS = {"delivered": False, "refused": True}  # final states in which the recipient had a say, and whether it refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that its sender offered at least once. `content` stands for its octets."""

    message_id: str
    recipients: tuple[str, ...]
    order_key: str | None
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One copy in the hands of a recipient, which began to read it at `began_at`. `refused`: and will not have it."""

    recipient: str
    delivery_id: int
    message_id: str
    content: str
    began_at: datetime = _LONG_AGO
    refused: bool = False


@dataclass(slots=True)
class History:
    """Each list in the order in which it happened.

    A sender offers a message of a lane when it has the receipt for the one before, or behind it in one batch.
    """

    sent: list[Sent] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)


def violations(history: History, ledger: Ledger | None = None) -> list[str]:
    """Every broken promise, in words; empty when all were kept. Without the journal's word everything has to have arrived."""
    sent = {one.message_id: one for one in history.sent}
    receipts = {one.message_id: one for one in reversed(history.receipts)}
    firsts = first_copies(history.arrivals)
    broken = [
        *_answers(history.sent, history.receipts),
        *_numbers(receipts.values()),
        *_lost(receipts.values(), firsts, ledger),
        *_phantoms(sent, receipts, history.arrivals),
        *_doubled(firsts),
        *_order_of_acceptance(history.sent, receipts),
        *_order_of_arrival(sent, firsts, frozenset() if ledger is None else ledger.replayed),
    ]
    if ledger is None:
        return broken
    return [*broken, *contradictions(ledger, _promised(receipts.values(), sent)), *_unwanted(ledger, history.arrivals)]


def first_copies(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """What a recipient keeps: the first copy of each delivery."""
    kept: dict[tuple[str, int], Arrival] = {}
    for arrival in arrivals:
        kept.setdefault((arrival.recipient, arrival.delivery_id), arrival)
    return list(kept.values())


def second_copies(history: History) -> int:
    """Harmless, but to be had only by a crash or a broken connection."""
    return len(history.arrivals) - len(first_copies(history.arrivals))


def _answers(sent: Sequence[Sent], receipts: Sequence[Receipt]) -> Iterator[str]:
    """Whoever keeps asking is answered, and for ever alike."""
    found: dict[str, Receipt] = {}
    for receipt in receipts:
        if found.setdefault(receipt.message_id, receipt) != receipt:
            yield f"{receipt.message_id}: another receipt for the same message"
    for one in sent:
        receipt_ = found.get(one.message_id)
        if receipt_ is None:
            yield f"{one.message_id}: no receipt"
        elif sorted(ref.recipient for ref in receipt_.deliveries) != sorted(one.recipients):
            yield f"{one.message_id}: the receipt names other recipients"
    known = {one.message_id for one in sent}
    yield from (f"{message_id}: a receipt for what was never sent" for message_id in found.keys() - known)


def _numbers(receipts: Iterable[Receipt]) -> Iterator[str]:
    """Sequences and delivery ids are dense from 1: a gap is an acceptance undone, a repetition one that was overwritten."""
    counts = {"sequence": Counter[int](), "delivery": Counter[int]()}
    for receipt in receipts:
        counts["sequence"][receipt.sequence] += 1
        counts["delivery"].update(ref.delivery_id for ref in receipt.deliveries)
    for name, numbers in counts.items():
        yield from (f"{name} {number}: given out {times} times" for number, times in numbers.items() if times > 1)
        missing = set(range(1, max(numbers, default=0) + 1)) - numbers.keys()
        yield from (f"{name} {number}: never given out" for number in sorted(missing))


def _promised(receipts: Iterable[Receipt], sent: dict[str, Sent]) -> dict[int, tuple[str, str] | None]:
    """Every delivery that a receipt names, with its lane (None: it has no order), in order of acceptance."""
    lanes: dict[int, tuple[str, str] | None] = {}
    for receipt in sorted(receipts, key=lambda one: one.sequence):
        original = sent.get(receipt.message_id)
        for ref in receipt.deliveries:
            ordered = original is not None and original.order_key is not None
            lanes[ref.delivery_id] = (ref.recipient, original.order_key) if ordered else None
    return lanes


def _lost(receipts: Iterable[Receipt], firsts: Iterable[Arrival], ledger: Ledger | None) -> Iterator[str]:
    """What ended without the recipient (dead, expired, cancelled) need not have reached it."""
    arrived = {(one.recipient, one.delivery_id) for one in firsts}
    for receipt in receipts:
        for ref in receipt.deliveries:
            unreached = ledger is not None and ledger.states.get(ref.delivery_id) in _WITHOUT_RECIPIENT
            if not unreached and (ref.recipient, ref.delivery_id) not in arrived:
                yield f"{receipt.message_id}: accepted and lost on the way to {ref.recipient} (delivery {ref.delivery_id})"


def _unwanted(ledger: Ledger, arrivals: Iterable[Arrival]) -> Iterator[str]:
    """The journal's last word on a delivery is its recipient's word, and after a refusal or a recall nobody gets it any more."""
    copies: defaultdict[int, list[Arrival]] = defaultdict(list)
    for one in arrivals:
        copies[one.delivery_id].append(one)
    for delivery_id, found in copies.items():
        state, over, first = ledger.states.get(delivery_id), ledger.closed_at.get(delivery_id), found[0]
        if over is not None and first.began_at > over + _UNDER_WAY:
            yield f"{first.message_id}: came to {first.recipient} (delivery {delivery_id}) after it had been {state}"
        if state in _ANSWERS and _ANSWERS[state] not in {one.refused for one in found}:
            yield f"delivery {delivery_id}: {state}, says the journal, and its recipient says otherwise"


def _phantoms(sent: dict[str, Sent], receipts: dict[str, Receipt], arrivals: Iterable[Arrival]) -> Iterator[str]:
    """Nothing arrives that was not sent, accepted, addressed to this recipient, and with these octets."""
    for one in arrivals:
        original, receipt = sent.get(one.message_id), receipts.get(one.message_id)
        where = f"{one.message_id}: arrived at {one.recipient} (delivery {one.delivery_id})"
        if original is None:
            yield f"{where} and was never sent"
        elif original.content != one.content:
            yield f"{where} with other content"
        elif receipt is None or (one.delivery_id, one.recipient) not in {
            (ref.delivery_id, ref.recipient) for ref in receipt.deliveries
        }:
            yield f"{where}, of which its receipt says nothing"


def _doubled(firsts: Iterable[Arrival]) -> Iterator[str]:
    """A recipient drops second copies by their delivery id; a second id defeats it."""
    ids: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for one in firsts:
        ids[one.recipient, one.message_id].append(one.delivery_id)
    for (recipient, message_id), found in ids.items():
        if len(found) > 1:
            yield f"{message_id}: came to {recipient} as deliveries {found}"


def _order_of_acceptance(sent: Iterable[Sent], receipts: dict[str, Receipt]) -> Iterator[str]:
    last: dict[str, Receipt] = {}
    for one in sent:
        receipt = receipts.get(one.message_id)
        if one.order_key is None or receipt is None:
            continue
        before = last.get(one.order_key)
        if before is not None and receipt.sequence < before.sequence:
            yield f"{one.message_id}: accepted before {before.message_id}, behind which it was sent"
        last[one.order_key] = receipt


def _order_of_arrival(sent: dict[str, Sent], firsts: Iterable[Arrival], replayed: frozenset[int]) -> Iterator[str]:
    """What was dead and is replayed comes behind what went past it then; among themselves the replayed keep their order."""
    place = {message_id: number for number, message_id in enumerate(sent)}
    last: dict[tuple[str, str, bool], Arrival] = {}
    for one in firsts:
        original = sent.get(one.message_id)
        if original is None or original.order_key is None:
            continue
        lane = (one.recipient, original.order_key, one.delivery_id in replayed)
        before = last.get(lane)
        if before is not None and place[one.message_id] < place[before.message_id]:
            yield f"{one.message_id}: reached {one.recipient} behind {before.message_id}, before which it was sent"
        last[lane] = one
