"""Vietnam Post in the suite of all adapters: both shapes of delivery, both facades, the tracking feed."""

import base64
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from adapters.vnpost.collector import VnpostTracking
from adapters.vnpost.delivery import VnpostDelivery
from adapters.vnpost.facade import NGSP, WRAPPER, PostalFacade
from contracts.adapter import DeliveryAdapter, Endpoint, Files, Parcel
from contracts.agency import AgencyCode
from contracts.desk import Listed
from contracts.envelope import Attachment, Envelope
from contracts.facade import Answer, Call, Facade
from contracts.feed import Collector, Feed
from contracts.kinds.postal import Party, PostalOrder
from contracts.outcome import Delivered
from tests.compliance.adapter_suite import CollectorSuite, DeliverySuite, FacadeSuite, Held, Said
from tests.compliance.delivery_suite import Road
from tests.fakes.desk import MemoryHub
from tests.fakes.vnpost import CUSTOMER, KEY, SECRET, STATIC_TOKEN, Vnpost

DESK, POST = "H01.134", "VNPOST.AG"
NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)
CASE = "H01.134-20261118-0000042"
OFFICE = Party(name="UBND xã Vĩnh Thạnh Trung", address="Ấp Vĩnh Thuận <&>", phone="0296 3000 000", province=90000)
CITIZEN = Party(name="Nguyễn Thị Hồng <&> Đào", address="Số 1, ấp Vĩnh Thuận", phone="0912000000", province=90000)


def order(number: int) -> PostalOrder:
    """Each parcel of the case has an order number of its own: by it the post drops a second copy."""
    return PostalOrder(
        customer_code=CUSTOMER,
        order_number=f"TG-{number:06}",
        case_number=CASE,
        direction="deliver",
        item_code="EL123456785VN" if number % 2 else None,
        cod_amount_vnd=number * 1000,
        sender=OFFICE,
        receiver=CITIZEN,
    )


def postal_hub() -> MemoryHub:
    hub = MemoryHub.of(DESK, POST, "H01.10.01")
    hub.agencies[POST] = msgspec.structs.replace(hub.agencies[POST], level="post")
    hub.agencies[DESK] = Listed(code=AgencyCode(DESK), name_vi=OFFICE.name, name_en="", level="commune", parent=None)
    hub.moment = NOW
    return hub


# --- delivery ----------------------------------------------------------------------------------------------------------------


class NgspKit:
    status_decides = False

    def adapter(self, files: Files) -> DeliveryAdapter:
        return VnpostDelivery()

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return Vnpost()

    def endpoint(self, url: str) -> Endpoint:
        return Endpoint(adapter="vnpost", url=url, secret=f"{KEY}:{SECRET}")

    def parcel(self, number: int, attachments: tuple[Attachment, ...] = ()) -> Parcel:
        envelope = Envelope(
            message_id=f"m-{number}",
            sender=AgencyCode(DESK),
            recipients=(AgencyCode(POST),),
            kind="postal.order/1",
            created_at=NOW,
            body=msgspec.json.encode(order(number)),
            attachments=attachments,
        )
        to = AgencyCode(POST)
        return Parcel(delivery_id=number, attempt=1, recipient=to, addressed_as=to, sequence=number, envelope=envelope)

    def held(self, parcel: Parcel, files: Mapping[str, bytes]) -> Held:
        one = msgspec.json.decode(parcel.envelope.body, type=PostalOrder)
        return Held(one.order_number, (one.receiver.name, one.sender.address, one.cod_amount_vnd))

    def holds(self, far: Vnpost) -> Sequence[Held]:
        return [Held(number, (one["ReceiverName"], one["SenderAddress"], one["CODAmount"])) for number, one in far.orders.items()]


class WrapperKit(NgspKit):
    def endpoint(self, url: str) -> Endpoint:
        return Endpoint(adapter="vnpost", url=url, secret=STATIC_TOKEN, options={"shape": "lgsp"})


class TestOrdersOverNgsp(DeliverySuite):
    kit = NgspKit()

    @pytest.mark.parametrize("media_type", ["text/plain; charset=utf-8", "application/json"])
    async def test_the_table_of_replies_comes_first(self, road: Road, media_type: str) -> None:
        """What it says is the answer to an order, so the token is there already."""
        assert isinstance(await road.deliver(self.kit.parcel(2)), Delivered)
        await super().test_the_table_of_replies_comes_first(road, media_type)


class TestOrdersOverTheWrapper(DeliverySuite):
    kit = WrapperKit()


# --- facade ------------------------------------------------------------------------------------------------------------------


class NgspFacadeKit:
    caller = DESK
    form = NGSP
    headers: Mapping[str, str] = {"Authorization": "Bearer abc"}

    def facade(self) -> Facade:
        return PostalFacade(self.form)

    def hub(self) -> MemoryHub:
        return postal_hub()

    def message(self, envelope: Envelope) -> int:
        return int(msgspec.json.decode(envelope.body, type=PostalOrder).order_number.removeprefix("TG-"))

    def order(self, number: int) -> dict[str, Any]:
        """As a kit in Java writes it."""
        return {
            "CustomerCode": CUSTOMER,
            "OrderNumber": f"TG-{number:06}",
            "CODAmount": 126_500,
            "SenderProvince": 90000,
            "SenderDistrict": 90600,
            "SenderAddress": "Số 1, đường Nguyễn Thái Học",
            "SenderName": OFFICE.name,
            "SenderEmail": "dvc @gmail.com",
            "SenderTel": "ĐT: 0296 3000 000",
            "SenderDesc": "01 Giấy chứng nhận",
            "ReceiverName": "Nguyễn Thị Hồng Đào",
            "ReceiverAddress": "Ấp Vĩnh Thuận",
            "ReceiverTel": "0912.000.000",
            "ReceiverProvince": "90000",
            "ReceiverDistrict": 0,
            "ReceiverEmail": None,
        }

    def call(self, number: int) -> Call:
        return self.of(self.order(number))

    def of(self, message: Any) -> Call:
        name = self.form.orders[0].strip("/")
        return Call(operation=name, path={}, query={}, headers=self.headers, body=json.dumps(message).encode())

    def huge(self, payload_bytes: int) -> Call:
        return self.of(self.order(1) | {"SenderDesc": "x" * payload_bytes})

    def anonymous(self) -> Call:
        return replace(self.call(1), headers={})

    def malformed(self) -> Mapping[str, Call]:
        good = self.order(1)
        return {
            "no number": self.of({**good, "OrderNumber": ""}),
            "no contract": self.of({name: value for name, value in good.items() if name != "CustomerCode"}),
            "no telephone": self.of({**good, "ReceiverTel": "không có"}),
            "half a đồng": self.of({**good, "CODAmount": 126500.5}),
            "less than nothing": self.of({**good, "CODAmount": -1}),
            "no province": self.of({**good, "ReceiverProvince": 0}),
            "which way": self.of({**good, "SenderName": "Trần Văn A"}),
            "a list": self.of([good]),
            "half of it": replace(self.call(1), body=self.call(1).body[:-30]),
        }

    def said(self, answer: Answer) -> Said:
        assert answer.headers["Content-Type"] == "application/json"
        found = json.loads(answer.body.decode())
        if "Status" not in found:  # a page of tracking
            assert set(found) <= {"_size", "_total_pages", "_returned", "_embedded"} and answer.status == 200
            return Said()
        assert isinstance(found["Status"], str if self.form.texts else int) and isinstance(found["Message"], str)
        if int(found["Status"]) == 100:
            return Said()
        return Said(found["Code"], found["Message"])


class WrapperFacadeKit(NgspFacadeKit):
    form = WRAPPER
    headers: Mapping[str, str] = {"access_token": "system-7:its secret"}


class TestNgspFacade(FacadeSuite):
    kit = NgspFacadeKit()


class TestWrapperFacade(FacadeSuite):
    kit = WrapperFacadeKit()


def test_credentials_come_in_every_way_that_clients_know() -> None:
    facade = PostalFacade(NGSP)
    basic = base64.b64encode(b"system-7:its secret").decode()
    found = [
        facade.credentials(replace(NgspFacadeKit().call(1), headers=headers))
        for headers in ({"Authorization": f"basic {basic}"}, {"access_token": "system-7:its secret"})
    ]
    assert found[0] == found[1] and getattr(found[0], "client_id", "") == "system-7"


# --- tracking ----------------------------------------------------------------------------------------------------------------


class TrackingKit:
    """The far side is told nothing but the cursor, so what the hub will not ask for again is told by its mark."""

    caller = POST
    tells_refusals = False

    def __init__(self) -> None:
        self._hub = postal_hub()

    def collector(self) -> Collector:
        return VnpostTracking()

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return Vnpost()

    def feed(self, url: str) -> Feed:
        return Feed(adapter="vnpost", url=url, secret=f"{KEY}:{SECRET}", options={f"customer.{CUSTOMER}": DESK})

    def hub(self) -> MemoryHub:
        self._hub = postal_hub()
        return self._hub

    def offer(self, far: Vnpost, number: int) -> None:
        far.happen(f"TG-{number:06}", number % 7, "Đang vận chuyển")

    def offer_wrong(self, far: Vnpost, number: int) -> None:
        far.happen(f"TG-{number:06}", 4, EventTime="hôm qua")

    def confirmed(self, far: Vnpost) -> Sequence[int]:
        mark = self._hub.marks.get((POST, "tracking"), "")
        return [int(one["OrderNumber"].removeprefix("TG-")) for one in far.feed if one["_id"]["oid"] <= mark]

    def refused(self, far: Vnpost) -> Sequence[int]:
        return ()

    def message(self, envelope: Envelope) -> int:
        return int(json.loads(envelope.body)["order_number"].removeprefix("TG-"))


class TestTracking(CollectorSuite):
    kit = TrackingKit()
