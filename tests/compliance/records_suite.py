"""The promises of `lgsp.ports.Records` and `DirectoryStore`, one test each; test_journal.py brings the fixtures."""

import asyncio
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta, timezone

import msgspec
import pytest

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Identifier
from lgsp.core.directory import Agency, Alias, Directory, Grant
from lgsp.core.lifecycle import State
from lgsp.core.replay import DeadLetterFilter, begun
from lgsp.ports import Credential, DeliveryRecord, EnvelopeRecord, MailboxEntry, Settlement, Store
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, SENDER, Opener, admitted, hop

LEASE = timedelta(seconds=LEASE_S)
FILE = Attachment(digest="sha256:" + "a" * 64, size_bytes=12, name="Đơn đề nghị.pdf")
OTHER_FILE = Attachment(digest="sha256:" + "b" * 64, size_bytes=7)


# mailbox


async def test_a_mailbox_lists_what_is_available_in_order_of_acceptance(store: Store) -> None:
    """A recipient sees its own available deliveries with what it needs to choose; pushes and those that wait are not there."""
    batch = [
        admitted("m1", mode="mailbox", order_key="k", priority=3, body=b"12345"),
        admitted("m2", mode="mailbox", found_order_key="found in the body"),
        admitted("push"),
        admitted("other", BETA, mode="mailbox"),
        admitted("head", order_key="lane"),
        admitted("waits", mode="mailbox", order_key="lane"),
    ]
    await store.accept(batch, NOW, LEASE_S)
    first, second = await store.mailbox(ALPHA, 0, 10)
    assert first == MailboxEntry(
        delivery_id=1,
        sequence=1,
        sender=SENDER,
        message_id="m1",
        kind="case.file/1",
        priority=3,
        order_key="k",
        accepted_at=NOW,
        expires_at=NOW + timedelta(days=30),
        body_bytes=5,
        number=1,
    )
    assert (second.delivery_id, second.order_key) == (2, "found in the body")
    work = await store.fetch(2)
    assert work is not None
    assert (work.order_key, work.envelope.order_key) == ("found in the body", None)


async def test_a_mailbox_is_read_page_by_page(store: Store) -> None:
    """`after` is the last id seen, `limit` the length of a page; acknowledged ones are gone."""
    await store.accept([admitted(f"m{n}", mode="mailbox") for n in range(5)], NOW, LEASE_S)
    await store.settle([Settlement(delivery_id=2, state=State.DELIVERED, recipient=ALPHA)], NOW, LEASE_S)
    assert [one.delivery_id for one in await store.mailbox(ALPHA, 0, 2)] == [1, 3]
    assert [one.delivery_id for one in await store.mailbox(ALPHA, 3, 2)] == [4, 5]
    assert await store.mailbox(ALPHA, 5, 2) == []


# envelopes, cases, timelines


async def test_fetch_gives_any_delivery(store: Store) -> None:
    """In whatever state, with its envelope; an unknown id is None."""
    sent = admitted("m1", [hop(ALPHA, "k"), hop(BETA, mode="mailbox", addressed_as="H01.99")], order_key="k")
    await store.accept([sent, admitted("m2", order_key="k")], NOW, LEASE_S)
    works = [await store.fetch(delivery_id) for delivery_id in (1, 2, 3)]
    assert [work.state for work in works if work] == [State.READY, State.AVAILABLE, State.WAITING]
    assert works[1] is not None
    assert (works[1].envelope, works[1].recipient, works[1].addressed_as) == (sent.envelope, BETA, "H01.99")
    assert await store.fetch(4) is None
    assert await store.fetch(0) is None


async def test_an_envelope_is_found_by_sender_and_id(store: Store) -> None:
    """Everything but the body, with order key and identifiers (also those found in the body) and deliveries as they stand."""
    given, found = Identifier("case", "H01.15-261122-0001"), Identifier("receipt", "BN-7")
    vietnam = timezone(timedelta(hours=7))
    to = [hop(ALPHA), hop(BETA, mode="mailbox", addressed_as="H01.99")]
    sent = admitted(
        "m1",
        to,
        identifiers=[given],
        found=[found],
        found_order_key="case 1",
        created_at=NOW.astimezone(vietnam),
        attachments=[FILE],
    )
    await store.accept([sent], NOW, LEASE_S)
    found_record = await store.envelope(SENDER, "m1")
    assert found_record is not None
    assert found_record == EnvelopeRecord(
        sequence=1,
        accepted_at=NOW,
        expires_at=sent.expires_at,
        digest=sent.digest,
        directory_version=7,
        body_bytes=8,
        envelope=msgspec.structs.replace(sent.envelope, body=b""),
        order_key="case 1",
        identifiers=(given, found),
        deliveries=(
            DeliveryRecord(
                delivery_id=1, recipient=ALPHA, addressed_as=ALPHA, state=State.READY, attempt=1, due_at=NOW + LEASE, number=1
            ),
            DeliveryRecord(
                delivery_id=2, recipient=BETA, addressed_as=AgencyCode("H01.99"), state=State.AVAILABLE, attempt=1, number=1
            ),
        ),
        place=found_record.place,
    )
    assert found_record.place is not None
    assert (found_record.place.index, found_record.place.size) == (0, 3)
    assert await store.envelope(SENDER, "m2") is None
    assert await store.envelope(ALPHA, "m1") is None


async def test_a_timeline_tells_the_life_of_an_envelope_oldest_first(store: Store) -> None:
    """Every event of all its deliveries with rising ids, and nothing of other envelopes."""
    await store.accept([admitted("m1", [hop(ALPHA), hop(BETA, mode="mailbox")]), admitted("m2")], NOW, LEASE_S)
    seconds = [timedelta(seconds=n) for n in range(4)]
    await store.settle(
        [Settlement(delivery_id=1, state=State.READY, attempt=1, reason="delivery.timeout")], NOW + seconds[1], LEASE_S
    )
    await store.settle([Settlement(delivery_id=3, state=State.DELIVERED)], NOW + seconds[1], LEASE_S)
    await store.settle([Settlement(delivery_id=1, state=State.AVAILABLE, attempt=2)], NOW + seconds[2], LEASE_S)
    await store.settle([Settlement(delivery_id=2, state=State.REFUSED, recipient=BETA)], NOW + seconds[3], LEASE_S)
    events = await store.timeline(1)
    assert [(event.name, event.delivery_id, event.recipient, event.at - NOW) for event in events] == [
        ("accepted", 1, ALPHA, seconds[0]),
        ("accepted", 2, BETA, seconds[0]),
        ("available", 2, BETA, seconds[0]),
        ("attempted", 1, ALPHA, seconds[1]),
        ("available", 1, ALPHA, seconds[2]),
        ("refused", 2, BETA, seconds[3]),
    ]
    assert [event.event_id for event in events] == sorted({event.event_id for event in events})
    assert {event.sequence for event in events} == {1}
    assert await store.timeline(99) == []


async def test_a_case_is_found_however_its_number_is_written(store: Store) -> None:
    """Composed, decomposed, upper or lower case, spaces around: one case; any scheme; oldest envelope first."""
    name = "Hồ sơ số 12/Đất đai"
    composed, decomposed = unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)
    batch = [
        admitted("m1", identifiers=[Identifier("case", decomposed)]),
        admitted("m2", identifiers=[Identifier("case", "other")]),
        admitted("m3", found=[Identifier("notation", composed.upper())]),
        admitted("m4", identifiers=[Identifier("case", composed), Identifier("linked", composed.lower())]),
    ]
    await store.accept(batch, NOW, LEASE_S)
    for written in (composed, decomposed, composed.upper(), decomposed.lower(), f"  {composed} "):
        assert [record.envelope.message_id for record in await store.find_case(written, SENDER, 10)] == ["m1", "m3", "m4"]
    (other,) = await store.find_case("OTHER", SENDER, 10)
    assert other == await store.envelope(SENDER, "m2")
    assert await store.find_case("Hồ sơ", SENDER, 10) == []


async def test_a_case_is_found_by_its_parties_whatever_others_write(store: Store) -> None:
    """Sender and recipients find their own envelopes and no others; of more than the limit the newest, oldest first."""
    case = [Identifier("case", "case 1")]
    others = [admitted(f"x{n}", AgencyCode("H01.77"), sender="H01.78", identifiers=case) for n in range(20)]
    own = [admitted(f"m{n}", [hop(ALPHA), hop(BETA)] if n else [hop(ALPHA)], identifiers=case) for n in range(3)]
    await store.accept([*others[:15], own[0], *others[15:], *own[1:]], NOW, LEASE_S)
    found = {party: await store.find_case("CASE 1", party, 3) for party in (SENDER, ALPHA, BETA, AgencyCode("H01.99"))}
    names = {party: [record.envelope.message_id for record in records] for party, records in found.items()}
    assert names == {SENDER: ["m0", "m1", "m2"], ALPHA: ["m0", "m1", "m2"], BETA: ["m1", "m2"], "H01.99": []}
    assert [record.envelope.message_id for record in await store.find_case("case 1", ALPHA, 2)] == ["m1", "m2"]
    assert [len(record.deliveries) for record in found[ALPHA]] == [1, 2, 2]


async def test_an_auditor_finds_a_case_over_all_its_parties(store: Store) -> None:
    """Without a party every envelope of the case is found, those of agencies that have nothing to do with each other too."""
    case = [Identifier("case", "case 1")]
    pairs = [(SENDER, ALPHA), (AgencyCode("H01.78"), AgencyCode("H01.77"))]
    batch = [admitted(f"m{n}", to, sender=sender, identifiers=case) for n, (sender, to) in enumerate(pairs)]
    await store.accept([*batch, admitted("other")], NOW, LEASE_S)
    assert [record.envelope.message_id for record in await store.find_case("CASE 1", None, 3)] == ["m0", "m1"]
    assert [record.envelope.message_id for record in await store.find_case("case 1", None, 1)] == ["m1"]


async def test_timelines_of_several_envelopes_come_together(store: Store) -> None:
    """One look-up for a whole case: all their events in the order in which they happened, nothing of others."""
    await store.accept([admitted(f"m{n}") for n in range(4)], NOW, LEASE_S)
    ends = [Settlement(delivery_id=n, state=State.DELIVERED) for n in (3, 1, 2)]
    await store.settle(ends, NOW, LEASE_S)
    events = await store.timeline(3, 1, 99)
    assert [(event.sequence, event.name) for event in events] == [
        (1, "accepted"),
        (3, "accepted"),
        (3, "delivered"),
        (1, "delivered"),
    ]
    assert await store.timeline() == []


async def test_received_text_is_kept_as_it_was_written(store: Store) -> None:
    """Keys are made beside it: a decomposed identifier comes back decomposed."""
    decomposed = unicodedata.normalize("NFD", "Hồ sơ")
    await store.accept([admitted("m1", identifiers=[Identifier("case", decomposed)])], NOW, LEASE_S)
    (record,) = await store.find_case(decomposed, SENDER, 1)
    assert record.identifiers == (Identifier("case", decomposed),)


# attachments


async def test_an_uploader_may_attach_its_file(store: Store) -> None:
    """An upload is its agency's alone until it is sent."""
    await store.record_upload(FILE.digest, 12, SENDER, NOW)
    await store.record_upload(FILE.digest, 12, SENDER, NOW)  # again, after a lost answer
    assert await store.uploads([FILE.digest, OTHER_FILE.digest], SENDER) == {FILE.digest: 12}
    assert await store.uploads([FILE.digest], ALPHA) == {}
    assert await store.uploads([], SENDER) == {}
    assert await store.attachment_open_to(FILE.digest, SENDER)
    assert not await store.attachment_open_to(FILE.digest, ALPHA)


async def test_sender_and_recipients_may_read_what_was_attached(store: Store) -> None:
    """All recipients and the sender of an accepted envelope, no others; recipients may pass it on."""
    await store.accept([admitted("m1", [hop(ALPHA), hop(BETA)], attachments=[FILE, OTHER_FILE])], NOW, LEASE_S)
    for agency in (SENDER, ALPHA, BETA):
        assert await store.attachment_open_to(FILE.digest, agency)
        assert await store.attachment_open_to(OTHER_FILE.digest, agency)
    assert not await store.attachment_open_to(FILE.digest, AgencyCode("H01.77"))
    assert await store.uploads([FILE.digest, OTHER_FILE.digest], BETA) == {FILE.digest: 12, OTHER_FILE.digest: 7}


async def test_the_same_file_may_be_sent_again_and_again(store: Store) -> None:
    """One file in several envelopes, in one batch and later, to the same recipient and others."""
    await store.record_upload(FILE.digest, 12, SENDER, NOW)
    batch = [admitted(f"m{n}", attachments=[FILE]) for n in range(3)]
    await store.accept(batch, NOW, LEASE_S)
    await store.accept([admitted("m9", [hop(ALPHA), hop(BETA)], attachments=[FILE, FILE])], NOW, LEASE_S)
    assert await store.attachment_open_to(FILE.digest, BETA)


async def test_a_reused_id_opens_no_file(store: Store) -> None:
    """What was not accepted gives nobody access."""
    await store.accept([admitted("m1"), admitted("m1", BETA, attachments=[FILE])], NOW, LEASE_S)
    assert not await store.attachment_open_to(FILE.digest, BETA)


# balance


async def test_the_balance_agrees_from_both_sources(store: Store) -> None:
    """Deliveries by state, and what the events say: accepted is the sum of all, ends are the ends."""
    empty = await store.balance()
    assert (empty.by_state, empty.accepted_events, empty.ended_events) == ({}, 0, {})
    batch = [admitted(f"m{n}", [hop(ALPHA, "k"), hop(BETA, mode="mailbox")], order_key="k") for n in range(4)]
    await store.accept([*batch, *batch], NOW, LEASE_S)
    await store.settle([Settlement(delivery_id=1, state=State.READY, attempt=1)], NOW, LEASE_S)
    ends = {1: State.DEAD, 2: State.DELIVERED, 4: State.DELIVERED, 6: State.REFUSED}
    await store.settle([Settlement(delivery_id=n, state=state) for n, state in ends.items()], NOW, LEASE_S)
    balance = await store.balance()
    ended = {State.DEAD: 1, State.DELIVERED: 2, State.REFUSED: 1}
    assert balance.by_state == {State.READY: 1, State.WAITING: 2, State.AVAILABLE: 1, **ended}
    assert (balance.accepted_events, balance.ended_events) == (8, ended)


async def test_reading_goes_on_while_others_write(store: Store) -> None:
    """Readers see whole transactions: in every balance taken meanwhile both sources agree."""

    async def write(n: int) -> None:
        await store.accept([admitted(f"m{n}-{k}", mode="mailbox") for k in range(5)], NOW, LEASE_S)
        mine = [entry.delivery_id for entry in await store.mailbox(ALPHA, 0, 3)]
        await store.settle([Settlement(delivery_id=one, state=State.DELIVERED) for one in mine], NOW, LEASE_S)

    writers = asyncio.gather(*(write(n) for n in range(20)))
    seen = []
    while not writers.done():
        balance = await store.balance()
        seen.append(balance.accepted_events)
        assert sum(balance.by_state.values()) == balance.accepted_events
        assert {state: n for state, n in balance.by_state.items() if state.is_final} == balance.ended_events
    await writers
    assert all(count % 5 == 0 for count in seen)
    assert (await store.balance()).accepted_events == 100


# directory

FULL = Agency(
    code=AgencyCode("H01.15"),
    name_vi="Sở Xây dựng",
    name_en="Department of Construction",
    level="department",
    parent=AgencyCode("H01"),
    aliases=(Alias(code=AgencyCode("000.00.15.H01"), valid_from=date(2020, 1, 1), valid_to=date(2025, 6, 30)),),
    closed_on=date(2025, 7, 1),
    successors=(AgencyCode("H01.16"),),
    grants=(Grant(kinds=("case.*",), recipients=("H01.01",)),),
    endpoint=Endpoint(adapter="webhook", url="https://example.invalid/in", secret="whsec_c2VjcmV0", retry_schedule_s=(1.0, 2.0)),
    ordered=False,
    wants_status="all",
)
PLAIN = Agency(code=AgencyCode("H01.16"), name_vi="Sở Nông nghiệp và Môi trường")


async def test_an_empty_directory_has_a_version(store: Store) -> None:
    """A new store knows nobody, and says so with the version that an empty directory has."""
    snapshot = await store.directory()
    assert (snapshot.version, dict(snapshot.agencies)) == (await store.directory_version(), {})


async def test_the_directory_comes_back_as_it_was_saved(store: Store, reopen: Opener) -> None:
    """Every field of every agency, also after reopening; each save raises the version by one."""
    before = await store.directory_version()
    assert await store.save_agencies([FULL, PLAIN]) == before + 1
    again = await reopen()
    snapshot = await again.directory()
    assert snapshot.version == await again.directory_version() == before + 1
    assert dict(snapshot.agencies) == {FULL.code: FULL, PLAIN.code: PLAIN}


async def test_saving_an_agency_again_replaces_it(store: Store) -> None:
    """By its code; the others stay; an agency named twice in one call is saved as named last."""
    before = await store.save_agencies([FULL, PLAIN])
    changed = msgspec.structs.replace(PLAIN, name_en="Agriculture and Environment", endpoint=FULL.endpoint)
    assert await store.save_agencies([PLAIN, changed]) == before + 1
    assert dict((await store.directory()).agencies) == {FULL.code: FULL, PLAIN.code: changed}


async def test_changes_at_once_all_count(store: Store, open_store: Opener) -> None:
    """Each change sees the directory as the one before it left it, whichever process makes it."""
    await store.save_agencies([FULL, PLAIN])
    other = await open_store()

    def one_more(kind: str) -> Callable[[Directory], list[Agency]]:
        def change(directory: Directory) -> list[Agency]:
            stored = directory.agencies[PLAIN.code]
            return [msgspec.structs.replace(stored, grants=(*stored.grants, Grant(kinds=(kind,))))]

        return change

    try:
        before = await store.directory_version()
        versions = await asyncio.gather(*((store, other)[n % 2].change_agencies(one_more(f"kind.{n}")) for n in range(10)))
    finally:
        await other.close()
    assert sorted(versions) == list(range(before + 1, before + 11))
    agencies = (await store.directory()).agencies
    assert {grant.kinds[0] for grant in agencies[PLAIN.code].grants} == {f"kind.{n}" for n in range(10)}
    assert agencies[FULL.code] == FULL


async def test_a_change_of_nothing_is_none(store: Store) -> None:
    """Nothing to save leaves the version, and so does a change that raises; the store goes on."""
    before = await store.save_agencies([PLAIN])
    assert await store.change_agencies(lambda directory: []) == before

    def fail(directory: Directory) -> list[Agency]:
        raise LookupError(directory.version)

    with pytest.raises(LookupError):
        await store.change_agencies(fail)
    assert (await store.directory()).version == before
    assert await store.change_agencies(lambda directory: [FULL]) == before + 1
    assert dict((await store.directory()).agencies) == {FULL.code: FULL, PLAIN.code: PLAIN}


async def test_versions_are_given_once(store: Store, open_store: Opener) -> None:
    """Changes from several processes at once each get a version of their own."""
    other = await open_store()
    try:
        before = await store.directory_version()
        versions = await asyncio.gather(*((store, other)[n % 2].save_agencies([PLAIN]) for n in range(10)))
    finally:
        await other.close()
    assert sorted(versions) == list(range(before + 1, before + 11))


async def test_credentials_are_found_by_client_id(store: Store) -> None:
    """Saved, replaced and disabled; unknown ones are None; a change raises the version, so that caches notice."""
    before = await store.directory_version()
    credential = Credential(client_id="c1", agency=SENDER, secret_hash="scrypt$1")
    disabled = Credential(client_id="c2", agency=ALPHA, secret_hash="scrypt$2", disabled=True)
    await store.save_credentials([credential, disabled])
    assert await store.credential("c1") == credential
    assert await store.credential("c2") == disabled
    assert await store.credential("c3") is None
    replaced = msgspec.structs.replace(credential, secret_hash="scrypt$3", disabled=True)
    await store.save_credentials([replaced])
    assert await store.credential("c1") == replaced
    assert await store.directory_version() == before + 2


async def test_certificates_belong_to_an_agency(store: Store) -> None:
    """Found by fingerprint, replaced when saved again; a change raises the version."""
    before = await store.directory_version()
    await store.save_certificate("ab" * 32, SENDER)
    assert await store.certificate_owner("ab" * 32) == SENDER
    assert await store.certificate_owner("cd" * 32) is None
    await store.save_certificate("ab" * 32, ALPHA)
    assert await store.certificate_owner("ab" * 32) == ALPHA
    assert await store.directory_version() == before + 2


async def test_a_removed_certificate_belongs_to_nobody(store: Store) -> None:
    """Only its own agency's; gateways learn of it by the directory's version."""
    await store.save_certificate("ab" * 32, SENDER)
    version = await store.directory_version()
    assert not await store.remove_certificate("ab" * 32, ALPHA)
    assert await store.directory_version() == version
    assert await store.remove_certificate("ab" * 32, SENDER)
    assert await store.certificate_owner("ab" * 32) is None
    assert await store.directory_version() > version


# balance


async def test_a_journal_that_nobody_meddled_with_has_no_mismatch(store: Store) -> None:
    """Whatever became of the deliveries: delivered, refused, recalled, expired, dead, replayed, waiting, parked or fetched."""
    both = [hop(ALPHA, "k"), hop(BETA, "k", mode="mailbox")]
    await store.accept([admitted(f"m{n}", both) for n in range(5)], NOW, LEASE_S)
    endings = (State.DELIVERED, State.REFUSED, State.EXPIRED, State.DEAD)
    for place, state in enumerate(endings):
        await store.settle([Settlement(delivery_id=1 + 2 * place, state=state)], NOW, LEASE_S)
    await store.settle([Settlement(delivery_id=2, state=State.CANCELLED)], NOW, LEASE_S)
    await store.start_replay(begun(DeadLetterFilter(), "lan", None, 1, NOW + LEASE))
    await store.step_replays(NOW + LEASE, 10, LEASE_S)
    assert await store.mismatches(0, 100) == (5, [])
    assert await store.mismatches(0, 2) == (2, [])
    assert await store.mismatches(2, 2) == (4, [])
    assert await store.mismatches(5, 2) is None
    balance = await store.balance()
    assert (balance.difference, balance.in_flight, balance.accepted_events) == (0, 6, 10)
