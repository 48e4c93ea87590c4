"""The promises about erasing and archiving; test_journal.py brings the fixtures."""

from datetime import timedelta

import msgspec
import pytest

from contracts.envelope import Attachment
from lgsp.core.lifecycle import State
from lgsp.core.log import record
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.replay import DeadLetterFilter, begun
from lgsp.core.retention import KeptFile
from lgsp.errors import ArchiveUnderWay, JournalUnavailable
from lgsp.ports import Accepted, Erased, Erasure, Keepsake, Settlement, Store
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, SENDER, Opener, admitted, hop
from tests.compliance.signatures_suite import CERTIFICATE, examined

LATER = NOW + timedelta(days=100)
GRACE_S = 600.0
PHOTO = Attachment(digest="sha256:" + "aa" * 32, size_bytes=12)
PLAN = Attachment(digest="sha256:" + "bb" * 32, size_bytes=7)
SHA256 = "sha256:" + "cc" * 32


async def deliver(store: Store, *delivery_ids: int, state: State = State.DELIVERED) -> None:
    ends = [Settlement(delivery_id=one, state=state, reason="", detail="thank you, Nguyễn Văn An") for one in delivery_ids]
    assert all(one.applied for one in await store.settle(ends, NOW, LEASE_S))


def erasure(sequence: int, *, body: bool = True, files: bool = True) -> Erasure:
    return Erasure(sequence=sequence, body=body, files=files, reason="retention", detail="cases")


async def keepsake(store: Store, sequence: int) -> Keepsake:
    found = await store.keepsake(sequence)
    assert found is not None
    return found


async def test_what_is_kept_tells_what_a_rule_needs(store: Store) -> None:
    """Whose, what, to whom, since when all of it has ended, and how large."""
    await store.accept([admitted("m1", [hop(ALPHA), hop(BETA)], attachments=[PHOTO, PHOTO]), admitted("m2")], NOW, LEASE_S)
    await deliver(store, 1)
    first, second = await store.kept(0, 10, LATER)
    assert (first.sender, first.message_id, first.kind, first.recipients) == (SENDER, "m1", "case.file/1", (ALPHA, BETA))
    assert (first.accepted_at, first.ended_at, first.files) == (NOW, None, (KeptFile(PHOTO.digest, 12),))
    await deliver(store, 2)
    (first,) = await store.kept(0, 1, LATER)
    assert (first.ended_at, first.replayable, first.body_bytes) == (NOW, False, 8)
    assert [one.sequence for one in await store.kept(1, 10, LATER)] == [2]
    assert await store.kept_of(SENDER, "m2", LATER) == second
    assert await store.kept_of(SENDER, "m3", LATER) is None


async def test_an_erased_body_is_gone_and_everything_about_it_stays(store: Store, reopen: Opener) -> None:
    """Header, salt, verdict and evidence, receipt, route, times, and leaves; not what others said of it."""
    sent = admitted("m1", [hop(ALPHA), hop(BETA)], examined=examined(CERTIFICATE))
    (receipt,) = await store.accept([sent], NOW, LEASE_S)
    await deliver(store, 1, 2)
    before = await keepsake(store, 1)
    assert await store.erase([erasure(1)], LATER) == [Erased(sequence=1, outcome="erased", body_bytes=8)]
    store = await reopen()
    after = await keepsake(store, 1)
    assert (before.body, after.body) == (sent.envelope.body, None)
    assert (after.header, after.salt, after.examination) == (before.header, before.salt, before.examination)
    assert before.leaves.items() < after.leaves.items()
    assert after.record.body_erased_at == LATER
    assert [one.detail for one in after.record.deliveries] == ["", ""]
    assert await store.exhibits([CERTIFICATE.digest]) == [CERTIFICATE]
    assert isinstance(receipt, Accepted)
    again = msgspec.structs.replace(receipt, fresh=False, ready=(), logged=None)
    assert await store.accept([sent], LATER, LEASE_S) == [again]


async def test_erasing_is_an_event_with_its_leaf(store: Store) -> None:
    """By what right; details that may quote the body lose their words and the salt that would let one guess at them."""
    await store.accept([admitted("m1")], NOW, LEASE_S)
    await deliver(store, 1)
    await store.erase([erasure(1)], LATER)
    accepted, delivered, erased = await store.timeline(1)
    assert (delivered.name, delivered.detail, delivered.salt, delivered.leaf_index) == ("delivered", "", None, 2)
    assert (erased.name, erased.at, erased.reason, erased.detail) == ("body_erased", LATER, "retention", "cases")
    (leaf,) = await store.log_leaves(3, 2)
    told = record.decode(leaf)
    assert isinstance(told, record.Moved)
    assert erased.salt is not None
    assert (told.name, told.sequence, told.detail) == ("body_erased", 1, record.salted(erased.salt, b"cases"))
    assert accepted.leaf_index == 1
    assert (await store.balance()).difference == 0


async def test_what_somebody_erases_by_hand_stands_in_the_log_under_its_name(store: Store) -> None:
    await store.accept([admitted("m1")], NOW, LEASE_S)
    await deliver(store, 1)
    await store.erase([Erasure(sequence=1, reason="request", detail="lan: decision 7", operator="lan")], LATER)
    told = record.decode((await store.log_leaves(4, 1))[0])
    assert isinstance(told, record.Action)
    assert (told.name, told.by, told.subject) == ("erased", "lan", "1")


async def test_an_erased_body_is_told_apart_from_an_empty_one(store: Store) -> None:
    """Whoever fetches it learns that it was erased."""
    await store.accept([admitted("m1"), admitted("m2", body=b"")], NOW, LEASE_S)
    await deliver(store, 1, 2)
    await store.erase([erasure(1)], LATER)
    first, second = await store.fetch(1), await store.fetch(2)
    assert first is not None
    assert second is not None
    assert (first.erased, first.envelope.body, second.erased) == (True, b"", False)
    assert {one.delivery_id for one in await store.outline([1, 2])} == {1, 2}


async def test_erasing_again_does_nothing(store: Store) -> None:
    """Also twice in one batch."""
    await store.accept([admitted("m1")], NOW, LEASE_S)
    await deliver(store, 1)
    assert [one.outcome for one in await store.erase([erasure(1), erasure(1)], LATER)] == ["erased", "nothing"]
    assert [one.outcome for one in await store.erase([erasure(1)], LATER)] == ["nothing"]
    assert [one.name for one in await store.timeline(1)] == ["accepted", "delivered", "body_erased"]


async def test_what_may_still_have_to_be_delivered_is_not_erased(store: Store) -> None:
    """An open delivery; a dead letter until somebody has seen to it or it has expired."""
    await store.accept([admitted("m1"), admitted("m2"), admitted("m3"), admitted("m4")], NOW, LEASE_S)
    await deliver(store, 2, 3, state=State.DEAD)
    await deliver(store, 4)
    await store.resolve_dead_letters(DeadLetterFilter(delivery_ids=(3,)), "an operator", "sent anew", NOW)
    soon = NOW + timedelta(days=1)
    answers = await store.erase([erasure(one) for one in (1, 2, 3, 4, 99)], soon)
    assert [one.outcome for one in answers] == ["open", "dead_letter", "erased", "erased", "unknown"]
    assert [one.outcome for one in await store.erase([erasure(2)], LATER)] == ["erased"]
    assert (await keepsake(store, 1)).body is not None


async def test_what_was_erased_is_not_replayed(store: Store) -> None:
    """A replay takes what nobody has seen to and what has not expired; such are never erased."""
    await store.accept([admitted("m1")], NOW, LEASE_S)
    await deliver(store, 1, state=State.DEAD)
    await store.erase([erasure(1)], LATER)
    await store.start_replay(begun(DeadLetterFilter(), "an operator", None, 1, LATER))
    assert await store.step_replays(LATER, 10, LEASE_S) == []
    assert await store.hydrate([]) == []


async def test_a_file_goes_with_the_last_envelope_that_refers_to_it(store: Store) -> None:
    """Bodies and attachments are erased apart; what another envelope refers to stays, and stays open."""
    batch = [admitted("m1", attachments=[PHOTO, PLAN]), admitted("m2", BETA, attachments=[PHOTO])]
    await store.accept(batch, NOW, LEASE_S)
    await deliver(store, 1, 2)
    assert [one.files for one in await store.erase([erasure(1, body=False)], LATER)] == [1]
    assert (await keepsake(store, 1)).body is not None
    assert (await store.kept(0, 1, LATER))[0].files_erased_at == LATER
    assert [one.name for one in await store.timeline(1)][-1] == "files_erased"
    assert await store.attachment_open_to(PHOTO.digest, ALPHA)
    assert [await store.attachment_open_to(PLAN.digest, one) for one in (SENDER, ALPHA)] == [False, False]
    assert [await store.file_erased(PLAN.digest, one) for one in (SENDER, ALPHA, BETA)] == [True, True, False]
    assert await store.uploads([PLAN.digest], SENDER) == {}
    assert [one.files for one in await store.erase([erasure(2)], LATER)] == [1]
    assert await store.file_erased(PHOTO.digest, BETA)


async def test_a_file_is_deleted_only_after_a_while_and_comes_again_until_that_is_done(store: Store, reopen: Opener) -> None:
    """A process that dies in between leaves it to the next one."""
    await store.accept([admitted("m1", attachments=[PHOTO])], NOW, LEASE_S)
    await deliver(store, 1)
    await store.erase([erasure(1)], LATER)
    assert await store.files_to_delete(LATER, GRACE_S, 10) == []
    then = LATER + timedelta(seconds=GRACE_S)
    assert await store.files_to_delete(then, GRACE_S, 10) == [PHOTO.digest]
    store = await reopen()
    assert await store.files_to_delete(then, GRACE_S, 10) == [PHOTO.digest]
    assert await store.files_deleted([PHOTO.digest], then, GRACE_S) == 0
    then += timedelta(seconds=GRACE_S)
    assert await store.files_to_delete(then, GRACE_S, 10) == [PHOTO.digest]
    assert await store.files_deleted([PHOTO.digest], then, GRACE_S) == 1
    assert await store.files_to_delete(then + timedelta(days=1), GRACE_S, 10) == []


async def test_a_closed_file_that_is_sent_again_stays_for_who_gets_it_then(store: Store) -> None:
    """An envelope that was being decided meanwhile, or an upload; who had it before does not get it back by that."""
    await store.accept([admitted("m1", attachments=[PHOTO, PLAN])], NOW, LEASE_S)
    await deliver(store, 1)
    await store.erase([erasure(1)], LATER)
    await store.accept([admitted("m2", BETA, attachments=[PHOTO])], LATER, LEASE_S)
    await store.record_upload(PLAN.digest, 7, SENDER, LATER)
    assert await store.files_to_delete(LATER + timedelta(days=1), GRACE_S, 10) == []
    assert [await store.attachment_open_to(PHOTO.digest, one) for one in (SENDER, ALPHA, BETA)] == [True, False, True]
    assert [await store.attachment_open_to(PLAN.digest, one) for one in (SENDER, ALPHA)] == [True, False]
    await deliver(store, 2)
    assert [one.files for one in await store.erase([erasure(2)], LATER)] == [1]


async def test_a_file_that_is_being_deleted_can_be_brought_again_only_afterwards(store: Store) -> None:
    """Otherwise an upload would be told that the file is there, and then it goes."""
    await store.accept([admitted("m1", attachments=[PHOTO])], NOW, LEASE_S)
    await deliver(store, 1)
    await store.erase([erasure(1)], NOW)
    await store.files_to_delete(LATER, GRACE_S, 10)
    with pytest.raises(JournalUnavailable):
        await store.record_upload(PHOTO.digest, 12, SENDER, LATER)
    done = LATER + timedelta(seconds=GRACE_S)
    assert await store.files_deleted([PHOTO.digest], done, GRACE_S) == 1
    await store.record_upload(PHOTO.digest, 12, SENDER, done)
    assert await store.attachment_open_to(PHOTO.digest, SENDER)


async def test_archives_are_numbered_one_after_the_other(store: Store, reopen: Opener) -> None:
    """There is one at a time; it names the file before, and its envelopes count as archived once it was taken over."""
    await store.accept([admitted("m1"), admitted("m2"), admitted("m3")], NOW, LEASE_S)
    assert await store.archive_under_way() is None
    first = await store.begin_archive([1, 3], "/archive", NOW)
    assert (first.number, first.previous, first.envelopes, first.sha256) == (1, None, 2, None)
    store = await reopen()
    assert await store.archive_under_way() == (first, [1, 3])
    with pytest.raises(ArchiveUnderWay):
        await store.begin_archive([2], "/elsewhere", NOW)
    assert [one.archive for one in await store.kept(0, 9, NOW)] == [None, None, None]
    done = await store.end_archive(1, SHA256, LATER)
    assert (done.sha256, done.done_at) == (SHA256, LATER)
    assert [one.archive for one in await store.kept(0, 9, NOW)] == [1, None, 1]
    assert await store.archive_under_way() is None
    second = await store.begin_archive([1, 2], "/archive", LATER)
    assert (second.number, second.previous, second.envelopes) == (2, SHA256, 1)
    assert await store.archives(9) == [second, done]


async def test_a_leaf_names_the_archive_file(store: Store) -> None:
    """Once, however often its end is told."""
    await store.accept([admitted("m1")], NOW, LEASE_S)
    await store.begin_archive([1], "/archive", NOW)
    for _ in range(2):
        await store.end_archive(1, SHA256, LATER)
    head = await store.log_head()
    told = record.decode((await store.log_leaves(head.size - 1, 1))[0])
    assert (head.size, isinstance(told, record.Action) and (told.name, told.subject, told.digest)) == (
        3,
        ("archived", "1", SHA256),
    )


async def test_a_keepsake_has_all_that_is_proven(store: Store) -> None:
    """Octets as digests go over them, and every leaf that tells of it."""
    sent = admitted("m1", [hop(ALPHA), hop(BETA)], examined=examined(CERTIFICATE))
    await store.accept([admitted("m0"), sent], NOW, LEASE_S)
    await deliver(store, 2)
    found = await keepsake(store, 2)
    assert found.record == await store.envelope(SENDER, "m1")
    assert list(found.events) == await store.timeline(2)
    assert sorted(found.leaves) == [2, 3, 4, 5]
    assert [leaf_hash(found.leaves[one]) for one in sorted(found.leaves)] == [leaf_hash(x) for x in await store.log_leaves(2, 4)]
    told = record.decode(found.leaves[2])
    assert isinstance(told, record.Accepted)
    assert found.salt is not None
    assert found.examination is not None
    assert told.header == record.salted(found.salt, found.header)
    assert told.examination == record.salted(found.salt, found.examination)
    assert await store.keepsake(9) is None
