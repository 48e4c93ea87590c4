"""The OpenAPI document of one facade: what existing clients of the protocol send, and what they get."""

import re
from types import UnionType
from typing import Any, get_args

import msgspec

from contracts.facade import Facade, Operation, Parameter

_VARIABLE = re.compile(r"{(\w+)}")


def facade_document(facade: Facade, base_url: str) -> bytes:
    """OpenAPI 3.1 as JSON."""
    kinds = [kind for operation in facade.operations for kind in _kinds(operation) if kind is not None]
    unique = list({repr(kind): kind for kind in kinds}.values())
    schemas, components = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    described = {repr(kind): schema for kind, schema in zip(unique, schemas, strict=True)}
    for union in (kind for operation in facade.operations for kind in _answers(operation) if isinstance(kind, UnionType)):
        described[repr(union)] = {"anyOf": [described[repr(kind)] for kind in get_args(union)]}
    paths: dict[str, dict[str, Any]] = {}
    for operation in facade.operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, described)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": facade.name, "version": "1", "description": (type(facade).__doc__ or "").strip()},
            "servers": [{"url": f"{base_url}{facade.prefix}"}],
            "paths": paths,
            "components": {"schemas": components},
        }
    )


def _kinds(operation: Operation) -> list[Any]:
    """Where an answer may be one of several, each of them: msgspec describes no union of structs."""
    answers = [one for kind in _answers(operation) for one in (get_args(kind) if isinstance(kind, UnionType) else (kind,))]
    return [*(one.schema for one in (*operation.headers, *operation.query)), *operation.body.values(), *answers]


def _answers(operation: Operation) -> list[Any]:
    return [kind for media in operation.answers.values() for kind in media.values()]


def _operation(operation: Operation, described: dict[str, Any]) -> dict[str, Any]:
    def content(media: Any) -> dict[str, Any]:
        return {name: {"schema": {} if kind is None else described[repr(kind)]} for name, kind in media.items()}

    def parameter(one: Parameter, place: str) -> dict[str, Any]:
        return {
            "name": one.name,
            "in": place,
            "required": one.required,
            "description": one.description,
            "schema": described[repr(one.schema)],
        }

    variables = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _VARIABLE.findall(operation.path)
    ]
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [
            *variables,
            *(parameter(one, "query") for one in operation.query),
            *(parameter(one, "header") for one in operation.headers),
        ],
        "responses": {
            str(status): {"description": operation.summary, "content": content(media)}
            for status, media in operation.answers.items()
        }
        or {"default": {"description": operation.summary}},
    }
    if operation.body:
        told["requestBody"] = {"required": True, "content": content(operation.body)}
    return told
