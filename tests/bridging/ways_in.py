"""How a sender's system may speak to the hub. One entry for each protocol; a test compares them with the registry of adapters."""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from contracts.feed import Feed
from contracts.soap.message import Version
from contracts.soap.mime import Part
from tests.bridging.edoc import document_in_edoc, status_in_edoc
from tests.bridging.loads import Load
from tests.bridging.post import EVENT, ORDER, theirs
from tests.bridging.world import DOCUMENTS, EDOC_TOKEN, EVERYTHING, HUB_ON_BUS, World
from tests.fakes import vnpost
from tests.fakes.edoc_client import EdocClient
from tests.fakes.province_client import ProvinceClient
from tests.fakes.vxp_client import JavaClient
from tests.soap_client import Raw, include, soap

SENDER, BUS = "H01.10", "H01.900"  # who calls the hub itself; the bus that the hub polls


_DECLARATION = re.compile(rb"^<\?xml[^>]*\?>")


def _as_it_is(load: Load) -> Load:
    return load


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """`adapter`: role and key in adapters.registry, such as "facade edoc"; empty: an interface of the hub's own. `signed`: also
    packets that are signed can be handed over. `sender`: the agency that the hub takes for the sender. `written`: a message as it
    is written here.

    `send` hands a message over as the sender's system does; raises AssertionError unless it is accepted.
    """

    name: str
    kinds: frozenset[str]
    send: Callable[[World, Load], Awaitable[None]]
    adapter: str = ""
    signed: bool = True
    written: Callable[[Load], Load] = _as_it_is
    sender: str = SENDER

    def __str__(self) -> str:
        return self.name


async def _rest_json(world: World, load: Load) -> None:
    reply = await world.hub.send(world.envelope(load), agency=load.sender)
    assert reply.status == 202, reply.octets


async def _rest_xml(world: World, load: Load) -> None:
    """The packet alone, its addressing in headers."""
    headers = {
        "Content-Type": load.media_type,
        "Lgsp-Message-Id": world.envelope(load)["message_id"],
        "Lgsp-Sender": load.sender,
        "Lgsp-Recipients": ",".join(load.recipients),
        "Lgsp-Kind": load.kind,
        "Lgsp-Created-At": datetime.now(UTC).isoformat(),
    }
    reply = await world.hub.call("POST", "/v1/envelopes", agency=load.sender, data=load.body, headers=headers)
    assert reply.status == 202, reply.octets


async def _batch(world: World, load: Load) -> None:
    line = json.dumps(world.envelope(load), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    reply = await world.hub.call("POST", "/v1/envelopes:batch", agency=load.sender, data=line + b"\n", headers=headers)
    assert reply.status == 200 and reply.json.get("receipt"), reply.octets


async def _soap_11(world: World, load: Load) -> None:
    await _soap(world, load, {})


async def _soap_12(world: World, load: Load) -> None:
    """The document as elements of the message."""
    inside = {} if load.is_json else {"body": Raw(load.body.decode())}
    await _soap(world, load, inside, version=Version.SOAP_12)


async def _soap_mtom(world: World, load: Load) -> None:
    await _soap(world, load, {"body_base64": include("body")}, parts=(Part(content_id="body", octets=load.body),))


async def _soap_swa(world: World, load: Load) -> None:
    await _soap(world, load, {"body_base64": include("body")}, parts=(Part(content_id="body", octets=load.body),), mtom=False)


async def _soap(world: World, load: Load, body: Mapping[str, Any], **how: Any) -> None:
    envelope = world.envelope(load)
    envelope.pop("body", None)
    envelope |= body or {"body_base64": base64.b64encode(load.body).decode()}
    if "body" in envelope:
        del envelope["body_base64"]
    said = await soap(world.hub, "sendEnvelope", {"envelope": envelope}, agency=load.sender, **how)
    assert said.text("result/sequence"), said.octets


def _alone(load: Load) -> Load:
    """As an element inside another document: without declaration, and white space around it."""
    return replace(load, body=_DECLARATION.sub(b"", load.body).strip())


async def _edoc_facade(world: World, load: Load) -> None:
    client = EdocClient(await world.secret(load.sender), load.sender, f"{world.hub.url}/bus/edoc", session=world.hub.client)
    if load.kind == "document.status/1":
        reply = await client.ask(client.update_traces(status_in_edoc(load)))
    else:
        said = document_in_edoc(load)
        header = said.header + said.trace
        reply = await client.ask(client.request("SendDocument", header=header, body=said.manifest, files=said.files))
    assert reply.succeeded, reply.texts("Description")


async def _edoc_collector(world: World, load: Load) -> None:
    codes = load.recipients
    world.far.edoc_from.organizations |= dict.fromkeys(codes, EDOC_TOKEN)
    if load.kind == "document.status/1":
        world.far.edoc_from.traces.append((codes[0], status_in_edoc(load)))
    else:
        world.far.edoc_from.put(document_in_edoc(load).stored(), *codes)
    feed = Feed(
        adapter="edoc_soap",
        url=world.far.edoc_from.url,
        secret=" ".join([EDOC_TOKEN] * len(codes)),
        options={"organ_id": ",".join(codes)},
    )
    collected = await world.collect(load.sender, feed)
    assert (collected.taken, collected.refused) == (1 if load.kind == "document.status/1" else len(codes), 0)


def _as_order(load: Load) -> Load:
    return replace(load, told=frozenset({*ORDER, "direction"}))


def _as_event(load: Load) -> Load:
    """Under a contract of the recipient's own, by which the hub knows whom to tell."""
    (recipient,) = load.recipients
    body = json.loads(load.body) | {"customer_code": f"KH-{recipient}"}
    return replace(load, body=json.dumps(body, ensure_ascii=False).encode(), told=frozenset(EVENT))


async def _national_facade(world: World, load: Load) -> None:
    """The vendor's Java library, as it is."""
    client = JavaClient(f"{world.hub.url}/bus/vxp", load.sender, await world.secret(load.sender), world.hub.client)
    message_type = "status" if load.kind == "document.status/1" else "edoc"
    said = await client.send_edoc({"from": load.sender, "servicetype": "eDoc", "messagetype": message_type}, load.body)
    assert said["ErrorCode"] == "0", said


async def _provincial_facade(world: World, load: Load) -> None:
    client = ProvinceClient(f"{world.hub.url}/bus/lgsp", load.sender, await world.secret(load.sender), world.hub.client)
    said = await client.send_edoc(load.body)
    assert said["success"], said


async def _national_collector(world: World, load: Load) -> None:
    """The bus has one packet for each addressee."""
    bus = world.far.bus_from
    message_type = "status" if load.kind == "document.status/1" else "edoc"
    for code in load.recipients:
        bus.owners[code] = HUB_ON_BUS
        bus.post(load.body, code, message_type=message_type)
    feed = Feed(adapter="edxml_bus", url=bus.url, secret=bus.systems[HUB_ON_BUS], options={"systemid": HUB_ON_BUS})
    collected = await world.collect(load.sender, feed)
    assert (collected.taken, collected.refused) == (len(load.recipients), 0)


async def _ngsp_facade(world: World, load: Load) -> None:
    token = world.hub.headers(load.sender)
    await _ordered(world, load, "/post/ngsp/postOrder", token)


async def _wrapper_facade(world: World, load: Load) -> None:
    """Client id and secret stand where the wrapper has one token for ever."""
    token = {"access_token": f"{load.sender}:{await world.secret(load.sender)}"}
    await _ordered(world, load, "/post/lgsp/orderWithoutItemCode", token)


async def _ordered(world: World, load: Load, path: str, headers: Mapping[str, str]) -> None:
    (recipient,) = load.recipients
    direction = json.loads(load.body)["direction"]
    async with world.hub.client.post(
        f"{world.hub.url}{path}", params={"post": recipient, "direction": direction}, json=theirs(load, ORDER), headers=headers
    ) as answer:
        said = json.loads(await answer.read())
    assert str(said["Status"]) == "100", said


async def _tracking_collector(world: World, load: Load) -> None:
    told = theirs(load, EVENT)
    world.far.post_from.happen(told.pop("OrderNumber"), told.pop("StatusCode"), told.pop("StatusMessage"), **told)
    (recipient,) = load.recipients
    feed = Feed(
        adapter="vnpost",
        url=world.far.post_from.url,
        secret=f"{vnpost.KEY}:{vnpost.SECRET}",
        options={f"customer.{told['CustomerCode']}": recipient, "overlap_s": "0"},
    )
    collected = await world.collect(load.sender, feed)
    assert (collected.taken, collected.refused) == (1, 0)


WAYS_IN = (
    WayIn(name="REST, JSON", kinds=EVERYTHING, send=_rest_json),
    WayIn(name="REST, XML alone", kinds=DOCUMENTS, send=_rest_xml),
    WayIn(name="NDJSON batch", kinds=EVERYTHING, send=_batch),
    WayIn(name="SOAP 1.1", kinds=EVERYTHING, send=_soap_11),
    WayIn(name="SOAP 1.2, XML inside", kinds=DOCUMENTS, send=_soap_12, written=_alone),
    WayIn(name="SOAP with MTOM", kinds=EVERYTHING, send=_soap_mtom),
    WayIn(name="SOAP with attachments", kinds=DOCUMENTS, send=_soap_swa),
    WayIn(name="e-doc SOAP facade", kinds=DOCUMENTS, send=_edoc_facade, adapter="facade edoc", signed=False),
    WayIn(name="national bus facade", kinds=DOCUMENTS, send=_national_facade, adapter="facade vxp"),
    WayIn(name="provincial REST facade", kinds=DOCUMENTS, send=_provincial_facade, adapter="facade lgsp"),
    WayIn(
        name="national bus collector",
        kinds=DOCUMENTS,
        send=_national_collector,
        adapter="collector edxml_bus",
        sender=BUS,
    ),
    WayIn(
        name="post, NGSP facade",
        kinds=frozenset({"postal.order"}),
        send=_ngsp_facade,
        adapter="facade vnpost_ngsp",
        written=_as_order,
    ),
    WayIn(
        name="post, wrapper facade",
        kinds=frozenset({"postal.order"}),
        send=_wrapper_facade,
        adapter="facade vnpost_lgsp",
        written=_as_order,
    ),
    WayIn(
        name="post, tracking collector",
        kinds=frozenset({"postal.event"}),
        send=_tracking_collector,
        adapter="collector vnpost",
        sender=BUS,
        written=_as_event,
    ),
    WayIn(
        name="e-doc SOAP collector",
        kinds=DOCUMENTS,
        send=_edoc_collector,
        adapter="collector edoc_soap",
        signed=False,
        sender=BUS,
    ),
)
