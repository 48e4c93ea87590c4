"""Recall, update and replacement of documents, with the real flow: what has not arrived is cancelled, what has is asked back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.kinds import document_examples
from contracts.outcome import Delivered, Outcome, Retry
from lgsp.core.hold import begun
from lgsp.errors import JournalUnavailable
from lgsp.flow.mailbox import Acknowledgement
from lgsp.ports import Work
from tests.fakes.flow_kit import COMMUNE, PULLED, PUSHED, Partner, Rig, rig

PACKET = document_examples.PACKET.decode()
RECALL = document_examples.RECALL.decode()
STATUS = document_examples.STATUS.decode()
ASKED_BACK = document_examples.ASKED_BACK.decode()
DOCUMENT = "000.00.10.H01,2026/11/18,2217/SNNMT-VP"
OTHER = "000.00.10.H01,2026/11/19,2218/SNNMT-VP"


def packet(message_id: str, body: str, *to: AgencyCode, sender: AgencyCode = COMMUNE, status: bool = False) -> Envelope:
    return Envelope(
        message_id=message_id,
        sender=sender,
        recipients=to,
        kind="document.status/1" if status else "document.packet/1",
        created_at=datetime(2026, 11, 22, 0, 59, tzinfo=UTC),
        media_type="application/edxml+xml",
        body=body.encode(),
    )


def replacement(of: str) -> str:
    """Another document that takes the place of an earlier one, files and all."""
    asks = f"<edXML:BussinessDocType>3</edXML:BussinessDocType><edXML:DocumentId>{of}</edXML:DocumentId>"
    new = PACKET.replace("<edXML:BussinessDocType>0</edXML:BussinessDocType>", asks)
    return new.replace(f"<edXML:DocumentId>{DOCUMENT}<", f"<edXML:DocumentId>{OTHER}<", 1)


async def send(hub: Rig, envelope: Envelope) -> Any:
    return await hub.intake.submit(envelope, hub.agency(envelope.sender))


async def deliveries(hub: Rig, message_id: str, sender: AgencyCode = COMMUNE) -> dict[str, Any]:
    record = await hub.journal.envelope(sender, message_id)
    return {one.recipient: one for one in record.deliveries}


def read(work: Work) -> Any:
    return msgspec.json.decode(work.envelope.body)


async def names(hub: Rig, message_id: str) -> list[str]:
    record = await hub.journal.envelope(COMMUNE, message_id)
    return [event.name for event in await hub.journal.timeline(record.sequence)]


async def hold_back(hub: Rig) -> None:
    await hub.journal.change_hold(PUSHED, lambda _: begun(PUSHED, None, "", hub.clock.now), hub.clock.now)


@pytest.mark.parametrize("by_status", [False, True], ids=["packet of type 1", "status 13"])
async def test_a_recalled_document_that_nobody_has_is_cancelled_at_once_and_nobody_is_asked(
    tmp_path: Path, by_status: bool
) -> None:
    """Parked for one recipient, unfetched in the mailbox of the other: both end, the request itself goes to nobody, the sender is
    told of both."""
    async with rig(tmp_path / "j.db") as hub:
        await hold_back(hub)
        await send(hub, packet("doc", PACKET, PUSHED, PULLED))

        async def parked() -> bool:
            return (await deliveries(hub, "doc"))[PUSHED].state.label == "parked"

        await hub.until(parked)
        await send(hub, packet("recall", ASKED_BACK if by_status else RECALL, PUSHED, PULLED, status=by_status))
        document = await deliveries(hub, "doc")
        assert {(one.state.label, one.reason) for one in document.values()} == {("cancelled", "delivery.recalled")}

        async def over() -> bool:
            return {one.state.label for one in (await deliveries(hub, "recall")).values()} == {"cancelled"}

        await hub.until(over)
        assert await hub.mailbox.list(PULLED, 0, 10, 0) == []
        works = [await hub.mailbox.fetch(COMMUNE, one.delivery_id) for one in await hub.mailbox.list(COMMUNE, 0, 10, 0)]
        told = [(body["message_id"], body["deliveries"][0]["state"]) for work in works if work for body in [read(work)]]
        assert told.count(("doc", "cancelled")) == 2
        assert (await hub.journal.balance()).difference == 0
    assert hub.partner.got == []


async def test_a_delivered_document_goes_through_request_and_answer(tmp_path: Path) -> None:
    """The request reaches whoever has it, behind the document; 15 and 16 are noted beside the delivery."""
    async with rig(tmp_path / "j.db") as hub:
        await send(hub, packet("doc", PACKET, PUSHED, PULLED))
        await hub.until(lambda: hub.partner.got == ["doc"])
        (entry,) = await hub.mailbox.list(PULLED, 0, 10, 5)
        await hub.mailbox.fetch(PULLED, entry.delivery_id)
        await hub.mailbox.acknowledge(PULLED, [Acknowledgement(delivery_id=entry.delivery_id)])
        await send(hub, packet("recall", RECALL, PUSHED, PULLED))
        await hub.until(lambda: hub.partner.got == ["doc", "recall"])
        assert [one.message_id for one in await hub.mailbox.list(PULLED, 0, 10, 5)] == ["recall"]
        assert {one.recall.label for one in (await deliveries(hub, "doc")).values()} == {"requested"}
        for sender, code in ((PUSHED, "15"), (PULLED, "16")):
            answer = STATUS.replace("<edXML:StatusCode>03<", f"<edXML:StatusCode>{code}<")
            assert code in answer
            await send(hub, packet(f"answer {code}".replace(" ", "-"), answer, COMMUNE, sender=sender, status=True))
        found = await deliveries(hub, "doc")
        assert {recipient: one.recall.label for recipient, one in found.items()} == {PUSHED: "agreed", PULLED: "refused"}
        assert [name for name in await names(hub, "doc") if name.startswith("recall")] == [
            "recall_requested",
            "recall_requested",
            "recall_agreed",
            "recall_refused",
        ]


async def test_what_is_in_the_recipients_hands_is_asked_back_and_not_tried_again(tmp_path: Path) -> None:
    """An attempt is under way when the recall comes: if it succeeds the recipient is asked, if not it ends there."""
    partner = Partner()

    def answer(parcel: Parcel) -> Outcome:
        return Retry("delivery.timeout") if parcel.envelope.message_id == "doc" else Delivered()

    partner.answer = answer
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        partner.open.clear()
        await send(hub, packet("doc", PACKET, PUSHED))
        await hub.until(lambda: partner.got == ["doc"])
        await send(hub, packet("recall", RECALL, PUSHED))
        assert (await deliveries(hub, "doc"))[PUSHED].recall.label == "requested"
        partner.open.set()

        async def over() -> bool:
            return (await deliveries(hub, "doc"))[PUSHED].state.label == "cancelled"

        await hub.until(over)
        assert partner.got[:1] == ["doc"] and partner.got.count("doc") == 1
        assert (await deliveries(hub, "doc"))[PUSHED].reason == "delivery.recalled"


async def test_fetched_and_not_yet_acknowledged_counts_as_in_the_recipients_hands(tmp_path: Path) -> None:
    """Cancelling it behind the recipient's back would tell the sender something that is not true."""
    async with rig(tmp_path / "j.db") as hub:
        await send(hub, packet("doc", PACKET, PULLED))
        (entry,) = await hub.mailbox.list(PULLED, 0, 10, 5)
        await hub.mailbox.fetch(PULLED, entry.delivery_id)
        await send(hub, packet("recall", RECALL, PULLED))
        assert [one.message_id for one in await hub.mailbox.list(PULLED, 0, 10, 5)] == ["doc", "recall"]
        (acknowledged,) = await hub.mailbox.acknowledge(PULLED, [Acknowledgement(delivery_id=entry.delivery_id)])
        assert acknowledged.applied


async def test_a_replacement_takes_the_place_of_what_has_not_arrived(tmp_path: Path) -> None:
    """Whole, with its files: the earlier one is dropped, the new one delivered."""
    async with rig(tmp_path / "j.db") as hub:
        await send(hub, packet("doc", PACKET, PULLED))
        await send(hub, packet("new", replacement(DOCUMENT), PULLED))
        assert (await deliveries(hub, "doc"))[PULLED].reason == "delivery.superseded"
        assert [one.message_id for one in await hub.mailbox.list(PULLED, 0, 10, 5)] == ["new"]


async def test_an_update_without_the_files_takes_nothing_away(tmp_path: Path) -> None:
    """It says what changed; without the document itself the recipient would be left with nothing to apply it to."""
    update = RECALL.replace("<edXML:BussinessDocType>1<", "<edXML:BussinessDocType>2<")
    bare = update[: update.index("<AttachmentEncoded")] + "</edXML>" if "<AttachmentEncoded" in update else update
    async with rig(tmp_path / "j.db") as hub:
        await send(hub, packet("doc", PACKET, PULLED))
        await send(hub, packet("update", bare, PULLED))
        assert [one.message_id for one in await hub.mailbox.list(PULLED, 0, 10, 5)] == ["doc", "update"]


async def test_nobody_recalls_what_another_sent(tmp_path: Path) -> None:
    """The same document id in a foreign recall: nothing of the sender's is touched."""
    async with rig(tmp_path / "j.db") as hub:
        await send(hub, packet("doc", PACKET, PULLED))
        await send(hub, packet("recall", RECALL, PULLED, sender=PUSHED))
        assert (await deliveries(hub, "doc"))[PULLED].state.label == "available"
        assert (await deliveries(hub, "recall", PUSHED))[PULLED].state.label == "available"


async def test_a_recall_reaches_only_the_recipients_it_is_addressed_to(tmp_path: Path) -> None:
    """The others keep the document."""
    async with rig(tmp_path / "j.db") as hub:
        await hold_back(hub)
        await send(hub, packet("doc", PACKET, PUSHED, PULLED))
        await send(hub, packet("recall", RECALL, PULLED))
        found = await deliveries(hub, "doc")
        assert found[PULLED].state.label == "cancelled"
        assert found[PUSHED].state.label != "cancelled"


async def test_a_recall_that_could_not_be_carried_out_is_asked_again_and_then_is(tmp_path: Path) -> None:
    """The journal fails between the acceptance and the act: no receipt, the same bytes come again, acting twice is harmless."""
    async with rig(tmp_path / "j.db") as hub:
        await send(hub, packet("doc", PACKET, PULLED))
        recall = packet("recall", RECALL, PULLED)
        hub.journal.away = {"find_case"}
        with pytest.raises(JournalUnavailable):
            await send(hub, recall)
        hub.journal.away = set()
        first = await send(hub, recall)
        again = await send(hub, recall)
        assert first.receipt == again.receipt
        assert (await deliveries(hub, "doc"))[PULLED].state.label == "cancelled"
        assert (await names(hub, "doc")).count("cancelled") == 1


async def test_a_bug_in_carrying_a_recall_out_keeps_no_receipt_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk is answered for, and the request travels to its recipients all the same."""

    async def broken(*_: object) -> None:
        raise LookupError

    async with rig(tmp_path / "j.db") as hub:
        monkeypatch.setattr(hub.recalls, "follow", broken)
        answer = await send(hub, packet("recall", RECALL, PUSHED))
        assert answer.fresh
        await hub.until(lambda: hub.partner.got == ["recall"])


async def test_a_sender_takes_back_any_envelope_that_has_not_arrived(tmp_path: Path) -> None:
    """Without a packet that says so: what became of each delivery is the answer."""
    async with rig(tmp_path / "j.db") as hub:
        await hub.send("m1", to=PULLED)
        await hub.send("m2", to=PULLED, order_key="case 2")
        await hub.until_state("m2", "available")
        record = await hub.journal.envelope(COMMUNE, "m1")
        (one,) = await hub.recalls.withdraw(record, (), "gửi nhầm")
        assert one.outcome == "cancelled"
        again = await hub.journal.envelope(COMMUNE, "m1")
        assert (again.deliveries[0].reason, again.deliveries[0].detail) == ("delivery.recalled", "gửi nhầm")
        (one,) = await hub.recalls.withdraw(again, (), "gửi nhầm")
        assert one.outcome == "cancelled"
        assert await hub.states("m2") == ["available"]


async def test_a_recall_of_a_document_behind_another_of_its_lane_releases_what_waits(tmp_path: Path) -> None:
    """The lane goes on as after any ending."""
    partner = Partner(lambda parcel: Retry("delivery.timeout") if parcel.envelope.message_id == "doc" else Delivered())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        document = packet("doc", PACKET, PUSHED)
        await send(hub, msgspec.structs.replace(document, order_key="lane"))
        await hub.until(lambda: partner.got == ["doc"])
        await hub.send("behind", order_key="lane")
        await hub.until_failed("doc")
        await send(hub, packet("recall", RECALL, PUSHED))
        hub.clock.move(timedelta(seconds=6).total_seconds())
        await hub.until_state("behind", "delivered")
        assert await hub.states("doc") == ["cancelled"]
