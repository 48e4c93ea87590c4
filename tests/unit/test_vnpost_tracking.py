"""The tracking feed of Vietnam Post: pages as they come, and what becomes of them."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vnpost.collector import VnpostTracking
from adapters.vnpost.tracking import overlapped, read_page, states_of
from contracts.feed import Collected, Feed, FeedTrouble
from contracts.kinds.postal import PostalEvent
from tests.compliance.test_vnpost import DESK, POST, postal_hub
from tests.fakes.desk import MemoryHub
from tests.fakes.vnpost import CUSTOMER, KEY, SECRET, Vnpost

OID = "692d3f80" + "0" * 15 + "1"


def event_of(**members: Any) -> PostalEvent:
    document = {"_id": {"oid": OID}, "OrderNumber": "TG-1", "EventTime": 1_764_547_200_000, "StatusCode": 3} | members
    page = read_page(msgspec.json.encode({"_returned": 1, "_embedded": {"doc": [document]}}), states_of({}))
    (tracked,) = page.documents
    assert tracked.event is not None, tracked.wrong
    return tracked.event


@pytest.mark.parametrize(
    ("code", "text", "state", "number"),
    [
        (4, "", "delivered", 4),
        ("4", "", "delivered", 4),
        (37, "", "in_transit", 37),
        (37, "Phát không thành công", "attempt_failed", 37),
        (None, "Đã thu gom", "collected", None),
        ("EMI", "", "delivered", None),
        ("EDB", "", "in_transit", None),
        ("hỏng", "", "in_transit", None),
        (123456, "", "in_transit", None),
    ],
)
def test_a_state_is_judged_by_number_then_by_words_and_never_dropped(
    code: Any, text: str, state: str, number: int | None
) -> None:
    event = event_of(StatusCode=code, StatusMessage=text)
    assert (event.state, event.status_code) == (state, number)
    if number is None and code not in (None, "EMI", "EDB"):
        assert str(code) in (event.status_text or "")


def test_the_table_of_states_is_the_provinces_own() -> None:
    table = states_of({"status.37": "returned", "status.-3": "held", "customer.X": "Y"})
    assert table == {4: "delivered", 37: "returned", -3: "held"}
    for wrong in ({"status.x": "held"}, {"status.1": "arrived"}):
        with pytest.raises(ValueError, match="option status"):
            states_of(wrong)


@pytest.mark.parametrize(
    ("told", "at"),
    [
        (1_764_547_200_000, datetime(2025, 12, 1, tzinfo=UTC)),
        ("1764547200000", datetime(2025, 12, 1, tzinfo=UTC)),
        (1_764_547_200, datetime(2025, 12, 1, tzinfo=UTC)),
        ({"$date": 1_764_547_200_000}, datetime(2025, 12, 1, tzinfo=UTC)),
        ("01/12/2025 07:00:00", datetime(2025, 12, 1, tzinfo=UTC)),
        ("20251201070000", datetime(2025, 12, 1, tzinfo=UTC)),
        ("2025-12-01T07:00:00", datetime(2025, 12, 1, tzinfo=UTC)),
        (None, datetime.fromtimestamp(0x692D3F80, UTC)),
    ],
)
def test_times_come_in_many_forms(told: Any, at: datetime) -> None:
    assert event_of(EventTime=told).at == at


@pytest.mark.parametrize("oid", [{"oid": OID}, {"$oid": OID}, OID])
def test_an_id_comes_in_many_forms(oid: Any) -> None:
    assert event_of(_id=oid).event_id == OID


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = ("_id", "CustomerCode", "OrderNumber", "EventTime", "POSID", "ItemCode", "StatusCode", "StatusMessage", "Notes")


@given(st.lists(_JSON | st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=9), max_size=4))
def test_whatever_stands_in_a_page_each_document_is_an_event_or_says_why_not(documents: list[Any]) -> None:
    """And a good one among them is read as ever."""
    good = {"_id": {"oid": OID}, "OrderNumber": "TG-1", "EventTime": 1_764_547_200_000, "StatusCode": 4}
    octets = json.dumps({"_returned": 1, "_embedded": {"doc": [*documents, good]}}).encode()
    page = read_page(octets, states_of({}))
    assert len(page.documents) == len(documents) + 1
    assert all((one.event is None) == bool(one.wrong) for one in page.documents)
    assert page.documents[-1].event is not None and page.documents[-1].event.state == "delivered"


@pytest.mark.parametrize(
    "told", ["9999-12-31T23:59:59Z", "0001-01-01", 1, 99999999999999, "0", -5, True, [], "31/02/2026 10:00:00"]
)
def test_a_time_that_cannot_be_is_told(told: Any) -> None:
    page = read_page(json.dumps({"_embedded": {"doc": [{"OrderNumber": "N", "EventTime": told}]}}).encode(), {})
    assert page.documents[0].event is None and page.documents[0].wrong


def test_documents_have_two_names_and_may_be_missing() -> None:
    for octets in (
        b'{"_embedded": {"rh:doc": []}}',
        b'{"_returned": 0}',
        b'{"_size": 0, "_embedded": null}',
        b'{"_embedded": []}',
    ):
        assert read_page(octets, {}).documents == ()
    for octets in (b"{}", b'{"_embedded": {"doc": 1}}', b'{"_embedded": "x"}', b"[]", b"<html>"):
        with pytest.raises(ValueError, match="the answer"):
            read_page(octets, {})


def test_a_cursor_begins_a_little_before_where_ids_tell_the_time() -> None:
    assert overlapped(OID, 120) == f"{0x692D3F80 - 120:08x}" + "0" * 16
    assert overlapped("0" * 23 + "7", 120) == "0" * 23 + "7"
    assert overlapped(OID, 0) == OID


# --- the collector -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub() -> MemoryHub:
    return postal_hub()


@pytest.fixture
async def post() -> AsyncIterator[Vnpost]:
    async with Vnpost() as found:
        yield found


@pytest.fixture
async def collector() -> AsyncIterator[VnpostTracking]:
    found = VnpostTracking()
    yield found
    await found.close()


def feed_of(post: Vnpost, **options: str) -> Feed:
    told = {f"customer.{CUSTOMER}": DESK} | {name.replace("__", "."): value for name, value in options.items()}
    return Feed(adapter="vnpost", url=post.url, secret=f"{KEY}:{SECRET}", options=told)


async def test_each_event_goes_to_the_agency_of_its_contract(hub: MemoryHub, post: Vnpost, collector: VnpostTracking) -> None:
    """One of a contract that nobody named goes to the post itself, where it is seen; an unknown agency is no reason to lose
    it."""
    post.happen("TG-1", 4)
    post.happen("TG-2", 4, CustomerCode="LAND")
    post.happen("TG-3", 4, CustomerCode="NEW")
    post.happen("TG-4", 4, CustomerCode="GONE")
    post.happen("TG-5", 4, CustomerCode="SHARED")
    shared = f"H01.10.01, {DESK}"
    feed = feed_of(post, customer__LAND="H01.10.01", customer__GONE="H01.nobody", customer__SHARED=shared)
    assert await collector.collect(feed, hub.desk(POST)) == Collected(taken=5)
    assert [one.recipients for one in hub.envelopes] == [(DESK,), ("H01.10.01",), (POST,), (POST,), ("H01.10.01", DESK)]


@pytest.mark.parametrize("how", ["duplicate", "shuffle", "repeat_pages"])
async def test_pages_that_are_wrong_lose_nothing_and_double_nothing(
    hub: MemoryHub, post: Vnpost, collector: VnpostTracking, how: str
) -> None:
    setattr(post.misbehaviour, how, True)
    for number in range(7):
        post.happen(f"TG-{number}", 1)
    feed = feed_of(post, page_size="20" if how == "repeat_pages" else "7", overlap_s="0")
    for _ in range(3):
        await collector.collect(feed, hub.desk(POST))
    assert sorted(msgspec.json.decode(one.body)["order_number"] for one in hub.envelopes) == [f"TG-{n}" for n in range(7)]


async def test_a_document_that_came_late_under_a_lower_id_is_found(
    hub: MemoryHub, post: Vnpost, collector: VnpostTracking
) -> None:
    """Several writers make ids within the same second, and some arrive late."""
    post.happen("TG-1", 1)
    last = post.happen("TG-2", 1)
    await collector.collect(feed_of(post), hub.desk(POST))
    post.happen("TG-3", 1, _id={"oid": f"{int(last[:8], 16) - 1:08x}" + "f" * 16})
    assert await collector.collect(feed_of(post), hub.desk(POST)) == Collected(taken=1)


async def test_a_document_that_was_changed_is_another_event(hub: MemoryHub, post: Vnpost, collector: VnpostTracking) -> None:
    post.happen("TG-1", 1)
    await collector.collect(feed_of(post), hub.desk(POST))
    post.feed[0]["StatusMessage"] = "Phát thành công"
    assert await collector.collect(feed_of(post), hub.desk(POST)) == Collected(taken=1)


async def test_a_document_without_an_id_is_not_lost(hub: MemoryHub, post: Vnpost, collector: VnpostTracking) -> None:
    """It moves no cursor, and comes in once all the same."""
    post.happen("TG-1", 4, _id=None)
    assert await collector.collect(feed_of(post), hub.desk(POST)) == Collected(taken=1)
    assert await collector.collect(feed_of(post), hub.desk(POST)) == Collected()


async def test_an_id_of_days_to_come_moves_no_cursor(hub: MemoryHub, post: Vnpost, collector: VnpostTracking) -> None:
    """All that happens until then would lie before it, and never be asked for."""
    post.happen("TG-1", 1)
    post.happen("TG-2", 1, _id={"oid": "f" * 24})
    await collector.collect(feed_of(post), hub.desk(POST))
    post.feed.insert(1, post.feed[0] | {"_id": {"oid": f"{int(OID[:8], 16):08x}" + "a" * 16}, "OrderNumber": "TG-3"})
    await collector.collect(feed_of(post), hub.desk(POST))
    assert sorted(msgspec.json.decode(one.body)["order_number"] for one in hub.envelopes) == ["TG-1", "TG-2", "TG-3"]


async def test_a_document_that_was_refused_and_mended_is_taken(hub: MemoryHub, post: Vnpost, collector: VnpostTracking) -> None:
    post.happen("TG-1", 4, EventTime="hôm qua")
    for refused in (1, 0):
        assert await collector.collect(feed_of(post), hub.desk(POST)) == Collected(refused=refused)
    post.feed[0]["EventTime"] = 1_764_547_200_000
    assert await collector.collect(feed_of(post), hub.desk(POST)) == Collected(taken=1)


async def test_another_table_of_states_does_not_tell_old_events_anew(
    hub: MemoryHub, post: Vnpost, collector: VnpostTracking
) -> None:
    post.happen("TG-1", 37)
    await collector.collect(feed_of(post), hub.desk(POST))
    assert await collector.collect(feed_of(post, status__37="returned"), hub.desk(POST)) == Collected()


async def test_contracts_can_be_asked_for_one_by_one(hub: MemoryHub, post: Vnpost, collector: VnpostTracking) -> None:
    """Each with a cursor of its own."""
    post.happen("TG-1", 4)
    post.happen("TG-2", 4, CustomerCode="LAND")
    feed = feed_of(post, customer__LAND="H01.10.01", one_by_one="yes")
    assert await collector.collect(feed, hub.desk(POST)) == Collected(taken=2)
    assert [query["CustomerCode"] for query in post.asked] == [CUSTOMER, "LAND"]
    assert {name for _, name in hub.marks} == {f"tracking {CUSTOMER}", "tracking LAND"}


async def test_a_token_that_ran_out_is_fetched_once_more(hub: MemoryHub, post: Vnpost, collector: VnpostTracking) -> None:
    post.happen("TG-1", 4)
    post.misbehaviour.drop_tokens = 1
    assert await collector.collect(feed_of(post), hub.desk(POST)) == Collected(taken=1)
    await collector.collect(feed_of(post), hub.desk(POST))
    assert post.tokens_given == 2


@pytest.mark.parametrize(
    "options",
    [
        {"page_size": "0"},
        {"page_size": "x"},
        {"shape": "soap"},
        {"status__4": "arrived"},
        {"customer__X": "a,,b"},
        {"others": "?"},
    ],
)
async def test_a_feed_that_is_registered_wrongly_is_told(
    hub: MemoryHub, post: Vnpost, collector: VnpostTracking, options: dict[str, str]
) -> None:
    with pytest.raises(FeedTrouble) as trouble:
        await collector.collect(feed_of(post, **options), hub.desk(POST))
    assert trouble.value.reason == "delivery.internal" and "option" in trouble.value.detail
