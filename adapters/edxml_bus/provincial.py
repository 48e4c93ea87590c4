"""The hub as a province's document bus in its REST variant: existing clients of one are given this hub as their endpoint."""

import asyncio
import base64
import binascii
from typing import TypeVar

import msgspec

from adapters.edxml_bus import exchange
from adapters.edxml_bus import provincial_wire as wire
from adapters.edxml_bus.form import file_part, parts_of
from adapters.edxml_bus.reports import RECALL, is_business, notation_of, report, report_id
from contracts.agency import AgencyCode
from contracts.desk import Desk, Waiting
from contracts.edxml.model import Packet, Status
from contracts.edxml.read import read, read_packet
from contracts.edxml.when import moment
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.facade import Answer, Call, Credentials, Operation, Secret
from contracts.receipt import Refusal

FILE_PARTS = ("edocFile", "file_doc")
_MAX_TOKEN_CHARS = 2000

Decoded = TypeVar("Decoded", wire.Login, wire.Update)


class ProvincialBus:
    """REST variant of the document bus, as a province offers it (`X-SystemId`, `X-SecretKey`). The token of /v1/auth/login holds
    client id and secret, no more; it is for clients that do nothing without one."""

    name = "lgsp"
    prefix = "/bus/lgsp"
    operations: tuple[Operation, ...] = wire.OPERATIONS

    def credentials(self, call: Call) -> Credentials:
        if call.operation == "login":
            said = _decoded(call.body, wire.Login)
            return Secret(said.username, said.password)
        system_id, secret = call.headers.get(wire.SYSTEM_ID, "").strip(), call.headers.get(wire.SECRET_KEY, "").strip()
        if system_id and secret:
            return Secret(system_id, secret)
        return _credentials_in(call.headers.get(wire.AUTHORIZATION, ""))

    async def answer(self, call: Call, desk: Desk) -> Answer:
        match call.operation:
            case "login":
                return _logged_in(call, desk)
            case "sendEdoc":
                octets = await asyncio.to_thread(_file_in, call)
                return wire.told(await exchange.send(desk, octets))
            case "syncReceivedEdocList":
                return await self._list(call, desk)
            case "getEdoc":
                return await self._edoc(call, desk)
            case "updateStatus":
                return await self._update(_decoded(call.body, wire.Update), desk)
            case _:
                return await self._agencies(desk)

    def refuse(self, call: Call, refusal: Refusal, signed: str | None) -> Answer:
        return wire.refused(call.operation, refusal, signed)

    async def _list(self, call: Call, desk: Desk) -> Answer:
        which = exchange.message_type(call.query.get("messageType", ""), "messageType")
        within = exchange.period(call.query.get("fromDate", ""), call.query.get("toDate", ""), ("fromDate", "toDate"))
        under_way = await exchange.processing(desk)
        rows = [_row(one, which, desk.caller, under_way) for one in await exchange.waiting(desk, which, within)]
        return wire.render(wire.Listing(success=True, message="OK", count=len(rows), data=rows))

    async def _edoc(self, call: Call, desk: Desk) -> Answer:
        doc_id = call.query.get("docId", "")
        parcel, octets = await exchange.packet(desk, doc_id)
        return await asyncio.to_thread(_fetched, doc_id, parcel.envelope, octets)

    async def _update(self, said: wire.Update, desk: Desk) -> Answer:
        doc_id, status = said.doc_id, str(said.status).strip().lower()
        if is_business(status):
            await _tell(desk, doc_id, status)
        elif status == "done":
            await exchange.done(desk, doc_id)
        elif status == "fail":
            await exchange.failed(desk, doc_id)
        elif status in ("initial", "inbox", "processing"):
            await exchange.noted(desk, doc_id, processing=status == "processing")
        else:
            raise ContractError("request.field_invalid", "/status", "done, fail, processing, initial, or a status of two digits")
        return wire.told(doc_id)

    async def _agencies(self, desk: Desk) -> Answer:
        found = [
            wire.Body(org_code=one.code, org_name=one.name_vi, parent_code=one.parent)
            for one in await desk.agencies()
            if one.closed_on is None
        ]
        return wire.render(wire.Bodies(success=True, message="OK", data=found))


async def _tell(desk: Desk, doc_id: str, status: str) -> None:
    """The business status goes to whom it concerns as a packet of its own, once. Whoever reports on a packet has it: a client
    that reports says nothing else."""
    if status == RECALL:
        await _ask_back(desk, doc_id)
        return
    parcel = await exchange.parcel(desk, doc_id)
    author = parcel.addressed_as if parcel.addressed_as in desk.caller_codes else desk.caller
    about = await asyncio.to_thread(read, parcel.envelope.body)
    if isinstance(about, Status):
        raise ContractError("request.field_invalid", "/docId", "a status is no document that could be reported on")
    await _report(desk, about, status, author, doc_id, (about.header.from_.organ_id or parcel.envelope.sender,))
    await exchange.done(desk, doc_id)


async def _ask_back(desk: Desk, doc_id: str) -> None:
    found = await desk.sent_one(doc_id)
    if found is None or not found.envelope.body:
        raise ContractError("access.not_a_party", "/docId", "13 is for the sender of a document, with the docId of sendEdoc")
    about = await asyncio.to_thread(read_packet, found.envelope.body)
    author = AgencyCode(about.header.from_.organ_id or desk.caller)
    await _report(desk, about, RECALL, author, doc_id, tuple(one.addressed_as for one in found.deliveries))


async def _report(desk: Desk, about: Packet, status: str, author: AgencyCode, doc_id: str, to: tuple[str, ...]) -> None:
    message_id = report_id(doc_id, author, status)
    if await desk.sent_one(message_id) is not None:
        return
    octets = report(about, status, author, to[0], desk.now())
    try:
        await exchange.send(desk, octets, to, message_id)
    except ContractError as error:
        if error.code != "envelope.id_reused":  # told twice at once, at two times: one of them is enough
            raise


def _file_in(call: Call) -> bytes:
    return file_part(parts_of(call.headers.get("Content-Type", ""), call.body), *FILE_PARTS)


def _fetched(doc_id: str, envelope: Envelope, octets: bytes) -> Answer:
    found = read(envelope.body)
    author = found.header.from_
    about = found.header.code if isinstance(found, Packet) else None
    subject = found.header.subject if isinstance(found, Packet) else found.header.description
    packet = wire.Packet(
        doc_id=doc_id,
        from_=author.organ_id or envelope.sender,
        from_name=author.organ_name or "",
        edoc_code=notation_of(about) or "",
        edoc_abstract=subject or "",
        edxml="",
    )
    return wire.fetched(packet, octets.decode("utf-8", "replace"))


def _row(one: Waiting, which: wire.Message, caller: str, under_way: frozenset[int]) -> wire.Row:
    at = moment(one.accepted_at).text
    busy = one.delivery_id in under_way
    return wire.Row(
        service_type="eDoc",
        created_time=at,
        updated_time=at,
        message_type=which,
        doc_id=exchange.doc_id_of(one.delivery_id),
        from_=one.sender,
        to=caller,
        status="processing" if busy else "initial",
        status_desc="Đang xử lý (in process)" if busy else "Chờ nhận (waiting)",
    )


def _logged_in(call: Call, desk: Desk) -> Answer:
    said = _decoded(call.body, wire.Login)
    user = wire.User(id=said.username, username=said.username, name=desk.caller, token=token_of(said.username, said.password))
    return wire.render(wire.LoggedIn(success=True, message="OK", data=user))


def token_of(client_id: str, secret: str) -> str:
    """As HTTP Basic has it (RFC 7617), in letters that go into any header."""
    return base64.urlsafe_b64encode(f"{client_id}:{secret}".encode()).decode()


def _credentials_in(authorization: str) -> Credentials:
    scheme, _, token = authorization.strip().partition(" ")
    if not authorization:
        raise ContractError("auth.missing", wire.SYSTEM_ID, f"{wire.SYSTEM_ID} and {wire.SECRET_KEY}")
    try:
        text = base64.b64decode(token.strip()[:_MAX_TOKEN_CHARS].encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        text = ""
    client_id, _, secret = text.partition(":")
    if scheme.lower() != "bearer" or not client_id or not secret:
        raise ContractError("auth.invalid", wire.AUTHORIZATION, "Bearer and the token of /v1/auth/login")
    return Secret(client_id, secret)


def _decoded(body: bytes, made: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(body, type=made)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError("request.malformed", "/", str(error)[:200]) from None
