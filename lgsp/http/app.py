"""The application: the route table, and one wrapper around every request that traces, translates errors, counts and logs."""

import time

from aiohttp import web

from contracts.receipt import Refusal
from lgsp.errors import Unavailable
from lgsp.http import problems
from lgsp.http.access_token import AccessTokens
from lgsp.http.answers import finish
from lgsp.http.attachments import Attachments
from lgsp.http.auth import CALLER, AgencyAuthenticator, Authenticator
from lgsp.http.balance import BalanceRoute
from lgsp.http.batch import Batches
from lgsp.http.cases import Cases
from lgsp.http.clients import Clients
from lgsp.http.contracts import Contracts
from lgsp.http.dead_letters import DeadLetters
from lgsp.http.directory import Agencies
from lgsp.http.envelopes import Envelopes
from lgsp.http.evidence import EvidenceRoutes
from lgsp.http.explain import Explain
from lgsp.http.facades import Facades
from lgsp.http.health import HealthRoutes
from lgsp.http.log import LogRoutes
from lgsp.http.mailbox import Mailboxes
from lgsp.http.openapi import openapi_route
from lgsp.http.overall import OverallStatuses
from lgsp.http.parcels import Parcels
from lgsp.http.postal import PostalRoute
from lgsp.http.reading import RECEIVED
from lgsp.http.recall import RecallRoute
from lgsp.http.replays import Replays
from lgsp.http.request_metrics import observe
from lgsp.http.routes import XML, AgencyHandler, Handler, Route
from lgsp.http.services import Services
from lgsp.http.signatures import SignatureReports
from lgsp.http.signed import Signed
from lgsp.http.soap.endpoint import Soap
from lgsp.http.status import Statuses
from lgsp.http.token import TokenEndpoint
from lgsp.http.trace import NOTES, TRACE, trace_of
from lgsp.http.uploads import Uploads
from lgsp.log import get_logger, trace_id

log = get_logger()

SIGNED = web.AppKey("signed", Signed)
ROUTES = web.AppKey("routes", tuple[Route, ...])

_CLIENT_GONE = 499  # nginx's number for the log; nobody is there to read it


def make_app(services: Services) -> web.Application:
    """Everything the hub answers over HTTP. Serve it by `lgsp.http.server.make_runner`, which carries the limits on heads."""
    tokens = AccessTokens(services.token_key, services.settings.hub_code, services.settings.token_life_s, services.clock)
    authenticator = AgencyAuthenticator(tokens, services.directory_store, services.directory, services.clock)
    clients = Clients(services.directory_store, services.token_key, services.clock)
    mailboxes = Mailboxes(services)
    routes = _routes(services, TokenEndpoint(services, tokens, clients), mailboxes)
    settings = services.settings
    routes = (*routes, openapi_route(routes, settings.hub_name, settings.base_url))
    others = (*Soap(services, authenticator, routes).routes(), *Facades(services, authenticator, clients).routes())
    app = _application((*routes, *others), authenticator)
    app[SIGNED] = services.signed
    app.on_shutdown.append(mailboxes.close)
    return app


def make_health_app(services: Services) -> web.Application:
    """What a process without callers shows: health, readiness and metrics."""
    return _application(HealthRoutes(services).routes(), None)


def _application(routes: tuple[Route, ...], authenticator: Authenticator | None) -> web.Application:
    app = web.Application(middlewares=[handled])
    app[ROUTES] = routes
    for route in routes:
        app.router.add_route(route.method, route.path, _endpoint(route, authenticator), name=route.name)
    return app


def _routes(services: Services, token: TokenEndpoint, mailboxes: Mailboxes) -> tuple[Route, ...]:
    return (
        *token.routes(),
        *Envelopes(services).routes(),
        *Batches(services).routes(),
        *Statuses(services).routes(),
        *OverallStatuses(services).routes(),
        *SignatureReports(services).routes(),
        *EvidenceRoutes(services).routes(),
        *RecallRoute(services).routes(),
        *mailboxes.routes(),
        *Uploads(services).routes(),
        *Attachments(services).routes(),
        *Cases(services).routes(),
        *DeadLetters(services).routes(),
        *Replays(services).routes(),
        *PostalRoute(services).routes(),
        *Parcels(services).routes(),
        *BalanceRoute(services).routes(),
        *Agencies(services).routes(),
        *Contracts(services).routes(),
        *Explain(services).routes(),
        *LogRoutes(services).routes(),
        *HealthRoutes(services).routes(),
    )


def _endpoint(route: Route, authenticator: Authenticator | None) -> Handler:
    """The handler for the router; made once, so a request pays for one call."""
    if route.public is not None:
        return route.public
    assert route.agency is not None and authenticator is not None
    return _authenticated(route.agency, authenticator)


def _authenticated(handler: AgencyHandler, authenticator: Authenticator) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        caller = await authenticator.caller(request)
        request[CALLER] = caller.code
        return await handler(request, caller)

    return handle


@web.middleware
async def handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nothing leaves without a trace id and a line in the log; every refusal leaves as a problem document."""
    started = time.perf_counter()
    trace = request[TRACE] = trace_of(request.headers)
    trace_id.set(trace.trace_id)
    request[NOTES] = {}
    code = ""
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001 - the one place that must answer whatever happens; bugs are logged there
        response, code = await _answer_to(error, request, trace.trace_id)
    if not response.prepared:
        finish(request, response)
    _report(request, response.status, code, time.perf_counter() - started, response.content_length)
    return response


async def _answer_to(error: Exception, request: web.Request, trace: str) -> tuple[web.StreamResponse, str]:
    """The problem document and its code, signed for a caller that is known. A bug is logged, and answered without details."""
    if isinstance(error, ConnectionError):
        return _hung_up(request), ""
    message_id = request.get(problems.MESSAGE_ID)
    refusal = problems.refusal_of(error, message_id)
    if refusal is None:
        log.error("error.unexpected", component="http", method=request.method, path=route_template(request), exc_info=error)
        refusal = problems.unforeseen(message_id)
    if request.writer.output_size > 0:  # an answer was under way: a second one would be read as part of it
        return _hung_up(request), refusal.code
    response = await _refused(refusal, request, trace)
    response.headers.update(request.get(problems.ANSWER_HEADERS, {}))
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response, refusal.code


async def _refused(refusal: Refusal, request: web.Request, trace: str) -> web.Response:
    """Nothing is signed for strangers: they were promised nothing."""
    caller, signed, received = request.get(CALLER), request.app.get(SIGNED), request.get(RECEIVED)
    if caller is None or signed is None:
        return problems.problem_response(refusal, trace)
    document = await signed.refusal_in_xml(refusal, request, caller, received)
    if document is not None:
        response = problems.problem_response(refusal, trace)
        response.body, response.headers["Content-Type"] = document, XML
        return response
    return problems.problem_response(refusal, trace, (await signed.refusal(refusal, caller, received))[1])


def _hung_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=_CLIENT_GONE, reason="Client Closed Request")


def route_template(request: web.Request) -> str:
    """The path with its variables unfilled; "" where no route matched, so that labels stay few."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _report(request: web.Request, status: int, code: str, took_s: float, response_bytes: int | None) -> None:
    path = route_template(request)
    observe(request.method, path, status, took_s)
    notes = request[NOTES]
    if CALLER in request:
        notes["agency"] = request[CALLER]
    if code:
        notes["code"] = code
    log.info(
        "request.handled",
        method=request.method,
        path=path,
        status=status,
        took_ms=round(took_s * 1000, 2),
        request_bytes=request.content_length or 0,
        response_bytes=response_bytes or 0,
        **notes,
    )
