"""The promises of `lgsp.ports.Marks`, and of `Records.envelopes_of`, which accounts and outboxes read by."""

from datetime import timedelta

from lgsp.core.lifecycle import State
from lgsp.ports import Erasure, Settlement, Store
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, SENDER, admitted

_MINUTE = timedelta(minutes=1)
_ALWAYS = (NOW - timedelta(days=1), NOW + timedelta(days=1))


async def test_a_mark_is_what_was_set_last_and_belongs_to_one_agency(store: Store) -> None:
    """A collector goes on where it stopped; two feeds know nothing of each other."""
    assert await store.mark(ALPHA, "tracking") == ""
    await store.set_mark(ALPHA, "tracking", "1")
    await store.set_mark(ALPHA, "tracking", "2")
    await store.set_mark(ALPHA, "statuses", "x")
    assert [await store.mark(ALPHA, name) for name in ("tracking", "statuses")] == ["2", "x"]
    assert await store.mark(BETA, "tracking") == ""


async def test_a_claim_keeps_others_out_until_it_ends(store: Store) -> None:
    """Of several gateways one polls; when it dies, another one takes over after a while."""
    assert await store.claim_mark(ALPHA, "feed", "one", NOW, NOW + _MINUTE)
    assert not await store.claim_mark(ALPHA, "feed", "two", NOW, NOW + _MINUTE)
    assert await store.claim_mark(ALPHA, "feed", "one", NOW, NOW + 2 * _MINUTE)
    assert not await store.claim_mark(ALPHA, "feed", "two", NOW + _MINUTE, NOW + 2 * _MINUTE)
    assert await store.claim_mark(ALPHA, "feed", "two", NOW + 2 * _MINUTE, NOW + 3 * _MINUTE)
    assert await store.claim_mark(BETA, "feed", "one", NOW, NOW + _MINUTE)


async def test_a_claim_given_up_is_free_and_its_value_stays(store: Store) -> None:
    """A gateway that stops leaves at once; where it had got to is kept."""
    await store.set_mark(ALPHA, "feed", "page 7")
    await store.claim_mark(ALPHA, "feed", "one", NOW, NOW + _MINUTE)
    await store.claim_mark(ALPHA, "feed", "one", NOW, NOW)
    assert await store.claim_mark(ALPHA, "feed", "two", NOW, NOW + _MINUTE)
    assert await store.mark(ALPHA, "feed") == "page 7"


async def test_envelopes_are_found_by_kind_period_and_sender(store: Store) -> None:
    """From the first moment on, up to but without the last; with bodies, in order of acceptance, page by page."""
    await store.accept([admitted("a", body=b"[1]"), admitted("b", body=b"[2]")], NOW, LEASE_S)
    await store.accept([admitted("c", body=b"[3]")], NOW + _MINUTE, LEASE_S)
    kinds = ("case.file/1", "case.result/1")
    found = await store.envelopes_of(kinds, *_ALWAYS, 0, 10)
    assert [(one.envelope.message_id, one.envelope.body) for one in found] == [("a", b"[1]"), ("b", b"[2]"), ("c", b"[3]")]
    assert [one.deliveries[0].delivery_id for one in found] == [1, 2, 3]
    assert [one.sequence for one in await store.envelopes_of(kinds, *_ALWAYS, 1, 1)] == [2]
    assert [one.sequence for one in await store.envelopes_of(kinds, NOW, NOW + _MINUTE, 0, 10)] == [1, 2]
    assert await store.envelopes_of(("case.result/1",), *_ALWAYS, 0, 10) == []
    assert len(await store.envelopes_of(kinds, *_ALWAYS, 0, 10, SENDER)) == 3
    assert await store.envelopes_of(kinds, *_ALWAYS, 0, 10, ALPHA) == []


async def test_an_erased_body_is_empty_in_the_account(store: Store) -> None:
    """Its header still counts: an account of a day long ago says that something was there."""
    await store.accept([admitted("a", body=b"[1]")], NOW, LEASE_S)
    await store.settle([Settlement(delivery_id=1, attempt=1, state=State.DELIVERED)], NOW, LEASE_S)
    await store.erase([Erasure(sequence=1, reason="request", detail="a decision")], NOW)
    (found,) = await store.envelopes_of(("case.file/1",), *_ALWAYS, 0, 10)
    assert (found.envelope.body, found.body_bytes) == (b"", 3)
    assert found.body_erased_at == NOW
