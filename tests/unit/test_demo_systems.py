"""The demo's systems without a network: the pace of the day, lessons, signatures, and what is written down."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from contracts import wire
from contracts.agency import AgencyCode
from contracts.errors import ContractError
from contracts.receipt import DeliveryRef, Receipt, Refusal
from lgsp.core.admission import Limits, admit
from lgsp.core.directory import Directory
from lgsp.demo.cases import VIETNAM
from lgsp.demo.day import DayPlan, PlannedMessage, plan_day
from lgsp.demo.evening import evening_case
from lgsp.demo.evidence import Arrival
from lgsp.demo.hub_client import Problem
from lgsp.demo.ledger import Ledger
from lgsp.demo.lessons import SAME_RECEIPT, plan_lessons
from lgsp.demo.pace import Pace
from lgsp.demo.province import load_province
from lgsp.demo.recipients import arrival_of, signed_by
from lgsp.demo.sandbox import demo_agencies, make_sandbox, members_by_name, visitors_mailbox
from lgsp.demo.seals import Seals
from lgsp.demo.senders import envelope_of
from lgsp.demo.systems import balance_in
from lgsp.trust.demo_pki import DemoPki

FOLDER = Path("sandbox")
NOON = datetime(2025, 9, 15, 12, tzinfo=VIETNAM)
LIMITS = Limits(max_body_bytes=1_000_000, default_life=timedelta(days=30), shards=8)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the examples of Standard Webhooks


@pytest.fixture(scope="module")
def plan() -> DayPlan:
    return plan_day(60, seed=3)


@pytest.fixture
def ledger(plan: DayPlan) -> Ledger:
    return Ledger(plan, load_province(), 60.0)


def receipt(message: PlannedMessage, sequence: int = 1) -> Receipt:
    refs = tuple(DeliveryRef(delivery_id=10 * sequence + n, recipient=AgencyCode(c)) for n, c in enumerate(message.recipients))
    return Receipt(
        hub=AgencyCode("HUB"),
        sender=AgencyCode(message.sender),
        message_id=message.message_id,
        digest="sha256:" + "0" * 64,
        sequence=sequence,
        accepted_at=NOON,
        deliveries=refs,
    )


def arrival(message: PlannedMessage, delivery_id: int, recipient: str) -> Arrival:
    return Arrival(
        delivery_id=delivery_id,
        recipient=recipient,
        message_id=message.message_id,
        sender=message.sender,
        kind=message.kind,
        order_key=message.order_key,
    )


def test_nothing_goes_out_before_its_time(plan: DayPlan) -> None:
    """At a given second only messages planned for it or before are let go, each once."""
    pace = Pace(plan.messages)
    first = list(pace.take(20.0))
    assert first and all(message.at_s <= 20.0 and not message.after for message in first)
    assert list(pace.take(20.0)) == []


def test_a_day_whose_messages_all_arrive_is_let_go_whole(plan: DayPlan) -> None:
    """When each message is accepted and delivered at once, all of them go, predecessors first, and the day is finished."""
    pace, gone = Pace(plan.messages), list[str]()
    for message in plan.messages:
        for free in pace.take(message.at_s):
            assert set(free.after) <= set(gone)
            gone.append(free.message_id)
            pace.accepted(free.message_id)
            for recipient in free.recipients:
                pace.delivered(free.message_id, recipient)
    gone += [left.message_id for left in pace.take(60.0)]
    assert sorted(gone) == sorted(message.message_id for message in plan.messages)


def test_what_another_sender_said_must_have_arrived_everywhere(plan: DayPlan) -> None:
    """A message that follows one to two recipients waits for both arrivals; acceptance is not enough."""
    by_id = {message.message_id: message for message in plan.messages}
    follower = next(
        message
        for message in plan.messages
        if message.after and len(by_id[message.after[0]].recipients) == 2 and by_id[message.after[0]].sender != message.sender
    )
    earlier = by_id[follower.after[0]]
    pace = Pace((replace(earlier, after=()), follower))
    assert [message.message_id for message in pace.take(60.0)] == [earlier.message_id]
    pace.accepted(earlier.message_id)
    pace.delivered(earlier.message_id, earlier.recipients[0])
    assert list(pace.take(60.0)) == []
    pace.delivered(earlier.message_id, earlier.recipients[1])
    assert list(pace.take(60.0)) == [follower]


def test_what_the_same_sender_said_need_only_be_accepted(plan: DayPlan) -> None:
    """Two steps of one sender need no arrival in between."""
    by_id = {message.message_id: message for message in plan.messages}
    first, second = next(
        (by_id[message.after[0]], message)
        for message in plan.messages
        if len(message.after) == 1 and by_id[message.after[0]].sender == message.sender
    )
    pace = Pace((replace(first, after=()), second))
    list(pace.take(60.0))
    pace.accepted(first.message_id)
    assert list(pace.take(60.0)) == [second]


def test_every_lesson_is_refused_as_it_says(plan: DayPlan) -> None:
    """The hub's own admission gives each lesson the code that the demo expects; a resend and a used id are for the journal,
    signatures for who verifies."""
    province = load_province()
    directory = Directory(1, demo_agencies(make_sandbox("http://hub.example", 1, FOLDER), {}))
    lessons = [lesson for many in plan_lessons(plan, province).values() for lesson in many]
    assert {lesson.name for lesson in lessons} == {
        "resent", "unknown_recipient", "split_recipient", "wrong_sender", "id_reused", "body_invalid", "kind_not_granted",
        "unsigned", "borrowed_signature", "another_seal",
    }  # fmt: skip
    for lesson in lessons:
        envelope = envelope_of(lesson.message, NOON)
        if lesson.name in ("resent", "id_reused") or lesson.expected.startswith("signature."):
            admit(envelope, directory.agencies[lesson.caller], directory, LIMITS, NOON)
            continue
        with pytest.raises(ContractError) as refused:
            admit(envelope, directory.agencies[lesson.caller], directory, LIMITS, NOON)
        assert refused.value.code == lesson.expected


def test_a_used_id_comes_with_other_bytes(plan: DayPlan) -> None:
    """The lesson about ids keeps the model's id and changes what is said under it."""
    by_id = {message.message_id: message for message in plan.messages}
    reused = [
        lesson.message for many in plan_lessons(plan, load_province()).values() for lesson in many if lesson.name == "id_reused"
    ]
    assert reused
    for message in reused:
        digests = {envelope_of(one, NOON).digest() for one in (message, by_id[message.message_id])}
        assert len(digests) == 2


def test_lessons_are_the_same_every_time(plan: DayPlan) -> None:
    """Like the plan they are made from."""
    assert plan_lessons(plan, load_province()) == plan_lessons(plan_day(60, seed=3), load_province())


def test_a_case_is_one_trace(plan: DayPlan) -> None:
    """All messages of a case share the trace id, each with a span of its own."""
    case = plan.cases[0].number
    parents = [envelope_of(m, NOON).traceparent for m in plan.messages if m.order_key == case]
    assert len(parents) > 2
    assert len({parent.split("-")[1] for parent in parents if parent}) == 1
    assert len(set(parents)) == len(parents)


def test_a_push_is_believed_only_when_its_signature_is_right() -> None:
    """The example of Standard Webhooks verifies; another body, key or an old time does not."""
    body, moment = b'{"test": 2432232314}', 1614265330
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": str(moment),
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert signed_by(SECRET, headers, body, moment + 10)
    assert signed_by(SECRET, headers | {"webhook-signature": "v1,AAAA " + headers["webhook-signature"]}, body, moment)
    assert not signed_by(SECRET, headers, body + b" ", moment)
    assert not signed_by("whsec_AAAA", headers, body, moment)
    assert not signed_by(SECRET, headers, body, moment + 3600)
    assert not signed_by(SECRET, {}, body, moment)


def test_signatures_cover_the_time() -> None:
    """A signature for one second is none for another."""
    signed = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), b"id.100.{}", "sha256")
    headers = {"webhook-id": "id", "webhook-timestamp": "101", "webhook-signature": "v1," + base64.b64encode(signed).decode()}
    assert not signed_by(SECRET, headers, b"{}", 100)


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> Seals:
    folder, now = tmp_path_factory.mktemp("pki"), datetime.now(VIETNAM)
    DemoPki.make(members_by_name(), now).save(folder, now)
    return Seals(folder)


def test_recipients_verify_seals_for_themselves(plan: DayPlan, seals: Seals) -> None:
    """That of the sender, over exactly this envelope; no other will do."""
    envelope = envelope_of(plan.messages[0], NOON)
    sealed = seals.sealed(envelope)
    assert seals.proves(sealed)
    assert not seals.proves(envelope)
    assert not seals.proves(msgspec.structs.replace(sealed, body=b"{}"))
    assert not seals.proves(seals.sealed(envelope, by="VNPOST.AG"))


def test_a_delivery_is_read_as_far_as_the_check_needs_it(plan: DayPlan, seals: Seals) -> None:
    """Ids, lane and, for the post, the direction of the leg; the envelope stands in the document as it was sent."""
    order = next(message for message in plan.messages if message.kind == "postal.order/1")
    document = {
        "delivery": {"delivery_id": 7, "attempt": 1, "sequence": 3, "recipient": "VNPOST.AG", "addressed_as": "VNPOST.AG"},
        "envelope": json.loads(wire.render(envelope_of(order, NOON))),
    }
    found = arrival_of(msgspec.json.encode(document), seals, "mailbox")
    assert (found.delivery_id, found.recipient, found.message_id) == (7, "VNPOST.AG", order.message_id)
    assert (found.order_key, found.direction) == (order.order_key, order.body["direction"])


def test_a_second_copy_is_written_down_and_dropped(ledger: Ledger) -> None:
    """Both copies are evidence; only the first counts as delivered."""
    message = next(m for m in ledger.plan.messages if not m.after)
    ledger.begins(message)
    for _ in range(2):
        ledger.arrived(arrival(message, 11, message.recipients[0]))
    assert (len(ledger.evidence.arrivals), ledger.delivered) == (2, 1)


def test_messages_of_others_are_kept_apart(ledger: Ledger) -> None:
    """What is not of this day is no evidence about it."""
    ledger.arrived(replace(arrival(ledger.plan.messages[0], 1, "H01.101"), message_id="of-somebody-else"))
    assert (len(ledger.evidence.strangers), ledger.evidence.arrivals, ledger.delivered) == (1, [], 0)


def test_after_the_day_arrivals_go_to_who_looks(ledger: Ledger) -> None:
    """The verdict stands; what comes later is shown."""
    late = list[Arrival]()
    ledger.visitors = late.append
    ledger.end()
    ledger.arrived(arrival(ledger.plan.messages[0], 1, "H01.101"))
    assert len(late) == 1 and ledger.evidence.arrivals == []


def test_a_resend_must_bring_the_very_same_receipt(ledger: Ledger) -> None:
    """Another sequence number is another receipt."""
    resend = next(
        lesson
        for many in plan_lessons(ledger.plan, ledger.province).values()
        for lesson in many
        if lesson.expected == SAME_RECEIPT
    )
    ledger.begins(resend.message)
    ledger.answered(resend.message, receipt(resend.message, 1))
    ledger.learned(resend, receipt(resend.message, 1))
    ledger.learned(resend, receipt(resend.message, 2))
    assert [one.found for one in ledger.evidence.learned] == [SAME_RECEIPT, "another receipt"]


def test_the_followed_case_is_told_in_vietnamese(ledger: Ledger) -> None:
    """Each message of it makes a line when it is accepted and one for each arrival."""
    assert ledger.case is not None
    mine = [message for message in ledger.plan.messages if message.order_key == ledger.case.number]
    for sequence, message in enumerate(mine, 1):
        ledger.begins(message)
        ledger.answered(message, receipt(message, sequence))
    ledger.arrived(arrival(mine[0], 10, mine[0].recipients[0]))
    assert len(ledger.tale) == len(mine) + 1
    assert f"trục tiếp nhận số {len(mine)}" in ledger.tale[len(mine) - 1].text
    assert "đã nhận" in ledger.tale[-1].text
    assert all(a.clock <= b.clock for a, b in pairwise(ledger.tale))


def test_the_followed_case_is_told_to_its_end(ledger: Ledger) -> None:
    """The last arrival of the case closes it, in both languages, and only the last one does."""
    assert ledger.case is not None
    mine = [message for message in ledger.plan.messages if message.order_key == ledger.case.number]
    endings = []
    for sequence, message in enumerate(mine, 1):
        ledger.begins(message)
        ledger.answered(message, receipt(message, sequence))
        for place, recipient in enumerate(message.recipients):
            ledger.arrived(arrival(message, 10 * sequence + place, recipient))
            endings.append(ledger.tale[-1].english)
    assert endings[-1] == "case closed"
    assert endings.count("case closed") == 1
    assert all(line.english for line in ledger.tale)


def test_what_is_left_for_visitors_is_a_case_of_their_commune(ledger: Ledger) -> None:
    """Several messages of it come to the commune, in one lane, from another agency; each run has ids of its own."""
    commune = visitors_mailbox(make_sandbox("http://hub.example", 1, FOLDER))
    first, second = (evening_case(ledger.province, commune, NOON.date()) for _ in range(2))
    to_commune = [message for message in first if message.recipients == (commune,)]
    assert len(to_commune) >= 2 and to_commune[-1].kind == "case.result/1"
    assert {message.order_key for message in first} == {f"{commune}-250915-9001"}
    assert {one.message_id for one in first}.isdisjoint(one.message_id for one in second)


def test_a_refusal_reads_the_same_alone_and_in_a_batch() -> None:
    """The problem document and the line of a batch name the English title differently; people see both."""
    refusal = Refusal.of("kind.unknown", "/kind", "x/1")
    line = msgspec.json.decode(msgspec.json.encode(refusal), type=Problem)
    alone = msgspec.json.decode(
        msgspec.json.encode({"code": "kind.unknown", "status": 422, "title": refusal.title_en, "title_vi": refusal.title_vi}),
        type=Problem,
    )
    assert line.english == alone.english == refusal.title_en


def test_the_hubs_balance_is_read_from_its_metrics() -> None:
    """A difference counts only beside the states it was computed from; a gauge nobody has set says nothing."""
    unset = "# TYPE lgsp_balance_difference gauge\nlgsp_balance_difference 0.0\n"
    told = '# TYPE lgsp_deliveries gauge\nlgsp_deliveries{state="delivered"} 21232.0\nlgsp_deliveries{state="ready"} 1.0\n'
    assert balance_in(unset) is None
    found = balance_in(unset + told)
    assert found is not None
    assert (found.difference, found.by_state) == (0, {"delivered": 21232, "ready": 1})


def test_secrets_of_an_earlier_sandbox_stay() -> None:
    """What was handed out stays valid; the addresses follow the hub and the port of today."""
    first = make_sandbox("http://one.example", 4000, FOLDER)
    second = make_sandbox("http://two.example", 4001, FOLDER, first)
    assert (second.members, second.takeover_token) == (first.members, first.takeover_token)
    assert second.push_base_url == "http://127.0.0.1:4001"
    assert len({member.client_secret for member in first.members.values()}) == len(first.members)


def test_secrets_do_not_show() -> None:
    """A sandbox printed by accident gives nothing away."""
    sandbox = make_sandbox("http://one.example", 4000, FOLDER)
    shown = repr(sandbox) + "".join(map(repr, sandbox.members.values()))
    assert sandbox.takeover_token not in shown
    assert not any(m.client_secret in shown or (m.push_secret and m.push_secret in shown) for m in sandbox.members.values())


def test_departments_and_the_post_run_servers_and_half_of_the_communes() -> None:
    """Who has an endpoint has a secret for it, and the other way round; the hub itself is no agency of the demo."""
    sandbox = make_sandbox("http://one.example", 4000, FOLDER)
    agencies = {agency.code: agency for agency in demo_agencies(sandbox, {})}
    pushed = {code for code, agency in agencies.items() if agency.endpoint is not None}
    assert pushed == {code for code, member in sandbox.members.items() if member.push_secret}
    communes = {commune.code for commune in load_province().communes}
    assert (len(communes & pushed), len(communes - pushed)) == (51, 51)
    assert not any(agency.level == "hub" for agency in agencies.values())
