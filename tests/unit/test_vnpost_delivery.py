"""Handing orders to Vietnam Post: each by itself, with one token for all of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from adapters.vnpost.delivery import VnpostDelivery
from contracts.adapter import Endpoint, Parcel
from contracts.kinds import KINDS
from contracts.outcome import Delivered, Outcome, Refused, Retry
from tests.compliance.test_vnpost import NgspKit, WrapperKit, order
from tests.fakes.vnpost import Vnpost

ORDER, REGISTRATION, CANCEL, EVENT = (f"postal.{name}/1" for name in ("order", "registration", "cancel", "event"))


@pytest.fixture
async def post() -> AsyncIterator[Vnpost]:
    async with Vnpost() as found:
        yield found


@pytest.fixture
async def adapter() -> AsyncIterator[VnpostDelivery]:
    found = VnpostDelivery()
    yield found
    await found.close()


def parcel(kind: str, body: Any) -> Parcel:
    one = NgspKit().parcel(1)
    return msgspec.structs.replace(one, envelope=msgspec.structs.replace(one.envelope, kind=kind, body=msgspec.json.encode(body)))


async def hand(adapter: VnpostDelivery, post: Vnpost, kind: str, body: Any, **endpoint: Any) -> Outcome:
    where: Endpoint = msgspec.structs.replace(NgspKit().endpoint(post.url), **endpoint)
    return await adapter.deliver(parcel(kind, body), where)


async def test_a_hundred_at_once_share_one_token(adapter: VnpostDelivery, post: Vnpost) -> None:
    outcomes = await asyncio.gather(*(hand(adapter, post, ORDER, order(number)) for number in range(100)))
    assert all(isinstance(one, Delivered) for one in outcomes)
    assert (post.tokens_given, len(post.orders)) == (1, 100)


async def test_one_bad_order_stops_no_other(adapter: VnpostDelivery, post: Vnpost) -> None:
    """Its sender learns what the post said; the others go their way."""
    post.misbehaviour.refuse = ["TG-000002"]
    outcomes = [await hand(adapter, post, ORDER, order(number)) for number in (1, 2, 3)]
    assert [type(one) for one in outcomes] == [Delivered, Refused, Delivered]
    assert isinstance(outcomes[1], Refused) and "Địa chỉ ngoài vùng phục vụ" in outcomes[1].detail


async def test_a_token_that_ran_out_is_fetched_once_more_and_not_for_ever(adapter: VnpostDelivery, post: Vnpost) -> None:
    await hand(adapter, post, ORDER, order(1))
    post.tokens.clear()
    assert isinstance(await hand(adapter, post, ORDER, order(2)), Delivered)
    assert post.tokens_given == 2
    post.tokens.clear()
    post.misbehaviour.drop_tokens = 10
    assert isinstance(await hand(adapter, post, ORDER, order(3)), Retry)
    assert post.tokens_given == 3


async def test_wrong_credentials_are_told_without_them(adapter: VnpostDelivery, post: Vnpost) -> None:
    outcome = await hand(adapter, post, ORDER, order(1), secret="wrong:sesame")
    assert isinstance(outcome, Retry) and "401" in outcome.detail and "sesame" not in outcome.detail


@pytest.mark.parametrize("number", [1, 2])
async def test_the_wrapper_has_an_address_for_each_kind_of_label(adapter: VnpostDelivery, post: Vnpost, number: int) -> None:
    """With one printed beforehand, and without."""
    assert isinstance(await adapter.deliver(WrapperKit().parcel(number), WrapperKit().endpoint(post.url)), Delivered)
    (operation, message) = post.got[0]
    assert operation == ("order" if order(number).item_code else "orderWithoutItemCode")
    assert message.get("ItemCode") == order(number).item_code and message["FlagConfig"] == 2
    assert post.tokens_given == 0


async def test_a_registration_is_handed_over(adapter: VnpostDelivery, post: Vnpost) -> None:
    body = KINDS[REGISTRATION].examples[0].body
    assert isinstance(await hand(adapter, post, REGISTRATION, body), Delivered)
    (document,) = post.documents.values()
    assert document["IsSendDocument"] is document["IsReceiveResult"] is True
    assert document["DocumentSender"]["ProvinceTitle"] == "An Giang" and document["Procedure"]["Elements"]


async def test_cancelled_twice_is_cancelled(adapter: VnpostDelivery, post: Vnpost) -> None:
    """An order that the post never had is for a person to look at."""
    cancel: Any = KINDS[CANCEL].examples[0].body
    known = msgspec.structs.replace(cancel, order_number=order(1).order_number)
    await hand(adapter, post, ORDER, order(1))
    outcomes = [await hand(adapter, post, CANCEL, one) for one in (known, known, cancel)]
    assert [type(one) for one in outcomes] == [Delivered, Delivered, Refused]


async def test_what_is_nothing_for_the_post_is_refused_before_it_is_sent(adapter: VnpostDelivery, post: Vnpost) -> None:
    assert isinstance(await hand(adapter, post, EVENT, KINDS[EVENT].examples[0].body), Refused)
    assert isinstance(await hand(adapter, post, "case.file/1", {}), Refused)
    assert isinstance(await hand(adapter, post, ORDER, order(1), options={"shape": "soap"}), Retry)
    assert not post.got and not post.tokens_given


@pytest.mark.parametrize("wrong", ["fail_next", "garbage", "half_answer", "text_reply"])
async def test_whatever_the_post_answers_once_the_order_arrives_once(adapter: VnpostDelivery, post: Vnpost, wrong: str) -> None:
    """It says "there already" to the second try, which is delivered."""
    await hand(adapter, post, ORDER, order(9))
    setattr(post.misbehaviour, wrong, 1)
    assert isinstance(await hand(adapter, post, ORDER, order(1)), Retry)
    assert isinstance(await hand(adapter, post, ORDER, order(1)), Delivered)
    assert list(post.orders).count("TG-000001") == 1


async def test_more_states_can_mean_accepted(adapter: VnpostDelivery, post: Vnpost) -> None:
    post.misbehaviour.refuse = ["TG-000001"]
    assert isinstance(await hand(adapter, post, ORDER, order(1), options={"accepted": "100, 102"}), Delivered)


async def test_a_simulated_parcel_goes_its_way_by_itself() -> None:
    """As `python -m tests.fakes.vnpost` shows it, with the settlement of what was delivered."""
    adapter = VnpostDelivery()
    async with Vnpost(pace_s=0.01) as post:
        await hand(adapter, post, ORDER, order(1))
        async with asyncio.timeout(20):
            while [one["StatusCode"] for one in post.feed] != [1, 2, 3, 4]:  # noqa: ASYNC110 - the fake has nothing to wait for
                await asyncio.sleep(0.005)
    await adapter.close()
