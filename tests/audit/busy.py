"""Fills a store with something of everything that it can hold, by its own methods: a day of a small hub."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Identifier
from lgsp.core.directory import Agency
from lgsp.core.hold import THE_DOOR, begun, recovered, tripped
from lgsp.core.lifecycle import State
from lgsp.core.log.checkpoint import Checkpoint as Head
from lgsp.core.log.checkpoint import sign_checkpoint
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.note import NoteVerifier
from lgsp.core.log.record import Refused
from lgsp.core.replay import DeadLetterFilter
from lgsp.core.replay import begun as replay_begun
from lgsp.core.signatures.finding import Examination, Examined, Exhibit
from lgsp.ports import Checkpoint, Credential, Erasure, Settlement, Stamp, Store
from signing.keys import Algorithm
from signing.local_key import LocalKey
from signing.report import Evidence
from tests.compliance.builders import ALPHA, BETA, LEASE_S, NOW, SENDER, admitted, hop
from tests.compliance.signatures_suite import FINDING
from tests.signatures import AT, agency
from tests.stamps import stamp

ORIGIN = "lgsp/HUB"
FILE = Attachment(name="quyết định.pdf", media_type="application/pdf", size_bytes=17, digest="sha256:" + "cd" * 32)
ERASED_FILE = replace(FILE, digest="sha256:" + "01" * 32)
OTHER_FILE = "sha256:" + "ef" * 32
STAMPED, STAMPED_AT = 200, AT
KEY = LocalKey.new(Algorithm.ED25519)
VERIFIER = NoteVerifier(ORIGIN, KEY.key.public_key().public_bytes_raw())  # type: ignore[union-attr]


async def fill(store: Store) -> None:
    await _directory(store)
    await _envelopes(store)
    await _deliveries(store)
    await _holds(store)
    await _keeping(store)
    await store.note(
        [Refused(at=NOW, sender=SENDER, code="body.malformed", received="x" * 44, message_id=str(n)) for n in range(600)]
    )
    await store.set_mark(ALPHA, "tracking", "000000000000000000000007")
    await store.log_origin(ORIGIN)
    for size in (1, STAMPED):
        await publish(store, size)
    await publish(store)
    note = next(one.note for one in await store.checkpoints(0, 10) if one.size == STAMPED)
    await store.save_stamp(Stamp(STAMPED, "TSA", stamp(note), STAMPED_AT))


async def publish(store: Store, size: int | None = None) -> Head:
    """A signed head of the tree as it stands, or of its first leaves."""
    leaves = await store.log_leaves(0, size or 1_000_000)
    head = Head(ORIGIN, len(leaves), append(Frontier(), [leaf_hash(leaf) for leaf in leaves]).after.root)
    note = sign_checkpoint(head, VERIFIER, KEY.sign)
    await store.save_checkpoint(Checkpoint(head.size, note.encode(), NOW))
    return head


async def _directory(store: Store) -> None:
    for code in (SENDER, ALPHA, BETA):
        await store.save_agencies([Agency(code=AgencyCode(code), name_vi=f"Cơ quan {code}", level="commune")])
    await store.save_agencies([Agency(code=AgencyCode(ALPHA), name_vi="Xã An Phú", level="commune")])
    await store.save_credentials([Credential(client_id=one, agency=ALPHA, secret_hash=f"scrypt${one}") for one in ("a", "b")])
    await store.save_credentials([Credential(client_id="b", agency=ALPHA, secret_hash="scrypt$b", disabled=True)])
    await store.save_certificate("ab" * 32, ALPHA)
    await store.save_certificate("cd" * 32, BETA)
    await store.save_certificate("cd" * 32, ALPHA)
    await store.remove_certificate("ab" * 32, ALPHA)
    for moment in (NOW, NOW + timedelta(hours=1)):
        await store.record_upload(FILE.digest, FILE.size_bytes, SENDER, moment)
    await store.record_upload(OTHER_FILE, 5, BETA, NOW)


async def _envelopes(store: Store) -> None:
    evidence = Exhibit.of(Evidence("certificate", agency().der))
    examination = Examination(at=NOW, policy="p", trust="v7", findings=(replace(FINDING, evidence=(evidence.digest,)),))
    case = [Identifier("case", "H01-1"), Identifier("receipt", "BN-7")]
    copied = [hop(ALPHA, "case 1", addressed_as="000.00.01.H15"), replace(hop(BETA), copy=True)]
    batch = [
        admitted("m1", copied, order_key="case 1", priority=2),
        admitted("m2", ALPHA, order_key="case 1", identifiers=case[:1], found=case[1:], attachments=[FILE]),
        admitted("m3", [hop(ALPHA, mode="mailbox"), hop(BETA, mode="mailbox")]),
    ]
    await store.accept(batch, NOW, LEASE_S)
    await store.accept([admitted("m4", examined=Examined(examination=examination, exhibits=(evidence,)))], NOW, LEASE_S)
    await store.accept([admitted(f"m{number}") for number in range(5, 12)], NOW, LEASE_S)
    await store.accept([admitted("m12", attachments=[FILE, ERASED_FILE])], NOW, LEASE_S)


async def _deliveries(store: Store) -> None:
    """1 delivered at the second attempt and asked back, 2 (a copy) on its way, 3 let go behind 1 and cancelled, 4 fetched and
    refused, 5 in a mailbox, 6 dead, replayed and delivered, 7 dead and resolved, 8 expired, 9 given back, 10 and 12 open."""
    await _settle(store, 1, State.READY, 1, attempt=1, reason="http.503", detail="Tạm dừng", delay_s=1, took_ms=12)
    notice = admitted("n1", SENDER, sender="HUB")
    await _settle(store, 1, State.DELIVERED, 2, attempt=2, took_ms=7, notice=notice)
    await _settle(store, 1, State.CANCELLED, 3, withdraw=True)
    await _settle(store, 3, State.CANCELLED, 3, reason="sender.recalled", detail="thu hồi")
    await store.mark_fetched([4], NOW + timedelta(seconds=4))
    await _settle(store, 4, State.REFUSED, 5, recipient=ALPHA, reason="recipient.refused", detail="Không đúng thẩm quyền")
    for dead in (6, 7):
        await _settle(store, dead, State.DEAD, 6, attempt=1, reason="http.404", detail="Không tìm thấy", took_ms=3)
    later = NOW + timedelta(seconds=7)
    number = await store.start_replay(replay_begun(DeadLetterFilter(delivery_ids=(6,)), "Bình", None, 1, later))
    await store.step_replays(later, 10, LEASE_S)
    assert number == 1
    await _settle(store, 6, State.DELIVERED, 8, attempt=2)
    await store.resolve_dead_letters(DeadLetterFilter(delivery_ids=(7,)), "Bình", "đã gọi điện", later)
    stopped = await store.start_replay(replay_begun(DeadLetterFilter(), "Bình", 1.0, 0, later))
    await store.cancel_replay(stopped, later)
    await _settle(store, 8, State.EXPIRED, 9)
    await _settle(store, 9, State.DELIVERED, 9, attempt=1)
    await _settle(store, 9, State.CANCELLED, 10, withdraw=True)
    await store.answer_recall([9], agreed=True, now=NOW + timedelta(seconds=11))
    await _settle(store, 12, State.READY, 12, attempt=1, postpone=True, delay_s=60, reason="http.429", took_ms=2)


async def _keeping(store: Store) -> None:
    """The second and the last envelope are archived, and the last one is erased: a file of it is gone, the other stays."""
    last = await store.envelope(SENDER, "m12")
    assert last is not None
    ended = Settlement(
        delivery_id=last.deliveries[0].delivery_id, state=State.DELIVERED, attempt=1, reason="ok", detail="Đã nhận"
    )
    await store.settle([ended], NOW + timedelta(seconds=14), LEASE_S)
    for number, sequences in ((1, [2]), (2, [last.sequence])):
        await store.begin_archive(sequences, "/archives", NOW + timedelta(days=number))
        await store.end_archive(number, f"sha256:{number:064}", NOW + timedelta(days=number, hours=1))
    erasure = Erasure(sequence=last.sequence, reason="request", detail="Quyết định 5/QĐ", operator="Bình")
    (erased,) = await store.erase([erasure], NOW + timedelta(days=9))
    assert (erased.outcome, erased.files) == ("erased", 1)


async def _settle(store: Store, delivery_id: int, state: State, after_s: int, **told: Any) -> None:
    await store.settle([Settlement(delivery_id=delivery_id, state=state, **told)], NOW + timedelta(seconds=after_s), LEASE_S)


async def _holds(store: Store) -> None:
    """One recipient failing with a delivery parked, one that recovered, the door in maintenance."""
    for recipient in (ALPHA, BETA):
        await store.change_hold(
            recipient, lambda hold, who=recipient: tripped(hold, who, "http.503", "mất điện", 0, (5.0,), NOW), NOW
        )
    await _settle(store, 10, State.PARKED, 13, attempt=1, reason="http.503", delay_s=3600, took_ms=1)
    await store.change_hold(BETA, lambda hold: recovered(hold, NOW), NOW)
    await store.change_hold(THE_DOOR, lambda _: begun(THE_DOOR, None, "Nâng cấp", NOW), NOW)
