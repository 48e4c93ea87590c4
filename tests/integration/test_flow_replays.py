"""Dead letters put back on their way, with the real flow."""

from pathlib import Path
from typing import Any

import msgspec

from contracts.adapter import Parcel
from contracts.outcome import Delivered, Outcome, Retry
from lgsp.core.replay import DeadLetterFilter, begun
from tests.fakes.flow_kit import COMMUNE, SCHEDULE_S, Partner, Rig, rig


async def replay(hub: Rig) -> int:
    which = DeadLetterFilter()
    total = (await hub.journal.count_dead_letters(which, hub.clock.now)).letters
    hub.clock.move(1)
    number: int = await hub.journal.start_replay(begun(which, "lan", None, total, hub.clock.now))
    return number


async def die(hub: Rig, *message_ids: str) -> None:
    """Their schedules run out."""

    async def dead() -> bool:
        hub.clock.move(max(SCHEDULE_S) + 1)
        return all([await hub.states(one) == ["dead"] for one in message_ids])

    await hub.until(dead)


class Moody:
    """A partner whose system fails for some messages until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    def __call__(self, parcel: Parcel) -> Outcome:
        return Delivered() if self.mended else Retry("delivery.server_error", "500")


async def told(hub: Rig) -> list[tuple[str, str]]:
    entries = await hub.mailbox.list(COMMUNE, 0, 100, 0)
    works = [await hub.mailbox.fetch(COMMUNE, entry.delivery_id) for entry in entries]
    bodies: list[Any] = [msgspec.json.decode(work.envelope.body) for work in works if work is not None]
    return [(body["message_id"], body["deliveries"][0]["state"]) for body in bodies]


async def test_replayed_letters_arrive_in_their_order_and_the_sender_learns_of_it(tmp_path: Path) -> None:
    """It was told that they were dead, though it hears of failures only; now it is told that they arrived."""
    moody = Moody()
    partner = Partner(moody)
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        for n in range(2):
            await hub.send(f"m{n}")
        await die(hub, "m0", "m1")
        partner.knocks.clear()
        moody.mended = True
        number = await replay(hub)
        await hub.until_state("m1", "delivered")
        assert partner.got == ["m0", "m1"]
        assert [attempt for _, attempt in partner.knocks] == [1, 1], "the schedule begins anew"
        job = await hub.journal.replay(number)
        assert (job.state, job.moved) == ("done", 2)
        notices = await told(hub)
        assert [state for message_id, state in notices if message_id == "m0"] == ["dead", "delivered"]
        assert (await hub.journal.balance()).difference == 0


async def test_a_replay_to_a_partner_that_is_still_broken_ends_where_it_began(tmp_path: Path) -> None:
    """Dead again, once, and told again."""
    partner = Partner(Moody())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m0")
        await die(hub, "m0")
        number = await replay(hub)
        await hub.until(lambda: partner.knocks.count(("m0", 1)) == 2)
        await die(hub, "m0")
        hub.clock.move(60)
        await hub.sweeper.sweep_once()
        assert await hub.states("m0") == ["dead"]
        job = await hub.journal.replay(number)
        assert (job.state, job.moved) == ("done", 1)
        assert [state for _, state in await told(hub)] == ["dead", "dead"]


async def test_what_was_taken_back_after_its_death_is_not_replayed_to_anybody(tmp_path: Path) -> None:
    """Nothing is delivered after a recall: the replay ends it, and the sender is told."""
    moody = Moody()
    partner = Partner(moody)
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m0")
        await die(hub, "m0")
        (one,) = await hub.recalls.withdraw(await hub.journal.envelope(COMMUNE, "m0"), (), "gửi nhầm")
        assert one.outcome == "ended"
        partner.knocks.clear()
        moody.mended = True
        await replay(hub)
        await hub.until_state("m0", "cancelled")
        assert partner.got == []
        assert [state for _, state in await told(hub)] == ["dead", "cancelled"]
        assert (await hub.journal.balance()).difference == 0
