"""From recipients to hops: aliases by date, successors, never a guess."""

from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier
from contracts.errors import ContractError
from lgsp.core.directory import Agency, Alias, Directory, Grant, Subscription
from lgsp.core.routing import case_day, copies, route

TODAY = date(2026, 11, 22)


def code(text: str) -> AgencyCode:
    return AgencyCode(text)


def agency(key: str, **fields: object) -> Agency:
    return Agency(code=code(key), name_vi=f"Cơ quan {key}", **fields)  # type: ignore[arg-type]


DIRECTORY = Directory(
    7,
    [
        agency("H01", aliases=(Alias(code=code("91"), valid_from=date(2025, 7, 1)), Alias(code=code("000.00.00.H01")))),
        agency(
            "H33",
            aliases=(Alias(code=code("91"), valid_to=date(2025, 6, 30)),),
            closed_on=date(2025, 7, 1),
            successors=(code("H01"),),
        ),
        agency("H01.50", endpoint=Endpoint(adapter="webhook", url="http://127.0.0.1:1/in")),
        agency("old.one", closed_on=date(2025, 7, 1), successors=(code("H01.50"),)),
        agency("old.split", closed_on=date(2025, 7, 1), successors=(code("H01.50"), code("H01"))),
        agency("old.end", closed_on=date(2025, 7, 1)),
        agency("loop.a", closed_on=date(2025, 7, 1), successors=(code("loop.b"),)),
        agency("loop.b", closed_on=date(2025, 7, 1), successors=(code("loop.a"),)),
        agency("closing", closed_on=date(2027, 1, 1), successors=(code("H01"),)),
        agency("free", ordered=False),
        agency("HUB", level="hub"),
    ],
)


def envelope(*recipients: str, case: str | None = None, order_key: str | None = "k") -> Envelope:
    return Envelope(
        message_id="m1",
        sender=code("H01.15"),
        recipients=tuple(code(one) for one in recipients),
        kind="case.file/1",
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        body=b"{}",
        order_key=order_key,
        identifiers=(Identifier("case", case),) if case else (),
    )


def refusal(*recipients: str) -> tuple[str, str]:
    with pytest.raises(ContractError) as caught:
        route(envelope(*recipients), DIRECTORY, TODAY, 8)
    return caught.value.code, caught.value.field


def test_a_code_that_changed_hands_is_read_by_the_day_of_the_case() -> None:
    """ "91" was Kiên Giang until 2025-06-30 and is An Giang since: an old case goes to Kiên Giang's successor, both end at H01,
    but the directory knows which agency was meant."""
    assert DIRECTORY.known_as("91", date(2025, 6, 30)).code == "H33"  # type: ignore[union-attr]
    assert DIRECTORY.known_as("91", date(2025, 7, 1)).code == "H01"  # type: ignore[union-attr]
    (hop,) = route(envelope("91", case="H33.1-250115-0007"), DIRECTORY, TODAY, 8)
    assert (hop.recipient, hop.addressed_as) == ("H01", "91")


def test_closed_agencies_lead_to_their_successor_and_the_sender_s_code_is_kept() -> None:
    """The receipt tells where it was redirected from."""
    (hop,) = route(envelope("old.one"), DIRECTORY, TODAY, 8)
    assert (hop.recipient, hop.addressed_as, hop.mode) == ("H01.50", "old.one", "push")


def test_an_agency_is_alive_until_the_day_it_closes() -> None:
    """A future closing redirects nothing yet."""
    (hop,) = route(envelope("closing"), DIRECTORY, TODAY, 8)
    assert hop.recipient == "closing"


def test_a_split_is_never_guessed_and_ends_and_loops_are_refused() -> None:
    """Each refusal names the recipient's place in the list."""
    assert refusal("H01", "old.split") == ("route.ambiguous_successor", "/recipients/1")
    assert refusal("old.end") == ("route.recipient_closed", "/recipients/0")
    assert refusal("loop.a") == ("route.recipient_closed", "/recipients/0")
    assert refusal("H01", "nobody") == ("route.unknown_recipient", "/recipients/1")
    assert refusal("HUB") == ("route.unknown_recipient", "/recipients/0")


def test_two_codes_of_one_agency_make_one_delivery() -> None:
    """Nobody gets the same envelope twice because the sender knew two names."""
    hops = route(envelope("000.00.00.H01", "H01", "old.one"), DIRECTORY, TODAY, 8)
    assert [(hop.recipient, hop.addressed_as) for hop in hops] == [("H01", "000.00.00.H01"), ("H01.50", "old.one")]


def test_a_recipient_that_wants_no_order_gets_no_lane() -> None:
    """Its deliveries never wait for each other."""
    ordered, free = route(envelope("H01", "free"), DIRECTORY, TODAY, 8)
    assert ordered.lane is not None
    assert free.lane is None


@pytest.mark.parametrize(
    ("number", "day"),
    [
        ("000.00.01.H22-250115-0007", date(2025, 1, 15)),
        ("000.00.01.H22-250115-48213", date(2025, 1, 15)),
        ("G09.20-20260609-0092637", date(2026, 6, 9)),
        ("H01.DN-7-250131-0001", date(2025, 1, 31)),
        ("H01-251340-0001", None),
        ("so bien nhan 12", None),
    ],
)
def test_the_day_of_a_case_is_read_from_the_right(number: str, day: date | None) -> None:
    """Four, five and seven digit sequences, six and eight digit dates, dashes inside the agency code."""
    assert case_day(number) == day


@given(st.text(max_size=60))
def test_reading_a_day_never_fails(number: str) -> None:
    """Any text is a number without a day at worst."""
    case_day(number)


@given(st.lists(st.sampled_from(["H01", "old.one", "H01.50", "free", "000.00.00.H01"]), min_size=1, max_size=6, unique=True))
def test_routing_is_all_or_nothing_and_without_duplicates(recipients: list[str]) -> None:
    """Every recipient is covered by exactly one hop, in the sender's order."""
    hops = route(envelope(*recipients), DIRECTORY, TODAY, 8)
    assert len({hop.recipient for hop in hops}) == len(hops)
    resolved = {DIRECTORY.resolve(one, TODAY, TODAY).code for one in recipients}
    assert {hop.recipient for hop in hops} == resolved
    places = [recipients.index(hop.addressed_as) for hop in hops]
    assert places == sorted(places)


def test_grants_cover_names_and_families() -> None:
    """ "case.*" covers every kind of the family and no neighbour that merely starts alike."""
    grant = Grant(kinds=("case.*", "postal.order"))
    assert grant.covers_kind("case.file/1")
    assert grant.covers_kind("postal.order/2")
    assert not grant.covers_kind("postal.event/1")
    assert not grant.covers_kind("casework/1")
    assert grant.covers_recipient("anyone")
    assert not Grant(kinds=("*",), recipients=("H01",)).covers_recipient("H02")


# copies


EVERYTHING = Subscription(kinds=("*",))


def copied_to(
    *subscribers: Agency, to: tuple[str, ...] = ("H01.50",), sender: str = "H01.15", kind: str = "case.file/1"
) -> list[str]:
    """Who gets a copy of an envelope, in a directory that has these agencies beside the others."""
    replaced = {one.code for one in subscribers}
    others = [one for one in DIRECTORY.agencies.values() if one.code not in replaced]
    directory = Directory(8, [*others, *subscribers])
    sent = msgspec.structs.replace(envelope(*to), sender=code(sender), kind=kind)
    hops = copies(sent, route(sent, directory, TODAY, 8), directory, TODAY, 8)
    assert all(hop.copy and hop.addressed_as == hop.recipient for hop in hops)
    return [hop.recipient for hop in hops]


def test_every_subscriber_gets_a_copy_of_what_it_subscribed_to() -> None:
    """By kind, sender and recipient; one copy, however many of its wishes are met."""
    both = agency("stat", subscriptions=(EVERYTHING, Subscription(kinds=("case.*",))))
    assert copied_to(both, agency("lookup", subscriptions=(EVERYTHING,))) == ["stat", "lookup"]
    assert copied_to(*(agency(f"s{n}", subscriptions=(EVERYTHING,)) for n in range(50))) == [f"s{n}" for n in range(50)]
    for wish, meets in (
        (Subscription(kinds=("case.file",)), True),
        (Subscription(kinds=("postal.*",)), False),
        (Subscription(kinds=("*",), senders=("H01.15",)), True),
        (Subscription(kinds=("*",), senders=("H01.16",)), False),
        (Subscription(kinds=("*",), recipients=("free", "H01.50")), True),
        (Subscription(kinds=("*",), recipients=("H01",)), False),
        (Subscription(kinds=("case.file",), senders=("H01.15",), recipients=("H01",)), False),
    ):
        assert copied_to(agency("stat", subscriptions=(wish,))) == (["stat"] if meets else []), wish


def test_nobody_gets_a_copy_of_what_it_has_anyway() -> None:
    """Neither the sender nor a recipient, whichever of its codes was written; a recipient gets the one delivery."""
    wishes = {"subscriptions": (EVERYTHING,)}
    assert copied_to(agency("H01.15", **wishes)) == []
    other_code = agency("H01", aliases=(Alias(code=code("000.00.00.H01")),), **wishes)
    assert copied_to(other_code, to=("H01",)) == copied_to(other_code, to=("000.00.00.H01", "H01.50")) == []
    assert copied_to(other_code, to=("H01.50",)) == ["H01"]
    heir = agency("H01.50", **wishes)
    assert copied_to(heir, to=("old.one",)) == []


def test_a_closed_subscriber_gets_no_copy_and_refuses_nothing() -> None:
    """Until the day it closes it does; its successor has to subscribe itself."""
    closed = agency("stat", closed_on=TODAY, successors=(code("H01"),), subscriptions=(EVERYTHING,))
    assert copied_to(closed) == []
    assert copied_to(msgspec.structs.replace(closed, closed_on=date(2026, 11, 23))) == ["stat"]


def test_a_subscription_outlives_a_reform_as_a_grant_does() -> None:
    """What went to or came from a closed agency goes to or comes from its successor; after a split nobody can say."""
    to_old = agency("stat", subscriptions=(Subscription(kinds=("*",), recipients=("old.one",)),))
    assert copied_to(to_old, to=("H01.50",)) == copied_to(to_old, to=("old.one",)) == ["stat"]
    assert copied_to(to_old, to=("free",)) == []
    from_old = agency("stat", subscriptions=(Subscription(kinds=("*",), senders=("old.one",)),))
    assert copied_to(from_old, to=("free",), sender="H01.50") == ["stat"]
    split = agency("stat", subscriptions=(Subscription(kinds=("*",), recipients=("old.split",)),))
    assert copied_to(split, to=("H01.50",)) == []


def test_a_copy_goes_the_subscriber_s_own_way() -> None:
    """Pushed or fetched, in a lane of its own or in none, as it wants its deliveries."""
    pushed = agency("push", endpoint=Endpoint(adapter="webhook", url="http://127.0.0.1:1/in"), subscriptions=(EVERYTHING,))
    directory = Directory(8, [*DIRECTORY.agencies.values(), pushed, agency("pull", ordered=False, subscriptions=(EVERYTHING,))])
    sent = envelope("H01")
    (own,) = route(sent, directory, TODAY, 8)
    first, second = copies(sent, (own,), directory, TODAY, 8)
    assert (first.mode, second.mode, second.lane) == ("push", "mailbox", None)
    assert first.lane is not None and first.lane != own.lane
