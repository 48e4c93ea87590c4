"""Deliveries that no attempt ends: acknowledged in a mailbox, or past their time. Their senders learn of it all the same."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.agency import AgencyCode
from contracts.outcome import Delivered, Gone, Retry
from lgsp.core.lifecycle import State
from lgsp.flow import notices
from lgsp.flow.mailbox import Acknowledgement
from lgsp.flow.sweeper import EXPIRY_GRACE_S
from lgsp.ports import Settled, Settlement
from tests.fakes.flow_kit import COMMUNE, PULLED, PUSHED, SCHEDULE_S, Partner, Rig, rig


async def acknowledge(hub: Rig, recipient: AgencyCode, *items: tuple[str, str]) -> list[bool]:
    """Of whatever waits: for each (result, reason) one delivery, in order; whether they applied."""
    waiting = await hub.mailbox.list(recipient, 0, 10, 5.0)
    acks = [
        Acknowledgement(delivery_id=entry.delivery_id, result=result, reason=reason)  # type: ignore[arg-type]
        for entry, (result, reason) in zip(waiting, items, strict=True)
    ]
    return [one.applied for one in await hub.mailbox.acknowledge(recipient, acks)]


async def told(hub: Rig) -> list[dict[str, Any]]:
    """What notices in the commune's mailbox say, oldest first."""
    entries = await hub.mailbox.list(COMMUNE, 0, 10, 0)
    assert {entry.kind for entry in entries} <= {"delivery.status/1"}
    works = [await hub.mailbox.fetch(COMMUNE, entry.delivery_id) for entry in entries]
    bodies = [msgspec.json.decode(work.envelope.body) for work in works if work is not None]
    return [{"message_id": body["message_id"], **body["deliveries"][0]} for body in bodies]


async def test_a_refusal_out_of_a_mailbox_reaches_the_sender_with_its_reason(tmp_path: Path) -> None:
    """As a refused push does: one delivery.status, accepted with the refusal; a repeated or foreign acknowledgement adds none."""
    async with rig(tmp_path / "j.db") as hub:
        await hub.send("m1", to=PULLED)
        await hub.send("m2", to=PULLED)
        waiting = await hub.mailbox.list(PULLED, 0, 10, 0)
        refusal = Acknowledgement(delivery_id=waiting[0].delivery_id, result="refused", reason="thiếu trích lục bản đồ")
        assert [one.applied for one in await hub.mailbox.acknowledge(PUSHED, [refusal])] == [False]
        assert [one.applied for one in await hub.mailbox.acknowledge(PULLED, [refusal, refusal])] == [True, False]
        assert [one.applied for one in await hub.mailbox.acknowledge(PULLED, [refusal])] == [False]
        (one,) = await told(hub)
        assert (one["message_id"], one["recipient"], one["state"]) == ("m1", PULLED, "refused")
        assert (one["reason"], one["detail"]) == ("delivery.refused_by_recipient", "thiếu trích lục bản đồ")


@pytest.mark.parametrize(("wanted", "expected"), [("all", ["delivered", "refused"]), ("failures", ["refused"]), ("none", [])])
async def test_a_sender_is_told_what_it_wants_to_know(tmp_path: Path, wanted: str, expected: list[str]) -> None:
    """`wants_status` counts for mailboxes too."""
    async with rig(tmp_path / "j.db") as hub:
        commune = msgspec.structs.replace(hub.agency(COMMUNE), wants_status=wanted)  # type: ignore[arg-type]
        await hub.journal.save_agencies([commune])
        await hub.directory.refresh()
        await hub.send("m1", to=PULLED)
        await hub.send("m2", to=PULLED)
        assert await acknowledge(hub, PULLED, ("delivered", ""), ("refused", "")) == [True, True]
        assert [one["state"] for one in await told(hub)] == expected


async def test_the_sender_is_told_what_expired_in_a_mailbox(tmp_path: Path) -> None:
    """At its hour, in the transaction that ends it, and what waited behind it goes on."""
    async with rig(tmp_path / "j.db") as hub:
        await hub.send("m1", to=PULLED, expires_at=hub.clock.now + timedelta(hours=1))
        hub.clock.move(3599)
        await hub.sweeper.sweep_once()
        assert await hub.states("m1") == ["available"]
        hub.clock.move(1)
        await hub.until_state("m1", "expired")
        (one,) = await told(hub)
        assert (one["message_id"], one["state"], one["reason"]) == ("m1", "expired", "delivery.expired")
        assert one["title_vi"]


async def test_a_retry_that_would_come_too_late_expires_and_the_sender_is_told(tmp_path: Path) -> None:
    """Waiting for its next attempt past its life, a delivery ends when the grace is over; the notice counts its attempts."""
    partner = Partner(lambda parcel: Retry("delivery.unreachable", not_before_s=7200.0))
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m1", expires_at=hub.clock.now + timedelta(hours=1))
        await hub.until_failed("m1")
        assert partner.knocks == [("m1", 1)]
        hub.clock.move(3600 + EXPIRY_GRACE_S)
        await hub.until_state("m1", "expired")
        (one,) = await told(hub)
        assert (one["state"], one["recipient"]) == ("expired", PUSHED)


async def test_an_attempt_under_way_at_the_hour_of_expiry_says_itself_what_came_of_it(tmp_path: Path) -> None:
    """The sweeper leaves a delivery alone that may be in the recipient's hands; its success counts."""
    partner = Partner(lambda parcel: Delivered())
    partner.open.clear()
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m1", expires_at=hub.clock.now + timedelta(hours=1))
        await hub.until(lambda: partner.knocks == [("m1", 1)])
        hub.clock.move(3600 + EXPIRY_GRACE_S - 1)
        await hub.sweeper.sweep_once()
        assert await hub.states("m1") != ["expired"]
        partner.open.set()
        await hub.until_state("m1", "delivered")
        assert await told(hub) == []


async def test_a_410_of_the_old_address_leaves_the_operators_edit_alone(tmp_path: Path) -> None:
    """Address and grants that were registered while the attempt was under way stay as they are, and the new address is asked."""
    partner = Partner(lambda parcel: Gone() if parcel.envelope.message_id == "m1" else Delivered())
    partner.open.clear()
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m1", order_key=None)
        await hub.until(lambda: partner.knocks == [("m1", 1)])
        before = hub.agency(PUSHED)
        assert before.endpoint is not None
        moved = msgspec.structs.replace(before.endpoint, url="http://127.0.0.1:9/new")
        edited = msgspec.structs.replace(before, endpoint=moved, name_en="Department of Justice")
        await hub.journal.save_agencies([edited])
        partner.open.set()
        await hub.until_state("m1", "dead")
        await hub.directory.refresh()
        await hub.send("m2", order_key=None)
        await hub.until_state("m2", "delivered")
        assert hub.agency(PUSHED) == edited


async def test_a_410_changes_nothing_but_the_switch(tmp_path: Path) -> None:
    """What this process had not yet read of an operator's edit is kept when the address is switched off."""
    partner = Partner(lambda parcel: Gone())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        edited = msgspec.structs.replace(hub.agency(PUSHED), name_en="Department of Justice")
        await hub.journal.save_agencies([edited])  # the running hub follows a moment later
        await hub.send("m1", order_key=None)
        await hub.until(lambda: hub.agency(PUSHED).endpoint.enabled is False)
        assert hub.agency(PUSHED).name_en == "Department of Justice"


async def test_a_delivery_that_a_bug_keeps_from_being_recorded_is_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try is charged, the schedule ends, and an operator sees the dead letter; others go on."""
    async with rig(tmp_path / "j.db") as hub:
        settle = hub.settler.settle

        async def broken(settlements: Sequence[Settlement]) -> Sequence[Settled]:
            if any(one.state is State.DELIVERED for one in settlements):
                raise LookupError
            return await settle(settlements)

        monkeypatch.setattr(hub.settler, "settle", broken)
        await hub.send("m")

        async def dead() -> bool:
            hub.clock.move(max(SCHEDULE_S) + 1)
            return await hub.states("m") == ["dead"]

        await hub.until(dead)
        assert hub.partner.knocks == [("m", n) for n in range(1, len(SCHEDULE_S) + 2)]
        monkeypatch.undo()
        await hub.send("next")
        await hub.until_state("next", "delivered")


async def test_what_cannot_be_told_ends_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug where notices are made: the worker and the sweeper go on, and what is past its time ends."""

    def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(notices, "notice_of", broken)
    async with rig(tmp_path / "j.db") as hub:
        await hub.send("pushed")
        await hub.until_state("pushed", "delivered")
        await hub.send("pulled", to=PULLED, expires_at=hub.clock.now + timedelta(hours=1))
        hub.clock.move(3600)
        await hub.until_state("pulled", "expired")
        assert await told(hub) == []
