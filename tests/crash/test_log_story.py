"""The judge of logs: one history passes, and every way in which it can be two is noticed."""

import msgspec
import pytest

from contracts.agency import AgencyCode
from contracts.receipt import Receipt
from lgsp.core.lifecycle import State
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.receipts import log_entry
from lgsp.ports import Accepted, Event, Settlement
from tests.compliance.builders import LEASE_S, NOW, admitted
from tests.crash.log_story import log_contradictions
from tests.fakes.log_signer import SIGNER
from tests.sim.memory import MemoryStore

Story = tuple[list[Receipt], list[Event], list[bytes], Frontier]


async def story() -> Story:
    """Three envelopes in two transactions, the first of them delivered."""
    store, receipts = MemoryStore(), []
    for ids in (("m1", "m2"), ("m3",)):
        for answer in await store.accept([admitted(one) for one in ids], NOW, LEASE_S):
            assert isinstance(answer, Accepted)
            receipts.append(await receipt(answer))
        await store.settle([Settlement(delivery_id=1, state=State.DELIVERED, attempt=1)], NOW, LEASE_S)
    events = await store.timeline(1, 2, 3)
    return receipts, events, store.tables.leaves, await store.log_head()


async def receipt(answer: Accepted) -> Receipt:
    logged = answer.logged
    assert logged is not None
    note = await SIGNER.checkpoint("log", logged.after)
    hub = AgencyCode("HUB")
    return Receipt(
        hub=hub,
        sender=hub,
        message_id=f"m{answer.sequence}",
        digest=answer.digest,
        sequence=answer.sequence,
        accepted_at=answer.accepted_at,
        deliveries=answer.deliveries,
        log=log_entry(logged.leaf, logged.place.salt, logged.place.index, logged.hashes, note),
    )


async def test_one_history_passes() -> None:
    assert log_contradictions(*await story()) == []


async def test_a_receipt_without_a_proof_is_noticed() -> None:
    receipts, *rest = await story()
    receipts[1] = msgspec.structs.replace(receipts[1], log=None)
    assert log_contradictions(receipts, *rest) == ["m2: its receipt proves nothing"]


async def test_a_head_of_another_history_is_noticed() -> None:
    """An entry that was changed after the head over it had been signed, even where the journal agrees with itself."""
    receipts, events, leaves, _ = await story()
    wrong = [leaves[0].replace(b"m1", b"mX"), *leaves[1:]]
    head = append(Frontier(), [leaf_hash(leaf) for leaf in wrong]).after
    found = log_contradictions(receipts, events, wrong, head)
    sizes = {1: 4, 2: 4, 3: 7}
    assert found == [f"m{number}: a head of {sizes[number]} entries was signed, and the log is another" for number in sizes]


async def test_a_log_that_lost_its_end_is_noticed() -> None:
    receipts, events, leaves, _ = await story()
    head = append(Frontier(), [leaf_hash(leaf) for leaf in leaves[:4]]).after
    found = log_contradictions(receipts, events, leaves[:4], head)
    assert "m3: a head of 7 entries was signed, and the log is another" in found
    assert any("stands in no entry of the log" in line for line in found)


@pytest.mark.parametrize("change", [{"leaf_index": None}, {"leaf_index": 0}, {"name": "dead"}, {"delivery_id": 3}])
async def test_an_event_that_the_log_does_not_tell_is_noticed(change: dict[str, object]) -> None:
    receipts, events, *rest = await story()
    delivered = next(place for place, event in enumerate(events) if event.name == "delivered")
    events[delivered] = msgspec.structs.replace(events[delivered], **change)
    assert len(log_contradictions(receipts, events, *rest)) == 1


async def test_a_head_that_is_not_that_of_the_entries_is_noticed() -> None:
    receipts, events, leaves, _ = await story()
    assert log_contradictions(receipts, events, leaves, Frontier()) == ["the head of the log is not that of its entries"]
