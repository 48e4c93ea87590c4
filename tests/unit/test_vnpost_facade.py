"""The postal facades: one-stop systems order, register, track and cancel as if the hub were Vietnam Post."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from adapters.vnpost.facade import NGSP, WRAPPER, PostalFacade
from adapters.vnpost.messages import FIRST_ID
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.facade import Call
from contracts.kinds import KINDS
from contracts.kinds.postal import PostalCancel, PostalEvent
from tests.compliance.test_vnpost import CUSTOMER, DESK, POST, NgspFacadeKit, WrapperFacadeKit, postal_hub
from tests.fakes.desk import MemoryHub

KIT = NgspFacadeKit()
FACADE = PostalFacade(NGSP)


@pytest.fixture
def hub() -> MemoryHub:
    return postal_hub()


async def ask(hub: MemoryHub, operation: str, body: Any = None, **query: str) -> dict[str, Any]:
    octets = b"" if body is None else json.dumps(body).encode()
    call = Call(operation=operation, path={}, query=query, headers=KIT.headers, body=octets)
    found: dict[str, Any] = json.loads((await FACADE.answer(call, hub.desk(DESK))).body)
    return found


async def order(hub: MemoryHub, **changes: Any) -> dict[str, Any]:
    return await ask(hub, "postOrder", KIT.order(1) | changes)


def kinds(hub: MemoryHub) -> list[str]:
    return [one.kind.partition("/")[0] for one in hub.envelopes]


async def test_another_order_under_the_same_number_is_refused(hub: MemoryHub) -> None:
    """It would reach the post as "registered already", and nobody would learn that the new address was never taken."""
    await order(hub)
    with pytest.raises(ContractError) as refused:
        await order(hub, ReceiverAddress="Số 2")
    assert refused.value.code == "postal.order_number_used"
    assert kinds(hub) == ["postal.order"]


async def test_the_two_directions_of_one_case_are_two_orders(hub: MemoryHub) -> None:
    await order(hub)
    await order(hub, SenderName="Nguyễn Thị Hồng Đào", ReceiverName="UBND xã Vĩnh Thạnh Trung")
    assert kinds(hub) == ["postal.order"] * 2


async def test_after_its_cancellation_the_same_order_is_a_new_one(hub: MemoryHub) -> None:
    """Cancelling twice is one cancellation, also a day later."""
    await order(hub)
    for _ in range(2):
        await ask(hub, "cancelOrder", {"CustomerCode": CUSTOMER, "OrderNumber": "TG-000001"})
        hub.moment += timedelta(days=1)
    await order(hub)
    await order(hub)
    assert kinds(hub) == ["postal.order", "postal.cancel", "postal.order"]
    await ask(hub, "cancelOrderByQuery", CustomerCode=CUSTOMER, OrderNUmber="TG-000001")
    assert kinds(hub)[3:] == ["postal.cancel"]
    cancel = msgspec.json.decode(hub.envelopes[3].body, type=PostalCancel)
    assert (cancel.direction, cancel.order_number) == ("deliver", "TG-000001")


async def test_an_order_that_the_post_refused_can_be_placed_again(hub: MemoryHub) -> None:
    """Mended, under its number; nobody has to cancel what never was."""
    await order(hub)
    await hub.desk(POST).acknowledge(1, "sai mã tỉnh")
    await order(hub, ReceiverProvince=88000)
    assert kinds(hub) == ["postal.order"] * 2


async def test_cancelling_withdraws_what_is_live_in_both_directions(hub: MemoryHub) -> None:
    await order(hub)
    await order(hub, SenderName="Nguyễn Thị Hồng Đào", ReceiverName="UBND xã Vĩnh Thạnh Trung")
    await ask(hub, "cancelOrder", {"CustomerCode": CUSTOMER, "OrderNumber": "TG-000001"})
    ways = [msgspec.json.decode(one.body, type=PostalCancel).direction for one in hub.envelopes[2:]]
    assert ways == ["collect", "deliver"]


async def test_an_order_from_before_the_hub_is_cancelled_at_the_post(hub: MemoryHub) -> None:
    await ask(hub, "cancelOrder", {"CustomerCode": CUSTOMER, "OrderNumber": "OLD-1"})
    await ask(hub, "cancelOrder", {"CustomerCode": CUSTOMER, "OrderNumber": "OLD-1"})
    assert kinds(hub) == ["postal.cancel"]


async def test_a_registration_may_change_and_change_back(hub: MemoryHub) -> None:
    document = {"CustomerCode": CUSTOMER, "OrderNumber": "TG-000001", "IsSendDocument": True, "IsReceiveResult": True}
    for both in (True, True, False, True):
        await ask(hub, "postDocument", document | {"IsReceiveResult": both})
    choices = [json.loads(one.body)["choice"] for one in hub.envelopes]
    assert choices == ["both", "send_file", "both"]


async def test_neither_file_nor_result_is_no_registration(hub: MemoryHub) -> None:
    with pytest.raises(ContractError) as refused:
        await ask(hub, "postDocument", {"CustomerCode": CUSTOMER, "OrderNumber": "TG-000001"})
    assert (refused.value.code, refused.value.field) == ("body.invalid", "/IsSendDocument")


async def test_where_there_are_two_posts_the_call_names_one(hub: MemoryHub) -> None:
    hub.agencies["H01.10.01"] = msgspec.structs.replace(hub.agencies["H01.10.01"], level="post")
    with pytest.raises(ContractError) as refused:
        await order(hub)
    assert refused.value.code == "postal.post_unclear"
    await ask(hub, "postOrder", KIT.order(1), post="H01.10.01")
    assert hub.envelopes[0].recipients == ("H01.10.01",)


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"OrderNumber": "a b"}, "/OrderNumber"),
        ({"SenderTel": ""}, "/SenderTel"),
        ({"ReceiverAddress": None}, "/ReceiverAddress"),
        ({"ReceiverProvince": "tỉnh"}, "/ReceiverProvince"),
        ({"CODAmount": "x"}, "/CODAmount"),
        ({"CODAmount": "150.000"}, "/CODAmount"),
        ({"CustomerCode": ""}, "/CustomerCode"),
        ({"OrderNumber": ["TG-000001"]}, "/OrderNumber"),
    ],
)
async def test_a_refusal_names_the_element_as_the_client_wrote_it(hub: MemoryHub, changes: dict[str, Any], element: str) -> None:
    with pytest.raises(ContractError) as refused:
        await order(hub, **changes)
    assert (refused.value.code, refused.value.field) == ("body.invalid", element)


async def test_a_byte_order_mark_before_an_order_says_nothing(hub: MemoryHub) -> None:
    octets = b"\xef\xbb\xbf" + json.dumps(KIT.order(1) | {"CODAmount": "126500.0"}).encode()
    call = Call(operation="postOrder", path={}, query={}, headers=KIT.headers, body=octets)
    await FACADE.answer(call, hub.desk(DESK))
    assert json.loads(hub.envelopes[0].body)["cod_amount_vnd"] == 126500


async def test_the_wrapper_answers_in_texts(hub: MemoryHub) -> None:
    answer = await PostalFacade(WRAPPER).answer(WrapperFacadeKit().call(1), hub.desk(DESK))
    assert json.loads(answer.body)["Status"] == "100"


# --- tracking ----------------------------------------------------------------------------------------------------------------


async def happened(hub: MemoryHub, *numbers: int, **changes: Any) -> None:
    """The post tells the desk of so many events."""
    for number in numbers:
        event = msgspec.structs.replace(KINDS["postal.event/1"].examples[0].body, order_number=f"TG-{number:06}", **changes)
        await hub.desk(POST).submit(
            Envelope(
                message_id=f"e-{number}",
                sender=AgencyCode(POST),
                recipients=(AgencyCode(DESK),),
                kind="postal.event/1",
                created_at=hub.moment,
                body=msgspec.json.encode(event),
            )
        )


def orders_of(page: dict[str, Any]) -> list[str]:
    return [one["OrderNumber"] for one in page["_embedded"]["doc"]]


async def test_tracking_pages_with_a_cursor(hub: MemoryHub) -> None:
    """Until a page has nothing embedded, which is how the known client sees the end."""
    await happened(hub, 1, 2, 3)
    first = await ask(hub, "getOrderTracking", pagesize="2", lastId=FIRST_ID)
    assert orders_of(first) == ["TG-000001", "TG-000002"] and first["_total_pages"] == 2
    second = await ask(hub, "getOrderTracking", pagesize="2", lastId=first["_embedded"]["doc"][-1]["_id"]["oid"])
    assert orders_of(second) == ["TG-000003"]
    last = await ask(hub, "getOrderTracking", pagesize="2", lastId=second["_embedded"]["doc"][-1]["_id"]["oid"])
    assert last == {"_size": 0, "_total_pages": 1, "_returned": 0}


async def test_a_client_that_begins_anew_sees_the_same_again(hub: MemoryHub) -> None:
    """It does, for every order that it looks for."""
    await happened(hub, 1, 2)
    pages = [await ask(hub, "getOrderTracking", lastId=last) for last in ("", FIRST_ID, "0" * 23 + "2", FIRST_ID)]
    assert pages[0] == pages[1] == pages[3]


async def test_what_is_old_and_passed_is_acknowledged(hub: MemoryHub) -> None:
    """So that the mailbox does not grow for ever; what was not passed stays."""
    await happened(hub, 1, 2, 3)
    hub.moment += timedelta(days=31)
    await ask(hub, "getOrderTracking", lastId="0" * 23 + "2")
    assert [one.state for one in hub.deliveries()] == ["delivered", "delivered", "available"]


async def test_an_event_is_told_in_the_words_of_the_interface(hub: MemoryHub) -> None:
    """One that came without a number of Vietnam Post, too: 4 is what closes a parcel at the client."""
    await happened(hub, 1, status_code=None, status_text=None)
    (document,) = (await ask(hub, "getOrderTracking"))["_embedded"]["rh:doc"]
    assert document["StatusCode"] == 4 and document["StatusMessage"] == "delivered"
    event: PostalEvent = KINDS["postal.event/1"].examples[0].body  # type: ignore[assignment]
    assert document["EventTime"] == event.at.timestamp() * 1000
    assert document["POSID"] == "883450" and document["ItemCode"] == "EL123456785VN"


async def test_one_contract_can_be_asked_for(hub: MemoryHub) -> None:
    await happened(hub, 1)
    await happened(hub, 2, customer_code="OTHER")
    assert orders_of(await ask(hub, "getOrderTracking", CustomerCode="OTHER")) == ["TG-000002"]


async def test_pages_of_other_contracts_are_not_taken_for_the_end(hub: MemoryHub) -> None:
    """A client stops at a page with nothing embedded."""
    await happened(hub, 1, 2, 3, 4, 5)
    await happened(hub, 6, customer_code="OTHER")
    page = await ask(hub, "getOrderTracking", pagesize="2", CustomerCode="OTHER")
    assert orders_of(page) == ["TG-000006"] and page["_total_pages"] == 1
    assert "_embedded" not in await ask(hub, "getOrderTracking", pagesize="2", CustomerCode="NOBODY")


async def test_a_cursor_that_is_none_is_refused(hub: MemoryHub) -> None:
    with pytest.raises(ContractError) as refused:
        await ask(hub, "getOrderTracking", lastId="không")
    assert (refused.value.code, refused.value.field) == ("request.field_invalid", "lastId")


def test_a_token_stands_in_either_header() -> None:
    call = KIT.call(1)
    assert FACADE.credentials(call) == FACADE.credentials(replace(call, headers={"access_token": "abc"}))
    for headers in ({"Authorization": "Digest x"}, {"Authorization": "Basic !"}, {"Authorization": "Basic YQ=="}):
        with pytest.raises(ContractError) as refused:
            FACADE.credentials(replace(call, headers=headers))
        assert refused.value.code == "auth.invalid"
