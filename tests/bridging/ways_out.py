"""How a recipient's system may be reached. One entry for each protocol; a test compares them with the registry of adapters."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from contracts.adapter import Endpoint
from tests.bridging.comparing import Received
from tests.bridging.loads import Load
from tests.bridging.post import EVENT, ORDER, flat, ours
from tests.bridging.world import DOCUMENTS, EDOC_TOKEN, EVERYTHING, HUB_ON_BUS, FarSides, World
from tests.fakes import soap_system, vnpost
from tests.fakes.edoc_bus import XLINK_HREF
from tests.fakes.edoc_client import EdocClient, Reply
from tests.fakes.province_client import ProvinceClient
from tests.fakes.vxp_client import JavaClient
from tests.soap_client import soap

_WAIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """`code`: of the agency that is reached so. `adapter` as in WayIn. `endpoint`: how the directory says it; None: by mailbox.

    `receive` waits for the one message that is on its way and gives what the recipient's system holds then.
    """

    name: str
    code: str
    kinds: frozenset[str]
    receive: Callable[[World, str, Load], Awaitable[Received]]
    endpoint: Callable[[FarSides], Endpoint] | None = None
    adapter: str = ""


async def _mailbox(world: World, code: str, _: Load) -> Received:
    page = (await world.hub.call("GET", "/v1/mailbox?wait_s=10", agency=code)).json
    (entry,) = page["entries"]
    fetched = (await world.hub.call("GET", f"/v1/mailbox/{entry['delivery_id']}", agency=code)).json
    items = json.dumps({"items": [{"delivery_id": entry["delivery_id"]}]}).encode()
    await world.hub.call("POST", "/v1/mailbox/acknowledge", agency=code, data=items, headers={"Content-Type": "application/json"})
    return await _opened(world, code, fetched)


async def _webhook(world: World, code: str, _: Load) -> Received:
    async with asyncio.timeout(_WAIT_S):
        return await _opened(world, code, json.loads(await world.far.pushed[code].get()))


def _webhook_endpoint(far: FarSides) -> Endpoint:
    return Endpoint(adapter="webhook", url=f"{far.url}/{WEBHOOK}", secret="whsec_bm90IGZvciBvdGhlcnM=")


async def _opened(world: World, code: str, document: dict[str, Any]) -> Received:
    """The body out of the JSON form, and the files that it names."""
    envelope = document["envelope"]
    body = base64.b64decode(envelope["body_base64"]) if "body_base64" in envelope else json.dumps(envelope["body"]).encode()
    files = [
        (one["name"], (await world.hub.call("GET", f"/v1/attachments/{one['digest']}", agency=code)).octets)
        for one in envelope.get("attachments", ())
    ]
    return Received(body=body, files=tuple(files))


async def _soap_mailbox(world: World, code: str, _: Load) -> Received:
    number = (await soap(world.hub, "listMailbox", {"wait_s": 10}, agency=code)).text("result/entries/delivery_id")
    fetched = await soap(world.hub, "fetchDelivery", {"delivery_id": number}, agency=code)
    done = await soap(world.hub, "acknowledge", {"items": [{"delivery_id": number}]}, agency=code)
    assert done.status == 200, done.octets
    names, digests = (fetched.texts(f"result/envelope/attachments/{one}") for one in ("name", "digest"))
    files = [await soap(world.hub, "fetchAttachment", {"digest": one}, agency=code) for one in digests]
    octets = [base64.b64decode(one.text("content") or "") for one in files]
    body = base64.b64decode(fetched.text("result/envelope/body_base64") or "")
    return Received(body=body, files=tuple(zip(names, octets, strict=True)))


async def _edoc_polling(world: World, code: str, load: Load) -> Received:
    client = EdocClient(await world.secret(code), code, f"{world.hub.url}/bus/edoc", session=world.hub.client)
    if load.kind == "document.status/1":
        return Received(body=etree.tostring((await client.ask(client.traces())).body))
    (number,) = (await client.ask(client.pending())).texts("DocumentId")
    document = await client.ask(client.get(number))
    assert (await client.ask(client.confirm(number))).succeeded
    return Received(body=etree.tostring(document.root[0]), files=_beside(document), traces=1, another_text=True)


def _beside(document: Reply) -> tuple[tuple[str, bytes], ...]:
    """By the names in the manifest."""
    return tuple(
        (str(one.findtext("{*}AttachmentName")), document.parts[(one.get(XLINK_HREF) or "").removeprefix("cid:")])
        for one in document.body
    )


async def _edoc_bus(world: World, code: str, load: Load) -> Received:
    bus = world.far.edoc_to
    await _until(lambda: bool(bus.updates if load.kind == "document.status/1" else bus.documents))
    if load.kind == "document.status/1":
        return Received(body=etree.tostring(bus.updates.pop()))
    _, stored = bus.documents.popitem()
    root = etree.Element("blocks")
    root.extend((stored.header, stored.trace))
    return Received(body=etree.tostring(root), files=tuple(stored.files.items()), traces=1, another_text=True)


def _edoc_endpoint(far: FarSides) -> Endpoint:
    far.edoc_to.organizations[_HUB_ON_BUS] = EDOC_TOKEN
    return Endpoint(adapter="edoc_soap", url=far.edoc_to.url, secret=EDOC_TOKEN, options={"organ_id": _HUB_ON_BUS})


async def _national_polling(world: World, code: str, load: Load) -> Received:
    client = JavaClient(f"{world.hub.url}/bus/vxp", code, await world.secret(code), world.hub.client)
    message_type = "status" if load.kind == "document.status/1" else "edoc"
    (row,) = await client.get_received_edoc_list({"servicetype": "eDoc", "messagetype": message_type})
    packet = await client.get_edoc(row["docId"])
    assert (await client.update_status(row["docId"], "done"))["ErrorCode"] == "0"
    return Received(body=packet, traces=1)


async def _provincial_polling(world: World, code: str, load: Load) -> Received:
    client = ProvinceClient(f"{world.hub.url}/bus/lgsp", code, await world.secret(code), world.hub.client)
    message_type = "status" if load.kind == "document.status/1" else "edoc"
    (row,) = await client.received("2020/01/01", "2099/12/31", message_type)
    document = await client.get_edoc(row["docId"])
    assert document is not None and (await client.update_status(row["docId"], "done"))["success"]
    return Received(body=document["edxml"].encode(), traces=1)


async def _national_bus(world: World, code: str, _: Load) -> Received:
    held = world.far.bus_to.held
    await _until(lambda: bool(held))
    return Received(body=held.popitem()[1].octets, traces=1)


def _national_endpoint(far: FarSides) -> Endpoint:
    options = {"systemid": HUB_ON_BUS, "to": BEYOND}
    return Endpoint(adapter="edxml_bus", url=far.bus_to.url, secret=far.bus_to.systems[HUB_ON_BUS], options=options)


async def _soap_system(world: World, code: str, load: Load) -> Received:
    """What its operations were given: of a document its octets, of a case the fields that are mapped."""
    calls = world.far.soap_to.calls
    await _until(lambda: bool(calls))
    values = calls.pop().values
    if load.kind == "document.packet/1":
        return Received(body=base64.b64decode(values["VanBan"]), traces=1)
    names = SOAP_FIELDS[load.kind]
    return Received(body=ours(flat(values), names), told=frozenset(names))


def _soap_endpoint(far: FarSides) -> Endpoint:
    return Endpoint(
        adapter="soap",
        url=far.soap_to.url,
        secret=soap_system.PASSWORD,
        options={**soap_system.OPTIONS, "organid": HUB_ON_BUS, "document.packet:field.VanBan": "{packet}"},
        wsdl=soap_system.WSDL,
    )


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_WAIT_S):
        while not holds():  # noqa: ASYNC110 - it happens in another task
            await asyncio.sleep(0.01)


async def _post_tracking(world: World, code: str, _: Load) -> Received:
    query = f"pagesize=10&lastId={world.cursors.get(code, '0' * 24)}"
    page = (await world.hub.call("GET", f"/post/ngsp/getOrderTracking?{query}", agency=code)).json
    (event,) = page["_embedded"]["doc"]
    world.cursors[code] = event["_id"]["oid"]
    return Received(body=ours(event, EVENT), told=frozenset(EVENT))


async def _post(world: World, code: str, _: Load) -> Received:
    orders = world.far.post_to.got
    await _until(lambda: bool(orders))
    _, message = orders.pop()
    return Received(body=ours(message, ORDER), told=frozenset(ORDER))


def _post_endpoint(far: FarSides) -> Endpoint:
    return Endpoint(adapter="vnpost", url=far.post_to.url, secret=f"{vnpost.KEY}:{vnpost.SECRET}")


WEBHOOK, BEYOND, _HUB_ON_BUS = "H01.202", "H01.232", "000.00.00.W29"
SOAP_FIELDS = {
    "case.file/1": {
        "case_number": "HoSo/Ma_ho_so",
        "procedure/name": "HoSo/TenTTHC",
        "applicant/name": "HoSo/ChuHoSo",
        "abstract": "HoSo/TrichYeu",
    },
    "case.progress/1": {"case_number": "Ma_ho_so"},
}

WAYS_OUT = (
    WayOut(name="mailbox, REST", code="H01.201", kinds=EVERYTHING, receive=_mailbox),
    WayOut(name="mailbox, SOAP", code="H01.203", kinds=EVERYTHING, receive=_soap_mailbox),
    WayOut(
        name="webhook", code=WEBHOOK, kinds=EVERYTHING, receive=_webhook, endpoint=_webhook_endpoint, adapter="delivery webhook"
    ),
    WayOut(
        name="SOAP system",
        code="H01.204",
        kinds=frozenset({"case.file", "case.progress", "document.packet"}),
        receive=_soap_system,
        endpoint=_soap_endpoint,
        adapter="delivery soap",
    ),
    WayOut(name="national bus polling", code="H01.230", kinds=DOCUMENTS, receive=_national_polling, adapter="facade vxp"),
    WayOut(name="provincial REST polling", code="H01.231", kinds=DOCUMENTS, receive=_provincial_polling, adapter="facade lgsp"),
    WayOut(
        name="national bus",
        code=BEYOND,
        kinds=DOCUMENTS,
        receive=_national_bus,
        endpoint=_national_endpoint,
        adapter="delivery edxml_bus",
    ),
    WayOut(
        name="post, tracking facade",
        code="H01.220",
        kinds=frozenset({"postal.event"}),
        receive=_post_tracking,
        adapter="facade vnpost_ngsp",
    ),
    WayOut(
        name="post",
        code="H01.221",
        kinds=frozenset({"postal.order"}),
        receive=_post,
        endpoint=_post_endpoint,
        adapter="delivery vnpost",
    ),
    WayOut(name="e-doc SOAP polling", code="H01.210", kinds=DOCUMENTS, receive=_edoc_polling, adapter="facade edoc"),
    WayOut(
        name="e-doc SOAP bus",
        code="H01.211",
        kinds=DOCUMENTS,
        receive=_edoc_bus,
        endpoint=_edoc_endpoint,
        adapter="delivery edoc_soap",
    ),
)


def reached_by(load_kind: str) -> list[WayOut]:
    """Those that can carry this kind."""
    return [one for one in WAYS_OUT if load_kind.partition("/")[0] in one.kinds]
