"""Circuit breakers, parking and maintenance, with the real flow over the real SQLite journal."""

from datetime import timedelta
from pathlib import Path

import msgspec

from contracts.adapter import Parcel
from contracts.outcome import Delivered, Outcome, Refused, Retry
from lgsp.core.hold import EVERYBODY, THE_DOOR, Cause, Hold, begun, crowded, ended, recovered
from lgsp.core.lifecycle import State
from lgsp.flow.maintenance import DoorClosed
from tests.fakes.flow_kit import COMMUNE, FAILURES, MAX_AGE_S, PROBES_S, PULLED, PUSHED, SCHEDULE_S, Partner, Rig, rig


async def hold_of(hub: Rig) -> Hold | None:
    found: Hold | None = await hub.journal.hold(PUSHED)
    return found


async def send_many(hub: Rig, count: int, prefix: str = "m") -> list[str]:
    names = [f"{prefix}{n}" for n in range(count)]
    for name in names:
        await hub.send(name, order_key=f"case {name}")
    return names


async def in_state(hub: Rig, state: str, names: list[str]) -> bool:
    return all([await hub.states(name) == [state] for name in names])


async def until_parked(hub: Rig, names: list[str]) -> None:
    async def parked() -> bool:
        return await in_state(hub, "parked", names)

    await hub.until(parked)


class Away:
    """A partner that is there or not."""

    def __init__(self) -> None:
        self.away = True

    def __call__(self, parcel: Parcel) -> Outcome:
        return Retry("delivery.unreachable", "connection refused") if self.away else Delivered()


async def test_a_dead_partner_is_asked_a_few_times_and_then_probed(tmp_path: Path) -> None:
    """The breaker opens after so many failures in a row; what comes then is parked unasked; one probe at a time knocks, later
    and later; none of it is charged to the deliveries."""
    partner = Partner(Away())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        first = await send_many(hub, FAILURES)
        await hub.until(lambda: len(partner.got) == FAILURES)
        await hub.until(lambda: hold_of(hub))
        late = await send_many(hub, 20, "late")
        await until_parked(hub, late)
        assert sorted(partner.got) == sorted(first)
        for knocks, wait_s in enumerate((*PROBES_S, PROBES_S[-1]), start=1):
            hub.clock.move(wait_s)
            await hub.until(lambda knocks=knocks: len(partner.got) >= FAILURES + knocks)  # type: ignore[misc]

            async def heard(step: int = knocks) -> bool:
                hold = await hold_of(hub)
                return hold is not None and hold.step == step

            await hub.until(heard)
        probes = partner.got[FAILURES:]
        assert len(probes) == len(set(probes)) == 3, "another one is sent each time"
        record = await hub.journal.envelope(COMMUNE, probes[-1])
        assert record.deliveries[0].attempt == 1
        assert record.deliveries[0].reason in ("delivery.unreachable", "delivery.recipient_failing")
        assert [one.name for one in await hub.journal.occurrences(PUSHED, 10)] == ["failing"]


async def test_when_the_partner_is_back_everything_parked_arrives_and_it_is_said(tmp_path: Path) -> None:
    """A probe gets through, the breaker closes, the parked go little by little, nothing is lost or asked twice."""
    away = Away()
    partner = Partner(away)
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        names = await send_many(hub, 40)
        await hub.until(lambda: hold_of(hub))
        away.away = False

        async def delivered() -> bool:
            hub.clock.move(1)
            return await in_state(hub, "delivered", names)

        await hub.until(delivered, 20.0)
        assert await hold_of(hub) is None
        assert [one.name for one in await hub.journal.occurrences(PUSHED, 10)] == ["recovered", "failing"]
        assert (await hub.journal.balance()).difference == 0


async def test_one_message_that_always_fails_is_no_dead_partner(tmp_path: Path) -> None:
    """The breaker stays closed; the message ends by its own schedule, the others arrive."""
    partner = Partner(lambda parcel: Retry("delivery.server_error") if parcel.envelope.message_id == "poison" else Delivered())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("poison", order_key="case 0")

        async def dead() -> bool:
            hub.clock.move(10)
            return await hub.states("poison") == ["dead"]

        await hub.until(dead)
        assert await hold_of(hub) is None
        await hub.send("fine", order_key="case 1")
        await hub.until_state("fine", "delivered")


async def test_a_breaker_that_opens_and_closes_makes_no_schedule_shorter(tmp_path: Path) -> None:
    """What failed and was charged waits its time, also where the recipient recovers before: a few messages that always fail would
    have burnt all their tries in a minute otherwise, beside others that close the breaker each time."""
    partner = Partner(lambda _: Retry("delivery.server_error"))
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        names = await send_many(hub, FAILURES)
        await hub.until(lambda: hold_of(hub))
        for name in names:
            await hub.until_failed(name)
        await hub.journal.change_hold(PUSHED, lambda hold: recovered(hold, hub.clock.now), hub.clock.now)

        async def closed() -> bool:
            return await hold_of(hub) is None

        await hub.until(closed)
        hub.clock.move(SCHEDULE_S[0] - 1)
        await hub.sweeper.sweep_once()
        assert len(partner.got) == FAILURES
        hub.clock.move(1)
        await hub.until(lambda: len(partner.got) == 2 * FAILURES)


async def test_a_refusal_is_a_sign_of_life(tmp_path: Path) -> None:
    """A partner that says no is there: its breaker does not open, or closes again."""
    answers: list[Outcome] = [Retry("delivery.timeout")] * FAILURES + [Refused("delivery.refused_by_recipient")] * 99
    partner = Partner(lambda parcel: answers.pop(0))
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await send_many(hub, FAILURES)
        await hub.until(lambda: hold_of(hub))
        await hub.send("probe", order_key="case p")
        await hub.until_state("probe", "parked")
        hub.clock.move(PROBES_S[0])
        await hub.until_state("probe", "refused")

        async def closed() -> bool:
            hub.clock.move(1)
            return await hold_of(hub) is None

        await hub.until(closed)


async def test_a_retry_after_of_the_partner_puts_off_the_probe(tmp_path: Path) -> None:
    """Who asks to be left alone for an hour is."""
    partner = Partner(lambda parcel: Retry("delivery.server_error", "503", not_before_s=3600.0))
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await send_many(hub, FAILURES)

        async def open_() -> bool:
            hold = await hold_of(hub)
            return hold is not None and hold.due_at == hub.clock.now + timedelta(hours=1)

        await hub.until(open_)


async def test_what_is_parked_too_long_becomes_a_dead_letter_with_the_last_reason(tmp_path: Path) -> None:
    """Counted from when it was its turn; the sender is told."""
    partner = Partner(Away())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await send_many(hub, FAILURES)
        await hub.until(lambda: hold_of(hub))
        await hub.send("m", order_key="case")
        await hub.until_state("m", "parked")
        hub.clock.move(MAX_AGE_S + 1)
        await hub.until_state("m", "dead")
        record = await hub.journal.envelope(COMMUNE, "m")
        assert record.deliveries[0].reason == "delivery.too_old"
        assert "delivery.unreachable" in record.deliveries[0].detail


async def test_an_endpoint_that_is_switched_off_parks_and_goes_on_when_switched_on(tmp_path: Path) -> None:
    """Nobody is asked meanwhile, no attempt is charged, and nobody has to replay anything."""
    async with rig(tmp_path / "j.db") as hub:
        agency = hub.agency(PUSHED)
        assert agency.endpoint is not None
        off = msgspec.structs.replace(agency, endpoint=msgspec.structs.replace(agency.endpoint, enabled=False))
        await hub.journal.save_agencies([off])
        await hub.directory.refresh()
        names = await send_many(hub, 5)
        await until_parked(hub, names)
        assert hub.partner.got == []
        await hub.journal.save_agencies([agency])
        await hub.directory.refresh()

        async def delivered() -> bool:
            hub.clock.move(1)
            return await in_state(hub, "delivered", names)

        await hub.until(delivered)
        assert [attempt for _, attempt in hub.partner.knocks] == [1] * 5


async def test_a_failing_recipient_that_goes_over_to_pulling_finds_everything_in_its_mailbox(tmp_path: Path) -> None:
    """Its breaker has nothing to guard any more."""
    partner = Partner(Away())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        names = await send_many(hub, FAILURES + 10)
        await hub.until(lambda: hold_of(hub))
        await hub.journal.save_agencies([msgspec.structs.replace(hub.agency(PUSHED), endpoint=None)])
        await hub.directory.refresh()

        async def there() -> bool:
            hub.clock.move(5)
            return await in_state(hub, "available", names)

        await hub.until(there)


async def test_a_breaker_outlives_the_process(tmp_path: Path) -> None:
    """After a restart nobody storms the partner that is still away."""
    partner, path = Partner(Away()), tmp_path / "j.db"
    async with rig(path, partner=partner) as hub:
        await send_many(hub, 20)
        await hub.until(lambda: hold_of(hub))
        clock = hub.clock

        async def settled() -> bool:
            by_state = (await hub.journal.balance()).by_state
            return {state.label for state in by_state} <= {"parked", "ready"}

        await hub.until(settled)
    knocks = len(partner.got)
    async with rig(path, partner=partner, clock=clock) as hub:
        await send_many(hub, 20, "new")
        await until_parked(hub, [f"new{n}" for n in range(20)])
        assert len(partner.got) == knocks


async def test_the_others_never_notice(tmp_path: Path) -> None:
    """While one is on hold, the rest of the hub works as ever, and so do other lanes of mailbox recipients."""
    away = Away()
    partner = Partner(lambda parcel: away(parcel) if parcel.recipient == PUSHED else Delivered())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        other = msgspec.structs.replace(hub.agency(PULLED), endpoint=hub.agency(PUSHED).endpoint)
        await hub.journal.save_agencies((other,))
        await hub.directory.refresh()
        await send_many(hub, 30)
        await hub.until(lambda: hold_of(hub))
        await hub.send("o", to=PULLED, order_key="case 1")
        await hub.until_state("o", "delivered")


async def test_when_many_holds_are_due_the_sweeper_does_not_rest_in_between(tmp_path: Path) -> None:
    """After an outage of everybody ten thousand would wait for each other: so many a round, but round after round."""
    async with rig(tmp_path / "j.db", run=False) as hub:
        for n in range(60):
            await hub.journal.change_hold(f"H02.{n}", lambda _, n=n: crowded(None, f"H02.{n}", hub.clock.now), hub.clock.now)  # type: ignore[misc]
        hub.clock.move(1)
        assert [await hub.sweeper.sweep_once() for _ in range(3)] == [True, False, False]
        assert await hub.journal.count_holds() == {}


# maintenance


async def announce(hub: Rig, name: str, until: timedelta | None = None) -> None:
    due_at = None if until is None else hub.clock.now + until
    await hub.journal.change_hold(name, lambda _: begun(name, due_at, "thay máy chủ", hub.clock.now), hub.clock.now)


async def call_off(hub: Rig, name: str) -> None:
    await hub.journal.change_hold(name, lambda hold: ended(hold, hub.clock.now), hub.clock.now)


async def test_a_recipient_in_maintenance_is_left_alone_and_gets_all_afterwards_in_order(tmp_path: Path) -> None:
    """Also for longer than the greatest age: an announced maintenance does not count."""
    async with rig(tmp_path / "j.db") as hub:
        await announce(hub, PUSHED)
        for n in range(3):
            await hub.send(f"m{n}")
        await hub.until_state("m0", "parked")
        for _ in range(3):
            hub.clock.move(MAX_AGE_S / 2)
            await hub.sweeper.sweep_once()
        assert (await hub.states("m0"), hub.partner.got) == (["parked"], [])
        await call_off(hub, PUSHED)
        await hub.until_state("m2", "delivered")
        assert hub.partner.got == ["m0", "m1", "m2"]


async def test_a_recipient_that_fails_after_a_long_maintenance_loses_nothing_at_once(tmp_path: Path) -> None:
    """What the maintenance kept has its whole greatest age before it from then on, and only then is it given up."""
    partner = Partner(Away())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await announce(hub, PUSHED)
        names = await send_many(hub, 30)
        await until_parked(hub, names)
        for _ in range(3):
            hub.clock.move(MAX_AGE_S / 2)
            await hub.sweeper.sweep_once()
        await call_off(hub, PUSHED)

        async def failing() -> bool:
            hold = await hold_of(hub)
            return hold is not None and hold.cause is Cause.FAILING

        await hub.until(failing)
        for _ in range(3):
            hub.clock.move(3600)
            await hub.sweeper.sweep_once()
        assert State.DEAD not in (await hub.journal.balance()).by_state
        hub.clock.move(MAX_AGE_S)

        async def given_up() -> bool:
            hub.clock.move(3600)  # one that was just let go as a probe had its turn last, and lives longest
            return await in_state(hub, "dead", names)

        await hub.until(given_up)


async def test_a_maintenance_with_an_end_ends_by_itself(tmp_path: Path) -> None:
    """Nobody has to remember."""
    async with rig(tmp_path / "j.db") as hub:
        await announce(hub, PUSHED, timedelta(hours=1))
        await hub.send("m")
        await hub.until_state("m", "parked")
        hub.clock.move(3599)
        await hub.sweeper.sweep_once()
        assert await hub.states("m") == ["parked"]
        hub.clock.move(1)
        await hub.until_state("m", "delivered")
        assert [one.name for one in await hub.journal.occurrences(PUSHED, 10)] == ["maintenance_ended", "maintenance_begun"]


async def test_while_pushing_is_switched_off_nothing_leaves_and_nothing_is_lost(tmp_path: Path) -> None:
    """For work at the broker: it runs empty, intake goes on, and afterwards everything is delivered."""
    async with rig(tmp_path / "j.db") as hub:
        await announce(hub, EVERYBODY)
        await hub.until(lambda: hub.maintenance.pushes_nothing)
        names = await send_many(hub, 10)
        hub.clock.move(60)
        await hub.sweeper.sweep_once()
        assert await in_state(hub, "ready", names)
        assert hub.broker.published == []
        await call_off(hub, EVERYBODY)

        async def delivered() -> bool:
            return await in_state(hub, "delivered", names)

        await hub.until(delivered)


async def test_a_closed_door_says_when_to_come_back(tmp_path: Path) -> None:
    """503 with Retry-After until the announced end; what is inside goes on; the switch puts itself back."""
    async with rig(tmp_path / "j.db") as hub:
        await announce(hub, THE_DOOR, timedelta(seconds=90))
        await hub.maintenance.refresh()
        try:
            await hub.send("m")
        except DoorClosed as error:
            assert (error.code, error.retry_after_s) == ("hub.maintenance", 90)
        else:
            raise AssertionError("the door was open")
        hub.clock.move(90)
        await hub.send("m")
        await hub.until_state("m", "delivered")

        async def put_back() -> bool:
            return await hub.journal.hold(THE_DOOR) is None

        await hub.until(put_back)


async def test_a_slow_partner_is_given_what_it_can_take(tmp_path: Path) -> None:
    """Far more than it takes at a time: what does not find a place is parked and let go again, all of it arrives, nothing is
    charged, and it does not count as failing."""
    partner = Partner()
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        partner.open.clear()
        names = await send_many(hub, 60)

        async def crowded() -> bool:
            hold = await hold_of(hub)
            return hold is not None and hold.cause is Cause.RELEASING

        await hub.until(crowded)
        partner.open.set()

        async def delivered() -> bool:
            hub.clock.move(0.6)
            return await in_state(hub, "delivered", names)

        await hub.until(delivered, 20.0)
        assert {attempt for _, attempt in partner.knocks} == {1}
        assert await hub.journal.occurrences(None, 10) == []
