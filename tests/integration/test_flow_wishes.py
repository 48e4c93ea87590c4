"""What a recipient may ask for: a retry schedule and an age of its own, and no order."""

from pathlib import Path
from typing import Any

import msgspec

from contracts.outcome import Delivered, Retry
from lgsp.core.directory import Agency
from tests.fakes.flow_kit import COMMUNE, PUSHED, SCHEDULE_S, Partner, Rig, rig


async def says(hub: Rig, *, ordered: bool = True, **wishes: Any) -> None:
    """The pushed agency from now on."""
    one: Agency = hub.agency(PUSHED)
    assert one.endpoint is not None
    new = msgspec.structs.replace(one, ordered=ordered, endpoint=msgspec.structs.replace(one.endpoint, **wishes))
    await hub.journal.save_agencies([new])
    await hub.directory.refresh()


async def ending(hub: Rig, message_id: str) -> tuple[str, str]:
    record = await hub.journal.envelope(COMMUNE, message_id)
    return record.deliveries[0].state.label, record.deliveries[0].reason


async def test_an_endpoint_s_own_schedule_takes_the_place_of_the_hub_s(tmp_path: Path) -> None:
    """Three waits of a second where the hub's has two long ones; then it is a dead letter."""
    partner = Partner(lambda parcel: Retry("delivery.timeout"))
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await says(hub, retry_schedule_s=(1.0, 1.0, 1.0))
        assert len(SCHEDULE_S) == 2
        await hub.send("m1")
        for attempts in (1, 2, 3):
            await hub.until_failed("m1", attempts)
            hub.clock.move(1.2)
        await hub.until_state("m1", "dead")
        assert partner.knocks == [("m1", 1), ("m1", 2), ("m1", 3), ("m1", 4)]
        assert await ending(hub, "m1") == ("dead", "delivery.retries_exhausted")


async def test_an_endpoint_s_own_age_ends_its_attempts(tmp_path: Path) -> None:
    """What could only be tried again after that is given up at once; the hub's own age is five days."""
    partner = Partner(lambda parcel: Retry("delivery.timeout"))
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await says(hub, max_age_s=SCHEDULE_S[0] + 1)
        await hub.send("m1")
        await hub.until_failed("m1")
        hub.clock.move(SCHEDULE_S[0] + 1)
        await hub.until_state("m1", "dead")
        assert len(partner.knocks) == 2
        assert await ending(hub, "m1") == ("dead", "delivery.too_old")


async def test_a_recipient_that_wants_no_order_waits_for_nothing(tmp_path: Path) -> None:
    """A failing message of a case holds up the later one only where order is wanted."""
    partner = Partner(lambda parcel: Retry("delivery.timeout") if parcel.envelope.message_id == "m1" else Delivered())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await says(hub, ordered=False)
        await hub.send("m1")
        await hub.send("m2")
        await hub.until_state("m2", "delivered")
        assert await hub.states("m1") != ["delivered"]
        await says(hub, ordered=True)
        await hub.send("m3", order_key="case 2")
        await hub.until_state("m3", "delivered")
