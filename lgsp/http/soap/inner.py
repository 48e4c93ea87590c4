"""A request inside a request: the handler of a route is called as if the caller had come by its address."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import StreamReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from lgsp.core.directory import Agency
from lgsp.http.problems import MESSAGE_ID
from lgsp.http.routes import Route
from lgsp.http.soap.answer_room import AnswerRoom
from lgsp.http.trace import NOTES, TRACE


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a route. `path`: values of its variables; `query`: texts as they would stand in the query string."""

    path: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: Mapping[str, str]  # finds names in any case
    body: bytes


class _Request(web.Request):
    """`match_info` is given, since no router was asked."""

    path_values: Mapping[str, str] = {}

    @property
    def match_info(self) -> Any:
        return self.path_values


class _Collected(AbstractStreamWriter):
    """Keeps what a handler streams, as far as there is room."""

    def __init__(self, room: AnswerRoom) -> None:
        self._room, self._total_bytes, self.pieces = room, 0, list[bytes]()

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        self._total_bytes += len(chunk)
        await self._room.take(self._total_bytes)
        self.pieces.append(bytes(chunk))

    async def write_eof(self, chunk: bytes = b"") -> None:
        if chunk:
            await self.write(chunk)

    async def drain(self) -> None: ...

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None: ...

    def enable_chunking(self) -> None: ...

    async def write_headers(self, status_line: str, headers: "CIMultiDict[str]") -> None: ...


async def call(route: Route, asked: Asked, outer: web.Request, caller: Agency | None, room: AnswerRoom) -> Answered:
    """`room`: for the answer. `caller`: who is known to call; a route for agencies needs one.

    Raises what the handler raises, and what `room` does.
    """
    collected = _Collected(room)
    request = _request(route, asked, outer, collected)
    try:
        if route.public is not None:
            response = await route.public(request)
        else:
            assert route.agency is not None and caller is not None
            response = await route.agency(request, caller)
    finally:
        if MESSAGE_ID in request:
            outer[MESSAGE_ID] = request[MESSAGE_ID]
    body = response.body if isinstance(response, web.Response) else b"".join(collected.pieces)
    assert body is None or isinstance(body, bytes | bytearray)
    await room.take(len(body or b""))
    return Answered(status=response.status, headers=response.headers, body=bytes(body or b""))


def _request(route: Route, asked: Asked, outer: web.Request, writer: AbstractStreamWriter) -> _Request:
    loop = asyncio.get_running_loop()
    headers = CIMultiDictProxy(CIMultiDict({hdrs.HOST: outer.host, hdrs.CONTENT_LENGTH: str(len(asked.body)), **asked.headers}))
    path = URL.build(path=_path(route, asked.path), query_string="", encoded=True).with_query(asked.query)
    message = RawRequestMessage(
        route.method, str(path), HttpVersion11, headers, tuple((k.encode(), v.encode()) for k, v in headers.items()),
        False, None, False, False, path,
    )  # fmt: skip
    payload = StreamReader(BaseProtocol(loop), len(asked.body) + 1, loop=loop)  # nothing to hold back: it has all come
    payload.feed_data(asked.body)
    payload.feed_eof()
    request = _Request(message, payload, outer.protocol, writer, outer.task, loop)
    request.path_values = asked.path
    request[TRACE], request[NOTES] = outer[TRACE], outer[NOTES]
    return request


def _path(route: Route, values: Mapping[str, str]) -> str:
    """For logs and messages only: the handler reads the variables as they are."""
    return route.path.split("{")[0] + "/".join(quote(one, safe="") for one in values.values())
