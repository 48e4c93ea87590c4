"""What every delivery adapter promises (`contracts.adapter.DeliveryAdapter`), whatever it speaks.

An adapter plugs in with a kit and one line: `class TestWebhook(DeliverySuite): kit = WebhookKit()`, or with `CarryingSuite` if
attachments travel with its deliveries.
"""

import asyncio
import hashlib
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import pytest

from contracts.adapter import DeliveryAdapter, Endpoint, Files, Parcel
from contracts.envelope import Attachment
from contracts.errors import ContractError
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from contracts.problems import CATALOGUE
from contracts.replies import Reply
from tests.compliance import wire
from tests.compliance.hostile import GZIP_BOMB, HOSTILE
from tests.compliance.wire import Wire, until, wire_to
from tests.thorough import much

TIMEOUT_S = 5.0
SHORT_S = 0.4
_LATE_S = 5.0  # on a machine with other things to do
_PIECE_BYTES = 64 * 1024
_MANY = 8


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that a far side has: what it calls the delivery, and what it got. The same name twice is one thing to it."""

    name: str
    content: object


class DeliveryKit(Protocol):
    """All that the suite knows of an adapter."""

    status_decides: bool  # a 2xx is a success, whatever stands in its body

    def adapter(self, files: Files) -> DeliveryAdapter: ...

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        """A counterpart that behaves, has a `url`, and drops what it has already, in the way of its kind."""
        ...

    def endpoint(self, url: str) -> Endpoint:
        """Registered as the README says, `url` being the far side's address. With a secret, if the adapter takes one."""
        ...

    def parcel(self, number: int, attachments: tuple[Attachment, ...] = ()) -> Parcel:
        """Message number 1, 2, 3 ... of one case; `delivery_id` is the number. With Vietnamese text and "<&>" in it."""
        ...

    def held(self, parcel: Parcel, files: Mapping[str, bytes]) -> Held:
        """What the far side has to have of it, files (by digest) included."""
        ...

    def holds(self, far: Any) -> Sequence[Held]:
        """What the far side has, in the order in which it came, doubles dropped as its kind drops them."""
        ...


@dataclass(slots=True)
class MemoryFiles:
    """Attachments, and one without end under the digest `ENDLESS`."""

    octets: dict[str, bytes] = field(default_factory=dict)
    read_bytes: int = 0

    def add(self, octets: bytes, name: str, media_type: str) -> Attachment:
        digest = "sha256:" + hashlib.sha256(octets).hexdigest()
        self.octets[digest] = octets
        return Attachment(digest=digest, size_bytes=len(octets), media_type=media_type, name=name)

    async def read(self, digest: str) -> AsyncIterator[bytes]:
        if digest == ENDLESS:
            while True:
                self.read_bytes += _PIECE_BYTES
                yield bytes(_PIECE_BYTES)
                await asyncio.sleep(0)
        if digest not in self.octets:
            raise ContractError("attachment.unknown", "digest", digest)
        for start in range(0, len(self.octets[digest]), _PIECE_BYTES):
            yield self.octets[digest][start : start + _PIECE_BYTES]


ENDLESS = "sha256:" + "e" * 64
_GONE = "sha256:" + "0" * 64


class Road:
    """An adapter, a far side, and the wire between them."""

    def __init__(self, kit: DeliveryKit, far: Any, between: Wire, adapter: DeliveryAdapter, files: MemoryFiles) -> None:
        self.kit, self.far, self.wire, self.adapter, self.files = kit, far, between, adapter, files

    def endpoint(self, **changes: Any) -> Endpoint:
        found = msgspec.structs.replace(self.kit.endpoint(self.wire.url), timeout_s=TIMEOUT_S)
        return msgspec.structs.replace(found, **changes)

    async def deliver(self, parcel: Parcel, **changes: Any) -> Outcome:
        """Within the time-out, told with codes of the catalogue, and without the secret."""
        endpoint, started = self.endpoint(**changes), time.monotonic()
        outcome = await self.adapter.deliver(parcel, endpoint)
        assert time.monotonic() - started < endpoint.timeout_s + _LATE_S
        if not isinstance(outcome, Delivered):
            assert outcome.reason in CATALOGUE
        assert len(repr(outcome)) < 1500
        assert not endpoint.secret or endpoint.secret not in repr(outcome)
        return outcome

    @property
    def holds(self) -> list[Held]:
        return list(self.kit.holds(self.far))

    def expected(self, *parcels: Parcel) -> list[Held]:
        return [self.kit.held(parcel, self.files.octets) for parcel in parcels]


def attempt(parcel: Parcel, number: int) -> Parcel:
    return msgspec.structs.replace(parcel, attempt=number)


class DeliverySuite:
    """Subclass it with a kit."""

    kit: DeliveryKit

    @pytest.fixture
    async def road(self) -> AsyncIterator[Road]:
        files = MemoryFiles()
        adapter = self.kit.adapter(files)
        async with self.kit.far_side() as far, wire_to(far.url) as between:
            yield Road(self.kit, far, between, adapter, files)
            await adapter.close()

    # --- what goes well

    async def test_a_delivery_arrives_as_it_was_sent(self, road: Road) -> None:
        parcel = self.kit.parcel(1)
        assert isinstance(await road.deliver(parcel), Delivered)
        assert road.holds == road.expected(parcel)

    async def test_already_received_is_delivered_and_held_once(self, road: Road) -> None:
        parcel = self.kit.parcel(1)
        for number in (1, 2, 3):
            assert isinstance(await road.deliver(attempt(parcel, number)), Delivered)
        assert road.holds == road.expected(parcel)

    async def test_after_a_restart_it_is_the_same_delivery(self, road: Road) -> None:
        """Nothing that makes it the same one lives in the memory of the adapter."""
        parcel = self.kit.parcel(1)
        await road.deliver(parcel)
        await road.adapter.close()
        road.adapter = self.kit.adapter(road.files)
        assert isinstance(await road.deliver(attempt(parcel, 2)), Delivered)
        assert road.holds == road.expected(parcel)

    async def test_one_after_the_other_arrive_in_order(self, road: Road) -> None:
        parcels = [self.kit.parcel(number) for number in range(1, 6)]
        for parcel in parcels:
            assert isinstance(await road.deliver(parcel), Delivered)
        assert road.holds == road.expected(*parcels)

    async def test_many_at_once_are_not_mixed_up(self, road: Road) -> None:
        parcels = [self.kit.parcel(number) for number in range(1, _MANY + 1)]
        outcomes = await asyncio.gather(*(road.deliver(parcel) for parcel in parcels))
        assert all(isinstance(outcome, Delivered) for outcome in outcomes)
        assert sorted(map(repr, road.holds)) == sorted(map(repr, road.expected(*parcels)))

    # --- what goes wrong on the way

    @pytest.mark.parametrize("place", range(much(4, 2)))
    @pytest.mark.parametrize("fault", [*wire.BREAKS, wire.TAKES_IT_AND_HANGS, wire.HANGS_HALFWAY, *wire.HALVES], ids=str)
    async def test_whatever_breaks_once_it_arrives_once(self, road: Road, fault: wire.Fault, place: int) -> None:
        """Whichever exchange broke, whichever side lost it: trying again ends well, and the far side has one."""
        parcel = self.kit.parcel(1)
        road.wire.once(place, fault)
        first = await road.deliver(parcel, timeout_s=SHORT_S * 2)
        assert isinstance(first, Delivered | Retry)
        if isinstance(first, Delivered):
            assert road.holds == road.expected(parcel)
        road.wire.heal()
        assert isinstance(await road.deliver(attempt(parcel, 2)), Delivered)
        assert road.holds == road.expected(parcel)

    @pytest.mark.parametrize("fault", wire.SILENCES, ids=str)
    async def test_silence_ends_at_the_time_out(self, road: Road, fault: wire.Fault) -> None:
        road.wire.always(fault)
        outcome = await road.deliver(self.kit.parcel(1), timeout_s=SHORT_S)
        assert isinstance(outcome, Retry) and outcome.reason == "delivery.timeout"

    async def test_slow_steps_do_not_add_up_to_more_than_the_time_out(self, road: Road) -> None:
        """It is for the whole delivery, not for each exchange."""
        road.wire.plan = lambda place: wire.HANGS if place >= 1 else None
        started = time.monotonic()
        await road.deliver(self.kit.parcel(1), timeout_s=SHORT_S)
        await road.deliver(self.kit.parcel(2), timeout_s=SHORT_S)
        assert time.monotonic() - started < 2 * SHORT_S + _LATE_S

    @pytest.mark.parametrize("fault", wire.BREAKS, ids=str)
    async def test_a_broken_connection_is_tried_again_later(self, road: Road, fault: wire.Fault) -> None:
        road.wire.always(fault)
        outcome = await road.deliver(self.kit.parcel(1))
        assert isinstance(outcome, Retry) and outcome.reason == "delivery.unreachable"

    @pytest.mark.parametrize("fault", wire.GARBLED, ids=str)
    async def test_what_is_not_http_is_told_as_garbage(self, road: Road, fault: wire.Fault) -> None:
        road.wire.always(fault)
        outcome = await road.deliver(self.kit.parcel(1))
        assert isinstance(outcome, Retry) and outcome.reason == "delivery.garbled_answer"

    @pytest.mark.parametrize("fault", wire.HALVES, ids=str)
    async def test_half_an_answer_refuses_nothing(self, road: Road, fault: wire.Fault) -> None:
        road.wire.always(fault)
        assert isinstance(await road.deliver(self.kit.parcel(1), timeout_s=SHORT_S * 2), Delivered | Retry)

    @pytest.mark.parametrize("port", [1, 9])
    async def test_nobody_there_is_unreachable(self, road: Road, port: int) -> None:
        url = self.kit.endpoint(f"http://127.0.0.1:{port}").url
        outcome = await road.deliver(self.kit.parcel(1), url=url)
        assert isinstance(outcome, Retry) and outcome.reason == "delivery.unreachable"

    @pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "file:///etc/passwd", "/relative", "http://[::1", "http://"])
    async def test_an_address_that_cannot_be_right_is_told(self, road: Road, url: str) -> None:
        outcome = await road.deliver(self.kit.parcel(1), url=url)
        assert isinstance(outcome, Retry) and outcome.reason == "delivery.internal"
        assert not road.wire.exchanges

    # --- what the far side answers

    @pytest.mark.parametrize("media_type", ["text/xml; charset=utf-8", "application/json", "text/html", "multipart/related"])
    async def test_answers_of_strangers_are_harmless(self, road: Road, media_type: str) -> None:
        for name, octets in HOSTILE.items():
            road.wire.always(wire.reply(200, octets, media_type))
            outcome = await road.deliver(self.kit.parcel(1))
            assert isinstance(outcome, Delivered if self.kit.status_decides else Retry), name
            assert "root:" not in repr(outcome), name

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    @pytest.mark.parametrize("body", ["", "<html><body>Bad gateway</body></html>", "boom"])
    async def test_a_server_that_is_ill_is_tried_again(self, road: Road, status: int, body: str) -> None:
        road.wire.always(wire.reply(status, body, "text/html"))
        assert isinstance(await road.deliver(self.kit.parcel(1)), Retry)

    @pytest.mark.parametrize("status", [401, 403, 404, 405, 429])
    async def test_what_a_proxy_says_loses_nothing(self, road: Road, status: int) -> None:
        road.wire.always(wire.reply(status, "<html>nginx</html>", "text/html"))
        assert isinstance(await road.deliver(self.kit.parcel(1)), Retry)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_nobody_is_asked_but_the_address_registered(self, road: Road, status: int) -> None:
        async with wire_to(road.far.url) as elsewhere:
            road.wire.always(wire.reply(status, "", "text/plain", f"Location: {elsewhere.url}"))
            assert isinstance(await road.deliver(self.kit.parcel(1)), Retry)
            assert not elsewhere.exchanges and not elsewhere.connections

    async def test_an_answer_without_end_is_not_read(self, road: Road) -> None:
        road.wire.always(wire.POURS)
        tracemalloc.start()
        try:
            assert isinstance(await road.deliver(self.kit.parcel(1), timeout_s=SHORT_S * 3), Delivered | Retry)
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()

    async def test_an_answer_that_unpacks_to_much_is_not_unpacked(self, road: Road) -> None:
        road.wire.always(wire.reply(200, GZIP_BOMB, "text/xml", "Content-Encoding: gzip"))
        tracemalloc.start()
        try:
            assert isinstance(await road.deliver(self.kit.parcel(1)), Delivered | Retry)
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("media_type", ["text/plain; charset=utf-8", "text/xml", "application/json", ""])
    async def test_the_table_of_replies_comes_first(self, road: Road, media_type: str) -> None:
        """ "Hồ sơ đã tồn tại" with a 500 is a success, "queue full" with a 200 is none."""
        table = (
            Reply(means="delivered", text="đã tồn tại"),
            Reply(means="retry", text="queue full", not_before_s=60),
            Reply(means="gone", text="ngừng hoạt động", status=(400, 499)),
            Reply(means="refused", text="sai cấu trúc"),
        )

        async def said(status: int, text: str) -> Outcome:
            road.wire.always(wire.reply(status, text, media_type))
            return await road.deliver(self.kit.parcel(1), replies=table)

        assert isinstance(await said(500, "Lỗi: Hồ sơ ĐÃ TỒN TẠI trên hệ thống"), Delivered)
        assert isinstance(await said(200, json.dumps({"loi": "Hồ sơ đã tồn tại"})), Delivered)
        assert isinstance(await said(404, "Dịch vụ đã ngừng hoạt động"), Gone)
        assert isinstance(await said(200, "Dữ liệu sai cấu trúc"), Refused)
        held_up = await said(200, "ERROR: queue full")
        assert isinstance(held_up, Retry) and held_up.not_before_s >= 60

    # --- what is to be carried

    @pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE)
    async def test_a_body_that_cannot_be_carried_is_told(self, road: Road, octets: bytes) -> None:
        """Never raised, and nothing half of it arrives. The hub has validated bodies; an adapter does not rely on it."""
        parcel = self.kit.parcel(1)
        envelope = msgspec.structs.replace(parcel.envelope, body=octets)
        outcome = await road.deliver(msgspec.structs.replace(parcel, envelope=envelope))
        assert isinstance(outcome, Delivered) or not road.holds

    async def test_a_kind_that_nobody_has_heard_of_is_told(self, road: Road) -> None:
        parcel = self.kit.parcel(1)
        envelope = msgspec.structs.replace(parcel.envelope, kind="unheard.of/9", media_type="application/octet-stream")
        outcome = await road.deliver(msgspec.structs.replace(parcel, envelope=envelope))
        assert isinstance(outcome, Delivered) or not road.holds

    # --- the machine it runs on

    async def test_proxies_of_the_machine_are_not_used(self, road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert isinstance(await road.deliver(self.kit.parcel(1)), Delivered)

    async def test_given_up_it_leaves_no_connection(self, road: Road) -> None:
        """The hub stops, or takes the delivery back: the attempt is cancelled in the middle of an exchange."""
        road.wire.always(wire.HANGS)
        under_way = asyncio.ensure_future(road.adapter.deliver(self.kit.parcel(1), road.endpoint()))
        await until(lambda: bool(road.wire.exchanges))
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        await until(lambda: road.wire.connections == 0)
        road.wire.heal()
        assert isinstance(await road.deliver(self.kit.parcel(1)), Delivered)

    async def test_closing_is_clean(self, road: Road) -> None:
        """No task and no connection stays, twice is harmless, and so is closing what was never used."""
        before = asyncio.all_tasks()
        adapter = self.kit.adapter(road.files)
        await adapter.deliver(self.kit.parcel(1), road.endpoint())
        await adapter.close()
        await adapter.close()
        await self.kit.adapter(road.files).close()
        await until(lambda: road.wire.connections == 0)
        await until(lambda: asyncio.all_tasks() <= before)


class CarryingKit(DeliveryKit, Protocol):
    may_read_bytes: int  # of one attachment, at most, before it is found to be too large


class CarryingSuite(DeliverySuite):
    """For adapters whose deliveries have the files with them."""

    kit: CarryingKit

    async def test_files_arrive_whole(self, road: Road) -> None:
        files = (
            road.files.add("Tờ khai của bà Nguyễn Thị Hồng Đào".encode(), "tờ khai <1> & phụ lục.txt", "text/plain"),
            road.files.add(bytes(range(256)) * 12_000, "bản vẽ.pdf", "application/pdf"),
        )
        parcel = self.kit.parcel(1, files)
        assert isinstance(await road.deliver(parcel, timeout_s=30), Delivered)
        assert road.holds == road.expected(parcel)

    async def test_a_huge_file_arrives_or_is_refused(self, road: Road) -> None:
        size = min(self.kit.may_read_bytes, 24_000_000)
        parcel = self.kit.parcel(1, (road.files.add(b"%PDF" + b"0" * size, "quét.pdf", "application/pdf"),))
        outcome = await road.deliver(parcel, timeout_s=60)
        assert isinstance(outcome, Delivered | Refused)
        assert road.holds == (road.expected(parcel) if isinstance(outcome, Delivered) else [])

    async def test_a_file_without_end_is_not_read_to_its_end(self, road: Road) -> None:
        for size in (1000, 1 << 40):
            road.files.read_bytes = 0
            parcel = self.kit.parcel(1, (Attachment(digest=ENDLESS, size_bytes=size, name="a.pdf"),))
            assert not isinstance(await road.deliver(parcel), Delivered)
            assert road.files.read_bytes <= self.kit.may_read_bytes + 2 * _PIECE_BYTES
        assert not road.holds

    async def test_a_file_that_is_gone_is_told(self, road: Road) -> None:
        parcel = self.kit.parcel(1, (Attachment(digest=_GONE, size_bytes=10, name="a.pdf"),))
        assert isinstance(await road.deliver(parcel), Refused | Retry)
        assert not road.holds
