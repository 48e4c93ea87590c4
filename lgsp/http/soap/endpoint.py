"""/soap: messages in, messages out. Each is read with caps and given to the handler of its route; a refusal becomes a fault."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import cache
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from aiohttp import hdrs, web
from msgspec.structs import replace

from contracts import wire
from contracts.errors import ContractError
from contracts.receipt import Refusal
from contracts.soap.faults import http_status, write_fault
from contracts.soap.message import Message, Version, not_understood, only_child, read_message, write_message
from contracts.soap.mime import XOP, media_type_of, write_related
from lgsp.core.directory import Agency
from lgsp.errors import Unavailable
from lgsp.flow.examination import BROUGHT_BY
from lgsp.http.answers import accept_of, encode
from lgsp.http.auth import CALLER, Authenticator
from lgsp.http.handing_over import hand_over
from lgsp.http.problems import MESSAGE_ID, problem_of, refusal_of, unforeseen
from lgsp.http.reading import RECEIVED, read_body
from lgsp.http.room import patiently
from lgsp.http.routes import Route
from lgsp.http.services import Services
from lgsp.http.soap.answer_room import LARGE_BYTES, PLACES, PLACES_OF_ONE, AnswerRoom
from lgsp.http.soap.files import attached, upload
from lgsp.http.soap.inner import Answered, call
from lgsp.http.soap.operations import PROBLEM, Operation, operations_of
from lgsp.http.soap.reading import Reader, Request
from lgsp.http.soap.security import SECURITY, ActedOn, Seen, acted_on, is_signed, verbatim
from lgsp.http.soap.writing import Writer
from lgsp.http.soap.wsdl import PATH, write_wsdl, write_xsd
from lgsp.http.spool import spooled
from lgsp.http.trace import NOTES, TRACE
from lgsp.log import get_logger

log = get_logger()

_P = ParamSpec("_P")
_T = TypeVar("_T")

_IN_LOOP_BYTES = 64 * 1024  # larger messages are read in a thread
_STRANGERS_BYTES = 64 * 1024
_SMALL_BYTES = 2**20
_LARGE_AT_ONCE = 4  # messages of more than _SMALL_BYTES in memory, with all that is made of them
_LARGE_OF_ONE = 4  # of one caller that are under way
_XML = "text/xml; charset=utf-8"

_VERSION = web.RequestKey("soap_version", Version)
_BLOCKS = web.RequestKey("soap_blocks", tuple)


class Soap:
    """`routes`: those of the hub itself. They are called as if by their addresses, so nothing is decided twice."""

    def __init__(self, services: Services, authenticator: Authenticator, routes: Sequence[Route]) -> None:
        self._authenticator = authenticator
        self._intake, self._signed = services.intake, services.signed
        self._limit_bytes = services.settings.max_packet_bytes
        operations = operations_of(routes)
        self._operations = {one.tag: one for one in operations}
        self._uploads = next(one for one in routes if one.name == "createUpload")
        self._wsdl = cache(lambda: write_wsdl(operations, services.settings.base_url))  # at the first request: 20 ms
        self._xsd = cache(lambda: write_xsd(operations))
        self._data_dir = services.settings.data_dir
        self._room, self._places = asyncio.Semaphore(_LARGE_AT_ONCE), asyncio.Semaphore(PLACES)
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._fetching: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._seen = Seen(services.clock)

    def routes(self) -> tuple[Route, ...]:
        """They are described by the WSDL and not by the OpenAPI document."""
        return (
            Route(method="POST", path=PATH, name="soap", tag="SOAP", summary="Every operation as SOAP", public=self.post),
            Route(method="GET", path=PATH, name="getWsdl", tag="SOAP", summary="WSDL, or the schema: ?xsd", public=self.get),
        )

    async def get(self, request: web.Request) -> web.Response:
        wanted = self._xsd if "xsd" in {one.lower() for one in request.query} else self._wsdl
        return web.Response(body=wanted(), headers={"Content-Type": _XML, "Cache-Control": "public, max-age=300"})

    async def post(self, request: web.Request) -> web.StreamResponse:
        twelve = Version.SOAP_12.media_type in request.headers.get("Content-Type", "")  # also as a parameter of multipart/related
        request[_VERSION] = Version.SOAP_12 if twelve else Version.SOAP_11  # until the message has said so
        async with AsyncExitStack() as held:
            try:
                room = AnswerRoom(self._places, lambda: self._places_of(request), self._limit_bytes, held)
                response = await self._with_room(request, room)
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever happens is said as a fault
                response = await self._refused(request, error)
            if response.content_length is not None and response.content_length > LARGE_BYTES:
                return await hand_over(request, response)
        return response

    def _places_of(self, request: web.Request) -> asyncio.Semaphore:
        return self._fetching.setdefault(request.get(CALLER, request.remote or ""), asyncio.Semaphore(PLACES_OF_ONE))

    async def _with_room(self, request: web.Request, room: AnswerRoom) -> web.Response:
        """Who calls is known before anything is read; strangers may ask for what is open to everybody."""
        caller = None
        if self._authenticator.is_named(request):
            caller = await self._authenticator.caller(request)
            request[CALLER] = caller.code
        limit = self._limit_bytes if caller is not None else _STRANGERS_BYTES
        if (request.content_length or limit) <= _SMALL_BYTES:
            return await self._answered(request, caller, await read_body(request, limit), room)
        turns = self._turns.setdefault(request.get(CALLER, ""), asyncio.Semaphore(_LARGE_OF_ONE))
        async with (
            patiently(turns, f"{_LARGE_OF_ONE} large messages of one caller are being read"),
            spooled(request, limit, self._data_dir) as body,
            patiently(self._room, f"{_LARGE_AT_ONCE} large messages are being worked on"),
        ):
            return await self._answered(request, caller, await body.octets(), room)

    async def _answered(self, request: web.Request, caller: Agency | None, octets: bytes, room: AnswerRoom) -> web.Response:
        message = await _aside(len(octets), read_message, request.headers.get("Content-Type", ""), octets)
        request[_VERSION] = message.version
        _check_understood(request, message)
        acted = ActedOn(message.body, message.related)
        if is_signed(message):
            if caller is None:
                raise ContractError("auth.missing", "Authorization")
            acted = await acted_on(message, caller, self._intake)
        element = only_child(acted.body)
        operation = self._operations.get(element.tag)
        if operation is None:
            raise ContractError("soap.operation_unknown", "/Envelope/Body", element.tag[:150])
        request[NOTES]["operation"] = operation.name
        if operation.route.agency is not None and caller is None:
            raise ContractError("auth.missing", "Authorization")
        reader = Reader(acted.related, verbatim(message, acted.body))
        read = await _aside(len(octets), reader.request, element, operation)
        with self._once(operation, acted):
            if read.files and caller is not None:
                read = await self._with_files(request, read, caller, room)
            answered = await call(operation.route, read.asked, request, caller, room)
        return await _aside(len(answered.body), _response, message, operation, answered, _wants_mtom(request, message))

    @contextmanager
    def _once(self, operation: Operation, acted: ActedOn) -> Iterator[None]:
        """A signed message changes something once; reading twice is harmless. What comes to nothing counts for nothing."""
        changes = acted.looked is not None and operation.route.method not in ("GET", "HEAD")
        if changes:
            self._seen.remember(acted.mark)
        token = BROUGHT_BY.set(acted.looked)
        try:
            yield
        except BaseException:
            if changes:
                self._seen.forget(acted.mark)
            raise
        finally:
            BROUGHT_BY.reset(token)

    async def _with_files(self, request: web.Request, read: Request, caller: Agency, room: AnswerRoom) -> Request:
        """The files are kept once all else about their envelope is known to be in order."""
        size_bytes = sum(len(one.content) for one in read.files)
        body = encode(await _aside(size_bytes, attached, read.envelope or {}, read.files))
        await self._intake.foresee(wire.parse(body), caller)
        for file in read.files:
            await call(self._uploads, upload(file), request, caller, room)
        return replace(read, asked=replace(read.asked, body=body))

    async def _refused(self, request: web.Request, error: Exception) -> web.Response:
        message_id = request.get(MESSAGE_ID)
        refusal = refusal_of(error, message_id)
        if refusal is None:
            log.error("error.unexpected", component="soap", path=request[NOTES].get("operation", ""), exc_info=error)
            refusal = unforeseen(message_id)
        request[NOTES]["code"] = refusal.code
        signed, caller = None, request.get(CALLER)
        if caller is not None:
            refusal, signed = await self._signed.refusal(refusal, caller, request.get(RECEIVED))
        response = _fault(request, refusal, signed)
        if isinstance(error, Unavailable):
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response


async def _aside(size_bytes: int, work: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """The work itself, in a thread where there is much of it."""
    if size_bytes <= _IN_LOOP_BYTES:
        return work(*arguments, **named)
    return await asyncio.to_thread(work, *arguments, **named)


def _check_understood(request: web.Request, message: Message) -> None:
    """Raises ContractError "soap.must_understand"."""
    unknown = tuple(str(one.tag) for one in not_understood(message, (SECURITY,) if is_signed(message) else ()))
    if unknown:
        request[_BLOCKS] = unknown
        raise ContractError("soap.must_understand", "/Envelope/Header", ", ".join(unknown)[:300])


def _wants_mtom(request: web.Request, message: Message) -> bool:
    """Who sends it, understands it."""
    return media_type_of(message.related.root_type) == XOP or XOP in accept_of(request)


def _response(message: Message, operation: Operation, answered: Answered, mtom: bool) -> web.Response:
    writer = Writer(mtom=mtom)
    octets = write_message(message.version, [writer.response(operation, answered)])
    inner = message.version.media_type
    if not writer.parts:
        return _plain(200, inner, octets)
    kind, whole = write_related(octets, f'{XOP}; charset=UTF-8; type="{inner}"', writer.parts, start_info=inner)
    return web.Response(body=whole, headers={"Content-Type": kind, "Cache-Control": "no-store"})


def _fault(request: web.Request, refusal: Refusal, signed: str | None) -> web.Response:
    version = request[_VERSION]
    problem = Writer(mtom=False).problem(problem_of(refusal, request[TRACE].trace_id, signed), PROBLEM)
    octets = write_fault(version, refusal, [problem], request.get(_BLOCKS, ()))
    return _plain(http_status(version, refusal), version.media_type, octets)


def _plain(status: int, media_type: str, octets: bytes) -> web.Response:
    headers = {
        hdrs.CONTENT_TYPE: f"{media_type}; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(status=status, body=octets, headers=headers)
