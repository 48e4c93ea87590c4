"""The flow keeps its promises: durable before the answer, in order, at least once, and no partner's trouble is another's."""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from contracts.adapter import Endpoint, Parcel
from contracts.errors import ContractError
from contracts.kinds import Reading
from contracts.kinds.examples import CASE_PROGRESS
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from lgsp.core import admission
from lgsp.core.lifecycle import State
from lgsp.errors import JournalUnavailable, Overloaded
from lgsp.flow import attempt
from tests.fakes.flow_kit import COMMUNE, PULLED, PUSHED, Partner, Rig, envelope, rig


async def test_an_accepted_envelope_reaches_its_recipient_and_says_so(tmp_path: Path) -> None:
    """Accept, publish, attempt, settle: state and events tell the same story."""
    async with rig(tmp_path / "j.db") as hub:
        answer = await hub.send("m1")
        assert answer.fresh
        await hub.until_state("m1", "delivered")
        assert hub.partner.got == ["m1"]
        names = [event.name for event in await hub.journal.timeline(answer.receipt.sequence)]
        assert names == ["accepted", "delivered"]


async def test_nothing_is_answered_before_it_is_committed(tmp_path: Path) -> None:
    """A journal that is away means no receipt; the same bytes are welcome when it is back."""
    async with rig(tmp_path / "j.db") as hub:
        hub.journal.away.add("accept")
        with pytest.raises(JournalUnavailable):
            await hub.send("m1")
        hub.journal.away.clear()
        assert (await hub.send("m1")).fresh


async def test_a_resend_gets_the_same_receipt_and_other_bytes_a_refusal(tmp_path: Path) -> None:
    """Also after the envelope expired and the grant ended: what was accepted once stays accepted."""
    async with rig(tmp_path / "j.db") as hub:
        first = await hub.send("m1")
        again = await hub.send("m1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
        assert msgspec.json.encode(again.receipt) == msgspec.json.encode(first.receipt)
        assert not again.fresh
        with pytest.raises(ContractError, match=r"envelope\.id_reused"):
            await hub.send("m1", priority=3)
        stripped = msgspec.structs.replace(hub.agency(COMMUNE), grants=())
        late = await hub.intake.submit(envelope("m1", clock=hub.clock), stripped)
        assert msgspec.json.encode(late.receipt) == msgspec.json.encode(first.receipt)
        with pytest.raises(ContractError, match=r"grant\.kind_not_allowed"):
            await hub.intake.submit(envelope("m2", clock=hub.clock), stripped)


async def test_an_envelope_without_order_key_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """Its lane is found in the body; what the recipient gets, and what the digest covers, is what the sender wrote."""
    parcels: list[Parcel] = []

    def keep(parcel: Parcel) -> Outcome:
        parcels.append(parcel)
        return Delivered()

    async with rig(tmp_path / "j.db", partner=Partner(keep)) as hub:
        sent = envelope("m1", order_key=None, clock=hub.clock)
        receipt = (await hub.intake.submit(sent, hub.agency(COMMUNE))).receipt
        await hub.until_state("m1", "delivered")
        assert [one.envelope for one in parcels] == [sent]
        assert receipt.digest == sent.digest()
        assert parcels[0].order_key is not None
        assert parcels[0].identifiers != ()


async def test_a_resend_is_known_again_whatever_a_release_reads_in_its_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither when it is admitted again, nor when this release would refuse it: what was accepted once stays accepted."""
    async with rig(tmp_path / "j.db") as hub:
        first = await hub.send("m1", order_key=None)
        monkeypatch.setattr(admission, "read_body", lambda *_: Reading(CASE_PROGRESS[0].body, (), "another lane"))
        assert (await hub.send("m1", order_key=None)).receipt == first.receipt

        def stricter(*_: object) -> Reading:
            raise ContractError("body.invalid", "/body/steps", "this release asks for more")

        monkeypatch.setattr(admission, "read_body", stricter)
        assert (await hub.send("m1", order_key=None)).receipt == first.receipt
        with pytest.raises(ContractError, match=r"body\.invalid"):
            await hub.send("m2", order_key=None)


async def test_nobody_gets_a_receipt_under_the_name_of_another(tmp_path: Path) -> None:
    """The bytes of an accepted envelope with another sender in it are no resend: the caller is told that it is not the sender."""
    async with rig(tmp_path / "j.db") as hub:
        await hub.send("m1")
        with pytest.raises(ContractError, match=r"auth\.sender_mismatch"):
            await hub.send("m1", sender=PUSHED)


async def test_a_refused_envelope_leaves_nothing_behind(tmp_path: Path) -> None:
    """A failed first attempt never counts as a duplicate: corrected, the same id is accepted."""
    async with rig(tmp_path / "j.db") as hub:
        with pytest.raises(ContractError, match=r"body\.malformed"):
            await hub.send("m1", body=b"{")
        assert await hub.journal.envelope(COMMUNE, "m1") is None
        assert (await hub.send("m1")).fresh


async def test_order_is_kept_and_a_failing_message_holds_back_only_its_own_case(tmp_path: Path) -> None:
    """The second message of the case waits until the first one is through; another case goes on."""
    fail = {"a1"}
    partner = Partner(lambda parcel: Retry("delivery.server_error") if parcel.envelope.message_id in fail else Delivered())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        for name in ("a1", "a2", "a3"):
            await hub.send(name, order_key="case A")
        await hub.send("b1", order_key="case B")
        await hub.until_state("b1", "delivered")
        await hub.until_failed("a1")
        assert await hub.states("a2") == ["waiting"]
        fail.clear()
        hub.clock.move(6)
        await hub.until_state("a3", "delivered")
        assert [one for one in partner.got if one.startswith("a")] == ["a1", "a1", "a2", "a3"]


async def test_a_retry_is_not_lost_when_the_confirm_is_marked_late(tmp_path: Path) -> None:
    """The first attempt fails before the broker's confirm is marked: the mark must not hide the retry from the sweeper."""
    partner = Partner(lambda parcel: Retry("delivery.timeout") if parcel.attempt == 1 else Delivered())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m1")
        await hub.until_failed("m1")
        assert partner.knocks == [("m1", 1)]
        await hub.journal.mark_queued(hub.broker.published, hub.clock.now + timedelta(hours=1))
        hub.clock.move(6)
        await hub.until_state("m1", "delivered")
        assert partner.knocks == [("m1", 1), ("m1", 2)]


async def test_with_the_broker_away_intake_goes_on_and_deliveries_catch_up(tmp_path: Path) -> None:
    """What was accepted meanwhile is published by the sweeper once its lease has run out."""
    async with rig(tmp_path / "j.db") as hub:
        hub.broker.away = True
        for n in range(30):
            await hub.send(f"m{n}", order_key=f"case {n % 3}")
        assert hub.partner.knocks == []
        hub.broker.away = False
        hub.clock.move(20)
        await hub.until(lambda: len(hub.partner.got) == 30)
        for case in range(3):
            got = [name for name in hub.partner.got if int(name[1:]) % 3 == case]
            assert got == sorted(got, key=lambda name: int(name[1:]))


async def test_after_a_crash_everything_accepted_arrives_in_order(tmp_path: Path) -> None:
    """A process that dies between commit and publish loses nothing: the next one finds it in the journal."""
    path = tmp_path / "j.db"
    async with rig(path, run=False) as first:
        for n in range(20):
            await first.send(f"m{n:02}", order_key=f"case {n % 4}")
        clock = first.clock
    clock.move(20)
    async with rig(path, clock=clock) as second:
        await second.until(lambda: len(second.partner.got) == 20)
        for case in range(4):
            got = [name for name in second.partner.got if int(name[1:]) % 4 == case]
            assert got == sorted(got)


async def test_no_acknowledgement_before_the_journal_knows(tmp_path: Path) -> None:
    """Delivered but not recorded: the broker keeps the reference until the journal is back, and the state is right in the end."""
    async with rig(tmp_path / "j.db") as hub:
        hub.journal.away.add("settle")
        await hub.send("m1")
        await hub.until(lambda: "settle" in hub.journal.turned_away)
        assert await hub.states("m1") in (["ready"], ["queued"])
        hub.journal.away.clear()
        await hub.until_state("m1", "delivered")
        assert hub.partner.got == ["m1"]


async def test_an_outage_while_hydrating_costs_no_attempt(tmp_path: Path) -> None:
    """The reference goes back to the broker and is worked off when the journal answers."""
    async with rig(tmp_path / "j.db") as hub:
        hub.journal.away.add("hydrate")
        await hub.send("m1")
        await hub.until(lambda: "hydrate" in hub.journal.turned_away)
        hub.journal.away.clear()
        await hub.until_state("m1", "delivered")
        assert hub.partner.knocks == [("m1", 1)]


async def test_published_twice_attempted_once(tmp_path: Path) -> None:
    """A second copy of a reference is recognised, while the attempt runs and after it ended."""
    async with rig(tmp_path / "j.db") as hub:
        hub.partner.open.clear()
        await hub.send("m1")
        await hub.until(lambda: hub.partner.got == ["m1"])
        await hub.broker.publish(hub.broker.published[:1])
        hub.partner.open.set()
        await hub.until_state("m1", "delivered")
        await hub.broker.publish(hub.broker.published[:1])
        await hub.send("m2")
        await hub.until_state("m2", "delivered")
        assert hub.partner.got == ["m1", "m2"]


async def test_attempts_run_out_and_the_sender_is_told_in_both_languages(tmp_path: Path) -> None:
    """After the schedule the delivery is a dead letter, and a delivery.status waits in the sender's mailbox."""
    partner = Partner(lambda parcel: Retry("delivery.unreachable", "connection refused"))
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m1")
        for attempt in (1, 2, 3):
            await hub.until(lambda attempt=attempt: ("m1", attempt) in partner.knocks)
            await hub.until(lambda: not hub.dispatcher._in_flight)
            hub.clock.move(40)
        await hub.until_state("m1", "dead")
        (entry,) = await hub.mailbox.list(COMMUNE, 0, 10, 5.0)
        assert entry.kind == "delivery.status/1"
        work = await hub.mailbox.fetch(COMMUNE, entry.delivery_id)
        told = msgspec.json.decode(work.envelope.body)["deliveries"][0]
        assert (told["state"], told["reason"]) == ("dead", "delivery.retries_exhausted")
        assert told["title_vi"] == "Đã thử hết số lần cho phép"
        assert "connection refused" in told["detail"]
        assert work.envelope.correlation_id == "m1"


async def test_a_refusal_of_the_recipient_ends_the_delivery_and_releases_the_lane(tmp_path: Path) -> None:
    """No retry of what would be refused again; the next message of the case goes out."""
    partner = Partner(
        lambda parcel: Refused("delivery.refused_by_recipient") if parcel.envelope.message_id == "m1" else Delivered()
    )
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m1")
        await hub.send("m2")
        await hub.until_state("m2", "delivered")
        assert await hub.states("m1") == ["refused"]
        assert partner.knocks == [("m1", 1), ("m2", 1)]


async def test_a_secret_that_the_far_side_repeats_goes_no_further(tmp_path: Path) -> None:
    """Neither into the journal nor to the sender; of several in one, each."""
    partner = Partner(lambda parcel: Refused("delivery.refused_by_recipient", "no such account: hub-of-an-giang, s3cret/of+it"))
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        pushed = hub.agency(PUSHED)
        endpoint = msgspec.structs.replace(pushed.endpoint, secret="hub-of-an-giang:s3cret/of+it")
        await hub.journal.save_agencies([msgspec.structs.replace(pushed, endpoint=endpoint)])
        await hub.directory.refresh()
        await hub.send("m1")
        await hub.until_state("m1", "refused")
        (delivery,) = (await hub.journal.envelope(COMMUNE, "m1")).deliveries
        assert delivery.detail == "no such account: [withheld], [withheld]"


async def test_an_endpoint_that_is_gone_is_switched_off(tmp_path: Path) -> None:
    """HTTP 410: nobody is asked there again until an operator registers a new address."""
    partner = Partner(lambda parcel: Gone())
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        await hub.send("m1", order_key=None)
        await hub.until_state("m1", "dead")
        await hub.until(lambda: not hub.agency(PUSHED).endpoint.enabled)
        await hub.send("m2", order_key=None)
        await hub.until_state("m2", "parked")
        assert partner.got == ["m1"]


async def test_an_endpoint_that_is_gone_is_switched_off_also_when_the_journal_is_away_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every delivery that is sent there until then is lost to the dead letters."""
    monkeypatch.setattr(attempt, "_PAUSE_S", 0.1)
    async with rig(tmp_path / "j.db", partner=Partner(lambda parcel: Gone())) as hub:
        hub.journal.away = {"change_agencies"}
        await hub.send("m1", order_key=None)
        await hub.until_state("m1", "dead")
        await hub.until(lambda: "change_agencies" in hub.journal.turned_away)
        hub.journal.away = set()
        await hub.until(lambda: not hub.agency(PUSHED).endpoint.enabled)


async def test_what_outlives_its_time_ends_and_is_not_attempted(tmp_path: Path) -> None:
    """Expired deliveries end as expired; those behind them go on."""
    async with rig(tmp_path / "j.db", run=False) as first:
        await first.send("m1", expires_at=first.clock.now.replace(hour=2))
        await first.send("m2")
        clock = first.clock
    clock.move(2 * 3600)
    async with rig(tmp_path / "j.db", clock=clock) as hub:
        await hub.until_state("m2", "delivered")
        assert await hub.states("m1") == ["expired"]
        assert hub.partner.got == ["m2"]


async def test_a_bug_in_an_adapter_costs_one_attempt_of_one_delivery(tmp_path: Path) -> None:
    """It is loud, retried, and harms no other delivery."""

    def answer(parcel: Parcel) -> Outcome:
        if parcel.envelope.message_id == "bad" and parcel.attempt == 1:
            raise ZeroDivisionError
        return Delivered()

    async with rig(tmp_path / "j.db", partner=Partner(answer)) as hub:
        await hub.send("bad", order_key="case 1")
        await hub.send("good", order_key="case 2")
        await hub.until_state("good", "delivered")
        await hub.until_failed("bad")
        hub.clock.move(6)
        await hub.until_state("bad", "delivered")


async def test_a_mailbox_is_listed_in_order_woken_at_once_and_acknowledged_once(tmp_path: Path) -> None:
    """Long poll: the listing returns when something arrives; a second acknowledgement is harmless and says so."""
    async with rig(tmp_path / "j.db") as hub:
        waiting = asyncio.create_task(hub.mailbox.list(PULLED, 0, 10, 30.0))
        await asyncio.sleep(0)
        await hub.send("m1", to=PULLED)
        await asyncio.wait_for(waiting, 5)
        await hub.send("m2", to=PULLED)
        entries = await hub.mailbox.list(PULLED, 0, 10, 0)
        assert [entry.message_id for entry in entries] == ["m1", "m2"]
        from lgsp.flow.mailbox import Acknowledgement

        acks = [Acknowledgement(delivery_id=entry.delivery_id) for entry in entries]
        assert [one.applied for one in await hub.mailbox.acknowledge(PULLED, acks)] == [True, True]
        assert [(one.applied, one.state.label) for one in await hub.mailbox.acknowledge(PULLED, acks[:1])] == [
            (False, "delivered")
        ]
        assert [one.applied for one in await hub.mailbox.acknowledge(COMMUNE, acks)] == [False, False]
        assert await hub.mailbox.list(PULLED, 0, 10, 0) == []


async def test_a_full_hub_turns_senders_away_and_takes_them_later(tmp_path: Path) -> None:
    """Memory is bounded; Retry-After says when to come back; nothing of the refused was stored."""
    async with rig(tmp_path / "j.db", capacity=5) as hub:
        answers = await asyncio.gather(*(hub.send(f"m{n}", order_key=None) for n in range(40)), return_exceptions=True)
        away = [n for n, one in enumerate(answers) if isinstance(one, Overloaded)]
        assert away
        assert all(one.retry_after_s > 0 for one in answers if isinstance(one, Overloaded))
        for n in away:
            assert await hub.states(f"m{n}") == []
            assert (await hub.send(f"m{n}", order_key=None)).fresh


async def test_stopping_finishes_what_is_under_way(tmp_path: Path) -> None:
    """Attempts that run are let end and are recorded; new envelopes are turned away with hub.stopping."""
    async with rig(tmp_path / "j.db") as hub:
        hub.partner.open.clear()
        await hub.send("m1")
        await hub.until(lambda: hub.partner.got == ["m1"])
        hub.stop.set()
        await hub.intake.close()
        with pytest.raises(Overloaded) as caught:
            await hub.send("m2")
        assert caught.value.code == "hub.stopping"
        hub.partner.open.set()
        await hub.until_state("m1", "delivered")


async def test_one_hanging_recipient_stops_nobody_else(tmp_path: Path) -> None:
    """Far more deliveries than a worker may hold wait for a recipient that never answers: the others get theirs all the same,
    and nothing of the hanging one's is lost or counted as an attempt that was not made."""
    partner = Partner()
    hang = asyncio.Event()
    deliver = partner.deliver

    async def hanging(parcel: Parcel, endpoint: Endpoint) -> Outcome:
        outcome = await deliver(parcel, endpoint)
        if parcel.recipient == PUSHED:
            await hang.wait()
        return outcome

    partner.deliver = hanging  # type: ignore[method-assign]
    async with rig(tmp_path / "j.db", partner=partner) as hub:
        other = msgspec.structs.replace(hub.agency(PULLED), endpoint=hub.agency(PUSHED).endpoint)
        await hub.journal.save_agencies((other,))
        await hub.directory.refresh()
        for n in range(200):
            await hub.send(f"h{n}", order_key=f"hanging {n}")
        for n in range(20):
            await hub.send(f"o{n}", to=PULLED, order_key=f"other {n}")
        await hub.until(lambda: sum(name.startswith("o") for name in partner.got) == 20, 15.0)
        assert sum(name.startswith("h") for name in partner.got) <= 8
        hang.set()
        await all_delivered(hub, 220)
        record = await hub.journal.envelope(COMMUNE, "h199")
        assert record.deliveries[0].attempt == 1


async def test_a_stop_is_bounded_also_while_there_is_no_room(tmp_path: Path) -> None:
    """A worker that waits for room, its partner hanging, ends within its grace; what it had comes back after the restart."""
    path = tmp_path / "j.db"
    async with rig(path, run=False) as hub:
        hub.partner.open.clear()
        publishing = asyncio.create_task(hub.outbox.run())
        working = asyncio.create_task(hub.dispatcher.run(hub.stop, 0.2))
        for n in range(100):
            await hub.send(f"m{n}", order_key=f"case {n}")
        await hub.until(lambda: len(hub.partner.got) >= 4)
        hub.stop.set()
        await asyncio.wait_for(working, 5)
        publishing.cancel()
        clock = hub.clock
    async with rig(path, clock=clock) as second:
        await all_delivered(second, 100)


async def all_delivered(hub: Rig, deliveries: int) -> None:
    """Waits for it, while the hub's clock goes on in steps that let one lease or delay run out at a time."""

    async def done() -> bool:
        return bool((await hub.journal.balance()).by_state == {State.DELIVERED: deliveries})

    for _ in range(20):
        hub.clock.move(16)
        with contextlib.suppress(TimeoutError):
            await hub.until(done, 0.5)
            return
    raise AssertionError(await hub.journal.balance())
