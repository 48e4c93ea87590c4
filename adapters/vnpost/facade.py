"""The hub as the postal service that existing one-stop systems know: they order, register, track and cancel by changing an
endpoint.

`NGSP` answers at /post/ngsp as the interface of the national platform did, `WRAPPER` at /post/lgsp as the provincial wrapper of
2024: the same calls, with numbers as texts in its replies and the token in a header of its own.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from adapters.vnpost import placing, tidy
from adapters.vnpost.direction import direction_of
from adapters.vnpost.inbox import tracking_page
from adapters.vnpost.mapping import order_of, registration_of
from adapters.vnpost.messages import (
    ACCEPTED,
    FIRST_ID,
    MAX_PAGE,
    CancelMessage,
    DocumentMessage,
    HubReply,
    OrderMessage,
    PageMessage,
    read,
)
from contracts.agency import AgencyCode
from contracts.desk import Desk, Listed, Submitted
from contracts.errors import ContractError
from contracts.facade import Answer, Bearer, Call, Credentials, Operation, Parameter, Secret
from contracts.receipt import Refusal

M = TypeVar("M")

JSON = "application/json"
TOKEN_HEADER = "access_token"  # noqa: S105 - the name of a header
MAX_BODY_BYTES = 2**20
_LONG_BYTES = 64 * 1024
_PAGE_SIZE = 50  # where the call names none; what the known client asks for
# Clients read what these statuses mean; any other refusal is told with 200 and in words, because their kit gives up on an error
# without reading its body.
_AS_STATUS = frozenset({401, 408, 413, 429})
_MAX_TEXT = 2000

_encode = msgspec.json.Encoder().encode
_DIRECTION = Parameter(name="direction", description="Ours: collect or deliver, where the names of the parties do not tell")
_POST = Parameter(name="post", description="Ours: code of the post, where the directory has several")
_BOTH = tuple(Parameter(name=name, description="In the place of a body") for name in ("CustomerCode", "OrderNumber"))
_REPLY: Mapping[int, Mapping[str, Any]] = {status: {JSON: HubReply} for status in (200, *sorted(_AS_STATUS), 500, 503)}
_PAGE: Mapping[int, Mapping[str, Any]] = {**_REPLY, 200: {JSON: PageMessage | HubReply}}


@dataclass(frozen=True, slots=True)
class Form:
    """What differs between the two."""

    name: str
    prefix: str
    texts: bool  # Status of a reply is a text
    orders: tuple[str, ...]  # paths of postOrder


NGSP = Form("vnpost_ngsp", "/post/ngsp", texts=False, orders=("/postOrder",))
WRAPPER = Form("vnpost_lgsp", "/post/lgsp", texts=True, orders=("/order", "/orderWithoutItemCode"))


class _Given(NamedTuple):
    call: Call
    desk: Desk


class PostalFacade:
    """The interface of Vietnam Post for one-stop systems (postOrder, postDocument, getOrderTracking, cancelOrder)."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self.operations = tuple(_operations(form))
        self._work: dict[str, Callable[[_Given], Awaitable[bytes]]] = {
            **{path.strip("/"): self._order for path in form.orders},
            "postDocument": self._register,
            "getOrderTracking": self._track,
            "cancelOrder": self._cancel,
            "cancelOrderByQuery": self._cancel,
        }

    @property
    def name(self) -> str:
        return self._form.name

    @property
    def prefix(self) -> str:
        return self._form.prefix

    def credentials(self, call: Call) -> Credentials:
        """A token of the hub's /oauth/token; or, for clients that were given one token for ever, client id and secret in its
        place."""
        given = call.headers.get("Authorization", "").strip()
        scheme, _, value = given.partition(" ")
        if not given:
            scheme, value = "Bearer", call.headers.get(TOKEN_HEADER, "")
        value = value.strip()
        if not value:
            raise ContractError("auth.missing", "Authorization")
        if scheme.lower() == "basic":
            return _secret(value)
        if scheme.lower() != "bearer":
            raise ContractError("auth.invalid", "Authorization", "Bearer or Basic")
        if ":" in value:
            client_id, _, secret = value.partition(":")
            return Secret(client_id, secret)
        return Bearer(value)

    async def answer(self, call: Call, desk: Desk) -> Answer:
        if len(call.body) > MAX_BODY_BYTES:
            raise ContractError("request.too_large", "", f"{MAX_BODY_BYTES} bytes")
        return Answer(status=200, headers={"Content-Type": JSON}, body=await self._work[call.operation](_Given(call, desk)))

    def refuse(self, call: Call, refusal: Refusal, signed: str | None) -> Answer:
        status = refusal.status if refusal.status in _AS_STATUS or refusal.status >= 500 else 200
        reply = HubReply(
            status=self._status(refusal.status),
            message=_told(refusal),
            code=refusal.code,
            field=_plain(refusal.field, 200),
            signed=signed or "",
        )
        return Answer(status=status, headers={"Content-Type": JSON}, body=_encode(reply))

    async def _order(self, given: _Given) -> bytes:
        message = await _parsed(given.call.body, OrderMessage)
        listed = await given.desk.agencies()
        names = [one.name_vi for one in listed if given.desk.caller in (one.code, one.parent)]
        order = order_of(message, direction_of(message, names, given.call.query.get("direction")))
        return self._taken(await placing.place(given.desk, _post(given, listed), order))

    async def _register(self, given: _Given) -> bytes:
        registration = registration_of(await _parsed(given.call.body, DocumentMessage))
        return self._taken(await placing.register(given.desk, _post(given, await given.desk.agencies()), registration))

    async def _cancel(self, given: _Given) -> bytes:
        message = _cancel_message(given.call)
        way = given.call.query.get("direction") or None
        if way not in (None, "collect", "deliver"):
            raise ContractError("body.invalid", "direction", "collect or deliver")
        taken = await placing.cancel(given.desk, _post(given, await given.desk.agencies()), message, way)
        return self._taken(taken[-1])

    async def _track(self, given: _Given) -> bytes:
        query = _lower(given.call.query)
        size = query.get("pagesize", "").strip()
        limit = int(size) if size.isascii() and size.isdigit() and len(size) < 7 else _PAGE_SIZE
        after = query.get("lastid", "").strip() or FIRST_ID
        page = await tracking_page(given.desk, after, min(max(limit, 1), MAX_PAGE), query.get("customercode", "").strip())
        return _encode(page)

    def _taken(self, submitted: Submitted) -> bytes:
        """The same words however often: what was taken before was taken."""
        return _encode(
            HubReply(status=self._status(ACCEPTED), message="Đã tiếp nhận · Accepted", message_id=submitted.receipt.message_id)
        )

    def _status(self, number: int) -> int | str:
        return str(number) if self._form.texts else number


def _post(given: _Given, listed: Sequence[Listed]) -> AgencyCode:
    return placing.post_of(listed, given.call.query.get("post"), given.desk.now())


def _operations(form: Form) -> list[Operation]:
    who = (Parameter(name=TOKEN_HEADER, description="In the place of Authorization: a token, or client id:secret"),)

    def one(method: str, path: str, name: str, summary: str, body: Any = None, query: tuple[Parameter, ...] = ()) -> Operation:
        media: Mapping[str, Any] = {} if body is None else {JSON: body}
        answers = _PAGE if name == "getOrderTracking" else _REPLY
        return Operation(
            method=method, path=path, name=name, summary=summary, headers=who, query=query, body=media, answers=answers
        )

    return [
        *(one("POST", path, path.strip("/"), "Order a parcel leg", OrderMessage, (_DIRECTION, _POST)) for path in form.orders),
        one("POST", "/postDocument", "postDocument", "Register what the applicant chose", DocumentMessage, (_POST,)),
        one(
            "GET",
            "/getOrderTracking",
            "getOrderTracking",
            "What happened to parcels, page by page",
            query=(
                Parameter(name="pagesize", description=f"Documents on a page, 1 to {MAX_PAGE}; else {_PAGE_SIZE}"),
                Parameter(name="lastId", description="The last id of the page before; 24 zeros at first"),
                Parameter(name="CustomerCode", description="Ours: of this contract only"),
            ),
        ),
        one("POST", "/cancelOrder", "cancelOrder", "Withdraw an order", CancelMessage, (*_BOTH, _DIRECTION, _POST)),
        one("GET", "/cancelOrder", "cancelOrderByQuery", "Withdraw an order", None, (*_BOTH, _DIRECTION, _POST)),
    ]


async def _parsed(octets: bytes, shape: type[M]) -> M:
    """Long bodies are read beside the event loop."""
    return read(octets, shape) if len(octets) <= _LONG_BYTES else await asyncio.to_thread(read, octets, shape)


def _cancel_message(call: Call) -> CancelMessage:
    """From the body, or from the query; one client writes OrderNUmber there."""
    query = _lower(call.query)
    if call.operation == "cancelOrder" and call.body.strip():
        return read(call.body, CancelMessage)
    return CancelMessage(
        customer_code=query.get("customercode", ""),
        order_number=query.get("ordernumber", ""),
        description=query.get("description"),
    )


def _lower(query: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in query.items()}


def _secret(value: str) -> Secret:
    try:
        client_id, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise ContractError("auth.invalid", "Authorization", "Basic is base64 of id:secret") from None
    if not colon:
        raise ContractError("auth.invalid", "Authorization", "Basic is base64 of id:secret")
    return Secret(client_id, secret)


def _told(refusal: Refusal) -> str:
    where = f" [{_plain(refusal.field, 200)}]" if refusal.field else ""
    detail = f" ({_plain(refusal.detail, 300)})" if refusal.detail else ""
    words = f"{refusal.title_vi}{where}. {refusal.remedy_vi} · {refusal.title_en}{where}{detail}. {refusal.remedy_en}"
    return f"{refusal.code}: {_plain(words, _MAX_TEXT)}"


def _plain(text: str, limit: int) -> str:
    """JSON can carry it."""
    return tidy.line(text.encode("utf-8", "replace").decode(), limit) or ""
