"""The promises about the evidence log; test_journal.py brings the fixtures."""

from datetime import timedelta

import msgspec
import pytest

from contracts.receipt import DeliveryRef
from lgsp.core.directory import Agency
from lgsp.core.hold import THE_DOOR, Cause, Hold
from lgsp.core.lifecycle import State
from lgsp.core.log import record
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import check_inclusion, leaf_hash
from lgsp.core.log.placed import Logged
from lgsp.core.log.record import Accepted as AcceptedRecord
from lgsp.core.log.record import Action, Held, Moved, Record, Refused, Routed
from lgsp.core.log.tiles import Span
from lgsp.core.replay import DeadLetterFilter, begun
from lgsp.journal.codec import encode_header
from lgsp.ports import Accepted, Checkpoint, Credential, Settlement, Stamp, Store
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, SENDER, Opener, admitted, hop

REFUSED = Refused(at=NOW, sender=SENDER, code="body.malformed", received="x" * 44)


async def accept(store: Store, *batch: str) -> list[Accepted]:
    answers = await store.accept([admitted(one) for one in batch], NOW, LEASE_S)
    return [one for one in answers if isinstance(one, Accepted)]


async def log_of(store: Store) -> list[Record]:
    """All of it, checked against the head."""
    head = await store.log_head()
    leaves = await store.log_leaves(0, head.size + 1)
    assert append(Frontier(), [leaf_hash(one) for one in leaves]).after == head
    return [record.decode(one) for one in leaves]


def check(logged: Logged) -> None:
    """It is in the tree that its transaction left behind."""
    assert logged.place.size == logged.after.size
    check_inclusion(logged.place.index, logged.after.size, logged.after.root, leaf_hash(logged.leaf), logged.hashes)


async def test_an_empty_journal_has_an_empty_log(store: Store) -> None:
    assert await store.log_head() == Frontier()
    assert await store.log_leaves(0, 10) == []
    assert await store.latest_checkpoint() is None


async def test_an_acceptance_is_a_leaf_that_tells_it_and_nothing_of_its_content(store: Store) -> None:
    one = admitted("m1", [hop(ALPHA, addressed_as="000.00.01.H15"), hop(BETA, mode="mailbox")])
    (answer,) = await store.accept([one], NOW, LEASE_S)
    assert isinstance(answer, Accepted)
    assert answer.place is not None
    told, *routed = await log_of(store)
    assert told == AcceptedRecord(
        at=NOW,
        sequence=1,
        sender=SENDER,
        message_id="m1",
        kind="case.file/1",
        digest=record.salted(answer.place.salt, one.digest.encode()),
        header=record.salted(answer.place.salt, encode_header(one)),
        expires_at=NOW + timedelta(days=30),
        directory=7,
        first_delivery=1,
        deliveries=2,
    )
    assert routed == [
        Routed(
            at=NOW,
            sequence=1,
            delivery=1,
            sender=SENDER,
            recipient=ALPHA,
            number=1,
            addressed_as="000.00.01.H15",
            state="ready",
            blind=record.blind_of(answer.place.salt, 1),
        ),
        Routed(
            at=NOW,
            sequence=1,
            delivery=2,
            sender=SENDER,
            recipient=BETA,
            number=1,
            state="available",
            blind=record.blind_of(answer.place.salt, 2),
        ),
    ]
    assert one.digest.encode() not in b"".join(await store.log_leaves(0, 9))


async def test_the_public_hashes_do_not_tell_who_wrote_to_whom(store: Store) -> None:
    """Hashes of leaves are for everybody, and who was accepted in the same moment knows time and numbers of its neighbours: the
    few codes that remain to be guessed must not be enough. The same deliveries have other hashes in every envelope."""
    await accept(store, "m1", "m2")
    routed = [one for one in await log_of(store) if isinstance(one, Routed)]
    guessed = [msgspec.structs.replace(one, blind="") for one in routed]
    hashes = (await store.log_hashes([Span(0, 0, (await store.log_head()).size)])).values()
    assert routed and not {leaf_hash(record.encode(one)) for one in guessed} & set(hashes)
    assert len({one.blind for one in routed}) == len(routed)


async def test_who_is_accepted_gets_the_proof_with_the_answer(store: Store) -> None:
    """Against the tree with all of the batch, whatever stood in the log before."""
    await accept(store, "m0")
    before = await store.log_head()
    answers = await accept(store, "m1", "m2", "m3")
    for answer in answers:
        assert answer.logged is not None
        assert answer.place == answer.logged.place
        assert answer.logged.before == before
        assert answer.logged.after == await store.log_head()
        assert await store.log_leaves(answer.logged.place.index, 1) == [answer.logged.leaf]
        check(answer.logged)


async def test_a_resend_is_no_event_and_keeps_its_place(store: Store, open_store: Opener) -> None:
    """Also over a restart, and beside new ones in the same batch."""
    (first,) = await accept(store, "m1")
    head = await store.log_head()
    other = await open_store()
    (again,) = await accept(other, "m1")
    assert (again.place, again.logged) == (first.place, None)
    assert await other.log_head() == head
    new, same, twin = await accept(other, "m2", "m1", "m2")
    assert (same.place, twin.place) == (first.place, new.place)
    assert twin.logged is None
    found = await other.envelope(SENDER, "m1")
    assert found is not None
    assert found.place == first.place


async def test_salts_are_no_secret_shared_by_two(store: Store) -> None:
    places = [one.place for one in await accept(store, *(f"m{number}" for number in range(20)))]
    assert len({one.salt for one in places if one is not None}) == 20


async def test_the_numbers_of_a_pair_are_dense(store: Store, open_store: Opener) -> None:
    """For each sender and recipient by themselves, over batches, processes and resends."""
    other = await open_store()
    await store.accept([admitted("m1"), admitted("m2", [hop(ALPHA), hop(BETA)])], NOW, LEASE_S)
    await other.accept([admitted("m2", [hop(ALPHA), hop(BETA)]), admitted("m3"), admitted("x", sender=BETA)], NOW, LEASE_S)
    routed = [one for one in await log_of(store) if isinstance(one, Routed)]
    assert [(one.sender, one.recipient, one.number) for one in routed] == [
        (SENDER, ALPHA, 1),
        (SENDER, ALPHA, 2),
        (SENDER, BETA, 1),
        (SENDER, ALPHA, 3),
        (BETA, ALPHA, 1),
    ]
    assert [await store.pair_number(*pair) for pair in ((SENDER, ALPHA), (SENDER, BETA), (ALPHA, BETA))] == [3, 1, 0]


async def test_both_parties_are_told_the_number(store: Store) -> None:
    """The sender in its receipt, the recipient with the delivery: either of them sees a gap."""
    await store.accept([admitted("m1", [hop(ALPHA, mode="mailbox")])], NOW, LEASE_S)
    (answer,) = await store.accept([admitted("m2", [hop(ALPHA, mode="mailbox")])], NOW, LEASE_S)
    (again,) = await store.accept([admitted("m2", [hop(ALPHA, mode="mailbox")])], NOW, LEASE_S)
    for one in (answer, again):
        assert isinstance(one, Accepted)
        assert one.deliveries == (DeliveryRef(delivery_id=2, recipient=ALPHA, number=2),)
    assert [one.number for one in await store.mailbox(ALPHA, 0, 10)] == [1, 2]
    work, found = await store.fetch(2), await store.envelope(SENDER, "m2")
    assert work is not None
    assert found is not None
    assert (work.number, found.deliveries[0].number) == (2, 2)


async def test_every_event_of_a_timeline_has_its_leaf(store: Store) -> None:
    """In the same order, saying the same; details stand in it as digests, each under a salt of its own."""
    await store.accept([admitted("m1", [hop(ALPHA, "case 1"), hop(BETA, mode="mailbox")])], NOW, LEASE_S)
    later = NOW + timedelta(seconds=5)
    failed = Settlement(delivery_id=1, state=State.READY, attempt=1, reason="http.503", detail="Tạm dừng", delay_s=1, took_ms=12)
    await store.settle([failed], later, LEASE_S)
    await store.settle([Settlement(delivery_id=1, state=State.DELIVERED, attempt=2)], later, LEASE_S)
    await store.mark_fetched([2], later)
    await store.settle([Settlement(delivery_id=2, state=State.REFUSED, recipient=BETA, detail="Tạm dừng")], later, LEASE_S)
    events = await store.timeline(1)
    leaves = await log_of(store)
    assert [one.leaf_index for one in events] == [1, 2, 2, 3, 4, 5, 6]
    for event in events[3:]:
        assert event.leaf_index is not None
        salt = event.salt or b""
        assert leaves[event.leaf_index] == Moved(
            at=later,
            name=event.name,
            sequence=1,
            delivery=event.delivery_id,
            attempt=event.attempt,
            reason=event.reason,
            took_ms=event.took_ms,
            detail=record.salted(salt, event.detail.encode()) if event.detail else "",
        )
    details = [one.detail for one in leaves if isinstance(one, Moved) and one.detail]
    assert len(set(details)) == 2


async def test_a_batch_with_its_notices_is_one_growth_of_the_log(store: Store) -> None:
    await accept(store, "m1")
    ended = Settlement(delivery_id=1, state=State.DELIVERED, attempt=1, notice=admitted("n1", BETA, sender="HUB"))
    await store.settle([ended], NOW, LEASE_S)
    assert [type(one).__name__ for one in await log_of(store)] == ["Accepted", "Routed", "Moved", "Accepted", "Routed"]


async def test_dead_letters_their_replay_and_who_saw_to_them_are_told(store: Store) -> None:
    await accept(store, "m1", "m2")
    dead = [Settlement(delivery_id=one, state=State.DEAD, attempt=1, reason="http.404") for one in (1, 2)]
    await store.settle(dead, NOW, LEASE_S)
    which = DeadLetterFilter(delivery_ids=(1,))
    number = await store.start_replay(begun(which, "Trần Thị Bình", None, 1, NOW + timedelta(seconds=1)))
    await store.step_replays(NOW + timedelta(seconds=1), 10, LEASE_S)
    await store.resolve_dead_letters(DeadLetterFilter(delivery_ids=(2,)), "Bình", "đã gọi điện", NOW)
    started, replayed, resolved = (await log_of(store))[-3:]
    assert isinstance(started, Action)
    assert (started.name, started.by, started.subject) == ("replay_started", "Trần Thị Bình", str(number))
    assert isinstance(replayed, Moved)
    assert isinstance(resolved, Moved)
    assert (replayed.name, replayed.delivery, resolved.name, resolved.delivery) == ("replayed", 1, "resolved", 2)
    assert "Bình" not in resolved.detail


async def test_what_happens_to_recipients_is_told(store: Store) -> None:
    hold = Hold(recipient=THE_DOOR, cause=Cause.MAINTENANCE, since=NOW, due_at=None, reason="planned", detail="Nâng cấp")
    await store.change_hold(THE_DOOR, lambda _: hold, NOW)
    await store.change_hold(THE_DOOR, lambda _: None, NOW)
    begun_, ended = await log_of(store)
    assert isinstance(begun_, Held)
    assert isinstance(ended, Held)
    assert (begun_.name, ended.name, begun_.recipient) == ("maintenance_begun", "maintenance_ended", THE_DOOR)
    assert begun_.detail not in ("", ended.detail, "Nâng cấp")


async def test_changes_of_the_directory_are_told(store: Store) -> None:
    """Agencies, credentials, certificates, files: which version came of it, and a digest of what is so now."""
    agency = Agency(code=ALPHA, name_vi="Xã A", level="commune")
    await store.save_agencies([agency])
    await store.change_agencies(lambda _: [msgspec.structs.replace(agency, name_vi="Xã B")])
    await store.save_credentials([Credential(client_id="a", agency=ALPHA, secret_hash="scrypt$x")])
    await store.save_certificate("ab" * 32, ALPHA)
    await store.remove_certificate("ab" * 32, ALPHA)
    await store.record_upload("sha256:" + "cd" * 32, 17, ALPHA, NOW)
    told = [one for one in await log_of(store) if isinstance(one, Action)]
    assert [(one.name, one.subject, one.version) for one in told] == [
        ("agency_saved", ALPHA, 1),
        ("agency_saved", ALPHA, 2),
        ("credential_saved", "a", 3),
        ("certificate_saved", f"{ALPHA} {'ab' * 32}", 4),
        ("certificate_removed", f"{ALPHA} {'ab' * 32}", 5),
        ("file_uploaded", ALPHA, None),
    ]
    assert told[0].digest != told[1].digest
    assert all(one.by for one in told)


async def test_what_belongs_to_nothing_else_can_be_noted(store: Store) -> None:
    """Refusals, log-ins: several in one transaction, each with its proof."""
    await accept(store, "m1")
    noted = await store.note([REFUSED, Action(at=NOW, name="login", by="an")])
    assert [record.decode(one.leaf) for one in noted] == (await log_of(store))[-2:]
    for one in noted:
        check(one)


async def test_nothing_is_left_of_a_transaction_that_did_not_happen(store: Store) -> None:
    """Neither leaf nor number: the next one takes their places."""
    await accept(store, "m1")
    before = await log_of(store)
    broken = msgspec.structs.replace(admitted("m2"), expires_at="never")
    with pytest.raises((TypeError, AttributeError)):
        await store.accept([admitted("m3"), broken], NOW, LEASE_S)
    assert await log_of(store) == before
    (answer,) = await accept(store, "m4")
    assert (answer.sequence, answer.deliveries[0].number) == (2, 2)


async def test_hashes_of_complete_subtrees_are_kept(store: Store) -> None:
    """Of 256 leaves each from level 1 on; what is not complete is not there."""
    await store.note([msgspec.structs.replace(REFUSED, message_id=str(number)) for number in range(700)])
    leaves = [leaf_hash(one) for one in await store.log_leaves(0, 700)]
    found = await store.log_hashes([Span(0, 255, 3), Span(0, 699, 5), Span(1, 0, 3), Span(2, 0, 1)])
    tiles = {(1, tile): append(Frontier(), leaves[tile * 256 : tile * 256 + 256]).after.root for tile in (0, 1)}
    assert found == {(0, index): leaves[index] for index in (255, 256, 257, 699)} | tiles


async def test_batches_of_many_sizes_grow_one_tree(store: Store) -> None:
    for size in (1, 3, 250, 2, 257, 1):
        for one in await store.note([msgspec.structs.replace(REFUSED, message_id=str(number)) for number in range(size)]):
            check(one)
    assert len(await log_of(store)) == 514


async def test_the_origin_is_kept(store: Store, open_store: Opener) -> None:
    assert await store.log_origin() == ""
    assert await store.log_origin("lgsp.example/HUB") == "lgsp.example/HUB"
    assert await (await open_store()).log_origin() == "lgsp.example/HUB"


async def test_old_checkpoints_are_thinned_out(store: Store) -> None:
    """To the last of each hour and those with a time-stamp; the newer ones stay."""
    for minute in range(0, 240, 20):
        await store.save_checkpoint(Checkpoint(minute + 1, b"head", NOW.replace(minute=0) + timedelta(minutes=minute)))
    await store.save_stamp(Stamp(21, "a", b"1", NOW))
    assert await store.thin_checkpoints(NOW.replace(minute=0) + timedelta(hours=2, minutes=30)) == 5
    assert [one.size for one in await store.checkpoints(0, 99)] == [21, 41, 101, 161, 181, 201, 221]
    assert await store.thin_checkpoints(NOW.replace(minute=0) + timedelta(hours=2, minutes=30)) == 0


async def test_checkpoints_and_their_stamps_are_kept(store: Store) -> None:
    """Of one size the last note, of one note and authority the first stamp."""
    one, two = Checkpoint(3, b"three", NOW), Checkpoint(7, b"seven", NOW)
    for checkpoint in (two, Checkpoint(3, b"without witness", NOW), one):
        await store.save_checkpoint(checkpoint)
    assert await store.latest_checkpoint() == two
    assert await store.checkpoints(0, 10) == [one, two]
    assert await store.checkpoints(3, 10) == [two]
    assert await store.checkpoints(0, 1) == [one]
    for stamp in (Stamp(3, "a", b"1", NOW), Stamp(3, "a", b"2", NOW), Stamp(3, "b", b"3", NOW), Stamp(7, "b", b"4", NOW)):
        await store.save_stamp(stamp)
    assert await store.stamps(3) == [Stamp(3, "a", b"1", NOW), Stamp(3, "b", b"3", NOW)]
    assert await store.latest_stamp("b") == Stamp(7, "b", b"4", NOW)
    assert await store.latest_stamp("c") is None
