"""Calling a web service that has moods."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from adapters.registry import REGISTRY
from adapters.soap import wsdl as wsdl_module
from adapters.soap.delivery import SoapDelivery
from contracts.adapter import DeliveryAdapter, Endpoint
from contracts.outcome import Delivered, Refused, Retry
from contracts.replies import Reply
from tests.compliance.adapter_suite import MemoryFiles
from tests.compliance.test_soap_delivery import SoapKit
from tests.fakes.soap_system import ACCOUNT, OPTIONS, SoapSystem

KIT = SoapKit()


@pytest.fixture
async def adapter() -> AsyncIterator[DeliveryAdapter]:
    found = REGISTRY["soap"](MemoryFiles())
    assert isinstance(found, SoapDelivery)
    yield found
    await found.close()


@pytest.fixture
async def desk() -> AsyncIterator[SoapSystem]:
    async with SoapSystem() as found:
        yield found


def endpoint(desk: SoapSystem, **changes: Any) -> Endpoint:
    return msgspec.structs.replace(KIT.endpoint(desk.url), **{"timeout_s": 10.0, **changes})


async def test_only_the_address_of_the_directory_is_called(adapter: DeliveryAdapter, desk: SoapSystem) -> None:
    """The WSDL names an inner machine: whoever wrote it could make the hub knock anywhere."""
    assert await adapter.deliver(KIT.parcel(1), endpoint(desk)) == Delivered(remote_ref="BN-LGSP-1")
    [call] = desk.calls
    assert call.headers["Host"] == desk.url.split("/")[2] and b"10.20.30.40" not in call.envelope


async def test_a_fault_is_tried_again_and_then_it_has_it_once(adapter: DeliveryAdapter, desk: SoapSystem) -> None:
    """A database that was away, and a system that was busy."""
    desk.misbehaviour.fail_next = desk.misbehaviour.busy = 1
    outcomes = [await adapter.deliver(KIT.parcel(1), endpoint(desk)) for _ in range(4)]
    assert [type(one) for one in outcomes] == [Retry, Retry, Delivered, Delivered]
    assert list(desk.kept) == ["LGSP-1"]


async def test_it_has_it_already_and_says_so_by_a_fault(adapter: DeliveryAdapter, desk: SoapSystem) -> None:
    """A row of the table of replies tells this fault from others."""
    desk.misbehaviour.duplicate_fault = True
    rows = (Reply(means="delivered", text="đã tồn tại"),)
    assert isinstance(await adapter.deliver(KIT.parcel(1), endpoint(desk, replies=rows)), Delivered)
    assert isinstance(await adapter.deliver(KIT.parcel(1), endpoint(desk)), Retry)
    assert await adapter.deliver(KIT.parcel(1), endpoint(desk, replies=rows)) == Delivered()


@pytest.mark.parametrize("mood", ["garbage", "half_answer", "text_reply"])
async def test_nonsense_is_tried_again(adapter: DeliveryAdapter, desk: SoapSystem, mood: str) -> None:
    """It was kept all the same, and the second attempt finds that out."""
    setattr(desk.misbehaviour, mood, 1)
    found = await adapter.deliver(KIT.parcel(1), endpoint(desk))
    assert isinstance(found, Retry) and found.reason == "delivery.garbled_answer"
    assert isinstance(await adapter.deliver(KIT.parcel(1), endpoint(desk)), Delivered)
    assert len(desk.kept) == 1


async def test_a_wrong_password_refuses_nothing_to_the_sender(adapter: DeliveryAdapter, desk: SoapSystem) -> None:
    """This service blames the client, as many do: a row says that it is the operator who has to mend it."""
    rows = (Reply(means="retry", text="mật khẩu"),)
    assert isinstance(await adapter.deliver(KIT.parcel(1), endpoint(desk, secret="wrong", replies=rows)), Retry)


@pytest.mark.parametrize(("way", "security"), [("username", "username"), ("username-digest", "digest")])
async def test_user_names_are_understood(adapter: DeliveryAdapter, way: str, security: str) -> None:
    """By a service that checks them on its own."""
    plain = {name: value for name, value in OPTIONS.items() if not name.startswith("header.")}
    options = {**plain, "security": way, "security.username": ACCOUNT}
    async with SoapSystem(security=security) as desk:
        assert isinstance(await adapter.deliver(KIT.parcel(1), endpoint(desk, options=options)), Delivered)
        assert isinstance(await adapter.deliver(KIT.parcel(2), endpoint(desk, options=options, secret="no")), Refused)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wsdl": ""}, "it has no WSDL"),
        ({"wsdl": "<a/>"}, "there is no operation TiepNhanHoSo"),
        ({"options": {}}, "TiepNhanHoSo demands MaGiaoDich, HoSo.Ma_ho_so, HoSo.Loai"),
        ({"options": {**OPTIONS, "case.file:field.HoSo.Ma": "x"}}, "field.HoSo.Ma: the operation has no HoSo.Ma"),
    ],
)
async def test_a_wrong_registration_loses_nothing(
    adapter: DeliveryAdapter, desk: SoapSystem, changes: dict[str, Any], words: str
) -> None:
    """The operator mends it, and the delivery is tried again."""
    found = await adapter.deliver(KIT.parcel(1), endpoint(desk, **changes))
    assert isinstance(found, Retry) and found.reason == "delivery.internal"
    assert f"registered wrongly: {words}" in found.detail
    assert not desk.calls


async def test_a_wsdl_is_parsed_beside_the_loop_and_within_the_time(
    adapter: DeliveryAdapter, desk: SoapSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes for ever holds up nobody else."""
    go_on = threading.Event()
    read, slow = wsdl_module._read, KIT.endpoint(desk.url).wsdl.replace("tns:", "slow:").replace("xmlns:tns", "xmlns:slow")

    def reading(digest: bytes, holder: Any) -> Any:
        if b"slow:" in holder.octets:
            go_on.wait(30)
        return read(digest, holder)

    monkeypatch.setattr(wsdl_module, "_read", reading)
    first = asyncio.ensure_future(adapter.deliver(KIT.parcel(1), endpoint(desk, wsdl=slow, timeout_s=0.3)))
    assert isinstance(await adapter.deliver(KIT.parcel(2), endpoint(desk)), Delivered)
    found = await first
    go_on.set()
    assert isinstance(found, Retry) and found.reason == "delivery.timeout"


async def test_a_recipient_that_hangs_takes_one_place_of_large_messages(desk: SoapSystem) -> None:
    """However many large ones wait for it, those for others go on, and so do its small ones."""
    files = MemoryFiles()
    adapter = SoapDelivery(files)
    paper = files.add(b"%PDF" + bytes(2_000_000), "a.pdf", "application/pdf")
    async with SoapSystem() as hanging:
        hanging.misbehaviour.hang = True
        waiting = [
            asyncio.ensure_future(adapter.deliver(KIT.parcel(number, (paper,)), endpoint(hanging, timeout_s=1.5)))
            for number in range(8)
        ]
        assert isinstance(await adapter.deliver(KIT.parcel(1, (paper,)), endpoint(desk)), Delivered)
        assert not any(one.done() for one in waiting)
        outcomes = await asyncio.gather(*waiting)
    assert all(isinstance(one, Retry) and one.reason == "delivery.timeout" for one in outcomes)
    assert sum("not under way" in one.detail for one in outcomes if isinstance(one, Retry)) == 7
    await adapter.close()
