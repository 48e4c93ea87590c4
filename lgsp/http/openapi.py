"""/openapi.json: OpenAPI 3.1, made from the route table and the types that read and write the messages."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from aiohttp import web

from contracts.problems import CATALOGUE
from lgsp import __version__
from lgsp.http.problems import Problem
from lgsp.http.routes import JSON, XML, Answer, Body, Lines, Route
from lgsp.http.signed import PROBLEM_TYPE

PATH = "/openapi.json"

_COMMON = ("hub.overloaded", "hub.stopping", "hub.maintenance", "hub.storage_unavailable")
_FOR_AGENCIES = ("auth.missing", "auth.invalid", "auth.agency_closed")
_VARIABLE = re.compile(r"{(\w+)}")
_PATTERN = re.compile(r":[^{}/]+(?=})")  # what a variable looks like: aiohttp's, not OpenAPI's
_BINARY: dict[str, Any] = {}  # OpenAPI 3.1: octets are described by their media type alone

Schema = dict[str, Any]
SchemaOf = Callable[[Any], Schema]


def openapi_route(routes: tuple[Route, ...], title: str, url: str) -> Route:
    """The route that serves the document about `routes` and itself. Made once: the table does not change while we run."""
    octets = b""

    async def get(request: web.Request) -> web.Response:
        return web.Response(body=octets, headers={"Content-Type": JSON, "Cache-Control": "public, max-age=300"})

    own = Route(
        method="GET",
        path=PATH,
        name="getOpenApi",
        tag="Contracts",
        summary="This document",
        public=get,
        answers={200: Answer(description="OpenAPI 3.1", media={JSON: dict[str, Any]})},
    )
    octets = msgspec.json.encode(document((*routes, own), title, url))
    return own


def document(routes: Iterable[Route], title: str, url: str) -> dict[str, Any]:
    routes = tuple(routes)
    types = _unique([Problem, *(kind for route in routes for kind in _types(route))])
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    described = {_name(kind): schema for kind, schema in zip(types, schemas, strict=True)}

    def schema_of(kind: Any) -> Schema:
        if isinstance(kind, Lines):
            described_line = described[_name(kind.of)]
            return {
                "type": "string",
                "description": "one such document a line",
                "contentMediaType": JSON,
                "contentSchema": described_line,
            }
        return _BINARY if kind is None else described[_name(kind)]

    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_PATTERN.sub("", route.path), {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": __version__,
            "description": "Every refusal is a problem document (RFC 9457) in Vietnamese and English with a stable code. "
            "The same by SOAP: /soap?wsdl. Addresses of a bus or the post have a document each: /bus/vxp/openapi.json.",
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": f"{url}/oauth/token", "scopes": {}}}},
                "certificate": {"type": "mutualTLS", "description": "a client certificate registered for the agency"},
            },
        },
    }


def _unique(kinds: Iterable[Any]) -> list[Any]:
    plain = (kind.of if isinstance(kind, Lines) else kind for kind in kinds if kind is not None)
    return list({_name(kind): kind for kind in plain}.values())


def _name(kind: Any) -> str:
    return repr(kind)


def _types(route: Route) -> Iterator[Any]:
    yield from (query.schema for query in route.query)
    yield from (header.schema for header in route.headers)
    if route.body is not None:
        yield from route.body.media.values()
    for answer in route.answers.values():
        yield from answer.media.values()


def _operation(route: Route, schema_of: SchemaOf) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "security": [] if route.public is not None else [{"token": []}, {"certificate": []}],
        "responses": _responses(route, schema_of),
    }
    if route.description:
        operation["description"] = route.description
    if parameters := list(_parameters(route, schema_of)):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = _request_body(route.body, schema_of)
    return operation


def _parameters(route: Route, schema_of: SchemaOf) -> Iterator[dict[str, Any]]:
    for name in _VARIABLE.findall(_PATTERN.sub("", route.path)):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": route.paths[name],
            "schema": {"type": "string", "minLength": 1},
        }
    for query in route.query:
        schema = schema_of(query.schema) | ({} if query.default is None else {"default": query.default})
        yield {"name": query.name, "in": "query", "description": query.description, "schema": schema}
    for header in route.headers:
        if header.name not in ("Authorization", "Content-Type", "Accept"):  # OpenAPI 3.1, 4.8.12.1: such parameters are ignored
            yield {
                "name": header.name,
                "in": "header",
                "required": header.required,
                "description": header.description,
                "schema": schema_of(header.schema),
            }


def _request_body(body: Body, schema_of: SchemaOf) -> dict[str, Any]:
    return {
        "required": body.required,
        "description": body.description,
        "content": {media: {"schema": schema_of(kind)} for media, kind in body.media.items()},
    }


def _responses(route: Route, schema_of: SchemaOf) -> dict[str, Any]:
    responses = {str(status): _response(answer, schema_of) for status, answer in route.answers.items()}
    for status, codes in _by_status(route).items():
        refused = _refused(codes, schema_of)
        known = responses.get(str(status))
        if known is None:
            responses[str(status)] = refused
        else:  # a status that the route also answers in its own words, e.g. 503 of /readyz
            known["content"] = {**known.get("content", {}), **refused["content"]}
    responses["default"] = {"description": "A refusal", "content": _refusal(schema_of)}
    return responses


def _by_status(route: Route) -> Mapping[int, list[str]]:
    codes = (*route.refusals, *(_FOR_AGENCIES if route.agency is not None else ()), *_COMMON)
    found: dict[int, list[str]] = {}
    for code in codes:
        found.setdefault(CATALOGUE[code].status, []).append(code)
    return found


def _response(answer: Answer, schema_of: SchemaOf) -> dict[str, Any]:
    response: dict[str, Any] = {"description": answer.description}
    if answer.media:
        response["content"] = {media: {"schema": schema_of(kind)} for media, kind in answer.media.items()}
    if answer.headers:
        response["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in answer.headers.items()
        }
    return response


def _refusal(schema_of: SchemaOf) -> dict[str, Any]:
    """XML, signed: to a caller that is known and asks for it, where the hub has a certificate."""
    return {PROBLEM_TYPE: {"schema": schema_of(Problem)}, XML: {"schema": _BINARY}}


def _refused(codes: list[str], schema_of: SchemaOf) -> dict[str, Any]:
    lines = [f"`{code}`: {CATALOGUE[code].title_en} / {CATALOGUE[code].title_vi}" for code in codes]
    refused: dict[str, Any] = {"description": "\n\n".join(lines), "content": _refusal(schema_of)}
    if any(CATALOGUE[code].status in (429, 503) for code in codes):
        refused["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "string"}}}
    return refused
