"""The demo's own judge: a day that went right passes, and every way of going wrong is seen by the check made for it."""

from dataclasses import replace
from itertools import count

import pytest

from lgsp.demo.check import Check, passed, verify
from lgsp.demo.day import DayPlan, plan_day
from lgsp.demo.evidence import Answered, Arrival, Evidence, Fetched, HubBalance, Learned, Proofs, TurnedAway


@pytest.fixture(scope="module")
def plan() -> DayPlan:
    return plan_day(60, seed=11)


@pytest.fixture
def evidence(plan: DayPlan) -> Evidence:
    """A day on which every promise was kept."""
    found = Evidence(hub=HubBalance(difference=0, by_state={}))
    delivery_ids = count(1)
    for sequence, message in enumerate(plan.messages, 1):
        deliveries = {next(delivery_ids): recipient for recipient in message.recipients}
        found.answers.append(Answered(message_id=message.message_id, sequence=sequence, deliveries=deliveries, took_s=0.01))
        found.arrivals.extend(
            Arrival(
                delivery_id=delivery_id,
                recipient=recipient,
                message_id=message.message_id,
                sender=message.sender,
                kind=message.kind,
                order_key=message.order_key,
                direction=message.body.get("direction"),
                sealed=True,
                took_s=0.02,
            )
            for delivery_id, recipient in deliveries.items()
        )
    found.fetched.extend(Fetched(recipient=who, message_id=what, digest=digest) for who, what, digest in plan.expectations.files)
    found.learned.append(Learned(lesson="unknown_recipient", expected="route.unknown_recipient", found="route.unknown_recipient"))
    found.proofs = Proofs(receipts=9, proved_receipts=9, refusals=1, proved_refusals=1)
    return found


@pytest.mark.parametrize(
    ("missing", "check"), [({"proved_receipts": 8}, "receipts_proved"), ({"proved_refusals": 0}, "refusals_proved")]
)
def test_an_answer_that_the_log_does_not_prove_is_seen(
    plan: DayPlan, evidence: Evidence, missing: dict[str, int], check: str
) -> None:
    assert evidence.proofs is not None
    evidence.proofs = replace(evidence.proofs, **missing)  # type: ignore[arg-type]
    assert broken(plan, evidence) == {check}


def test_a_refusal_of_a_busy_moment_is_told(plan: DayPlan, evidence: Evidence) -> None:
    """It was given all the same; but a log that takes in no refusal at all is broken."""
    evidence.proofs = Proofs(receipts=9, proved_receipts=9, refusals=1, proved_refusals=1, unlogged_refusals=2)
    assert broken(plan, evidence) == set()
    assert named(plan, evidence, "refusals_unlogged").found == "2"
    evidence.proofs = Proofs(receipts=9, proved_receipts=9, refusals=0, proved_refusals=0, unlogged_refusals=3)
    assert broken(plan, evidence) == {"refusals_proved"}


def test_a_seal_that_a_recipient_cannot_verify_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    evidence.arrivals[0] = replace(evidence.arrivals[0], sealed=False)
    assert broken(plan, evidence) == {"sealed"}


def broken(plan: DayPlan, evidence: Evidence) -> set[str]:
    checks = verify(plan.expectations, evidence)
    names = {check.name for check in checks if check.verdict == "broken"}
    assert passed(checks) is not bool(names)
    return names


def named(plan: DayPlan, evidence: Evidence, name: str) -> Check:
    return next(check for check in verify(plan.expectations, evidence) if check.name == name)


def last_in_a_long_lane(plan: DayPlan, evidence: Evidence) -> int:
    """Place of an arrival that has others before it in its lane."""
    (who, key), ids = max(plan.expectations.lanes.items(), key=lambda lane: len(lane[1]))
    return next(
        place
        for place, arrival in enumerate(evidence.arrivals)
        if (arrival.recipient, arrival.order_key, arrival.message_id) == (who, key, ids[-1])
    )


def test_a_day_without_fault_passes(plan: DayPlan, evidence: Evidence) -> None:
    """Nothing is broken when everything planned was accepted, arrived once and in order."""
    assert broken(plan, evidence) == set()


def test_an_empty_day_is_no_success(plan: DayPlan) -> None:
    """A run in which nothing happened fails, however little went wrong in it."""
    assert {"accepted", "delivered", "kinds", "links"} <= broken(plan, Evidence())


def test_a_lost_delivery_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """A receipt without an arrival breaks both the plan's count and the receipts'."""
    lost = evidence.arrivals.pop(10)
    assert {"delivered", "as_promised"} <= broken(plan, evidence)
    assert lost.message_id in named(plan, evidence, "delivered").detail


def test_a_lost_message_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """A planned message for which no sender holds a receipt breaks the count of the accepted."""
    lost = evidence.answers.pop(3)
    assert {"accepted", "as_promised"} == broken(plan, evidence)
    assert lost.message_id in named(plan, evidence, "accepted").detail


def test_a_second_copy_under_the_same_delivery_id_is_harmless(plan: DayPlan, evidence: Evidence) -> None:
    """At least once: the copy is counted and told, and nothing is broken, wherever in the day it arrives."""
    evidence.arrivals.append(replace(evidence.arrivals[0], took_s=9.0))
    assert broken(plan, evidence) == set()
    assert named(plan, evidence, "second_copies").found == "1"


def test_a_message_delivered_twice_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """The same message under another delivery id is a duplicate that no recipient could have dropped."""
    evidence.arrivals.append(replace(evidence.arrivals[0], delivery_id=999_999))
    assert {"once", "as_promised"} <= broken(plan, evidence)


def test_a_message_at_the_wrong_recipient_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """Arriving somewhere is not enough."""
    evidence.arrivals[5] = replace(evidence.arrivals[5], recipient="H01.20")
    assert {"delivered", "as_promised", "links"} <= broken(plan, evidence)


def test_a_file_that_is_missing_or_not_the_same_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """Each recipient of a file must hold the bytes of its sender; of one byte more or less the digest is another one."""
    assert len(plan.expectations.files) >= 2
    *rest, last = evidence.fetched
    assert broken(plan, replace(evidence, fetched=rest)) == {"files"}
    other = replace(last, digest="sha256:" + "0" * 64)
    assert broken(plan, replace(evidence, fetched=[*rest, other])) == {"files"}
    assert last.message_id in named(plan, replace(evidence, fetched=rest), "files").detail


def test_a_reordered_lane_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """A message that overtakes its predecessors in one lane breaks the order and nothing else."""
    evidence.arrivals.insert(0, evidence.arrivals.pop(last_in_a_long_lane(plan, evidence)))
    assert broken(plan, evidence) == {"order"}
    assert "H01" in named(plan, evidence, "order").detail or "VNPOST" in named(plan, evidence, "order").detail


def test_a_late_second_copy_does_not_disturb_the_order(plan: DayPlan, evidence: Evidence) -> None:
    """Order is judged by first copies: a predecessor that comes again after its successor changes nothing."""
    place = last_in_a_long_lane(plan, evidence)
    lane = (evidence.arrivals[place].recipient, evidence.arrivals[place].order_key)
    first = next(arrival for arrival in evidence.arrivals if (arrival.recipient, arrival.order_key) == lane)
    evidence.arrivals.append(first)
    assert broken(plan, evidence) == set()


def test_an_unexpected_refusal_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """A correct message that was refused is named with its code."""
    refused = evidence.answers.pop(7)
    evidence.arrivals[:] = [arrival for arrival in evidence.arrivals if arrival.message_id != refused.message_id]
    evidence.turned_away.append(TurnedAway(message_id=refused.message_id, code="envelope.id_reused"))
    assert {"accepted", "no_wrong_refusal", "delivered"} <= broken(plan, evidence)
    assert "envelope.id_reused" in named(plan, evidence, "no_wrong_refusal").detail


def test_a_lesson_that_was_accepted_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """What was wrong on purpose and got a receipt breaks its lesson."""
    evidence.learned.append(Learned(lesson="unknown_recipient", expected="route.unknown_recipient", found="accepted"))
    assert broken(plan, evidence) == {"lesson_unknown_recipient"}
    assert named(plan, evidence, "lesson_unknown_recipient").found == "1"


def test_a_resend_with_another_receipt_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """The same bytes must bring the same receipt."""
    evidence.learned.append(Learned(lesson="resent", expected="same receipt", found="another receipt"))
    assert broken(plan, evidence) == {"lesson_resent"}


def test_a_hub_whose_books_do_not_balance_is_seen(plan: DayPlan, evidence: Evidence) -> None:
    """Table and events of the hub must agree; a hub that does not tell is not judged."""
    assert broken(plan, replace(evidence, hub=HubBalance(difference=1, by_state={}))) == {"hub_balance"}
    assert broken(plan, replace(evidence, hub=None)) == set()


def test_what_is_not_of_this_day_is_told_and_not_judged(plan: DayPlan, evidence: Evidence) -> None:
    """Somebody may use the hub beside the demo."""
    evidence.strangers.append(replace(evidence.arrivals[0], message_id="of-somebody-else", delivery_id=10**9))
    assert broken(plan, evidence) == set()
    assert named(plan, evidence, "strangers").found == "1"
