"""The post over a real hub: a one-stop system that knows Vietnam Post, Vietnam Post itself, and the account of the day."""

import asyncio
import base64
import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from adapters.vnpost.messages import FIRST_ID
from contracts import wire
from contracts.adapter import Endpoint
from contracts.feed import Feed
from contracts.kinds.postal import PostalSettlement
from lgsp.cli import cli
from lgsp.core.directory import Agency, Grant
from lgsp.core.postal.traffic import local_day
from tests.compliance.test_vnpost import NgspFacadeKit
from tests.fakes.vnpost import CUSTOMER, KEY, SECRET, Vnpost
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, POST, STRANGER, HttpHub, http_hub
from tests.integration.http_hub import SECRET as CLIENT_SECRET
from tests.postal import line

HUB = "HUB"
LABEL = "EL123456785VN"


def agencies(post: Vnpost) -> tuple[Agency, ...]:
    endpoint = Endpoint(adapter="vnpost", url=post.url, secret=f"{KEY}:{SECRET}", retry_schedule_s=(0.05,) * 20)
    options = {f"customer.{CUSTOMER}": COMMUNE, "customer.LAND": LAND_OFFICE}
    feed = Feed(adapter="vnpost", url=post.url, secret=f"{KEY}:{SECRET}", every_s=0.2, options=options)
    told = Agency(
        code=POST,
        name_vi="Bưu điện tỉnh",
        level="post",
        endpoint=endpoint,
        feed=feed,
        grants=(Grant(kinds=("postal.event", "postal.settlement")),),
    )
    operator = Agency(code=HUB, name_vi="Trục liên thông", level="hub")  # type: ignore[arg-type] # a code of the tests
    return (*(one for one in AGENCIES if one.code != POST), told, operator)


@asynccontextmanager
async def road(folder: Path) -> AsyncIterator[tuple[HttpHub, Vnpost]]:
    async with Vnpost() as post, http_hub(folder, agencies=agencies(post), signatures="record", hub_code=HUB) as hub:
        yield hub, post


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Bounded by the test's own time-out."""
    while True:
        if found := await condition():
            return found
        await asyncio.sleep(0.02)


async def token_of(hub: HttpHub) -> str:
    """As the kit of the national platform fetches it."""
    basic = base64.b64encode(f"commune:{CLIENT_SECRET}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
    reply = await hub.call("POST", "/oauth/token", agency=None, headers=headers, data=b"grant_type=client_credentials")
    return str(reply.json["access_token"])


def order(number: str, **changes: Any) -> bytes:
    return json.dumps(NgspFacadeKit().order(1) | {"OrderNumber": number, "SenderName": "UBND xã Hồ Đắc Kiện"} | changes).encode()


async def settle(hub: HttpHub, *lines: Any, customer: str = CUSTOMER, to: str = COMMUNE, number: int = 1) -> None:
    body = {
        "customer_code": customer,
        "day": local_day(datetime.now(UTC)).isoformat(),
        "total_fee_vnd": sum(one.fee_vnd for one in lines),
        "total_cod_vnd": sum(one.cod_vnd for one in lines),
        "lines": msgspec.to_builtins(lines),
    }
    envelope = hub.envelope(message_id=f"s-{number}", sender=POST, recipients=[to], kind="postal.settlement/1", body=body)
    assert (await hub.send(envelope, agency=POST)).status == 202


async def account(hub: HttpHub, agency: str) -> dict[str, Any]:
    day = local_day(datetime.now(UTC))
    reply = await hub.call("GET", f"/v1/postal/reconciliation?day={day}", agency=agency)
    assert reply.status == 200, reply.octets
    found: dict[str, Any] = reply.json
    return found


def codes(found: dict[str, Any]) -> list[str]:
    return [one["code"].removeprefix("postal.") for one in found["differences"]]


async def test_a_day_with_the_post_from_order_to_account(tmp_path: Path) -> None:
    """A one-stop system with nothing but other addresses; the post with nothing but its own interface."""
    async with road(tmp_path) as (hub, post):
        bearer = {"Authorization": f"Bearer {await token_of(hub)}", "Content-Type": "application/json"}
        wrapper = {"access_token": f"commune:{CLIENT_SECRET}", "Content-Type": "application/json"}

        async def ask(method: str, path: str, body: bytes = b"", headers: dict[str, str] = bearer) -> Any:
            reply = await hub.call(method, path, agency=None, headers=headers, data=body)
            assert reply.status == 200, reply.octets
            return reply.json

        document = {"CustomerCode": CUSTOMER, "OrderNumber": "HS-1", "IsReceiveResult": True}
        assert (await ask("POST", "/post/ngsp/postDocument", json.dumps(document).encode()))["Status"] == 100
        assert (await ask("POST", "/post/ngsp/postOrder", order("HS-1")))["Status"] == 100
        assert (await ask("POST", "/post/lgsp/order", order("HS-2", ItemCode=LABEL), wrapper))["Status"] == "100"
        assert (await ask("POST", "/post/ngsp/postOrder", order("HS-3")))["Status"] == 100
        await until(lambda: _has(post, "HS-1", "HS-2", "HS-3"))
        assert post.documents["HS-1"]["IsReceiveResult"] is True

        assert (await ask("GET", f"/post/ngsp/cancelOrder?CustomerCode={CUSTOMER}&OrderNUmber=HS-3"))["Status"] == 100
        await until(lambda: _true("HS-3" in post.cancelled))
        now = datetime.now(UTC)
        post.happen("HS-1", 2, "Đã thu gom", at=now, ItemCode=None)
        post.happen("HS-1", 4, "Phát thành công", at=datetime.now(UTC), ItemCode=None, POSID="883499")
        post.happen("HS-2", 2, "Đã thu gom", at=datetime.now(UTC), ItemCode=LABEL)
        post.happen("STRAY", 2, "Đã thu gom", at=datetime.now(UTC), ItemCode=None, CustomerCode="LAND")

        async def seen() -> bool:
            page = await ask("GET", f"/post/ngsp/getOrderTracking?pagesize=50&lastId={FIRST_ID}")
            return [one["StatusCode"] for one in page.get("_embedded", {}).get("doc", [])] == [2, 4, 2]

        await until(seen)
        before = await account(hub, COMMUNE)
        assert codes(before) == ["settlement_missing"] and not before["clean"]
        assert [one["order_number"] for one in before["open"]] == ["HS-2"]


async def test_a_client_that_pages_for_one_order_finds_it_or_comes_to_an_end(tmp_path: Path) -> None:
    """As the known client does it, for every order anew: from 24 zeros, until it finds its order or nothing is embedded."""

    async def find(hub: HttpHub, wanted: str) -> int | None:
        last = FIRST_ID
        for _ in range(10):
            page = (await hub.call("GET", f"/post/ngsp/getOrderTracking?pagesize=2&lastId={last}")).json
            if "_embedded" not in page:
                return None
            documents = page["_embedded"]["doc"]
            found = [one["StatusCode"] for one in documents if one["OrderNumber"] == wanted]
            if found:
                return int(found[-1])
            last = documents[-1]["_id"]["oid"]
        raise AssertionError("it would ask for ever")

    async with road(tmp_path) as (hub, post):
        for number in range(1, 6):
            post.happen(f"HS-{number}", number, at=datetime.now(UTC))
        await until(lambda: find(hub, "HS-5"))
        assert [await find(hub, f"HS-{number}") for number in (1, 4, 5, 1, 9)] == [1, 4, 5, 1, None]


async def test_a_day_settled_by_a_spreadsheet_fits(tmp_path: Path) -> None:
    """The post gives a CSV file; what it becomes is sent like any envelope, and the account is clean."""
    async with road(tmp_path / "var") as (hub, post):
        await busy(hub, post)
        async with hub.client.get(f"{post.url}/settlement.csv", params={"CustomerCode": CUSTOMER}) as answer:
            (tmp_path / "day.csv").write_bytes(await answer.read())
        day = local_day(datetime.now(UTC))
        options = ("--customer", CUSTOMER, "--day", day, "--sender", POST, "--to", COMMUNE, "--out", tmp_path, "--json")
        made = await lgsp("postal", "settlement", tmp_path / "day.csv", *options)
        (path,) = json.loads(made.stdout)["files"]
        assert (await hub.send(Path(path).read_bytes(), agency=POST)).status == 202
        found = await account(hub, COMMUNE)
        assert found["clean"] is True and found["total"]["cod_paid_vnd"] == found["total"]["cod_due_vnd"] == 126_500


async def _has(post: Vnpost, *numbers: str) -> bool:
    return set(numbers) <= set(post.orders)


async def _true(found: bool) -> bool:
    return found


async def busy(hub: HttpHub, post: Vnpost) -> None:
    """One order of the commune delivered, one event of a contract of the land office that nobody ordered."""
    headers = {"Content-Type": "application/json"}
    assert (await hub.call("POST", "/post/ngsp/postOrder", headers=headers, data=order("HS-1"))).status == 200
    await until(lambda: _has(post, "HS-1"))
    post.happen("HS-1", 2, "Đã thu gom", at=datetime.now(UTC), ItemCode=LABEL)
    post.happen("HS-1", 4, "Phát thành công", at=datetime.now(UTC), ItemCode=LABEL)
    post.happen("STRAY", 2, "Đã thu gom", at=datetime.now(UTC), ItemCode=None, CustomerCode="LAND")

    async def collected() -> bool:
        kinds = ("postal.event/1",)
        return len(await hub.hub.store.envelopes_of(kinds, datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC), 0, 10)) == 3

    await until(collected)


async def test_everybody_sees_what_is_theirs(tmp_path: Path) -> None:
    """The operator and the post all of it, an agency its own part, a stranger nothing."""
    async with road(tmp_path) as (hub, post):
        await busy(hub, post)
        await settle(hub, line("HS-1", cod=126_500))
        whole = await account(hub, HUB)
        assert whole["clean"] is False and codes(whole) == ["collected_not_ordered"]
        assert [row["agency"] for row in whole["rows"]] == [LAND_OFFICE, COMMUNE]
        mine = await account(hub, COMMUNE)
        assert mine["clean"] is True and mine["total"]["delivered"] == 1 and mine["total"]["cod_paid_vnd"] == 126_500
        assert (await account(hub, POST))["differences"] == whole["differences"]
        assert codes(await account(hub, LAND_OFFICE)) == ["collected_not_ordered"]
        assert (await account(hub, STRANGER))["rows"] == []


async def test_the_parcels_of_a_case_are_told_to_who_ordered_them_and_to_the_post(tmp_path: Path) -> None:
    """By any number, with their steps and what was settled; to nobody else."""
    async with road(tmp_path) as (hub, post):
        await busy(hub, post)
        await settle(hub, line("HS-1", fee=30_000, cod=126_500))

        async def parcels(number: str, agency: str) -> Any:
            return (await hub.call("GET", f"/v1/cases/{number}/parcels", agency=agency)).json

        for number, agency in (("HS-1", COMMUNE), ("hs-1", POST), (LABEL, COMMUNE), ("HS-1", HUB)):
            (leg,) = (await parcels(number, agency))["parcels"]
            assert (leg["order_number"], leg["direction"], leg["leg"], leg["agency"]) == ("HS-1", "deliver", 1, COMMUNE)
            assert (leg["state"], leg["state_vi"], leg["cod_due_vnd"]) == ("delivered", "đã phát", 126_500)
            assert [one["state"] for one in leg["steps"]][-1] == "delivered" and not any(one["stray"] for one in leg["steps"])
            assert [(one["fee_vnd"], one["cod_vnd"]) for one in leg["settled"]] == [(30_000, 126_500)]
        for number, agency in (("HS-1", STRANGER), ("HS-1", LAND_OFFICE), ("HS-9", COMMUNE)):
            assert (await parcels(number, agency))["code"] == "access.not_a_party"


async def test_the_account_comes_as_a_table_too(tmp_path: Path) -> None:
    async with road(tmp_path) as (hub, post):
        await busy(hub, post)
        day = local_day(datetime.now(UTC))
        reply = await hub.call("GET", f"/v1/postal/reconciliation?day={day}", agency=HUB, headers={"Accept": "text/csv"})
        assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert f"doi-soat-buu-chinh-{day}.csv" in reply.headers["Content-Disposition"]
        found = list(csv.DictReader(io.StringIO(reply.octets.decode("utf-8-sig"))))
        assert {one["section"] for one in found} == {"row", "total", "difference", "open"}
        total = next(one for one in found if one["section"] == "total")
        assert (total["delivered"], total["cod_due_vnd"]) == ("1", "126500")


@pytest.mark.parametrize("day", ["", "today", "2026-13-01", "0001-01-01", "9999-12-31"])
async def test_a_day_that_is_none_is_refused(tmp_path: Path, day: str) -> None:
    async with http_hub(tmp_path) as hub:
        reply = await hub.call("GET", f"/v1/postal/reconciliation?day={day}")
        assert (reply.status, reply.json["code"]) == (422, "request.field_invalid")


async def test_without_a_day_it_is_yesterday(tmp_path: Path) -> None:
    async with http_hub(tmp_path) as hub:
        reply = await hub.call("GET", "/v1/postal/reconciliation")
        assert reply.json["day"] < local_day(datetime.now(UTC)).isoformat() and reply.json["clean"] is True


# --- the command line --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of such a day, without its settlement; the hub has stopped."""
    async with road(tmp_path / "var") as (hub, post):
        await busy(hub, post)
        await settle(hub, line("HS-1", fee=30_000, cod=126_500), number=2)
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)
    return tmp_path


async def lgsp(*arguments: object) -> Result:
    """Beside the test's own loop: a command has one of its own."""
    return await asyncio.to_thread(CliRunner().invoke, cli, [str(one) for one in arguments])


async def test_the_day_is_reconciled_on_the_command_line(journal: Path) -> None:
    """Exit status 1 where something does not fit, 0 for the agency whose part does."""
    day = local_day(datetime.now(UTC))
    found = await lgsp("postal", "reconcile", "--day", day, "--csv", journal / "day.csv")
    assert found.exit_code == 1 and "postal.collected_not_ordered" in found.output and "RUNBOOK" in found.output
    assert (journal / "day.csv").read_text(encoding="utf-8-sig").startswith("section,day,agency")
    yesterday = json.loads((await lgsp("postal", "reconcile", "--json")).stdout)
    assert yesterday["day"] == (day - timedelta(days=1)).isoformat()
    own = await lgsp("postal", "reconcile", "--day", day, "--agency", COMMUNE, "--json")
    assert own.exit_code == 0, own.output
    told = json.loads(own.output)
    assert told["clean"] and told["total"]["fees_vnd"] == 30_000
    wrong = await lgsp("postal", "reconcile", "--day", day, "--json")
    assert wrong.exit_code == 1
    failure = json.loads(wrong.stdout)
    assert failure["code"] == "postal.differences" and codes(failure) == ["collected_not_ordered"]


async def test_the_legs_of_a_case_are_shown_by_any_of_its_numbers(journal: Path) -> None:
    for number in ("hs-1", LABEL):
        found = await lgsp("postal", "legs", number)
        assert found.exit_code == 0, found.output
        assert "✗" not in found.output
        for said in ("HS-1 · chuyển phát · delivery 1", "đã phát · delivered", "30.000", "126.500"):
            assert said in found.output
    (leg,) = json.loads((await lgsp("postal", "legs", "HS-1", "--json")).output)["legs"]
    assert (leg["state"], leg["key"]["direction"], leg["settled"][0]["fee_vnd"]) == ("delivered", "deliver", 30_000)
    nothing = await lgsp("postal", "legs", "HS-9")
    assert nothing.exit_code == 1 and "HS-9" in nothing.output


async def test_a_settlement_out_of_a_spreadsheet_is_an_envelope_to_send(tmp_path: Path) -> None:
    """The same part has the same id; a mistake is named with its line."""
    (tmp_path / "day.csv").write_text("Số đơn;Cước;Thu hộ\nHS-1;26.500;126.500\n", encoding="utf-8-sig")
    options = ("--customer", CUSTOMER, "--day", "2026-12-02", "--sender", POST, "--to", COMMUNE, "--out", tmp_path / "out")
    found = await lgsp("postal", "settlement", tmp_path / "day.csv", *options)
    assert found.exit_code == 0 and "send" in found.output, found.output
    (path,) = (tmp_path / "out").iterdir()
    envelope = wire.parse(path.read_bytes())
    assert envelope.message_id == f"settlement-{CUSTOMER}-2026-12-02-1"
    settlement = msgspec.json.decode(envelope.body, type=PostalSettlement)
    assert (settlement.total_fee_vnd, settlement.lines[0].cod_vnd) == (26_500, 126_500)
    (tmp_path / "day.csv").write_text("Số đơn;Cước\nHS-1;nhiều\n", encoding="utf-8")
    wrong = await lgsp("postal", "settlement", tmp_path / "day.csv", *options)
    assert wrong.exit_code == 1 and "line 2" in wrong.output


async def test_what_parcels_cost_is_said_by_the_post_alone(tmp_path: Path) -> None:
    """Whatever an agency was granted: another's account is none of its business."""
    async with road(tmp_path) as (hub, _):
        await settle(hub, line("HS-1", cod=50_000))
        assert (await account(hub, HUB))["total"]["cod_paid_vnd"] == 50_000
    async with road(tmp_path / "forged") as (hub, _):
        body = msgspec.to_builtins(line("HS-1", cod=50_000))
        day = local_day(datetime.now(UTC)).isoformat()
        forged = {"customer_code": CUSTOMER, "day": day, "total_fee_vnd": 0, "total_cod_vnd": 50_000, "lines": [body]}
        envelope = hub.envelope(recipients=[LAND_OFFICE], kind="postal.settlement/1", body=forged)
        assert (await hub.send(envelope)).status == 202
        assert (await account(hub, HUB))["total"]["cod_paid_vnd"] == 0
