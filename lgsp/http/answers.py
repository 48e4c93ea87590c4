"""Answers: JSON by msgspec, and the headers that streams carry."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from lgsp.http.trace import TRACE

SERVER = "lgsp"  # in place of the names and versions of libraries

encode = msgspec.json.Encoder().encode
_JSON_HEADERS = {"Content-Type": "application/json"}


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`headers` are added to the content type."""
    return web.Response(body=encode(value), status=status, headers=_JSON_HEADERS if headers is None else _JSON_HEADERS | headers)


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Which of the media types a request's Accept (RFC 9110, 12.5.1) ranks highest; the first of those it ranks alike."""
    if not accept:
        return offered[0]
    weights = dict(_range(one) for one in accept.split(","))

    def weight(media_type: str) -> float:
        return next((weights[name] for name in (media_type, "application/*", "*/*") if name in weights), 0.0)

    return max(offered, key=weight)


def _range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    wish = next((one.removeprefix("q=") for one in parameters if one.startswith("q=")), "1")
    try:
        return name, float(wish)
    except ValueError:
        return name, 1.0


def accept_of(request: web.Request) -> str:
    """All Accept headers as one; "" without any."""
    given = request.headers.getall("Accept", None)
    return ",".join(given) if given else ""


def finish(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that every answer carries, before it begins."""
    response.headers["traceresponse"] = request[TRACE].traceparent
    response.headers["Server"] = SERVER


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
