"""The hub as the national document bus: existing clients of it are given this hub as their endpoint, and nothing else changes."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec

from adapters.edxml_bus import directory, exchange
from adapters.edxml_bus import national_wire as wire
from adapters.edxml_bus.form import file_part, parts_of
from adapters.edxml_bus.headers import PREFIX, Parameters, check_fresh, is_hash_of, read_parameters
from adapters.edxml_bus.national_operations import OPERATIONS
from adapters.edxml_bus.sent import sent_rows
from contracts.agency import agency_code
from contracts.desk import Desk, Listed, Waiting
from contracts.edxml.when import moment
from contracts.errors import ContractError
from contracts.facade import Answer, Call, Credentials, Keyed, Operation
from contracts.receipt import Refusal

FILE_PART = "file_doc"
_XML_IN_BASE64 = (b"PD94", b"PGVk", b"PEVk", b"77u/PD94", b"77u/PGVk")  # "<?x", "<ed", "<Ed", also behind a byte order mark
_FROM, _TO, _HASH, _STATUS = (f"{PREFIX}{name}" for name in ("from", "to", "hash-file", "status"))
_PERIOD = (f"{PREFIX}fromDate", f"{PREFIX}toDate")
_STATE_TEXTS: Mapping[str, str] = MappingProxyType({"inbox": "Chờ nhận (waiting)", "processing": "Đang xử lý (in process)"})

# The library takes the time when a service object is made, and programs keep theirs for as long as they run.
MAX_AGE = timedelta(days=30)
MAX_AHEAD = timedelta(days=1)  # its clock has no zone either


class NationalBus:
    """Client API of the national document bus (Trục liên thông văn bản quốc gia, VXP). Parameters travel as headers with the
    prefix `XroadVnpt-`; what counts is the JSON in `XroadVnpt-sign-header`, signed in `XroadVnpt-hash-header` (HMAC-SHA256)."""

    name = "vxp"
    prefix = "/bus/vxp"
    operations: tuple[Operation, ...] = OPERATIONS

    def __init__(self, max_age: timedelta = MAX_AGE) -> None:
        self._max_age = max_age
        self._does: Mapping[str, Callable[[Call, Parameters, Desk], Awaitable[Answer]]] = {
            "sendEdoc": self._send,
            "getReceivedEdocList": self._received,
            "getEdoc": self._edoc,
            "downloadEdoc": self._download,
            "countReceiveEdoc": self._count,
            "countReceiveEdocByPost": self._count,
            "countReceiveStatus": self._count,
            "countReceiveStatusByPost": self._count,
            "updateStatus": self._update,
            "getSentEdocList": self._sent,
            "getAgenciesList": self._agencies,
            "getAgenciesListQD20": self._agencies_qd20,
            "getSynchronizeUnit": self._units,
            "registerAgency": self._register,
            "deleteAgency": self._delete,
        }

    def credentials(self, call: Call) -> Credentials:
        said = read_parameters(call.headers)
        system_id = said.get("systemid")
        if not system_id:
            raise ContractError("auth.missing", f"{PREFIX}systemid", "not among the signed headers")
        return Keyed(system_id, said.message, said.mac)

    async def answer(self, call: Call, desk: Desk) -> Answer:
        said = read_parameters(call.headers)
        check_fresh(said, desk.now(), self._max_age, MAX_AHEAD)
        return await self._does[call.operation](call, said, desk)

    def refuse(self, call: Call, refusal: Refusal, signed: str | None) -> Answer:
        return wire.refused(call.operation, refusal, signed)

    async def _send(self, call: Call, said: Parameters, desk: Desk) -> Answer:
        _check_sender(said, desk)
        octets = await asyncio.to_thread(_file_in, call, said.get("hash-file"))
        doc_id = await exchange.send(desk, octets, _addressed_to(said))
        return wire.render(wire.well(wire.Sent, doc_id=doc_id))

    async def _received(self, _: Call, said: Parameters, desk: Desk) -> Answer:
        which = exchange.message_type(said.get("messagetype"), f"{PREFIX}messagetype")
        within = exchange.period(said.get("fromDate"), said.get("toDate"), _PERIOD)
        size, page = _number(said, "pageSize", exchange.MAX_ROWS), _number(said, "pageIndex", 1)
        under_way = await exchange.processing(desk)
        found = await exchange.waiting(desk, which, within, min(size, exchange.MAX_ROWS), page)
        rows = [_row(one, which, desk.caller, under_way) for one in found]
        return wire.render(wire.well(wire.Received, data=rows))

    async def _edoc(self, _: Call, said: Parameters, desk: Desk) -> Answer:
        octets = (await exchange.packet(desk, said.get("docId")))[1]
        return await asyncio.to_thread(wire.content, octets)

    async def _download(self, _: Call, said: Parameters, desk: Desk) -> Answer:
        octets = (await exchange.packet(desk, said.get("docId")))[1]
        return Answer(status=200, headers={"Content-Type": wire.EDXML}, body=octets)

    async def _count(self, call: Call, _: Parameters, desk: Desk) -> Answer:
        which: exchange.MessageType = "edoc" if "Edoc" in call.operation else "status"
        return wire.render(wire.well(wire.Count, count=await exchange.count(desk, which)))

    async def _update(self, _: Call, said: Parameters, desk: Desk) -> Answer:
        """The vendor's sample says docid here and docId elsewhere, and the library repeats the other from an earlier call."""
        doc_id = said.get("docid", "docId")
        match said.get("status").lower():
            case "done":
                await exchange.done(desk, doc_id)
            case "fail":
                await exchange.failed(desk, doc_id, said.get("description"))
            case "inbox" | "processing" as state:
                await exchange.noted(desk, doc_id, processing=state == "processing")
            case _:
                detail = "inbox, processing, done or fail; a business status (01 to 16) is a packet: sendEdoc, messagetype status"
                raise ContractError("request.field_invalid", _STATUS, detail)
        return wire.render(wire.well(wire.Basic))

    async def _sent(self, _: Call, said: Parameters, desk: Desk) -> Answer:
        which = exchange.message_type(said.get("messagetype"), f"{PREFIX}messagetype")
        within = exchange.period(said.get("fromDate"), said.get("toDate"), _PERIOD)
        found = await exchange.sent(desk, which, within, said.get("docId"))
        rows = await asyncio.to_thread(sent_rows, found, which)
        return wire.render(wire.well(wire.SentList, data=rows))

    async def _agencies(self, _: Call, __: Parameters, desk: Desk) -> Answer:
        return await _listing(wire.Agencies, directory.rows, desk)

    async def _agencies_qd20(self, _: Call, said: Parameters, desk: Desk) -> Answer:
        level = _number(said, "level", 0)
        return await _listing(wire.AgenciesQd20, lambda listed: directory.rows_qd20(listed, level), desk)

    async def _units(self, _: Call, __: Parameters, desk: Desk) -> Answer:
        return await _listing(wire.Units, lambda listed: directory.units(listed, desk.hub), desk)

    async def _register(self, call: Call, _: Parameters, desk: Desk) -> Answer:
        try:
            body = msgspec.json.decode(call.body, type=wire.Registration)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ContractError("request.malformed", "/", str(error)[:200]) from None
        await desk.register(agency_code(body.code, "/code"), body.name.strip())
        return wire.render(wire.well(wire.Basic))

    async def _delete(self, _: Call, said: Parameters, desk: Desk) -> Answer:
        await desk.unregister(agency_code(said.get("AgencyCode"), f"{PREFIX}AgencyCode"))
        return wire.render(wire.well(wire.Basic))


async def _listing(made: type[Any], rows: Callable[[Sequence[Listed]], list[Any]], desk: Desk) -> Answer:
    listed = await desk.agencies()
    return await asyncio.to_thread(lambda: wire.render(wire.well(made, data=rows(listed))))


def _check_sender(said: Parameters, desk: Desk) -> None:
    system_id, sender = said.get("systemid"), said.get("from")
    if sender and sender != system_id and sender not in desk.caller_codes:
        raise ContractError("auth.sender_mismatch", _FROM, f"from is {sender}, the caller is {system_id} ({desk.caller})")


def _file_in(call: Call, claimed: str) -> bytes:
    """The part `file_doc`; or the whole body, after which the library writes the end of a line. Raises ContractError
    "request.malformed" or "attachment.digest_mismatch"."""
    content_type = call.headers.get("Content-Type", "")
    if content_type.lower().startswith("multipart/"):
        candidates = [file_part(parts_of(content_type, call.body), FILE_PART)]
    else:
        candidates = [call.body.removesuffix(b"\r\n"), call.body]
    for octets in candidates:
        if claimed and is_hash_of(claimed, octets):
            return _decoded(octets)
    detail = "it is of another file" if claimed else "SHA-256 of the file in hex is missing: it binds the file to the signature"
    raise ContractError("attachment.digest_mismatch", _HASH, detail)


def _decoded(octets: bytes) -> bytes:
    """Some put the packet into base64 first."""
    if not octets.startswith(_XML_IN_BASE64):
        return octets
    try:
        return base64.b64decode(octets)
    except binascii.Error:
        return octets


def _addressed_to(said: Parameters) -> tuple[str, ...]:
    text = said.get("to")
    if not text:
        return ()
    try:
        found = msgspec.json.decode(text, type=str | list[str])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise ContractError("request.field_invalid", _TO, 'a JSON array of codes, such as ["H01.15"]') from None
    return tuple(dict.fromkeys(code for one in ([found] if isinstance(found, str) else found) if (code := one.strip())))


def _number(said: Parameters, name: str, default: int) -> int:
    text = said.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and int(text[:6]) > 0 and len(text) <= 6):
        raise ContractError("request.field_invalid", PREFIX + name, "a number from 1")
    return int(text)


def _row(one: Waiting, which: exchange.MessageType, caller: str, under_way: frozenset[int]) -> wire.Row:
    state: wire.WaitingState = "processing" if one.delivery_id in under_way else "inbox"
    at = _time(one.accepted_at)
    return wire.Row(
        doc_id=exchange.doc_id_of(one.delivery_id),
        message_type=which,
        created_time=at,
        updated_time=at,
        from_=one.sender,
        to=caller,
        status=state,
        status_desc=_STATE_TEXTS[state],
    )


def _time(at: datetime) -> str:
    return moment(at).text
