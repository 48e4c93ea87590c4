"""How partners misbehave. Each takes the delivery, and the hub learns of it late, badly or never; `failing` takes nothing."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from hashlib import blake2b

from aiohttp import web

Manner = Callable[[web.Request, Callable[[], None]], Awaitable[web.StreamResponse]]

_SLOW_S = 1.5
_HOLDS_ON_S = 30.0  # at most, to a connection that the hub does not close
_LOOK_S = 0.05


def is_unwanted(message_id: str) -> bool:
    """One message in nine, the same for whoever asks: every copy of it gets the same answer."""
    return blake2b(message_id.encode(), digest_size=1).digest()[0] % 9 == 0


async def _slow(_: web.Request, take: Callable[[], None]) -> web.StreamResponse:
    take()
    await asyncio.sleep(_SLOW_S)
    return web.Response(status=204)


async def _hanging(request: web.Request, take: Callable[[], None]) -> web.StreamResponse:
    """Says nothing until the hub gives up."""
    take()
    await _until_hung_up(_transport(request))
    return web.Response()


async def _resetting(request: web.Request, take: Callable[[], None]) -> web.StreamResponse:
    """A TCP reset in place of an answer."""
    take()
    transport = _transport(request)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return await _aborted(transport)


async def _garbling(request: web.Request, take: Callable[[], None]) -> web.StreamResponse:
    """Octets that are no HTTP."""
    take()
    return await _closed(_transport(request), b"\x16\x03\x01 kh\xc3\xb4ng ph\xe1\xba\xa3i HTTP\r\n\r\n\x00\xff")


async def _cutting(request: web.Request, take: Callable[[], None]) -> web.StreamResponse:
    """Closes in the middle of the status line."""
    take()
    return await _closed(_transport(request), b"HTTP/1.1 20")


async def _half_closing(request: web.Request, take: Callable[[], None]) -> web.StreamResponse:
    """Half a body, then the end of its direction, and it keeps the connection."""
    take()
    transport = _transport(request)
    transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    transport.write_eof()
    await _until_hung_up(transport)
    return await _aborted(transport)


async def _deaf(request: web.Request, take: Callable[[], None]) -> web.StreamResponse:
    """Closes the direction it has read, and answers after that."""
    take()
    transport = _transport(request)
    transport.pause_reading()
    transport.get_extra_info("socket").shutdown(socket.SHUT_RD)
    await asyncio.sleep(_LOOK_S)
    return await _closed(transport, b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


async def _failing(_: web.Request, __: Callable[[], None]) -> web.StreamResponse:
    return web.Response(status=500, text="<html>Lỗi hệ thống", content_type="text/html")


MANNERS: dict[str, Manner] = {
    "slow": _slow,
    "hanging": _hanging,
    "resetting": _resetting,
    "garbling": _garbling,
    "cutting": _cutting,
    "half-closing": _half_closing,
    "deaf": _deaf,
    "failing": _failing,
}


def _transport(request: web.Request) -> asyncio.Transport:
    """Raises ConnectionResetError when the hub has hung up."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    assert isinstance(transport, asyncio.Transport)
    return transport


async def _closed(transport: asyncio.Transport, octets: bytes) -> web.StreamResponse:
    transport.write(octets)
    transport.close()
    await asyncio.sleep(_LOOK_S)
    return _lost()


async def _aborted(transport: asyncio.Transport) -> web.StreamResponse:
    transport.abort()
    await asyncio.sleep(_LOOK_S)
    return _lost()


async def _until_hung_up(transport: asyncio.Transport) -> None:
    for _ in range(round(_HOLDS_ON_S / _LOOK_S)):
        if transport.is_closing():
            return
        await asyncio.sleep(_LOOK_S)


def _lost() -> web.StreamResponse:
    """Nobody reads it: the connection is gone."""
    return web.Response(status=204)
