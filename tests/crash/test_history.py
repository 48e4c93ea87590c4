"""The judge of histories: a good one passes, and every way in which one can be bad is noticed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.agency import AgencyCode
from contracts.receipt import DeliveryRef, Receipt
from lgsp.ports import Event
from tests.crash.history import Arrival, History, Sent, second_copies, violations
from tests.crash.ledger import Ledger

NOON = datetime(2026, 11, 22, 5, tzinfo=UTC)


def receipt(message_id: str, sequence: int, *deliveries: tuple[int, str]) -> Receipt:
    return Receipt(
        hub=AgencyCode("HUB"),
        sender=AgencyCode("H01.101"),
        message_id=message_id,
        digest=f"sha256:{message_id}",
        sequence=sequence,
        accepted_at=NOON,
        deliveries=tuple(DeliveryRef(delivery_id=number, recipient=AgencyCode(who)) for number, who in deliveries),
    )


def good() -> History:
    """Two messages of one case to A, the second also to B; one without order to B."""
    return History(
        sent=[
            Sent(message_id="m1", recipients=("A",), order_key="case", content="one"),
            Sent(message_id="m2", recipients=("A", "B"), order_key="case", content="two"),
            Sent(message_id="m3", recipients=("B",), order_key=None, content="three"),
        ],
        receipts=[receipt("m1", 1, (1, "A")), receipt("m3", 2, (2, "B")), receipt("m2", 3, (3, "A"), (4, "B"))],
        arrivals=[
            Arrival(recipient="B", delivery_id=4, message_id="m2", content="two"),
            Arrival(recipient="A", delivery_id=1, message_id="m1", content="one"),
            Arrival(recipient="A", delivery_id=3, message_id="m2", content="two"),
            Arrival(recipient="B", delivery_id=2, message_id="m3", content="three"),
        ],
    )


def test_a_good_history_passes() -> None:
    """Nothing is said of what kept its promises, whatever the order between lanes."""
    assert violations(good()) == []
    assert second_copies(good()) == 0


def test_nothing_happened_and_nothing_is_wrong() -> None:
    """An empty history is a good one."""
    assert violations(History()) == []


def test_a_second_copy_with_the_same_delivery_id_is_harmless_and_counted() -> None:
    """At least once: also when the copy comes after later messages of its case."""
    history = good()
    history.arrivals.append(history.arrivals[1])
    assert violations(history) == []
    assert second_copies(history) == 1


def test_a_receipt_seen_twice_is_fine_if_it_is_the_same() -> None:
    """The same resend gets the same receipt."""
    history = good()
    history.receipts.append(history.receipts[0])
    assert violations(history) == []


@pytest.mark.parametrize("place", range(4))
def test_a_lost_delivery_is_noticed(place: int) -> None:
    """Accepted, and one of its recipients never saw it."""
    history = good()
    lost = history.arrivals.pop(place)
    assert violations(history) == [
        f"{lost.message_id}: accepted and lost on the way to {lost.recipient} (delivery {lost.delivery_id})"
    ]


def test_reordered_messages_of_a_case_are_noticed() -> None:
    """The first arrivals of distinct messages of a lane come in the order in which they were sent."""
    history = good()
    history.arrivals[1], history.arrivals[2] = history.arrivals[2], history.arrivals[1]
    assert violations(history) == ["m1: reached A behind m2, before which it was sent"]


def test_messages_accepted_in_another_order_than_sent_are_noticed() -> None:
    """Whoever waited for a receipt has his next message accepted behind it."""
    history = good()
    first, _, second = history.receipts
    history.receipts[0] = msgspec.structs.replace(first, sequence=second.sequence)
    history.receipts[2] = msgspec.structs.replace(second, sequence=first.sequence)
    assert violations(history) == ["m2: accepted before m1, behind which it was sent"]


def test_a_message_under_two_delivery_ids_is_noticed() -> None:
    """The recipient cannot know that it is the same."""
    history = good()
    history.arrivals.append(replace(history.arrivals[3], delivery_id=9))
    assert violations(history) == [
        "m3: arrived at B (delivery 9), of which its receipt says nothing",
        "m3: came to B as deliveries [2, 9]",
    ]


def test_a_phantom_is_noticed() -> None:
    """Nobody sent it."""
    history = good()
    history.arrivals.append(Arrival(recipient="A", delivery_id=9, message_id="m9", content="nine"))
    assert violations(history) == ["m9: arrived at A (delivery 9) and was never sent"]


def test_a_message_in_the_wrong_hands_is_noticed() -> None:
    """It was accepted for another recipient."""
    history = good()
    history.arrivals.append(replace(history.arrivals[1], recipient="C"))
    assert violations(history) == ["m1: arrived at C (delivery 1), of which its receipt says nothing"]


def test_changed_content_is_noticed() -> None:
    """What arrives is what was sent, octet for octet."""
    history = good()
    history.arrivals[1] = replace(history.arrivals[1], content="another")
    assert violations(history) == ["m1: arrived at A (delivery 1) with other content"]


def test_a_sender_without_an_answer_is_noticed() -> None:
    """It kept asking; what it sent must not arrive unanswered either."""
    history = good()
    del history.receipts[2], history.arrivals[2], history.arrivals[0]
    assert violations(history) == ["m2: no receipt"]


def test_two_receipts_for_one_message_are_noticed() -> None:
    """Sequence or time changed between a message and its resend."""
    history = good()
    history.receipts.append(receipt("m1", 1, (1, "A"), (9, "A")))
    assert violations(history) == ["m1: another receipt for the same message"]


def test_a_receipt_that_forgets_a_recipient_is_noticed() -> None:
    """Every recipient the sender named has its delivery."""
    history = good()
    history.receipts[2] = receipt("m2", 3, (3, "A"))
    assert "m2: the receipt names other recipients" in violations(history)


def test_a_gap_and_a_repetition_of_numbers_are_noticed() -> None:
    """An acceptance was undone after its receipt had been given, or overwritten."""
    history = good()
    history.receipts[2] = receipt("m2", 5, (3, "A"), (4, "B"))
    assert violations(history) == ["sequence 3: never given out", "sequence 4: never given out"]
    history.receipts[2] = receipt("m2", 2, (3, "A"), (4, "B"))
    assert violations(history) == ["sequence 2: given out 2 times"]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.data())
def test_any_exchange_of_two_first_arrivals_in_a_lane_is_noticed(lanes: list[int], data: st.DataObject) -> None:
    """Whatever else happens between them."""
    sent = [
        Sent(message_id=f"m{n}", recipients=("A",), order_key=f"case {lane}", content="") for n, lane in enumerate(lanes, start=1)
    ]
    arrivals = [
        Arrival(recipient="A", delivery_id=n, message_id=one.message_id, content="") for n, one in enumerate(sent, start=1)
    ]
    history = History(sent, [receipt(one.message_id, n, (n, "A")) for n, one in enumerate(sent, start=1)], arrivals)
    assert violations(history) == []
    first = data.draw(st.integers(0, len(lanes) - 1))
    second = data.draw(st.integers(first, len(lanes) - 1))
    arrivals[first], arrivals[second] = arrivals[second], arrivals[first]
    between = {lanes[place] for place in range(first + 1, second)}
    broken = first != second and (lanes[first] == lanes[second] or lanes[first] in between or lanes[second] in between)
    assert bool(violations(history)) == broken


def ledger(stories: dict[int, str], *, order: tuple[int, ...] = ()) -> Ledger:
    """By delivery, the names of its events; the last is its state. They are written one delivery after the other, in `order`, a
    minute apart."""
    names = {number: ("accepted " + story).split() for number, story in stories.items()}
    written = [(number, name) for number in order or stories for name in names[number]]
    events = [
        Event(event_id=place, at=NOON + timedelta(minutes=place), name=name, sequence=1, delivery_id=number)
        for place, (number, name) in enumerate(written, start=1)
    ]
    return Ledger({number: story.split()[-1] for number, story in stories.items()}, events)


GOOD = {1: "delivered", 2: "attempted attempted delivered", 3: "delivered", 4: "available delivered"}


def test_a_good_history_and_a_good_ledger_pass() -> None:
    """The journal tells the same story as the agencies."""
    assert violations(good(), ledger(GOOD)) == []


def test_events_that_are_no_end_may_come_or_not() -> None:
    """Of what is parked only the end counts, and names that nobody knows say nothing."""
    assert violations(good(), ledger(GOOD | {1: "parked attempted parked delivered", 2: "copied delivered"})) == []


@pytest.mark.parametrize("state", ["waiting", "ready", "queued", "available", "parked"])
def test_a_delivery_without_a_final_state_is_noticed(state: str) -> None:
    """Everything was waited for; whatever is still open is forgotten."""
    told = ledger(GOOD)
    assert violations(good(), Ledger({**told.states, 2: state}, told.events)) == [f"delivery 2: {state}, which is no final state"]


def test_a_delivery_that_the_journal_does_not_know_is_noticed() -> None:
    """A receipt promised it."""
    broken = violations(good(), ledger({number: story for number, story in GOOD.items() if number != 4}))
    assert "delivery 4: promised by a receipt, and the journal does not know it" in broken


def test_a_delivery_that_no_receipt_names_is_noticed() -> None:
    """Whether it stands in the journal or only in its events."""
    told = ledger(GOOD | {9: "delivered"})
    message = "delivery 9: in the journal, and no receipt names it"
    assert violations(good(), told) == [message]
    assert violations(good(), Ledger({number: told.states[number] for number in GOOD}, told.events)) == [message]


@pytest.mark.parametrize("first", ["delivered", "refused", "expired", "cancelled", "dead"])
def test_two_endings_of_one_delivery_are_noticed(first: str) -> None:
    """Also when they are the same."""
    broken = violations(good(), ledger(GOOD | {1: f"{first} delivered"}))
    assert f"delivery 1: delivered after it had been {first}" in broken


def test_a_final_state_without_its_event_is_noticed() -> None:
    """The delivery was ended, and nothing says when and how."""
    told = ledger(GOOD)
    events = [event for event in told.events if (event.delivery_id, event.name) != (2, "delivered")]
    assert violations(good(), Ledger(told.states, events)) == ["delivery 2: delivered, but its events say that it goes on"]


def test_a_final_state_that_its_events_deny_is_noticed() -> None:
    """Two sources, two stories."""
    told = ledger(GOOD | {2: "dead"})
    broken = violations(good(), Ledger({**told.states, 2: "delivered"}, told.events))
    assert broken == ["delivery 2: delivered, but its events say dead"]


def test_work_on_a_delivery_that_has_ended_is_noticed() -> None:
    """It was tried again although it was over."""
    told = ledger(GOOD | {1: "delivered attempted"})
    broken = violations(good(), Ledger({**told.states, 1: "delivered"}, told.events))
    assert broken == ["delivery 1: attempted after it had been delivered"]


def test_a_missing_and_a_second_acceptance_are_noticed() -> None:
    """Each delivery was accepted once, before anything else."""
    told = ledger(GOOD)
    missing = [event for event in told.events if (event.delivery_id, event.name) != (3, "accepted")]
    message = "delivery 3: its events do not begin with the one acceptance"
    assert violations(good(), Ledger(told.states, missing)) == [message]
    assert violations(good(), ledger(GOOD | {3: "accepted delivered"})) == [message]


def test_what_is_replayed_may_end_again_and_behind_the_others_of_its_lane() -> None:
    """It was dead, an operator brought it back, and the next of its case had gone by then."""
    history = good()
    history.arrivals[1], history.arrivals[2] = history.arrivals[2], history.arrivals[1]
    assert violations(history, ledger(GOOD | {1: "dead replayed delivered"}, order=(2, 3, 4, 1))) == []


def test_a_replay_of_what_is_not_dead_is_noticed() -> None:
    """Only a dead delivery comes back."""
    broken = violations(good(), ledger(GOOD | {1: "delivered replayed delivered"}))
    assert broken == ["delivery 1: replayed when it was delivered"]
    assert "delivery 1: replayed when it was open" in violations(good(), ledger(GOOD | {1: "replayed delivered"}))


def test_replayed_deliveries_of_a_lane_out_of_order_are_noticed() -> None:
    """Among themselves they keep their order."""
    history = good()
    history.arrivals[1], history.arrivals[2] = history.arrivals[2], history.arrivals[1]
    again = "dead replayed delivered"
    assert violations(history, ledger(GOOD | {1: again, 3: again}, order=(3, 1, 2, 4))) == [
        "m1: reached A behind m2, before which it was sent",
        "delivery 3: ended before delivery 1 of its lane, which was accepted earlier",
    ]


def test_endings_of_a_lane_out_of_order_are_noticed() -> None:
    """The journal let the second one go before the first one had ended."""
    broken = violations(good(), ledger(GOOD, order=(3, 1, 2, 4)))
    assert broken == ["delivery 3: ended before delivery 1 of its lane, which was accepted earlier"]


@pytest.mark.parametrize("state", ["dead", "expired", "cancelled"])
def test_what_ended_without_its_recipient_need_not_have_arrived(state: str) -> None:
    """And a recall may end what waits behind others of its lane."""
    history = good()
    del history.arrivals[2]
    assert violations(history, ledger(GOOD | {3: state}, order=(3, 1, 2, 4))) == []


@pytest.mark.parametrize("state", ["delivered", "refused"])
def test_what_its_recipient_never_saw_is_lost_whatever_the_journal_says(state: str) -> None:
    """Only a recipient can take or refuse."""
    history = good()
    del history.arrivals[2]
    assert violations(history, ledger(GOOD | {3: state})) == ["m2: accepted and lost on the way to A (delivery 3)"]


def test_an_answer_that_the_journal_turned_round_is_noticed() -> None:
    """Refused is not delivered, and delivered is not refused."""
    message = "delivery 3: {}, says the journal, and its recipient says otherwise"
    history = good()
    assert violations(history, ledger(GOOD | {3: "refused"})) == [message.format("refused")]
    history.arrivals[2] = replace(history.arrivals[2], refused=True)
    assert violations(history, ledger(GOOD | {3: "refused"})) == []
    assert violations(history, ledger(GOOD)) == [message.format("delivered")]


@pytest.mark.parametrize("state", ["refused", "cancelled"])
def test_a_delivery_after_its_refusal_or_recall_is_noticed(state: str) -> None:
    """Its first copy began when it was over; one that was under way by then is no broken promise."""
    history, told = good(), ledger(GOOD | {3: state})
    over = told.closed_at[3]
    history.arrivals[2] = replace(history.arrivals[2], refused=True, began_at=over + timedelta(seconds=0.5))
    assert violations(history, told) == []
    history.arrivals[2] = replace(history.arrivals[2], began_at=over + timedelta(seconds=2))
    assert violations(history, told) == [f"m2: came to A (delivery 3) after it had been {state}"]
