"""Facades on the wire: foreign systems call the hub as the bus they know. Here are limits, credentials, desk and refusals; what
their messages mean stands in `adapters`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never
from weakref import WeakValueDictionary

from aiohttp import web

from contracts.errors import ContractError
from contracts.facade import Answer, Bearer, Call, Certificate, Credentials, Facade, Keyed, Operation, Secret
from lgsp.core.directory import Agency
from lgsp.errors import SettingsError, Unavailable
from lgsp.http.auth import CALLER, AgencyAuthenticator
from lgsp.http.clients import Clients
from lgsp.http.facade_openapi import facade_document
from lgsp.http.handing_over import hand_over
from lgsp.http.parties import is_operator
from lgsp.http.problems import refusal_of, unforeseen
from lgsp.http.reading import RECEIVED, read_body
from lgsp.http.room import patiently
from lgsp.http.routes import JSON, Route
from lgsp.http.services import Services
from lgsp.http.spool import spooled
from lgsp.http.trace import NOTES
from lgsp.log import get_logger

log = get_logger()

_IN_LOOP_BYTES = 8 * 1024
_SMALL_BYTES = 2**20
_LARGE_AT_ONCE = 4  # bodies of more than _SMALL_BYTES in memory, with all that is made of them
_LARGE_OF_ONE = 4  # of one caller that are under way
_LARGE_OF_ADDRESS = 16  # the same of callers who are known by their bodies only: behind one address may stand many
_LARGE_ANSWER_BYTES, _LARGE_ANSWERS, _LARGE_ANSWERS_OF_ONE = 4 * 2**20, 16, 4


class Facades:
    """Those that the settings name are mounted. Raises SettingsError for a name that none has."""

    def __init__(self, services: Services, authenticator: AgencyAuthenticator, clients: Clients) -> None:
        self._services = services
        self._authenticator = authenticator
        self._clients = clients
        self._desks = services.desks
        self._room = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._writing = asyncio.Semaphore(_LARGE_ANSWERS)
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._fetching: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._facades = _chosen(services)

    def routes(self) -> tuple[Route, ...]:
        """They stand in a document of their own, /openapi.json below the facade's prefix, and not in that of the hub."""
        return tuple(route for facade in self._facades for route in self._routes_of(facade))

    def _routes_of(self, facade: Facade) -> list[Route]:
        routes = [
            Route(
                method=operation.method,
                path=f"{facade.prefix}{operation.path}",
                name=f"{facade.name}.{operation.name}",
                tag=facade.name,
                summary=operation.summary,
                public=self._handler(facade, operation),
            )
            for operation in facade.operations
        ]
        octets = facade_document(facade, self._services.settings.base_url)

        async def document(request: web.Request) -> web.StreamResponse:
            return web.Response(body=octets, headers={"Content-Type": JSON, "Cache-Control": "public, max-age=300"})

        return [
            *routes,
            Route(
                method="GET",
                path=f"{facade.prefix}/openapi.json",
                name=f"{facade.name}.openapi",
                tag=facade.name,
                summary="OpenAPI document of this facade",
                public=document,
            ),
        ]

    def _handler(self, facade: Facade, operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            head = _call(request, operation, b"")
            try:
                return await self._written(request, _response(await self._answered(facade, operation, request, head)))
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever happens is said in the protocol of the caller
                return await self._refused(facade, head, request, error)

        return handle

    async def _answered(self, facade: Facade, operation: Operation, request: web.Request, head: Call) -> Answer:
        """Strangers are turned away before their bodies are read, where the protocol allows it."""
        caller = None
        if not operation.credentials_in_body:
            caller = await self._caller(request, facade.credentials(head))
        limit = self._services.settings.max_packet_bytes if operation.may_be_large else _SMALL_BYTES
        if (request.content_length or limit) <= _SMALL_BYTES:
            return await self._acted(facade, operation, request, caller, await read_body(request, limit))
        most = _LARGE_OF_ADDRESS if caller is None else _LARGE_OF_ONE
        turns = self._turns.setdefault(request.get(CALLER, request.remote or ""), asyncio.Semaphore(most))
        async with (
            patiently(turns, f"{most} large packets of one caller are being read"),
            spooled(request, limit, self._services.settings.data_dir) as body,
            patiently(self._room, f"{_LARGE_AT_ONCE} large packets are being worked on"),
        ):
            return await self._acted(facade, operation, request, caller, await body.octets())

    async def _acted(
        self, facade: Facade, operation: Operation, request: web.Request, caller: Agency | None, octets: bytes
    ) -> Answer:
        call = _call(request, operation, octets)
        if caller is None:
            aside = len(octets) > _IN_LOOP_BYTES  # a stranger's body, which may be made to take long
            credentials = await asyncio.to_thread(facade.credentials, call) if aside else facade.credentials(call)
            caller = await self._caller(request, credentials)
        desk = self._desks.of(caller)
        try:
            return await facade.answer(call, desk)
        finally:
            request[NOTES].update(desk.noted)

    async def _written(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Large answers wait in memory for slow callers: only so many at once, and of one caller a few of them."""
        if not isinstance(response.body, bytes) or len(response.body) <= _LARGE_ANSWER_BYTES:
            return response
        turn = self._fetching.setdefault(request.get(CALLER, request.remote or ""), asyncio.Semaphore(_LARGE_ANSWERS_OF_ONE))
        async with (
            patiently(turn, f"{_LARGE_ANSWERS_OF_ONE} large packets are being fetched by one caller"),
            patiently(self._writing, f"{_LARGE_ANSWERS} large packets are being fetched"),
        ):
            return await hand_over(request, response)

    async def _caller(self, request: web.Request, credentials: Credentials) -> Agency:
        """Raises ContractError "auth.*" or Unavailable."""
        caller = await self._authenticator.agency(request, await self._code(request, credentials))
        if is_operator(caller):
            raise ContractError("auth.invalid", "", "the hub's own people do not call here")
        request[CALLER] = caller.code
        return caller

    async def _code(self, request: web.Request, credentials: Credentials) -> str | None:
        address = request.remote or ""
        match credentials:
            case Bearer(token):
                return self._authenticator.agency_of(token)
            case Secret(client_id, secret):
                found = await self._clients.by_secret_again(client_id, secret, address)
            case Keyed(client_id, message, mac):
                found = await self._clients.by_mac(client_id, message, mac, address)
            case Certificate():
                return None
            case _:
                assert_never(credentials)
        if found is None:
            raise ContractError("auth.invalid", "", "unknown client, wrong secret, or disabled")
        return found.agency

    async def _refused(self, facade: Facade, head: Call, request: web.Request, error: Exception) -> web.Response:
        refusal = refusal_of(error)
        if refusal is None:
            log.error("error.unexpected", component=f"facade {facade.name}", path=head.operation, exc_info=error)
            refusal = unforeseen()
        request[NOTES]["code"] = refusal.code
        signed, caller = None, request.get(CALLER)
        if caller is not None:
            refusal, signed = await self._services.signed.refusal(refusal, caller, request.get(RECEIVED))
        response = _response(facade.refuse(head, refusal, signed))
        if isinstance(error, Unavailable):
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response


def _chosen(services: Services) -> Sequence[Facade]:
    names, known = services.settings.facades, services.facades
    unknown = set(names) - known.keys() - {"*"}
    if unknown:
        there_are = ", ".join(known) or "none"
        raise SettingsError([f"facades: there is no {', '.join(sorted(unknown))}; there are {there_are}"])
    return [make() for name, make in known.items() if "*" in names or name in names]


def _call(request: web.Request, operation: Operation, body: bytes) -> Call:
    return Call(operation=operation.name, path=request.match_info, query=request.query, headers=request.headers, body=body)


def _response(answer: Answer) -> web.Response:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", **answer.headers}
    return web.Response(status=answer.status, body=answer.body, headers=headers)
