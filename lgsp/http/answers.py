"""Answers: JSON by msgspec, and the headers that streams carry."""

import msgspec
from aiohttp import web

from lgsp.http.trace import TRACE

SERVER = "lgsp"  # in place of the names and versions of libraries

encode = msgspec.json.Encoder().encode
_JSON_HEADERS = {"Content-Type": "application/json"}


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`headers` are added to the content type."""
    return web.Response(body=encode(value), status=status, headers=_JSON_HEADERS if headers is None else _JSON_HEADERS | headers)


def streaming_headers(request: web.Request, media_type: str) -> dict[str, str]:
    """For answers that begin before they are complete."""
    return {"Content-Type": media_type, "traceresponse": request[TRACE].traceparent, "Server": SERVER}


def foreign_headers(media_type: str, name: str = "") -> dict[str, str]:
    """For octets that others wrote: a browser must neither guess their type nor show them as a page of the hub."""
    return {
        "Content-Type": media_type,
        "Content-Disposition": f'attachment; filename="{name}"' if name else "attachment",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
